"""An HTTP/2 connection read passively, from the octets of both directions as they crossed the wire (RFC 9113)."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Final

from muniment.errors import FormatError
from muniment.message.endings import Endings
from muniment.message.events import (
    Body,
    Closed,
    Endpoint,
    Event,
    Fields,
    GoAway,
    Interim,
    Oddity,
    RequestHead,
    ResponseHead,
    Surplus,
    Trailers,
    Tunnel,
)
from muniment.message.head import Head, Request, parse_head, parse_request
from muniment.message.http2.blocks import Block, BlockReader
from muniment.message.http2.frame import PREFACE, Flag, Frame, FrameReader, Kind, settings
from muniment.message.http2.transliteration import departures, pseudo, request_octets, response_octets
from muniment.message.response import MAX_INTERIM
from muniment.model import Framing

__all__ = ["MAX_ODDITIES", "Http2Reader"]

MAX_ODDITIES: Final = 1000
"""The most oddities of one connection that are told; later ones would say nothing new."""
_MAX_DETAIL: Final = 1024
# RFC 9113 6.5.2: the settings that change how frames and blocks are read.
_TABLE_SIZE: Final = 1
_FRAME_SIZE: Final = 5


@dataclass(slots=True)
class _Stream:
    """An open stream, as far as its messages have come."""

    request: Request
    head: Head | None = None
    interim: int = 0
    received: dict[Endpoint, int] = field(default_factory=lambda: dict.fromkeys(Endpoint, 0))

    def is_tunnel(self, sender: Endpoint) -> bool:
        """Whether DATA of *sender* are octets of a tunnel (RFC 9113 8.5): the client's from the first."""
        if self.request.method != "CONNECT":
            return False
        return sender is Endpoint.CLIENT if self.head is None else self.head.status < 300


class Http2Reader:
    """Reads one connection; feed it all octets of both directions in the order in which they crossed.

    How the octets of a direction are cut into pieces changes nothing but how bodies are cut. A direction that cannot
    be read further raises FormatError once, and gives no events from there (``cut`` it then); the other reads on.
    What the standard forbids on one stream is an Oddity and harms no other. Bodies pass by and are never held.
    """

    __slots__ = ("_blocks", "_broken", "_endings", "_frames", "_highest", "_oddities", "_streams")

    def __init__(self) -> None:
        self._frames = {Endpoint.CLIENT: FrameReader(PREFACE), Endpoint.SERVER: FrameReader(b"")}
        self._blocks = {endpoint: BlockReader() for endpoint in Endpoint}
        self._streams: dict[int, _Stream] = {}
        self._highest = dict.fromkeys(Endpoint, 0)  # the last stream that each of them opened
        self._endings = Endings()
        self._broken: set[Endpoint] = set()
        self._oddities = 0

    def feed(self, sender: Endpoint, octets: bytes) -> Iterator[Event]:
        """Take in the next *octets* of *sender* and yield what they are.

        Raises FormatError where they are no HTTP/2, cannot be decoded, or are beyond the bounds of a connection.
        """
        if sender in self._broken or self._endings.is_shut(sender):
            return
        try:
            for frame in self._frames[sender].feed(octets):
                yield from self._read(sender, frame)
        except FormatError:
            self._broken.add(sender)
            raise

    def finish(self, sender: Endpoint) -> Iterator[Event]:
        """Take in that *sender* properly closed its direction; a message without END_STREAM is cut all the same."""
        yield from self.cut(sender)

    def cut(self, sender: Endpoint) -> Iterator[Event]:
        """Take in that nothing more comes from *sender*."""
        yield from self._closing(self._endings.shut(sender))

    def _read(self, sender: Endpoint, frame: Frame) -> Iterator[Event]:
        block = self._blocks[sender].take(frame)
        if block is not None:
            yield from self._block(sender, block)
        match frame.kind:
            case Kind.DATA:
                yield from self._data(sender, frame)
            case Kind.RST_STREAM:
                code = _number(frame, 0, 4)
                yield from self._closing(self._endings.reset(frame.stream, sender, code))
            case Kind.SETTINGS if not frame.flags & Flag.ACK:
                for name, value in settings(frame.payload):
                    if name == _TABLE_SIZE:
                        self._blocks[sender.peer].allow(value)
                    elif name == _FRAME_SIZE:
                        self._frames[sender.peer].allow(value)
            case Kind.GOAWAY:
                last = _number(frame, 0, 8) & 0x7FFF_FFFF
                yield GoAway(sender, last, _number(frame, 4, 8), frame.payload[8 : 8 + _MAX_DETAIL])
            case _:
                pass

    def _data(self, sender: Endpoint, frame: Frame) -> Iterator[Event]:
        stream = self._streams.get(frame.stream)
        if stream is None or self._endings.ended(frame.stream, sender):
            if frame.payload:
                yield Surplus(frame.stream, sender, frame.payload)
            return
        if frame.payload:
            stream.received[sender] += len(frame.payload)
            if stream.is_tunnel(sender):
                yield Tunnel(frame.stream, sender, frame.payload)
            elif sender is Endpoint.SERVER and stream.head is None:
                yield Surplus(frame.stream, sender, frame.payload)
            else:
                yield Body(frame.stream, sender, frame.payload)
        if frame.flags & Flag.END_STREAM:
            yield from self._end(frame.stream, sender, stream)

    def _block(self, sender: Endpoint, block: Block) -> Iterator[Event]:
        stream = self._streams.get(block.stream)
        if block.promised is not None:
            yield from self._promise(sender, block, block.promised)
            return
        if stream is None and sender is Endpoint.CLIENT:
            stream = yield from self._begin(block.stream, sender, block)
        elif stream is None or self._endings.ended(block.stream, sender):
            yield from self._odd(block.stream, sender, "fields came on a stream that is not open", block.fields)
            return
        elif sender is Endpoint.SERVER and stream.head is None:
            yield from self._answer(block, stream)
        elif block.ends:
            yield Trailers(block.stream, sender, block.fields)
        else:
            yield from self._odd(block.stream, sender, "fields came within a body", block.fields)
        if block.ends and stream is not None:
            yield from self._end(block.stream, sender, stream)

    def _promise(self, sender: Endpoint, block: Block, number: int) -> Iterator[Event]:
        if sender is Endpoint.CLIENT:
            raise FormatError("the connection", expected="no PUSH_PROMISE from a client", found="one")
        if (yield from self._begin(number, sender, block)) is not None:
            yield from self._endings.end(number, Endpoint.CLIENT)

    def _begin(self, number: int, sender: Endpoint, block: Block) -> Generator[Event, None, _Stream | None]:
        """Open stream *number* with the request in *block*; returns None where that is none."""
        # RFC 9113 5.1.1: a client's streams are odd, a server's even, each above all before it.
        if number % 2 != (sender is Endpoint.CLIENT) or number <= self._highest[sender]:
            yield from self._odd(number, sender, "a request came on a stream that cannot be opened", block.fields)
            return None
        self._highest[sender] = number
        try:
            octets = request_octets(block.fields)
            request = parse_request(octets)
        except FormatError as refusal:
            yield from self._odd(number, sender, str(refusal), block.fields)
            return None
        self._endings.open(number)
        stream = self._streams[number] = _Stream(request)
        protocol = pseudo(block.fields, b":protocol").decode("latin-1")
        promised_on = 0 if block.promised is None else block.stream
        yield RequestHead(number, request, octets, block.fields, protocol, promised_on)
        yield from self._depart(number, sender, block)
        return stream

    def _answer(self, block: Block, stream: _Stream) -> Iterator[Event]:
        """Read *block* as the head of an answer on *stream*, interim or final."""
        try:
            octets = response_octets(block.fields)
            head = parse_head(octets, stream.request.method)
        except FormatError as refusal:
            yield from self._odd(block.stream, Endpoint.SERVER, str(refusal), block.fields)
            return
        if head.status >= 200:
            stream.head = head
            yield ResponseHead(block.stream, head, octets, block.fields)
        elif head.status == 101 or stream.interim == MAX_INTERIM:
            # RFC 9113 8.6: there is no switching of protocols in HTTP/2.
            fault = f"an answer {head.status} came that has no place there, or after {MAX_INTERIM} interim ones"
            yield from self._odd(block.stream, Endpoint.SERVER, fault, block.fields)
        else:
            stream.interim += 1
            yield Interim(block.stream, octets, block.fields)
        yield from self._depart(block.stream, Endpoint.SERVER, block)

    def _end(self, number: int, sender: Endpoint, stream: _Stream) -> Iterator[Event]:
        """End the message of *sender*, with a note where its length contradicts its fields (RFC 9113 8.1.1)."""
        said = stream.request if sender is Endpoint.CLIENT else stream.head
        received = stream.received[sender]
        if said is None:
            yield from self._closing(self._endings.fail(number, "it ended before the head of an answer"))
            return
        if said.framing is Framing.LENGTH and said.length != received:
            yield from self._odd(number, sender, f"content-length is {said.length}, its DATA are {received} octets")
        yield from self._closing(self._endings.end(number, sender))

    def _closing(self, events: Iterator[Event]) -> Iterator[Event]:
        """Pass *events* on and forget the streams that they close."""
        for event in events:
            if isinstance(event, Closed):
                self._streams.pop(event.stream, None)
            yield event

    def _depart(self, number: int, sender: Endpoint, block: Block) -> Iterator[Event]:
        if names := departures(block.fields):
            shown = b", ".join(names)[:200]
            yield from self._odd(number, sender, f"HTTP/1.1 cannot carry these fields as they are: {shown!r}")

    def _odd(self, number: int, sender: Endpoint, fault: str, fields: Fields = ()) -> Iterator[Event]:
        self._oddities += 1
        if self._oddities <= MAX_ODDITIES:
            yield Oddity(number, sender, fault, fields)


def _number(frame: Frame, at: int, least: int) -> int:
    """Return the 32 bits at *at* of the payload of *frame*, which has at least *least* octets."""
    if len(frame.payload) < least:
        where = f"a frame of type {frame.kind} on stream {frame.stream}"
        raise FormatError(where, expected=f"at least {least} octets", found=str(len(frame.payload)))
    return int.from_bytes(frame.payload[at : at + 4], "big")
