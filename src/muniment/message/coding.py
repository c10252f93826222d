"""Content codings (RFC 9110 section 8.4.1) taken off, bounded in what they give out.

gzip (RFC 1952), deflate (RFC 1950, and 1951 as some servers send it), br (RFC 7932), zstd (RFC 8878 and 9659).
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import brotlicffi
import zstandard
from isal import isal_zlib

from muniment.errors import FormatError

__all__ = ["ACCEPTED", "MAX_CODINGS", "decoded", "named"]

ACCEPTED: Final = "gzip, deflate, br"
"""What a request says that it accepts. zstd is read as well, but not by the programs that replay WARC files."""
MAX_CODINGS: Final = 5

_PIECE: Final = 64 << 10
# deflate cannot make more than 1,032 of one octet and real text hardly 50: beyond this it is a bomb.
_EXPANSION: Final = 200
_EXPANSION_FREE: Final = 16 << 20
# RFC 9659: a zstd frame for HTTP needs no window beyond 8 MiB.
_ZSTD_WINDOW: Final = 8 << 20
_ZSTD_SIP: Final = 256
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ALIASES: Final = {"x-gzip": "gzip"}  # RFC 9110 8.4.1.3

Chunks = Iterator[bytes]


def named(members: tuple[str, ...]) -> tuple[str, ...]:
    """Return the codings that the members of Content-Encoding name, first applied first, without identity."""
    lower = (member.lower() for member in members)
    return tuple(_ALIASES.get(name, name) for name in lower if name != "identity")


def decoded(chunks: Chunks, codings: tuple[str, ...], *, cap: int) -> Chunks:
    """Yield what *chunks* hold under *codings*, at most *cap* octets.

    Raises FormatError for an unknown coding, more than five of them, damaged or cut content, more than *cap*
    octets, and for a bomb: more than 200 octets for each received one, beyond the first 16 MiB, in any coding.
    """
    if len(codings) > MAX_CODINGS:
        raise FormatError("the content", expected=f"at most {MAX_CODINGS} content codings", found=str(len(codings)))
    for coding in reversed(codings):
        decoder = _DECODERS.get(coding)
        if decoder is None:
            raise FormatError("the content", expected=f"one of {ACCEPTED}, zstd", found=f"the coding {coding[:40]!r}")
        chunks = _bounded(chunks, coding, decoder)
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > cap:
            yield chunk[: cap - size]
            raise FormatError("the content", expected=f"at most {cap} octets when decoded", found="more")
        yield chunk


def _bounded(chunks: Chunks, coding: str, decoder: Callable[[Chunks], Chunks]) -> Chunks:
    """Yield what *decoder* makes of *chunks* as long as it stays in proportion; every failure is a FormatError."""
    taken = given = 0

    def counted() -> Chunks:
        nonlocal taken
        for chunk in chunks:
            taken += len(chunk)
            yield chunk

    try:
        for chunk in decoder(counted()):
            given += len(chunk)
            if given > _EXPANSION_FREE + _EXPANSION * taken:
                raise FormatError(
                    "the content", expected="content that expands in proportion", found=f"a bomb in {coding}"
                )
            yield chunk
    except _DAMAGE as damage:
        found = f"damage: {str(damage)[:120]}"
        raise FormatError("the content", expected=f"the coding {coding}", found=found) from damage


def _cut(coding: str) -> FormatError:
    return FormatError("the content", expected=f"the whole of its coding {coding}", found="an early end")


def _gzip(chunks: Chunks) -> Chunks:
    decoder: Any = None
    ahead = b""
    ended = False
    for chunk in chunks:
        rest = ahead + chunk
        ahead = b""
        while rest:
            if decoder is None:
                if ended and not _GZIP_MAGIC.startswith(rest[:2]):
                    return  # RFC 1952 2.2 allows members only; browsers pass over anything else at the end
                if len(rest) < 2:
                    ahead = rest
                    break
                decoder = isal_zlib.decompressobj(31)
            yield from _inflated(decoder, rest)
            rest = decoder.unused_data if decoder.eof else b""
            if decoder.eof:
                decoder, ended = None, True
    if decoder is not None or not ended:
        raise _cut("gzip")


def _deflate(chunks: Chunks) -> Chunks:
    decoder: Any = None
    ahead = b""
    for chunk in chunks:
        ahead += chunk
        if decoder is None:
            if len(ahead) < 2:
                continue
            # RFC 1950 2.2: the two octets of a zlib header are a multiple of 31, the method is 8.
            has_header = ahead[0] & 15 == 8 and int.from_bytes(ahead[:2], "big") % 31 == 0
            decoder = isal_zlib.decompressobj(15 if has_header else -15)
        yield from _inflated(decoder, ahead)
        ahead = b""
        if decoder.eof:
            return
    raise _cut("deflate")


def _inflated(decoder: Any, octets: bytes) -> Chunks:
    rest = octets
    while True:
        piece = decoder.decompress(rest, _PIECE)
        if piece:
            yield piece
        rest = decoder.unconsumed_tail
        if decoder.eof or (not rest and len(piece) < _PIECE):
            return


def _br(chunks: Chunks) -> Chunks:
    # What follows the end is damage by the library, which then gives nothing of its last piece: so it is in every case.
    decoder = brotlicffi.Decompressor()
    for chunk in chunks:
        piece = decoder.decompress(chunk, _PIECE)
        while True:
            if piece:
                yield piece
            if decoder.can_accept_more_data():
                break
            piece = decoder.decompress(b"", _PIECE)
    if not decoder.is_finished():
        raise _cut("br")


def _zstd(chunks: Chunks) -> Chunks:
    context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    decoder: Any = None
    ended = False
    for chunk in chunks:
        rest = chunk
        while rest:
            decoder = decoder or context.decompressobj()
            # The library's decoder gives out all at once, up to 128 KiB for each four octets: small sips.
            sip, rest = rest[:_ZSTD_SIP], rest[_ZSTD_SIP:]
            if piece := decoder.decompress(sip):
                yield piece
            if decoder.eof:
                rest = decoder.unused_data + rest
                decoder, ended = None, True
    if decoder is not None or not ended:
        raise _cut("zstd")


_DAMAGE: Final[Any] = (isal_zlib.error, brotlicffi.error, zstandard.ZstdError)
_DECODERS: Final[dict[str, Callable[[Chunks], Chunks]]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "br": _br,
    "zstd": _zstd,
}
