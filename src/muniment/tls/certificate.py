"""What a server shows of itself: chain, OCSP staple, signed certificate timestamps (RFC 8446 4.4.2, RFC 8879)."""

import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import brotlicffi
import zstandard
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning

from muniment.errors import FormatError, Unsupported
from muniment.tls.handshake import Extension, Message, extension_block, timestamps
from muniment.tls.octets import Octets
from muniment.tls.record import MAX_MESSAGE

__all__ = ["Certificates", "parsed", "stapled"]

_HEADER: Final = 4
_OCSP: Final = 1
_WHERE: Final = "the server's certificate message"
# RFC 8878 3.1.1.1.2: a window beyond the longest message is of no use to it.
_ZSTD_WINDOW: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Certificates:
    """The certificates of one message, DER, leaf first, untouched; nothing about them was verified."""

    chain: tuple[bytes, ...]
    staple: bytes = b""
    scts: tuple[bytes, ...] = ()

    @classmethod
    def parse12(cls, message: bytes) -> "Certificates":
        """Return what the Certificate *message* of TLS 1.2 shows (RFC 5246 7.4.2)."""
        source = Octets(message[_HEADER:], _WHERE)
        chain = source.inner(3).vectors(3)
        source.finish()
        return cls(chain)

    @classmethod
    def parse13(cls, message: bytes) -> "Certificates":
        """Return what the Certificate or CompressedCertificate *message* of TLS 1.3 shows.

        Nothing beyond 128 KiB is ever decompressed. Raises FormatError for a coding that RFC 8879 does not name.
        """
        body = message[_HEADER:]
        if message[0] == Message.COMPRESSED_CERTIFICATE:
            body = _decompressed(Octets(body, _WHERE))
        source = Octets(body, _WHERE)
        source.vector(1)
        entries = source.inner(3)
        source.finish()
        chain: list[bytes] = []
        leaf: dict[int, bytes] = {}
        while entries.left:
            chain.append(entries.vector(3))
            found = extension_block(entries.inner(2), _WHERE)
            leaf = found if len(chain) == 1 else leaf
        status = leaf.get(Extension.STATUS_REQUEST)
        return cls(
            tuple(chain),
            _staple(Octets(status, _WHERE)) if status else b"",
            timestamps(leaf.get(Extension.SIGNED_CERTIFICATE_TIMESTAMP), _WHERE),
        )


def parsed(der: bytes) -> x509.Certificate:
    """Return the certificate *der*. Raises Unsupported where the library finds none, which changes over the years.

    What it takes with a warning is taken in silence: servers show certificates as they are.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            return x509.load_der_x509_certificate(der)
        except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm) as unreadable:
            found = str(unreadable)[:100]
            raise Unsupported("the server's certificate", expected="one that can be read", found=found) from None


def stapled(message: bytes) -> bytes:
    """Return the OCSP response of a CertificateStatus *message* (RFC 6066 8)."""
    return _staple(Octets(message[_HEADER:], "the CertificateStatus"))


def _staple(source: Octets) -> bytes:
    kind = source.number(1)
    if kind != _OCSP:
        return b""
    response = source.vector(3)
    source.finish()
    return response


def _decompressed(source: Octets) -> bytes:
    """Return the body of the Certificate message that *source*, a CompressedCertificate, holds (RFC 8879 4)."""
    coding = source.number(2)
    size = source.number(3)
    compressed = source.vector(3)
    source.finish()
    decompress = _CODINGS.get(coding)
    if decompress is None:
        raise FormatError(_WHERE, expected="compression by zlib, brotli or zstd", found=f"algorithm {coding}")
    # "the uncompressed_length": whoever makes 300 MB of 485 octets lies about it, or says more than is ever read.
    if size > MAX_MESSAGE:
        raise FormatError(_WHERE, expected=f"at most {MAX_MESSAGE} octets decompressed", found=f"{size}")
    try:
        body = decompress(compressed, size)
    except (zlib.error, brotlicffi.error, zstandard.ZstdError) as damage:
        raise FormatError(_WHERE, expected="an undamaged compressed body", found=str(damage)[:120]) from damage
    if body is None or len(body) != size:
        found = "more" if body is None else f"{len(body)}"
        raise FormatError(_WHERE, expected=f"exactly {size} octets decompressed", found=found)
    return body


def _zlib(compressed: bytes, size: int) -> bytes | None:
    decoder = zlib.decompressobj()
    body = decoder.decompress(compressed, size + 1)
    return None if decoder.unconsumed_tail or decoder.unused_data or not decoder.eof else body


def _brotli(compressed: bytes, size: int) -> bytes | None:
    decoder = brotlicffi.Decompressor()
    body: bytes = decoder.decompress(compressed, size + 1)
    return body if decoder.is_finished() else None


def _zstd(compressed: bytes, size: int) -> bytes | None:
    context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    with context.stream_reader(compressed) as reader:
        return reader.read(size + 1)


_CODINGS: Final[dict[int, Callable[[bytes, int], bytes | None]]] = {1: _zlib, 2: _brotli, 3: _zstd}
