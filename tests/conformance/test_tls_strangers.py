"""tshark reads the same connections with the same key log: what it decrypts is what we decrypt."""

import shutil
import socket
import ssl
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from muniment.tls.session import Side
from rfc8448 import RESUMED, SIMPLE, Trace
from tls_streams import Identity, Recorded, contexts, decoded, identity, openssl_server, openssl_talk, talk

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed: make system")

PORTS = {Side.CLIENT: (40_000, 443), Side.SERVER: (443, 40_000)}
SYN, ACK = 0x02, 0x10
MOST = 1_400


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    return {
        "rsa": identity(tmp_path_factory.mktemp("rsa"), rsa.generate_private_key(65537, 2048)),
        "ec": identity(tmp_path_factory.mktemp("ec"), ec.generate_private_key(ec.SECP256R1())),
    }


def packet(side: Side, numbers: dict[Side, int], flags: int, content: bytes) -> bytes:
    """Return one TCP segment in IPv4, as a record of a capture file; checksums are left out."""
    other = Side.SERVER if side is Side.CLIENT else Side.CLIENT
    tcp = struct.pack(">HHIIBBHHH", *PORTS[side], numbers[side], numbers[other], 5 << 4, flags, 65_535, 0, 0)
    addresses = [socket.inet_aton(f"127.0.0.{1 if who is Side.CLIENT else 2}") for who in (side, other)]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(content), 0, 0, 64, socket.IPPROTO_TCP, 0) + b"".join(addresses)
    numbers[side] += len(content) + bool(flags & SYN)
    octets = head + tcp + content
    return struct.pack("<IIII", 0, 0, len(octets), len(octets)) + octets


def capture_file(recorded: Recorded) -> bytes:
    """Return *recorded* as a capture file of raw IP packets."""
    numbers = {Side.CLIENT: 1_000, Side.SERVER: 500_000}
    packets = [packet(Side.CLIENT, numbers, SYN, b""), packet(Side.SERVER, numbers, SYN | ACK, b"")]
    for side, octets in recorded.segments:
        pieces = [octets[cut : cut + MOST] for cut in range(0, len(octets), MOST)]
        packets.extend(packet(side, numbers, ACK, piece) for piece in pieces)
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101) + b"".join(packets)


def tshark(recorded: Recorded, folder: Path) -> dict[Side, bytes]:
    """Return what tshark decrypts of *recorded*."""
    packets, keys = folder / "packets.pcap", folder / "tshark-keys.log"
    packets.write_bytes(capture_file(recorded))
    keys.write_bytes(recorded.key_log)
    options = ("-o", f"tls.keylog_file:{keys}", "-o", "tcp.desegment_tcp_streams:TRUE")
    done = subprocess.run(
        ["tshark", "-n", "-r", packets, *options, "-q", "-z", "follow,tls,raw,0"],
        capture_output=True,
        text=True,
        check=True,
    )
    # Node 0 is whoever is decrypted first; what the other one says is set off by a tab.
    nodes = list(Side) if "Node 0: 127.0.0.1:" in done.stdout else list(Side)[::-1]
    _, _, body = done.stdout.partition("Node 1:")
    found = {Side.CLIENT: b"", Side.SERVER: b""}
    for line in body.splitlines()[1:]:
        if line and not line.startswith("="):
            found[nodes[line.startswith("\t")]] += bytes.fromhex(line.strip())
    return found


def agreed(recorded: Recorded, folder: Path) -> dict[Side, bytes]:
    """Return what both decrypt, which must be the same."""
    _, ours = decoded(recorded)
    assert tshark(recorded, folder) == ours
    return ours


@pytest.mark.parametrize(
    "name",
    [
        "AES128-GCM-SHA256",
        "AES256-SHA256",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-CCM8",
    ],
)
def test_tshark_decrypts_the_same_of_tls_1_2(name: str, servers: dict[str, Identity], tmp_path: Path) -> None:
    who = servers["ec" if "ECDSA" in name else "rsa"]
    recorded = talk(*contexts(who, tmp_path, ssl.TLSVersion.TLSv1_2, name))
    assert agreed(recorded, tmp_path) == recorded.said


def test_tshark_decrypts_the_same_of_resumed_and_retried_connections(
    servers: dict[str, Identity], tmp_path: Path
) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        client, server = contexts(servers["ec"], tmp_path, version)
        server.set_ecdh_curve("secp384r1")
        first = talk(client, server)
        for recorded in (first, talk(client, server, session=first.session)):
            assert agreed(recorded, tmp_path) == recorded.said


@pytest.mark.parametrize(
    "name",
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"],
)
def test_tshark_decrypts_the_same_of_tls_1_3_through_updates_of_keys(
    name: str, servers: dict[str, Identity], tmp_path: Path
) -> None:
    with openssl_server(servers["ec"], "-tls1_3", "-ciphersuites", name) as server:
        commands = ("client:K", "server:K", "server:k")
        recorded = openssl_talk(server, tmp_path, "-tls1_3", "-ciphersuites", name, commands=commands)
    assert agreed(recorded, tmp_path) == recorded.said


@pytest.mark.parametrize("trace", [SIMPLE, RESUMED], ids=["simple", "resumed-0-rtt"])
def test_tshark_decrypts_the_same_of_the_traces_of_rfc_8448(trace: Trace, tmp_path: Path) -> None:
    client, server = ([bytes.fromhex(each) for each in side] for side in (trace.client, trace.server))
    early = len(client) - 4  # what the client sends before it is answered: its hello, and early data
    told = [*[(Side.CLIENT, each) for each in client[: 1 + early]], *[(Side.SERVER, each) for each in server[:2]]]
    rest = [*[(Side.CLIENT, each) for each in client[1 + early :]], *[(Side.SERVER, each) for each in server[2:]]]
    said = agreed(Recorded([*told, *rest], trace.key_log), tmp_path)
    assert said[Side.SERVER] == bytes(range(50))
