"""The spool of one tunnelled connection: what crossed it, in order, as frames that are read while it grows.

Each frame is a kind (one octet), the microseconds since 1970 by our own clock (eight, big-endian), a length (four), and
so many octets. The first frame says whom the connection reached; each direction ends with a frame that says how. Pure.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from muniment.errors import FormatError

__all__ = ["LARGEST", "Frame", "FrameKind", "FrameReader", "frame"]

LARGEST: Final = 1 << 20
"""The most octets that one frame holds."""
_HEAD: Final = struct.Struct(">BQI")


class FrameKind(IntEnum):
    """What a frame holds: facts as canonical JSON, octets of a side, or in a word how that side ended."""

    OPENED = 0
    CLIENT = 1
    SERVER = 2
    CLIENT_ENDED = 3
    SERVER_ENDED = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``at`` are microseconds since 1970-01-01T00:00:00Z."""

    kind: FrameKind
    at: int
    octets: bytes


def frame(kind: FrameKind, at: int, octets: bytes | memoryview) -> bytes:
    """Return the octets of one frame; *octets* are at most LARGEST."""
    return _HEAD.pack(kind, at, len(octets)) + octets


class FrameReader:
    """Frames out of the octets of a spool, in whatever pieces they come; what is not whole yet waits."""

    __slots__ = ("_held", "_where")

    def __init__(self, where: object) -> None:
        self._where = where
        self._held = bytearray()

    @property
    def waiting(self) -> int:
        """The octets of a frame that is not whole yet; some at the very end are what a crash cut off."""
        return len(self._held)

    def feed(self, octets: bytes) -> Iterator[Frame]:
        """Take *octets* and give each frame that is whole now; FormatError for what no spool of ours holds."""
        self._held += octets
        while len(self._held) >= _HEAD.size:
            kind, at, length = _HEAD.unpack_from(self._held)
            if kind > max(FrameKind) or length > LARGEST:
                raise FormatError(self._where, expected="a frame of a spool", found=f"kind {kind}, {length} octets")
            end = _HEAD.size + length
            if len(self._held) < end:
                return
            whole = Frame(FrameKind(kind), at, bytes(self._held[_HEAD.size : end]))
            del self._held[:end]
            yield whole
