"""How much a capture may still receive: one budget that all its exchanges draw on."""

import threading

__all__ = ["Allowance"]


class Allowance:
    """A number of octets (max-bytes) that many threads spend; never overdrawn by a single one."""

    def __init__(self, octets: int) -> None:
        self._all = octets
        self._left = octets
        self._lock = threading.Lock()

    @property
    def received(self) -> int:
        """How many octets were granted so far."""
        return self._all - self._left

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self._left <= 0

    def grant(self, octets: int) -> int:
        """Take *octets* from what is left, and return how many of them there were."""
        with self._lock:
            granted = min(octets, self._left)
            self._left -= granted
            return granted
