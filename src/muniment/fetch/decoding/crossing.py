"""One connection's ciphertext in, its plaintext out, in the order in which it crossed the wire."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from muniment.tls.connection import Close, Connection, Plaintext, Progress
from muniment.tls.keylog import KeyLog, Label
from muniment.tls.record import ContentType
from muniment.tls.session import Side

__all__ = ["Crossed", "Crossing"]

_ENOUGH: Final = 1 << 20
_HEADER: Final = 5
_TLS: Final = bytes([ContentType.HANDSHAKE])
_FINISHED: Final = 96
"""Octets: a client that sent no more after its hello has ended its handshake at most, and asked for nothing."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """Octets that *side* sent, decrypted, at the microsecond of their last ciphertext; none: the side has ended."""

    side: Side
    octets: bytes
    at: int


@dataclass(slots=True)
class _Piece:
    """What one frame of the spool held; ``fed`` of its octets were taken, ``end`` is its place in its direction."""

    side: Side
    octets: bytes
    end: int
    at: int
    fed: int = 0


class Crossing:
    """Decrypts one connection, plain ones pass; whoever reads HTTP needs both directions in their common order.

    So what one side sent waits while the key for something that the other sent before is not in the key log yet.
    Feed no more while ``full``. A direction that cannot be read gives nothing further and stands in ``faults``.
    """

    def __init__(self, keys: KeyLog) -> None:
        self.tls: Connection | None = None
        self._keys = keys
        self._begun = False
        self._hello = 0
        self._waiting: deque[_Piece] = deque()
        self._held = 0
        self._ends = dict.fromkeys(Side, 0)
        self._unfed: dict[Side, deque[_Piece]] = {side: deque() for side in Side}
        self._read: dict[Side, deque[Plaintext]] = {side: deque() for side in Side}
        self._given_up: dict[Side, str] = {}

    @property
    def full(self) -> bool:
        """Whether so much waits for keys that nothing more should be fed."""
        return self._held >= _ENOUGH

    @property
    def waits(self) -> bool:
        """Whether something waits for a key, or for a message of the other side."""
        return bool(self._waiting)

    @property
    def faults(self) -> tuple[str, ...]:
        """Return why a direction cannot be read, a sentence for each that cannot."""
        if self.tls is None:
            return ()
        found = {f"the {side}'s direction: {fault}" for side in Side if (fault := self.tls.progress(side).fault)}
        return (*sorted(found), *filter(None, self._given_up.values()))

    def feed(self, side: Side, octets: bytes, at: int) -> None:
        """Take the next octets of *side*; none say that it has ended."""
        if not self._begun and octets:
            self._begun = True
            # RFC 8446 5.1: a handshake begins with this octet, and no method of HTTP does.
            if side is Side.CLIENT and octets[:1] == _TLS:
                self.tls = Connection(self._keys)
                self._hello = _HEADER + int.from_bytes(octets[3:_HEADER], "big")
        self._ends[side] += len(octets)
        self._held += len(octets)
        piece = _Piece(side, octets, self._ends[side], at)
        self._waiting.append(piece)
        self._unfed[side].append(piece)

    def crossed(self) -> Iterator[Crossed]:
        """Yield what can be read now; call it again when the key log has grown."""
        if self.tls is not None:
            self._decrypt(self.tls)
        while self._waiting:
            piece = self._waiting[0]
            if self.tls is None:
                yield Crossed(piece.side, piece.octets, piece.at)
            else:
                if not piece.octets:
                    self.tls.end(piece.side)
                read = self._read[piece.side]
                while read and read[0].end <= piece.end:
                    yield Crossed(piece.side, read.popleft().content, piece.at)
                if not self._is_over(piece, self.tls.progress(piece.side)):
                    return
                if not piece.octets:
                    yield Crossed(piece.side, b"", piece.at)
            self._waiting.popleft()
            self._held -= len(piece.octets)

    def notified(self, side: Side) -> bool:
        """Whether *side* closed its direction as its protocol has it, by a close_notify or, without TLS, by an end."""
        return self.tls is None or self.tls.progress(side).close is Close.NOTIFIED

    def give_up(self) -> None:
        """Wait for no key any more: what still waits is not going to be read."""
        if self.tls is None:
            return
        for side in Side:
            if (waiting := self.tls.progress(side).waiting) is not None:
                # A message that never came is a handshake that was broken off, which is no fault of the reading.
                lacking = isinstance(waiting, Label) and self._asked_something
                self._given_up[side] = f"the {side}'s direction: the key log has no {waiting}" if lacking else ""

    @property
    def _asked_something(self) -> bool:
        """Whether the client can have sent more than its part of a handshake."""
        return self._ends[Side.CLIENT] > self._hello + _FINISHED

    def _decrypt(self, tls: Connection) -> None:
        moved = True
        while moved:
            moved = False
            for side in Side:
                moved |= self._push(tls, side)

    def _push(self, tls: Connection, side: Side) -> bool:
        """Feed what waits of *side* as far as it is taken; say whether anything was, for which the other may wait."""
        unfed, moved = self._unfed[side], False
        while True:
            piece = unfed[0] if unfed else None
            before = tls.progress(side).position
            for read in tls.feed(side, piece.octets[piece.fed :] if piece else b""):
                self._read[read.side].append(read)
            if piece is None:
                return moved
            taken = tls.progress(side).position - before
            piece.fed += taken
            moved |= bool(taken)
            if piece.fed < len(piece.octets):
                return moved
            unfed.popleft()

    def _is_over(self, piece: _Piece, found: Progress) -> bool:
        """Whether nothing more will be read out of *piece*."""
        if piece.side in self._given_up or found.fault is not None or found.close not in {Close.OPEN, Close.CUT}:
            return True
        # A record that begins in this piece and ends in a later one belongs to that one.
        return found.position >= piece.end and (found.waiting is None or found.consumed >= piece.end)
