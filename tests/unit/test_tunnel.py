"""The blind tunnel: what crosses it is what is spooled, octet by octet; nobody and nothing else gets through."""

import contextlib
import datetime as dt
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from hostile import Served, Talk, answer, sending
from muniment.errors import FormatError, StoreError
from muniment.fetch import greeting, own_user
from muniment.fetch.dial import Surroundings
from muniment.fetch.greeting import Protocol
from muniment.fetch.spooled import LARGEST, Frame, FrameKind, FrameReader, frame
from muniment.fetch.tunnel import Refusal, Tunnel
from muniment.model import Reason
from muniment.rules import Limits, Rules

PROTOCOLS = [Protocol.SOCKS5, Protocol.CONNECT]
NAMES = [each.name for each in PROTOCOLS]


class Opened:
    """A tunnel with its spools in a folder, and what it refused."""

    def __init__(self, folder: Path, rules: Rules, *, ends: float = 1e9, spool: Any = None, room: Any = None) -> None:
        self.folder = folder
        self.refused: list[Refusal] = []
        around = Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC), room=room or (lambda _: None))
        self.tunnel = Tunnel(rules, around, spool or self._new, self.refused.append, ends=around.monotonic() + ends)

    def _new(self, connection: str) -> BinaryIO:
        return (self.folder / f"{connection}.spool").open("xb", buffering=0)

    def spools(self) -> list[list[Frame]]:
        """Return the frames of each spool, once every connection has ended."""
        assert self.tunnel.drained(20)
        found = []
        for path in sorted(self.folder.glob("*.spool"), key=lambda path: int(path.stem[1:])):
            reader = FrameReader(path)
            found.append(list(reader.feed(path.read_bytes())))
            assert not reader.waiting
        return found

    def dial(self, host: str, port: int, protocol: Protocol = Protocol.SOCKS5) -> socket.socket:
        """Return a connection through the tunnel, once that says that it stands; ConnectionError where it does not."""
        sock = socket.create_connection(("127.0.0.1", self.tunnel.port), timeout=20)
        sock.sendall(hello(host, port, protocol))
        said = _answer(sock, protocol)
        if said not in {greeting.accepted(protocol), b"\x05\x00" + greeting.accepted(protocol)}:
            sock.close()
            raise ConnectionError(said)
        return sock


def hello(host: str, port: int, protocol: Protocol) -> bytes:
    if protocol is Protocol.CONNECT:
        return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    return b"\5\1\0" + b"\5\1\0\3" + bytes([len(host)]) + host.encode() + port.to_bytes(2, "big")


def _answer(sock: socket.socket, protocol: Protocol) -> bytes:
    said = b""
    while (len(said) < 12) if protocol is Protocol.SOCKS5 else (b"\r\n\r\n" not in said):
        octets = sock.recv(1)
        if not octets:
            raise ConnectionError(said)
        said += octets
    return said


def rules(*hosts: str, **limits: Any) -> Rules:
    return Rules(
        allow_net=("127.0.0.1/32",),
        resolve=tuple(f"{host}=127.0.0.1" for host in ("site.example", *hosts)),
        dns=False,
        limits=Limits(**{"delay": 0, "idle_timeout": 5.0} | limits),
    )


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    found = Opened(tmp_path, rules())
    yield found
    found.tunnel.close()


def read_on(sock: socket.socket) -> bytes:
    found = b""
    while octets := sock.recv(1 << 16):
        found += octets
    return found


def holding(talk: Talk) -> None:
    """Send a first piece and nothing more, for as long as the client stays."""
    talk.request()
    talk.send(b"first")
    talk.until_closed()


def side(frames: list[Frame], kind: FrameKind) -> bytes:
    return b"".join(each.octets for each in frames if each.kind is kind)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=NAMES)
def test_what_crosses_the_tunnel_is_spooled_in_both_directions_and_unaltered(
    opened: Opened, protocol: Protocol
) -> None:
    there, back = os.urandom(3 << 20), os.urandom(5 << 20)

    def serve(talk: Talk) -> None:
        got = b""
        while len(got) < len(there):
            got += talk.receive()
        assert got == there
        talk.send(back)

    with Served(serve) as served, opened.dial("site.example", served.port, protocol) as sock:
        threading.Thread(target=sock.sendall, args=(there,), daemon=True).start()
        assert read_on(sock) == back
    [frames] = opened.spools()
    assert side(frames, FrameKind.CLIENT) == there
    assert side(frames, FrameKind.SERVER) == back
    assert side(frames, FrameKind.SERVER_ENDED) == b"end"
    facts = json.loads(frames[0].octets)
    assert frames[0].kind is FrameKind.OPENED
    assert (facts["host"], facts["port"], facts["address"]) == ("site.example", served.port, "127.0.0.1")
    assert facts["look"]["means"] == "resolve"
    assert [each.at for each in frames] == sorted(each.at for each in frames)


def test_octets_that_come_with_the_greeting_reach_the_site(opened: Opened) -> None:
    request = b"GET / HTTP/1.1\r\nHost: site.example\r\n\r\n"
    with Served(sending(answer(b"whole", "200 OK", "Connection: close"))) as served:
        with socket.create_connection(("127.0.0.1", opened.tunnel.port), timeout=20) as sock:
            sock.sendall(hello("site.example", served.port, Protocol.CONNECT) + request)
            assert read_on(sock).endswith(b"whole")
        assert served.requests == [request]
    [frames] = opened.spools()
    assert side(frames, FrameKind.CLIENT) == request


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=NAMES)
@pytest.mark.parametrize(
    "host", ["127.0.0.2", "2130706434", "0x7f000002", "127.2", "[::ffff:127.0.0.2]", "canary.example"]
)
def test_no_address_that_the_rules_refuse_is_connected_to(tmp_path: Path, host: str, protocol: Protocol) -> None:
    made = Rules(allow_net=("127.0.0.1/32",), resolve=("canary.example=127.0.0.2",), dns=False)
    found = Opened(tmp_path, made)
    with socket.create_server(("127.0.0.2", 0)) as canary:
        canary.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        wanted = host.strip("[]") if protocol is Protocol.SOCKS5 else host
        with pytest.raises(ConnectionError):
            found.dial(wanted, canary.getsockname()[1], protocol)
        with pytest.raises(BlockingIOError):
            canary.accept()
    found.tunnel.close()
    assert [each.reason for each in found.refused] == [Reason.BLOCKED_ADDRESS]
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_not_looked_up_is_told_as_a_refusal(opened: Opened) -> None:
    with pytest.raises(ConnectionError):
        opened.dial("elsewhere.example", 443)
    [refusal] = opened.refused
    assert (refusal.host, refusal.port, refusal.reason) == ("elsewhere.example", 443, Reason.DNS)


def test_a_port_at_which_nobody_listens_is_told_as_a_refusal(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError, match=r"\\x05\\x05"):
        opened.dial("site.example", port)
    assert [each.reason for each in opened.refused] == [Reason.REFUSED]


@pytest.mark.parametrize(
    "said",
    [
        b"GET http://site.example/ HTTP/1.1\r\nHost: site.example\r\n\r\n",
        b"CONNECT site.example HTTP/1.1\r\n\r\n",
        b"CONNECT site.example:99999 HTTP/1.1\r\n\r\n",
        b"CONNECT " + b"a" * 20_000,
        b"\5\1\2",
        b"\5\1\0\5\2\0\1\x7f\0\0\1\0\x50",
        b"\5\1\0\5\1\0\3\x02a\n\0\x50",
        b"\4\1\0\x50\x7f\0\0\1\0",
        b"\x16\x03\x01\0\x05hello",
    ],
)
def test_whoever_asks_for_anything_else_is_closed_upon(opened: Opened, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", opened.tunnel.port), timeout=20) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            assert read_on(sock) in {b"", b"\5\0"}
    assert opened.spools() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_program_of_another_user_is_closed_upon(opened: Opened) -> None:
    assert own_user.can_tell()
    code = (
        "import encodings.idna, os, socket, sys; os.setgid(65534); os.setuid(65534)\n"
        "sock = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20)\n"
        "sock.sendall(b'\\5\\1\\0')\n"
        "try: print(sock.recv(9))\n"
        "except ConnectionError: print(b'')\n"
    )
    command = [sys.executable, "-c", code, str(opened.tunnel.port)]
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout == "b''\n"
    assert opened.spools() == []


def test_our_own_user_is_told_from_others_over_both_families() -> None:
    for host in ("127.0.0.1", "::1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with (
            socket.create_server((host, 0), family=family) as listening,
            socket.create_connection(listening.getsockname()[:2]),
            listening.accept()[0] as accepted,
        ):
            assert own_user.is_own(accepted)


def test_a_spent_budget_cuts_at_the_exact_octet_and_the_spool_says_so(tmp_path: Path) -> None:
    found = Opened(tmp_path, rules(max_bytes=1_000_000))
    with Served(sending(bytes(4 << 20))) as served, found.dial("site.example", served.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert len(read_on(sock)) == 1_000_000
    with pytest.raises(ConnectionError):
        found.dial("site.example", 1)
    [frames] = found.spools()
    found.tunnel.close()
    assert len(side(frames, FrameKind.SERVER)) == 1_000_000
    assert side(frames, FrameKind.SERVER_ENDED) == b"cut: limit-bytes"
    assert [each.reason for each in found.refused] == [Reason.LIMIT_BYTES]


def test_an_endless_stream_is_cut_when_the_time_is_over(tmp_path: Path) -> None:
    found = Opened(tmp_path, rules(), ends=1.0)
    with Served(holding) as served, found.dial("site.example", served.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert read_on(sock) == b"first"
    [frames] = found.spools()
    found.tunnel.close()
    assert side(frames, FrameKind.SERVER_ENDED) == b"cut: timeout"


def test_a_server_that_holds_its_side_for_ever_is_not_waited_for_once_its_client_has_left(opened: Opened) -> None:
    over = threading.Event()

    def stubborn(talk: Talk) -> None:
        talk.request()
        talk.send(b"first")
        over.wait(60)

    with Served(stubborn) as served:
        with opened.dial("site.example", served.port) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.recv(5) == b"first"
        assert not opened.tunnel.drained(3600, quiet=0.1)
        opened.tunnel.close()
        over.set()
    [frames] = opened.spools()
    assert side(frames, FrameKind.SERVER) == b"first"


def test_closing_cuts_what_stands_and_returns_with_every_spool_whole(opened: Opened) -> None:
    with Served(holding) as served, opened.dial("site.example", served.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(5) == b"first"
        assert not opened.tunnel.drained(0)
        opened.tunnel.close()
        assert opened.tunnel.drained(0)
    [frames] = opened.spools()
    assert side(frames, FrameKind.SERVER) == b"first"
    assert {each.kind for each in frames} >= {FrameKind.CLIENT_ENDED, FrameKind.SERVER_ENDED}


def test_a_reset_is_told_from_an_end(opened: Opened) -> None:
    def serve(talk: Talk) -> None:
        talk.request()
        talk.send(b"half")
        opened_half.wait(20)
        talk.reset()

    opened_half = threading.Event()
    with Served(serve) as served, opened.dial("site.example", served.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(4) == b"half"
        opened_half.set()
        with contextlib.suppress(ConnectionError):
            assert read_on(sock) == b""
    [frames] = opened.spools()
    assert side(frames, FrameKind.SERVER) == b"half"
    assert side(frames, FrameKind.SERVER_ENDED).startswith(b"broken: ")


def test_a_disk_that_refuses_stops_everything_and_nothing_is_passed_on_unspooled(tmp_path: Path) -> None:
    class Full:
        """A file on a disk that takes ten thousand octets."""

        def __init__(self) -> None:
            self.taken = b""

        def write(self, octets: memoryview) -> int:
            if len(self.taken) + len(octets) > 10_000:
                raise OSError(28, os.strerror(28))
            self.taken += octets
            return len(octets)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    file = Full()
    found = Opened(tmp_path, rules(), spool=lambda _: file)
    with Served(sending(bytes(1 << 20))) as served, found.dial("site.example", served.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        got = b""
        with contextlib.suppress(ConnectionError):
            got = read_on(sock)
    assert found.tunnel.drained(20)
    assert isinstance(found.tunnel.failure, StoreError)
    assert len(got) <= 10_000
    with pytest.raises(ConnectionError):
        found.dial("site.example", 1)
    found.tunnel.close()


def test_what_is_received_waits_for_room(tmp_path: Path) -> None:
    asked, go = threading.Event(), threading.Event()

    def room(_until: float) -> None:
        asked.set()
        assert go.wait(20)

    found = Opened(tmp_path, rules(), room=room)
    with Served(sending(b"whole")) as served, found.dial("site.example", served.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert asked.wait(20)
        assert not list(FrameReader("s").feed((tmp_path / "c1.spool").read_bytes()))[2:]
        go.set()
        assert read_on(sock) == b"whole"
    found.tunnel.close()


@given(
    st.lists(st.binary(min_size=1, max_size=4), max_size=12), st.sampled_from([b"", b"\5\1\0\5\1\0", b"CONNECT a:1"])
)
def test_no_greeting_is_an_error_but_a_format_error(pieces: list[bytes], begin: bytes) -> None:
    reader = greeting.Reader()
    with contextlib.suppress(FormatError):
        for piece in (begin, *pieces):
            asked, _ = reader.feed(piece)
            if asked is not None:
                break


@given(st.data(), st.sampled_from(PROTOCOLS))
def test_a_greeting_is_read_alike_however_it_is_cut(data: st.DataObject, protocol: Protocol) -> None:
    whole = hello("site.example", 443, protocol) + b"rest"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 5))))
    reader, found, answered = greeting.Reader(), None, b""
    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        assert found is None
        found, answer_now = reader.feed(whole[begin:end])
        answered += answer_now
    assert found == greeting.Asked(protocol, "site.example", 443)
    assert reader.rest == b"rest"
    assert answered == (b"\5\0" if protocol is Protocol.SOCKS5 else b"")


@given(st.lists(st.tuples(st.sampled_from(FrameKind), st.binary(max_size=40))), st.integers(1, 30))
def test_frames_are_read_alike_however_they_are_cut(said: list[tuple[FrameKind, bytes]], size: int) -> None:
    whole = b"".join(frame(kind, at, octets) for at, (kind, octets) in enumerate(said))
    reader = FrameReader("spool")
    found = [each for at in range(0, len(whole), size) for each in reader.feed(whole[at : at + size])]
    assert [(each.kind, each.octets) for each in found] == said
    assert [each.at for each in found] == list(range(len(said)))


def test_what_is_no_spool_is_refused() -> None:
    for octets in (b"\x09" + bytes(12), b"\x01" + bytes(8) + (LARGEST + 1).to_bytes(4, "big")):
        with pytest.raises(FormatError, match="spool"):
            list(FrameReader("spool").feed(octets))
