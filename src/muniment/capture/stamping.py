"""Trusted time on the write path: authorities are asked about a checkpoint, and what is good of it is kept beside it.

No authority is waited for longer than it is given, and none of them can stop anything: whatever is no good token is
pending, with its reason, and counts for nothing.
"""

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from muniment import durable, layout, manifest, timestamp
from muniment.capture.archive import Archive, AuthorityTable
from muniment.capture.sealing import Clock, Desk
from muniment.digest import Digest
from muniment.errors import FetchError, FormatError, IntegrityError, JobError, StoreError, TrustError
from muniment.fetch import authority as office
from muniment.fetch.address import Guard
from muniment.fetch.dial import Surroundings
from muniment.log.journal import Journal
from muniment.rules import Rules

__all__ = [
    "AT_OPENING",
    "TOLERANCE",
    "Authority",
    "Stamped",
    "Terms",
    "authorities",
    "authority",
    "kept",
    "newest",
    "of_desk",
    "pending",
    "stamp",
]

AT_OPENING: Final = 10.0
"""Seconds that a capture waits for the tokens over its opening, for all authorities together."""
TOLERANCE: Final = timedelta(minutes=5)
"""How far an authority's clock and ours may lie apart beyond its accuracy; who is right then, a person decides."""

_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Authority:
    """Whom an archive asks for the time: a name for files and reports, where, and the roots that vouch for it."""

    name: str
    url: str
    roots: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """How authorities are asked: by which rules of addresses and names, by which clock, for how many seconds."""

    rules: Rules
    clock: Clock
    seconds: float


@dataclass(frozen=True, slots=True)
class Stamped:
    """What came of asking one authority about the checkpoint at *size*.

    Either a good token, by its path and digest, with the time that it proves; or ``pending``, why there is none.
    ``sent`` and ``received`` are by our clock, ``date`` is what the server's own clock said over HTTP.
    """

    authority: str
    url: str
    size: int
    pending: str = ""
    path: str = ""
    digest: Digest | None = None
    at: datetime | None = None
    accuracy: timedelta = timedelta(0)
    sent: datetime | None = None
    received: datetime | None = None
    date: datetime | None = None


def authorities(archive: Archive) -> tuple[Authority, ...]:
    """Return the authorities that the settings of *archive* name; JobError for one that cannot be asked."""
    found = tuple(authority(each, archive.root) for each in archive.settings.tsa)
    if len({layout.stem(each.name) for each in found}) != len(found):
        raise JobError(f"{archive.path(layout.SETTINGS)}: two [[tsa]] have names that files could not tell apart")
    return found


def authority(table: AuthorityTable, beside: Path) -> Authority:
    """Return the authority of *table*, whose root is read from its file, relative to *beside*, where it is no PEM."""
    where = f"[[tsa]] {table.name!r}"
    try:
        pem = table.root.encode() if "-----BEGIN" in table.root else _content(beside / table.root)
        roots = timestamp.certificates(pem, where)
    except (FormatError, StoreError) as wrong:
        raise JobError(f"{where}: root is neither PEM certificates nor a file that holds some: {wrong}") from None
    if not any(each.issuer == each.subject for each in roots):
        raise JobError(f"{where}: root holds no root certificate, one that its own subject issued")
    return Authority(table.name, table.url, roots)


def newest(archive: Archive) -> int:
    """Return the number of leaves at the newest checkpoint of *archive*; JobError where there is none."""
    sizes = Journal(archive.root, archive.origin).sizes()
    if not sizes:
        raise JobError(f"{archive.root}: the log is empty, so there is nothing to stamp; capture something first")
    return sizes[-1]


def of_desk(desk: Desk, size: int) -> tuple[Stamped, ...]:
    """Ask the authorities of a capture's archive about the checkpoint at *size*, for ten seconds at most."""
    asked = authorities(desk.archive)
    return stamp(desk.archive, asked, size, Terms(desk.rules, desk.clock, AT_OPENING)) if asked else ()


def stamp(archive: Archive, asked: Sequence[Authority], size: int, terms: Terms) -> tuple[Stamped, ...]:
    """Ask every one of *asked* at once about the checkpoint at *size*, keep what is good, and return what came of it.

    Takes the seconds of *terms* at most. An authority whose good token is there already is not asked again. What the
    disk refuses is pending, too: nothing that was sealed waits for time. Raises JobError where the rules cannot be
    followed, and StoreError where that checkpoint cannot be read.
    """
    Guard(terms.rules)  # refuses rules that cannot be followed
    checkpoint = Journal(archive.root, archive.origin).checkpoint_at(size)
    done: dict[int, Stamped] = {}

    def ask(number: int, each: Authority) -> None:
        try:
            there = _there(archive, each, size, checkpoint)
            done[number] = there or _asked(_Question(archive, each, size, checkpoint), terms)
        except StoreError as failure:
            done[number] = Stamped(each.name, each.url, size, pending=f"it could not be kept: {failure}")

    threads = [threading.Thread(target=ask, args=each, name="stamp", daemon=True) for each in enumerate(asked)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = tuple(done[number] for number in range(len(asked)))
    with suppress(StoreError):
        _remember(archive, found)
    return found


def pending(archive: Archive) -> tuple[Stamped, ...]:
    """Return what authorities refused when they were asked last; nothing where that is not known."""
    try:
        said = json.loads(_content(archive.path(layout.pending_stamps())))
        return tuple(Stamped(each["tsa"], each["url"], int(each["size"]), str(each["reason"])) for each in said)
    except (StoreError, ValueError, TypeError, KeyError):
        return ()


@dataclass(frozen=True, slots=True)
class _Question:
    archive: Archive
    authority: Authority
    size: int
    checkpoint: bytes


def _asked(question: _Question, terms: Terms) -> Stamped:
    archive, each, size = question.archive, question.authority, question.size
    clock = terms.clock
    around = Surroundings(lambda: durable.spool(archive.path(layout.WORK)), clock.now, clock.monotonic)
    replies: list[office.Reply] = []

    def post(url: str, octets: bytes) -> bytes:
        replies.append(office.post(url, octets, terms.rules, terms.seconds, around))
        return replies[0].octets

    try:
        answered = timestamp.ask(question.checkpoint, each.url, each.roots, post)
        _refuse_far(answered.proved, replies[0], each.url)
    except (FetchError, FormatError, IntegrityError, TrustError) as wrong:
        return Stamped(each.name, each.url, size, pending=str(wrong).removeprefix(f"{each.url}: "))
    _keep(archive, each, size, answered)
    reply = replies[0]
    made = _described(archive, each, size, answered.proved)
    return replace(made, sent=reply.sent, received=reply.received, date=reply.date)


def _refuse_far(proved: timestamp.Proved, reply: office.Reply, url: str) -> None:
    """Raise IntegrityError where the time of the token is not the time at which it was asked for."""
    spread = proved.accuracy + TOLERANCE
    if not reply.sent - spread <= proved.at <= reply.received + spread:
        raise IntegrityError(
            url,
            expected=f"a time near that of this machine, {manifest.timestamp(reply.received)}",
            found=f"{manifest.timestamp(proved.at)}; one of the two clocks is wrong: if it is this one, set it",
        )


def _keep(archive: Archive, each: Authority, size: int, answered: timestamp.Answered) -> None:
    """Write the request, the chain, and last the untouched answer, which is what counts."""
    proved = answered.proved
    path = archive.path(layout.token(archive.origin, size, layout.stem(each.name), proved.token.digest.hex))
    durable.folder(path.parent)
    durable.create(path.with_suffix(".tsq"), answered.request.octets)
    durable.create(path.with_suffix(".pem"), timestamp.pem(proved.chain))
    durable.create(path, proved.token.octets)


def _described(archive: Archive, each: Authority, size: int, proved: timestamp.Proved) -> Stamped:
    digest = proved.token.digest
    return Stamped(
        authority=each.name,
        url=each.url,
        size=size,
        path=str(layout.token(archive.origin, size, layout.stem(each.name), digest.hex)),
        digest=digest,
        at=proved.at,
        accuracy=proved.accuracy,
    )


def _there(archive: Archive, each: Authority, size: int, checkpoint: bytes) -> Stamped | None:
    """Return the good token of *each* that is kept already; a damaged one is as good as none, and verify names it."""
    folder, stem = archive.path(layout.stamps(archive.origin, size)), layout.stem(each.name)
    for path in sorted(folder.glob(f"{stem}-*.tsr")) if folder.is_dir() else ():
        if path.name != f"{stem}-{layout.token_digest(path.name)}.tsr":  # that of another, longer name
            continue
        with suppress(StoreError, FormatError, IntegrityError, TrustError):
            octets = _content(path)
            if Digest.of_bytes(octets).hex == layout.token_digest(path.name):
                beside = timestamp.certificates(_content(path.with_suffix(".pem")), path)
                proved = timestamp.verified(timestamp.read(octets, path), checkpoint, each.roots, beside=beside)
                return _described(archive, each, size, proved)
    return None


def _remember(archive: Archive, found: Sequence[Stamped]) -> None:
    """Keep what is pending where staff are told of it; what was refused before by others than these stays."""
    names = {each.authority for each in found}
    held = [each for each in pending(archive) if each.authority not in names] + [each for each in found if each.pending]
    path = archive.path(layout.pending_stamps())
    if not held and not path.exists():
        return
    said: list[dict[str, Any]] = [
        {"tsa": each.authority, "url": each.url, "size": each.size, "reason": each.pending} for each in held
    ]
    durable.replace(path, json.dumps(said, indent=1).encode() + b"\n", mode=0o600)


def kept(archive: Archive, size: int) -> tuple[Digest, ...]:
    """Return the digests of the tokens that are kept, whole, over the checkpoint at *size*."""
    folder = archive.path(layout.stamps(archive.origin, size))
    found = []
    for path in sorted(folder.glob("*.tsr")) if folder.is_dir() else ():
        with suppress(StoreError):
            digest = Digest.of_bytes(_content(path))
            found += [digest] if digest.hex == layout.token_digest(path.name) else []
    return tuple(found)


def _content(path: Path) -> bytes:
    with durable.opened(path) as stream:
        return stream.read(_LARGEST)
