"""Where a body ends that passes by piece by piece (RFC 9112 section 6), bounded, its octets never altered."""

from muniment.message.chunked import Chunked, End
from muniment.model import Framing

__all__ = ["BodyReader"]


class BodyReader:
    """Tells how many of the octets that come are still body.

    ``end`` tells how far the body has come. At most *cap* octets of it (of payload, where chunked) are counted: a
    body of exactly *cap* is not cut. A broken chunk is no exception: ``end`` is FAULT, ``fault`` says why, and all
    that comes is body then, for it may be the page itself, sent by a server that announced chunks and sent none.
    """

    __slots__ = ("_chunked", "_framing", "_left", "_room", "end", "fault")

    def __init__(self, framing: Framing, length: int, cap: int) -> None:
        self._framing = framing
        self._left = length
        self._room = cap
        self._chunked = Chunked(cap)
        self.end = End.WHOLE if framing is Framing.EMPTY or (framing is Framing.LENGTH and not length) else End.MORE
        self.fault = ""

    def feed(self, octets: bytes) -> int:
        """Take *octets* in and return how many of them, from the first, are body."""
        taken = 0
        if self.end is End.MORE and octets:
            taken = self._of_chunked(octets) if self._framing is Framing.CHUNKED else self._of_plain(octets)
        if self.end is End.FAULT:
            rest = min(len(octets) - taken, self._room)
            self._room -= rest
            taken += rest
        return taken

    def finish(self) -> None:
        """Take in that the connection was closed properly: the end of a body that has no other, else a cut."""
        if self.end is End.MORE and self._framing is Framing.CLOSE:
            self.end = End.WHOLE

    def _of_chunked(self, octets: bytes) -> int:
        self._room -= len(self._chunked.feed(octets))
        self.end = self._chunked.end
        self.fault = self._chunked.fault
        return self._chunked.taken

    def _of_plain(self, octets: bytes) -> int:
        """Return how many of *octets* are body, where its length is known or it ends with the connection."""
        taken = min(len(octets), self._room)
        if self._framing is Framing.LENGTH:
            taken = min(taken, self._left)
            self._left -= taken
            if not self._left:
                self.end = End.WHOLE
        self._room -= taken
        if self.end is End.MORE and (taken < len(octets) or (self._framing is Framing.LENGTH and not self._room)):
            self.end = End.CAPPED
        return taken
