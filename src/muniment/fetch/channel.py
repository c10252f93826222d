"""One connected socket and, where asked for, TLS above it: octets in, octets out, every wait bounded.

TLS runs over memory buffers (``ssl.MemoryBIO``), so that all ciphertext passes ``_flush`` and ``_fill`` here, where the
handshake's is teed; and because a handshake then keeps the same deadline as everything else.
"""

import contextlib
import errno
import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from muniment.errors import FetchError
from muniment.fetch.handshake import Tee
from muniment.model import Reason
from muniment.tls.session import Side

__all__ = ["Channel", "Waiting", "connect"]

PIECE: Final = 64 << 10
_MOMENT: Final = 0.05
_READ: Final = select.POLLIN | select.POLLPRI


@dataclass(frozen=True, slots=True)
class Waiting:
    """How waits are bounded: the monotonic clock, and a descriptor that becomes readable when all shall end."""

    monotonic: Callable[[], float]
    halt: int

    def until(self, descriptor: int, event: int, until: float) -> None:
        """Return when *event* may be so on *descriptor*; FetchError when *until* came first, or the end of all."""
        poll = select.poll()
        poll.register(descriptor, event)
        poll.register(self.halt, select.POLLIN)
        while True:
            left = until - self.monotonic()
            if left <= 0:
                raise FetchError(Reason.TIMEOUT, "nothing came in time")
            ready = poll.poll(min(left, 3600) * 1000 + 1)
            if any(found == self.halt for found, _ in ready):
                raise FetchError(Reason.INTERRUPTED, "the capture was interrupted")
            if ready:
                return


def connect(address: tuple[str, int], waiting: Waiting, until: float) -> socket.socket:
    """Return a socket connected to exactly *address* (IP and port); FetchError saying why there is none."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    shown = f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    except OSError as failure:
        raise _unconnected(failure.errno or 0, shown) from None
    sock.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        code = sock.connect_ex(address)
        if code in {errno.EINPROGRESS, errno.EAGAIN}:
            waiting.until(sock.fileno(), select.POLLOUT, until)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except FetchError as failure:
        sock.close()
        raise FetchError(failure.reason, f"no connection to {shown}: {failure.detail}") from None
    if code:
        sock.close()
        raise _unconnected(code, shown)
    return sock


def _unconnected(code: int, shown: str) -> FetchError:
    if code == errno.ECONNREFUSED:
        return FetchError(Reason.REFUSED, f"{shown} refused the connection: nothing listens there")
    if code in {errno.ECONNRESET, errno.ECONNABORTED}:
        return FetchError(Reason.REFUSED, f"{shown} took the connection and reset it at once")
    if code == errno.ETIMEDOUT:
        return FetchError(Reason.TIMEOUT, f"no connection to {shown}: it did not answer")
    name = errno.errorcode.get(code, "an unknown failure")
    return FetchError(Reason.UNREACHABLE, f"no connection to {shown}: it cannot be reached from here ({name})")


class Channel:
    """Octets to and from one peer.

    ``tls`` is the TLS of the standard library once ``secure`` was begun, ``handshake`` what crossed until that ended.
    """

    def __init__(self, sock: socket.socket, waiting: Waiting) -> None:
        self._socket = sock
        self._waiting = waiting
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ended = False
        self._tee: Tee | None = None
        self.tls: ssl.SSLObject | None = None
        self.handshake: Tee | None = None

    def secure(self, context: ssl.SSLContext, host: str, until: float) -> None:
        """Make the TLS handshake for *host*.

        Raises ssl.SSLError as it comes (the caller knows what a refused certificate means), FetchError where the
        connection breaks, *until* passes, or no certificate could name *host*.
        """
        try:
            # RFC 6066 3: the name in the handshake has no dot at its end.
            self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host.removesuffix("."))
        except ValueError as failure:
            raise FetchError(Reason.MALFORMED_URL, f"no certificate can be for {host[:255]}: {failure}") from None
        self._tee = self.handshake = Tee()
        try:
            self._shake(self.tls, until)
        finally:
            self._tee = None

    def _shake(self, tls: ssl.SSLObject, until: float) -> None:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(until)
                self._fill(until)
            except ssl.SSLError:
                with contextlib.suppress(FetchError):
                    self._flush(until)  # the alert that tells the peer why
                raise
            else:
                self._flush(until)
                return

    def send(self, octets: bytes, until: float) -> None:
        """Send all *octets*; FetchError where the peer closes or *until* passes."""
        if self.tls is None:
            self._send(octets, until)
            return
        view = memoryview(octets)
        while view:
            try:
                view = view[self.tls.write(view) :]
            except ssl.SSLWantReadError:
                self._flush(until)
                self._fill(until)
            except ssl.SSLError as failure:
                raise _broken(failure) from failure
        self._flush(until)

    def receive(self, until: float) -> bytes:
        """Return the next octets, or none at a proper end.

        Raises FetchError: ``timeout``, ``interrupted``, or ``truncated-disconnect`` where the connection was reset,
        or TLS ended without a close_notify alert (RFC 9112 9.8: what ends so is incomplete).
        """
        if self.tls is None:
            return self._receive(until)
        while True:
            try:
                return self.tls.read(PIECE)
            except ssl.SSLWantReadError:
                self._flush(until)
                self._fill(until)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError as failure:
                raise FetchError(
                    Reason.TRUNCATED_DISCONNECT, "the connection was closed without the end that TLS asks for"
                ) from failure
            except ssl.SSLError as failure:
                raise _broken(failure) from failure

    @property
    def quiet(self) -> bool:
        """Whether the peer has neither closed nor sent anything: only then another request may be sent here."""
        if self._ended or self._incoming.pending or (self.tls and self.tls.pending()):
            return False
        poll = select.poll()
        poll.register(self._socket, _READ)
        return not poll.poll(0)

    def waiting(self) -> bytes:
        """Return what the peer has sent unasked by now, or none; waits at most a moment for the rest of a record."""
        if self.quiet:
            return b""
        try:
            return self.receive(self._waiting.monotonic() + _MOMENT)
        except FetchError:
            return b""

    def close(self) -> None:
        """Close at once, saying so to a TLS peer where that needs no wait."""
        if self.tls is not None:
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            with contextlib.suppress(OSError):
                self._socket.send(self._outgoing.read())
        self._socket.close()

    def _flush(self, until: float) -> None:
        if self._outgoing.pending:
            octets = self._outgoing.read()
            if self._tee is not None:
                self._tee.take(Side.CLIENT, octets)
            self._send(octets, until)

    def _fill(self, until: float) -> None:
        if self._ended:
            self._incoming.write_eof()
            return
        octets = self._receive(until)
        if octets:
            if self._tee is not None:
                self._tee.take(Side.SERVER, octets)
            self._incoming.write(octets)
        else:
            self._ended = True
            self._incoming.write_eof()

    def _send(self, octets: bytes, until: float) -> None:
        view = memoryview(octets)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._waiting.until(self._socket.fileno(), select.POLLOUT, until)
            except OSError as failure:
                raise _broken(failure) from failure

    def _receive(self, until: float) -> bytes:
        while True:
            self._waiting.until(self._socket.fileno(), _READ, until)
            try:
                return self._socket.recv(PIECE)
            except BlockingIOError:
                continue
            except OSError as failure:
                raise _broken(failure) from failure


def _broken(failure: OSError) -> FetchError:
    if isinstance(failure, ssl.SSLError):
        return FetchError(Reason.TRUNCATED_DISCONNECT, f"TLS broke off: {failure.reason or failure.strerror}")
    name = errno.errorcode.get(failure.errno or 0, "an unknown failure")
    words = {"ECONNRESET": "the server reset the connection", "EPIPE": "the server closed the connection"}
    return FetchError(Reason.TRUNCATED_DISCONNECT, words.get(name, f"the connection broke: {name}"))
