"""The blind tunnel: relays the connections of a browser or a helper octet by octet, and spools both directions.

It listens on a port of its own on loopback and speaks SOCKS5 and HTTP CONNECT. TLS stays between the client and the
site; nothing is decrypted, changed or answered here, for plain http either. Every address is judged by the rules of the
capture and connected to as it was judged. What is refused, fails or is cut is told, never silent.

Not promised: that the client goes no other way. Whoever starts the client sees to that.
"""

import contextlib
import math
import os
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from muniment import canonical
from muniment.errors import FetchError, FormatError, StoreError
from muniment.fetch import greeting
from muniment.fetch.address import Guard
from muniment.fetch.allowance import Allowance
from muniment.fetch.channel import Waiting, connect
from muniment.fetch.dial import Surroundings
from muniment.fetch.own_user import is_own
from muniment.fetch.politeness import Gate
from muniment.fetch.spooled import FrameKind, frame
from muniment.model import Look, Reason
from muniment.rules import Rules

__all__ = ["Refusal", "Tunnel"]

_PIECE: Final = 256 << 10
_MOST: Final = 256
"""Connections at a time; a browser holds at most six to one host."""
_GREETING: Final = 30.0
_ENDED: Final = (FrameKind.CLIENT_ENDED, FrameKind.SERVER_ENDED)
_OCTETS: Final = (FrameKind.CLIENT, FrameKind.SERVER)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A connection that a client asked for and did not get: whither, when, and why."""

    host: str
    port: int
    at: datetime
    reason: Reason
    detail: str


class Tunnel:
    """Takes connections from programs of our own user, as long as it is open; a thread for each direction of each.

    *spool* opens a new file for the connection that it is given the id of; *refused* is told of each connection that
    does not come to stand. A connection is cut where *allowance* is spent, at the monotonic second *ends*, or by
    ``close``; the spool says so. Nobody is connected to the hosts in ``shut``. ``failure`` is what the disk refused,
    after which nothing is relayed any more.
    """

    def __init__(
        self,
        rules: Rules,
        around: Surroundings,
        spool: Callable[[str], BinaryIO],
        refused: Callable[[Refusal], None],
        *,
        ends: float,
    ) -> None:
        self.failure: StoreError | None = None
        self.allowance = Allowance(rules.limits.max_bytes)
        self.shut: frozenset[str] = frozenset()
        self._around = around
        self._spool = spool
        self._refused = refused
        self._ends = ends
        self._idle = rules.limits.idle_timeout
        self._guard = Guard(rules, monotonic=around.monotonic)
        self._gate = Gate(rules.limits, around.monotonic)
        self._halted, self._halt = os.pipe()
        self._waiting = Waiting(around.monotonic, self._halted)
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._running = 0
        self._moved = 0.0
        self._closed = False
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=_MOST)
        self._accepting = threading.Thread(target=self._accept, name="tunnel", daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 at which clients are taken."""
        return int(self._listening.getsockname()[1])

    def drained(self, seconds: float, quiet: float = math.inf) -> bool:
        """Wait until no connection stands, and say whether that is so: every octet is spooled then.

        For clients that have ended: at most *seconds*, and no longer than nothing has come for *quiet* seconds, for a
        server may hold its side of a connection for ever.
        """
        monotonic = self._around.monotonic
        ends, self._moved = monotonic() + seconds, monotonic()
        with self._changed:
            while self._running and (left := min(ends, self._moved + quiet) - monotonic()) > 0:
                self._changed.wait(left)
            return not self._running

    def close(self) -> None:
        """Take nobody any more and cut what stands; returns when every spool is whole."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            open_now = list(self._open)
        self._guard.stop()
        self._gate.stop()
        os.write(self._halt, b"!")
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # ends accept(2)
        for each in open_now:
            _shut(each)
        self._accepting.join()
        with self._changed:
            self._changed.wait_for(lambda: not self._running)
        self._listening.close()
        os.close(self._halted)
        os.close(self._halt)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with self._changed:
                if self._closed or self._running >= _MOST:
                    client.close()
                    continue
                self._running += 1
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), name="tunnel-client", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            # Looked at here and not before accepting: the entry of a connection exists from its first packet on.
            if is_own(client):
                client.settimeout(_GREETING)
                self._introduce(client)
        except (OSError, FormatError):
            pass  # a client that asks for nothing gets nothing: there is no URL that could be missing
        finally:
            with self._changed:
                self._open.discard(client)
                self._running -= 1
                self._changed.notify_all()
            client.close()

    def _introduce(self, client: socket.socket) -> None:
        reader = greeting.Reader()
        asked = None
        while asked is None:
            octets = client.recv(4096)
            if not octets:
                return
            asked, answer = reader.feed(octets)
            client.sendall(answer)
        try:
            server, facts = self._reach(asked)
        except FetchError as failure:
            reason = Reason(failure.reason)
            self._refused(Refusal(asked.host, asked.port, self._around.now(), reason, failure.detail))
            client.sendall(greeting.refused(asked.protocol, reason))
            return
        with server:
            with self._changed:
                if self._closed:
                    return
                self._open.add(server)
            try:
                self._carry(client, server, facts, asked, reader.rest)
            finally:
                with self._changed:
                    self._open.discard(server)

    def _reach(self, asked: greeting.Asked) -> tuple[socket.socket, "_Facts"]:
        """Connect to where *asked* leads by the rules of the capture; FetchError where nobody may or can."""
        if self.failure is not None:
            raise FetchError(Reason.INTERRUPTED, f"nothing is relayed any more: {self.failure}")
        if asked.host.lower().rstrip(".") in self.shut:
            raise FetchError(Reason.OUT_OF_SCOPE, f"{asked.host} serves the browser itself and is not connected to")
        if self.allowance.spent:
            raise FetchError(Reason.LIMIT_BYTES, "the capture has received as much as it may")
        until = min(self._ends, self._around.monotonic() + self._idle)
        # A turn ends when the connection stands: browsers keep connections, and hold no more than six to a host.
        with self._gate.turn(asked.host, until):
            answer = self._guard.answer(asked.host, asked.port, until)
            failures: list[FetchError] = []
            for address in answer.addresses:
                try:
                    server = connect(address, self._waiting, until)
                except FetchError as failure:
                    failures.append(failure)
                else:
                    return server, _Facts(self._around.connection_id(), asked, address, answer.look)
        raise FetchError(failures[-1].reason, "; ".join(failure.detail for failure in failures))

    def _carry(
        self, client: socket.socket, server: socket.socket, facts: "_Facts", asked: greeting.Asked, first: bytes
    ) -> None:
        try:
            with self._spool(facts.id) as file:
                spooling = _Spooling(file, self._around.now)
                spooling.write(FrameKind.OPENED, facts.encoded(self._around.now()))
                for each in (client, server):
                    each.settimeout(None)
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if first:
                    spooling.write(FrameKind.CLIENT, first)
                    server.sendall(first)
                client.sendall(greeting.accepted(asked.protocol))
                there = threading.Thread(target=self._pump, args=(client, server, spooling, 0), daemon=True)
                there.start()
                try:
                    self._pump(server, client, spooling, 1)
                finally:
                    there.join()
        except StoreError as failure:
            self._give_up(failure)
        except OSError:
            pass  # one of the two left before the other knew that the connection stood

    def _pump(self, source: socket.socket, sink: socket.socket, spooling: "_Spooling", side: int) -> None:
        """Carry one direction to its end; octets are on their way to the disk before they are passed on."""
        held = memoryview(bytearray(_PIECE))
        cut = ""
        try:
            while octets := self._received(source, held, side):
                spooling.write(_OCTETS[side], octets)
                _pass_on(octets, sink)
        except FetchError as bound:
            cut = f"cut: {bound.reason}"
        except StoreError as failure:
            self._give_up(failure)
        except OSError as failure:
            cut = f"broken: {failure.strerror or failure}"
        # What looks like an end may be our own doing: of the other direction, of `close`, or of a disk that refused.
        cut = spooling.cut = spooling.cut or cut or self._cut()
        with contextlib.suppress(StoreError):
            spooling.write(_ENDED[side], (cut or "end").encode())
        if cut:
            _shut(source)
            _shut(sink)
        else:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    def _cut(self) -> str:
        if self.failure is not None:
            return "cut: the disk"
        return f"cut: {Reason.INTERRUPTED}" if self._closed else ""

    def _received(self, source: socket.socket, held: memoryview, side: int) -> memoryview:
        """Return the next octets of *source*, none at its end; FetchError where a bound of the capture is met."""
        if side:
            self._around.room(self._ends)
        self._waiting.until(source.fileno(), select.POLLIN, self._ends)
        octets = held[: source.recv_into(held)]
        self._moved = self._around.monotonic()
        if side and octets:
            octets = octets[: self.allowance.grant(len(octets))]
            if not octets:
                raise FetchError(Reason.LIMIT_BYTES, "the capture has received as much as it may")
        return octets

    def _give_up(self, failure: StoreError) -> None:
        with self._changed:
            self.failure = self.failure or failure
            open_now = list(self._open)
        for each in open_now:
            _shut(each)


@dataclass(frozen=True, slots=True)
class _Facts:
    """Whom a connection reached, and how the address was found."""

    id: str
    asked: greeting.Asked
    address: tuple[str, int]
    look: Look | None

    def encoded(self, opened: datetime) -> bytes:
        said: dict[str, object] = {
            "v": 1,
            "id": self.id,
            "host": self.asked.host,
            "port": self.asked.port,
            "address": self.address[0],
            "address_port": self.address[1],
            "opened": _microseconds(opened),
        }
        if self.look is not None:
            said["look"] = {
                "name": self.look.name,
                "means": self.look.means,
                "answers": list(self.look.answers),
                "microseconds": self.look.microseconds,
            }
        return canonical.encode(said)


class _Spooling:
    """The spool of one connection, written by the threads of both directions, a whole frame at a time.

    ``cut`` says why neither direction comes to its own end any more.
    """

    def __init__(self, file: BinaryIO, now: Callable[[], datetime]) -> None:
        self.cut = ""
        self._file = file
        self._now = now
        self._lock = threading.Lock()

    def write(self, kind: FrameKind, octets: bytes | memoryview) -> None:
        view = memoryview(frame(kind, _microseconds(self._now()), octets))
        try:
            with self._lock:
                while view:
                    view = view[self._file.write(view) :]
        except OSError as failure:
            raise StoreError.of("the spool of a connection", "be written", failure) from failure


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _pass_on(octets: memoryview, sink: socket.socket) -> None:
    try:
        sink.sendall(octets)
    except OSError:
        raise FetchError(Reason.TRUNCATED_DISCONNECT, "the other side is gone") from None


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
