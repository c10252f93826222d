"""A log derived again from its leaves, and every file of it compared: which one differs, and where.

Nothing here stops at the first failure and nothing is repaired: each file of the log is the subject of one result, and
so is each that ought to be there and is not.
"""

import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from muniment import layout
from muniment.errors import (
    DigestMismatch,
    FormatError,
    IntegrityError,
    LogForked,
    MunimentError,
    NotInLog,
    StoreError,
    TrustError,
)
from muniment.log import note, tree
from muniment.log.batch import PENDING, Batch
from muniment.log.folder import listed, refuse_irregular
from muniment.log.leaf import Leaf, unbundle
from muniment.log.stored import ENTRIES, WIDTH, Steady, covering, subtree_root, widths

__all__ = ["Audited", "audit"]

_WIDTH: Final = re.compile(r"[1-9][0-9]{0,2}")
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_TILE: Final = WIDTH * tree.HASH_SIZE
_Path = PurePosixPath


@dataclass(frozen=True, slots=True)
class Audited:
    """What was found about one file: its path below the archive's root, a sentence, the error where it failed.

    ``error`` is a TrustError where no key decides it, and otherwise what a primitive would have raised.
    """

    subject: str
    detail: str
    error: MunimentError | None = None


def audit(journal: Steady, keys: Sequence[note.VerifierKey]) -> Iterator[Audited]:
    """Yield what is found about each file of the log *journal*; *keys* are the verifier's.

    Derives the tiles and the root at every committed size from the leaves; where leaves and tiles differ, the newest
    signed root decides which of them is damaged. What a cut append left behind is no failure and is said in
    ``detail`` (``Journal.pending`` names the leaf); its temporary files, and what lies beside the log, are passed over.
    An append that goes on meanwhile looks like a cut one; hold the archive's lock to exclude that. Does not know the
    statements that the leaves stand for, nor whether anybody else was shown another log.
    """
    yield from _Audit(journal, keys).results()


@dataclass(frozen=True, slots=True)
class _Claim:
    """One file ``checkpoints/<size>``: what it says, whether or not it was verified, and what is wrong with it."""

    path: _Path
    size: int
    checkpoint: note.Checkpoint | None
    error: MunimentError | None

    @property
    def is_candidate(self) -> bool:
        # A file that was moved here from another size says nothing about how many leaves there ought to be.
        return self.checkpoint is None or self.checkpoint.size == self.size

    @property
    def is_anchor(self) -> bool:
        return self.checkpoint is not None and (self.error is None or isinstance(self.error, TrustError))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tile or an entry bundle (``level`` "entries") belongs: its number at that level, its hashes."""

    level: int | str
    number: int
    width: int


class _Audit:
    """The state of one audit: the files that are there, the claims, the leaves' hashes and the levels above them."""

    def __init__(self, journal: Steady, keys: Sequence[note.VerifierKey]) -> None:
        self.journal = journal
        self.below = layout.log(journal.origin)
        self.origin = journal.origin
        self.keys = keys
        # The commit points are listed first: whatever is committed meanwhile is then beyond the newest one.
        claims = [self._claim(size) for size in self.journal.sizes()]
        self.claims = {claim.path: claim for claim in claims}
        self.files = frozenset(path for path in listed(self.journal.folder) if not layout.is_beside_log(path))
        self.size = max((claim.size for claim in claims if claim.is_candidate), default=0)
        self.sizes = self._sizes()
        self.levels = _levels(self._leaf_hashes())
        self.have = len(self.levels[0]) // tree.HASH_SIZE
        self.roots = self._roots()
        self.expected = self._expected()
        self.batch = self._batch()
        self.pending = self._pending()

    def results(self) -> Iterator[Audited]:
        """Yield one result for each file that is there or ought to be."""
        needed = {_Path("checkpoints", str(size)) for size in self.sizes}
        if self.size:
            needed.add(_Path("checkpoint"))
        for path in sorted(self.files | self.expected.keys() | needed):
            subject = str(self.below / path)
            try:
                yield Audited(subject, self._examined(path))
            except MunimentError as failure:
                yield Audited(subject, str(failure), failure)

    def _examined(self, path: _Path) -> str:
        where = self.below / path
        if path == _Path("checkpoint"):
            return self._copy_examined(where)
        if path not in self.files:
            raise IntegrityError(where, expected="this file of the log", found="none: it is missing")
        refuse_irregular(self.journal.folder / path, where)
        if claim := self.claims.get(path):
            return self._claim_examined(claim, where)
        if place := self.expected.get(path):
            return self._tile_examined(path, place, where)
        if path == PENDING:
            return self._batch_examined(where)
        if place := self.pending.get(path):
            return f"{self._tile_examined(path, place, where)}; of an append that was cut short: the next finishes it"
        raise IntegrityError(
            where,
            expected=f"no such file in a log of {self.size} leaves",
            found="an extra file, which nothing vouches for",
        )

    def _batch_examined(self, where: _Path) -> str:
        batch = self.batch or self.journal.batch()
        if batch is None or batch.begin == self.size:
            return "leaves of an append that was cut short: the next one finishes it"
        hashes = self.levels[0][batch.begin * tree.HASH_SIZE : batch.end * tree.HASH_SIZE]
        if batch.end > self.size or hashes != b"".join(map(tree.leaf_hash, batch.leaves)):
            found = f"others, from {batch.begin} on"
            raise IntegrityError(where, expected=f"leaves behind the {self.size}, or some of them", found=found)
        return "leaves that were committed since: the next append removes it"

    def _batch(self) -> Batch | None:
        with contextlib.suppress(FormatError, StoreError):  # examined by itself later, where it is named
            return self.journal.batch()
        return None

    # Checkpoints

    def _claim(self, size: int) -> _Claim:
        path = _Path("checkpoints", str(size))
        where = self.below / path
        checkpoint = None
        try:
            content = self.journal.read(path)
            checkpoint = note.unverified_checkpoint(content, where)
            _refuse_other(checkpoint, note.Checkpoint(self.origin, size, checkpoint.root), content, where)
            note.open_checkpoint(content, self.keys, where)
        except MunimentError as failure:
            return _Claim(path, size, checkpoint, failure)
        return _Claim(path, size, checkpoint, None)

    def _claim_examined(self, claim: _Claim, where: _Path) -> str:
        if claim.error and not isinstance(claim.error, TrustError):
            raise claim.error
        self._refuse_root(claim, where)
        if claim.error:
            raise claim.error
        return f"signed by the log, and the root over its first {claim.size} leaves"

    def _refuse_root(self, claim: _Claim, where: _Path) -> None:
        found = self.roots.get(claim.size)
        if found is None:
            raise NotInLog(where, expected=f"{claim.size} leaves", found=f"{self.have}: the others are missing")
        if claim.checkpoint and found != claim.checkpoint.root:
            raise LogForked(
                where, expected=f"the root {claim.checkpoint.root.hex()}", found=f"{found.hex()} over the leaves"
            )

    def _copy_examined(self, where: _Path) -> str:
        path = _Path("checkpoint")
        sizes = sorted(claim.size for claim in self.claims.values() if claim.is_candidate)
        if path not in self.files:
            if len(sizes) == 1:
                return "not there yet: an append was cut short, the next one makes it"
            raise IntegrityError(where, expected="this file of the log", found="none: it is missing")
        refuse_irregular(self.journal.folder / path, where)
        content = self.journal.read(path)
        found = note.open_checkpoint(content, self.keys, where)
        _refuse_other(found, note.Checkpoint(self.origin, found.size, found.root), content, where)
        if self.roots.get(found.size) != found.root:
            raise LogForked(where, expected="the root over the leaves", found=f"{found.root.hex()} at {found.size}")
        if found.size in sizes[-1:]:
            return f"equals checkpoints/{found.size}"
        if found.size in sizes[-2:-1]:
            return f"one behind checkpoints/{sizes[-1]}: an append was cut short, the next one brings it forward"
        raise LogForked(where, expected=f"the checkpoint at {sizes[-1:]} leaves", found=f"the one at {found.size}")

    def _roots(self) -> dict[int, bytes]:
        # One pass over the leaves gives the root at every committed size: that is what makes them consistent.
        wanted = {claim.size for claim in self.claims.values()}
        found = {}
        frontier = tree.Frontier()
        for hashed in _hashes(self.levels[0]):
            frontier.push(hashed)
            if frontier.size in wanted:
                found[frontier.size] = frontier.root()
        return found

    # Leaves

    def _sizes(self) -> frozenset[int]:
        # The sizes at which there was a commit: those with a checkpoint, and those whose partial entry bundle shows
        # that a checkpoint was lost.
        found = {claim.size for claim in self.claims.values()}
        for path in self.files:
            if path.parts[:2] == ("tile", ENTRIES) and path.parent.suffix == ".p" and _WIDTH.fullmatch(path.name):
                groups = [group.removeprefix("x").removesuffix(".p") for group in path.parts[2:-1]]
                number = "".join(groups)
                size = int(number) * WIDTH + int(path.name) if _DIGITS.fullmatch(number) else self.size + 1
                if size <= self.size and covering(ENTRIES, size - 1, size) == path:
                    found.add(size)
        return frozenset(found)

    def _leaf_hashes(self) -> bytes:
        # Two files speak for each leaf: its entry bundle and its tile at level 0.  Where they differ the tile above
        # decides, and at the right edge the newest signed root: so the one damaged file is named, and not all others.
        entries: list[bytes] = []
        tiles: list[bytes] = []
        for begin in range(0, self.size, WIDTH):
            # Where the newest files of the right edge are lost, those of an earlier size still tell most of it.
            sources = (self._two_sources(begin, size) for size in range(min(begin + WIDTH, self.size), begin, -1))
            by_entries, by_tile = next((each for each in sources if any(each)), (None, None))
            first, second = by_entries or by_tile or b"", by_tile or by_entries or b""
            above = self._above(begin) if first != second else None
            entries.append(second if above is not None and subtree_root(second) == above else first)
            tiles.append(first if above is not None and subtree_root(first) == above else second)
            if len(first) < min(WIDTH, self.size - begin) * tree.HASH_SIZE:
                break
        anchor = self._anchor(sum(map(len, entries)) // tree.HASH_SIZE)
        if anchor is not None and entries != tiles and _root_at(b"".join(tiles), anchor.size) == anchor.root:
            return b"".join(tiles)
        return b"".join(entries)

    def _two_sources(self, begin: int, size: int) -> tuple[bytes | None, bytes | None]:
        width = size - begin
        bundle, tile = covering(ENTRIES, begin, size), covering(0, begin, size)
        by_entries = by_tile = None
        if bundle in self.files:
            with contextlib.suppress(FormatError, StoreError):  # examined by itself later, where it is named
                leaves = unbundle(self.journal.read(bundle), bundle)
                by_entries = b"".join(map(tree.leaf_hash, leaves)) if len(leaves) == width else None
        if tile in self.files:
            with contextlib.suppress(StoreError):
                content = self.journal.read(tile)
                by_tile = content if len(content) == width * tree.HASH_SIZE else None
        return by_entries, by_tile

    def _above(self, begin: int) -> bytes | None:
        number = begin // WIDTH
        if begin + WIDTH > self.size:
            return None
        path = covering(1, number, self.size)
        if path not in self.files:
            return None
        with contextlib.suppress(StoreError):
            at = number % WIDTH * tree.HASH_SIZE
            found = self.journal.read(path)[at : at + tree.HASH_SIZE]
            return found if len(found) == tree.HASH_SIZE else None
        return None

    def _anchor(self, have: int) -> note.Checkpoint | None:
        fit = [claim.checkpoint for claim in self.claims.values() if claim.is_anchor and claim.size <= have]
        return max((each for each in fit if each), key=lambda each: each.size, default=None)

    # Tiles and entry bundles

    def _expected(self) -> dict[_Path, _Place]:
        # Full tiles of the newest size, partial ones of every committed size.  A size that no leaves bear out asks
        # for its first missing tile and not for all of them.
        found: dict[_Path, _Place] = {}
        for level, count in enumerate(widths(self.size)):
            there = self.have >> 8 * level
            for number in range(min(count // WIDTH, there // WIDTH + 1)):
                _add(found, level, number, WIDTH)
        for size in self.sizes:
            if size <= min(self.size, self.have + WIDTH):
                for level, count in enumerate(widths(size)):
                    _add(found, level, count // WIDTH, count % WIDTH)
        if self.have < self.size:
            _add(found, 0, self.have // WIDTH, min(WIDTH, self.size - self.have // WIDTH * WIDTH))
        return found

    def _pending(self) -> dict[_Path, _Place]:
        # The files of the leaves that an append had in hand, the entries first.
        found: dict[_Path, _Place] = {}
        if self.batch and self.batch.begin == self.size == self.have:
            self.levels = _levels(self.levels[0] + b"".join(map(tree.leaf_hash, self.batch.leaves)))
            for level, count in enumerate(widths(self.batch.end)):
                for number in range((self.size >> 8 * level) // WIDTH, -(-count // WIDTH)):
                    _add(found, level, number, min(WIDTH, count - number * WIDTH))
            return {path: place for path, place in found.items() if path not in self.expected}
        path = covering(ENTRIES, self.size, self.size + 1)
        if path in self.expected or path not in self.files or self.have != self.size:
            return found
        width = self.size % WIDTH + 1
        found[path] = _Place(ENTRIES, self.size // WIDTH, width)
        with contextlib.suppress(FormatError, StoreError):  # examined by itself later, where it is named
            leaves = unbundle(self.journal.read(path), path)
            if len(leaves) == width:
                self.levels = _levels(self.levels[0] + tree.leaf_hash(leaves[-1]))
                for level in range(len(self.levels)):
                    index = self.size >> 8 * level
                    if (self.size + 1) >> 8 * level > index:
                        found[covering(level, index, self.size + 1)] = _Place(level, index // WIDTH, index % WIDTH + 1)
        return found

    def _tile_examined(self, path: _Path, place: _Place, where: _Path) -> str:
        content = self.journal.read(path)
        if place.level == ENTRIES:
            return self._bundle_examined(content, path, place, where)
        level = self.levels[int(place.level)] if int(place.level) < len(self.levels) else b""
        begin = place.number * _TILE
        expected = level[begin : begin + place.width * tree.HASH_SIZE]
        if len(content) != place.width * tree.HASH_SIZE:
            raise FormatError(where, expected=f"{place.width} hashes of 32 octets", found=f"{len(content)} octets")
        for index, (ours, theirs) in enumerate(zip(_hashes(expected), _hashes(content), strict=False)):
            if ours != theirs:
                raise DigestMismatch(f"{where} hash {index}", expected=ours.hex(), found=theirs.hex())
        if len(expected) != len(content):
            raise NotInLog(where, expected=f"{place.width} hashes over leaves", found="leaves are missing")
        return f"{place.width} hashes, as the leaves give them"

    def _bundle_examined(self, content: bytes, path: _Path, place: _Place, where: _Path) -> str:
        leaves = unbundle(content, where)
        if len(leaves) != place.width:
            raise FormatError(where, expected=f"{place.width} entries", found=str(len(leaves)))
        begin = place.number * _TILE
        expected = _hashes(self.levels[0][begin : begin + place.width * tree.HASH_SIZE])
        for index, (leaf, hashed) in enumerate(zip(leaves, expected, strict=False)):
            if tree.leaf_hash(leaf) != hashed:
                found = f"{leaf[:80]!r} with the hash {tree.leaf_hash(leaf).hex()}"
                raise DigestMismatch(f"{where} entry {index}", expected=f"the leaf {hashed.hex()}", found=found)
        if path == covering(ENTRIES, place.number * WIDTH, self.size) or path in self.pending:
            for index, leaf in enumerate(leaves):
                Leaf.decode(leaf, f"{where} entry {index}")
        return f"{place.width} leaves, as the root commits to them"


def _add(found: dict[_Path, _Place], level: int, number: int, width: int) -> None:
    if width:
        found[layout.tile(level, number, width)] = _Place(level, number, width)
        if not level:
            found[layout.tile(ENTRIES, number, width)] = _Place(ENTRIES, number, width)


def _levels(leaves: bytes) -> list[bytes]:
    # From the hashes of a level, laid end to end, to those of all levels of tiles above it.
    levels = [leaves]
    while len(levels[-1]) >= _TILE:
        below = levels[-1]
        whole = len(below) - len(below) % _TILE
        levels.append(b"".join(subtree_root(below[at : at + _TILE]) for at in range(0, whole, _TILE)))
    return levels


def _hashes(level: bytes) -> Iterator[bytes]:
    return (level[at : at + tree.HASH_SIZE] for at in range(0, len(level), tree.HASH_SIZE))


def _root_at(leaves: bytes, size: int) -> bytes:
    return tree.root(itertools.islice(_hashes(leaves), size))


def _refuse_other(found: note.Checkpoint, expected: note.Checkpoint, content: bytes, where: _Path) -> None:
    # The log's own files hold three lines and its one signature; cosignatures are kept beside them.
    if found != expected or content.count(b"\n", len(found.text.encode())) != 2:
        raise FormatError(
            where,
            expected=f"the checkpoint of {expected.origin} at {expected.size} leaves with the log's signature alone",
            found=f"{found.origin!r} at {found.size}, or further lines",
        )
