"""The sample on loopback: one listening port for each origin, a thread for each connection, an account of every octet.

Nothing is sent anywhere but to whoever connected, and only 127.0.0.1 is listened on.
"""

import contextlib
import errno
import hashlib
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from muniment import durable
from muniment.errors import FormatError, JobError
from muniment.sample.answer import Asked, Reply, reply
from muniment.sample.authority import Authority, Validity
from muniment.sample.contents import ARTICLE, ORIGINS, PLANTED, Identity, Origin, Planted, expected

__all__ = ["Served", "Site", "serve"]

_LOOPBACK: Final = "127.0.0.1"
_IDLE: Final = 30.0
_HEAD_LIMIT: Final = 65_536
_PIECES: Final = 10  # a dripping body goes out in so many pieces


@dataclass(frozen=True, slots=True)
class Served:
    """One answer as it went out: the octets above TLS, after *request* (the head that was received).

    *interim* is what went before the final answer. *whole* is false when the client left, or the site closed, before
    the end: then the three parts hold what the system had taken over by then.
    """

    host: str
    method: str
    target: str
    status: int
    range: str
    request: bytes
    interim: bytes
    head: bytes
    body: bytes
    whole: bool

    @property
    def size(self) -> int:
        """The length of the final answer, head and body, chunk sizes and all."""
        return len(self.head) + len(self.body)

    @property
    def sha256(self) -> str:
        """The digest, in hexadecimal, of the final answer: head and body as they were on the wire."""
        return hashlib.sha256(self.head + self.body).hexdigest()


class _Account:
    """What was served; whoever asks waits until no answer is on its way."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._served: list[Served] = []

    @contextlib.contextmanager
    def answering(self) -> Iterator[list[Served]]:
        """Hold the account open while an answer is sent; what is put into the list is entered at the end."""
        with self._changed:
            self._under_way += 1
        entered: list[Served] = []
        try:
            yield entered
        finally:
            with self._changed:
                self._served += entered
                self._under_way -= 1
                self._changed.notify_all()

    def settled(self) -> tuple[Served, ...]:
        """Return every entry, oldest first; raise JobError when an answer is not finished within the idle time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._under_way == 0, _IDLE):
                raise JobError("the sample site is still sending an answer that its client does not read")
            return tuple(self._served)


class _Door:
    """Accepts connections on every origin's port until it is shut; then every socket and thread is gone."""

    def __init__(self, port: int, contexts: Mapping[str, ssl.SSLContext], account: _Account) -> None:
        self._contexts = contexts
        self._account = account
        self._shut = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.ports: dict[str, int] = {}
        with contextlib.ExitStack() as undo:
            self._choice = undo.enter_context(selectors.DefaultSelector())
            for number, origin in enumerate(ORIGINS):
                listener = undo.enter_context(_listening(port + number if port else 0))
                self.ports[origin.host] = listener.getsockname()[1]
                self._choice.register(listener, selectors.EVENT_READ, (listener, origin))
            self._waker, woken = socket.socketpair()
            undo.enter_context(self._waker)
            undo.enter_context(woken)
            self._choice.register(woken, selectors.EVENT_READ)
            self._sockets = undo.pop_all()
        self._accepting = threading.Thread(target=self._accept, name="sample-accept")
        self._accepting.start()

    def close(self) -> None:
        """Stop listening, break every connection, wait for every thread."""
        self._shut.set()
        self._waker.send(b".")
        self._accepting.join()
        self._sockets.close()
        with self._lock:
            for connection in self._open:
                # SSLSocket.shutdown would take the TLS state from under the thread that reads; the plain one does not.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._shut.is_set():
            for key, _events in self._choice.select():
                if key.data is None:
                    return
                listener, origin = key.data
                with contextlib.suppress(OSError):
                    connection, _peer = listener.accept()
                    thread = threading.Thread(target=self._converse, args=(connection, origin), name="sample-answer")
                    self._threads = [*(each for each in self._threads if each.is_alive()), thread]
                    thread.start()

    def _converse(self, plain: socket.socket, origin: Origin) -> None:
        """Answer one connection until either side ends it; what goes wrong on it concerns nobody else."""
        with contextlib.suppress(OSError), plain:
            plain.settimeout(_IDLE)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = self._contexts.get(origin.host)
            if context is None:
                self._registered(plain, origin)
                return
            with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as secured:
                self._registered(secured, origin)

    def _registered(self, connection: socket.socket, origin: Origin) -> None:
        with self._lock:
            if self._shut.is_set():
                return
            self._open.add(connection)
        try:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            self._answers(connection, origin)
            if isinstance(connection, ssl.SSLSocket):
                # close_notify is sent; the peer's is not awaited (RFC 8446, 6.1).
                connection.settimeout(0)
                connection.unwrap()
        finally:
            with self._lock:
                self._open.discard(connection)

    def _answers(self, connection: socket.socket, origin: Origin) -> None:
        rest = b""
        while not self._shut.is_set():
            head, rest = _request_head(connection, rest)
            if not head:
                return
            with self._account.answering() as entered:
                try:
                    asked = Asked.parse(head)
                except FormatError:
                    asked = None
                answer = reply(asked, origin.host, datetime.now(UTC))
                sent = self._send(connection, answer)
                entered.append(_entry(origin.host, head, asked, answer, sent))
            whole = sent == len(answer.interim) + len(answer.head) + len(answer.body)
            if not whole or asked is None or asked.last or answer.status in (405, 421):
                return

    def _send(self, connection: socket.socket, answer: Reply) -> int:
        """Send *answer* and return how many of its octets the system took."""
        start = answer.interim + answer.head
        if not answer.drip:
            return _taken(connection, start + answer.body)
        sent = _taken(connection, start)
        step = -(-len(answer.body) // _PIECES) or 1
        for offset in range(0, len(answer.body), step):
            if sent < len(start) + offset or self._shut.wait(answer.drip / _PIECES):
                break
            sent += _taken(connection, answer.body[offset : offset + step])
        return sent


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOOPBACK, port))
        listener.listen(128)
        listener.settimeout(0)
    except (OSError, OverflowError) as failure:
        listener.close()
        taken = isinstance(failure, OSError) and failure.errno == errno.EADDRINUSE
        why = "another program listens there" if taken else str(failure)
        raise JobError(f"port {port} of {_LOOPBACK} cannot be used: {why}; give another --port, or none") from failure
    return listener


def _request_head(connection: socket.socket, rest: bytes) -> tuple[bytes, bytes]:
    """Return the next request's head and what came after it; an empty head when the client is done."""
    while (end := rest.find(b"\r\n\r\n")) < 0:
        if len(rest) > _HEAD_LIMIT:
            return rest, b""
        received = connection.recv(65_536)
        if not received:
            return b"", b""
        rest += received
    return rest[: end + 4], rest[end + 4 :]


def _taken(connection: socket.socket, octets: bytes) -> int:
    view = memoryview(octets)
    sent = 0
    with contextlib.suppress(OSError):
        while sent < len(view):
            sent += connection.send(view[sent : sent + 65_536])
    return sent


def _entry(host: str, head: bytes, asked: Asked | None, answer: Reply, sent: int) -> Served:
    interim, start = len(answer.interim), len(answer.interim) + len(answer.head)
    return Served(
        host=host,
        method=asked.method if asked else "",
        target=asked.target if asked else "",
        status=answer.status,
        range=asked.field("range") if asked else "",
        request=head,
        interim=answer.interim[:sent],
        head=answer.head[: max(0, sent - interim)],
        body=answer.body[: max(0, sent - start)],
        whole=sent == start + len(answer.body),
    )


@dataclass(frozen=True, slots=True)
class Site:
    """The sample while it is served: where it is, how to reach it, what is wrong with it on purpose.

    *resolve* is what ``--resolve`` takes, *ca_file* what ``--ca-file`` takes. *planted* is exactly what a correct
    capture with ``--cited 1`` reports as not got or not verified; *expected_urls* what it asks for, with each role.
    """

    url: str
    ca_file: Path
    resolve: tuple[str, ...]
    planted: tuple[Planted, ...]
    expected_urls: Mapping[str, str]
    _account: _Account

    def served(self) -> tuple[Served, ...]:
        """Return an entry for every answer, oldest first; waits for those that are on their way."""
        return self._account.settled()


@contextlib.contextmanager
def serve(folder: Path, *, port: int = 0) -> Iterator[Site]:
    """Serve the sample on 127.0.0.1 until the block ends; the root certificate is written to *folder*/ca.pem.

    With *port* 0 the system chooses a port for each origin, otherwise they are *port*, *port* + 1, and so on. Every
    start makes a new authority. Raises JobError when a port cannot be had, StoreError when *folder* cannot be written.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    durable.folder(folder)
    authority = Authority(now)
    contexts = {}
    for origin in ORIGINS:
        if origin.identity is not Identity.NONE:
            valid = Validity.past(now) if origin.identity is Identity.EXPIRED else Validity.present(now)
            contexts[origin.host] = authority.context(origin.host, valid, folder)
    ca_file = folder / "ca.pem"
    durable.replace(ca_file, authority.root_pem)
    account = _Account()
    door = _Door(port, contexts, account)
    try:
        resolve = tuple(f"{host}={_LOOPBACK}:{number}" for host, number in door.ports.items())
        yield Site(ARTICLE, ca_file, resolve, PLANTED, expected(), account)
    finally:
        door.close()
