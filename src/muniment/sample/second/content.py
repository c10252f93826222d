"""Bodies of the second edition: octets, a film never held whole, a stream that grows; and how they are coded."""

import functools
import gzip
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import Protocol

import brotlicffi
import zstandard

__all__ = ["NOTHING", "Coding", "Content", "Growing", "Octets", "Repeated", "stored"]


class Content(Protocol):
    """A body of which any piece can be had."""

    @property
    def size(self) -> int:
        """How long it is now."""

    def piece(self, start: int, stop: int) -> bytes:
        """Return the octets from *start* up to *stop*, fewer at the end."""


@dataclass(frozen=True, slots=True)
class Octets:
    """A body that is there."""

    octets: bytes

    @property
    def size(self) -> int:
        """How long it is."""
        return len(self.octets)

    def piece(self, start: int, stop: int) -> bytes:
        """Return a part of it."""
        return self.octets[start:stop]


NOTHING = Octets(b"")


@dataclass(frozen=True, slots=True)
class Repeated:
    """*head*, and then *loop* so many *times*."""

    head: bytes
    loop: bytes
    times: int

    @property
    def size(self) -> int:
        """How long it is."""
        return len(self.head) + len(self.loop) * self.times

    def piece(self, start: int, stop: int) -> bytes:
        """Return a part of it, put together for the purpose."""
        stop = min(stop, self.size)
        before = self.head[start:stop]
        start, stop = max(0, start - len(self.head)), max(0, stop - len(self.head))
        turn, skipped = divmod(start, len(self.loop))
        turns = -(-stop // len(self.loop)) - turn
        return before + (self.loop * max(0, turns))[skipped : skipped + stop - start]


@dataclass(slots=True)
class Growing:
    """What has been sent of a stream until now."""

    octets: bytearray = field(default_factory=bytearray)

    @property
    def size(self) -> int:
        """How long it is by now."""
        return len(self.octets)

    def piece(self, start: int, stop: int) -> bytes:
        """Return a part of it."""
        return bytes(self.octets[start:stop])


class Coding(StrEnum):
    """The content coding in which a body is sent where the client takes it (RFC 9110, 8.4; RFC 8878 for zstd)."""

    IDENTITY = "identity"
    GZIP = "gzip"
    BR = "br"
    ZSTD = "zstd"


@functools.cache
def stored(file: str, coding: Coding = Coding.IDENTITY) -> Octets:
    """Return the *file* below this package's parent in *coding*: the same octets at every start."""
    plain = resources.files("muniment.sample").joinpath(*file.split("/")).read_bytes()
    match coding:
        case Coding.GZIP:
            return Octets(gzip.compress(plain, 9, mtime=0))
        case Coding.BR:
            return Octets(bytes(brotlicffi.compress(plain, quality=9)))
        case Coding.ZSTD:
            return Octets(zstandard.ZstdCompressor(level=9).compress(plain))
        case Coding.IDENTITY:
            return Octets(plain)
