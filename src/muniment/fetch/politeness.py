"""When the next exchange with a host may begin: few at once, and a pause between beginnings."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from muniment.errors import FetchError
from muniment.model import Reason
from muniment.rules import Limits

__all__ = ["Gate"]


@dataclass(slots=True)
class _Host:
    running: int = 0
    next_start: float = float("-inf")


class Gate:
    """Lets at most ``per_host`` exchanges run with one host, their beginnings ``delay`` seconds apart."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._most = max(limits.per_host, 1)
        self._delay = limits.delay
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._hosts: dict[str, _Host] = {}
        self._stopped = False

    @contextlib.contextmanager
    def turn(self, host: str, until: float) -> Iterator[None]:
        """Wait for a turn with *host* and hold it inside the block.

        Raises FetchError: ``timeout`` where none comes by the monotonic *until*, ``interrupted`` after ``stop``.
        """
        with self._changed:
            state = self._hosts.setdefault(host, _Host())
            while (wait := self._wait(state)) > 0:
                left = until - self._monotonic()
                if self._stopped:
                    raise FetchError(Reason.INTERRUPTED, "the capture was interrupted before this was asked for")
                if left <= 0:
                    raise FetchError(Reason.TIMEOUT, f"no turn came in time: {host} is asked for too much at once")
                self._changed.wait(min(wait, left))
            state.running += 1
            state.next_start = self._monotonic() + self._delay
        try:
            yield
        finally:
            with self._changed:
                state.running -= 1
                self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait *seconds*, or until ``stop``."""
        ends = self._monotonic() + seconds
        with self._changed:
            while not self._stopped and (left := ends - self._monotonic()) > 0:
                self._changed.wait(left)

    def stop(self) -> None:
        """End every wait, now and later."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _wait(self, state: _Host) -> float:
        """Return the seconds until it is worth looking again; nothing where the turn has come."""
        if self._stopped or state.running >= self._most:
            return 3600
        return state.next_start - self._monotonic()
