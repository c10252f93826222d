"""TLS 1.3 connections made by hand, octet by octet, for what no server at hand does: with secrets that are chosen."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from muniment.tls import schedule
from muniment.tls.handshake import Message

__all__ = ["Forged", "certificate", "extension", "forged", "forged12", "message", "vector"]

SAID = b"said by the server"
RANDOM = bytes(range(32))
SECRETS = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": b"a" * 32,
    "SERVER_HANDSHAKE_TRAFFIC_SECRET": b"b" * 32,
    "CLIENT_TRAFFIC_SECRET_0": b"c" * 32,
    "SERVER_TRAFFIC_SECRET_0": b"d" * 32,
}
GREASE = bytes.fromhex("0a0a0000")


@dataclass(frozen=True)
class Forged:
    """The octets of both sides, and the key log."""

    client: bytes
    server: bytes
    key_log: bytes


def vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size, "big") + content


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + vector(3, body)


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + vector(2, body)


def certificate(*chain: bytes, leaf: bytes = b"") -> bytes:
    """Return the body of a Certificate message whose leaf has the extensions *leaf*."""
    entries = [vector(3, each) + vector(2, b"" if number else leaf) for number, each in enumerate(chain)]
    return vector(1, b"") + vector(3, b"".join(entries))


class _Sealer:
    """One direction's keys, by which its records are sealed."""

    def __init__(self, label: str) -> None:
        secret = SECRETS[label]
        self._key = AESGCM(schedule.expand_label(secret, "key", 16, "sha256"))
        self._iv = int.from_bytes(schedule.expand_label(secret, "iv", 12, "sha256"), "big")
        self._number = 0

    def seal(self, kind: int, content: bytes, padding: int = 0) -> bytes:
        inner = content + bytes([kind]) + bytes(padding)
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        nonce = (self._iv ^ self._number).to_bytes(12, "big")
        self._number += 1
        return header + self._key.encrypt(nonce, inner, header)


def forged(
    key: ec.EllipticCurvePrivateKey,
    shown: bytes,
    *,
    client: bytes = b"",
    server: bytes = b"",
    hello: bytes = b"",
    change: Callable[[bytes], bytes] = bytes,
    prove: Callable[[bytes], bytes] = bytes,
) -> Forged:
    """Return a connection whose server shows the message *shown* as its certificates and signs with *key*.

    *client* are more extensions of the ClientHello, *hello* of the ServerHello, *server* of the EncryptedExtensions;
    *change* is done to the server's protected messages before they are sealed, *prove* to the client's Finished.
    """
    offers = GREASE + extension(43, b"\x02\x03\x04") + client
    asked = message(1, b"\x03\x03" + RANDOM + b"\0" + vector(2, b"\x13\x01") + b"\x01\0" + vector(2, offers))
    chosen = vector(2, extension(43, b"\x03\x04") + hello)
    answer = message(2, b"\x03\x03" + RANDOM[::-1] + b"\0\x13\x01\0" + chosen)
    messages = [asked, answer, message(Message.ENCRYPTED_EXTENSIONS, vector(2, server)), shown]
    content = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + schedule.transcript(messages, "sha256")
    signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
    messages.append(message(Message.CERTIFICATE_VERIFY, b"\x04\x03" + vector(2, signature)))
    messages.append(_finished("SERVER_HANDSHAKE_TRAFFIC_SECRET", messages))
    flight = change(b"".join(messages[2:]))
    server_handshake = _Sealer("SERVER_HANDSHAKE_TRAFFIC_SECRET")
    # In records of 1,000 octets, each with padding: messages that begin in one and end in another.
    sealed = [server_handshake.seal(22, flight[cut : cut + 1000], 7) for cut in range(0, len(flight), 1000)]
    from_server = _Sealer("SERVER_TRAFFIC_SECRET_0")
    proof = _finished("CLIENT_HANDSHAKE_TRAFFIC_SECRET", messages)
    answered = _Sealer("CLIENT_HANDSHAKE_TRAFFIC_SECRET").seal(22, prove(proof))
    return Forged(
        client=_plain(asked) + answered + _Sealer("CLIENT_TRAFFIC_SECRET_0").seal(21, b"\x01\0"),
        server=_plain(answer) + b"".join(sealed) + from_server.seal(23, SAID, 100) + from_server.seal(21, b"\x01\0"),
        key_log="".join(f"{label} {RANDOM.hex()} {each.hex()}\n" for label, each in SECRETS.items()).encode(),
    )


def forged12(*, client: bytes = b"", prove: Callable[[bytes], bytes] = bytes) -> Forged:
    """Return a connection of TLS 1.2 that is resumed by a ticket without a session id (RFC 5077 3.4).

    *client* are more extensions of the ClientHello; *prove* is done to both sides' Finished.
    """
    master = b"m" * 48
    offers = vector(2, GREASE + client)
    hello = message(1, b"\x03\x03" + RANDOM + b"\0" + vector(2, b"\xc0\x2f") + b"\x01\0" + offers)
    messages = [hello, message(2, b"\x03\x03" + RANDOM[::-1] + b"\0\xc0\x2f\0")]
    block = schedule.prf(master, b"key expansion", RANDOM[::-1] + RANDOM, 40, "sha256")
    streams = {}
    for number, side in ((1, "server"), (0, "client")):
        key, salt = AESGCM(block[16 * number :][:16]), block[32 + 4 * number :][:4]
        data = schedule.finished12(master, f"{side} finished".encode(), messages, "sha256")
        messages.append(message(Message.FINISHED, data))
        said = [
            (22, prove(messages[-1])),
            (21, b"\x01\x5a"),
            (23, b""),
            (23, f"said by the {side}".encode()),
            (21, b"\x01\0"),
        ]
        sealed = []
        for count, (kind, content) in enumerate(said):
            nonce, start = count.to_bytes(8, "big"), bytes([kind]) + b"\x03\x03"
            octets = key.encrypt(salt + nonce, content, nonce + start + len(content).to_bytes(2, "big"))
            sealed.append(start + vector(2, nonce + octets))
        streams[side] = b"\x14\x03\x03\0\x01\x01" + b"".join(sealed)
    log = f"CLIENT_RANDOM {RANDOM.hex()} {master.hex()}\n"
    return Forged(_plain(hello) + streams["client"], _plain(messages[1]) + streams["server"], log.encode())


def _finished(label: str, messages: list[bytes]) -> bytes:
    return message(Message.FINISHED, schedule.finished13(SECRETS[label], messages, "sha256"))


def _plain(handshake: bytes) -> bytes:
    return b"\x16\x03\x01" + vector(2, handshake)
