"""One response as its octets come from a connection: what is interim, head, body, surplus; never altered, bounded.

RFC 9112 sections 2.2, 4 and 6; RFC 9110 section 15.2 (interim answers).
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from muniment.errors import FormatError
from muniment.message.body import BodyReader
from muniment.message.chunked import End
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
    *upgrade* names the protocols that the request offered to switch to: after a 101 the rest is SURPLUS, not HTTP.
    """

    __slots__ = (
        "_body",
        "_cap",
        "_interim",
        "_interim_size",
        "_method",
        "_searched",
        "_upgrade",
        "head",
        "pending",
    )

    def __init__(self, method: str, cap: int, upgrade: tuple[str, ...] = ()) -> None:
        self._method = method
        self._cap = cap
        self._upgrade = upgrade
        self._searched = 0
        self._body = BodyReader(Framing.CLOSE, 0, cap)
        self._interim = 0
        self._interim_size = 0
        self.head: Head | None = None
        self.pending = bytearray()

    @property
    def end(self) -> End:
        """How far the answer has come."""
        return self._body.end

    @property
    def fault(self) -> str:
        """Why its chunked coding is broken, in a sentence; empty where it is not."""
        return self._body.fault

    def feed(self, octets: bytes) -> Iterator[tuple[Part, bytes]]:
        """Take *octets* in and yield what they are, in order.

        Raises FormatError when this cannot be an HTTP/1 response, or a head is beyond its bounds; ``pending`` then
        holds what was fed since the last part that was yielded.
        """
        if self.head is None:
            self.pending += octets
            yield from self._heads()
            if self.head is None:
                return
            octets = bytes(self.pending)
            self.pending.clear()
        yield from self._rest(octets)

    def finish(self) -> None:
        """Take in that the connection was closed properly: the end of a body that has no other, else a cut."""
        if self.head is not None:
            self._body.finish()

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
            if head.status == 101 and not self._upgrade:
                # RFC 9110 15.2.2: only after an Upgrade field; what follows is not HTTP.
                raise FormatError("the answer", expected="HTTP/1.1", found="a switch to another protocol (101)")
            interim = head.status < 200 and head.status != 101
            if interim:
                self._count_interim(size)
            piece = bytes(self.pending[:size])
            del self.pending[:size]
            if interim:
                yield Part.INTERIM, piece
                continue
            self.head = head
            self._body = BodyReader(head.framing, head.length, self._cap)
            yield Part.HEAD, piece

    def _count_interim(self, size: int) -> None:
        self._interim += 1
        self._interim_size += size
        if self._interim > MAX_INTERIM:
            raise FormatError("the answer", expected=f"at most {MAX_INTERIM} interim answers", found="more")

    def _rest(self, octets: bytes) -> Iterator[tuple[Part, bytes]]:
        taken = self._body.feed(octets)
        if taken:
            yield Part.BODY, octets[:taken]
        if taken < len(octets) and self._body.end is End.WHOLE:
            yield Part.SURPLUS, octets[taken:]
