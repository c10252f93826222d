"""Servers on loopback that send exactly what a test scripts, octet by octet, with and without TLS; and certificates.

A script is a function of one :class:`Talk`; it runs once for each connection, in a thread of its own.
"""

import contextlib
import datetime as dt
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from muniment.fetch.dial import Surroundings
from muniment.fetch.http import StaticEngine
from muniment.rules import Rules

PATIENCE = 20.0
"""Seconds after which a server gives a silent client up, so that a broken test ends."""


class Gone(Exception):  # noqa: N818 - what happened to the client
    """The client closed the connection; the end of a script, not a failure of the test."""


class Talk:
    """One connection from the server's side; ``number`` counts connections from 0."""

    def __init__(self, sock: socket.socket, number: int, served: "Served") -> None:
        self._socket = sock
        self._served = served
        self._ahead = b""
        self.number = number

    def request(self) -> bytes:
        """Return the octets of the next request's head, which is also put into ``served.requests``."""
        while b"\r\n\r\n" not in self._ahead:
            try:
                piece = self._socket.recv(65536)
            except OSError as failure:
                raise Gone from failure
            if not piece:
                raise Gone
            self._ahead += piece
        head, _, self._ahead = self._ahead.partition(b"\r\n\r\n")
        self._served.requests.append(head + b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def receive(self) -> bytes:
        """Return whatever comes next, such as a ClientHello."""
        return self._socket.recv(65536)

    def send(self, octets: bytes) -> None:
        try:
            self._socket.sendall(octets)
        except OSError as failure:
            raise Gone from failure

    def until_closed(self) -> None:
        """Wait until the client closes."""
        with contextlib.suppress(OSError):
            while self._socket.recv(65536):
                pass

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        raw = self._socket
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Not close(): a TLS socket would first say that it closes.
        socket.socket.close(raw)

    def end_tls(self) -> None:
        """Say properly that nothing more comes."""
        if isinstance(self._socket, ssl.SSLSocket):
            # A ValueError where the block has ended meanwhile and took TLS off the socket.
            with contextlib.suppress(OSError, ValueError):
                self._socket.unwrap()


Script = Callable[[Talk], None]


class Served:
    """A server at ``127.0.0.1:port`` (or *address*) while the ``with`` block runs.

    ``requests`` are the heads that came, ``connections`` their number, ``faults`` what went wrong in a script.
    """

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(
            (address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=256
        )
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.faults: list[BaseException] = []
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in tuple(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        assert not self.faults, self.faults

    def url(self, path: str = "/", host: str = "site.example") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            number, self.connections = self.connections, self.connections + 1
            threading.Thread(target=self._talk, args=(sock, number), daemon=True).start()

    def _talk(self, sock: socket.socket, number: int) -> None:
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(sock)
        try:
            if self._tls:
                self._open.discard(sock)
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                self._open.add(sock)
                sock.do_handshake()  # type: ignore[attr-defined]
            talk = Talk(sock, number, self)
            self._script(talk)
            talk.end_tls()
        except (Gone, OSError):
            pass
        except BaseException as fault:  # noqa: BLE001 - told to the test when the block ends
            self.faults.append(fault)
        finally:
            self._open.discard(sock)
            sock.close()


def sending(*answers: bytes) -> Script:
    """Return a script that answers the requests of a connection with *answers* in turn, then closes."""

    def script(talk: Talk) -> None:
        for answer in answers:
            talk.request()
            talk.send(answer)

    return script


def routing(route: Callable[[str], bytes]) -> Script:
    """Return a script that answers each request, as long as the client likes, with what *route* says of its target."""

    def script(talk: Talk) -> None:
        while True:
            talk.send(route(talk.request().split(b" ")[1].decode()))

    return script


def answer(body: bytes = b"", status: str = "200 OK", *fields: str) -> bytes:
    """Return the octets of a plain response with its length."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def redirect(target: str, status: str = "302 Found") -> bytes:
    return answer(b"", status, f"Location: {target}")


def on_disk() -> Any:
    return tempfile.TemporaryFile()


def nobody(host: str, _port: int) -> Sequence[str]:
    """Find no name, so that no test asks a real resolver, not even on the day when a guard breaks."""
    raise OSError(f"tests look nothing up, and {host} was")


def engine(*hosts: str, port: int = 0, **changes: Any) -> StaticEngine:
    """Return a static engine that knows *hosts* (on loopback) and looks nothing up; *changes* are of its Rules."""
    place = f"127.0.0.1:{port}" if port else "127.0.0.1"
    rules = Rules(
        **{
            "allow_net": ("127.0.0.0/8",),
            "resolve": tuple(f"{host}={place}" for host in (*hosts, "site.example")),
            "dns": False,
            **changes,
        }
    )
    return StaticEngine(rules, Surroundings(on_disk, lambda: dt.datetime.now(dt.UTC)), look_up=nobody)


class Authority:
    """An authority of the test's own: certificates for names, and the file that makes a client trust it."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def file(self, folder: Path) -> str:
        path = folder / "authority.pem"
        path.write_bytes(self._authority.cert_pem.bytes())
        return str(path)

    def context(self, *names: str, **options: Any) -> ssl.SSLContext:
        """Return the TLS of a server with a certificate for *names*; *options* are trustme's (not_after …)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*(names or ("site.example",)), **options).configure_cert(context)
        return context


def self_signed(name: str, folder: Path) -> ssl.SSLContext:
    """Return the TLS of a server whose certificate vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
