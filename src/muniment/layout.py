"""Names to paths and back: where everything lies in an archive, as pure arithmetic.

Paths are relative to the archive's root and written with ``/``, as they stand in statements and in SHA256SUMS.
"""

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from muniment.errors import FormatError

__all__ = [
    "INDEX",
    "OPEN_SUFFIX",
    "SETTINGS",
    "WORK",
    "archive_lock",
    "browsing",
    "capture_id",
    "checkpoint",
    "checkpoint_at",
    "claims",
    "context",
    "cosignatures",
    "event",
    "event_id",
    "event_list",
    "event_named",
    "event_unfinished",
    "events",
    "events_lock",
    "evidence",
    "is_beside_log",
    "is_capture",
    "is_event",
    "is_torn",
    "lock",
    "log",
    "logs",
    "manifest",
    "opened_at",
    "opening",
    "pending_stamps",
    "public_keys",
    "stamps",
    "statement",
    "stem",
    "sums",
    "tile",
    "token",
    "token_digest",
    "torn",
    "unlogged",
    "warc",
]

SETTINGS: Final = PurePosixPath("muniment.toml")
INDEX: Final = PurePosixPath("index.db")
WORK: Final = PurePosixPath("work")
OPEN_SUFFIX: Final = ".open"
"""What a file is called while it is being written: ``<name>.open``; the finished file drops it by rename."""

_CAPTURE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[a-z2-7]{6}", re.ASCII)
_EVENT: Final = "event-"
_SEALED: Final = ".dsse.json"
_WRITING: Final = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")
_STAMP: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,39})-([0-9a-f]{64})\.(?:tsr|tsq|pem)", re.ASCII)
_ORIGIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")


def capture_id(opened: datetime, chance: bytes) -> str:
    """Return the id of a capture opened at *opened* (aware): UTC second and six base32 letters of *chance*.

    *chance* is at least four random bytes.
    """
    number = int.from_bytes(chance[:4], "big")
    letters = "".join("abcdefghijklmnopqrstuvwxyz234567"[number >> shift & 31] for shift in range(0, 30, 5))
    return f"{opened.astimezone(UTC):%Y%m%dT%H%M%SZ}-{letters}"


def opened_at(capture: str) -> datetime:
    """Return the UTC second in which *capture* was opened, as its id says; FormatError when it is no capture id."""
    match = _CAPTURE.fullmatch(capture)
    try:
        if match:
            return datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        pass
    raise FormatError("capture id", expected="one like 20241210T093012Z-k7f3qa", found=repr(capture[:60]))


def is_capture(name: str) -> bool:
    """Say whether *name* is the id of a capture."""
    try:
        opened_at(name)
    except FormatError:
        return False
    return True


def _dated(top: str, capture: str) -> PurePosixPath:
    opened = opened_at(capture)
    return PurePosixPath(top, f"{opened:%Y}", f"{opened:%m}", f"{opened:%d}", capture)


def evidence(capture: str) -> PurePosixPath:
    """Return the folder of the WARC files of *capture*."""
    return _dated("archive", capture)


def claims(capture: str) -> PurePosixPath:
    """Return the folder of what is claimed about *capture*: manifest, context, statements."""
    return _dated("manifests", capture)


def warc(capture: str, number: int) -> PurePosixPath:
    """Return the path of WARC file *number* (from 0) of *capture*."""
    return evidence(capture) / f"{capture}-{number:05d}.warc.gz"


def opening(capture: str) -> PurePosixPath:
    """Return the path of the statement that was sealed before the first packet."""
    return claims(capture) / "open.dsse.json"


def manifest(capture: str) -> PurePosixPath:
    """Return the path of the complete list of records and failed attempts."""
    return claims(capture) / "manifest.jsonl"


def context(capture: str) -> PurePosixPath:
    """Return the path of the private context: operator, host, network, settings, clock, tools."""
    return claims(capture) / "context.json"


def statement(capture: str) -> PurePosixPath:
    """Return the path of the sealed statement."""
    return claims(capture) / "statement.dsse.json"


def sums(capture: str) -> PurePosixPath:
    """Return the path of the statement's subjects in the form of sha256sum."""
    return claims(capture) / "SHA256SUMS"


def torn(path: PurePosixPath, offset: int) -> PurePosixPath:
    """Return where recovery sets aside what a crash left of *path* beyond *offset*: bytes that are no whole record."""
    return path.with_name(f"{path.name}.torn-{offset}")


def is_torn(path: PurePosixPath, capture: str) -> bool:
    """Say whether *path* is the name of a tail that was set aside of one of the files of *capture*."""
    name, mark, offset = path.name.rpartition(".torn-")
    if not mark or not re.fullmatch(r"0|[1-9][0-9]{0,17}", offset):
        return False
    warc_name = re.fullmatch(re.escape(capture) + r"-[0-9]{5}\.warc\.gz", name)
    return path.parent == (evidence(capture) if warc_name else claims(capture)) and bool(
        warc_name or name == manifest(capture).name
    )


def lock(capture: str) -> PurePosixPath:
    """Return the path of the lock that the process holds in which *capture* lives."""
    return WORK / "captures" / f"{capture}.lock"


def browsing(capture: str) -> PurePosixPath:
    """Return the folder of the browser of *capture*: profile, spools, and the key log while it is needed."""
    return WORK / "browsers" / capture


def archive_lock() -> PurePosixPath:
    """Return the path of the lock that is held while the log or the index is written."""
    return WORK / "lock"


def events_lock() -> PurePosixPath:
    """Return the path of the lock that is held from the sealing of an event until the log holds it."""
    return WORK / "events.lock"


def event_id(at: datetime, chance: bytes) -> str:
    """Return the id of an event at *at* (aware): what :func:`capture_id` gives, behind ``event-``."""
    return _EVENT + capture_id(at, chance)


def is_event(name: str) -> bool:
    """Say whether *name* is the id of an event."""
    return name.startswith(_EVENT) and is_capture(name.removeprefix(_EVENT))


def events() -> PurePosixPath:
    """Return the folder of all sealed events."""
    return PurePosixPath("manifests/events")


def event(name: str) -> PurePosixPath:
    """Return the path of the sealed event *name*; FormatError when that is no id of an event."""
    if not is_event(name):
        raise FormatError("event id", expected="one like event-20241210T093012Z-k7f3qa", found=repr(name[:60]))
    at = opened_at(name.removeprefix(_EVENT))
    return events() / f"{at:%Y}" / f"{at:%m}" / f"{name}{_SEALED}"


def event_named(path: PurePosixPath) -> str | None:
    """Return the id of the event whose sealed file *path* is; None where it is no such file in its place."""
    name = path.name.removesuffix(_SEALED)
    return name if is_event(name) and path == event(name) else None


def event_unfinished(path: PurePosixPath) -> str | None:
    """Return the id of the event that was being written as *path*: unlogged, or not yet under that name."""
    match = _WRITING.fullmatch(path.name)
    written = path.with_name(match[1]) if match else path
    name = written.name.removesuffix(OPEN_SUFFIX).removesuffix(_SEALED)
    return name if is_event(name) and written == unlogged(name) else None


def unlogged(name: str) -> PurePosixPath:
    """Return where the sealed event *name* lies until the log holds it."""
    path = event(name)
    return path.with_name(path.name + OPEN_SUFFIX)


def event_list(name: str, algorithm: str) -> PurePosixPath:
    """Return the path of the list, in the form of sha256sum, that belongs to the renewal *name*."""
    return event(name).with_name(f"{name}.{algorithm}")


def logs() -> PurePosixPath:
    """Return the folder of all logs."""
    return PurePosixPath("manifests/logs")


def public_keys() -> PurePosixPath:
    """Return the folder of public keys; they are for convenience and are never trusted."""
    return PurePosixPath("manifests/keys")


def log(origin: str) -> PurePosixPath:
    """Return the folder of the log *origin*; FormatError when the origin could not be a folder's name."""
    if not _ORIGIN.fullmatch(origin):
        raise FormatError("log origin", expected="1 to 63 of a-z 0-9 . - (no slash)", found=repr(origin[:80]))
    return logs() / origin


def checkpoint(origin: str) -> PurePosixPath:
    """Return the path of the newest checkpoint of *origin*; a copy, replaced at each append."""
    return log(origin) / "checkpoint"


def checkpoint_at(origin: str, size: int) -> PurePosixPath:
    """Return the path of the checkpoint of *origin* at *size* leaves: written once, the commit point."""
    return log(origin) / "checkpoints" / str(size)


def cosignatures(origin: str, size: int) -> PurePosixPath:
    """Return the folder of what witnesses signed of the checkpoint of *origin* at *size* leaves."""
    return log(origin) / "checkpoints" / f"{size}.cosig"


def is_beside_log(path: PurePosixPath) -> bool:
    """Say whether *path*, below a log's folder, is something that others said of the log: a time-stamp, a cosignature.

    They are no part of the log, can come at any time, and stand by what they sign alone.
    """
    parts = path.parts
    return parts[:1] == ("stamps",) or (len(parts) == 3 and parts[0] == "checkpoints" and parts[1].endswith(".cosig"))


def stamps(origin: str, size: int) -> PurePosixPath:
    """Return the folder of the time-stamps over the file of the checkpoint of *origin* at *size* leaves."""
    return log(origin) / "stamps" / str(size)


def token(origin: str, size: int, authority: str, digest: str) -> PurePosixPath:
    """Return the path of the token of *authority* (what :func:`stem` gives) whose file has the SHA-256 *digest*."""
    return stamps(origin, size) / f"{authority}-{digest}.tsr"


def stem(authority: str) -> str:
    """Return how files name *authority*: its name in lowercase letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", authority.lower()).strip("-")[:40].strip("-") or "tsa"


def token_digest(name: str) -> str:
    """Return the digest that *name*, of a token, a request or a chain, carries; empty where it is no such name."""
    match = _STAMP.fullmatch(name)
    return match[1] if match else ""


def pending_stamps() -> PurePosixPath:
    """Return the path of what the authorities refused last, and why: no evidence, only so that staff are told."""
    return WORK / "pending-stamps.json"


def tile(level: int | str, number: int, width: int = 256) -> PurePosixPath:
    """Return the path below a log's folder of tile *number* at *level* (``"entries"`` for entry bundles).

    C2SP tlog-tiles: the number in groups of three digits, all but the last led by ``x``; a partial tile of
    *width* below 256 carries ``.p/<width>``.
    """
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03d}")
    path = PurePosixPath("tile", str(level), *parts)
    return path if width == 256 else path.with_name(path.name + ".p") / str(width)
