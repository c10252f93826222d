"""One record as one gzip member (RFC 1952; ISO 28500:2017 Annex D): compressed, and inflated again strictly.

The gzip header that is written is always the same ten octets: no flag, no name, no time (RFC 1952 2.3: FLG 0,
MTIME 0, OS 255 "unknown"), so the same record gives the same member. Deflated octets may differ between versions of
the library; what was sealed is what was stored.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol

from isal import isal_zlib

from muniment.digest import Digest, Digester
from muniment.errors import FormatError, StoreError

__all__ = ["CHUNK", "GZIP_MAGIC", "Deflater", "Stored", "deflated", "inflated", "verbatim"]

CHUNK: Final = 256 << 10
"""The octets that are held at a time, stored or inflated."""
GZIP_MAGIC: Final = b"\x1f\x8b"

_GZIP: Final = 31  # zlib's wbits for a gzip wrapper and a window of 32 KiB
_LEVEL: Final = 1  # 335 MB/s on HTML at .430; zlib 6 gives .404 at 21 MB/s
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_BLOCK: Final = 0xFFFF
_DAMAGE: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]  # its stub takes the class for a value


class Deflater(Protocol):
    """A gzip member in the making."""

    def compress(self, chunk: bytes, /) -> bytes:
        """Take *chunk* and return what of the member is ready."""

    def flush(self) -> bytes:
        """Return the member's end."""


def deflated() -> Deflater:
    """Return a new member whose content is compressed, fast."""
    member: Deflater = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
    return member


def verbatim() -> Deflater:
    """Return a new member whose content is stored as it is: for media that is compressed already."""
    return _Verbatim()


class _Verbatim:
    """A gzip member of stored blocks (RFC 1951 3.2.4), which costs no more than its checksum."""

    __slots__ = ("_begun", "_crc", "_size")

    def __init__(self) -> None:
        self._begun = False
        self._crc = 0
        self._size = 0

    def compress(self, chunk: bytes, /) -> bytes:
        self._crc = isal_zlib.crc32(chunk, self._crc)
        self._size += len(chunk)
        pieces: list[bytes | memoryview] = [] if self._begun else [_HEADER]
        self._begun = True
        view = memoryview(chunk)
        while view:
            block, view = view[:_BLOCK], view[_BLOCK:]
            pieces += struct.pack("<BHH", 0, len(block), len(block) ^ _BLOCK), block
        return b"".join(pieces)

    def flush(self) -> bytes:
        last = struct.pack("<BHH", 1, 0, _BLOCK)
        return self.compress(b"") + last + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)


class Stored:
    """The stored octets of one record: read forward once, digested, never beyond *length* where one is given.

    *carried* are octets that were read from *stream* already. Whoever finds the record's end says so by ``stop``;
    ``size`` and ``digest`` are those of the octets up to there, ``rest`` what was read beyond.
    """

    __slots__ = ("_digester", "_held", "_left", "_stream", "file", "rest")

    def __init__(self, stream: BinaryIO, file: str, *, carried: bytes = b"", length: int | None = None) -> None:
        self.file = file
        self.rest = carried
        self._stream = stream
        self._left = length
        self._held = b""
        self._digester = Digester()

    def peek(self) -> bytes:
        """Return octets that ``read`` would return next, without taking them; none at the end."""
        self.rest = self.rest or self._next()
        return self.rest

    def read(self) -> bytes:
        """Return the next octets, or none where the record's range or the file ends; StoreError from the disk."""
        self._digester.update(self._held)
        self._held, self.rest = (self.rest, b"") if self.rest else (self._next(), b"")
        return self._held

    def _next(self) -> bytes:
        try:
            chunk = self._stream.read(CHUNK if self._left is None else min(CHUNK, self._left))
        except OSError as failure:
            raise StoreError(self.file, f"could not be read: {failure.strerror or failure}") from failure
        if self._left is not None:
            self._left -= len(chunk)
        return chunk

    def stop(self, unused: int) -> None:
        """End the record *unused* octets before the end of what ``read`` returned last."""
        own = len(self._held) - unused
        self._digester.update(memoryview(self._held)[:own])
        self.rest = self._held[own:]
        self._held = b""

    def drain(self) -> int:
        """Read the given range to its end and return how many octets of it lay behind the record."""
        behind = len(self.rest)
        while self._left and (chunk := self._next()):
            behind += len(chunk)
        return behind

    @property
    def missing(self) -> int:
        """How many octets of the given range have not been read: after the file's end, those that it lacks."""
        return self._left or 0

    @property
    def size(self) -> int:
        """The octets of the record."""
        return self._digester.size

    def digest(self) -> Digest:
        """Return the digest of the record's stored octets."""
        return self._digester.digest()


def inflated(stored: Stored, where: str) -> Iterator[bytes]:
    """Inflate the one gzip member that *stored* begins with, in pieces of at most CHUNK; then ``stop`` it there.

    Header flags and fields that RFC 1952 allows are accepted. Raises FormatError naming *where*: no gzip member, a
    torn one, a damaged one, a checksum or length that is not that of the content.
    """
    pending = stored.read()
    if pending[:2] != GZIP_MAGIC[: len(pending)]:
        raise FormatError(where, expected="a gzip member", found=f"no gzip member but {pending[:8]!r}")
    inflater = isal_zlib.decompressobj(_GZIP)
    while True:
        try:
            piece = inflater.decompress(pending, CHUNK)
        except _DAMAGE as failure:
            raise FormatError(where, expected="a whole gzip member", found=f"a damaged one: {failure}") from None
        if piece:
            yield piece
        if inflater.eof:
            stored.stop(len(inflater.unused_data))
            return
        pending = inflater.unconsumed_tail
        # Where a piece is full, more may wait inside the inflater although every stored octet has been taken.
        if not pending and len(piece) < CHUNK:
            pending = stored.read()
            if not pending:
                raise FormatError(where, expected="a whole gzip member", found=_torn(stored))


def _torn(stored: Stored) -> str:
    lacking = f", {stored.missing} octets before the range does" if stored.missing else ""
    return f"a torn one: it ends after {stored.size} octets{lacking}"
