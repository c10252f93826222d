"""From the records of a capture to its committed statement: the end of the write path, after a crash too.

Every file that is made here is determined by what is handed over and by what lies on the disk already, so that what a
crash cut short is simply done again: a file that is there must hold what would be written.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from muniment import __version__, durable, layout, manifest
from muniment.capture.archive import Archive
from muniment.digest import Digest
from muniment.errors import StoreError
from muniment.fetch.browser.find import Candidate
from muniment.fetch.browser.hand import Hand
from muniment.log.journal import Appended, Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.log.tree import leaf_hash, root
from muniment.model import Kind, Record
from muniment.rules import Rules
from muniment.seal import Signer, dsse
from muniment.seal.keys import KeyRole, load

__all__ = ["TOOL", "Account", "Clock", "Desk", "Signers", "append", "digest_of", "mend_log", "seal", "signers"]

TOOL: Final = "muniment"


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from: the wall for what is claimed, the monotonic one for what is measured."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Signers:
    """The two keys of an archive: the operator's seals statements, the log's signs checkpoints."""

    operator: Signer
    log: Signer


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a capture is made: which archive, with which keys, under which rules, by which clock, in which browser.

    *hand* is asked to act in the browser where a human wants to.
    """

    archive: Archive
    signers: Signers
    rules: Rules
    clock: Clock
    browser: Candidate | None = None
    hand: Hand | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What a capture amounts to, as it is going to be sealed.

    ``files`` are its WARC files and, after a crash, the tails that were set aside, all in their final places.
    """

    description: manifest.Description
    records: Sequence[Record]
    files: Sequence[PurePosixPath]
    context: bytes
    opened: datetime
    closed: datetime
    place: manifest.LogPlace
    recovered: manifest.Recovery | None = None


def signers(archive: Archive, passphrase: bytes | None) -> Signers:
    """Return the keys of *archive*; JobError says what is wrong with them and what to do."""
    return Signers(load(archive.keys, KeyRole.OPERATOR, passphrase), load(archive.keys, KeyRole.LOG, passphrase))


def seal(archive: Archive, held: Signers, account: Account) -> Appended:
    """Complete manifest, context and sums of *account*, seal its statement, and return when its leaf is committed."""
    capture = account.description.capture
    lines = [manifest.encode_description(account.description), *map(manifest.encode_record, account.records)]
    _settle(archive.path(layout.manifest(capture)), b"".join(line + b"\n" for line in lines))
    # The draft says no more than the manifest; removed after it, so that a crash finds one of the two whole.
    durable.remove(archive.path(f"{layout.manifest(capture)}{layout.OPEN_SUFFIX}"))
    _settle(archive.path(layout.context(capture)), account.context)
    paths = [*account.files, layout.manifest(capture), layout.context(capture)]
    subjects = tuple((str(path), digest_of(archive.path(path))) for path in paths)
    _settle(archive.path(layout.sums(capture)), manifest.sums(subjects))
    attempts = sum(line.kind is Kind.ATTEMPT for line in account.records)
    statement = manifest.Statement(
        subjects=subjects,
        capture=capture,
        opened=account.opened,
        closed=account.closed,
        tool=TOOL,
        version=__version__,
        records=len(account.records) - attempts,
        attempts=attempts,
        root=Digest("sha256", root(map(leaf_hash, lines))),
        opening=account.place,
        recovered=account.recovered,
    )
    sealed = dsse.seal(manifest.encode_statement(statement), manifest.PAYLOAD_TYPE, [held.operator])
    durable.create(archive.path(layout.statement(capture)), sealed)
    return append(archive, held, Leaf(LeafType.CAPTURE, capture, Digest.of_bytes(sealed)))


def append(archive: Archive, held: Signers, leaf: Leaf) -> Appended:
    """Append *leaf* to the archive's log under its lock, and return when it is committed."""
    with durable.locked(archive.path(layout.archive_lock())):
        return Journal(archive.root, archive.origin).append(leaf.encode(), held.log, archive.remembered)


def mend_log(archive: Archive, held: Signers) -> None:
    """Finish what a crash left of an append to the archive's log, so that what it shows is there for good."""
    with durable.locked(archive.path(layout.archive_lock())):
        Journal(archive.root, archive.origin).mend(held.log, archive.remembered)


def digest_of(path: Path) -> Digest:
    """Return the digest of the file *path* as the disk gives it back."""
    with durable.uncached(path) as stream:
        return Digest.of(iter(lambda: stream.read(1 << 20), b""))


def _settle(path: Path, content: bytes) -> None:
    """Create *path* with *content*; where a crash left it already, it must hold just that."""
    if not path.exists():
        durable.create(path, content)
    elif path.read_bytes() != content:
        raise StoreError(path, "is there already and does not hold what the records say; nothing was sealed")
