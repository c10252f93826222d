"""Frames of the WebSocket protocol (RFC 6455 section 5), read from the octets of one direction of a tunnel."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from muniment.errors import FormatError

__all__ = ["Opcode", "WebSocketFrame", "WebSocketReader"]

_FIN: Final = 0x80
_COMPRESSED: Final = 0x40
_RESERVED: Final = 0x30
_MASKED: Final = 0x80
_MAX_CONTROL: Final = 125  # RFC 6455 5.5


class Opcode(IntEnum):
    """What a frame is (RFC 6455 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class WebSocketFrame:
    """One frame, or as much of it as came; ``payload`` is without its mask and holds at most the reader's cap.

    ``size`` is the length that the frame announces: ``payload`` is shorter where it was capped or cut.
    ``compressed`` (RSV1) says that a message begins here under permessage-deflate (RFC 7692), which stays on.
    """

    opcode: Opcode
    final: bool
    compressed: bool
    masked: bool
    size: int
    payload: bytes


class WebSocketReader:
    """Reads the frames of one direction; of each at most *cap* octets of payload are kept, the others passed over."""

    __slots__ = ("_cap", "_frame", "_header", "_left", "_mask", "_payload")

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._header = bytearray()
        self._frame: WebSocketFrame | None = None  # the one whose payload is under way, that payload still empty
        self._mask = b""
        self._left = 0
        self._payload = bytearray()

    def feed(self, octets: bytes) -> Iterator[WebSocketFrame]:
        """Take in the next *octets* and yield the frames that they complete.

        Raises FormatError where this is no frame of RFC 6455; nothing after it can be read.
        """
        at = 0
        while at < len(octets):
            if self._frame is None:
                wanted = _header_size(self._header) - len(self._header)
                self._header += octets[at : at + wanted]
                at += wanted
                if len(self._header) < _header_size(self._header):
                    continue
                self._frame = self._begun(bytes(self._header))
                self._header.clear()
            piece = octets[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            self._payload += piece[: self._cap - len(self._payload)]
            if not self._left:
                yield self._taken(self._frame)

    def finish(self) -> Iterator[WebSocketFrame]:
        """Take in that nothing more comes, and yield what there is of a frame that was cut in its payload."""
        if self._frame is not None:
            yield self._taken(self._frame)

    def _begun(self, header: bytes) -> WebSocketFrame:
        flags, length = header[0], header[1] & 0x7F
        extended = {126: 2, 127: 8}.get(length, 0)
        if extended:
            length = int.from_bytes(header[2 : 2 + extended], "big")
        opcode = flags & 0x0F
        if opcode not in Opcode.__members__.values() or flags & _RESERVED or length >> 63:
            raise FormatError("the WebSocket", expected="a frame of RFC 6455", found=f"{header!r} as its header")
        control = opcode >= Opcode.CLOSE
        if control and (length > _MAX_CONTROL or not flags & _FIN):
            raise FormatError("the WebSocket", expected="control frames that are short and whole", found=f"{header!r}")
        masked = bool(header[1] & _MASKED)
        self._mask = header[-4:] if masked else b""
        self._left = length
        return WebSocketFrame(Opcode(opcode), bool(flags & _FIN), bool(flags & _COMPRESSED), masked, length, b"")

    def _taken(self, frame: WebSocketFrame) -> WebSocketFrame:
        payload = _unmasked(bytes(self._payload), self._mask)
        self._frame = None
        self._payload.clear()
        return WebSocketFrame(frame.opcode, frame.final, frame.compressed, frame.masked, frame.size, payload)


def _header_size(begin: bytes | bytearray) -> int:
    """Return how many octets the header has that starts with *begin*: at least two, so far as can be told."""
    if len(begin) < 2:
        return 2
    return 2 + {126: 2, 127: 8}.get(begin[1] & 0x7F, 0) + (4 if begin[1] & _MASKED else 0)


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    """Return *payload* with *mask* taken off (RFC 6455 5.3)."""
    if not mask:
        return payload
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
