"""What is kept of a handshake so that anybody can check the server's signature over it later, offline."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from muniment import canonical
from muniment.errors import FormatError, SignatureInvalid
from muniment.tls import schedule, signature
from muniment.tls.connection import Connection, Fault, Flight, Reason
from muniment.tls.handshake import CertificateVerify, Message, ServerKeyExchange
from muniment.tls.keylog import KeyLog, Label
from muniment.tls.record import MAX_CONTENT, ContentType, Messages
from muniment.tls.session import Handshake, Side
from muniment.tls.suites import Exchange

__all__ = ["Evidence", "Signed", "Unsigned", "Why", "decode", "encode", "of", "shown", "verified"]

_WHERE: Final = "the handshake evidence"
# RFC 8446 4.4.3: 64 spaces, the context string and a zero, then the transcript's hash.
_CONTEXT: Final = b" " * 64 + b"TLS 1.3, server CertificateVerify\0"
_MAX: Final = 2 << 20
_RECORD: Final = b"\x03\x03"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The handshake's octets in which the server signs, ClientHello to its Finished; see :class:`Flight`.

    ``greeting`` are messages without the headers of their records, which nothing authenticates; ``protected`` are
    records as they crossed the wire. ``secret`` is SERVER_HANDSHAKE_TRAFFIC_SECRET: it opens ``protected`` and nothing
    else, since the keys of content do not follow from it (RFC 8446 7.1). In TLS 1.2, where everything under keys is
    opened by one secret, both are empty.
    """

    greeting: bytes
    protected: bytes
    secret: bytes


class Why(StrEnum):
    """Why a handshake holds no signature of the server, although nothing is wrong with it."""

    RESUMED = "resumed"
    STATIC_RSA = "static-rsa"


@dataclass(frozen=True, slots=True)
class Signed:
    """The holder of the key of ``handshake.chain[0]`` signed this handshake by the scheme of that name.

    In TLS 1.3 the signature covers every octet from the ClientHello to the certificate, so all that ``handshake`` says.
    In TLS 1.2 it covers the two randoms and the key exchange parameters **alone**: not the server name, ALPN,
    version, suite, the session id, the staple, nor the chain, of which only the leaf's key is needed to verify it.

    It does not say that the chain is trusted, nor when this was, nor what was said afterwards: the client holds
    the connection's keys and could have written any content.
    """

    handshake: Handshake
    scheme: str


@dataclass(frozen=True, slots=True)
class Unsigned:
    """The handshake holds no signature, and why. That it is genuine is **not** shown: anybody can make one."""

    handshake: Handshake
    why: Why


def of(connection: Connection) -> Evidence | None:
    """Return the evidence of *connection*; None until its server has finished, and where it cannot be decoded."""
    flight = connection.flight
    return Evidence(flight.greeting, flight.protected, flight.secret) if flight else None


def encode(evidence: Evidence) -> bytes:
    """Return the canonical bytes of *evidence*."""
    return canonical.encode(
        {
            "v": 1,
            "greeting": canonical.encode_base64(evidence.greeting),
            "protected": canonical.encode_base64(evidence.protected),
            "secret": canonical.encode_base64(evidence.secret),
        }
    )


def decode(content: bytes) -> Evidence:
    """Return the evidence that *content* writes. Raises FormatError for everything but what :func:`encode` gives."""
    if len(content) > _MAX:
        raise FormatError(_WHERE, expected=f"at most {_MAX} octets", found=str(len(content)))
    fields = canonical.Fields(content, _WHERE)
    names = ("greeting", "protected", "secret")
    found = Evidence(*(canonical.decode_base64(fields.take(name, str), f"{_WHERE}, {name}") for name in names))
    fields.finish(encode(found))
    return found


def shown(evidence: Evidence) -> Handshake:
    """Return what the octets of *evidence* say, as far as they can be read; nothing of it is verified."""
    return _replayed(evidence).handshake


def verified(evidence: Evidence) -> Signed | Unsigned:
    """Check the server's signature in *evidence*, from its octets alone.

    TLS 1.3: CertificateVerify over the transcript (RFC 8446 4.4.3), and the server's Finished. TLS 1.2:
    ServerKeyExchange over both randoms and its parameters (RFC 5246 7.4.3). Raises SignatureInvalid where signature,
    Finished or record protection is not right, FormatError where the octets are no such handshake, Unsupported where
    they are, with a certificate or a scheme of signature that cannot be checked here.
    """
    connection = _replayed(evidence)
    flight = connection.flight
    for side in Side:
        _refuse(connection.progress(side).fault)
    if flight is None or (flight.greeting, flight.protected) != (evidence.greeting, evidence.protected):
        raise FormatError(_WHERE, expected="a handshake to the server's Finished", found="less, more or another order")
    if bool(evidence.secret) != bool(flight.protected):
        raise FormatError(_WHERE, expected="a secret in TLS 1.3 alone", found=f"{len(evidence.secret)} octets of one")
    facts = connection.handshake
    if not facts.chain:
        if facts.resumed:
            return Unsigned(facts, Why.RESUMED)
        raise FormatError(_WHERE, expected="the server's certificate", found="none")
    if flight.suite.exchange is Exchange.STATIC_RSA:
        if _proofs12(flight):
            raise FormatError(_WHERE, expected="static RSA without a ServerKeyExchange", found="one")
        return Unsigned(facts, Why.STATIC_RSA)
    check = _signed13 if evidence.protected else _signed12
    return Signed(facts, check(flight, facts))


def _replayed(evidence: Evidence) -> Connection:
    """Return a connection that was fed *evidence*, by the same rules that decoded it first."""
    messages = Messages(_WHERE)
    if evidence.greeting:
        messages.add(evidence.greeting)
    sent: dict[Side, list[bytes]] = {Side.CLIENT: [], Side.SERVER: []}
    while (message := messages.next()) is not None:
        sent[Side.CLIENT if message[0] == Message.CLIENT_HELLO else Side.SERVER].append(message)
    messages.finish()
    keys = KeyLog()
    client = sent[Side.CLIENT]
    if client and evidence.secret:
        random = client[0][6:38].hex()
        keys.feed(f"{Label.SERVER_HANDSHAKE_TRAFFIC_SECRET} {random} {evidence.secret.hex()}\n".encode())
    connection = Connection(keys)
    _feed(connection, Side.CLIENT, b"".join(map(_records, client)))
    _feed(connection, Side.SERVER, b"".join(map(_records, sent[Side.SERVER])) + evidence.protected)
    return connection


def _feed(connection: Connection, side: Side, octets: bytes) -> None:
    while True:
        before = connection.progress(side).position
        connection.feed(side, octets[before:])
        if connection.progress(side).position == before:
            return


def _records(message: bytes) -> bytes:
    """Return *message* in records of its own."""
    cuts = range(0, len(message), MAX_CONTENT)
    fragments = [message[cut : cut + MAX_CONTENT] for cut in cuts]
    kind = bytes([ContentType.HANDSHAKE]) + _RECORD
    return b"".join(kind + len(each).to_bytes(2, "big") + each for each in fragments)


def _refuse(fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.reason in {Reason.WRONG_KEY, Reason.DAMAGED}:
        raise SignatureInvalid(_WHERE, expected=fault.expected, found=fault.found)
    raise FormatError(f"{_WHERE}, {fault.where}", expected=fault.expected, found=fault.found)


def _signed13(flight: Flight, facts: Handshake) -> str:
    *before, proof, _ = flight.messages
    if proof[0] != Message.CERTIFICATE_VERIFY:
        raise SignatureInvalid(_WHERE, expected="a CertificateVerify before the Finished", found="none")
    found = CertificateVerify.parse(proof)
    content = _CONTEXT + schedule.transcript(before, flight.suite.hash)
    signature.check(facts.chain[0], found.scheme, found.signature, content, tls13=True)
    return signature.scheme_name(found.scheme)


def _signed12(flight: Flight, facts: Handshake) -> str:
    proofs = _proofs12(flight)
    if len(proofs) != 1:
        raise SignatureInvalid(_WHERE, expected="one ServerKeyExchange", found=str(len(proofs)))
    found = ServerKeyExchange.parse(proofs[0], flight.suite.exchange)
    content = facts.client_random + facts.server_random + found.parameters
    signature.check(facts.chain[0], found.scheme, found.signature, content, tls13=False)
    return signature.scheme_name(found.scheme)


def _proofs12(flight: Flight) -> list[bytes]:
    return [each for each in flight.messages if each[0] == Message.SERVER_KEY_EXCHANGE]
