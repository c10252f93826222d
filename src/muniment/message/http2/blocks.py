"""Field blocks of one direction (RFC 9113 section 4.3), put together and decoded; the only door to hpack (RFC 7541)."""

from dataclasses import dataclass
from typing import Final

import hpack

from muniment.errors import FormatError
from muniment.message.events import Field, Fields
from muniment.message.http2.frame import Flag, Frame, Kind

__all__ = ["MAX_BLOCK", "MAX_LIST", "Block", "BlockReader"]

MAX_BLOCK: Final = 256 << 10
"""The most octets of one field block with the headers of its frames, so that empty ones have an end too."""
MAX_LIST: Final = 256 << 10
"""The most octets of one decoded list of fields, 32 for each beside its own (RFC 9113 6.5.2): what Chromium takes."""

_MAX_TABLE: Final = 1 << 20
_FRAME_HEADER: Final = 9
# The library copies what is left of a block for each literal in it: large blocks of many fields are an attack on time.
_LARGE: Final = 16 << 10
_MAX_TOIL: Final = 4 << 30


@dataclass(frozen=True, slots=True)
class Block:
    """One decoded field block; ``promised`` is the stream that it promises, None where it is no PUSH_PROMISE."""

    stream: int
    promised: int | None
    fields: Fields
    ends: bool


class BlockReader:
    """Puts the field blocks of one direction together and decodes them.

    After a FormatError nothing of this direction can be decoded: the table that later blocks build on is lost.
    """

    __slots__ = ("_decoder", "_first", "_fragments", "_size", "_toil")

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(MAX_LIST)
        self._first: Frame | None = None
        self._fragments: list[bytes] = []
        self._size = 0
        self._toil = 0

    def allow(self, size: int) -> None:
        """Take in that the other end keeps a table of *size* octets; what was allowed once stays so.

        The sender tells in its blocks how much it uses. A smaller size that it has not heard of yet is no fault.
        """
        allowed = self._decoder.max_allowed_table_size
        self._decoder.max_allowed_table_size = max(allowed, min(size, _MAX_TABLE))

    def take(self, frame: Frame) -> Block | None:
        """Take in the next *frame* of this direction, of whatever kind; return the block that it completes.

        Raises FormatError for a block that is torn, beyond its bounds or not to be decoded.
        """
        first = self._first
        if first is None and frame.kind is Kind.CONTINUATION:
            raise FormatError(f"stream {frame.stream}", expected="HEADERS before CONTINUATION", found="none")
        if first is not None and (frame.kind is not Kind.CONTINUATION or frame.stream != first.stream):
            raise FormatError(
                f"stream {first.stream}", expected="CONTINUATION of its field block", found="another frame"
            )
        if first is None and frame.kind not in {Kind.HEADERS, Kind.PUSH_PROMISE}:
            return None
        self._size += _FRAME_HEADER + len(frame.payload)
        if self._size > MAX_BLOCK:
            raise FormatError(
                f"stream {frame.stream}", expected=f"a field block of at most {MAX_BLOCK} octets", found="more"
            )
        self._first = first or frame
        self._fragments.append(frame.payload)
        return self._whole(self._first) if frame.flags & Flag.END_HEADERS else None

    def _whole(self, first: Frame) -> Block:
        octets = b"".join(self._fragments)
        self._first, self._fragments, self._size = None, [], 0
        promised = None
        # RFC 9113 6.2 and 6.6: what stands before the block in its first frame.
        ahead = 4 if first.kind is Kind.PUSH_PROMISE else 5 if first.flags & Flag.PRIORITY else 0
        if len(octets) < ahead:
            raise FormatError(f"stream {first.stream}", expected=f"{ahead} octets before the field block", found="less")
        if first.kind is Kind.PUSH_PROMISE:
            promised = int.from_bytes(octets[:4], "big") & 0x7FFF_FFFF
        ends = first.kind is Kind.HEADERS and bool(first.flags & Flag.END_STREAM)
        return Block(first.stream, promised, self._decoded(first.stream, octets[ahead:]), ends)

    def _decoded(self, stream: int, octets: bytes) -> Fields:
        try:
            decoded = list(self._decoder.decode(octets, raw=True))
        except hpack.HPACKError as failure:
            found = f"{type(failure).__name__}: {str(failure)[:120]}"
            raise FormatError(f"the fields of stream {stream}", expected="a block in HPACK", found=found) from failure
        if len(octets) > _LARGE:
            self._toil += len(octets) * len(decoded)
            if self._toil > _MAX_TOIL:
                raise FormatError(
                    f"stream {stream}", expected="few large blocks of many fields", found="a flood of them"
                )
        return tuple(Field(bytes(each[0]), bytes(each[1]), not each.indexable) for each in decoded)
