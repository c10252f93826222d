"""What happens to captures after they were sealed: events of custody, made from what lies in the archive."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from muniment import __version__, durable, layout, manifest
from muniment.capture import events
from muniment.capture.archive import Archive
from muniment.capture.sealing import TOOL, Signers, digest_of
from muniment.digest import Digest
from muniment.errors import FormatError, JobError, MunimentError
from muniment.log.journal import Journal
from muniment.manifest import Acceptance, Agent, Event, Hold
from muniment.model import EventType
from muniment.seal import dsse

__all__ = ["Deed", "accept", "checked", "deletable", "record"]

_SENT: Final = frozenset({EventType.TRANSFER, EventType.REPLICATION})
_LARGEST: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be recorded: the type, who had a part besides the operator, to whom it went, which hold it lifts."""

    type: EventType
    agents: tuple[Agent, ...] = ()
    to: str = ""
    lifts: str = ""
    outcome: str = "success"
    note: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def record(archive: Archive, held: Signers, deed: Deed, captures: Sequence[str], now: datetime) -> Event:
    """Record *deed* about *captures* and return the event; a deletion is told here, and its bytes are left alone.

    JobError for what cannot be: a capture without a statement, a transfer to nobody, a deletion under a legal hold.
    """
    if bool(deed.to) != (deed.type in _SENT):
        raise JobError(f"A {deed.type} " + ("needs to whom (--to NAME)" if deed.type in _SENT else "goes to nobody"))
    subjects = [_statement(archive, capture) for capture in captures]
    detail: Mapping[str, Any] = deed.detail
    if deed.type in _SENT:
        detail = {"to": deed.to}
    elif deed.type is EventType.LEGAL_HOLD:
        detail = Hold(deed.lifts).detail()
        if deed.lifts and deed.lifts not in {event.id for event in _holds(archive, set(subjects))}:
            raise JobError(f"{deed.lifts}: places no legal hold on these captures that could be lifted")
    elif deed.type is EventType.DELETION:
        if forbids := [event.id for event in _holds(archive, set(subjects))]:
            raise JobError(f"{', '.join(forbids)}: a legal hold forbids it; it has to be lifted first")
        subjects += [each for capture in captures for each in deletable(archive, capture)]
    agents = [Agent(archive.settings.archive.operator, "operator"), *deed.agents]
    if deed.to:
        agents.append(Agent(deed.to, "receiver"))
    event = Event(
        id=events.new_id(now),
        type=deed.type,
        at=now,
        agents=tuple(agents),
        subjects=tuple(subjects),
        outcome=deed.outcome,
        tool=TOOL,
        version=__version__,
        note=deed.note,
        detail=detail,
    )
    events.record(archive, held, event)
    return event


def checked(archive: Archive, held: Signers, outcome: str, detail: Mapping[str, Any], now: datetime) -> Event:
    """Record a fixity check of the whole archive, up to the newest checkpoint of its log, which is its subject."""
    size = max(Journal(archive.root, archive.origin).sizes(), default=0)
    if not size:
        raise JobError("There is nothing in the log yet, so nothing was checked.")
    path = layout.checkpoint_at(archive.origin, size)
    event = Event(
        id=events.new_id(now),
        type=EventType.FIXITY_CHECK,
        at=now,
        agents=(Agent(archive.settings.archive.operator, "operator"),),
        subjects=((str(path), digest_of(archive.path(path))),),
        outcome=outcome,
        tool=TOOL,
        version=__version__,
        detail=detail,
    )
    events.record(archive, held, event)
    return event


def deletable(archive: Archive, capture: str) -> tuple[tuple[str, Digest], ...]:
    """Return the files of *capture* that may be deleted, the WARC files, with the digests that were sealed."""
    path = layout.statement(capture)
    said = manifest.decode_statement(dsse.unverified_payload(archive.path(path).read_bytes(), path), path)
    folder = layout.evidence(capture)
    return tuple((name, digest) for name, digest in said.subjects if PurePosixPath(name).parent == folder)


def accept(archive: Archive, held: Signers, paper: bytes, now: datetime) -> Event:
    """Record that the transfer of which *paper* tells was accepted, and return the event that keeps the paper.

    The receiver gives the sender's sealed transfer: the event names what of it is here. The sender gives the
    receiver's sealed acceptance, which must be of a transfer that was recorded here. Whose seal the paper bears is not
    looked at: `muniment verify` does, by the trust of whoever verifies.
    """
    where = "the paper"
    if len(paper) > _LARGEST:
        raise FormatError(where, expected="a sealed event", found=f"{len(paper)} octets")
    said = manifest.decode_event(dsse.unverified_payload(paper, where), where)
    digest = Digest.of_bytes(paper)
    subjects = [(f"{said.id}.dsse.json", digest)]
    if said.type is EventType.TRANSFER:
        acceptance = Acceptance(said.id, digest, paper.decode("ascii"))
        subjects += _arrived(archive, said)
    elif said.type is EventType.ACCEPTANCE:
        acceptance = replace(_returned(archive, said, where), paper=paper.decode("ascii"))
    else:
        raise JobError(f"{said.id}: is a {said.type}; only a transfer, or the acceptance of one, can be accepted")
    other = next((agent.name for agent in said.agents if agent.role == "operator"), "unnamed")
    event = Event(
        id=events.new_id(now),
        type=EventType.ACCEPTANCE,
        at=now,
        agents=(Agent(archive.settings.archive.operator, "operator"), Agent(other, "other side")),
        subjects=tuple(subjects),
        outcome="success",
        tool=TOOL,
        version=__version__,
        detail=acceptance.detail(),
    )
    events.record(archive, held, event)
    return event


def _arrived(archive: Archive, transfer: Event) -> list[tuple[str, Digest]]:
    if found := [each for each in transfer.subjects if _is_here(archive, *each)]:
        return found
    raise JobError(
        "Nothing of what was transferred is in this archive: copy the captures and their log into it first, or go to "
        "the archive that holds them."
    )


def _returned(archive: Archive, said: Event, where: str) -> Acceptance:
    other = manifest.acceptance(said, where)
    own = archive.path(layout.event(other.transfer))
    if not own.is_file() or digest_of(own) != other.sealed:
        raise JobError(f"{other.transfer}: no such transfer was recorded in this archive, or it was another one")
    return other


def _statement(archive: Archive, capture: str) -> tuple[str, Digest]:
    if not layout.is_capture(capture):
        raise JobError(f"{capture}: is no id of a capture; `muniment list` shows them")
    path = layout.statement(capture)
    if not archive.path(path).is_file():
        raise JobError(f"{capture}: has no sealed statement in this archive; `muniment list` shows what there is")
    return str(path), digest_of(archive.path(path))


def _is_here(archive: Archive, name: str, digest: Digest) -> bool:
    path = PurePosixPath(name)
    if not layout.is_capture(path.parent.name) or path != layout.statement(path.parent.name):
        return False
    where = archive.path(path)
    return where.is_file() and not where.is_symlink() and digest_of(where) == digest


def _holds(archive: Archive, subjects: set[tuple[str, Digest]]) -> Iterator[Event]:
    """Yield the legal holds on any of *subjects* that are not lifted, whoever sealed them: on the safe side."""
    placed: dict[str, Event] = {}
    lifted: set[str] = set()
    for path in sorted(archive.path(layout.events()).glob("[0-9]*/[0-9]*/*.dsse.json")):
        try:
            with durable.opened(path) as stream:
                event = manifest.decode_event(dsse.unverified_payload(stream.read(), path), path)
            if event.type is not EventType.LEGAL_HOLD:
                continue
            said = manifest.hold(event, path)
        except MunimentError:
            continue  # `muniment verify` names what is damaged
        if said.lifted:
            lifted.add(said.lifted)
        elif subjects & set(event.subjects):
            placed[event.id] = event
    yield from (event for name, event in placed.items() if name not in lifted)
