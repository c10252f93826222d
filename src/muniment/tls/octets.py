"""The presentation language of TLS (RFC 8446 section 3): numbers and vectors, read with every bound checked."""

from muniment.errors import FormatError

__all__ = ["Octets"]


class Octets:
    """*content* in the reading, front to back; whatever is not there raises FormatError naming *where*."""

    __slots__ = ("_content", "_position", "_where")

    def __init__(self, content: bytes, where: str) -> None:
        self._content = content
        self._position = 0
        self._where = where

    def take(self, size: int) -> bytes:
        """Take the next *size* octets."""
        taken = self._content[self._position : self._position + size]
        if len(taken) != size:
            raise FormatError(self._where, expected=f"{size} more octets", found=str(len(taken)))
        self._position += size
        return taken

    def number(self, size: int) -> int:
        """Take an unsigned number of *size* octets."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """Take a vector whose length is written in *size* octets."""
        return self.take(self.number(size))

    def inner(self, size: int) -> "Octets":
        """Take a vector as :meth:`vector` does, to be read in its turn."""
        return Octets(self.vector(size), self._where)

    def vectors(self, size: int) -> tuple[bytes, ...]:
        """Take all that is left as vectors, one after the other."""
        found = []
        while self.left:
            found.append(self.vector(size))
        return tuple(found)

    @property
    def left(self) -> int:
        """How many octets are left."""
        return len(self._content) - self._position

    @property
    def taken(self) -> bytes:
        """What was taken so far."""
        return self._content[: self._position]

    def finish(self) -> None:
        """Refuse what nobody took."""
        if self.left:
            raise FormatError(self._where, expected="its end", found=f"{self.left} more octets")
