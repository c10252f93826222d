"""What a connection of the static engine leaves of its handshake: teed ciphertext, and no secret that opens content."""

import io
import os
import re
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import hostile
from hostile import Authority, Served, answer, routing, sending
from muniment.fetch import handshake
from muniment.fetch.handshake import Secrets, Tee, kept
from muniment.fetch.http import StaticEngine, Wanted
from muniment.model import Connection
from muniment.rules import Limits
from muniment.tls import evidence
from muniment.tls.attribution import Claim, attributed
from muniment.tls.connection import Connection as Passive
from muniment.tls.evidence import Signed, Unsigned, Why
from muniment.tls.keylog import KeyLog, Label
from muniment.tls.session import Side
from tls_streams import Identity, Recorded, Relay, contexts, identity, refused, talk

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3
VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
SECRET = re.compile(rb"^([A-Z0-9_]+) ([0-9a-f]{64}) ([0-9a-f]+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def engine(authority: Authority, tmp_path: Path) -> Iterator[StaticEngine]:
    made = hostile.engine(limits=Limits(delay=0, idle_timeout=5), ca_files=(authority.file(tmp_path),))
    yield made
    made.close()


def peer(authority: Authority, version: ssl.TLSVersion, *names: str) -> ssl.SSLContext:
    context = authority.context(*names)
    context.minimum_version = context.maximum_version = version
    return context


def reached(engine: StaticEngine, url: str) -> Connection:
    """Return the connection over which *url* was asked for, whatever came of it."""
    [exchange] = engine.fetch(Wanted(url, page=False, referer="", cap=1 << 20, until=time.monotonic() + 15))
    if exchange.response is not None:
        exchange.response.close()
    assert exchange.connection is not None
    return exchange.connection


def claimed(made: Connection) -> Claim:
    return Claim(made.host, made.tls == "ok", made.tls_version, made.cipher, made.alpn, made.chain)


def shown(made: Connection) -> Signed | Unsigned:
    return attributed(evidence.decode(made.evidence), claimed(made))


@VERSIONS
def test_a_connection_comes_with_evidence_that_its_server_signed(
    version: ssl.TLSVersion, authority: Authority, engine: StaticEngine
) -> None:
    context = peer(authority, version)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Served(sending(answer(b"hello")), tls=context) as served:
        made = reached(engine, served.url())
    found = shown(made)
    assert isinstance(found, Signed)
    assert found.handshake.server_name == "site.example"
    assert found.handshake.chain == made.chain
    assert made.tls_version == ("tls/1.3" if version == TLS13 else "tls/1.2")
    assert bool(evidence.decode(made.evidence).secret) == (version == TLS13)


def test_a_handshake_that_the_server_asked_to_begin_again_is_evidence_too(
    authority: Authority, engine: StaticEngine
) -> None:
    context = peer(authority, TLS13)
    context.set_ecdh_curve("secp521r1")  # which OpenSSL offers and has made no key for
    with Served(sending(answer(b"hello")), tls=context) as served:
        found = shown(reached(engine, served.url()))
    assert isinstance(found, Signed)
    assert found.handshake.retried


def test_each_connection_has_the_evidence_of_its_own_handshake(authority: Authority, tmp_path: Path) -> None:
    hosts = [f"host-{number}.example" for number in range(8)]
    engine = hostile.engine(*hosts, limits=Limits(delay=0, idle_timeout=5), ca_files=(authority.file(tmp_path),))
    made: list[Connection] = []

    def ask(host: str) -> None:
        for _ in range(3):
            made.append(reached(engine, served.url(host=host)))  # noqa: PERF401 - a thread appends as it goes

    with Served(
        sending(answer(b"hello", "200 OK", "Connection: close")), tls=peer(authority, TLS13, "*.example")
    ) as served:
        threads = [threading.Thread(target=ask, args=(host,)) for host in hosts]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    engine.close()
    found = [shown(each) for each in made]
    assert [each.handshake.server_name for each in found] == [each.host for each in made]
    assert len({each.handshake.client_random for each in found}) == len(made) == 24


@VERSIONS
def test_a_peer_that_is_not_verified_signs_as_well(
    version: ssl.TLSVersion, authority: Authority, engine: StaticEngine
) -> None:
    with Served(sending(answer(b"hello")), tls=peer(authority, version, "other.example")) as served:
        made = reached(engine, served.url())
    assert made.tls == "wrong-host"
    assert isinstance(shown(made), Signed)


@VERSIONS
def test_a_handshake_that_we_broke_off_is_evidence_of_the_refused_chain(
    version: ssl.TLSVersion, authority: Authority
) -> None:
    engine = hostile.engine(limits=Limits(delay=0, idle_timeout=5), tls="strict")
    with Served(sending(answer(b"hello")), tls=peer(authority, version)) as served:
        made = reached(engine, served.url())
    engine.close()
    assert (made.tls, made.tls_version) == ("unknown-authority", "")
    found = shown(made)
    assert isinstance(found, Signed)
    assert found.handshake.chain == made.chain


def test_plain_http_leaves_no_evidence(engine: StaticEngine) -> None:
    with Served(sending(answer(b"hello"))) as served:
        assert reached(engine, served.url()).evidence == b""


def test_static_rsa_is_kept_and_is_unsigned(tmp_path: Path) -> None:
    who = identity(tmp_path / "rsa", rsa.generate_private_key(65537, 2048))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(who.certificate_file, who.key_file)
    server.maximum_version = TLS12
    server.set_ciphers("AES128-GCM-SHA256:@SECLEVEL=0")
    engine = hostile.engine(limits=Limits(delay=0, idle_timeout=5))
    with Served(sending(answer(b"hello")), tls=server) as served:
        made = reached(engine, served.url())
    engine.close()
    found = shown(made)
    assert isinstance(found, Unsigned)
    assert found.why is Why.STATIC_RSA


def test_without_a_key_log_tls_1_3_leaves_nothing_and_goes_on(
    authority: Authority, engine: StaticEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Secrets, "of", lambda *_: b"")
    with Served(sending(answer(b"hello"), answer(b"hello")), tls=peer(authority, TLS13)) as served:
        made = reached(engine, served.url())
    assert (made.tls, made.evidence) == ("ok", b"")


# The tee


def test_nothing_is_teed_once_tls_stands(authority: Authority, engine: StaticEngine) -> None:
    body = os.urandom(300_000)
    with Served(routing(lambda _: answer(body)), tls=peer(authority, TLS13)) as served:
        reached(engine, served.url())
        [line] = engine._wire._idle
        sent = line.channel.handshake.sent if line.channel.handshake else None
    assert sent is not None
    assert all(0 < len(each) < 16_000 for each in sent)


def test_a_side_that_sends_without_end_is_not_held_without_end() -> None:
    for side in Side:
        tee = Tee()
        for _ in range(100):
            tee.take(side, bytes(64 << 10))
        assert tee.sent is None
        assert max(map(len, tee._octets.values())) <= handshake._MOST + 1
    tee = Tee()
    tee.take(Side.SERVER, bytes(handshake._MOST))
    assert tee.sent == (b"", bytes(handshake._MOST))


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("who"), ec.generate_private_key(ec.SECP256R1()))


def teed(segments: list[tuple[Side, bytes]]) -> Tee:
    tee = Tee()
    for side, octets in segments:
        tee.take(side, octets)
    return tee


def knowing(key_log: bytes) -> Secrets:
    secrets = Secrets(hostile.on_disk)
    secrets._file.write(key_log)
    return secrets


@VERSIONS
def test_whatever_is_no_whole_handshake_leaves_nothing(version: ssl.TLSVersion, who: Identity, tmp_path: Path) -> None:
    recorded = refused(*contexts(who, tmp_path, version))
    whole = recorded.stream(Side.CLIENT), recorded.stream(Side.SERVER)
    assert kept(teed(list(zip(Side, whole, strict=True))), knowing(recorded.key_log))
    for changed in (
        (b"", b""),
        (whole[0], b""),
        (b"", whole[1]),
        (whole[0], b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (whole[0], whole[1][: len(whole[1]) // 2]),
        (whole[1], whole[0]),
        (whole[0], os.urandom(600)),
    ):
        assert kept(teed(list(zip(Side, changed, strict=True))), knowing(recorded.key_log)) == b""
    assert kept(None, knowing(recorded.key_log)) == b""


def test_a_key_log_that_is_cut_or_of_others_leaves_nothing_of_tls_1_3(who: Identity, tmp_path: Path) -> None:
    recorded, other = (talk(*contexts(who, tmp_path, TLS13)) for _ in range(2))
    mine = recorded.key_log
    theirs = other.key_log.removeprefix(mine)
    for key_log in (b"", theirs, mine.replace(b"SERVER_HANDSHAKE", b"OTHER"), mine.replace(b"\n", b" "), mine[:150]):
        assert kept(teed(recorded.segments), knowing(key_log)) == b""
    assert kept(teed(recorded.segments), knowing(theirs + b"rubbish\n\n \xff\n" + mine))


def test_of_what_follows_the_handshake_nothing_is_in_the_evidence(who: Identity, tmp_path: Path) -> None:
    recorded = talk(*contexts(who, tmp_path, TLS13))
    found = evidence.decode(kept(teed(recorded.segments), knowing(recorded.key_log)))
    broken_off = refused(*contexts(who, tmp_path, TLS13))
    size = len(evidence.decode(kept(teed(broken_off.segments), knowing(broken_off.key_log))).protected)
    assert abs(len(found.protected) - size) < 16  # an ECDSA signature is a few octets longer or shorter
    assert len(recorded.stream(Side.SERVER)) > 60_000


# The secrets


def in_memory() -> BinaryIO:
    raise AssertionError("a file was asked for where memory will do")


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")
def test_keys_are_written_to_memory_alone() -> None:
    secrets = Secrets(in_memory)
    link = Path(f"/proc/self/fd/{secrets._file.fileno()}").readlink()
    assert str(link).startswith("/memfd:")
    assert not os.get_inheritable(secrets._file.fileno())
    secrets.close()


@pytest.mark.parametrize("why", [OSError("seccomp"), AttributeError("another system")], ids=["refused", "unknown"])
def test_where_there_are_no_files_in_memory_a_nameless_one_does(
    why: Exception, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_name: str) -> int:
        raise why

    monkeypatch.setattr(os, "memfd_create", none)
    engine = hostile.engine(limits=Limits(delay=0, idle_timeout=5), ca_files=(authority.file(tmp_path),))
    with Served(sending(answer(b"hello")), tls=peer(authority, TLS13)) as served:
        assert isinstance(shown(reached(engine, served.url())), Signed)
    engine.close()


def test_where_the_system_gives_no_way_to_the_file_captures_go_on(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "_OPENED", str(tmp_path / "nowhere"))
    engine = hostile.engine(limits=Limits(delay=0, idle_timeout=5), ca_files=(authority.file(tmp_path),))
    with Served(sending(answer(b"hello")), tls=peer(authority, TLS13)) as served:
        made = reached(engine, served.url())
    assert (made.tls, made.evidence) == ("ok", b"")
    engine.close()


def test_secrets_are_forgotten_when_the_engine_is_closed(authority: Authority, engine: StaticEngine) -> None:
    with Served(routing(lambda _: answer(b"hello")), tls=peer(authority, TLS13)) as served:
        reached(engine, served.url())
        secrets = engine._wire._dialer._secrets
        watched = os.dup(secrets._file.fileno())
        assert {each[0].decode() for each in SECRET.findall(os.pread(watched, 1 << 16, 0))} > {
            Label.SERVER_HANDSHAKE_TRAFFIC_SECRET.value,
            Label.CLIENT_TRAFFIC_SECRET_0.value,
        }
        engine.close()
    assert os.fstat(watched).st_size == 0
    os.close(watched)
    assert secrets._lines == {}
    assert secrets.of(bytes(32)) == b""
    secrets.close()


def test_of_each_connection_one_secret_is_given_and_once(who: Identity, tmp_path: Path) -> None:
    recorded = talk(*contexts(who, tmp_path, TLS13))
    secrets = knowing(recorded.key_log)
    random = recorded.stream(Side.CLIENT)[11:43]
    line = secrets.of(random)
    assert SECRET.findall(line)[0][:2] == (b"SERVER_HANDSHAKE_TRAFFIC_SECRET", random.hex().encode())
    assert line.count(b"\n") == 1
    assert secrets.of(random) == b""


def test_a_line_that_is_being_written_is_read_when_it_is_whole() -> None:
    secrets = knowing(b"")
    random = bytes(range(32))
    line = b"SERVER_HANDSHAKE_TRAFFIC_SECRET %b %b\n" % (random.hex().encode(), b"ab" * 32)
    for cut in (10, 80, len(line) - 1):
        secrets._file.write(line[:cut])
        assert secrets.of(random) == b""
        secrets._file.write(line[cut:])
        assert secrets.of(random) == line


def test_keys_without_end_are_dropped_and_what_follows_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "_FULL", 10_000)
    secrets = Secrets(lambda: io.FileIO(os.memfd_create("appended"), "r+"))
    log = os.open(f"/dev/fd/{secrets._file.fileno()}", os.O_WRONLY | os.O_APPEND)
    for number in range(400):
        random = number.to_bytes(32, "big")
        os.write(log, b"CLIENT_RANDOM %b %b\n" % (os.urandom(32).hex().encode(), b"00" * 48))
        line = b"SERVER_HANDSHAKE_TRAFFIC_SECRET %b %b\n" % (random.hex().encode(), b"ab" * 32)
        os.write(log, line)
        assert secrets.of(random) == line
        assert os.fstat(log).st_size < 11_000
    os.close(log)
    secrets.close()


# The one secret that is kept


def test_the_secret_that_is_kept_of_a_real_connection_opens_none_of_its_content(
    authority: Authority, tmp_path: Path
) -> None:
    """All that crossed the wire is tried, under every name that a secret may have, alone and with all the others."""
    page = b"<p>What nobody may read from the evidence.</p>" * 2000
    with Served(routing(lambda _: answer(page)), tls=peer(authority, TLS13)) as served:
        relay = Relay(served.port)
        engine = hostile.engine(
            port=relay.port, limits=Limits(delay=0, idle_timeout=5), ca_files=(authority.file(tmp_path),)
        )
        with engine._wire._dialer._secrets._file as keys:
            made = reached(engine, f"https://site.example:{relay.port}/")
            key_log = os.pread(keys.fileno(), 1 << 16, 0)
        engine.close()
        relay.finish()
    kept_ = evidence.decode(made.evidence)
    assert page in read(relay.recorded, key_log)  # so that to find nothing means something
    for label in Label:
        tried = f"{label} {kept_.greeting[6:38].hex()} {kept_.secret.hex()}\n".encode()
        of_handshakes = b"".join(line for line in key_log.splitlines(keepends=True) if b"_HANDSHAKE_" in line)
        for also in (b"", of_handshakes):
            assert read(relay.recorded, tried + also) == b""
    of_content = [
        each[2] for each in SECRET.findall(key_log) if b"_TRAFFIC_SECRET_" in each[0] and b"_HAND" not in each[0]
    ]
    assert len(of_content) == 2
    assert kept_.secret.hex().encode() not in of_content


def read(recorded: Recorded, key_log: bytes) -> bytes:
    """Return what can be read of a connection with the secrets of *key_log*."""
    keys = KeyLog()
    keys.feed(key_log)
    connection = Passive(keys)
    pieces = [piece for side, octets in recorded.segments for piece in connection.feed(side, octets)]
    return b"".join(piece.content for piece in pieces)
