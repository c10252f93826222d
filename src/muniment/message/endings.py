"""Which messages of a connection have ended, and so which of its streams are closed."""

from collections.abc import Iterator
from typing import Final

from muniment.errors import FormatError
from muniment.message.events import Closed, End, Ending, Endpoint, Event

__all__ = ["MAX_OPEN", "Endings"]

MAX_OPEN: Final = 4096
"""The most streams of one connection that are open at once; servers allow a hundred or so."""


class Endings:
    """Keeps account of the open streams of one connection; a closed one is forgotten.

    A stream closes when both of its messages have ended, or neither end can send more of them.
    """

    __slots__ = ("_faults", "_open", "_shut")

    def __init__(self) -> None:
        self._open: dict[int, set[Endpoint]] = {}
        self._faults: dict[int, str] = {}
        self._shut: set[Endpoint] = set()

    def open(self, stream: int) -> None:
        """Take in that *stream* was opened; FormatError where too many are."""
        if len(self._open) >= MAX_OPEN:
            raise FormatError("the connection", expected=f"at most {MAX_OPEN} open streams", found="more")
        self._open[stream] = set()

    def ended(self, stream: int, sender: Endpoint) -> bool:
        """Whether the message of *sender* on the open *stream* is whole."""
        return sender in self._open[stream]

    def is_shut(self, sender: Endpoint) -> bool:
        """Whether *sender* can send no more on this connection."""
        return sender in self._shut

    def end(self, stream: int, sender: Endpoint) -> Iterator[Event]:
        """Take in that the message of *sender* on *stream* is whole."""
        self._open[stream].add(sender)
        yield End(stream, sender)
        yield from self._settle(stream)

    def reopen(self, stream: int, sender: Endpoint) -> None:
        """Take in that *sender* sends on after its message: *stream* has become a tunnel."""
        self._open[stream].discard(sender)

    def reset(self, stream: int, sender: Endpoint, code: int) -> Iterator[Event]:
        """Take in that *sender* reset *stream*."""
        if self._open.pop(stream, None) is not None:
            yield Closed(stream, Ending.RESET, sender, code)

    def fault(self, stream: int, fault: str) -> None:
        """Take in that the answer on *stream* is broken, as *fault* says; it goes on until its connection ends."""
        self._faults[stream] = fault

    def fail(self, stream: int, fault: str) -> Iterator[Event]:
        """Take in that *stream* is over without an answer, as *fault* says."""
        del self._open[stream]
        yield Closed(stream, Ending.FAULT, fault=fault)

    def shut(self, sender: Endpoint) -> Iterator[Event]:
        """Take in that nothing more comes from *sender*."""
        self._shut.add(sender)
        for stream in list(self._open):
            yield from self._settle(stream)

    def _settle(self, stream: int) -> Iterator[Event]:
        ended = self._open[stream]
        if not ended.union(self._shut).issuperset(Endpoint):
            return
        del self._open[stream]
        fault = self._faults.pop(stream, "")
        whole = Ending.WHOLE if ended.issuperset(Endpoint) else Ending.CUT
        yield Closed(stream, Ending.FAULT if fault else whole, fault=fault)
