"""Octets that lie in a file from some place on, read without moving anybody else's place in it."""

import os
from dataclasses import dataclass

__all__ = ["Lying"]


@dataclass(frozen=True, slots=True)
class Lying:
    """*length* octets of the open file *descriptor*, from *start* on; *whole* unless there were more of them."""

    descriptor: int
    start: int
    length: int
    whole: bool = True

    def read(self, at: int, size: int) -> bytes:
        """Return at most *size* octets from the place *at* on, none beyond the end."""
        if not 0 <= at < self.length:
            return b""
        return os.pread(self.descriptor, min(size, self.length - at), self.start + at)
