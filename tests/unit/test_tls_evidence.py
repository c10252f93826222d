"""The server's signature over a handshake, kept and checked offline."""

import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from muniment.errors import FormatError, IntegrityError, SignatureInvalid, Unsupported
from muniment.tls import evidence, signature
from muniment.tls.connection import Connection
from muniment.tls.evidence import Evidence, Signed, Unsigned, Why
from muniment.tls.handshake import Message
from muniment.tls.keylog import KeyLog
from muniment.tls.protection import Aead13
from muniment.tls.record import ContentType, Messages, Records
from muniment.tls.session import Side
from muniment.tls.suites import suite
from rfc8448 import SIMPLE
from tls_forged import Forged, certificate, forged, message
from tls_streams import (
    Identity,
    Recorded,
    contexts,
    decoded,
    identity,
    openssl_server,
    openssl_talk,
    refused,
    talk,
)

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3
KEYS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "secp256r1": lambda: ec.generate_private_key(ec.SECP256R1()),
    "secp384r1": lambda: ec.generate_private_key(ec.SECP384R1()),
    "secp521r1": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    return {name: identity(tmp_path_factory.mktemp(name), make()) for name, make in KEYS.items()}


def kept(recorded: Recorded) -> Evidence:
    """Return the evidence of *recorded*, through its canonical bytes."""
    connection, _ = decoded(recorded)
    found = evidence.of(connection)
    assert found is not None
    content = evidence.encode(found)
    assert evidence.decode(content) == found
    return found


def read(made: Forged) -> Evidence:
    keys = KeyLog()
    keys.feed(made.key_log)
    connection = Connection(keys)
    connection.feed(Side.CLIENT, made.client)
    connection.feed(Side.SERVER, made.server)
    found = evidence.of(connection)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("rsa", "rsa_pss_rsae_sha256"),
        ("secp256r1", "ecdsa_secp256r1_sha256"),
        ("secp384r1", "ecdsa_secp384r1_sha384"),
        ("secp521r1", "ecdsa_secp521r1_sha512"),
        ("ed25519", "ed25519"),
    ],
)
@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_the_signature_of_every_kind_of_key_is_verified(
    version: ssl.TLSVersion, name: str, scheme: str, servers: dict[str, Identity], tmp_path: Path
) -> None:
    found = evidence.verified(kept(talk(*contexts(servers[name], tmp_path, version))))
    assert isinstance(found, Signed)
    assert found.handshake.chain == (servers[name].der,)
    assert (found.handshake.server_name, found.handshake.resumed) == ("news.example", False)
    if version == TLS13:
        assert found.scheme == scheme
    else:
        assert found.scheme.startswith(scheme.partition("_")[0])


@pytest.mark.parametrize(("wanted", "digest"), [("RSA+SHA256", "256"), ("RSA+SHA384", "384"), ("RSA+SHA512", "512")])
def test_an_rsa_signature_by_pkcs1_is_verified_in_tls_1_2(
    wanted: str, digest: str, servers: dict[str, Identity], tmp_path: Path
) -> None:
    with openssl_server(servers["rsa"], "-tls1_2") as server:
        recorded = openssl_talk(server, tmp_path, "-tls1_2", "-sigalgs", wanted)
    found = evidence.verified(kept(recorded))
    assert isinstance(found, Signed)
    assert found.scheme == f"rsa_pkcs1_sha{digest}"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_the_signature_of_a_key_for_pss_alone_is_verified(version: str, tmp_path: Path) -> None:
    made = ("req", "-x509", "-newkey", "rsa-pss", "-nodes", "-subj", "/CN=news.example")
    key, shown = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", *made, "-keyout", key, "-out", shown], check=True, capture_output=True)
    who = Identity(
        rsa.generate_private_key(65537, 2048), x509.load_pem_x509_certificate(shown.read_bytes()), key, shown
    )
    with openssl_server(who, version) as server:
        found = evidence.verified(kept(openssl_talk(server, tmp_path, version)))
    assert isinstance(found, Signed)
    assert found.scheme == "rsa_pss_pss_sha256"


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_a_resumed_handshake_is_unsigned_and_says_so(
    version: ssl.TLSVersion, servers: dict[str, Identity], tmp_path: Path
) -> None:
    client, server = contexts(servers["rsa"], tmp_path, version)
    second = talk(client, server, session=talk(client, server).session)
    found = evidence.verified(kept(second))
    assert isinstance(found, Unsigned)
    assert (found.why, found.handshake.chain) == (Why.RESUMED, ())


def test_a_handshake_by_static_rsa_is_unsigned_and_says_so(servers: dict[str, Identity], tmp_path: Path) -> None:
    found = evidence.verified(kept(talk(*contexts(servers["rsa"], tmp_path, TLS12, "AES128-GCM-SHA256"))))
    assert isinstance(found, Unsigned)
    assert (found.why, found.handshake.chain) == (Why.STATIC_RSA, (servers["rsa"].der,))


@pytest.mark.parametrize("suite_name", ["ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"])
def test_both_kinds_of_ephemeral_parameters_are_verified(
    suite_name: str, servers: dict[str, Identity], tmp_path: Path
) -> None:
    assert isinstance(evidence.verified(kept(talk(*contexts(servers["rsa"], tmp_path, TLS12, suite_name)))), Signed)


def test_a_handshake_with_a_hello_retry_request_is_verified(servers: dict[str, Identity], tmp_path: Path) -> None:
    client, server = contexts(servers["secp256r1"], tmp_path, TLS13)
    server.set_ecdh_curve("secp384r1")
    found = evidence.verified(kept(talk(client, server)))
    assert isinstance(found, Signed)
    assert found.handshake.retried


def test_a_chain_that_the_client_refused_is_verified_all_the_same(servers: dict[str, Identity], tmp_path: Path) -> None:
    client, server = contexts(servers["secp256r1"], tmp_path, TLS13)
    client.verify_mode = ssl.CERT_REQUIRED
    assert isinstance(evidence.verified(kept(refused(client, server))), Signed)


def flipped(octets: bytes, bit: int) -> bytes:
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def passed(found: Evidence, field: str, bits: range) -> list[int]:
    """Return those of *bits* of *field* whose change nobody finds."""
    octets: bytes = getattr(found, field)
    unseen = []
    for bit in bits:
        try:
            evidence.verified(replace(found, **{field: flipped(octets, bit)}))
        except (FormatError, SignatureInvalid):
            continue
        unseen.append(bit)
    return unseen


@pytest.mark.parametrize("field", ["greeting", "protected", "secret"])
def test_no_bit_of_the_evidence_of_tls_1_3_can_be_changed(
    field: str, servers: dict[str, Identity], tmp_path: Path
) -> None:
    found = kept(talk(*contexts(servers["secp256r1"], tmp_path, TLS13)))
    assert passed(found, field, range(8 * len(getattr(found, field)))) == []


def spans(greeting: bytes) -> dict[int, tuple[int, int]]:
    """Return where each message of *greeting* lies, by its type."""
    found, position = {}, 0
    messages = Messages("a test")
    messages.add(greeting)
    while (each := messages.next()) is not None:
        found[each[0]] = (position, position + len(each))
        position += len(each)
    return found


def test_no_bit_of_the_signed_part_of_tls_1_2_can_be_changed(servers: dict[str, Identity], tmp_path: Path) -> None:
    who = servers["secp256r1"]
    found = kept(talk(*contexts(who, tmp_path, TLS12)))
    places = spans(found.greeting)
    # The coordinates alone: the octet before them has a second value that writes the same point (X9.62 4.3.6).
    point = who.certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )[1:]
    key = found.greeting.index(point)
    signed = [
        (places[Message.CLIENT_HELLO][0] + 6, places[Message.CLIENT_HELLO][0] + 38),
        (places[Message.SERVER_HELLO][0] + 6, places[Message.SERVER_HELLO][0] + 38),
        places[Message.SERVER_KEY_EXCHANGE],
        (key, key + len(point)),
    ]
    for start, end in signed:
        assert passed(found, "greeting", range(8 * start, 8 * end)) == []


def test_what_tls_1_2_does_not_sign_can_be_changed_as_the_docstring_says(
    servers: dict[str, Identity], tmp_path: Path
) -> None:
    found = kept(talk(*contexts(servers["secp256r1"], tmp_path, TLS12)))
    other = replace(found, greeting=found.greeting.replace(b"news.example", b"fake.example", 1))
    shown = evidence.verified(other)
    assert isinstance(shown, Signed)
    assert shown.handshake.server_name == "fake.example"
    assert evidence.Signed.__doc__ is not None
    assert "not the server name" in evidence.Signed.__doc__


def test_a_signed_handshake_cannot_be_passed_off_as_one_by_static_rsa(
    servers: dict[str, Identity], tmp_path: Path
) -> None:
    found = kept(talk(*contexts(servers["rsa"], tmp_path, TLS12, "ECDHE-RSA-AES128-GCM-SHA256")))
    start, end = spans(found.greeting)[Message.SERVER_HELLO]
    hello = found.greeting[start:end].replace(b"\xc0\x2f\0", b"\0\x9c\0", 1)
    with pytest.raises(FormatError, match="static RSA"):
        evidence.verified(replace(found, greeting=found.greeting[:start] + hello + found.greeting[end:]))


def test_tls_1_3_ties_a_scheme_to_its_curve_and_knows_no_pkcs1(servers: dict[str, Identity]) -> None:
    curve, other = servers["secp384r1"], servers["rsa"]
    assert isinstance(curve.key, ec.EllipticCurvePrivateKey)
    assert isinstance(other.key, rsa.RSAPrivateKey)
    by_curve = curve.key.sign(b"content", ec.ECDSA(hashes.SHA256()))
    by_pkcs1 = other.key.sign(b"content", padding.PKCS1v15(), hashes.SHA256())
    for who, scheme, made in ((curve, 0x0403, by_curve), (other, 0x0401, by_pkcs1)):
        signature.check(who.der, scheme, made, b"content", tls13=False)
        with pytest.raises(SignatureInvalid):
            signature.check(who.der, scheme, made, b"content", tls13=True)


def test_a_signature_by_sha_1_shows_nothing() -> None:
    with pytest.raises(FormatError, match="scheme 0x0201"):
        signature.scheme_name(0x0201)


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_a_part_of_another_handshake_is_refused(
    version: ssl.TLSVersion, servers: dict[str, Identity], tmp_path: Path
) -> None:
    pair = contexts(servers["secp256r1"], tmp_path, version)
    one, other = kept(talk(*pair)), kept(talk(*pair))
    mixed = [replace(one, protected=other.protected), replace(one, secret=other.secret)]
    if version == TLS12:
        key_exchange = [each.greeting[slice(*spans(each.greeting)[12])] for each in (one, other)]
        mixed = [replace(one, greeting=one.greeting.replace(*key_exchange))]
    for each in mixed:
        with pytest.raises(SignatureInvalid):
            evidence.verified(each)


def test_a_chain_without_its_key_is_refused(servers: dict[str, Identity]) -> None:
    """Anybody has the public chain, and whoever chooses the secrets can make a Finished that is right."""
    shown = message(Message.CERTIFICATE, certificate(servers["secp256r1"].der))
    right, wrong = servers["secp256r1"].key, ec.generate_private_key(ec.SECP256R1())
    assert isinstance(right, ec.EllipticCurvePrivateKey)
    assert isinstance(evidence.verified(read(forged(right, shown))), Signed)
    with pytest.raises(SignatureInvalid, match="by the certificate's key"):
        evidence.verified(read(forged(wrong, shown)))
    with pytest.raises(SignatureInvalid, match="suits the certificate's key"):
        evidence.verified(read(forged(right, message(Message.CERTIFICATE, certificate(servers["rsa"].der)))))


def test_more_or_less_than_the_handshake_is_refused(servers: dict[str, Identity], tmp_path: Path) -> None:
    for version in (TLS12, TLS13):
        found = kept(talk(*contexts(servers["rsa"], tmp_path, version)))
        first = spans(found.greeting)[Message.CLIENT_HELLO][1]
        last = message(Message.NEW_SESSION_TICKET, bytes(6))
        for changed in (
            replace(found, greeting=found.greeting + last),
            replace(found, greeting=found.greeting[:-4]),
            replace(found, greeting=found.greeting[first:] + found.greeting[:first]),
            replace(found, greeting=b""),
            replace(found, protected=found.protected + b"\x17\x03\x03\0\x20" + bytes(32)),
            replace(found, protected=found.protected + b"\x14\x03\x03\0\x01\x01"),
            replace(found, protected=found.protected[: len(found.protected) // 2], secret=found.secret or bytes(32)),
            replace(found, secret=bytes(32)),
        ):
            with pytest.raises((FormatError, SignatureInvalid)):
                evidence.verified(changed)


def test_the_kept_secret_opens_no_content(servers: dict[str, Identity], tmp_path: Path) -> None:
    """No key that follows from it, under any update or number, opens a record outside the server's handshake."""
    recorded = talk(*contexts(servers["secp256r1"], tmp_path, TLS13))
    found = kept(recorded)
    chosen = suite(0x1302)
    assert chosen is not None
    content = []
    for side in Side:
        records = Records("a test")
        left = memoryview(recorded.stream(side))
        while left:
            left = left[records.add(left) :]
            while (record := records.first()) is not None:
                records.remove(record)
                if record.type is ContentType.APPLICATION_DATA and record.octets not in found.protected:
                    content.append(record)
    assert len(content) >= 8
    opener = Aead13(found.secret, chosen)
    for _ in range(3):
        for number in range(20):
            opener.opened = number
            for record in content:
                with pytest.raises(IntegrityError):
                    opener.open(record)
        opener = opener.updated()
    keys = KeyLog()
    random = found.greeting[6:38].hex()
    keys.feed("".join(f"{label} {random} {found.secret.hex()}\n" for label in key_labels()).encode())
    connection = Connection(keys)
    pieces = [piece for side, octets in recorded.segments for piece in connection.feed(side, octets)]
    assert pieces == []


def key_labels() -> list[str]:
    return [line.split()[0] for line in SIMPLE.key_log.decode().splitlines()]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"greeting":"","protected":"","secret":""}',
        b'{"greeting":"AA=","protected":"","secret":"","v":1}',
        b'{"greeting":"","more":1,"protected":"","secret":"","v":1}',
        b'{"protected":"","greeting":"","secret":"","v":1}',
        b'{"greeting":1,"protected":"","secret":"","v":1}',
    ],
)
def test_evidence_has_one_spelling(content: bytes) -> None:
    with pytest.raises(FormatError):
        evidence.decode(content)


def test_a_key_that_is_too_short_for_its_scheme_is_told_and_no_error_of_ours(tmp_path: Path) -> None:
    shown = tmp_path / "short.der"
    made = ("req", "-x509", "-newkey", "rsa:512", "-nodes", "-subj", "/CN=news.example", "-outform", "DER")
    subprocess.run(["openssl", *made, "-keyout", tmp_path / "key.pem", "-out", shown], check=True, capture_output=True)
    with pytest.raises(Unsupported, match="a key for rsa_pss_rsae_sha512"):
        signature.check(shown.read_bytes(), 0x0806, bytes(64), b"content", tls13=True)


def test_octets_that_are_no_certificate_are_unsupported_and_no_forgery(servers: dict[str, Identity]) -> None:
    with pytest.raises(Unsupported, match="one that can be read"):
        signature.check(servers["rsa"].der[:-1], 0x0804, bytes(256), b"content", tls13=True)
