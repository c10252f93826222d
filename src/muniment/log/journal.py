"""A log on disk: entry bundles, tiles and checkpoints, each file created once; how a leaf is appended and committed.

Every file of a log is derived from its leaves, except the signatures. Nothing is remembered in memory: each append
looks at the disk, so a crash, another process or a StoreError in the middle leaves nothing to forget.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from muniment import durable, layout
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, LogForked, StoreError, TrustError
from muniment.log import note, tree
from muniment.log.leaf import Leaf, bundle, unbundle
from muniment.seal.signing import Signer

__all__ = ["ENTRIES", "WIDTH", "Appended", "Journal", "Pending", "Steady", "covering", "subtree_root", "widths"]

ENTRIES: Final = "entries"
WIDTH: Final = 256
"""Leaves in an entry bundle, hashes in a full tile (C2SP tlog-tiles, "Merkle Tree")."""

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
_LEVELS: Final = 8
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Appended:
    """A committed leaf: its index from 0, and the checkpoint (its size and its bytes) that committed to it first."""

    index: int
    size: int
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class Pending:
    """What a crash left half done, in words, and the leaf that the next append will finish; None where none is."""

    detail: str
    leaf: Leaf | None


def widths(size: int) -> tuple[int, ...]:
    """Return the number of hashes at each level (from 0) of the tiles of a tree of *size* leaves."""
    return tuple(size >> 8 * level for level in range(_LEVELS) if size >> 8 * level)


def covering(level: int | str, index: int, size: int) -> PurePosixPath:
    """Return the path below the log's folder of the tile that holds hash *index* of *level* at *size* leaves.

    For the entry bundles (level ``"entries"``) as for the tiles: the full one where the tree fills it.
    """
    count = size >> 8 * (0 if isinstance(level, str) else level)
    number = index // WIDTH
    return layout.tile(level, number, min(WIDTH, count - number * WIDTH))


class Journal:
    """The log *origin* in the archive at *root*."""

    def __init__(self, root: Path, origin: str) -> None:
        self.origin = origin
        self.folder = root / layout.log(origin)
        self._checkpoints = root / layout.checkpoint_at(origin, 1).parent
        self._newest = root / layout.checkpoint(origin)

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes at which the log was committed, ascending; other names in the folder are left to audit."""
        try:
            names = [path.name for path in self._checkpoints.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as failure:
            raise StoreError(self._checkpoints, f"could not list the folder: {failure.strerror}") from failure
        return tuple(sorted(int(name) for name in names if _NUMBER.fullmatch(name)))

    def checkpoint_at(self, size: int) -> bytes:
        """Return the bytes of ``checkpoints/<size>``, not verified; StoreError where there is none."""
        return self.read(PurePosixPath("checkpoints", str(size)))

    def newest(self) -> bytes:
        """Return the bytes of the newest ``checkpoints/<size>``, not verified; FormatError for an empty log."""
        sizes = self.sizes()
        if not sizes:
            raise FormatError(self.folder, expected="a log with at least one leaf", found="an empty one")
        return self.checkpoint_at(sizes[-1])

    def entries(self) -> Iterator[bytes]:
        """Yield the committed leaves in order, as they lie in the entry bundles; what they hash to is not checked.

        Raises StoreError for a missing bundle, FormatError for a malformed one.
        """
        size = max(self.sizes(), default=0)
        for begin in range(0, size, WIDTH):
            path = covering(ENTRIES, begin, size)
            leaves = unbundle(self.read(path), self.folder / path)
            _refuse_count(self.folder / path, min(WIDTH, size - begin), len(leaves))
            yield from leaves

    def find(self, leaf: bytes) -> int | None:
        """Return the index of the first committed *leaf*, None where it was never logged; reads every bundle."""
        return next((index for index, each in enumerate(self.entries()) if each == leaf), None)

    def pending(self) -> Pending | None:
        """Say what a crash left half done, None where nothing is; reads only. The next append finishes it."""
        size = max(self.sizes(), default=0)
        content = self._half_done(size)
        if content is not None:
            detail = f"an append of leaf {size} was cut short; the next append finishes it"
            return Pending(detail, Leaf.decode(content, self.folder / covering(ENTRIES, size, size + 1)))
        if size and self._behind(size):
            return Pending(f"the file checkpoint was not yet brought to size {size}; the next append does", None)
        return None

    def nodes(self, size: int) -> tree.Nodes:
        """Return the complete subtrees of the log at *size* leaves, read from its tiles; for proofs.

        Calling it raises StoreError for a missing tile, FormatError for one of a wrong length. Hashes are taken as
        they stand: a proof made of them is verified against a root before it is believed.
        """
        held: dict[PurePosixPath, bytes] = {}

        def node(level: int, index: int) -> bytes:
            tile_level, height = divmod(level, 8)
            first = index << height
            path = covering(tile_level, first, size)
            if path not in held:
                held[path] = self._tile(path)
            begin = first % WIDTH * tree.HASH_SIZE
            return subtree_root(held[path][begin : begin + (tree.HASH_SIZE << height)])

        return node

    def read(self, path: PurePosixPath) -> bytes:
        """Return the file *path* below the log's folder, cut at 1 MiB, which none reaches; StoreError if it fails."""
        with durable.opened(self.folder / path) as stream:
            return stream.read(_LARGEST)

    def append(self, leaf: bytes, signer: Signer, remembered: Path) -> Appended:
        """Append *leaf* and return when it is committed; the caller holds the archive's lock.

        *signer* is the log's key. *remembered* is the file outside the archive that keeps the newest checkpoint
        seen there; it is moved forward after each commit. A leaf equal to the newest one is not appended again: its
        commit is returned, so that what a crash interrupted can simply be asked for again.

        Raises LogForked when the log does not extend what *remembered* saw of it, IntegrityError when its files
        contradict each other, TrustError when another key signed it, StoreError when the disk refuses; in all of
        these nothing new was signed, except that after the commit point the next append carries on.
        """
        Leaf.decode(leaf, "leaf to be logged")
        size = self._recovered(signer, remembered)
        if size and self._last(size) == leaf:
            return Appended(size - 1, size, self.checkpoint_at(size))
        # 1. Entries, then tiles: written and synced.  A crash from the first of them on leaves a half-done append,
        #    which the next append finishes with exactly this leaf and no other.
        root = self._grow(size, leaf)
        # 2.-4. in _commit: the commit point, then what is only carried forward.
        return self._commit(note.Checkpoint(self.origin, size + 1, root), signer, remembered)

    def mend(self, signer: Signer, remembered: Path) -> None:
        """Finish what a crash left of an append and make durable what it left visible; *signer* and so on as above."""
        self._recovered(signer, remembered)
        durable.sync(self.folder)

    def _commit(self, checkpoint: note.Checkpoint, signer: Signer, remembered: Path) -> Appended:
        signed = note.sign(checkpoint, signer)
        # 2. checkpoints/<size> is created and synced: THE COMMIT POINT.  A failure after it undoes nothing.
        self._put(PurePosixPath("checkpoints", str(checkpoint.size)), signed)
        # 3. `checkpoint`, a copy: where it stays behind the next append brings it forward.
        _copy(signed, self._newest)
        # 4. What the user's own side remembers; where it stays behind the log is still shown to extend it.
        _remember(remembered, signed)
        return Appended(checkpoint.size - 1, checkpoint.size, signed)

    def _recovered(self, signer: Signer, remembered: Path) -> int:
        # Brings the log into the state after its last append and returns its size.  Signing is refused here,
        # before anything is written, when the log is not the one that was seen before.
        size = max(self.sizes(), default=0)
        newest = self._opened(size, signer)
        for seen in (remembered, self._newest):
            self._refuse_forked(newest, signer, seen)
        if size:
            self._carry_forward(size, remembered)
        leaf = self._half_done(size)
        if leaf is None:
            return size
        Leaf.decode(leaf, self.folder / covering(ENTRIES, size, size + 1))
        root = self._grow(size, leaf)
        return self._commit(note.Checkpoint(self.origin, size + 1, root), signer, remembered).size

    def _carry_forward(self, size: int, remembered: Path) -> None:
        content = self.checkpoint_at(size)
        if self._behind(size):
            # The commit point may be visible without having been synced: make it as durable as it claims to be.
            _clear(self._checkpoints)
            durable.replace(self._checkpoints / str(size), content, mode=0o444)
            _copy(content, self._newest)
        if _found(remembered) != content:
            _remember(remembered, content)

    def _opened(self, size: int, signer: Signer) -> note.Checkpoint | None:
        if not size:
            return None
        where = self._checkpoints / str(size)
        found = self._own(self.checkpoint_at(size), signer, where)
        if (found.origin, found.size) != (self.origin, size):
            raise IntegrityError(
                where, expected=f"log {self.origin} at {size} leaves", found=f"{found.origin!r} at {found.size}"
            )
        edge = self._frontier(size).root()
        if edge != found.root:
            raise IntegrityError(
                self.folder / "tile",
                expected=f"tiles with the root {found.root.hex()} of checkpoints/{size}",
                found=f"{edge.hex()}; run `muniment verify`",
            )
        return found

    def _own(self, content: bytes, signer: Signer, where: Path) -> note.Checkpoint:
        try:
            return note.open_checkpoint(content, [note.VerifierKey(self.origin, signer.public)], where)
        except TrustError:
            raise TrustError(
                f"{where}: another key than the log key in use signed this; use the key that made the log, or give "
                "this archive a log of another name: logs of one name share what MUNIMENT_HOME remembers"
            ) from None

    def _refuse_forked(self, newest: note.Checkpoint | None, signer: Signer, remembered: Path) -> None:
        content = _found(remembered)
        if content is None:
            return
        seen = self._own(content, signer, remembered)
        size = newest.size if newest else 0
        if newest is None or size < seen.size:
            raise LogForked(
                self.folder, expected=f"at least the {seen.size} leaves that {remembered} has seen", found=f"{size}"
            )
        proof = tree.consistency_proof(self.nodes(size), seen.size, size)
        tree.verify_consistency(proof, seen.root, newest.root, self.folder)

    def _behind(self, size: int) -> bool:
        copy = self.read(PurePosixPath("checkpoint")) if os.path.lexists(self._newest) else None
        return copy != self.checkpoint_at(size)

    def _half_done(self, size: int) -> bytes | None:
        path = covering(ENTRIES, size, size + 1)
        if not os.path.lexists(self.folder / path):
            return None
        where = self.folder / path
        leaves = unbundle(self.read(path), where)
        _refuse_count(where, size % WIDTH + 1, len(leaves))
        if leaves[:-1] != self._edge_leaves(size):
            raise IntegrityError(where, expected="the committed leaves and one more", found="other leaves")
        return leaves[-1]

    def _edge_leaves(self, size: int) -> tuple[bytes, ...]:
        # The leaves of the last, partial bundle, held against the tile of their hashes before they are copied on.
        if not size % WIDTH:
            return ()
        path = covering(ENTRIES, size - 1, size)
        leaves = unbundle(self.read(path), self.folder / path)
        hashes = self._tile(covering(0, size - 1, size))
        if b"".join(map(tree.leaf_hash, leaves)) != hashes:
            raise IntegrityError(
                self.folder / path, expected="leaves with the hashes of its tile", found="others; run `muniment verify`"
            )
        return leaves

    def _last(self, size: int) -> bytes:
        path = covering(ENTRIES, size - 1, size)
        return unbundle(self.read(path), self.folder / path)[-1]

    def _tile(self, path: PurePosixPath) -> bytes:
        content = self.read(path)
        wanted = int(path.name) if path.parent.suffix == ".p" else WIDTH
        if len(content) != wanted * tree.HASH_SIZE:
            raise FormatError(
                self.folder / path, expected=f"{wanted} hashes of 32 octets", found=f"{len(content)} octets"
            )
        return content

    def _edge(self, level: int, size: int) -> bytes:
        count = size >> 8 * level
        return self._tile(covering(level, count - 1, size)) if count % WIDTH else b""

    def _frontier(self, size: int) -> tree.Frontier:
        peaks = []
        for level in reversed(range(len(widths(size)))):
            hashes = self._edge(level, size)
            width = len(hashes) // tree.HASH_SIZE
            for height in reversed(range(8)):
                if width >> height & 1:
                    cut = tree.HASH_SIZE << height
                    peaks.append(subtree_root(hashes[:cut]))
                    hashes = hashes[cut:]
        return tree.Frontier(size, peaks)

    def _grow(self, size: int, leaf: bytes) -> bytes:
        frontier = self._frontier(size)
        self._put(covering(ENTRIES, size, size + 1), bundle((*self._edge_leaves(size), leaf)))
        added = tree.leaf_hash(leaf)
        frontier.push(added)
        for level in range(_LEVELS):
            content = self._edge(level, size) + added
            self._put(covering(level, size >> 8 * level, size + 1), content)
            if len(content) < WIDTH * tree.HASH_SIZE:
                break
            added = subtree_root(content)
        return frontier.root()

    def _put(self, path: PurePosixPath, content: bytes) -> None:
        # Creates the file, or finds the same one that an append left which was cut short.
        target = self.folder / path
        durable.folder(target.parent)
        _clear(target.parent)
        if not os.path.lexists(target):
            durable.create(target, content)
        elif self.read(path) == content:
            # It may be visible without its name having been synced: the same bytes once more, this time for good.
            durable.replace(target, content, mode=0o444)
        else:
            raise IntegrityError(target, expected="no file, or the one of this append", found="another content")


class Steady(Journal):
    """A log that must not change while it is verified: what is read twice has to be the same both times.

    ``exchanged`` are the files that were not, each of which also raised IntegrityError. The list of sizes and the copy
    `checkpoint`, which every append changes, are read once: what is committed later is not part of it.
    """

    def __init__(self, root: Path, origin: str) -> None:
        super().__init__(root, origin)
        self.exchanged: list[PurePosixPath] = []
        self._digests: dict[PurePosixPath, Digest] = {}
        self._copy: bytes | None = None
        self._sizes: tuple[int, ...] | None = None

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes at which the log was committed when this was asked first."""
        self._sizes = super().sizes() if self._sizes is None else self._sizes
        return self._sizes

    def read(self, path: PurePosixPath) -> bytes:
        """Return the file *path* as Journal does; IntegrityError where it was exchanged since it was read before."""
        if self.folder / path == self._newest:
            self._copy = super().read(path) if self._copy is None else self._copy
            return self._copy
        content = super().read(path)
        digest = Digest.of_bytes(content)
        if self._digests.setdefault(path, digest) != digest:
            self.exchanged.append(path)
            before = f"{self._digests[path]}, as it was read before"
            raise IntegrityError(self.folder / path, expected=before, found=f"{digest}: it was exchanged meanwhile")
        return content


def _found(path: Path) -> bytes | None:
    if not os.path.lexists(path):
        return None
    with durable.opened(path) as stream:
        return stream.read(_LARGEST)


def _clear(folder: Path, name: str = "*") -> None:
    # What a crash left of files that were never seen under their names; the archive's lock says that none lives.
    for leftover in folder.glob(f".{name}.*.tmp"):
        durable.remove(leftover)


def _copy(content: bytes, path: Path, mode: int = 0o644) -> None:
    _clear(path.parent, path.name)
    durable.replace(path, content, mode=mode)


def _remember(remembered: Path, signed: bytes) -> None:
    durable.private_folder(remembered.parent)
    _copy(signed, remembered, 0o600)


def subtree_root(hashes: bytes) -> bytes:
    """Return the root over the hashes laid end to end in *hashes*, whose number is a power of two."""
    size = tree.HASH_SIZE
    while len(hashes) > size:
        hashes = b"".join(
            tree.node_hash(hashes[at : at + size], hashes[at + size : at + 2 * size])
            for at in range(0, len(hashes), 2 * size)
        )
    return hashes


def _refuse_count(where: Path, expected: int, found: int) -> None:
    if expected != found:
        raise FormatError(where, expected=f"{expected} entries", found=str(found))
