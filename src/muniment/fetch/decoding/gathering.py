"""From the events of a connection's streams to whole exchanges, their bodies in files."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from muniment import canonical, scratch
from muniment.errors import FormatError
from muniment.fetch.decoding.telling import Heard
from muniment.message.events import (
    Body,
    Closed,
    End,
    Ending,
    Endpoint,
    Event,
    GoAway,
    Interim,
    RequestHead,
    ResponseHead,
    Surplus,
    Tunnel,
)
from muniment.message.http2.transliteration import facts
from muniment.message.websocket import WebSocketFrame, WebSocketReader

__all__ = ["Gathering", "Kept"]

_REQUEST: Final = 1 << 20
_SURPLUS: Final = 64 << 10
_HELD: Final = 64 << 10
_MESSAGE: Final = 1 << 20
_FACTS: Final = 4096
_SOCKET_SCHEMES: Final = {"http": "ws", "https": "wss"}


class Kept:
    """A file that grows, of which no descriptor is held: there may be thousands. Beyond *cap* octets are counted."""

    __slots__ = ("_begun", "_held", "_path", "cap", "dropped", "size")

    def __init__(self, path: Path, cap: int) -> None:
        self.size = self.dropped = 0
        self.cap = cap
        self._path = path
        self._held = bytearray()
        self._begun = False

    def write(self, octets: bytes) -> None:
        """Append *octets* as far as the cap allows; StoreError where the disk refuses."""
        taken = octets[: self.cap - self.size]
        self.dropped += len(octets) - len(taken)
        self.size += len(taken)
        self._held += taken
        if len(self._held) > _HELD:
            self._flush()

    def finish(self) -> str:
        """Return the name of the file, which is whole now."""
        self._flush()
        return self._path.name

    def _flush(self) -> None:
        scratch.append(self._path, bytes(self._held), anew=not self._begun)
        self._begun = True
        self._held.clear()


@dataclass(slots=True)
class _Open:
    """An exchange that is under way."""

    head: RequestHead
    url: str
    asked: int
    request: bytearray
    request_dropped: int = 0
    interim: bytearray = field(default_factory=bytearray)
    answer: Kept | None = None
    head_size: int = 0
    answered: int = 0
    last: int = 0
    whole: bool = False
    events: list[Event] = field(default_factory=list)
    messages: "_Messages | None" = None


class _Messages:
    """What passes after a switch of protocols: a line of JSON for each frame of a WebSocket, else for each piece."""

    def __init__(self, kept: Kept, *, frames: bool) -> None:
        self.kept = kept
        self._readers = {each: WebSocketReader(_MESSAGE) for each in Endpoint} if frames else {}

    def take(self, sender: Endpoint, octets: bytes, at: int) -> None:
        """Write what *octets* of *sender* complete."""
        reader = self._readers.get(sender)
        if reader is None:
            self._write({"at": at, "sender": sender.value, "octets": canonical.encode_base64(octets)})
            return
        try:
            for frame in reader.feed(octets):
                self._frame(sender, frame, at)
        except FormatError as fault:
            del self._readers[sender]
            text = canonical.encode_base64(octets)
            self._write({"at": at, "sender": sender.value, "fault": str(fault), "octets": text})

    def finish(self, at: int) -> None:
        """Write what there is of frames that were cut."""
        for sender, reader in self._readers.items():
            for frame in reader.finish():
                self._frame(sender, frame, at)

    def _frame(self, sender: Endpoint, frame: WebSocketFrame, at: int) -> None:
        said: dict[str, object] = {
            "at": at,
            "sender": sender.value,
            "opcode": frame.opcode.name.lower(),
            "final": frame.final,
            "compressed": frame.compressed,
            "size": frame.size,
        }
        try:
            said["text"] = frame.payload.decode("utf-8", "strict")
        except UnicodeDecodeError:
            said["base64"] = canonical.encode_base64(frame.payload)
        self._write(said)

    def _write(self, said: dict[str, object]) -> None:
        line = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        # A line is there whole or not at all; once one was left out, so is everything after it.
        if self.kept.dropped or self.kept.size + len(line) > self.kept.cap:
            self.kept.cap = self.kept.size
        self.kept.write(line)


class Gathering:
    """The exchanges of one connection of *scheme*; what is complete goes to *heard*.

    Files are made in *folder*, named by *connection* and stream; of an answer at most *cap* octets of body are kept.
    """

    def __init__(self, connection: str, scheme: str, protocol: str, folder: Path, cap: int) -> None:
        self.exchanges = 0
        self.surplus = bytearray()
        self.surplus_dropped = 0
        self._connection = connection
        self._scheme = scheme
        self._protocol = protocol
        self._folder = folder
        self._cap = cap
        self._open: dict[int, _Open] = {}

    def take(self, event: Event, at: int, breaks: Callable[[], str]) -> Iterator[Heard]:
        """Take one event that came at microsecond *at*, and yield the exchange that it completes.

        *breaks* says who broke the connection off, for streams that end with it.
        """
        if isinstance(event, RequestHead):
            self._begin(event, at)
            return
        found = None if isinstance(event, GoAway) else self._open.get(event.stream)
        if isinstance(event, Surplus):
            self._beyond(event)
            return
        if found is None:
            return
        if isinstance(event, Closed):
            del self._open[event.stream]
            self.exchanges += 1
            yield self._closed(found, event, at, breaks)
            return
        self._grow(found, event, at)

    def _begin(self, event: RequestHead, at: int) -> None:
        scheme = self._scheme
        if "websocket" in event.protocol.lower():
            scheme = _SOCKET_SCHEMES.get(scheme, scheme)
        url = event.request.target_uri(scheme)
        self._open[event.stream] = _Open(event, url, at, bytearray(event.octets), events=[event])

    def _grow(self, found: _Open, event: Event, at: int) -> None:
        match event:
            case Body(sender=Endpoint.CLIENT):
                room = max(0, _REQUEST + len(found.head.octets) - len(found.request))
                found.request += event.octets[:room]
                found.request_dropped += max(0, len(event.octets) - room)
            case Body() if found.answer is not None:
                found.answer.write(event.octets)
                found.last = at
            case Interim():
                found.interim += event.octets
                self._note(found, event)
            case ResponseHead():
                name = f"{self._connection}-{event.stream}"
                found.answer = Kept(self._folder / name, len(event.octets) + self._cap)
                found.answer.write(event.octets)
                found.head_size, found.answered, found.last = len(event.octets), at, at
                self._note(found, event)
            case Tunnel():
                self._pass(found, event, at)
            case End(sender=Endpoint.SERVER):
                found.whole, found.last = True, at
            case End():
                pass
            case _:
                self._note(found, event)

    def _note(self, found: _Open, event: Event) -> None:
        if self._protocol == "h2" and len(found.events) < _FACTS:
            found.events.append(event)

    def _pass(self, found: _Open, event: Tunnel, at: int) -> None:
        if found.messages is None:
            kept = Kept(self._folder / f"{self._connection}-{event.stream}-messages", self._cap)
            found.messages = _Messages(kept, frames="websocket" in found.head.protocol.lower())
        found.messages.take(event.sender, event.octets, at)
        found.last = at

    def _beyond(self, event: Surplus) -> None:
        if event.sender is Endpoint.SERVER:
            taken = event.octets[: _SURPLUS - len(self.surplus)]
            self.surplus += taken
            self.surplus_dropped += len(event.octets) - len(taken)

    def _closed(self, found: _Open, event: Closed, at: int, breaks: Callable[[], str]) -> Heard:
        self._note(found, event)
        if found.messages is not None:
            found.messages.finish(at)
        ended_by = ""
        if not found.whole and event.ending is Ending.RESET and event.reset_by is not None:
            ended_by = event.reset_by.value
        elif not found.whole and event.ending is Ending.CUT:
            ended_by = breaks()
        said = canonical.encode(facts(found.events)) if self._protocol == "h2" else b""
        return Heard(
            connection=self._connection,
            stream=event.stream,
            protocol=self._protocol,
            url=found.url,
            method=found.head.request.method,
            request=bytes(found.request),
            asked=found.asked,
            request_dropped=found.request_dropped,
            interim=bytes(found.interim),
            body=found.answer.finish() if found.answer else "",
            size=found.answer.size if found.answer else 0,
            dropped=found.answer.dropped if found.answer else 0,
            head_size=found.head_size,
            answered=found.answered,
            last=found.last,
            whole=found.whole,
            ended_by=ended_by,
            fault=event.fault,
            messages=found.messages.kept.finish() if found.messages else "",
            messages_dropped=found.messages.kept.dropped if found.messages else 0,
            facts=said,
        )
