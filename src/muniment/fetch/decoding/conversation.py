"""One connection read from its spool while that grows: frames, TLS, HTTP, exchanges."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from muniment.errors import FormatError
from muniment.fetch.decoding.crossing import Crossed, Crossing
from muniment.fetch.decoding.gathering import Gathering
from muniment.fetch.decoding.telling import Ended, Heard, Peer, Told
from muniment.fetch.spooled import Frame, FrameKind, FrameReader
from muniment.message.events import Endpoint, Event
from muniment.message.http1 import Http1Reader
from muniment.message.http2.connection import Http2Reader
from muniment.message.http2.frame import PREFACE
from muniment.tls import evidence
from muniment.tls.connection import Close
from muniment.tls.keylog import KeyLog
from muniment.tls.session import Side

__all__ = ["Conversation"]

_PIECE: Final = 512 << 10
_END: Final = b"end"
_SIDES: Final = {
    FrameKind.CLIENT: Side.CLIENT,
    FrameKind.CLIENT_ENDED: Side.CLIENT,
    FrameKind.SERVER: Side.SERVER,
    FrameKind.SERVER_ENDED: Side.SERVER,
}


class Conversation:
    """The connection *name* whose spool is *file*; answers go into *folder*, of a body at most *cap* octets.

    ``step`` reads on as far as the spool and the key log allow, ``finish`` takes it that neither grows any more.
    """

    def __init__(self, name: str, file: BinaryIO, keys: KeyLog, folder: Path, cap: int) -> None:
        self.over = False
        self._name = name
        self._file = file
        self._folder = folder
        self._cap = cap
        self._frames = FrameReader(f"the spool of {name}")
        self._crossing = Crossing(keys)
        self._opened = b""
        self._told = False
        self._octets = 0
        self._reader: Http1Reader | Http2Reader | None = None
        self._gathering: Gathering | None = None
        self._ends: dict[Side, bytes] = {}
        self._first_ended = ""
        self._faults: list[str] = []
        self._refused = False

    @property
    def waits(self) -> bool:
        """Whether something that was read waits for a line of the key log."""
        return self._crossing.waits

    def step(self) -> Iterator[Told]:
        """Read what there is and yield what it completes."""
        while not self.over:
            yield from self._cross()
            if self._crossing.full:
                return
            octets = self._file.read(_PIECE)
            if not octets:
                return
            for frame in self._frames.feed(octets):
                self._take(frame)
            yield from self._cross()
            if len(self._ends) == len(Side) and not self._crossing.waits:
                yield from self._end()

    def finish(self) -> Iterator[Told]:
        """Yield what is left, where nothing more comes: neither octets nor keys."""
        yield from self.step()
        while not self.over:
            self._crossing.give_up()
            before = self._file.tell()
            yield from self.step()
            if not self.over and self._file.tell() == before:
                # The spool itself is cut: the relay was killed. What lacks is an end of each side.
                for side in Side:
                    if side not in self._ends:
                        self._close(side, b"cut: the spool", 0)
                yield from self._cross()
                self._crossing.give_up()
                yield from self._cross()
                yield from self._end()

    def abandon(self, fault: str) -> Ended:
        """End it where it stands, because of *fault*."""
        self.over = True
        self._file.close()
        told = self._gathering.exchanges if self._gathering else 0
        return Ended(self._name, self._octets, told, (fault,))

    def _take(self, frame: Frame) -> None:
        if frame.kind is FrameKind.OPENED:
            self._opened = frame.octets
        elif frame.kind in {FrameKind.CLIENT, FrameKind.SERVER}:
            self._octets += len(frame.octets)
            self._crossing.feed(_SIDES[frame.kind], frame.octets, frame.at)
        else:
            self._close(_SIDES[frame.kind], frame.octets, frame.at)

    def _close(self, side: Side, words: bytes, at: int) -> None:
        self._ends[side] = words
        # "cut" is our own doing, for both sides; otherwise who went first is who ended it.
        self._first_ended = self._first_ended or (words.decode() if words.startswith(b"cut") else side.value)
        self._crossing.feed(side, b"", at)

    def _cross(self) -> Iterator[Told]:
        for crossed in self._crossing.crossed():
            if crossed.octets:
                yield from self._hear(crossed)
            else:
                yield from self._shut(crossed)
        tls = self._crossing.tls
        if not self._told and tls is not None and not self._refused:
            # A browser that does not take a certificate says so by an alert, and nothing is heard of it otherwise.
            self._refused = tls.progress(Side.CLIENT).close is Close.ALERT
            if self._refused and tls.handshake.chain:
                yield self._peer()

    def _hear(self, crossed: Crossed) -> Iterator[Told]:
        if self._reader is None or self._gathering is None:
            if not self._told:
                yield self._peer()
            protocol = self._protocol(crossed)
            self._reader = Http2Reader() if protocol == "h2" else Http1Reader()
            scheme = "http" if self._crossing.tls is None else "https"
            self._gathering = Gathering(self._name, scheme, protocol, self._folder, self._cap)
        endpoint = Endpoint(crossed.side.value)
        try:
            yield from self._gathered(self._reader.feed(endpoint, crossed.octets), crossed.at)
        except FormatError as fault:
            self._faults.append(str(fault))
            yield from self._gathered(self._reader.cut(endpoint), crossed.at)

    def _shut(self, crossed: Crossed) -> Iterator[Told]:
        if self._reader is None:
            return
        endpoint = Endpoint(crossed.side.value)
        proper = self._ends[crossed.side] == _END and self._crossing.notified(crossed.side)
        # A server that ends because its client has left says nothing about the end of what it was sending.
        proper = proper and not (endpoint is Endpoint.SERVER and self._first_ended == Side.CLIENT)
        events = self._reader.finish(endpoint) if proper else self._reader.cut(endpoint)
        yield from self._gathered(events, crossed.at)

    def _gathered(self, events: Iterator[Event], at: int) -> Iterator[Heard]:
        if self._gathering is not None:
            for event in events:
                yield from self._gathering.take(event, at, lambda: self._first_ended)

    def _protocol(self, crossed: Crossed) -> str:
        tls = self._crossing.tls
        agreed = tls.handshake.alpn if tls is not None else ""
        if agreed:
            return "h2" if agreed == "h2" else "http/1.1"
        begins = crossed.octets[: len(PREFACE)]
        return "h2" if crossed.side is Side.CLIENT and len(begins) > 3 and PREFACE.startswith(begins) else "http/1.1"

    def _peer(self) -> Peer:
        self._told = True
        tls = self._crossing.tls
        if tls is None:
            return Peer(self._name, self._opened)
        shaken = tls.handshake
        found = evidence.of(tls)
        return Peer(
            self._name,
            self._opened,
            tls=True,
            version=shaken.version,
            cipher=shaken.cipher,
            alpn=shaken.alpn,
            server_name=shaken.server_name,
            chain=shaken.chain,
            evidence=evidence.encode(found) if found else b"",
            refused=self._refused,
        )

    def _end(self) -> Iterator[Told]:
        self.over = True
        self._file.close()
        faults = (*self._faults, *self._crossing.faults)
        if faults and not self._told:
            yield self._peer()
        gathered = self._gathering
        yield Ended(
            self._name,
            self._octets,
            gathered.exchanges if gathered else 0,
            faults,
            bytes(gathered.surplus) if gathered else b"",
            gathered.surplus_dropped if gathered else 0,
        )
