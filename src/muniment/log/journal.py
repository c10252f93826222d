"""How a leaf is appended to a log on disk and committed: each file created once, in the order that survives a crash.

Nothing is remembered in memory: each append looks at the disk, so a crash, another process or a StoreError in the
middle leaves nothing to forget.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from muniment import durable, layout
from muniment.errors import IntegrityError, LogForked, TrustError
from muniment.log import note, tree
from muniment.log.batch import PENDING, Batch
from muniment.log.leaf import Leaf, bundle, unbundle
from muniment.log.stored import ENTRIES, WIDTH, Pending, Steady, Stored, covering, subtree_root, widths
from muniment.seal.signing import Signer

__all__ = ["ENTRIES", "WIDTH", "Appended", "Journal", "Pending", "Steady", "covering", "subtree_root", "widths"]

_LEVELS: Final = 8
_LARGEST: Final = 1 << 20
_TILE: Final = WIDTH * tree.HASH_SIZE


@dataclass(frozen=True, slots=True)
class Appended:
    """A committed leaf: its index from 0, and the checkpoint (its size and its bytes) that committed to it first."""

    index: int
    size: int
    checkpoint: bytes


class Journal(Stored):
    """The log *origin* in the archive at *root*."""

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
        root = self._grow(size, (leaf,))
        # 2.-4. in _commit: the commit point, then what is only carried forward.
        return self._commit(note.Checkpoint(self.origin, size + 1, root), signer, remembered)

    def append_all(self, leaves: Iterable[bytes], signer: Signer, remembered: Path) -> tuple[Appended, ...]:
        """Append *leaves*, at most 65,536, under one checkpoint: all of them are committed, or none.

        Otherwise as ``append``: after a crash the next append finishes exactly these, and leaves that equal the
        newest ones are not appended again. Raises FormatError where there are none, or too many.
        """
        batch = Batch(0, tuple(leaves))
        if len(batch.leaves) == 1:
            return (self.append(batch.leaves[0], signer, remembered),)
        batch.encode()
        size = self._recovered(signer, remembered)
        begin = size - len(batch.leaves)
        if begin >= 0 and self._last(size) == batch.leaves[-1] and self.slice(begin, size) == batch.leaves:
            content = self.checkpoint_at(size)
            return tuple(Appended(index, size, content) for index in range(begin, size))
        # 1. All leaves in one file, synced.  A crash from here on is finished with exactly these leaves; before it
        #    nothing happened.
        batch = Batch(size, batch.leaves)
        self._put(PENDING, batch.encode())
        return self._finish(batch, signer, remembered)

    def _finish(self, batch: Batch, signer: Signer, remembered: Path) -> tuple[Appended, ...]:
        # 2. Entries, then tiles: written and synced.
        root = self._grow(batch.begin, batch.leaves)
        # 3.-5. in _commit: the commit point, then what is only carried forward.
        done = self._commit(note.Checkpoint(self.origin, batch.end, root), signer, remembered)
        # 6. The file of the leaves; where it stays behind the next append removes it.
        durable.remove(self.folder / PENDING)
        return tuple(Appended(index, done.size, done.checkpoint) for index in range(batch.begin, batch.end))

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
        leaves = self._half_done(size)
        batch = self.batch()
        if batch is not None and leaves is not None:
            # It may be visible without its name having been synced: the same octets once more, this time for good.
            durable.replace(self.folder / PENDING, batch.encode(), mode=0o444)
            return self._finish(batch, signer, remembered)[-1].size
        if batch is not None:
            durable.remove(self.folder / PENDING)
        if leaves is None:
            return size
        Leaf.decode(leaves[0], self.folder / covering(ENTRIES, size, size + 1))
        root = self._grow(size, leaves)
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

    def _last(self, size: int) -> bytes:
        path = covering(ENTRIES, size - 1, size)
        return unbundle(self.read(path), self.folder / path)[-1]

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

    def _grow(self, size: int, leaves: Sequence[bytes]) -> bytes:
        frontier = self._frontier(size)
        bundled = (*self._edge_leaves(size), *leaves)
        for at in range(0, len(bundled), WIDTH):
            some = bundled[at : at + WIDTH]
            self._put(layout.tile(ENTRIES, (size + at) // WIDTH, len(some)), bundle(some))
        added = [tree.leaf_hash(leaf) for leaf in leaves]
        for hashed in added:
            frontier.push(hashed)
        for level in range(_LEVELS):
            content = self._edge(level, size) + b"".join(added)
            first = (size >> 8 * level) // WIDTH
            tiles = [content[at : at + _TILE] for at in range(0, len(content), _TILE)]
            for number, each in enumerate(tiles, first):
                self._put(layout.tile(level, number, len(each) // tree.HASH_SIZE), each)
            added = [subtree_root(each) for each in tiles if len(each) == _TILE]
            if not added:
                break
        return frontier.root()

    def _put(self, path: PurePosixPath, content: bytes) -> None:
        # Creates the file, or finds the same one that an append left which was cut short.
        target = self.folder / path
        durable.folder(target.parent)
        _clear(target.parent)
        if not os.path.lexists(target):
            durable.create(target, content)
        elif path != PENDING and self.read(path) == content:
            # It may be visible without its name having been synced: the same bytes once more, this time for good.
            durable.replace(target, content, mode=0o444)
        else:
            raise IntegrityError(target, expected="no file, or the one of this append", found="another content")


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
