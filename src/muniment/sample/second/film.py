"""A film of any length out of a short one: its pictures follow each other over and over (ISO/IEC 14496-12).

The short film has one track, no pictures out of their order, and its pictures lie in one piece, as
:mod:`muniment.sample.second.generate` makes it. The long one is an ordinary mp4 whose index stands before its pictures.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from muniment.errors import FormatError
from muniment.sample.second.content import Repeated

__all__ = ["boxes", "prolonged"]

_CONTAINERS: Final = frozenset({b"moov", b"trak", b"mdia", b"minf"})
_LEFT_OUT: Final = frozenset({b"edts", b"udta"})
_DURATION: Final = {b"mvhd": 16, b"tkhd": 20, b"mdhd": 16}
"""Where the duration stands in the contents of these boxes in their version 0 (8.2.2, 8.3.2, 8.4.2)."""


def boxes(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and contents of each box of *octets* (4.2); FormatError where they do not fit one another."""
    at = 0
    while at < len(octets):
        size, kind = struct.unpack_from(">I4s", octets, at) if at + 8 <= len(octets) else (0, b"")
        if size < 8 or at + size > len(octets):
            raise FormatError(f"box at {at}", expected=f"8 to {len(octets) - at} octets", found=str(size))
        yield kind, octets[at + 8 : at + size]
        at += size


def prolonged(film: bytes, least: int) -> Repeated:
    """Return *film* as often after itself as it takes to be at least *least* octets long."""
    parts = dict(boxes(film))
    pictures = parts[b"mdat"]
    times = -(-least // len(pictures))
    start = _box(b"ftyp", parts[b"ftyp"])
    length = len(start) + len(_index(parts[b"moov"], times, 0, 0))
    index = _index(parts[b"moov"], times, length + 8, len(pictures))
    return Repeated(start + index + struct.pack(">I4s", 8 + times * len(pictures), b"mdat"), pictures, times)


def _box(kind: bytes, contents: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(contents), kind) + contents


def _index(moov: bytes, times: int, first: int, step: int) -> bytes:
    """Return the box `moov` of a film whose pictures lie *times* over: at *first*, and each *step* later."""
    return _box(b"moov", b"".join(_changed(kind, contents, times, first, step) for kind, contents in boxes(moov)))


def _changed(kind: bytes, contents: bytes, times: int, first: int, step: int) -> bytes:
    if kind in _LEFT_OUT:
        return b""
    if kind in _CONTAINERS:
        contents = b"".join(_changed(*each, times, first, step) for each in boxes(contents))
    elif kind in _DURATION:
        at = _DURATION[kind]
        [duration] = struct.unpack_from(">I", contents, at)
        contents = contents[:at] + struct.pack(">I", duration * times) + contents[at + 4 :]
    elif kind == b"stbl":
        contents = _table(dict(boxes(contents)), times, first, step)
    return _box(kind, contents)


def _table(parts: dict[bytes, bytes], times: int, first: int, step: int) -> bytes:
    """Return the contents of the box `stbl`: where each picture is, how long it is and when (8.6, 8.7)."""
    size, number = struct.unpack_from(">II", parts[b"stsz"], 4)
    runs, *timing = struct.unpack(f">{len(parts[b'stts']) // 4 - 1}I", parts[b"stts"][4:])
    if size or runs != 1 or timing[0] != number:
        raise FormatError("film to be prolonged", expected="sizes of its own, one rate", found=f"{size}, {runs} rates")
    keys = struct.unpack(f">{len(parts[b'stss']) // 4 - 2}I", parts[b"stss"][8:])
    turns = range(times)
    return b"".join(
        (
            _box(b"stsd", parts[b"stsd"]),
            _box(b"stts", struct.pack(">IIII", 0, 1, number * times, timing[1])),
            _box(b"stss", _numbers(key + turn * number for turn in turns for key in keys)),
            _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, number, 1)),
            _box(b"stsz", struct.pack(">III", 0, 0, number * times) + parts[b"stsz"][12:] * times),
            _box(b"stco", _numbers(first + turn * step for turn in turns)),
        )
    )


def _numbers(values: Iterable[int]) -> bytes:
    listed = tuple(values)
    return struct.pack(f">II{len(listed)}I", 0, len(listed), *listed)
