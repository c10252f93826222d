"""One response as its octets come from a connection: what is interim, head, body, surplus; never altered, bounded.

RFC 9112 sections 2.2, 4 and 6; RFC 9110 section 15.2 (interim answers).
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from muniment.errors import FormatError
from muniment.message.chunked import Chunked, End
from muniment.message.head import MAX_HEAD, Head, end_of_head, not_http, parse_head
from muniment.model import Framing

__all__ = ["MAX_INTERIM", "Part", "ResponseReader"]

MAX_INTERIM: Final = 32
"""The most interim (1xx) answers before a final one."""


class Part(Enum):
    """What octets of an answer are: an interim answer, the final head, its body, or what nobody asked for."""

    INTERIM = auto()
    HEAD = auto()
    BODY = auto()
    SURPLUS = auto()


class ResponseReader:
    """Tells the parts of the answer to one request; feed it everything that comes, in any pieces.

    Laid end to end, the pieces that ``feed`` yields are the octets that were fed, as long as ``end`` is not CAPPED:
    what lies beyond *cap* octets of body (payload, where chunked) is given up, a body of exactly *cap* is not cut.
    ``head`` is None until the final head is whole; ``pending`` holds what was fed of an unfinished head.
    A broken chunk is no exception: ``end`` is FAULT, ``fault`` says why, and its octets are BODY.
    """

    __slots__ = (
        "_chunked",
        "_interim",
        "_interim_size",
        "_method",
        "_received",
        "_room",
        "_searched",
        "end",
        "fault",
        "head",
        "pending",
    )

    def __init__(self, method: str, cap: int) -> None:
        self._method = method
        self._room = cap
        self._received = 0
        self._searched = 0
        self._chunked = Chunked(cap)
        self._interim = 0
        self._interim_size = 0
        self.head: Head | None = None
        self.pending = bytearray()
        self.end = End.MORE
        self.fault = ""

    def feed(self, octets: bytes) -> Iterator[tuple[Part, bytes]]:
        """Take *octets* in and yield what they are, in order.

        Raises FormatError when this cannot be an HTTP/1 response, or a head is beyond its bounds; ``pending`` then
        holds what was fed since the last whole head.
        """
        if self.head is None:
            self.pending += octets
            yield from self._heads()
            if self.head is None:
                return
            octets = bytes(self.pending)
            self.pending.clear()
        yield from self._body(octets)

    def finish(self) -> None:
        """Take in that the connection was closed properly: the end of a body that has no other, else a cut."""
        if self.end is End.MORE and self.head is not None and self.head.framing is Framing.CLOSE:
            self.end = End.WHOLE

    def _heads(self) -> Iterator[tuple[Part, bytes]]:
        while self.head is None and self.pending:
            if refusal := not_http(self.pending):
                raise refusal
            size = end_of_head(self.pending, self._searched)
            if (len(self.pending) if size < 0 else size) + self._interim_size > MAX_HEAD:
                raise FormatError("the answer's head", expected=f"at most {MAX_HEAD} octets", found="more")
            if size < 0:
                self._searched = len(self.pending) - 2  # the empty line may be here by half
                return
            self._searched = 0
            head = parse_head(bytes(self.pending[:size]), self._method)
            if head.status == 101:
                # RFC 9110 15.2.2: only after an Upgrade field, which we never send; what follows is not HTTP.
                raise FormatError("the answer", expected="HTTP/1.1", found="a switch to another protocol (101)")
            piece = bytes(self.pending[:size])
            del self.pending[:size]
            if head.status < 200:
                self._count_interim(size)
                yield Part.INTERIM, piece
                continue
            self.head = head
            if head.framing is Framing.EMPTY or (head.framing is Framing.LENGTH and not head.length):
                self.end = End.WHOLE
            yield Part.HEAD, piece

    def _count_interim(self, size: int) -> None:
        self._interim += 1
        self._interim_size += size
        if self._interim > MAX_INTERIM:
            raise FormatError("the answer", expected=f"at most {MAX_INTERIM} interim answers", found="more")

    def _body(self, octets: bytes) -> Iterator[tuple[Part, bytes]]:
        if self.end is End.MORE and octets:
            taken = self._taken_chunked(octets) if self._head.framing is Framing.CHUNKED else self._taken(octets)
            if taken:
                yield Part.BODY, octets[:taken]
            octets = octets[taken:]
        if not octets or self.end is End.CAPPED:
            return
        if self.end is End.FAULT:
            # What came stays: it may be the page itself, sent by a server that announced chunks and sent none.
            kept = octets[: self._room]
            self._room -= len(kept)
            yield Part.BODY, kept
        else:
            yield Part.SURPLUS, octets

    @property
    def _head(self) -> Head:
        if self.head is None:
            raise FormatError("the answer", expected="a head before the body", found="none")
        return self.head

    def _taken_chunked(self, octets: bytes) -> int:
        self._room -= len(self._chunked.feed(octets))
        self.end = self._chunked.end
        self.fault = self._chunked.fault
        return self._chunked.taken

    def _taken(self, octets: bytes) -> int:
        """Return how many of *octets* are body, where its length is known or it ends with the connection."""
        head = self._head
        if head.framing is Framing.CLOSE:
            taken = min(len(octets), self._room)
            self._room -= taken
            if taken < len(octets):
                self.end = End.CAPPED
            return taken
        return self._taken_of_length(octets, head.length)

    def _taken_of_length(self, octets: bytes, length: int) -> int:
        wanted = min(len(octets), length - self._received, self._room)
        self._room -= wanted
        self._received += wanted
        if self._received == length:
            self.end = End.WHOLE
        elif not self._room:
            self.end = End.CAPPED
        return wanted
