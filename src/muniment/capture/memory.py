"""How much of the pages that are being read is in memory at once, however many threads read."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Memory"]


class Memory:
    """So many octets of memory that many threads share; who asks for more than there is waits for the others."""

    def __init__(self, octets: int) -> None:
        self._free = self._all = octets
        self._changed = threading.Condition()

    @contextmanager
    def held(self, octets: int) -> Iterator[Callable[[int], None]]:
        """Hold *octets* (at most all) inside the block, or less once the callable that it gets is told how many."""
        mine = min(octets, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= mine)
            self._free -= mine

        def shrink(needed: int) -> None:
            nonlocal mine
            with self._changed:
                self._free += max(0, mine - needed)
                mine = min(mine, needed)
                self._changed.notify_all()

        try:
            yield shrink
        finally:
            shrink(0)
