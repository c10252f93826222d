"""What passed over a connection, fed to a reader in pieces: for the tests of both versions of HTTP."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from muniment.errors import FormatError
from muniment.message.events import Body, Endpoint, Event, Surplus, Tunnel

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
Crossing = list[tuple[Endpoint, bytes]]


class Reader(Protocol):
    def feed(self, sender: Endpoint, octets: bytes) -> Iterator[Event]: ...

    def finish(self, sender: Endpoint) -> Iterator[Event]: ...

    def cut(self, sender: Endpoint) -> Iterator[Event]: ...


def joined(events: Iterable[Event]) -> list[Event]:
    """Return *events* with neighbouring octets of one kind put together: how they were cut is chance."""
    found: list[Event] = []
    for event in events:
        last = found[-1] if found else event
        if (
            isinstance(event, Body | Tunnel | Surplus)
            and isinstance(last, type(event))
            and (last.stream, last.sender) == (event.stream, event.sender)
            and found
        ):
            found[-1] = type(event)(event.stream, event.sender, last.octets + event.octets)
        else:
            found.append(event)
    return found


def octets_of(events: Iterable[Event], sender: Endpoint, kind: type = Body) -> bytes:
    return b"".join(event.octets for event in events if isinstance(event, kind) and event.sender is sender)


def read(
    reader: Reader, crossing: Crossing, *, step: int = 0, closed: bool = True
) -> tuple[list[Event], list[tuple[Endpoint, str]]]:
    """Feed *crossing* in pieces of *step* octets, then close; return the events and who could not be read further."""
    found: list[Event] = []
    broken: list[tuple[Endpoint, str]] = []
    for sender, octets in crossing:
        size = step or len(octets) or 1
        for start in range(0, len(octets), size):
            try:
                found.extend(reader.feed(sender, octets[start : start + size]))
            except FormatError as refusal:
                broken.append((sender, str(refusal)))
    for sender in Endpoint if closed else ():
        found.extend(reader.finish(sender))
    return joined(found), broken
