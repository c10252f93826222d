"""An HTTP/1.1 connection read passively, from the octets of both directions as they crossed the wire (RFC 9112)."""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

from muniment.errors import FormatError
from muniment.message.body import BodyReader
from muniment.message.chunked import End as Extent
from muniment.message.endings import Endings
from muniment.message.events import (
    Body,
    Endpoint,
    Event,
    Interim,
    Oddity,
    RequestHead,
    ResponseHead,
    Surplus,
    Tunnel,
)
from muniment.message.head import MAX_HEAD, Request, end_of_head, parse_request
from muniment.message.response import Part, ResponseReader

__all__ = ["Http1Reader"]

# Whoever takes the events caps what is kept; the reader itself holds no body.
_UNCAPPED: Final = 1 << 62
_LINE_ENDS: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request whose answer is awaited."""

    stream: int
    request: Request
    answer: ResponseReader

    @property
    def may_switch(self) -> bool:
        """Whether its answer may end HTTP on this connection (RFC 9110 7.8 and 9.3.6)."""
        return self.request.method == "CONNECT" or bool(self.request.members("Upgrade"))

    @property
    def switched(self) -> bool:
        """Whether it did."""
        head = self.answer.head
        connected = self.request.method == "CONNECT" and head is not None and head.status < 300
        return connected or (head is not None and head.status == 101)


class Http1Reader:
    """Reads one connection; feed it all octets of both directions in the order in which they crossed.

    How the octets of a direction are cut into pieces changes nothing but how bodies are cut. Laid end to end, the
    octets of one direction's events are the octets that were fed. A direction that cannot be read further raises
    FormatError once, and all its octets are Surplus from there (``cut`` it then); the other reads on. Where octets of
    the client waited for the answer to a switch and prove to be no HTTP, an Oddity says so instead.
    """

    __slots__ = ("_asking", "_awaited", "_broken", "_endings", "_held", "_request", "_searched", "_stream", "_tunnel")

    def __init__(self) -> None:
        self._stream = 0
        self._held = bytearray()  # of the client: an unfinished head, or what waits for the answer to a switch
        self._searched = 0
        self._asking = 0  # the stream whose request's body is under way
        self._request: BodyReader | None = None
        self._awaited: deque[_Asked] = deque()
        self._tunnel = 0
        self._broken: set[Endpoint] = set()
        self._endings = Endings()

    def feed(self, sender: Endpoint, octets: bytes) -> Iterator[Event]:
        """Take in the next *octets* of *sender* and yield what they are.

        Raises FormatError where they are no HTTP/1, a head is beyond its bounds, or too many requests are open.
        """
        if not octets:
            return
        if sender in self._broken or self._endings.is_shut(sender):
            yield Surplus(self._nearest(sender), sender, octets)
        elif self._tunnel:
            yield Tunnel(self._tunnel, sender, octets)
        else:
            try:
                yield from self._of_client(octets) if sender is Endpoint.CLIENT else self._of_server(octets)
            except FormatError:
                self._broken.add(sender)
                yield from self._unfinished(sender)
                raise

    def finish(self, sender: Endpoint) -> Iterator[Event]:
        """Take in that *sender* properly closed its direction: the end of a body that has no other, else a cut."""
        if self._endings.is_shut(sender):
            return
        if self._tunnel and sender not in self._broken:
            yield from self._endings.end(self._tunnel, sender)
        elif sender is Endpoint.SERVER and self._awaited:
            self._awaited[0].answer.finish()
            yield from self._end_answer()
        yield from self.cut(sender)

    def cut(self, sender: Endpoint) -> Iterator[Event]:
        """Take in that nothing more comes from *sender*, and that it did not say so properly."""
        if not self._endings.is_shut(sender):
            yield from self._unfinished(sender)
            yield from self._endings.shut(sender)
            if sender is Endpoint.SERVER:
                self._awaited.clear()

    def _unfinished(self, sender: Endpoint) -> Iterator[Event]:
        """Give up what is held of a head of *sender* that never became whole."""
        held = self._held
        if sender is Endpoint.SERVER:
            held = self._awaited[0].answer.pending if self._awaited else bytearray()
        if held:
            yield Surplus(self._nearest(sender), sender, bytes(held))
            held.clear()

    def _nearest(self, sender: Endpoint) -> int:
        """Return the stream to which octets of *sender* that belong to none are counted."""
        return self._awaited[0].stream if self._awaited and sender is Endpoint.SERVER else self._stream

    def _of_client(self, octets: bytes) -> Iterator[Event]:
        while octets:
            if self._request is not None:
                taken = self._request.feed(octets)
                yield Body(self._asking, Endpoint.CLIENT, octets[:taken])
                octets = octets[taken:]
                yield from self._end_request()
                continue
            self._held += octets
            if self._awaited and self._awaited[-1].may_switch:
                if len(self._held) > MAX_HEAD:
                    raise FormatError("the request", expected="an answer to the switch of protocols", found="none")
                return
            octets = yield from self._request_head()

    def _request_head(self) -> Generator[Event, None, bytes]:
        """Read one head off what is held; returns the octets after it."""
        # RFC 9112 2.2: empty lines before a request are passed over.
        lines = len(self._held) - len(self._held.lstrip(_LINE_ENDS))
        if lines:
            yield Surplus(self._stream, Endpoint.CLIENT, bytes(self._held[:lines]))
            del self._held[:lines]
        size = end_of_head(self._held, self._searched)
        if (len(self._held) if size < 0 else size) > MAX_HEAD:
            raise FormatError("the request's head", expected=f"at most {MAX_HEAD} octets", found="more")
        self._searched = 0 if size >= 0 else len(self._held) - 2
        if size < 0:
            return b""
        head = bytes(self._held[:size])
        request = parse_request(head)
        self._endings.open(self._stream + 1)
        self._stream = self._asking = self._stream + 1
        upgrade = request.members("Upgrade")
        if not self._endings.is_shut(Endpoint.SERVER):
            self._awaited.append(_Asked(self._stream, request, ResponseReader(request.method, _UNCAPPED, upgrade)))
        self._request = BodyReader(request.framing, request.length, _UNCAPPED)
        rest = bytes(self._held[size:])
        self._held.clear()
        yield RequestHead(self._stream, request, head, protocol=", ".join(upgrade))
        yield from self._end_request()
        return rest

    def _end_request(self) -> Iterator[Event]:
        """End the request whose body has come whole."""
        if self._request is not None and self._request.end is Extent.WHOLE:
            self._request = None
            yield from self._endings.end(self._asking, Endpoint.CLIENT)

    def _of_server(self, octets: bytes) -> Iterator[Event]:
        while octets:
            if self._tunnel:
                yield Tunnel(self._tunnel, Endpoint.SERVER, octets)
                return
            if not self._awaited:
                yield Surplus(self._stream, Endpoint.SERVER, octets)
                return
            octets = yield from self._answer(self._awaited[0], octets)

    def _answer(self, asked: _Asked, octets: bytes) -> Generator[Event, None, bytes]:
        """Read *octets* as those of the answer to *asked*; returns what lies beyond its end."""
        rest = b""
        for part, piece in asked.answer.feed(octets):
            match part:
                case Part.INTERIM:
                    yield Interim(asked.stream, piece)
                case Part.HEAD if asked.answer.head is not None:
                    yield ResponseHead(asked.stream, asked.answer.head, piece)
                case Part.BODY:
                    yield Body(asked.stream, Endpoint.SERVER, piece)
                case _:
                    rest = piece
        yield from self._end_answer()
        return rest

    def _end_answer(self) -> Iterator[Event]:
        """End the answer that has come whole, and let the client's octets go that waited for it."""
        asked = self._awaited[0]
        if asked.answer.end is Extent.FAULT:
            self._endings.fault(asked.stream, asked.answer.fault)
        if asked.answer.end is not Extent.WHOLE:
            return
        self._awaited.popleft()
        held = bytes(self._held)
        if asked.switched:
            self._tunnel, self._request = asked.stream, None
            self._endings.reopen(asked.stream, Endpoint.CLIENT)
            self._held.clear()
            if held:
                yield Tunnel(self._tunnel, Endpoint.CLIENT, held)
            return
        yield from self._endings.end(asked.stream, Endpoint.SERVER)
        if asked.may_switch and held:
            self._held.clear()
            yield from self._of_held(held)

    def _of_held(self, octets: bytes) -> Iterator[Event]:
        """Read what the client sent before it knew that there is no switch; the server's octets are read on anyhow."""
        try:
            yield from self._of_client(octets)
        except FormatError as refusal:
            yield Oddity(self._stream, Endpoint.CLIENT, str(refusal))
            self._broken.add(Endpoint.CLIENT)
            yield from self._unfinished(Endpoint.CLIENT)
