"""Records, key logs and handshake messages of TLS, read one by one."""

import functools
import hmac
import re
import resource
import zlib
from contextlib import nullcontext
from pathlib import Path

import brotlicffi
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from muniment.errors import FormatError, IntegrityError
from muniment.tls import evidence
from muniment.tls.certificate import Certificates
from muniment.tls.connection import Close, Connection, Reason
from muniment.tls.handshake import ClientHello, Message, ServerHello, ServerKeyExchange
from muniment.tls.keylog import KeyLog, Label
from muniment.tls.protection import Cbc12
from muniment.tls.record import ContentType, Messages, Record, Records
from muniment.tls.session import Ech, Side
from muniment.tls.suites import Exchange, suite
from rfc8448 import RETRIED, SIMPLE
from tls_forged import GREASE, RANDOM, SAID, Forged, certificate, extension, forged, forged12, message, vector
from tls_streams import Identity, decoded, identity, openssl_server, openssl_talk

CODINGS = {1: zlib.compress, 2: brotlicffi.compress, 3: zstandard.compress}
STAPLE = b"a staple"
TIMESTAMPS = (b"one", b"another")
LEAF = extension(5, b"\x01" + vector(3, STAPLE)) + extension(
    18, vector(2, b"".join(vector(2, each) for each in TIMESTAMPS))
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("server"), ec.generate_private_key(ec.SECP256R1()))


def key_of(server: Identity) -> ec.EllipticCurvePrivateKey:
    assert isinstance(server.key, ec.EllipticCurvePrivateKey)
    return server.key


def compressed(coding: int, body: bytes, content: bytes | None = None, size: int | None = None) -> bytes:
    content = CODINGS[coding](body) if content is None else content
    head = coding.to_bytes(2, "big") + (len(body) if size is None else size).to_bytes(3, "big")
    return message(Message.COMPRESSED_CERTIFICATE, head + vector(3, content))


def opened(made: Forged, key_log: bytes | None = None) -> tuple[Connection, bytes]:
    keys = KeyLog()
    keys.feed(made.key_log if key_log is None else key_log)
    connection = Connection(keys)
    connection.feed(Side.CLIENT, made.client)
    pieces = connection.feed(Side.SERVER, made.server)
    return connection, b"".join(piece.content for piece in pieces)


@pytest.mark.parametrize("coding", [None, *CODINGS])
def test_a_chain_is_read_with_its_staple_and_timestamps_however_it_is_compressed(
    coding: int | None, server: Identity
) -> None:
    body = certificate(server.der, b"an issuer", leaf=GREASE + LEAF)
    shown = message(Message.CERTIFICATE, body) if coding is None else compressed(coding, body)
    connection, said = opened(forged(key_of(server), shown))
    facts = connection.handshake
    assert (facts.chain, facts.staple, facts.scts) == ((server.der, b"an issuer"), STAPLE, TIMESTAMPS)
    assert said == SAID
    assert connection.progress(Side.SERVER).close is Close.NOTIFIED
    found = evidence.of(connection)
    assert found is not None
    assert isinstance(evidence.verified(found), evidence.Signed)


@functools.cache
def bomb(coding: int) -> bytes:
    """Return 128 MiB of zeros under *coding*, at most 128 KiB."""
    piece, pieces = bytes(1 << 20), range(128)
    if coding == 2:
        brotli = brotlicffi.Compressor(quality=2)
        content = b"".join(brotli.process(piece) for _ in pieces) + brotli.finish()
    else:
        coder = zlib.compressobj(9) if coding == 1 else zstandard.ZstdCompressor().compressobj()
        content = b"".join(coder.compress(piece) for _ in pieces) + coder.flush()
    return content[: 128 << 10]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1000, 128 << 10, 1 << 23])
def test_a_compressed_chain_that_expands_without_end_is_refused_in_little_memory(coding: int, size: int) -> None:
    shown = compressed(coding, b"", bomb(coding), size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FormatError, match="decompressed"):
        Certificates.parse13(shown)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB


@pytest.mark.parametrize(
    "shown",
    [
        compressed(1, certificate(bytes(130 << 10))),
        compressed(1, b"x" * 100, size=99),
        compressed(2, b"x" * 100, size=101),
        compressed(1, b"x" * 100, b"damage"),
        compressed(2, b"x" * 100, b"damage"),
        compressed(3, b"x" * 100, b"damage"),
        compressed(1, certificate(b"a"), zlib.compress(certificate(b"a")) + b"more"),
        message(Message.COMPRESSED_CERTIFICATE, b"\0\x09" + b"\0\0\x01" + vector(3, b"x")),
        message(Message.CERTIFICATE, certificate(b"a") + b"more"),
        message(Message.CERTIFICATE, certificate(b"a", leaf=GREASE + GREASE)),
        message(Message.CERTIFICATE, b""),
    ],
)
def test_a_chain_that_is_not_what_it_says_is_refused(shown: bytes) -> None:
    with pytest.raises(FormatError):
        Certificates.parse13(shown)


def test_a_staple_of_tls_1_2_is_kept(server: Identity, tmp_path: Path) -> None:
    made = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    response = tmp_path / "response.der"

    response.write_bytes(made.public_bytes(Encoding.DER))
    for version in ("-tls1_2", "-tls1_3"):
        with openssl_server(server, version, "-status_file", response) as running:
            connection, _ = decoded(openssl_talk(running, tmp_path, version, "-status"))
        assert connection.handshake.staple == response.read_bytes()


def test_timestamps_of_tls_1_2_stand_in_the_server_hello() -> None:
    listed = extension(18, vector(2, b"".join(vector(2, each) for each in TIMESTAMPS)))
    hello = message(2, b"\x03\x03" + bytes(32) + b"\0\xc0\x2f\0" + vector(2, GREASE + listed))
    assert ServerHello.parse(hello).scts == TIMESTAMPS


def test_an_offer_of_ech_is_told_from_its_refusal(server: Identity) -> None:
    shown = message(Message.CERTIFICATE, certificate(server.der))
    offer, retry = extension(0xFE0D, b"outer"), extension(0xFE0D, b"configs")
    plain, _ = opened(forged(key_of(server), shown))
    assert plain.handshake.ech is Ech.ABSENT
    made = forged(key_of(server), shown, client=offer, server=retry)
    refused, said = opened(made)
    assert (refused.handshake.ech, refused.handshake.ech_retry, said) == (Ech.NOT_ACCEPTED, b"configs", SAID)
    # Where it was accepted, the key log knows another random, and nothing can be told.
    accepted, said = opened(made, made.key_log.replace(RANDOM.hex().encode(), b"5" * 64))
    assert (accepted.handshake.ech, said) == (Ech.OFFERED, b"")
    assert accepted.progress(Side.SERVER).waiting is Label.SERVER_HANDSHAKE_TRAFFIC_SECRET


def test_a_ticket_without_a_session_id_resumes_without_evidence() -> None:
    """Hellos alone do not show it, so nothing is kept that a verifier could not tell from a handshake cut short."""
    made = forged12(client=extension(0xFE0D, b"outer"))
    connection, said = opened(made)
    assert connection.handshake.resumed
    assert connection.handshake.ech is Ech.NOT_ACCEPTED
    assert evidence.of(connection) is None
    # A warning and an empty record end nothing; each side is heard to its close.
    assert sorted(said.split(b"said by the ")) == [b"", b"client", b"server"]
    assert {connection.progress(side).close for side in Side} == {Close.NOTIFIED}


def spoiled(octets: bytes) -> bytes:
    return octets[:-1] + bytes([octets[-1] ^ 1])


def test_a_finished_that_is_wrong_is_a_fault_of_its_side(server: Identity) -> None:
    shown = message(Message.CERTIFICATE, certificate(server.der))
    for made, side, heard in (
        (forged(key_of(server), shown, change=spoiled), Side.SERVER, b""),
        (forged(key_of(server), shown, prove=spoiled), Side.CLIENT, SAID),
        (forged12(prove=spoiled), Side.SERVER, b""),
    ):
        connection, said = opened(made)
        fault = connection.progress(side).fault
        assert fault is not None
        assert said == heard
        assert fault.expected.endswith("over the handshake as it was seen")
        assert (evidence.of(connection) is None) is (side is Side.SERVER)


def test_a_suite_that_is_unknown_is_named_whatever_follows_it_in_its_record() -> None:
    hello = bytes.fromhex(SIMPLE.client[0])
    answer = message(2, b"\x03\x03" + bytes(32) + b"\0\x00\x41\0") + message(Message.CERTIFICATE, b"whatever")
    connection = Connection(KeyLog())
    connection.feed(Side.CLIENT, hello)
    connection.feed(Side.SERVER, b"\x16\x03\x03" + vector(2, answer))
    for side in Side:
        fault = connection.progress(side).fault
        assert fault is not None
        assert (fault.reason, fault.found) == (Reason.UNKNOWN_SUITE, "suite 0x0041")


def plain(*records: bytes) -> bytes:
    return b"".join(b"\x16\x03\x03" + vector(2, each) for each in records)


HELLO = bytes.fromhex(SIMPLE.client[0])
ANSWER_12 = message(2, b"\x03\x03" + bytes(32) + b"\0\xc0\x2f\0")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (plain(message(2, b"\x03\x03" + bytes(32) + b"\0\xc0\x2f\1")), "no compression"),
        (plain(message(2, b"\x03\x03" + bytes(32) + b"\0\x13\x01\0")), "a suite of its version"),
        (plain(ANSWER_12, *[message(13, bytes(16_000))] * 70), "at most 1048576 octets"),
        (plain(ANSWER_12, (message(13, bytes(17_000)) + message(14, b""))[: (1 << 14) + 1]), "content of 16384 octets"),
        (plain(ANSWER_12, b"\x0b\0\0") + b"\x17\x03\x03\0\1x", "whole handshake messages"),
        (plain(ANSWER_12, message(20, bytes(12))), "a ChangeCipherSpec before it"),
        (plain(ANSWER_12) + b"\x17\x03\x03\0\1x", "a handshake"),
        (plain(ANSWER_12) + b"\x14\x03\x03\0\1\2", "a ChangeCipherSpec of one octet"),
        (plain(ANSWER_12) + b"\x15\x03\x03\0\3\2\2\2", "an alert of 2 octets"),
        (plain(message(11, bytes(3))), "a hello"),
    ],
)
def test_a_server_that_breaks_the_rules_in_the_clear_is_a_fault(answers: bytes, words: str) -> None:
    connection = Connection(KeyLog())
    connection.feed(Side.CLIENT, HELLO)
    connection.feed(Side.SERVER, answers)
    fault = connection.progress(Side.SERVER).fault
    assert fault is not None
    assert (fault.reason, fault.expected[: len(words)]) == (Reason.MALFORMED, words)


@pytest.mark.parametrize("added", [b"\x04\0\0\x10", b"\x04"])
def test_a_message_that_spans_a_change_of_keys_is_a_fault(added: bytes, server: Identity) -> None:
    shown = message(Message.CERTIFICATE, certificate(server.der))
    connection, said = opened(forged(key_of(server), shown, change=lambda flight: flight + added))
    fault = connection.progress(Side.SERVER).fault
    assert fault is not None
    assert (fault.expected, said) == ("whole handshake messages before this record", b"")
    assert evidence.of(connection) is None


def test_a_second_hello_of_another_random_is_a_fault() -> None:
    first, second, *_ = (bytes.fromhex(each) for each in RETRIED.client)
    connection = Connection(KeyLog())
    connection.feed(Side.SERVER, bytes.fromhex(RETRIED.server[0]))
    connection.feed(Side.CLIENT, first + second[:20] + bytes([second[20] ^ 1]) + second[21:])
    fault = connection.progress(Side.CLIENT).fault
    assert fault is not None
    assert fault.found == "another one"


def test_padding_of_a_block_cipher_is_checked_octet_by_octet() -> None:
    """The MAC of RFC 5246 6.2.3.2 does not cover the padding, so nothing else finds a change in it."""
    chosen = suite(0xC013)
    assert chosen is not None
    content, key, mac_key, iv = b"content", b"k" * 16, b"m" * 20, b"i" * 16
    header = b"\x17\x03\x03"
    covered = bytes(8) + header + vector(2, content)
    inner = content + hmac.digest(mac_key, covered, "sha1")
    for padding, right in ((bytes([4] * 5), True), (b"\4\4\5\4\4", False)):
        encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        fragment = iv + encryptor.update(inner + padding) + encryptor.finalize()
        opener = Cbc12(chosen, key, mac_key, encrypt_then_mac=False)
        record = Record(ContentType.APPLICATION_DATA, header + len(fragment).to_bytes(2, "big"), fragment)
        with nullcontext() if right else pytest.raises(IntegrityError):
            assert opener.open(record) == (ContentType.APPLICATION_DATA, content)


@pytest.mark.parametrize("label", [label for label in Label if label.endswith(("SECRET", "SECRET_0"))][1:])
def test_a_secret_of_another_hash_is_a_wrong_key(label: Label, server: Identity) -> None:
    made = forged(key_of(server), message(Message.CERTIFICATE, certificate(server.der)))
    log = re.sub(rf"(?m)^({label} .*)$", rf"\g<1>{'00' * 16}", made.key_log.decode()).encode()
    connection, _ = opened(made, log)
    fault = connection.progress(Side.CLIENT if label.startswith("CLIENT") else Side.SERVER).fault
    assert fault is not None
    assert fault.reason is Reason.WRONG_KEY


def test_names_and_protocols_that_are_no_text_are_escaped() -> None:
    names = vector(2, b"\0" + vector(2, b"caf\xe9.example"))
    protocols = vector(2, vector(1, b"\x8a\x8a") + vector(1, b"h2"))
    offers = extension(0, names) + extension(16, protocols)
    hello = message(1, b"\x03\x03" + RANDOM + b"\0" + vector(2, b"\x13\x01") + b"\x01\0" + vector(2, offers))
    parsed = ClientHello.parse(hello)
    assert (parsed.server_name, parsed.alpn) == ("caf\\xe9.example", ("\\x8a\\x8a", "h2"))


def test_a_hello_without_extensions_is_read() -> None:
    hello = ClientHello.parse(message(1, b"\x03\x03" + RANDOM + b"\0" + vector(2, b"\x13\x01") + b"\x01\0"))
    assert (hello.server_name, hello.alpn, hello.offers_ech) == ("", (), False)


def test_a_curve_that_is_not_named_is_refused() -> None:
    with pytest.raises(FormatError, match="curve type 1"):
        ServerKeyExchange.parse(message(12, b"\x01" + bytes(80)), Exchange.ECDHE_RSA)


@pytest.mark.parametrize(
    "octets", [b"HTTP/1.1 400", b"\x16\x02\x00\x00\x01x", b"\x80\x2e\x01\x03\x01", b"\x17\x03\x03\xff\xff"]
)
def test_what_is_no_record_is_refused_with_its_place(octets: bytes) -> None:
    records = Records("a stream")
    records.add(bytes.fromhex(SIMPLE.client[0]) + octets)
    first = records.first()
    assert first is not None
    records.remove(first)
    with pytest.raises(FormatError, match=r"^a stream at 201: "):
        records.first()


def test_a_stream_that_waits_is_not_taken_in_without_end() -> None:
    records = Records("a stream")
    assert records.add(bytes(100_000)) == records.position == 64 << 10
    assert records.add(bytes(100_000)) == 0


def test_messages_are_put_together_and_taken_apart() -> None:
    one, other = message(1, b"first" * 100), message(2, b"")
    messages = Messages("a handshake")
    found = []
    for octet in one + other + one[:-1]:
        messages.add(bytes([octet]))
        if (each := messages.next()) is not None:
            found.append(each)
    assert found == [one, other]
    with pytest.raises(FormatError, match="whole handshake messages"):
        messages.finish()


def read_one(messages: Messages, fragment: bytes) -> bytes | None:
    messages.add(fragment)
    return messages.next()


@pytest.mark.parametrize("fragment", [b"", b"\x0b\xff\xff\xff"])
def test_an_empty_fragment_and_an_endless_message_are_refused(fragment: bytes) -> None:
    messages = Messages("a handshake")
    with pytest.raises(FormatError):
        read_one(messages, fragment)


def test_a_key_log_is_read_while_it_is_written() -> None:
    keys = KeyLog()
    line = f"{Label.CLIENT_RANDOM} {RANDOM.hex().upper()} {'ab' * 48}\r\n".encode()
    for octet in b"# a comment\n\nEXPORTER_SECRET " + b"00" * 32 + b" " + b"00" * 32 + b"\n" + line[:-2]:
        keys.feed(bytes([octet]))
    assert keys.secret(RANDOM, Label.CLIENT_RANDOM) is None
    keys.feed(line[-2:])
    assert keys.secret(RANDOM, Label.CLIENT_RANDOM) == b"\xab" * 48
    assert keys.malformed == 0


def test_lines_that_are_none_are_counted_and_lose_nothing() -> None:
    keys = KeyLog()
    right = f"{Label.CLIENT_TRAFFIC_SECRET_0} {RANDOM.hex()} {'cd' * 32}\n".encode()
    keys.feed(b"CLIENT_RANDOM 12\n" + b"x" * 100_000)
    keys.feed(b"x" * 100_000 + b"\n" + b"CLIENT_RANDOM " + b"zz" * 32 + b" 00\n\xff\xfe\n" + right)
    keys.feed(right.replace(b"cd", b"ef"))
    assert keys.malformed == 4
    assert keys.secret(RANDOM, Label.CLIENT_TRAFFIC_SECRET_0) == b"\xcd" * 32
