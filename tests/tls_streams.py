"""Real TLS connections for tests: Python's ssl over memory, and openssl's own client and server over loopback."""

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from muniment.tls.connection import Connection, Plaintext
from muniment.tls.keylog import KeyLog
from muniment.tls.session import Side

NAME = "news.example"
REQUEST = b"GET /story HTTP/1.1\r\nHost: news.example\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + bytes(range(250)) * 240

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass
class Recorded:
    """What crossed the wire, in its order, the client's key log, and what both sides really said."""

    segments: list[tuple[Side, bytes]] = field(default_factory=list)
    key_log: bytes = b""
    said: dict[Side, bytes] = field(default_factory=lambda: {Side.CLIENT: b"", Side.SERVER: b""})
    cipher: str = ""
    session: ssl.SSLSession | None = None

    def stream(self, side: Side) -> bytes:
        return b"".join(octets for who, octets in self.segments if who is side)


@dataclass(frozen=True)
class Identity:
    """A server's key and certificate, as files too."""

    key: Key
    certificate: x509.Certificate
    key_file: Path
    certificate_file: Path

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def identity(folder: Path, key: Key, *hosts: str) -> Identity:
    """Return a server that signs its own certificate with *key*, for *hosts*."""
    hosts = hosts or (NAME,)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])
    start = datetime(2024, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1000)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts]), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Identity(key, certificate, key_file, certificate_file)


def contexts(
    who: Identity, folder: Path, version: ssl.TLSVersion, ciphers: str = ""
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts of a client that logs its keys to *folder* and of a server, for one version and one suite."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.keylog_filename = str(folder / "keys.log")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(who.certificate_file, who.key_file)
    server.set_alpn_protocols(["h2", "http/1.1"])
    client.set_alpn_protocols(["http/1.1"])
    for each in (client, server):
        each.minimum_version = each.maximum_version = version
        if ciphers:
            each.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    if ciphers.startswith("DHE"):
        parameters = folder / "dh.pem"  # ffdhe2048 of RFC 7919
        group = ("-algorithm", "DH", "-pkeyopt", "group:ffdhe2048")
        subprocess.run(["openssl", "genpkey", "-genparam", *group, "-out", parameters], check=True, capture_output=True)
        server.load_dh_params(str(parameters))
    return client, server


class _Wire:
    """Two ends over memory; whatever passes from one to the other is recorded."""

    def __init__(
        self, client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None, name: str = NAME
    ) -> None:
        bios = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        self.recorded = Recorded()
        self.client = client.wrap_bio(*bios[0], server_hostname=name, session=session)
        self.server = server.wrap_bio(*bios[1], server_side=True)
        self._paths = (
            (Side.CLIENT, bios[0][1], bios[1][0]),
            (Side.SERVER, bios[1][1], bios[0][0]),
        )

    def carry(self) -> None:
        for side, source, target in self._paths:
            if octets := source.read():
                self.recorded.segments.append((side, octets))
                target.write(octets)

    def shake(self) -> None:
        left = [self.client, self.server]
        while left:
            for end in list(left):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                    left.remove(end)
                self.carry()

    def say(self, side: Side, octets: bytes) -> None:
        sender, receiver = (self.client, self.server) if side is Side.CLIENT else (self.server, self.client)
        sender.write(octets)
        self.carry()
        heard = b""
        while len(heard) < len(octets):
            heard += receiver.read(1 << 16)
        assert heard == octets
        self.recorded.said[side] += octets

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.unwrap()
            self.carry()


def talk(
    client: ssl.SSLContext,
    server: ssl.SSLContext,
    *,
    session: ssl.SSLSession | None = None,
    close: bool = True,
    name: str = NAME,
    request: bytes = REQUEST,
    answer: bytes = ANSWER,
) -> Recorded:
    """Return a connection between *client* and *server*, called *name*, that asked, answered and ended."""
    wire = _Wire(client, server, session, name)
    wire.shake()
    wire.say(Side.CLIENT, request)
    wire.say(Side.SERVER, answer)
    if close:
        wire.close()
    recorded = wire.recorded
    recorded.cipher = (wire.client.cipher() or ("", "", 0))[0]
    recorded.session = wire.client.session
    recorded.key_log = Path(client.keylog_filename).read_bytes()
    return recorded


def refused(client: ssl.SSLContext, server: ssl.SSLContext) -> Recorded:
    """Return a connection that *client* breaks off because it does not believe *server*."""
    wire = _Wire(client, server, None)
    with contextlib.suppress(ssl.SSLCertVerificationError):
        wire.shake()
    wire.carry()
    wire.recorded.key_log = Path(client.keylog_filename).read_bytes()
    return wire.recorded


def decoded(recorded: Recorded) -> tuple[Connection, dict[Side, bytes]]:
    """Return the connection decoded as it was recorded, and what each side said."""
    keys = KeyLog()
    keys.feed(recorded.key_log)
    connection = Connection(keys)
    pieces = [piece for side, octets in recorded.segments for piece in connection.feed(side, octets)]
    for side in Side:
        connection.end(side)
    return connection, joined(pieces)


def joined(pieces: list[Plaintext]) -> dict[Side, bytes]:
    return {side: b"".join(piece.content for piece in pieces if piece.side is side) for side in Side}


class Relay:
    """A blind relay between a client and a server on loopback, for one connection."""

    def __init__(self, port: int) -> None:
        self.recorded = Recorded()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._target = port
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        self._listener.close()
        far = socket.create_connection(("127.0.0.1", self._target))
        back = threading.Thread(target=self._pass, args=(Side.SERVER, far, near))
        back.start()
        self._pass(Side.CLIENT, near, far)
        back.join()
        near.close()
        far.close()

    def _pass(self, side: Side, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a reset ends a direction just as well
            while octets := source.recv(1 << 16):
                with self._changed:
                    self.recorded.segments.append((side, octets))
                    self._changed.notify_all()
                target.sendall(octets)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def passed(self, side: Side) -> int:
        with self._changed:
            return len(self.recorded.stream(side))

    def wait_beyond(self, side: Side, size: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.recorded.stream(side)) > size, timeout=30)

    def finish(self) -> None:
        for thread in self._threads:
            thread.join(timeout=30)


class _Program:
    """openssl running: lines in, and whatever it says awaited."""

    def __init__(self, *arguments: str | Path) -> None:
        self._process = subprocess.Popen(
            ["openssl", *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._heard = b""

    def say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def hear(self, words: bytes) -> bytes:
        """Wait for *words* and return the line that they begin, from there to its end."""
        assert self._process.stdout is not None
        while words not in self._heard or b"\n" not in self._heard.partition(words)[2]:
            octets = self._process.stdout.read1(1 << 16)  # type: ignore[attr-defined]
            assert octets, self._heard.decode("utf-8", "replace")
            self._heard += octets
        _, _, after = self._heard.partition(words)
        line, _, self._heard = after.partition(b"\n")
        return line

    def end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=30)

    def stop(self) -> None:
        self._process.terminate()
        self.end()


@contextlib.contextmanager
def openssl_server(who: Identity, *arguments: str | Path) -> Iterator[tuple[_Program, int]]:
    """Run ``openssl s_server`` on loopback and give it with its port."""
    program = _Program(
        "s_server", "-accept", "127.0.0.1:0", "-cert", who.certificate_file, "-key", who.key_file, *arguments
    )
    try:
        yield program, int(program.hear(b"ACCEPT 127.0.0.1:"))
    finally:
        program.stop()


def openssl_talk(
    server: tuple[_Program, int],
    folder: Path,
    *arguments: str | Path,
    commands: tuple[str, ...] = (),
    early: bytes = b"",
) -> Recorded:
    """Return a connection of ``openssl s_client`` to *server*.

    Each of *commands* is a letter that either program takes between two exchanges (``K``: update the keys), written as
    ``client:K`` or ``server:k``.
    """
    program, port = server
    relay = Relay(port)
    log = folder / "openssl-keys.log"
    log.unlink(missing_ok=True)
    client = _Program(
        "s_client", "-connect", f"127.0.0.1:{relay.port}", "-servername", NAME, "-keylogfile", log, *arguments
    )
    said = relay.recorded.said
    said[Side.CLIENT] = early
    for round_, command in enumerate(("", *commands)):
        if command:
            who, _, letter = command.partition(":")
            told = client if who == "client" else program
            before = relay.passed(Side(who))
            told.say(letter.encode())
            relay.wait_beyond(Side(who), before)  # a line that comes at once with a letter would be lost
        for side, speaker, listener in ((Side.CLIENT, client, program), (Side.SERVER, program, client)):
            words = f"{side} says {round_}".encode()
            speaker.say(words)
            listener.hear(words)
            said[side] += words + b"\n"
    client.say(b"Q")
    client.end()
    relay.finish()
    relay.recorded.key_log = log.read_bytes()
    return relay.recorded
