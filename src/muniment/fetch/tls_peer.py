"""Whether a TLS peer is who it says, what to call it where it is not, and the chain that it showed."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from muniment.digest import Digest
from muniment.errors import JobError

__all__ = ["Policy", "Root", "chain", "named", "reason_of", "version"]

# OpenSSL's X509_V_ERR_* (verify(1ssl)), by what an archivist can do with them.
_REASONS: Final = {
    9: "not-yet-valid",
    10: "expired",
    18: "self-signed",
    2: "unknown-authority",
    19: "unknown-authority",
    20: "unknown-authority",
    21: "unknown-authority",
    62: "wrong-host",
    64: "wrong-host",
}
_OLD: Final = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})
_VERSIONS: Final = {"TLSv1": "tls/1.0"}
_ALPN: Final = ["http/1.1"]


@dataclass(frozen=True, slots=True)
class Root:
    """One file of certificates of authorities that peers are verified against: where it lies, and its digest."""

    path: str
    digest: Digest


class Policy:
    """The two ways in which a TLS connection is made: verified against named roots, or not verified at all.

    ``roots`` names the files in use: the bundle that comes with requests (certifi) and what *ca_files* adds.
    Raises JobError where one cannot be read or holds no certificates.
    """

    def __init__(self, ca_files: tuple[str, ...]) -> None:
        self.verified = _context()
        paths = (DEFAULT_CA_BUNDLE_PATH, *ca_files)
        self.roots = tuple(_add(self.verified, path) for path in paths)
        self.verified.verify_mode = ssl.CERT_REQUIRED
        self.verified.check_hostname = True
        self.verified.minimum_version = ssl.TLSVersion.TLSv1_2
        self.unverified = _context()
        self.unverified.check_hostname = False
        self.unverified.verify_mode = ssl.CERT_NONE
        # What stands on such a server may be gone tomorrow: old protocols and short keys are let in here, flagged.
        self.unverified.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        self.unverified.set_ciphers("ALL:!aNULL:@SECLEVEL=0")
        self.unverified.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(_ALPN)
    return context


def _add(context: ssl.SSLContext, path: str) -> Root:
    """Add the authorities in the file *path*; the octets that are digested are those that are used."""
    try:
        content = Path(path).read_bytes()
        context.load_verify_locations(cadata=content.decode("ascii", "replace"))
    except (OSError, ValueError, TypeError) as failure:  # SSLError is an OSError; no PEM is a ValueError or TypeError
        why = "it holds no certificates in PEM"
        if isinstance(failure, OSError) and not isinstance(failure, ssl.SSLError):
            why = failure.strerror or str(failure)
        raise JobError(f"the file of authorities {path} (--ca-file) cannot be used: {why}") from None
    return Root(path, Digest.of_bytes(content))


def chain(tls: ssl.SSLObject | None) -> tuple[bytes, ...]:
    """Return the certificates that the peer showed, DER, leaf first, untouched, also after a failed handshake."""
    if tls is None:
        return ()
    inner: Any = tls if hasattr(tls, "get_unverified_chain") else getattr(tls, "_sslobj", None)
    if inner is None:
        return ()
    try:
        found = inner.get_unverified_chain() or ()
    except (ValueError, ssl.SSLError):  # there was no handshake at all
        return ()
    return tuple(each if isinstance(each, bytes) else _der(each) for each in found)


def _der(certificate: Any) -> bytes:
    octets = certificate.public_bytes(2)  # _ssl.ENCODING_DER
    return bytes(octets)


def reason_of(failure: ssl.SSLError) -> tuple[str, str]:
    """Return why a peer was not verified: the closed word of ``Connection.tls``, and a sentence."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return _REASONS.get(failure.verify_code, "other"), f"the certificate was refused: {failure.verify_message}"
    if isinstance(failure, ssl.SSLEOFError):
        return "other", "the server broke the TLS handshake off"
    return "other", f"no connection by today's rules: {failure.reason or failure.strerror or failure}"


def named(word: str, tls: ssl.SSLObject) -> str:
    """Return *word* or, where the connection came about by an old protocol only, "old-protocol"."""
    return "old-protocol" if word == "other" and tls.version() in _OLD else word


def version(tls: ssl.SSLObject) -> str:
    """Return the protocol's version as WARC-Protocol writes it, such as ``tls/1.3``."""
    text = tls.version() or ""
    return _VERSIONS.get(text, text.lower().replace("tlsv", "tls/"))
