"""Does this browser write its TLS keys?  A build or a policy may forbid it, and then nothing could be read later."""

import datetime as dt
import ipaddress
import socket
import ssl
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from muniment.errors import FetchError
from muniment.fetch.browser.devtools import CommandError, DevTools
from muniment.fetch.browser.sessions import Sessions

__all__ = ["KeyLog", "try_key_log"]

_PATIENCE: Final = 15.0
_WRITTEN: Final = 5.0
"""Seconds for the keys to reach the disk; they were seen to come 47 ms late."""
_LABELS: Final = (b"CLIENT_HANDSHAKE_TRAFFIC_SECRET", b"SERVER_HANDSHAKE_TRAFFIC_SECRET")  # RFC 9850 section 2
_HELLO: Final = 43
"""RFC 8446 5.1, 4, 4.1.2: 5 octets of record, 4 of handshake, 2 of version, then the 32 of the random."""


@dataclass(frozen=True, slots=True)
class KeyLog:
    """Whether the keys of one connection to ourselves were written, and in words what was seen."""

    written: bool
    words: str


def try_key_log(devtools: DevTools, sessions: Sessions, path: Path, folder: Path) -> KeyLog:
    """Let the browser connect to a TLS server of ours on loopback, past any proxy, and look for the keys in *path*.

    *folder* is private; a certificate lies there for a moment. Nobody vouches for it: a browser that takes it checks
    none, and that is told as well.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(dir=folder) as certificate:  # the ssl module reads certificates from files only
        certificate.write(_self_made())
        certificate.flush()
        context.load_cert_chain(certificate.name)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        randoms: list[bytes] = []
        listening.settimeout(_PATIENCE)
        serving = threading.Thread(target=_serve, args=(listening, context, randoms), name="key-log", daemon=True)
        serving.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        error = _visit(devtools, sessions, url)
        listening.shutdown(socket.SHUT_RDWR)  # ends accept(2)
    serving.join(_PATIENCE)
    if not randoms:
        return KeyLog(
            written=False, words=f"the browser did not reach the test on loopback: {error or 'no connection'}"
        )
    if not error.startswith("net::ERR_CERT_"):
        said = error or "it took the page"
        return KeyLog(written=False, words=f"the browser did not refuse a certificate that nobody vouches for: {said}")
    wanted = [b"%s %s " % (label, each.hex().encode()) for each in randoms for label in _LABELS]
    if devtools.until(lambda: _holds(path, wanted), _WRITTEN):
        return KeyLog(written=True, words="the keys of a connection to ourselves were written")
    if not path.exists():
        return KeyLog(written=False, words="the browser writes no key log: its build or a policy does not allow it")
    return KeyLog(written=False, words="the key log does not hold the keys of a connection to ourselves")


def _visit(devtools: DevTools, sessions: Sessions, url: str) -> str:
    with sessions.spare(proxy="direct://") as session:
        try:
            answer = devtools.ask("Page.navigate", {"url": url}, session=session, seconds=_PATIENCE)
        except CommandError as refused:
            return refused.text
        except FetchError as failure:
            devtools.ask("Browser.getVersion", seconds=_PATIENCE)  # raises where the browser is gone
            return failure.detail
        return str(answer.get("errorText", ""))


def _serve(listening: socket.socket, context: ssl.SSLContext, randoms: list[bytes]) -> None:
    try:
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(_PATIENCE)
                hello = connection.recv(_HELLO, socket.MSG_PEEK | socket.MSG_WAITALL)
                randoms.append(hello[_HELLO - 32 :])
                _shake(connection, context)
    except OSError:
        return  # the test is over


def _shake(connection: socket.socket, context: ssl.SSLContext) -> None:
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1 << 16)
    except OSError:
        return  # the client refused us: what is hoped for


def _holds(path: Path, lines: list[bytes]) -> bool:
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return False
    return any(all(line in found for line in pair) for pair in zip(lines[::2], lines[1::2], strict=True))


def _self_made() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "muniment key log test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)
