"""The evidence of a handshake read by a stranger: docs/formats.md step by step, the signature judged by openssl.

Nothing of muniment.tls is used: key schedule, records and messages are taken from RFC 5246 and RFC 8446 anew.
"""

import base64
import hashlib
import hmac
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from shaken import TLS12, TLS13, Site

HOST = "news.example"
HASHES = {0x0403: "sha256", 0x0503: "sha384", 0x0603: "sha512"}


def messages(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the handshake messages in *octets*, each with its header."""
    while octets:
        size = 4 + int.from_bytes(octets[1:4], "big")
        yield octets[0], octets[:size]
        octets = octets[size:]


def expanded(secret: bytes, label: bytes, size: int, name: str) -> bytes:
    """RFC 8446 7.1, for no more than one block of the hash."""
    full = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    return hmac.new(secret, info + b"\1", name).digest()[:size]


def opened(protected: bytes, secret: bytes, suite: int) -> bytes:
    """RFC 8446 5.2, 5.3: the handshake messages in the server's records."""
    name, key_size, kind = {
        0x1301: ("sha256", 16, AESGCM),
        0x1302: ("sha384", 32, AESGCM),
        0x1303: ("sha256", 32, ChaCha20Poly1305),
    }[suite]
    key = kind(expanded(secret, b"key", key_size, name))
    iv = int.from_bytes(expanded(secret, b"iv", 12, name), "big")
    found = b""
    number = 0
    while protected:
        header, size = protected[:5], int.from_bytes(protected[3:5], "big")
        inner = key.decrypt((iv ^ number).to_bytes(12, "big"), protected[5 : 5 + size], header).rstrip(b"\0")
        assert inner[-1:] == b"\x16"
        found, protected, number = found + inner[:-1], protected[5 + size :], number + 1
    return found


def signed(evidence: dict[str, str]) -> tuple[bytes, int, bytes, bytes]:
    """Return the certificate, and scheme, signature and content of what the server signed."""
    octets = {name: base64.b64decode(evidence[name]) for name in ("greeting", "protected", "secret")}
    said = list(messages(octets["greeting"]))
    client, server = said[0][1], said[1][1]
    if octets["protected"]:
        at = 38 + 1 + server[38]
        suite = int.from_bytes(server[at : at + 2], "big")
        name = "sha384" if suite == 0x1302 else "sha256"
        said += messages(opened(octets["protected"], octets["secret"], suite))
        assert [kind for kind, _ in said] == [1, 2, 8, 11, 15, 20]
        before = hashlib.new(name, b"".join(each for _, each in said[:4])).digest()
        until = hashlib.new(name, b"".join(each for _, each in said[:5])).digest()
        key = expanded(octets["secret"], b"finished", len(before), name)
        assert said[5][1][4:] == hmac.new(key, until, name).digest()
        shown, proof = said[3][1][8:], said[4][1][4:]
        content = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + before
    else:
        kinds = dict(said)
        shown, exchange = kinds[11][7:], kinds[12][4:]
        parameters, proof = exchange[: 4 + exchange[3]], exchange[4 + exchange[3] :]
        content = client[6:38] + server[6:38] + parameters
    leaf = shown[3 : 3 + int.from_bytes(shown[:3], "big")]
    return leaf, int.from_bytes(proof[:2], "big"), proof[4:], content


def judged(folder: Path, leaf: bytes, scheme: int, signature: bytes, content: bytes) -> bool:
    """Say whether openssl takes *signature*."""
    (folder / "leaf.der").write_bytes(leaf)
    (folder / "content").write_bytes(content)
    (folder / "signature").write_bytes(signature)
    shown = ["openssl", "x509", "-inform", "DER", "-in", folder / "leaf.der", "-pubkey", "-noout"]
    (folder / "key.pem").write_bytes(subprocess.run(shown, check=True, capture_output=True).stdout)
    verify = [
        "openssl",
        "dgst",
        f"-{HASHES[scheme]}",
        "-verify",
        folder / "key.pem",
        "-signature",
        folder / "signature",
    ]
    done = subprocess.run([*verify, folder / "content"], capture_output=True, check=False)
    return done.returncode == 0 and done.stdout == b"Verified OK\n"


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [(TLS13, ""), (TLS12, "ECDHE-ECDSA-AES128-GCM-SHA256"), (TLS12, "ECDHE-ECDSA-CHACHA20-POLY1305")],
    ids=["1.3", "1.2", "1.2-chacha"],
)
def test_openssl_finds_the_servers_signature_where_the_formats_say(
    version: ssl.TLSVersion, ciphers: str, tmp_path: Path
) -> None:
    site = Site.of(tmp_path / "site", HOST)
    made = site.connection("c1", HOST, version, ciphers=ciphers)
    leaf, scheme, signature, content = signed(json.loads(made.evidence))
    assert leaf == site.who.der
    assert judged(tmp_path, leaf, scheme, signature, content)
    assert not judged(tmp_path, leaf, scheme, signature, content[:-1] + bytes([content[-1] ^ 1]))
    other = Site.of(tmp_path / "other", HOST)
    assert not judged(tmp_path, other.who.der, scheme, signature, content)
