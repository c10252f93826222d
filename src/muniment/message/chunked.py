"""The chunked transfer coding (RFC 9112 section 7.1), read piece by piece while its octets pass by."""

import re
from enum import Enum, auto
from typing import Final

__all__ = ["Chunked", "End"]

_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")
# The line before a chunk as nearly every server writes it; whatever else is allowed takes the longer way.
_PLAIN: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\n]{0,1000})?\r?\n")
_MAX_LINE: Final = 16 << 10
_MAX_TRAILERS: Final = 1 << 20
# RFC 9112 7.1.1: "ought to limit the total length of chunk extensions"; chunks of one octet have six of framing.
_FRAMING_FACTOR: Final = 16
_FRAMING_FREE: Final = 1 << 20
# Nor may the number of chunks cost more time than the octets in them: servers flush lines, not letters.
_CHUNKS_FREE: Final = 500_000
_OCTETS_A_CHUNK: Final = 256


class End(Enum):
    """How far a body has come: more to follow, whole, cut at its cap, or broken."""

    MORE = auto()
    WHOLE = auto()
    CAPPED = auto()
    FAULT = auto()


class _Within(Enum):
    SIZE = auto()
    CHUNK = auto()
    AFTER = auto()
    TRAILERS = auto()


class Chunked:
    """A chunked body in the reading; bare LF counts as a line's end, extensions and trailers are passed over.

    ``end`` tells how far it has come, ``taken`` how many octets of the last ``feed`` belong to the body, ``size``
    the octets of payload so far, ``fault`` a sentence once it is broken. At most *cap* octets of payload are
    read: exactly *cap* is no cut, one more is.
    """

    __slots__ = (
        "_cap",
        "_chunks",
        "_framing",
        "_left",
        "_line",
        "_trailers",
        "_within",
        "end",
        "fault",
        "size",
        "taken",
    )

    def __init__(self, cap: int | None = None) -> None:
        self._cap = cap
        self._within = _Within.SIZE
        self._line = bytearray()
        self._left = 0
        self._framing = 0
        self._chunks = 0
        self._trailers = 0
        self.end = End.MORE
        self.taken = 0
        self.size = 0
        self.fault = ""

    def feed(self, octets: bytes) -> bytes:
        """Take *octets* in and return the payload in them."""
        self.taken = 0
        pieces: list[bytes] = []
        while self.taken < len(octets) and self.end is End.MORE:
            if self._within is _Within.CHUNK:
                self._chunk(octets, pieces)
            else:
                if self._within is _Within.SIZE and not self._line:
                    self._whole_chunks(octets, pieces)
                self._until_line_end(octets)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _whole_chunks(self, octets: bytes, pieces: list[bytes]) -> None:
        """Take the plain chunks that lie whole in *octets*; a million chunks of one octet are an attack on time."""
        while match := _PLAIN.match(octets, self.taken):
            start = match.end()
            stop = start + int(match[1], 16)
            after = 2 if octets.startswith(b"\r\n", stop) else 1 if octets.startswith(b"\n", stop) else 0
            framing = self._framing + start - self.taken + after
            whole = stop > start and after and framing <= _FRAMING_FREE + _FRAMING_FACTOR * self.size
            if not whole or self._too_many() or (self._cap is not None and self.size + stop - start > self._cap):
                return
            pieces.append(octets[start:stop])
            self._chunks += 1
            self._framing = framing
            self.size += stop - start
            self.taken = stop + after

    def _chunk(self, octets: bytes, pieces: list[bytes]) -> None:
        room = self._left if self._cap is None else min(self._left, self._cap - self.size)
        if not room:
            self.end = End.CAPPED
            return
        piece = octets[self.taken : self.taken + room]
        self.taken += len(piece)
        self.size += len(piece)
        self._left -= len(piece)
        if not self._left:
            self._within = _Within.AFTER
        pieces.append(piece)

    def _until_line_end(self, octets: bytes) -> None:
        position = octets.find(b"\n", self.taken)
        stop = len(octets) if position < 0 else position + 1
        self._framing += stop - self.taken
        self._line += octets[self.taken : stop]
        self.taken = stop
        if self._framing > _FRAMING_FREE + _FRAMING_FACTOR * self.size or self._too_long():
            self._break("its chunk sizes, extensions and trailers take far more room than its content")
        elif self._within is _Within.AFTER and not b"\r\n".startswith(self._line) and self._line != b"\n":
            # Up to the octet that is wrong: what came along with it is chance.
            wrong = bytes(self._line[: 2 if self._line.startswith(b"\r") else 1])
            self._break(f"a chunk is followed by {wrong!r} instead of a line's end")
        elif position >= 0:
            line = bytes(self._line[:-1].removesuffix(b"\r"))
            self._line.clear()
            self._take(line)

    def _too_long(self) -> bool:
        limit = _MAX_TRAILERS if self._within is _Within.TRAILERS else _MAX_LINE
        return len(self._line) > limit or self._trailers > _MAX_TRAILERS

    def _too_many(self) -> bool:
        return self._chunks >= _CHUNKS_FREE + self.size // _OCTETS_A_CHUNK

    def _take(self, line: bytes) -> None:
        match self._within:
            case _Within.SIZE:
                self._take_size(line)
            case _Within.AFTER:
                self._within = _Within.SIZE
            case _Within.TRAILERS if line:
                self._trailers += len(line) + 1
            case _:
                self.end = End.WHOLE

    def _take_size(self, line: bytes) -> None:
        text = line.partition(b";")[0].strip(b" \t")
        if not _SIZE.fullmatch(text):
            self._break(f"a chunk's size is {line[:40]!r} instead of a hexadecimal number")
            return
        if self._too_many():
            self._break("it has far more chunks than its content could need")
            return
        self._chunks += 1
        self._left = int(text, 16)
        self._within = _Within.CHUNK if self._left else _Within.TRAILERS

    def _break(self, fault: str) -> None:
        self.end = End.FAULT
        self.fault = fault
