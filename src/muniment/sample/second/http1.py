"""A connection of the second edition that speaks HTTP/1.1, and may become a WebSocket."""

import socket
import threading
from collections.abc import Iterator
from typing import Final

from muniment.errors import FormatError
from muniment.sample.answer import Asked, head_octets
from muniment.sample.second import ticker
from muniment.sample.second.account import Entry, Respond
from muniment.sample.second.answer import Answer, Request
from muniment.sample.second.asset import Course
from muniment.sample.second.talk import talk

__all__ = ["Http1"]

_HEAD_LIMIT: Final = 65_536
_BODY_LIMIT: Final = 1 << 20
_CHUNK: Final = 1357  # an odd size, so that no chunk ends where a buffer does
_PIECE: Final = 16_384  # what fits into one record of TLS (RFC 8446, 5.1)
_OVER: Final = frozenset({400, 405, 421})


class Http1:
    """Answers the requests of *connection*, one after the other; *respond* enters each and says what is due."""

    def __init__(self, connection: socket.socket, respond: Respond, shut: threading.Event) -> None:
        self._connection = connection
        self._respond = respond
        self._shut = shut
        self._rest = b""

    def run(self) -> None:
        """Converse until either side ends it; OSError where the client is gone."""
        while not self._shut.is_set():
            try:
                request = self._request()
            except FormatError:
                request = None
            else:
                if request is None:
                    return
            entry = self._respond(request)
            try:
                last = self._answer(request, entry)
            finally:
                entry.end(whole=False)  # unless it was ended before
            if last:
                return

    def _request(self) -> Request | None:
        """Return the next request with its body; None where the client is done."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            if len(self._rest) > _HEAD_LIMIT:
                raise FormatError("request head", expected=f"at most {_HEAD_LIMIT} octets", found="more")
            if not self._receive():
                return None
        head, self._rest = Asked.parse(self._rest[: end + 4]), self._rest[end + 4 :]
        length = head.field("content-length") or "0"
        if head.field("transfer-encoding") or not length.isdecimal() or int(length) > _BODY_LIMIT:
            raise FormatError("request body", expected=f"at most {_BODY_LIMIT} octets, their number told", found=length)
        while len(self._rest) < int(length):
            if not self._receive():
                return None
        body, self._rest = self._rest[: int(length)], self._rest[int(length) :]
        return Request(head, body)

    def _receive(self) -> bool:
        received = self._connection.recv(65_536)
        self._rest += received
        return bool(received)

    def _answer(self, request: Request | None, entry: Entry) -> bool:
        """Send the answer of *entry*; say whether the connection is over with it."""
        answer = entry.answer
        if request is not None and answer.course is Course.SOCKET:
            talk(self._connection, request, self._rest, entry)
            return True
        last = request is None or answer.status in _OVER or answer.course is not Course.WHOLE or _closing(request.head)
        modern = request is not None and request.head.version == "HTTP/1.1"
        chunked = answer.chunked and modern
        self._connection.sendall(_hints(answer) * modern + _head(answer, chunked=chunked, last=last))
        for piece in self._body(answer):
            entry.sent(piece)
            self._connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if answer.course is Course.WHOLE:
            if chunked and not answer.head_only:
                self._connection.sendall(b"0\r\n\r\n")
            entry.end(whole=True)
        return last

    def _body(self, answer: Answer) -> Iterator[bytes]:
        if answer.course is Course.EVENTS:
            yield from ticker.events(self._shut)
            return
        size = _CHUNK if answer.chunked else _PIECE
        for start in range(answer.first, answer.first + answer.due, size):
            yield answer.content.piece(start, min(start + size, answer.first + answer.due))


def _closing(asked: Asked) -> bool:
    wishes = asked.field("connection").lower()
    return "close" in wishes or (asked.version == "HTTP/1.0" and "keep-alive" not in wishes)


def _head(answer: Answer, *, chunked: bool, last: bool) -> bytes:
    fields = list(answer.fields)
    if chunked:
        fields.append(("Transfer-Encoding", "chunked"))
    elif answer.status != 204:
        fields.append(("Content-Length", str(answer.size)))
    if last:
        fields.append(("Connection", "close"))
    return head_octets(answer.status, fields)


def _hints(answer: Answer) -> bytes:
    return head_octets(103, [("Link", hint) for hint in answer.hints]) if answer.hints else b""
