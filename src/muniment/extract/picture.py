"""How large a picture says that it is, read from its first octets; pure.

Five formats, each from the few octets in which its standard puts width and height: nothing is decoded, so that a
hostile picture costs nothing. Not promised: that the picture can be decoded, or is turned as a viewer would turn it.
"""

from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["dimensions"]

# ITU-T T.81 table B.1: frames; C4, C8 and CC lie between them and are none.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})


def dimensions(head: bytes, media_type: str) -> tuple[int, int] | None:
    """Return width and height in pixels that *head* states as *media_type*; None where it does not, or not yet."""
    read = _READERS.get(media_type)
    found = read(head) if read else None
    return found if found and all(found) else None


def _png(head: bytes) -> tuple[int, int] | None:
    # PNG third edition 11.2.1: IHDR comes first.
    if head[12:16] != b"IHDR" or len(head) < 24:
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _gif(head: bytes) -> tuple[int, int] | None:
    # GIF89a 18: the logical screen.
    return (int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")) if len(head) >= 10 else None


def _bmp(head: bytes) -> tuple[int, int] | None:
    # BITMAPINFOHEADER; a negative height means that rows go from top to bottom.
    if len(head) < 26 or int.from_bytes(head[14:18], "little") < 40:
        return None
    width, height = (int.from_bytes(head[at : at + 4], "little", signed=True) for at in (18, 22))
    return abs(width), abs(height)


def _jpeg(head: bytes) -> tuple[int, int] | None:
    # T.81 B.1.1.4: markers, most with a length behind them; the first frame header has the size (B.2.2).
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _FRAMES:
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        elif (length := int.from_bytes(head[at + 2 : at + 4], "big")) < 2:
            return None
        else:
            at += 2 + length
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    # RFC 9649 2.5 to 2.7.
    kind = head[12:16]
    if len(head) < 30:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


_READERS: Final[Mapping[str, Callable[[bytes], tuple[int, int] | None]]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/bmp": _bmp,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
}
