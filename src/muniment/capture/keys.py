"""The operator's key over time: a new one takes over, an old one is not to be believed any more; both are logged."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from muniment import __version__, durable, layout, manifest
from muniment.capture import events
from muniment.capture.archive import Archive
from muniment.capture.recovery import unfinished
from muniment.capture.sealing import TOOL, Signers
from muniment.digest import Digest
from muniment.errors import JobError, MunimentError
from muniment.manifest import Agent, Change, Event, KeyChange
from muniment.model import EventType
from muniment.seal import PublicKey, Signer, dsse

__all__ = ["Reign", "lineage", "refuse_busy", "revoke", "rotate"]


@dataclass(frozen=True, slots=True)
class Reign:
    """One key of the operator, and the time in which statements are sealed by it; ``revoked`` since when it is not."""

    key: PublicKey
    since: datetime | None = None
    until: datetime | None = None
    revoked: datetime | None = None


def refuse_busy(archive: Archive) -> None:
    """Raise JobError while a capture is open or an event unlogged: what was begun by one key is ended by it."""
    folder = archive.path(layout.lock("20000101T000000Z-aaaaaa")).parent
    alive = [path.stem for path in folder.glob("*.lock") if durable.held(path)] if folder.is_dir() else []
    if alive:
        raise JobError(f"{', '.join(alive[:3])}: is being captured; change keys when no capture is running")
    if left := (*unfinished(archive), *events.unlogged(archive)):
        raise JobError(f"{', '.join(left[:3])}: was cut short; run `muniment recover` with the present key first")


def rotate(archive: Archive, held: Signers, successor: Signer, now: datetime) -> Event:
    """Log that *successor* is the operator's key from now on, sealed by it and by the present one; return the event.

    One that says the same and is in the log already is returned as it is, so that what a crash cut short can be asked
    for again. Which key is used next is not decided here, nor whom anybody trusts.
    """
    refuse_busy(archive)
    if any(successor.public == each.key for each in lineage(archive, held.operator.public)):
        raise JobError(f"{successor.public.keyid}: is or was this operator's key already; take a new one")
    # 1. The key where others find it: no more than a copy.
    path = layout.public_keys() / f"{successor.public.keyid}.pem"
    if not archive.path(path).exists():
        durable.folder(archive.path(path).parent)
        durable.create(archive.path(path), successor.public.pem.encode())
    # 2. The event: with its leaf the rotation has happened.
    change = KeyChange(Change.ROTATION, held.operator.public.pem, successor=successor.public.pem)
    for event, said, sealed in _changes(archive):
        if said == change and _is_sealed_by(successor.public, sealed):
            return event
    subject = (str(path), Digest.of_bytes(successor.public.pem.encode()))
    event = _event(archive, change, subject, now, "")
    events.record(archive, held, event, also=[successor])
    return event


def revoke(archive: Archive, held: Signers, change: KeyChange, note: str, now: datetime) -> Event:
    """Log the revocation *change*: since when a key may have been in other hands, sealed by the present key.

    JobError for the present key itself: what a key says of itself its thief could have said.
    """
    if change.key == held.operator.public.pem:
        raise JobError("This is the key in use: run `muniment keys rotate` first, then revoke the old one by the new.")
    if change.since is None or change.since > now:
        raise JobError("A key is revoked since a time that lies in the past.")
    key = PublicKey.parse_pem(change.key)
    path = str(layout.public_keys() / f"{key.keyid}.pem")
    event = _event(archive, change, (path, Digest.of_bytes(key.pem.encode())), now, note)
    events.record(archive, held, event)
    return event


def lineage(archive: Archive, current: PublicKey) -> tuple[Reign, ...]:
    """Return the operator's keys, newest first, as the events tell that lead to *current*, each sealed by the next.

    For the archive's own staff, who know that *current* is theirs: nothing that a key outside of that line says counts.
    """
    changes = list(_changes(archive))
    line = [Reign(current)]
    while True:
        newest = line[-1]
        before = next(
            (
                (event, said)
                for event, said, sealed in changes
                if said.successor == newest.key.pem and _is_sealed_by(newest.key, sealed)
            ),
            None,
        )
        if before is None or any(before[1].key == each.key.pem for each in line):
            break
        at = before[0].at.replace(microsecond=0)
        line[-1] = Reign(newest.key, at, newest.until)
        line.append(Reign(PublicKey.parse_pem(before[1].key), None, at + timedelta(seconds=1)))
    revoked: dict[str, datetime] = {}
    for _, said, sealed in changes:
        if said.since is not None and any(_is_sealed_by(each.key, sealed) for each in line):
            revoked[said.key] = min(said.since, revoked.get(said.key, said.since))
    return tuple(Reign(each.key, each.since, each.until, revoked.get(each.key.pem)) for each in line)


def _event(archive: Archive, change: KeyChange, subject: tuple[str, Digest], now: datetime, note: str) -> Event:
    return Event(
        id=events.new_id(now),
        type=EventType.KEY_EVENT,
        at=now,
        agents=(Agent(archive.settings.archive.operator, "operator"),),
        subjects=(subject,),
        outcome="success",
        tool=TOOL,
        version=__version__,
        note=note,
        detail=manifest.encode_key_change(change),
    )


def _changes(archive: Archive) -> Iterator[tuple[Event, KeyChange, bytes]]:
    """Yield the key events of *archive* in the order of their names, and the sealed file of each, not yet verified."""
    for path in sorted(archive.path(layout.events()).glob("[0-9]*/[0-9]*/*.dsse.json")):
        if layout.event_named(PurePosixPath(path.relative_to(archive.root).as_posix())) is None:
            continue
        with suppress(MunimentError):  # `muniment verify` names what is damaged; nothing is concluded from it
            sealed = path.read_bytes()
            event = manifest.decode_event(dsse.unverified_payload(sealed, path), path)
            if event.type is EventType.KEY_EVENT:
                yield event, manifest.decode_key_change(event.detail, path), sealed


def _is_sealed_by(key: PublicKey, sealed: bytes) -> bool:
    try:
        dsse.open(sealed, [key], manifest.PAYLOAD_TYPE)
    except MunimentError:
        return False
    return True
