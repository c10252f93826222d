"""Connections of TLS 1.2 and 1.3 decoded from outside."""

import re
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from muniment.tls.connection import Close, Connection, Reason
from muniment.tls.keylog import KeyLog, Label
from muniment.tls.session import EarlyData, Side
from muniment.tls.suites import suite
from rfc8448 import PAYLOAD, RESUMED, RETRIED, SIMPLE, Trace
from tls_streams import (
    Identity,
    Recorded,
    contexts,
    decoded,
    identity,
    joined,
    openssl_server,
    openssl_talk,
    refused,
    talk,
)

ServerArguments = tuple[str, ...]

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def rsa_server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("rsa"), rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def ec_server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("ec"), ec.generate_private_key(ec.SECP256R1()))


def read(trace: Trace) -> tuple[Connection, dict[Side, bytes]]:
    keys = KeyLog()
    keys.feed(trace.key_log)
    connection = Connection(keys)
    client, server = trace.streams
    pieces = [*connection.feed(Side.CLIENT, client), *connection.feed(Side.SERVER, server)]
    return connection, joined(pieces)


@pytest.mark.parametrize(
    ("trace", "client", "server"),
    [(SIMPLE, PAYLOAD, PAYLOAD), (RESUMED, b"ABCDEF" + PAYLOAD, PAYLOAD), (RETRIED, b"", b"")],
    ids=["simple", "resumed-0-rtt", "hello-retry-request"],
)
def test_the_traces_of_rfc_8448_are_decoded_whole(trace: Trace, client: bytes, server: bytes) -> None:
    connection, said = read(trace)
    assert said == {Side.CLIENT: client, Side.SERVER: server}
    for side, octets in zip(Side, trace.streams, strict=True):
        progress = connection.progress(side)
        assert progress.fault is None
        assert progress.consumed == len(octets)
        assert progress.close is (Close.OPEN if trace is RETRIED else Close.NOTIFIED)
    facts = connection.handshake
    assert (facts.version, facts.cipher, facts.server_name) == ("tls/1.3", "TLS_AES_128_GCM_SHA256", "server")
    assert facts.resumed is (trace is RESUMED)
    assert facts.retried is (trace is RETRIED)
    assert facts.early_data is (EarlyData.ACCEPTED if trace is RESUMED else EarlyData.NONE)
    assert bool(facts.chain) is (trace is not RESUMED)


# Of each combination of key exchange, cipher and hash one, by OpenSSL's names.
_OF_1_2 = """
AES128-SHA AES256-SHA AES128-SHA256 AES256-SHA256 AES128-GCM-SHA256 AES256-GCM-SHA384 AES128-CCM AES256-CCM8
DHE-RSA-AES128-SHA DHE-RSA-AES256-SHA256 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-CHACHA20-POLY1305 DHE-RSA-AES128-CCM
ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES128-GCM-SHA256
ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-SHA ECDHE-ECDSA-AES128-SHA256
ECDHE-ECDSA-AES256-SHA384 ECDHE-ECDSA-AES128-CCM8 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305
"""
SUITES_OF_1_2 = _OF_1_2.split()
SUITES_OF_1_3 = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_CCM_8_SHA256",
]
NO_ENCRYPT_THEN_MAC = 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC, for which Python has no name


@pytest.mark.parametrize("name", SUITES_OF_1_2)
def test_every_suite_of_tls_1_2_is_decoded_whole(
    name: str, rsa_server: Identity, ec_server: Identity, tmp_path: Path
) -> None:
    who = ec_server if "ECDSA" in name else rsa_server
    recorded = talk(*contexts(who, tmp_path, TLS12, name))
    assert recorded.cipher == name
    connection, said = decoded(recorded)
    assert said == recorded.said
    for side in Side:
        progress = connection.progress(side)
        assert (progress.fault, progress.close) == (None, Close.NOTIFIED)
        assert progress.consumed == progress.position == len(recorded.stream(side))
    facts = connection.handshake
    assert (facts.version, facts.alpn, facts.server_name) == ("tls/1.2", "http/1.1", "news.example")
    assert (facts.chain, facts.resumed) == ((who.der,), False)


@pytest.mark.parametrize("name", [each for each in SUITES_OF_1_2 if "SHA" in each and "GCM" not in each])
def test_a_mac_before_the_encryption_is_checked_as_well_as_one_after_it(
    name: str, rsa_server: Identity, ec_server: Identity, tmp_path: Path
) -> None:
    client, server = contexts(ec_server if "ECDSA" in name else rsa_server, tmp_path, TLS12, name)
    server.options |= NO_ENCRYPT_THEN_MAC
    recorded = talk(client, server)
    connection, said = decoded(recorded)
    assert said == recorded.said
    assert (recorded.cipher, connection.progress(Side.SERVER).close) == (name, Close.NOTIFIED)


def test_numbers_and_names_of_suites_are_those_of_openssl() -> None:
    listed = subprocess.run(
        ["openssl", "ciphers", "-V", "-stdname", "-ciphersuites", ":".join(SUITES_OF_1_3), "ALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = {int(high + low, 16): name for high, low, name in re.findall(r"0x(..),0x(..) - (\S+)", listed.stdout)}
    ours = {number: found.name for number in theirs if (found := suite(number)) is not None}
    assert set(SUITES_OF_1_3) <= set(ours.values())
    assert ours == {number: theirs[number] for number in ours}


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_a_resumed_connection_shows_no_chain(version: ssl.TLSVersion, ec_server: Identity, tmp_path: Path) -> None:
    client, server = contexts(ec_server, tmp_path, version)
    first = talk(client, server)
    second = talk(client, server, session=first.session)
    for recorded, resumed in ((first, False), (second, True)):
        connection, said = decoded(recorded)
        assert said == recorded.said
        assert connection.handshake.resumed is resumed
        assert bool(connection.handshake.chain) is not resumed


def test_a_connection_with_a_client_certificate_is_decoded_whole(ec_server: Identity, tmp_path: Path) -> None:
    for version in (TLS12, TLS13):
        client, server = contexts(ec_server, tmp_path, version)
        client.load_cert_chain(ec_server.certificate_file, ec_server.key_file)
        server.load_verify_locations(ec_server.certificate_file)
        server.verify_mode = ssl.CERT_REQUIRED
        recorded = talk(client, server)
        connection, said = decoded(recorded)
        assert said == recorded.said
        assert connection.handshake.chain == (ec_server.der,)


def test_a_hello_retry_request_is_followed(ec_server: Identity, tmp_path: Path) -> None:
    client, server = contexts(ec_server, tmp_path, TLS13)
    server.set_ecdh_curve("secp384r1")
    recorded = talk(client, server)
    connection, said = decoded(recorded)
    assert said == recorded.said
    assert connection.handshake.retried


@pytest.mark.parametrize("name", SUITES_OF_1_3)
def test_every_suite_of_tls_1_3_is_decoded_through_updates_of_its_keys(
    name: str, ec_server: Identity, tmp_path: Path
) -> None:
    loose = ("-tls1_3", "-ciphersuites", name, "-cipher", "DEFAULT:@SECLEVEL=0")
    with openssl_server(ec_server, *loose) as server:
        commands = ("client:k", "client:K", "server:k", "server:K", "client:K")
        recorded = openssl_talk(server, tmp_path, *loose, commands=commands)
    connection, said = decoded(recorded)
    assert said == recorded.said
    assert connection.handshake.cipher == name
    assert {connection.progress(side).fault for side in Side} == {None}


def resumed_early(folder: Path, first: ServerArguments, second: ServerArguments, who: Identity) -> Recorded:
    """Return a connection whose client sends early data, to a server that is the first one where both are the same."""
    ticket, early = folder / "ticket.pem", folder / "early.bin"
    early.write_bytes(b"early bird\n" * 300)
    with openssl_server(who, *first) as server:
        openssl_talk(server, folder, "-sess_out", ticket)
        if second == first:
            sent = early.read_bytes()
            return openssl_talk(server, folder, "-sess_in", ticket, "-early_data", early, early=sent)
    with openssl_server(who, *second) as server:
        return openssl_talk(server, folder, "-sess_in", ticket, "-early_data", early)


def test_early_data_is_part_of_what_was_said(ec_server: Identity, tmp_path: Path) -> None:
    taking = ("-early_data", "-tls1_3")
    recorded = resumed_early(tmp_path, taking, taking, ec_server)
    connection, said = decoded(recorded)
    assert said == recorded.said
    assert connection.handshake.early_data is EarlyData.ACCEPTED


@pytest.mark.parametrize("second", [("-tls1_3",), ("-tls1_3", "-groups", "P-384")], ids=["refused", "retried"])
def test_early_data_that_was_refused_was_not_said(second: ServerArguments, ec_server: Identity, tmp_path: Path) -> None:
    recorded = resumed_early(tmp_path, ("-early_data", "-tls1_3"), second, ec_server)
    connection, said = decoded(recorded)
    assert said == recorded.said
    assert connection.handshake.early_data is EarlyData.REFUSED
    assert connection.handshake.retried is (len(second) > 1)


def test_refused_early_data_does_not_hide_a_wrong_key(ec_server: Identity, tmp_path: Path) -> None:
    recorded = resumed_early(tmp_path, ("-early_data", "-tls1_3"), ("-tls1_3",), ec_server)
    recorded.key_log = spoiled(recorded.key_log, Label.CLIENT_HANDSHAKE_TRAFFIC_SECRET)
    connection, _ = decoded(recorded)
    fault = connection.progress(Side.CLIENT).fault
    assert fault is not None
    assert fault.reason is Reason.WRONG_KEY


def spoiled(key_log: bytes, label: Label) -> bytes:
    """Return *key_log* with another secret *label*."""

    def other(match: re.Match[bytes]) -> bytes:
        return match[1] + bytes(b"0123456789abcdef"[(int(digit, 16) + 1) % 16] for digit in match[2].decode())

    return re.sub(rb"(?m)^(" + label.encode() + rb" \S+ )(\S+)", other, key_log)


def labels_of(version: ssl.TLSVersion) -> list[Label]:
    early = Label.CLIENT_EARLY_TRAFFIC_SECRET
    return [Label.CLIENT_RANDOM] if version == TLS12 else [x for x in Label if x not in {Label.CLIENT_RANDOM, early}]


EACH_LABEL = [(version, label) for version in (TLS12, TLS13) for label in labels_of(version)]


@pytest.mark.parametrize(("version", "label"), EACH_LABEL)
def test_a_missing_key_is_named_and_decodes_everything_when_it_comes(
    version: ssl.TLSVersion, label: Label, ec_server: Identity, tmp_path: Path
) -> None:
    recorded = talk(*contexts(ec_server, tmp_path, version))
    lines = recorded.key_log.splitlines(keepends=True)
    keys = KeyLog()
    keys.feed(b"".join(line for line in lines if not line.startswith(label.encode())))
    connection = Connection(keys)
    pieces = [piece for side, octets in recorded.segments for piece in connection.feed(side, octets)]
    assert label in {connection.progress(side).waiting for side in Side}
    for side in Side:
        connection.end(side)
    assert label in {connection.progress(side).waiting for side in Side}
    late = b"".join(line for line in lines if line.startswith(label.encode()))
    for octet in late:
        keys.feed(bytes([octet]))
    for side in Side:
        for _ in range(3):
            pieces += connection.feed(side, recorded.stream(side)[connection.progress(side).position :])
    assert joined(pieces) == recorded.said
    assert {connection.progress(side).close for side in Side} == {Close.NOTIFIED}


@pytest.mark.parametrize(("version", "label"), EACH_LABEL)
def test_a_wrong_key_is_a_fault_of_the_direction_that_it_is_for(
    version: ssl.TLSVersion, label: Label, ec_server: Identity, tmp_path: Path
) -> None:
    recorded = talk(*contexts(ec_server, tmp_path, version))
    recorded.key_log = spoiled(recorded.key_log, label)
    connection, said = decoded(recorded)
    side = Side.SERVER if label.startswith("SERVER") else Side.CLIENT
    fault = connection.progress(side).fault
    assert fault is not None
    assert (fault.reason, said[side]) == (Reason.WRONG_KEY, b"")
    assert "expected one that its logged key opens" in str(fault)


def test_octets_that_changed_on_the_way_are_a_fault_after_what_was_right(ec_server: Identity, tmp_path: Path) -> None:
    recorded = talk(*contexts(ec_server, tmp_path, TLS13))
    at = max(index for index, (side, octets) in enumerate(recorded.segments) if len(octets) > 60_000)
    side, octets = recorded.segments[at]
    recorded.segments[at] = (side, octets[:40_000] + bytes([octets[40_000] ^ 1]) + octets[40_001:])
    connection, said = decoded(recorded)
    fault = connection.progress(side).fault
    assert fault is not None
    assert fault.reason is Reason.DAMAGED
    assert said[side] == recorded.said[side][: 2 << 14]


@pytest.mark.parametrize(
    ("version", "ciphers", "named"),
    [
        (TLS12, "CAMELLIA128-SHA", (Reason.UNKNOWN_SUITE, "suite 0x0041")),
        (ssl.TLSVersion.TLSv1_1, "AES128-SHA", (Reason.UNKNOWN_VERSION, "version tls/1.1")),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_what_cannot_be_decoded_is_named(
    version: ssl.TLSVersion, ciphers: str, named: tuple[Reason, str], rsa_server: Identity, tmp_path: Path
) -> None:
    recorded = talk(*contexts(rsa_server, tmp_path, version, ciphers))
    connection, said = decoded(recorded)
    assert said == {Side.CLIENT: b"", Side.SERVER: b""}
    for side in Side:
        fault = connection.progress(side).fault
        assert fault is not None
        assert (fault.reason, fault.found) == named


def test_an_end_without_a_close_is_cut(ec_server: Identity, tmp_path: Path) -> None:
    for version in (TLS12, TLS13):
        recorded = talk(*contexts(ec_server, tmp_path, version), close=False)
        connection, said = decoded(recorded)
        assert said == recorded.said
        assert {connection.progress(side).close for side in Side} == {Close.CUT}


def test_a_refusal_by_the_client_is_an_alert_and_the_chain_is_seen_all_the_same(
    ec_server: Identity, tmp_path: Path
) -> None:
    for version in (TLS12, TLS13):
        client, server = contexts(ec_server, tmp_path, version)
        client.verify_mode = ssl.CERT_REQUIRED
        recorded = refused(client, server)
        connection, _ = decoded(recorded)
        progress = connection.progress(Side.CLIENT)
        assert (progress.close, progress.alert) == (Close.ALERT, 48)  # unknown_ca
        assert connection.handshake.chain == (ec_server.der,)


def test_a_renegotiation_is_a_fault_after_what_was_said_before_it(rsa_server: Identity, tmp_path: Path) -> None:
    loose = ("-tls1_2", "-client_renegotiation")
    with openssl_server(rsa_server, *loose) as server:
        recorded = openssl_talk(server, tmp_path, "-tls1_2", commands=("client:R",))
    connection, said = decoded(recorded)
    fault = connection.progress(Side.CLIENT).fault
    assert fault is not None
    assert (fault.expected, fault.found) == ("no renegotiation", "client_hello")
    assert said[Side.CLIENT] == b"client says 0\n"


def test_a_peer_that_does_not_speak_tls_is_a_fault_with_its_octets(ec_server: Identity, tmp_path: Path) -> None:
    recorded = talk(*contexts(ec_server, tmp_path, TLS13))
    connection = Connection(KeyLog())
    connection.feed(Side.CLIENT, recorded.stream(Side.CLIENT))
    connection.feed(Side.SERVER, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    fault = connection.progress(Side.SERVER).fault
    assert str(fault) == "the server's stream at 0: expected a TLS record, found b'HTTP/'"
