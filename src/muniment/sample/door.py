"""The listening ports of a sample: one for each origin, a thread for each connection, and an end to all of them.

Nothing is sent anywhere but to whoever connected, and only 127.0.0.1 is listened on.
"""

import contextlib
import errno
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Final

from muniment.errors import JobError

__all__ = ["IDLE", "LOOPBACK", "Door"]

LOOPBACK: Final = "127.0.0.1"
IDLE: Final = 30.0
"""Seconds for which a connection may be silent."""

Converse = Callable[[socket.socket, str, threading.Event], None]


class Door:
    """Listens for every host of *contexts* on a port of its own; None in place of a TLS context means plain http.

    *converse* is called in a thread of its own with each connection, once TLS stands, the host, and the event that
    says that the door is closed. With *port* 0 the system chooses the ports, otherwise they are *port*, *port* + 1,
    and so on; raises JobError when one cannot be had.
    """

    def __init__(self, port: int, contexts: Mapping[str, ssl.SSLContext | None], converse: Converse) -> None:
        self._contexts = contexts
        self._converse = converse
        self._shut = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.ports: dict[str, int] = {}
        with contextlib.ExitStack() as undo:
            self._choice = undo.enter_context(selectors.DefaultSelector())
            for number, host in enumerate(contexts):
                listener = undo.enter_context(_listening(port + number if port else 0))
                self.ports[host] = listener.getsockname()[1]
                self._choice.register(listener, selectors.EVENT_READ, (listener, host))
            self._waker, woken = socket.socketpair()
            undo.enter_context(self._waker)
            undo.enter_context(woken)
            self._choice.register(woken, selectors.EVENT_READ)
            self._sockets = undo.pop_all()
        self._accepting = threading.Thread(target=self._accept, name="sample-accept")
        self._accepting.start()

    @property
    def resolve(self) -> tuple[str, ...]:
        """Where each host is, in the words of ``--resolve``."""
        return tuple(f"{host}={LOOPBACK}:{number}" for host, number in self.ports.items())

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
                listener, host = key.data
                with contextlib.suppress(OSError):
                    connection, _peer = listener.accept()
                    thread = threading.Thread(target=self._take, args=(connection, host), name="sample-answer")
                    self._threads = [*(each for each in self._threads if each.is_alive()), thread]
                    thread.start()

    def _take(self, plain: socket.socket, host: str) -> None:
        """Serve one connection until either side ends it; what goes wrong on it concerns nobody else."""
        with contextlib.suppress(OSError), plain:
            plain.settimeout(IDLE)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = self._contexts[host]
            if context is None:
                self._registered(plain, host)
                return
            with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as secured:
                self._registered(secured, host)

    def _registered(self, connection: socket.socket, host: str) -> None:
        with self._lock:
            if self._shut.is_set():
                return
            self._open.add(connection)
        try:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            self._converse(connection, host, self._shut)
            if isinstance(connection, ssl.SSLSocket):
                # close_notify is sent; the peer's is not awaited (RFC 8446, 6.1).
                connection.settimeout(0)
                connection.unwrap()
        finally:
            with self._lock:
                self._open.discard(connection)


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(128)
        listener.settimeout(0)
    except (OSError, OverflowError) as failure:
        listener.close()
        taken = isinstance(failure, OSError) and failure.errno == errno.EADDRINUSE
        why = "another program listens there" if taken else str(failure)
        raise JobError(f"port {port} of {LOOPBACK} cannot be used: {why}; give another --port, or none") from failure
    return listener
