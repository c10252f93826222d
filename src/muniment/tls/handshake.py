"""Handshake messages (RFC 8446 section 4, RFC 5246 section 7.4) read as far as their facts are wanted.

Unknown extensions, versions and suites, GREASE (RFC 8701) among them, are passed over. Whatever breaks the presentation
language raises FormatError.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from muniment.errors import FormatError
from muniment.tls.octets import Octets
from muniment.tls.suites import Exchange

__all__ = [
    "CertificateVerify",
    "ClientHello",
    "EncryptedExtensions",
    "Extension",
    "Message",
    "ServerHello",
    "ServerKeyExchange",
    "extension_block",
    "extensions",
    "is_retry",
    "name_of",
    "timestamps",
]

# RFC 8446 4.1.3: a ServerHello with this random, the SHA-256 of "HelloRetryRequest", is one.
_RETRY: Final = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_HEADER: Final = 4
_NAMED_CURVE: Final = 3


class Message(IntEnum):
    """The types of handshake messages that matter here (IANA "TLS HandshakeType")."""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    NEW_SESSION_TICKET = 4
    END_OF_EARLY_DATA = 5
    ENCRYPTED_EXTENSIONS = 8
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    FINISHED = 20
    CERTIFICATE_STATUS = 22
    KEY_UPDATE = 24
    COMPRESSED_CERTIFICATE = 25


class Extension(IntEnum):
    """The extensions that are read (IANA "TLS ExtensionType Values")."""

    SERVER_NAME = 0
    STATUS_REQUEST = 5
    ALPN = 16
    SIGNED_CERTIFICATE_TIMESTAMP = 18
    ENCRYPT_THEN_MAC = 22
    PRE_SHARED_KEY = 41
    EARLY_DATA = 42
    SUPPORTED_VERSIONS = 43
    ENCRYPTED_CLIENT_HELLO = 0xFE0D


Extensions = dict[int, bytes]


def name_of(message: bytes) -> str:
    """Return the name of *message*'s type, for a sentence."""
    kind = message[0]
    return Message(kind).name.lower() if kind in Message.__members__.values() else f"a message of type {kind}"


def is_retry(message: bytes) -> bool:
    """Say whether *message* is a HelloRetryRequest."""
    return message[0] == Message.SERVER_HELLO and message[6:38] == _RETRY


def extensions(source: Octets, where: str) -> Extensions:
    """Take the extensions that end a message, which may be absent altogether (RFC 5246 7.4.1.2)."""
    found = extension_block(source.inner(2), where) if source.left else {}
    source.finish()
    return found


def extension_block(block: Octets, where: str) -> Extensions:
    """Take all extensions of *block* (RFC 8446 4.2)."""
    found: Extensions = {}
    while block.left:
        kind = block.number(2)
        # "There MUST NOT be more than one extension of the same type in a given extension block."
        if kind in found:
            raise FormatError(where, expected="each extension once", found=f"extension {kind} twice")
        found[kind] = block.vector(2)
    return found


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client offers (RFC 8446 4.1.2)."""

    random: bytes
    session_id: bytes
    server_name: str
    alpn: tuple[str, ...]
    offers_early_data: bool
    offers_ech: bool

    @classmethod
    def parse(cls, message: bytes) -> "ClientHello":
        """Return what *message* says."""
        where = "the ClientHello"
        source = _body(message, where)
        source.take(2)
        random = source.take(32)
        session_id = source.vector(1)
        source.vector(2)
        source.vector(1)
        found = extensions(source, where)
        return cls(
            random=random,
            session_id=session_id,
            server_name=_server_name(found.get(Extension.SERVER_NAME)),
            alpn=_protocols(found.get(Extension.ALPN), where),
            offers_early_data=Extension.EARLY_DATA in found,
            offers_ech=Extension.ENCRYPTED_CLIENT_HELLO in found,
        )


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a server chose (RFC 8446 4.1.3, RFC 5246 7.4.1.3).

    ``version`` is the protocol's number, 0x0304 for TLS 1.3; ``alpn`` and ``scts`` are there in TLS 1.2 only.
    """

    version: int
    random: bytes
    session_id: bytes
    suite: int
    compression: int
    takes_psk: bool
    encrypt_then_mac: bool
    alpn: str
    scts: tuple[bytes, ...]

    @classmethod
    def parse(cls, message: bytes) -> "ServerHello":
        """Return what *message* says."""
        where = "the ServerHello"
        source = _body(message, where)
        version = source.number(2)
        random = source.take(32)
        session_id = source.vector(1)
        suite = source.number(2)
        compression = source.number(1)
        found = extensions(source, where)
        # RFC 8446 4.2.1: TLS 1.3 is chosen by this extension alone.
        if (chosen := found.get(Extension.SUPPORTED_VERSIONS)) is not None:
            version = Octets(chosen, where).number(2)
        return cls(
            version=version,
            random=random,
            session_id=session_id,
            suite=suite,
            compression=compression,
            takes_psk=Extension.PRE_SHARED_KEY in found,
            encrypt_then_mac=Extension.ENCRYPT_THEN_MAC in found,
            alpn="".join(_protocols(found.get(Extension.ALPN), where)[:1]),
            scts=timestamps(found.get(Extension.SIGNED_CERTIFICATE_TIMESTAMP), where),
        )


@dataclass(frozen=True, slots=True)
class EncryptedExtensions:
    """What a TLS 1.3 server answers under its handshake keys (RFC 8446 4.3.1)."""

    alpn: str
    accepts_early_data: bool
    ech_retry: bytes

    @classmethod
    def parse(cls, message: bytes) -> "EncryptedExtensions":
        """Return what *message* says; ``ech_retry`` is the ECHConfigList of a server that refused ECH."""
        where = "the EncryptedExtensions"
        found = extensions(_body(message, where), where)
        return cls(
            alpn="".join(_protocols(found.get(Extension.ALPN), where)[:1]),
            accepts_early_data=Extension.EARLY_DATA in found,
            ech_retry=found.get(Extension.ENCRYPTED_CLIENT_HELLO, b""),
        )


@dataclass(frozen=True, slots=True)
class ServerKeyExchange:
    """A TLS 1.2 server's ephemeral key and its signature over it (RFC 5246 7.4.3, RFC 8422 5.4)."""

    parameters: bytes
    scheme: int
    signature: bytes

    @classmethod
    def parse(cls, message: bytes, exchange: Exchange) -> "ServerKeyExchange":
        """Return what *message* says in a suite that agrees on keys by *exchange*."""
        where = "the ServerKeyExchange"
        source = _body(message, where)
        if exchange is Exchange.DHE:
            for _ in ("p", "g", "Ys"):
                source.vector(2)
        elif (kind := source.number(1)) == _NAMED_CURVE:
            source.take(2)
            source.vector(1)
        else:
            raise FormatError(where, expected="a named curve", found=f"curve type {kind}")
        parameters = source.taken
        return cls(parameters, *_signed(source))


@dataclass(frozen=True, slots=True)
class CertificateVerify:
    """A signature over everything that was said before it (RFC 8446 4.4.3)."""

    scheme: int
    signature: bytes

    @classmethod
    def parse(cls, message: bytes) -> "CertificateVerify":
        """Return what *message* says."""
        return cls(*_signed(_body(message, "the CertificateVerify")))


def timestamps(content: bytes | None, where: str) -> tuple[bytes, ...]:
    """Return the signed certificate timestamps of a SignedCertificateTimestampList (RFC 6962 3.3), each untouched."""
    if not content:
        return ()
    source = Octets(content, where)
    found = source.inner(2).vectors(2)
    source.finish()
    return found


def _body(message: bytes, where: str) -> Octets:
    return Octets(message[_HEADER:], where)


def _signed(source: Octets) -> tuple[int, bytes]:
    scheme = source.number(2)
    signature = source.vector(2)
    source.finish()
    return scheme, signature


def _server_name(content: bytes | None) -> str:
    """Return the host name of RFC 6066 3, "" where there is none; it is for a reader, so odd octets are escaped."""
    if not content:
        return ""
    names = Octets(content, "the server name").inner(2)
    while names.left:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return _text(name)
    return ""


def _protocols(content: bytes | None, where: str) -> tuple[str, ...]:
    """Return the protocols of RFC 7301 3.1; GREASE makes some that are no text, and those are escaped."""
    if not content:
        return ()
    source = Octets(content, where)
    found = source.inner(2).vectors(1)
    source.finish()
    return tuple(_text(each) for each in found)


def _text(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace")
