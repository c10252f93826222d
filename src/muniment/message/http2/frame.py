"""Frames of HTTP/2 (RFC 9113 sections 3.4, 4 and 6), read from the octets of one direction."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from muniment.errors import FormatError

__all__ = ["MAX_CONTROL", "PREFACE", "Flag", "Frame", "FrameReader", "Kind", "settings"]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends before its first frame."""
MAX_CONTROL: Final = 256 << 10
"""The most octets of a frame that is read whole; those of DATA pass by, and of the others nothing is kept."""

_HEADER: Final = 9
# RFC 9113 6.5.2: the least and the initial value of SETTINGS_MAX_FRAME_SIZE.
_INITIAL_SIZE: Final = 1 << 14
_MAX_SIZE: Final = (1 << 24) - 1


class Kind(IntEnum):
    """The types of frame that are read; all others are passed over (RFC 9113 5.5)."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    GOAWAY = 7
    CONTINUATION = 9


class Flag(IntEnum):
    """The flags of RFC 9113 section 6; ACK is of SETTINGS, the others are of DATA and field blocks."""

    END_STREAM = 1
    ACK = 1
    END_HEADERS = 4
    PADDED = 8
    PRIORITY = 32


_OF_CONNECTION: Final = frozenset({Kind.SETTINGS, Kind.GOAWAY})
_KINDS: Final = {kind.value: kind for kind in Kind}
_PADDED: Final = frozenset({Kind.DATA, Kind.HEADERS, Kind.PUSH_PROMISE})


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, padding removed; a DATA frame comes in as many as its octets do, END_STREAM on the last one only.

    ``kind`` is None, and ``payload`` empty, where the type is none that is read.
    """

    kind: Kind | None
    flags: int
    stream: int
    payload: bytes = b""

    @property
    def padded(self) -> bool:
        """Whether padding comes with it."""
        return bool(self.flags & Flag.PADDED) and self.kind in _PADDED


class FrameReader:
    """Reads the frames of one direction of one connection; *preface* is what comes before the first of them."""

    __slots__ = ("_begun", "_frame", "_held", "_largest", "_left", "_length", "_needed", "_padding", "_preface")

    def __init__(self, preface: bytes) -> None:
        self._preface = preface
        self._begun = False
        self._held = bytearray()  # of a header, of a payload that is read whole, of the length of a padding
        self._needed = _HEADER
        self._frame: Frame | None = None  # the one whose payload is under way
        self._length = 0
        self._left = 0  # octets of it that pass by and are still to come
        self._padding = 0  # how many of these, at their end, are padding
        self._largest = _INITIAL_SIZE

    def allow(self, size: int) -> None:
        """Take in that the other end accepts frames of *size* octets; what was allowed once stays so."""
        self._largest = max(self._largest, min(size, _MAX_SIZE))

    def feed(self, octets: bytes) -> Iterator[Frame]:
        """Take in the next *octets* and yield the frames in them.

        Raises FormatError where this is no HTTP/2, and for a frame that its receiver could not accept.
        """
        at = len(octets[: len(self._preface)])
        if not self._preface.startswith(octets[:at]):
            raise FormatError("the connection", expected="the preface of HTTP/2", found=repr(octets[:40]))
        self._preface = self._preface[at:]
        while at < len(octets):
            piece = octets[at : at + (self._left or self._needed - len(self._held))]
            at += len(piece)
            if self._left and self._frame is not None:
                yield from self._passed(self._frame, piece)
                continue
            self._held += piece
            if len(self._held) == self._needed:
                held = bytes(self._held)
                self._held.clear()
                yield from self._begin(held) if self._frame is None else self._go_on(self._frame, held)

    def _begin(self, header: bytes) -> Iterator[Frame]:
        """Begin the frame of *header*: its payload is waited for whole, or passes by."""
        length = int.from_bytes(header[:3], "big")
        kind = _KINDS.get(header[3])
        frame = Frame(kind, header[4], int.from_bytes(header[5:], "big") & 0x7FFF_FFFF)
        where = f"a frame of type {header[3]} on stream {frame.stream}"
        if not self._begun and kind is not Kind.SETTINGS:
            raise FormatError("the connection", expected="SETTINGS as the first frame of HTTP/2", found=where)
        self._begun = True
        passes = kind in {Kind.DATA, None}
        limit = self._largest if passes else min(self._largest, MAX_CONTROL)
        if length > limit:
            raise FormatError(where, expected=f"at most {limit} octets", found=str(length))
        if kind is not None and (kind in _OF_CONNECTION) == bool(frame.stream):
            raise FormatError(where, expected="stream 0 for the connection, another for a message", found="the reverse")
        self._frame, self._length, self._padding = frame, length, 0
        if frame.padded:
            self._needed = 1 if passes else length
            if not length:
                raise FormatError(where, expected="the length of its padding", found="an empty frame")
        elif passes or not length:
            yield from self._pass_by(frame, length)
        else:
            self._needed = length

    def _go_on(self, frame: Frame, held: bytes) -> Iterator[Frame]:
        """Go on with *frame*: *held* is its payload, or the length of its padding."""
        if frame.padded:
            self._padding = held[0]
            if self._padding >= self._length:
                where = f"a padded frame on stream {frame.stream}"
                raise FormatError(where, expected=f"less than {self._length} octets of padding", found=str(held[0]))
        if frame.kind is Kind.DATA:
            yield from self._pass_by(frame, self._length - 1)
            return
        self._frame, self._needed = None, _HEADER
        payload = held[1 : len(held) - self._padding] if frame.padded else held
        yield Frame(frame.kind, frame.flags, frame.stream, payload)

    def _pass_by(self, frame: Frame, length: int) -> Iterator[Frame]:
        self._left = length
        if not length:
            yield from self._passed(frame, b"")

    def _passed(self, frame: Frame, piece: bytes) -> Iterator[Frame]:
        """Hand on what is data in *piece*, the next octets of the payload of *frame*."""
        octets = piece[: max(0, self._left - self._padding)] if frame.kind is Kind.DATA else b""
        self._left -= len(piece)
        if not self._left:
            self._frame, self._needed = None, _HEADER
            yield Frame(frame.kind, frame.flags, frame.stream, octets)
        elif octets:
            yield Frame(frame.kind, frame.flags & ~Flag.END_STREAM, frame.stream, octets)


def settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """Yield the identifiers and values in the *payload* of a SETTINGS frame (RFC 9113 6.5.1)."""
    if len(payload) % 6:
        raise FormatError("a SETTINGS frame", expected="entries of 6 octets", found=f"{len(payload)} octets")
    yield from struct.iter_unpack(">HI", payload)
