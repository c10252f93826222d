"""How a connection comes to stand: name, checked address, socket, TLS verified or, flagged, not; each step bounded."""

import itertools
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO, Final

from muniment.errors import FetchError
from muniment.fetch import tls_peer
from muniment.fetch.address import Answer, Guard
from muniment.fetch.channel import Channel, Waiting, connect
from muniment.fetch.handshake import Secrets, kept
from muniment.model import Connection, Reason
from muniment.rules import Rules

__all__ = ["DialError", "Dialer", "Line", "Place", "Stopwatch", "Surroundings"]

# What may come during a handshake that is worth a second, unverified attempt: the peer broke it off.
_BROKEN_OFF: Final = Reason.TRUNCATED_DISCONNECT


def _numbered() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"c{next(numbers)}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What comes in from outside: files on disk for bodies beyond 1 MiB, the two clocks, the names of connections.

    ``room`` is called before each piece of an answer is received, with the monotonic second by which that must have
    ended; it returns when there is room for the piece, or raises FetchError.
    """

    spool: Callable[[], BinaryIO]
    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    room: Callable[[float], None] = lambda _: None
    connection_id: Callable[[], str] = field(default_factory=_numbered)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL points: ``scheme`` is http or https, ``host`` a name or an address, ``port`` a number."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Line:
    """A connection that stands, and what is known of it; ``verified`` also where there is no TLS to verify."""

    place: Place
    verified: bool
    channel: Channel
    connection: Connection


class DialError(FetchError):
    """No connection came to stand; ``connection`` says what was seen of the peer, None where nothing was."""

    def __init__(self, failure: FetchError, connection: Connection | None) -> None:
        super().__init__(failure.reason, failure.detail)
        self.connection = connection


class Stopwatch:
    """The moments of one exchange, in microseconds since its start, by a clock that never runs backwards."""

    __slots__ = ("_begun", "_monotonic", "times")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._begun = monotonic()
        self.times: dict[str, int] = {}

    def mark(self, moment: str) -> None:
        """Note that *moment* is now; noted again, the later one stays."""
        self.times[moment] = round((self._monotonic() - self._begun) * 1_000_000)


class Dialer:
    """Makes connections by the rules of one capture; keeps none of them, but their TLS secrets until it is closed."""

    def __init__(self, rules: Rules, guard: Guard, around: Surroundings, waiting: Waiting) -> None:
        self._idle = rules.limits.idle_timeout
        self._strict = rules.tls == "strict"
        self._guard = guard
        self._around = around
        self._waiting = waiting
        self.policy = tls_peer.Policy(rules.ca_files)
        self._secrets = Secrets(around.spool)
        for context in (self.policy.verified, self.policy.unverified):
            self._secrets.listen(context)

    def close(self) -> None:
        """Forget the secrets of every connection that was made."""
        self._secrets.close()

    def open(self, place: Place, until: float, watch: Stopwatch) -> Line:
        """Return a connection to *place* that stands by the monotonic *until*.

        A TLS peer that cannot be verified is connected to again, unverified, with the reason in the connection and
        the chain of the first attempt where the second differs. Raises DialError.
        """
        channel, connection = self._reach(place, until, watch)
        if place.scheme != "https":
            return Line(place, True, channel, connection)  # noqa: FBT003 - a field of a frozen value
        try:
            channel.secure(self.policy.verified, place.host, self._soon(until))
        except (ssl.SSLError, FetchError) as failure:
            shown = tls_peer.chain(channel.tls)
            channel.close()
            word, sentence = _judged(failure, connection)
            evidence = kept(channel.handshake, self._secrets)
            connection = replace(connection, tls=word, tls_detail=sentence, chain=shown, evidence=evidence)
        else:
            watch.mark("tls")
            return Line(place, True, channel, self._described(replace(connection, tls="ok"), channel))  # noqa: FBT003
        if self._strict:
            refusal = f"{sentence}; and unverified peers are refused (--tls strict)"
            raise DialError(FetchError(Reason.TLS_HANDSHAKE, refusal), connection)
        return self._open_unverified(place, until, watch, connection)

    def _open_unverified(self, place: Place, until: float, watch: Stopwatch, first: Connection) -> Line:
        try:
            channel, connection = self._reach(place, until, watch)
        except DialError as failure:
            raise DialError(failure, first) from None
        try:
            channel.secure(self.policy.unverified, place.host, self._soon(until))
        except (ssl.SSLError, FetchError) as failure:
            channel.close()
            why = failure.detail if isinstance(failure, FetchError) else tls_peer.reason_of(failure)[1]
            reason = _reason(failure)
            detail = f"no TLS connection: {first.tls_detail}; and without verification: {why}"
            raise DialError(FetchError(reason, detail), first) from None
        watch.mark("tls")
        word = tls_peer.named(first.tls, channel.tls) if channel.tls else first.tls
        described = self._described(replace(connection, tls=word, tls_detail=first.tls_detail), channel)
        refused = first.chain if first.chain != described.chain else ()
        return Line(place, False, channel, replace(described, refused=refused))  # noqa: FBT003

    def _reach(self, place: Place, until: float, watch: Stopwatch) -> tuple[Channel, Connection]:
        """Look the place up, check every address, and connect to the first that answers."""
        try:
            answer = self._guard.answer(place.host, place.port, self._soon(until))
            watch.mark("dns")
            channel, address = self._first(answer, until)
        except FetchError as failure:
            raise DialError(failure, None) from None
        watch.mark("connect")
        around = self._around
        opened = around.now()
        connection = Connection(around.connection_id(), place.host, address[0], address[1], opened, answer.look)
        return channel, connection

    def _first(self, answer: Answer, until: float) -> tuple[Channel, tuple[str, int]]:
        failures: list[FetchError] = []
        for address in answer.addresses:
            try:
                return Channel(connect(address, self._waiting, self._soon(until)), self._waiting), address
            except FetchError as failure:
                failures.append(failure)
                if failure.reason == Reason.INTERRUPTED or self._around.monotonic() >= until:
                    break
        raise FetchError(failures[-1].reason, "; ".join(failure.detail for failure in failures))

    def _described(self, connection: Connection, channel: Channel) -> Connection:
        tls = channel.tls
        if tls is None:
            return connection
        cipher = tls.cipher()
        return replace(
            connection,
            tls_version=tls_peer.version(tls),
            cipher=cipher[0] if cipher else "",
            alpn=tls.selected_alpn_protocol() or "",
            chain=tls_peer.chain(tls),
            evidence=kept(channel.handshake, self._secrets),
        )

    def _soon(self, until: float) -> float:
        return min(until, self._around.monotonic() + self._idle)


def _judged(failure: ssl.SSLError | FetchError, connection: Connection) -> tuple[str, str]:
    """Return the word and the sentence for a failed handshake; raise where a second one would fail as well."""
    if isinstance(failure, ssl.SSLError):
        return tls_peer.reason_of(failure)
    if failure.reason == _BROKEN_OFF:
        return "other", f"the server broke the TLS handshake off: {failure.detail}"
    detail = f"the TLS handshake did not end: {failure.detail}"
    raise DialError(FetchError(failure.reason, detail), connection) from None


def _reason(failure: ssl.SSLError | FetchError) -> str:
    if isinstance(failure, FetchError) and failure.reason != _BROKEN_OFF:
        return failure.reason
    return Reason.TLS_HANDSHAKE
