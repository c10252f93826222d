"""A connection of the second edition that speaks HTTP/2 (RFC 9113), by the library `h2`."""

import select
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError, StreamClosedError

from muniment.sample.answer import Asked
from muniment.sample.second.account import Entry, Respond
from muniment.sample.second.answer import Answer, Request
from muniment.sample.second.asset import Course

__all__ = ["Http2"]

_BODY_LIMIT: Final = 1 << 20


@dataclass(slots=True)
class _Asking:
    """A request while it comes."""

    head: Asked
    body: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Going:
    """An answer while its body goes out; *at* is how much of it is on its way."""

    entry: Entry
    at: int = 0

    @property
    def left(self) -> int:
        return self.entry.answer.due - self.at


class Http2:
    """Answers the streams of *connection* side by side, a frame of each in turn."""

    def __init__(self, connection: socket.socket, respond: Respond, shut: threading.Event) -> None:
        self._connection = connection
        self._respond = respond
        self._shut = shut
        self._h2: Any = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        self._asking: dict[int, _Asking] = {}
        self._going: dict[int, _Going] = {}

    def run(self) -> None:
        """Converse until either side ends it; OSError where the client is gone."""
        try:
            self._h2.initiate_connection()
            self._flush()
            while not self._shut.is_set():
                sent = self._send_a_round()
                if not self._take(wait=not sent):
                    return
        except ProtocolError:
            self._flush()  # the library has put down what is wrong, for the client to read
        finally:
            for each in self._going.values():
                each.entry.end(whole=False)

    def _take(self, *, wait: bool) -> bool:
        """Take in what has come, or wait for it; say whether the client is still there."""
        if not wait and not self._ready():
            return True
        octets = self._connection.recv(65_536)
        if not octets:
            return False
        for event in self._h2.receive_data(octets):
            self._hear(event)
        self._flush()
        return True

    def _ready(self) -> bool:
        if isinstance(self._connection, ssl.SSLSocket) and self._connection.pending():
            return True
        return bool(select.select([self._connection], [], [], 0)[0])

    def _hear(self, event: object) -> None:
        match event:
            case RequestReceived():
                self._asking[event.stream_id] = _Asking(_asked(event.headers))
            case DataReceived():
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                asking = self._asking.get(event.stream_id)
                if asking is not None:
                    asking.body += event.data
                    if len(asking.body) > _BODY_LIMIT:
                        del self._asking[event.stream_id]
                        self._h2.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
            case StreamEnded():
                asking = self._asking.pop(event.stream_id, None)
                if asking is not None:
                    self._answer(event.stream_id, Request(asking.head, bytes(asking.body)))
            case StreamReset():
                self._asking.pop(event.stream_id, None)
                going = self._going.pop(event.stream_id, None)
                if going is not None:
                    going.entry.end(whole=False)

    def _answer(self, stream: int, request: Request) -> None:
        entry = self._respond(request)
        empty = not entry.answer.due and (entry.answer.head_only or not entry.answer.trailers)
        try:
            self._begin(stream, entry.answer, empty=empty)
        except StreamClosedError:  # by a reset that came together with the request
            entry.end(whole=False)
            return
        if empty:
            entry.end(whole=True)
        else:
            self._going[stream] = _Going(entry)

    def _begin(self, stream: int, answer: Answer, *, empty: bool) -> None:
        if answer.hints:
            self._h2.send_headers(stream, [(":status", "103"), *(("link", hint) for hint in answer.hints)])
        fields = [(":status", str(answer.status)), *((name.lower(), text) for name, text in answer.fields)]
        if answer.status != 204:
            fields.append(("content-length", str(answer.size)))
        self._h2.send_headers(stream, fields, end_stream=empty)

    def _send_a_round(self) -> bool:
        """Send a frame of each body for which the client has room; say whether there was any."""
        sent = False
        for stream, going in list(self._going.items()):
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size, going.left)
            if room or not going.left:
                self._send(stream, going, room)
                sent = True
        return sent

    def _send(self, stream: int, going: _Going, size: int) -> None:
        answer = going.entry.answer
        at = answer.first + going.at
        piece = answer.content.piece(at, at + size)
        going.at += size
        going.entry.sent(piece)
        over = not going.left
        whole = over and answer.course is Course.WHOLE
        self._h2.send_data(stream, piece, end_stream=whole and not answer.trailers)
        if whole and answer.trailers:
            self._h2.send_headers(stream, answer.trailers, end_stream=True)
        if over:
            del self._going[stream]
            if not whole:
                self._h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        self._flush()
        if over:
            going.entry.end(whole=whole)

    def _flush(self) -> None:
        octets = self._h2.data_to_send()
        if octets:
            self._connection.sendall(octets)


def _asked(fields: Any) -> Asked:
    """Return the request that *fields* make, with the authority as host (RFC 9113, 8.3.1)."""
    pseudo = {name: text for name, text in fields if name.startswith(":")}
    plain = tuple((name, text) for name, text in fields if not name.startswith(":"))
    host = (("host", pseudo[":authority"]),) if ":authority" in pseudo else ()
    return Asked(b"", pseudo[":method"], pseudo.get(":path", ""), "HTTP/2", host + plain)
