"""Reading one answer off a channel into its spool: what is kept, and why it ended."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from muniment.errors import FetchError, FormatError
from muniment.fetch.channel import Channel
from muniment.fetch.dial import Stopwatch, Surroundings
from muniment.fetch.spool import Spool
from muniment.message.chunked import End
from muniment.message.response import Part, ResponseReader
from muniment.model import Framing, Reason

__all__ = ["MAX_RAW", "MAX_SURPLUS", "Bounds", "Reception", "receive"]

MAX_RAW: Final = 64 << 10
"""The octets that are kept of an answer that is no HTTP response."""
MAX_SURPLUS: Final = 64 << 10
# How long a server that broke the rules, or that said it closes, is listened to for what it still sends.
_LINGER: Final = 0.5


@dataclass(frozen=True, slots=True)
class Bounds:
    """When reading ends: at the monotonic second ``until``, after ``idle`` seconds of silence, beyond ``cap``.

    ``grant`` is asked for each octet that came and says how many may be kept: a budget shared with other exchanges.
    """

    cap: int
    until: float
    idle: float
    grant: Callable[[int], int]


@dataclass(slots=True)
class Reception:
    """What came: in the making while it is read.  ``failure`` is why reading ended before the answer did."""

    reader: ResponseReader
    spool: Spool
    interim: bytearray = field(default_factory=bytearray)
    surplus: bytearray = field(default_factory=bytearray)
    raw: bytes = b""
    received: int = 0
    failure: FetchError | None = None

    def take(self, octets: bytes) -> None:
        """Put *octets* where they belong; FormatError as the reader raises it."""
        self.received += len(octets)
        for part, piece in self.reader.feed(octets):
            match part:
                case Part.INTERIM:
                    self.interim += piece
                case Part.SURPLUS:
                    self.surplus += piece[: MAX_SURPLUS - len(self.surplus)]
                case _:
                    self.spool.write(piece)


def receive(channel: Channel, bounds: Bounds, around: Surroundings, watch: Stopwatch) -> Reception:
    """Read the answer to one GET off *channel* until it ends, breaks, or meets a bound; never raises FetchError."""
    reception = Reception(ResponseReader("GET", bounds.cap), Spool(around.spool))
    try:
        _read(reception, channel, bounds, around, watch)
    except BaseException:
        reception.spool.close()
        raise
    return reception


def _read(reception: Reception, channel: Channel, bounds: Bounds, around: Surroundings, watch: Stopwatch) -> None:
    _read_on(reception, channel, bounds, around, watch)
    reader = reception.reader
    ends = min(bounds.until, around.monotonic() + _LINGER)
    if reader.head is None:
        if reception.failure is not None and reception.failure.reason == Reason.NOT_HTTP:
            _linger(reception, channel, ends, around)
        reception.raw = bytes(reader.pending[:MAX_RAW])
    elif reader.end is End.WHOLE and reader.head.lasts:
        if octets := channel.waiting():
            reception.take(octets)
    elif reader.end is End.FAULT or (reader.end is End.WHOLE and reader.head.framing is not Framing.CLOSE):
        _linger(reception, channel, ends, around)


def _read_on(reception: Reception, channel: Channel, bounds: Bounds, around: Surroundings, watch: Stopwatch) -> None:
    """Read until the answer ends or something ends it, and leave word of the latter."""
    reader = reception.reader
    try:
        while reader.end is End.MORE:
            around.room(bounds.until)
            octets = channel.receive(min(bounds.until, around.monotonic() + bounds.idle))
            if not octets:
                reader.finish()
                break
            if "first" not in watch.times:
                watch.mark("first")
            watch.mark("last")
            granted = bounds.grant(len(octets))
            reception.take(octets[:granted])
            if granted < len(octets):
                reception.failure = FetchError(Reason.LIMIT_BYTES, "the capture has received as much as it may")
                break
    except FetchError as failure:
        reception.failure = failure
    except FormatError as refusal:
        reception.failure = FetchError(Reason.NOT_HTTP, str(refusal))


def _linger(reception: Reception, channel: Channel, until: float, around: Surroundings) -> None:
    """Listen on for what the server still sends, for a moment and within the bounds of what is kept."""
    kept = 0
    with contextlib.suppress(FetchError):
        while kept < MAX_RAW and around.monotonic() < until and (octets := channel.receive(until)):
            kept += len(octets)
            if reception.reader.head is None:
                reception.reader.pending += octets
            else:
                reception.take(octets)
