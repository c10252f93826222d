"""One TLS connection decoded from outside: ciphertext of both directions and a key log in, plaintext and facts out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from muniment.errors import FormatError, IntegrityError
from muniment.tls.handshake import Message
from muniment.tls.keylog import KeyLog, Label
from muniment.tls.opening import Opening
from muniment.tls.record import MAX_CONTENT, ContentType, Record
from muniment.tls.session import TLS12, TLS13, Half, Handshake, Phase, Session, Side, version_name
from muniment.tls.suites import Exchange, Suite
from muniment.tls.tls12 import Tls12
from muniment.tls.tls13 import Tls13

__all__ = ["Close", "Connection", "Fault", "Flight", "Plaintext", "Progress", "Reason"]

_CLOSE_NOTIFY: Final = 0
_FATAL: Final = 2


class Reason(StrEnum):
    """Why a direction cannot be decoded any further."""

    MALFORMED = "malformed"
    WRONG_KEY = "wrong-key"
    DAMAGED = "damaged"
    UNKNOWN_SUITE = "unknown-suite"
    UNKNOWN_VERSION = "unknown-version"


class Close(StrEnum):
    """How a direction ended: ``CUT`` is an end without the close_notify that RFC 8446 6.1 asks for."""

    OPEN = "open"
    NOTIFIED = "notified"
    ALERT = "alert"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Fault:
    """What stopped the decoding of a direction, in the words of a FormatError."""

    reason: Reason
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Plaintext:
    """Application data of one record; ``end`` is the position in that direction's ciphertext just after the record."""

    side: Side
    content: bytes
    end: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one direction has come.

    ``position`` counts the octets of ciphertext that were taken in, ``consumed`` those that were decoded. ``waiting``
    is what the next record waits for: a line of the key log by its label, or a message of the other side. At the end
    of a connection that label is the missing key. ``alert`` is the description (RFC 8446 6) of a fatal alert.
    """

    position: int
    consumed: int
    waiting: Label | Message | None
    close: Close
    alert: int | None
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Flight:
    """The part of a handshake in which the server signs.

    ``greeting`` are the messages in the clear, from the ClientHello to the ServerHello (TLS 1.3), to the
    ServerHelloDone, or the hellos alone where a TLS 1.2 session is resumed. ``protected`` are the server's records from
    there to its Finished, ``secret`` is what opens them (both empty in TLS 1.2). ``messages`` are all of them, opened.
    """

    greeting: bytes
    protected: bytes
    secret: bytes
    messages: tuple[bytes, ...]
    suite: Suite


class _Rules(Protocol):
    def wanted(self, half: Half, record: Record) -> Label | Message | None: ...

    def opened(self, half: Half, record: Record) -> tuple[ContentType, bytes] | None: ...

    def message(self, half: Half, message: bytes) -> None: ...


@dataclass(slots=True)
class _End:
    """How a direction ended, as far as it has."""

    waiting: Label | Message | None = None
    close: Close = Close.OPEN
    alert: int | None = None
    fault: Fault | None = None
    reached: bool = False

    @property
    def is_over(self) -> bool:
        return self.fault is not None or self.close is not Close.OPEN


class Connection:
    """A connection in the reading; nothing that either side sends makes it raise.

    The directions may be fed in any pieces and any order: what comes out of each is the same. No record is touched
    before its key is in the key log, so a line that comes late loses nothing: feed b"" to try again. At most 64 KiB of
    each direction wait inside; :attr:`Progress.position` says from where to feed on. A direction that has ended, by its
    close or by a fault, takes nothing more.
    """

    def __init__(self, keys: KeyLog) -> None:
        self._session = Session(keys)
        self._opening = Opening(self._session)
        self._chosen: Tls12 | Tls13 | None = None
        self._ends = {Side.CLIENT: _End(), Side.SERVER: _End()}

    def feed(self, side: Side, octets: bytes) -> tuple[Plaintext, ...]:
        """Take *octets* of what *side* sent and return the application data, of either side, that can now be read."""
        half = self._half(side)
        pieces: list[Plaintext] = []
        left = memoryview(octets)
        self._advance(pieces)
        while left and not self._ends[side].is_over and (taken := half.records.add(left)):
            left = left[taken:]
            self._advance(pieces)
        return tuple(pieces)

    def end(self, side: Side) -> None:
        """Take note that *side* sends nothing more; a key that is waited for may come all the same."""
        self._ends[side].reached = True

    def progress(self, side: Side) -> Progress:
        """Return how far *side* has come."""
        half, end = self._half(side), self._ends[side]
        close, fault = end.close, end.fault
        if end.reached and close is Close.OPEN:
            close = Close.CUT
            if fault is None and half.phase is Phase.HANDSHAKE and half.opener is not None and not half.opener.opened:
                # Everything after the hello was taken for early data that the server refused: the key opens none of it.
                fault = Fault(Reason.WRONG_KEY, half.records.where, "a record that its logged key opens", "the end")
        return Progress(half.records.position, half.records.consumed, end.waiting, close, end.alert, fault)

    @property
    def handshake(self) -> Handshake:
        """The facts of the handshake that are known so far."""
        return self._session.facts()

    @property
    def flight(self) -> Flight | None:
        """The part of the handshake that the server signs, once it was read whole; None before."""
        session, chosen = self._session, self._chosen
        if session.suite is None or chosen is None or not chosen.greeting:
            return None
        greeting = b"".join(chosen.greeting)
        if isinstance(chosen, Tls12):
            return Flight(greeting, b"", b"", tuple(chosen.greeting), session.suite)
        secret = session.secret(Label.SERVER_HANDSHAKE_TRAFFIC_SECRET)
        if secret is None or not chosen.server_finished:
            return None
        return Flight(greeting, b"".join(session.protected), secret, tuple(session.transcript), session.suite)

    def _half(self, side: Side) -> Half:
        return self._session.client if side is Side.CLIENT else self._session.server

    def _advance(self, pieces: list[Plaintext]) -> None:
        """Decode what can be decoded, of both directions, until each waits for something."""
        moved = True
        while moved:
            moved = False
            for half in (self._session.client, self._session.server):
                while self._step(half, pieces):
                    moved = True

    def _step(self, half: Half, pieces: list[Plaintext]) -> bool:
        """Decode one record of *half*; say whether there was one that could be."""
        end = self._ends[half.side]
        if end.is_over:
            return False
        end.waiting = None
        rules: _Rules = self._chosen or self._opening
        try:
            record = half.records.first()
            end.waiting = rules.wanted(half, record) if record else None
            if record is None or end.waiting is not None:
                return False
            opened = rules.opened(half, record)
            if opened is not None:
                self._take(half, *opened, pieces)
            half.records.remove(record)
        except FormatError as malformed:
            end.fault = Fault(Reason.MALFORMED, malformed.where, malformed.expected, malformed.found)
        except IntegrityError as failure:
            reason = Reason.DAMAGED if half.opener is not None and half.opener.opened else Reason.WRONG_KEY
            end.fault = Fault(reason, half.records.where, failure.expected, failure.found)
        return end.fault is None

    def _take(self, half: Half, kind: ContentType, content: bytes, pieces: list[Plaintext]) -> None:
        where = half.records.where
        if len(content) > MAX_CONTENT:
            raise FormatError(where, expected=f"content of {MAX_CONTENT} octets at most", found=str(len(content)))
        match kind:
            case ContentType.HANDSHAKE:
                self._take_handshake(half, content)
            case ContentType.ALERT:
                self._take_alert(half, content)
            case ContentType.APPLICATION_DATA:
                half.messages.finish()
                if half.phase not in {Phase.APPLICATION, Phase.EARLY}:
                    raise FormatError(where, expected="a handshake", found="application data before its end")
                if content:  # an empty record defends old CBC suites, or hides how much there is
                    pieces.append(Plaintext(half.side, content, half.records.next_position))
            case _:
                raise FormatError(where, expected="content", found=f"a protected {kind.name.lower()}")

    def _take_handshake(self, half: Half, fragment: bytes) -> None:
        half.messages.add(fragment)
        while self._ends[half.side].fault is None and (message := half.messages.next()) is not None:
            (self._chosen or self._opening).message(half, message)
            if self._chosen is None and self._session.answer is not None:
                self._choose()

    def _take_alert(self, half: Half, content: bytes) -> None:
        """Take an alert (RFC 8446 6, RFC 5246 7.2): it ends its direction unless it is a warning."""
        if len(content) != 2:
            raise FormatError(half.records.where, expected="an alert of 2 octets", found=f"{len(content)}")
        level, description = content
        end = self._ends[half.side]
        if description == _CLOSE_NOTIFY:
            end.close = Close.NOTIFIED
        elif level == _FATAL:
            end.close, end.alert = Close.ALERT, description

    def _choose(self) -> None:
        """Go on by the rules of the version that the ServerHello chose."""
        session = self._session
        answer, suite = session.answer, session.suite
        if answer is None:
            return
        if answer.version not in {TLS12, TLS13}:
            self._give_up(Reason.UNKNOWN_VERSION, "TLS 1.2 or 1.3", f"version {version_name(answer.version)}")
        elif suite is None:
            self._give_up(Reason.UNKNOWN_SUITE, "a suite that can be decoded", f"suite 0x{answer.suite:04x}")
        elif (suite.exchange is Exchange.TLS13) != (answer.version == TLS13):
            found = f"{suite.name} in {version_name(answer.version)}"
            raise FormatError(session.server.records.where, expected="a suite of its version", found=found)
        elif answer.version == TLS13:
            self._chosen = Tls13(session, suite)
        else:
            self._chosen = Tls12(session, answer, suite)

    def _give_up(self, reason: Reason, expected: str, found: str) -> None:
        for end in self._ends.values():
            end.waiting = None
            end.fault = end.fault or Fault(reason, "the ServerHello", expected, found)
