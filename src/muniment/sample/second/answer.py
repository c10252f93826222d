"""From a request to the answer of the second edition, the same for HTTP/1.1 and HTTP/2; pure but for reading assets."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final

from muniment.sample.answer import Asked, part
from muniment.sample.second import books
from muniment.sample.second.asset import Asset, Course, Shared, tag
from muniment.sample.second.content import NOTHING, Coding, Content, Growing, Octets

__all__ = ["Answer", "Request", "answer"]

_SIMPLE: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its head, and its body without the transfer coding. The raw head of one in HTTP/2 is empty."""

    head: Asked
    body: bytes = b""

    @staticmethod
    def none() -> "Request":
        """Return what stands for a request that could not be read."""
        return Request(Asked(b"", "", "", "", ()))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: *content* from *first* up to *stop*, or only its head; which *course* it takes.

    *fields* lack what belongs to the connection and to the length. *hints* go before, as a 103; *trailers* after it.
    """

    status: int
    fields: tuple[tuple[str, str], ...]
    content: Content = NOTHING
    first: int = 0
    stop: int = 0
    head_only: bool = False
    course: Course = Course.WHOLE
    chunked: bool = False
    hints: tuple[str, ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """How long the body ought to be."""
        return self.stop - self.first

    @property
    def due(self) -> int:
        """How much of the body is sent."""
        if self.head_only:
            return 0
        return self.size // 2 if self.course is Course.CUT else self.size

    def field(self, name: str) -> str:
        """Return the field *name*, in lower case; empty where there is none."""
        return next((text for known, text in self.fields if known.lower() == name), "")


def answer(request: Request | None, host: str, now: datetime) -> Answer:
    """Return what *host* answers at *now* to *request*, or to something that was no request (None)."""
    date = (("Date", format_datetime(now, usegmt=True)),)
    if request is None:
        return _words(400, date)
    if request.head.field("host").partition(":")[0].lower() != host:
        return _words(421, date)
    known = books.found(host, request.head.target)
    return _words(404, date) if known is None else _known(request, known, date)


def _known(request: Request, known: Asset, date: tuple[tuple[str, str], ...]) -> Answer:
    asked = request.head
    if asked.method == "OPTIONS" and known.shared is not Shared.NOBODY:
        return _allowed(known, date)
    if asked.method not in (_SIMPLE if known.method == "GET" else {known.method}):
        return _words(405, (*date, ("Allow", known.method)))
    if known.course is Course.SOCKET:
        if asked.field("upgrade").lower() != "websocket" or not asked.field("sec-websocket-key"):
            return _words(426, (*date, ("Upgrade", "websocket")))
        return Answer(101, date, Growing(), course=known.course)
    return _found(request, known, date)


def _words(status: int, fields: tuple[tuple[str, str], ...]) -> Answer:
    words = Octets(f"{status} {HTTPStatus(status).phrase}\n".encode())
    return Answer(status, (*fields, ("Content-Type", "text/plain; charset=utf-8")), words, 0, words.size)


def _allowed(known: Asset, date: tuple[tuple[str, str], ...]) -> Answer:
    """Return the answer to a preflight (Fetch, "CORS-preflight fetch")."""
    fields = (
        *date,
        *_sharing(known),
        ("Access-Control-Allow-Methods", known.method),
        ("Access-Control-Allow-Headers", "content-type, x-edition"),
        ("Access-Control-Max-Age", "600"),
    )
    return Answer(204, fields)


def _sharing(known: Asset) -> tuple[tuple[str, str], ...]:
    match known.shared:
        case Shared.NEWSPAPER:
            return (("Access-Control-Allow-Origin", books.NEWSPAPER), ("Vary", "Origin"))
        case Shared.EVERYBODY:
            return (("Access-Control-Allow-Origin", "*"),)
        case Shared.NOBODY:
            return ()


def _found(request: Request, known: Asset, date: tuple[tuple[str, str], ...]) -> Answer:
    asked, status = request.head, known.status
    fields = [*date, ("Server", "sample/2"), *known.fields, *_sharing(known)]
    if known.media_type:
        fields.append(("Content-Type", known.media_type))
    if known.course is Course.EVENTS:
        return Answer(status, tuple(fields), Growing(), course=known.course, chunked=True)
    coding = _coding(known, asked)
    content = known.content(request.body, coding)
    if known.coding is not Coding.IDENTITY:
        fields.append(("Vary", "Accept-Encoding"))
    if coding is not Coding.IDENTITY:
        fields.append(("Content-Encoding", coding.value))
    first, stop = 0, content.size
    if known.ranges:
        tagged = tag(known)
        fields += [("ETag", tagged), ("Accept-Ranges", "bytes")]
        wish = part(asked, content.size, tagged)
        if wish is not None:
            status, first, stop = _partial(wish, content.size, fields)
    return Answer(
        status,
        tuple(fields),
        content,
        first,
        stop,
        head_only=asked.method == "HEAD",
        course=known.course,
        chunked=known.chunked,
        hints=known.hints,
        trailers=known.trailers,
    )


def _coding(known: Asset, asked: Asked) -> Coding:
    for coding in (known.coding, Coding.GZIP):
        if known.coding is not Coding.IDENTITY and asked.accepts(coding.value):
            return coding
    return Coding.IDENTITY


def _partial(wish: tuple[int, int], size: int, fields: list[tuple[str, str]]) -> tuple[int, int, int]:
    first, last = wish
    if first > last or first >= size:
        fields.append(("Content-Range", f"bytes */{size}"))
        return 416, 0, 0
    fields.append(("Content-Range", f"bytes {first}-{last}/{size}"))
    return 206, first, last + 1
