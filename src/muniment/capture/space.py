"""Space on the disk of the archive: a capture pauses before the disk is full, and goes on when there is some again.

What was received is written a second time, into the WARC file, so what still waits for that counts as used already.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from muniment import durable, settings
from muniment.errors import FetchError, StoreError
from muniment.model import Reason

__all__ = ["Space"]

_LOOK: Final = 0.5
"""Seconds between two looks at the disk; nothing tells a program that somebody made room."""


class Space:
    """The space that is left above the limit min-free, which many threads wait for.

    *owed* says how many octets were received and are not in a WARC file yet, *told* is told in a sentence when the
    capture pauses and when it goes on. A floor of nothing never pauses: then the disk may fill. Not promised: that it
    never fills otherwise, because others write there, too.
    """

    def __init__(self, root: Path, floor: int, monotonic: Callable[[], float], told: Callable[[str], None]) -> None:
        self.owed: Callable[[], int] = int
        self._root = root
        self._floor = floor
        self._monotonic = monotonic
        self._told = told
        self._ended = threading.Event()
        self._changing = threading.Lock()
        self._paused = False
        self._looked = float("-inf")
        self._safe = 0

    def demand(self) -> None:
        """Raise StoreError where there is too little room to begin at all."""
        if (free := durable.free(self._root)) < self._floor:
            raise StoreError(
                self._root,
                f"only {free // 10**6:,} MB are free on the disk of the archive, and a capture keeps "
                f"{self._spoken} free; make room, or ask for less with --min-free. Nothing was captured",
            )

    def wait(self, until: float) -> None:
        """Return when there is room; FetchError when the monotonic second *until* came first, or the end of all."""
        while not self._enough():
            self._say(paused=True)
            left = until - self._monotonic()
            if left > 0 and not self._ended.wait(min(_LOOK, left)):
                continue
            reason = Reason.INTERRUPTED if self._ended.is_set() else Reason.TIMEOUT
            raise FetchError(reason, f"the disk of the archive had less than {self._spoken} free (min-free)")
        self._say(paused=False)

    def end(self) -> None:
        """Let nobody wait any more."""
        self._ended.set()

    @property
    def _spoken(self) -> str:
        return settings.spoken_size(self._floor)

    def _enough(self) -> bool:
        if not self._floor:
            return True
        # Asked for each piece that is received, so what the last look left is used up by halves before the next.
        owed = self.owed()
        if not self._paused and owed <= self._safe and self._monotonic() - self._looked < _LOOK / 10:
            return True
        # A little more to go on than to pause, so that it does not go back and forth.
        wanted = self._floor + (self._floor // 64 if self._paused else 0)
        left = durable.free(self._root) - owed - wanted
        self._safe, self._looked = owed + left // 2, self._monotonic()
        return left >= 0

    def _say(self, *, paused: bool) -> None:
        if self._paused == paused:
            return
        with self._changing:
            if self._paused == paused:
                return
            self._paused = paused
        free = f"{durable.free(self._root) // 10**6:,} MB"
        if paused:
            self._told(
                f"Paused: {free} are left on the disk of {self._root}, and a capture keeps {self._spoken} free "
                "(--min-free). Make room and it goes on by itself; Ctrl-C seals what there is."
            )
        else:
            self._told(f"Going on: {free} are free.")
