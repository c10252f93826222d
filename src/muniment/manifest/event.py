"""Events: what happened to preserved objects, sealed like a capture's statement (in-toto Statement v1, by seal.dsse).

The terms are those of PREMIS 3 (eventType, eventDateTime, eventOutcome, linkingAgent, linkingObject).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.manifest.moment import instant, timestamp
from muniment.manifest.statement import decode_sealed, encode_sealed
from muniment.model import EventType

__all__ = ["EVENT_PREDICATE", "Agent", "Event", "decode_event", "encode_event"]

EVENT_PREDICATE: Final = "urn:uuid:d4eb5442-160b-47fe-bc80-a1558dc46bb9"

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Agent:
    """Who had a part in an event (PREMIS linkingAgent): a name, which may be a pseudonym, and the part."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Event:
    """One event: when, what, by whom, to which objects, how it ended.

    ``subjects`` are the objects by name and digest: sealed statements, mostly. ``detail`` is what this type of event
    says besides, a JSON object by the table in docs/formats.md. ``note`` is a person's own words.
    """

    id: str
    type: EventType
    at: datetime
    agents: tuple[Agent, ...]
    subjects: tuple[tuple[str, Digest], ...]
    outcome: str
    tool: str
    version: str
    note: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def encode_event(event: Event) -> bytes:
    """Return the statement that is sealed about *event*."""
    predicate = {
        "v": _VERSION,
        "event": event.id,
        "type": event.type.value,
        "at": timestamp(event.at),
        "agents": [{"name": agent.name, "role": agent.role} for agent in event.agents],
        "outcome": event.outcome,
        "tool": {"name": event.tool, "version": event.version},
        "note": event.note,
        "detail": dict(event.detail),
    }
    return encode_sealed(event.subjects, EVENT_PREDICATE, predicate)


def decode_event(payload: bytes, where: object) -> Event:
    """Return what the payload of an opened event says; FormatError as everywhere in this package."""
    subjects, found = decode_sealed(payload, EVENT_PREDICATE, where)
    tool = found.nested("tool")
    event = Event(
        id=found.take("event", str),
        type=found.choice("type", EventType),
        at=instant(found.take("at", str), where),
        agents=tuple(_agent(each, where) for each in found.take("agents", list)),
        subjects=subjects,
        outcome=found.take("outcome", str),
        tool=tool.take("name", str),
        version=tool.take("version", str),
        note=found.take("note", str),
        detail=found.take("detail", dict),
    )
    found.finish(encode_event(event), payload)
    return event


def _agent(value: object, where: object) -> Agent:
    match value:
        case {"name": str(name), "role": str(role)}:
            return Agent(name, role)
    raise FormatError(where, expected="agents with a name and a role", found=repr(value)[:80])
