"""What crosses the tunnel becomes exchanges, octet by octet, live, whatever falls over meanwhile."""

import contextlib
import datetime as dt
import hashlib
import json
import os
import queue
import select
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

import hostile
from hostile import Served, Talk, answer, routing, sending
from muniment.errors import FetchError
from muniment.fetch.decoding.decoder import Decoder
from muniment.fetch.decoding.telling import Ended, Heard, Peer, Told
from muniment.fetch.dial import Surroundings
from muniment.fetch.spooled import FrameKind, frame
from muniment.fetch.tunnel import Tunnel
from muniment.rules import Limits, Rules
from muniment.tls import evidence

PATIENCE = 20.0
BODY = bytes(range(256)) * 700


class Way:
    """A tunnel whose spools a decoder reads; what it tells comes out of ``told`` as it is told."""

    def __init__(self, folder: Path, *, cap: int = 1 << 30) -> None:
        self.told: queue.Queue[Told] = queue.Queue()
        self.decoder = Decoder(folder, cap, self.told.put)
        rules = Rules(
            allow_net=("127.0.0.0/8",), resolve=("site.example=127.0.0.1",), dns=False, limits=Limits(delay=0)
        )
        around = Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC))
        self.tunnel = Tunnel(rules, around, self.decoder.spool, lambda _: None, ends=around.monotonic() + 600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.tunnel.close()
        self.decoder.kill()

    def dial(self, port: int, context: ssl.SSLContext | None = None) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.tunnel.port), timeout=PATIENCE)
        sock.sendall(b"CONNECT site.example:%d HTTP/1.1\r\n\r\n" % port)
        said = b""
        while not said.endswith(b"\r\n\r\n"):
            said += sock.recv(1)
        assert b" 200 " in said
        return context.wrap_socket(sock, server_hostname="site.example") if context else sock

    def next(self) -> Told:
        return self.told.get(timeout=PATIENCE)

    def heard(self) -> Heard:
        """Return the next exchange that is told."""
        while not isinstance(told := self.next(), Heard):
            pass
        return told

    def rest(self) -> list[Told]:
        """Return everything that was not taken yet, once all is told."""
        assert self.tunnel.drained(PATIENCE)
        self.tunnel.close()
        self.decoder.finish(PATIENCE)
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self.told.get_nowait())
        return found

    def block(self, heard: Heard) -> bytes:
        octets = (self.decoder.bodies / heard.body).read_bytes()
        assert len(octets) == heard.size
        return octets


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    with Way(tmp_path) as made:
        yield made


def client(way: Way | Path, *alpn: str, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.keylog_filename = str(way.decoder.keys if isinstance(way, Way) else way)
    if version:
        context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def asked(target: str = "/", *fields: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: site.example", *fields, "", ""]).encode()


def received(sock: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        octets = sock.recv(1 << 16)
        assert octets
        got += octets
    return got


def test_an_exchange_is_told_while_its_connection_stands(way: Way) -> None:
    reply = answer(BODY, "200 Fine", "X-Odd:  two  spaces")
    with Served(sending(reply, reply)) as served, way.dial(served.port) as sock:
        for number in (1, 2):
            sock.sendall(asked(f"/{number}"))
            assert received(sock, len(reply)) == reply
            heard = way.heard()
            assert (heard.url, heard.method, heard.stream) == (f"http://site.example/{number}", "GET", number)
            assert (heard.whole, heard.protocol, heard.head_size) == (True, "http/1.1", len(reply) - len(BODY))
            assert (heard.request, way.block(heard)) == (asked(f"/{number}"), reply)
            assert 0 < heard.asked <= heard.answered <= heard.last


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_is_read_with_the_site_s_signature(way: Way, version: ssl.TLSVersion) -> None:
    reply = answer(BODY)
    with Served(sending(reply), tls=hostile.Authority().context()) as served:
        with way.dial(served.port, client(way, version=version)) as sock:
            sock.sendall(asked())
            assert received(sock, len(reply)) == reply
            peer = way.next()
            assert isinstance(peer, Peer)
            heard = way.heard()
        assert (heard.url, way.block(heard)) == ("https://site.example/", reply)
        signed = evidence.verified(evidence.decode(peer.evidence))
        assert isinstance(signed, evidence.Signed)
        assert signed.handshake.chain == peer.chain
        assert json.loads(peer.opened)["host"] == peer.server_name == "site.example"
        (ended,) = way.rest()
        assert isinstance(ended, Ended)
        assert (ended.exchanges, ended.faults, ended.surplus) == (1, (), b"")


def test_nothing_is_read_before_its_key_is_there_and_then_all_of_it(way: Way, tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    reply, aside = answer(BODY), tmp_path / "late" / "keys"
    site = Served(sending(reply, reply), tls=hostile.Authority().context())
    with site as served, way.dial(served.port, client(aside)) as sock:
        for target in ("/1", "/2"):
            sock.sendall(asked(target))
            assert received(sock, len(reply)) == reply
        assert way.told.empty()
        lines = aside.read_bytes()
        half = len(lines) // 2 + 3
        for piece in (lines[:half], lines[half:]):
            with way.decoder.keys.open("ab") as log:
                log.write(piece)
        assert [way.heard().url for _ in range(2)] == ["https://site.example/1", "https://site.example/2"]


@pytest.mark.parametrize("label", ["SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"])
def test_a_missing_key_is_named_and_costs_that_connection_alone(way: Way, tmp_path: Path, label: str) -> None:
    (tmp_path / "aside").mkdir()
    reply, aside = answer(BODY), tmp_path / "aside" / "keys"
    with Served(routing(lambda _: reply), tls=hostile.Authority().context()) as served:
        with way.dial(served.port, client(aside)) as sock:
            sock.sendall(asked("/lost"))
            received(sock, len(reply))
        lines = aside.read_text().splitlines(keepends=True)
        with way.decoder.keys.open("a") as log:
            log.writelines(line for line in lines if not line.startswith(label))
        with way.dial(served.port, client(way)) as sock:
            sock.sendall(asked("/kept"))
            received(sock, len(reply))
        told = way.rest()
    assert [each.url for each in told if isinstance(each, Heard) and each.whole] == ["https://site.example/kept"]
    faults = [fault for each in told if isinstance(each, Ended) for fault in each.faults]
    assert any(label in fault for fault in faults)


def h2_site(talk: Talk) -> None:
    """Answer every request with 60,000 octets that its path makes."""
    own = H2Connection(H2Configuration(client_side=False, header_encoding="ascii"))
    own.initiate_connection()
    own.update_settings({4: 1 << 20})
    talk.send(own.data_to_send())
    while True:
        for event in own.receive_data(talk.receive()):
            if isinstance(event, RequestReceived):
                path = dict(event.headers)[":path"]
                own.send_headers(event.stream_id, [(":status", "200"), ("x-path", path)])
                for piece in cut(made(path)):
                    own.send_data(event.stream_id, piece)
                own.end_stream(event.stream_id)
        talk.send(own.data_to_send())


def made(path: str) -> bytes:
    return hashlib.shake_128(path.encode()).digest(6_000)


def cut(octets: bytes) -> list[bytes]:
    return [octets[at : at + 1000] for at in range(0, len(octets), 1000)]


def test_http_2_is_told_stream_by_stream(way: Way) -> None:
    context = hostile.Authority().context()
    context.set_alpn_protocols(["h2"])
    with Served(h2_site, tls=context) as served, way.dial(served.port, client(way, "h2")) as sock:
        own = H2Connection()
        own.initiate_connection()
        streams = {}
        for number in range(8):
            stream = own.get_next_available_stream_id()
            streams[stream] = f"/{number}"
            fields = [(":method", "GET"), (":scheme", "https"), (":authority", "site.example"), (":path", f"/{number}")]
            own.send_headers(stream, fields, end_stream=True)
        sock.sendall(own.data_to_send())
        found = {}
        while len(found) < 8:
            with contextlib.suppress(queue.Empty):
                while isinstance(told := way.told.get_nowait(), Peer | Heard):
                    if isinstance(told, Heard):
                        found[told.stream] = told
            if len(found) < 8:
                own.receive_data(sock.recv(1 << 16))
                sock.sendall(own.data_to_send())
                while len(found) < 8 and not select_readable(sock):
                    told = way.next()
                    if isinstance(told, Heard):
                        found[told.stream] = told
    for stream, path in streams.items():
        heard = found[stream]
        assert (heard.url, heard.protocol, heard.whole) == (f"https://site.example{path}", "h2", True)
        block = way.block(heard)
        assert block[heard.head_size :] == made(path)
        assert block.startswith(b"HTTP/1.1 200 \r\nx-path: " + path.encode())
        said = json.loads(heard.facts)
        assert [":path", path] in said["request"]
        assert [":status", "200"] in said["response"]


def select_readable(sock: Any) -> bool:
    return bool(sock.pending() or select.select([sock], [], [], 0)[0])


def test_what_the_client_breaks_off_says_so(way: Way) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    def endless(talk: Talk) -> None:
        talk.request()
        talk.send(head + b"data: 1\n\n")
        talk.until_closed()

    with Served(endless) as served:
        with way.dial(served.port) as sock:
            sock.sendall(asked("/stream"))
            received(sock, len(head) + 9)
        heard = way.heard()
    assert (heard.whole, heard.ended_by, heard.fault) == (False, "client", "")
    assert way.block(heard) == head + b"data: 1\n\n"


def test_what_the_server_breaks_off_says_so(way: Way) -> None:
    reply = answer(BODY)[:-1]
    with Served(sending(reply)) as served:
        with way.dial(served.port) as sock:
            sock.sendall(asked())
            received(sock, len(reply))
            assert sock.recv(1) == b""
        heard = way.heard()
    assert (heard.whole, heard.ended_by) == (False, "server")
    assert way.block(heard) == reply


def test_a_body_is_cut_at_its_cap_and_what_lies_beyond_is_counted(tmp_path: Path) -> None:
    reply = answer(BODY)
    with Way(tmp_path, cap=1000) as way, Served(sending(reply)) as served:
        with way.dial(served.port) as sock:
            sock.sendall(asked())
            received(sock, len(reply))
        heard = way.heard()
        assert (heard.size, heard.dropped) == (heard.head_size + 1000, len(BODY) - 1000)
        assert way.block(heard) == reply[: heard.size]


def test_a_websocket_is_an_answer_and_its_frames(way: Way) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(switch + b"\x81\x05hello\x82\x02\xff\x00")
        talk.until_closed()

    with Served(script) as served:
        with way.dial(served.port) as sock:
            sock.sendall(asked("/socket", "Upgrade: websocket", "Connection: Upgrade"))
            received(sock, len(switch) + 11)
            sock.sendall(b"\x81\x82\x01\x02\x03\x04" + bytes([ord("h") ^ 1, ord("i") ^ 2]))
        heard = way.heard()
    assert (heard.url, way.block(heard)) == ("ws://site.example/socket", switch)
    lines = [json.loads(line) for line in (way.decoder.bodies / heard.messages).read_bytes().splitlines()]
    assert [(each["sender"], each["opcode"]) for each in lines] == [
        ("server", "text"),
        ("server", "binary"),
        ("client", "text"),
    ]
    assert (lines[0]["text"], lines[1]["base64"], lines[2]["text"]) == ("hello", "/wA=", "hi")


def test_what_is_no_http_is_named(way: Way) -> None:
    with Served(sending(b"SSH-2.0-OpenSSH\r\n")) as served:
        with way.dial(served.port) as sock:
            sock.sendall(asked())
            received(sock, 17)
        told = way.rest()
    (ended,) = [each for each in told if isinstance(each, Ended)]
    assert "HTTP" in ended.faults[0]
    assert ended.surplus == b"SSH-2.0-OpenSSH\r\n"
    assert [(each.body, each.whole) for each in told if isinstance(each, Heard)] == [("", False)]


def test_a_client_that_refuses_the_certificate_leaves_the_chain(way: Way) -> None:
    with Served(sending(answer()), tls=hostile.Authority().context("other.example")) as served:
        context = client(way)
        context.check_hostname, context.verify_mode = True, ssl.CERT_REQUIRED
        with pytest.raises(ssl.SSLCertVerificationError):
            way.dial(served.port, context)
        peer = way.next()
    assert isinstance(peer, Peer)
    assert len(peer.chain) == 1
    assert isinstance(evidence.verified(evidence.decode(peer.evidence)), evidence.Signed)


def test_a_decoder_that_is_killed_tells_everything_once_all_the_same(way: Way) -> None:
    reply = answer(BODY)
    killed = set()
    with Served(routing(lambda _: reply), tls=hostile.Authority().context()) as served:
        with way.dial(served.port, client(way)) as sock:
            urls = []
            for number in range(12):
                sock.sendall(asked(f"/{number}"))
                received(sock, len(reply))
                urls.append(way.heard().url)
                if number in {3, 7}:
                    killed.add(way.decoder.pid)
                    os.kill(way.decoder.pid, signal.SIGKILL)
        told = way.rest()
    assert len(killed) == 2
    assert urls == [f"https://site.example/{number}" for number in range(12)]
    (ended,) = told
    assert isinstance(ended, Ended)
    assert (ended.exchanges, ended.faults) == (12, ())


def test_a_spool_over_which_the_decoder_falls_again_and_again_is_given_up(way: Way) -> None:
    # What makes it fall here is no octet of a peer's but a spool that cannot be opened for reading.
    (way.decoder.spools / "c9").mkdir()
    with way.decoder.spool("c1") as spool:
        spool.write(frame(FrameKind.OPENED, 1, b"{}"))
    with pytest.raises(FetchError, match="fell"):
        way.decoder.finish(PATIENCE)
