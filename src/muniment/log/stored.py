"""A log on disk as it is read: entry bundles, tiles and checkpoints (C2SP tlog-tiles), and proofs made of them.

Nothing here writes. Every file of a log is derived from its leaves, except the signatures.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Self

from muniment import durable, layout
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, NotInLog, StoreError
from muniment.log import note, tree
from muniment.log.batch import LONGEST, PENDING, Batch
from muniment.log.consistency import Extension
from muniment.log.leaf import Leaf, unbundle
from muniment.log.proof import Proof

__all__ = ["ENTRIES", "WIDTH", "Pending", "Steady", "Stored", "covering", "subtree_root", "widths"]

ENTRIES: Final = "entries"
WIDTH: Final = 256
"""Leaves in an entry bundle, hashes in a full tile (C2SP tlog-tiles, "Merkle Tree")."""

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
_LEVELS: Final = 8
_LARGEST: Final = 1 << 20


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


class Stored:
    """The log *origin* in the archive at *root*, read and never written."""

    def __init__(self, root: Path, origin: str) -> None:
        self.origin = origin
        self.folder = root / layout.log(origin)
        self._checkpoints = root / layout.checkpoint_at(origin, 1).parent
        self._newest = root / layout.checkpoint(origin)

    @classmethod
    def at(cls, folder: Path, origin: str) -> Self:
        """Return the log *origin* in *folder*, where an archive keeps it or where it was published."""
        stored = cls(folder, origin)
        stored.folder, stored._newest = folder, folder / "checkpoint"
        stored._checkpoints = folder / "checkpoints"
        return stored

    def extension(self, old: int, newer: bytes) -> Extension:
        """Return the proof that the log at the checkpoint *newer* extends its first *old* leaves; 0 needs none.

        The hashes are taken as they stand in the tiles: the proof is to be verified against both roots. LogForked
        where *newer* has fewer leaves.
        """
        size = note.unverified_checkpoint(newer, self.folder).size
        if old in {0, size}:
            return Extension(old, (), newer)
        return Extension(old, tree.consistency_proof(self.nodes(size), old, size).hashes, newer)

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
        leaves = self._half_done(size)
        if leaves is not None:
            what = f"leaf {size}" if len(leaves) == 1 else f"{len(leaves):,} leaves from {size} on"
            first = Leaf.decode(leaves[0], self.folder / covering(ENTRIES, size, size + 1))
            return Pending(f"an append of {what} was cut short; the next append finishes it", first)
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

    def prove(self, index: int, size: int | None = None) -> Proof:
        """Return the proof, which carries the leaf, that leaf *index* is in the log at *size*, or at the newest size.

        The tiles' hashes are held against the root that the checkpoint names: IntegrityError where they do not lead
        to it. NotInLog where there is no such leaf at that size, StoreError where it was not committed. Whether the
        log's key signed the checkpoint is not checked.
        """
        content = self.newest() if size is None else self.checkpoint_at(size)
        claimed = note.unverified_checkpoint(content, self.folder)
        path = tree.inclusion_proof(self.nodes(claimed.size), index, claimed.size)
        leaf = self.leaf(index)
        tree.verify_inclusion(path, tree.leaf_hash(leaf), claimed.root, self.folder)
        return Proof(index, path.hashes, content, leaf)

    def leaf(self, index: int) -> bytes:
        """Return the committed leaf *index* as its entry bundle has it; NotInLog where there are fewer."""
        size = max(self.sizes(), default=0)
        if not 0 <= index < size:
            raise NotInLog(self.folder, expected=f"an index below {size}", found=str(index))
        path = covering(ENTRIES, index, size)
        leaves = unbundle(self.read(path), self.folder / path)
        _refuse_count(self.folder / path, min(WIDTH, size - index // WIDTH * WIDTH), len(leaves))
        return leaves[index % WIDTH]

    def read(self, path: PurePosixPath) -> bytes:
        """Return the file *path* below the log's folder, cut at 1 MiB, which none reaches; StoreError if it fails."""
        with durable.opened(self.folder / path) as stream:
            return stream.read(_LARGEST)

    def _behind(self, size: int) -> bool:
        copy = self.read(PurePosixPath("checkpoint")) if os.path.lexists(self._newest) else None
        return copy != self.checkpoint_at(size)

    def batch(self) -> Batch | None:
        """Return the leaves that were written down to be appended together; None where there are none."""
        where = self.folder / PENDING
        if not os.path.lexists(where):
            return None
        with durable.opened(where) as stream:
            return Batch.decode(stream.read(LONGEST + 1), where)

    def slice(self, begin: int, end: int) -> tuple[bytes, ...]:
        """Return the committed leaves from *begin* to *end* (exclusive), reading their bundles alone."""
        size = max(self.sizes(), default=0)
        found: list[bytes] = []
        for first in range(begin // WIDTH * WIDTH, end, WIDTH):
            path = covering(ENTRIES, first, size)
            found += unbundle(self.read(path), self.folder / path)
        skipped = begin % WIDTH
        return tuple(found[skipped : skipped + end - begin])

    def _half_done(self, size: int) -> tuple[bytes, ...] | None:
        batch = self.batch()
        if batch is not None and batch.begin == size:
            return batch.leaves
        if batch is not None and (batch.end > size or self.slice(batch.begin, batch.end) != batch.leaves):
            expected = f"leaves behind the {size} that were committed, or some of them"
            raise IntegrityError(self.folder / PENDING, expected=expected, found=f"others, from {batch.begin} on")
        path = covering(ENTRIES, size, size + 1)
        if not os.path.lexists(self.folder / path):
            return None
        where = self.folder / path
        leaves = unbundle(self.read(path), where)
        _refuse_count(where, size % WIDTH + 1, len(leaves))
        if leaves[:-1] != self._edge_leaves(size):
            raise IntegrityError(where, expected="the committed leaves and one more", found="other leaves")
        return leaves[-1:]

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

    def _tile(self, path: PurePosixPath) -> bytes:
        content = self.read(path)
        wanted = int(path.name) if path.parent.suffix == ".p" else WIDTH
        if len(content) != wanted * tree.HASH_SIZE:
            raise FormatError(
                self.folder / path, expected=f"{wanted} hashes of 32 octets", found=f"{len(content)} octets"
            )
        return content


class Steady(Stored):
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
        """Return the file *path* as Stored does; IntegrityError where it was exchanged since it was read before."""
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
