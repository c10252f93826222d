"""What was sealed about one committed capture, read from manifests/ and its log; nothing is verified here.

The manifest is held against the digest in its statement and the statement against its leaf, because a catalogue of
other bytes would mislead; signatures, tree and WARC files are the business of ``muniment verify``.
"""

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muniment import canonical, durable, layout, manifest
from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, NotInLog, StoreError
from muniment.log.journal import ENTRIES, WIDTH, Journal, covering
from muniment.log.leaf import Leaf, LeafType, unbundle
from muniment.manifest import Description, Statement
from muniment.model import OBSTACLES, Kind, Reason, Record, Role
from muniment.seal import dsse

__all__ = ["Claims", "Place", "committed", "last_words", "newest", "origins", "read"]

_STATEMENT_LIMIT: Final = 16 << 20
_MANIFEST_LIMIT: Final = 4 << 30


@dataclass(frozen=True, slots=True)
class Place:
    """Where a log holds a leaf: its index, and the size of the checkpoint that committed to it first."""

    origin: str
    index: int
    size: int
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Claims:
    """A committed capture as its statement and manifest describe it; ``signers`` are unverified keyids."""

    capture: str
    place: Place
    statement: Statement
    sealed: Digest
    signers: tuple[str, ...]
    description: Description
    records: tuple[Record, ...]

    def answers(self) -> Iterator[Record]:
        """Give the responses, in order."""
        return (line for line in self.records if line.kind is Kind.RESPONSE)


def last_words(records: Iterable[Record]) -> list[Record]:
    """Return for each URL in each role its last response or attempt, in order.

    A 503 that was asked again and answered is no failure. In each role, because a redirect of something else may lead
    to the article's own URL again.
    """
    ends: dict[tuple[str, Role | None, Reason | None], Record] = {}
    for line in records:
        if line.outcome is None or line.kind not in {Kind.RESPONSE, Kind.ATTEMPT}:
            continue
        if line.role is Role.REDIRECT:
            # Asked again, it led elsewhere: what failed before under the role it was wanted in has been answered.
            for role in [role for role in Role if (line.url, role, None) in ends]:
                if ends[line.url, role, None].outcome not in {Reason.OK, Reason.REDIRECT}:
                    del ends[line.url, role, None]
        elif line.outcome is Reason.OK:
            # A server that was refused and let in afterwards; the role in which it was refused was a guess. No other
            # attempt is answered so: one may say of the very page that was got what lacked of it.
            for role in [role for role in Role if (line.url, role, None) in ends]:
                before = ends[line.url, role, None]
                if before.kind is Kind.ATTEMPT and before.outcome is Reason.TLS_HANDSHAKE:
                    del ends[line.url, role, None]
        # What stands before a page is said of it once for each obstacle, and no later word about the URL takes it back.
        obstacle = line.kind is Kind.ATTEMPT and line.outcome in OBSTACLES
        ends[line.url, line.role, line.outcome if obstacle else None] = line
    return sorted(ends.values(), key=lambda line: line.n)


def origins(root: Path) -> list[str]:
    """Return the names of the logs that lie in the archive, sorted."""
    folder = root / layout.logs()
    return sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


def committed(root: Path, origin: str) -> Iterator[Place]:
    """Give the leaves of the log *origin* that committed captures, in log order."""
    journal = Journal(root, origin)
    sizes = journal.sizes()
    for index, content in enumerate(journal.entries()):
        leaf = Leaf.decode(content, f"log {origin}, leaf {index}")
        if leaf.type is LeafType.CAPTURE:
            yield _place(origin, index, sizes, leaf)


def newest(root: Path, origin: str) -> list[str]:
    """Return the ids of the captures among the newest leaves of the log *origin*: those of its last entry bundle."""
    journal = Journal(root, origin)
    size = max(journal.sizes(), default=0)
    if not size:
        return []
    path = covering(ENTRIES, size - 1, size)
    leaves = (Leaf.decode(each, journal.folder / path) for each in unbundle(journal.read(path), journal.folder / path))
    return [leaf.id for leaf in leaves if leaf.type is LeafType.CAPTURE]


def read(root: Path, capture: str, place: Place | None = None) -> Claims:
    """Return what was sealed about *capture*, whose leaf lies at *place* (else it is looked for in the log).

    Raises FormatError and DigestMismatch for damaged files, NotInLog where no log committed to the statement,
    StoreError for missing files: each names the file.
    """
    where = layout.statement(capture)
    sealed = _content(root / where, _STATEMENT_LIMIT)
    payload = dsse.unverified_payload(sealed, where)
    statement = manifest.decode_statement(payload, where)
    if statement.capture != capture:
        raise FormatError(where, expected=f"the statement about {capture}", found=f"one about {statement.capture!r}")
    digest = Digest.of_bytes(sealed)
    place = place or _find(root, statement)
    if place.leaf.digest != digest:
        raise DigestMismatch(where, expected=f"{place.leaf.digest}, as the log has it", found=str(digest))
    description, records = _manifest(root, statement)
    signatures = canonical.decode(sealed, where)["signatures"]  # their form was checked with the envelope's above
    signers = tuple(str(each["keyid"]) for each in signatures)
    return Claims(capture, place, statement, digest, signers, description, records)


def _place(origin: str, index: int, sizes: tuple[int, ...], leaf: Leaf) -> Place:
    return Place(origin, index, sizes[bisect.bisect_right(sizes, index)], leaf)


def _find(root: Path, statement: Statement) -> Place:
    """Look for the leaf of *statement* from that of its opening on: closing comes after opening."""
    opening = statement.opening
    journal = Journal(root, opening.origin)
    sizes = journal.sizes()
    size = max(sizes, default=0)
    for begin in range(opening.index // WIDTH * WIDTH, size, WIDTH):
        path = covering(ENTRIES, begin, size)
        for index, content in enumerate(unbundle(journal.read(path), journal.folder / path), begin):
            if statement.capture.encode() not in content:
                continue
            leaf = Leaf.decode(content, journal.folder / path)
            if leaf.type is LeafType.CAPTURE and leaf.id == statement.capture:
                return _place(opening.origin, index, sizes, leaf)
    raise NotInLog(
        layout.statement(statement.capture),
        expected=f"a leaf in the log {opening.origin}, which commits the capture",
        found="none; run `muniment verify`",
    )


def _manifest(root: Path, statement: Statement) -> tuple[Description, tuple[Record, ...]]:
    where = layout.manifest(statement.capture)
    content = _content(root / where, _MANIFEST_LIMIT)
    expected = dict(statement.subjects).get(str(where))
    found = Digest.of_bytes(content)
    if found != expected:
        raise DigestMismatch(where, expected=f"{expected}, as it was sealed", found=str(found))
    first, *rest = content.removesuffix(b"\n").split(b"\n")
    description = manifest.decode_description(first, f"{where}, line 0")
    records = tuple(manifest.decode_record(line, f"{where}, line {n}") for n, line in enumerate(rest, 1))
    for n, record in enumerate(records, 1):
        if record.n != n:
            raise FormatError(f"{where}, line {n}", expected=f"n {n}", found=str(record.n))
    # The index adds them up, and holds no larger numbers.
    most = max(sum(line.size for line in records), sum(line.position.length for line in records))
    if most > canonical.LARGEST:
        raise FormatError(where, expected="sizes and lengths of less than 2**53 in all", found=str(most))
    return description, records


def _content(path: Path, limit: int) -> bytes:
    content = bytearray()
    with durable.opened(path) as stream:
        try:
            while len(content) <= limit and (piece := stream.read(1 << 20)):
                content += piece
        except OSError as failure:
            raise StoreError(path, f"could not be read: {failure.strerror or failure}") from failure
    if len(content) > limit:
        raise FormatError(path, expected=f"at most {limit} octets", found="more")
    return bytes(content)
