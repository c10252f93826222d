"""The stream of events that has no end: the lights that are counted in the hall, one more every second."""

import itertools
import threading
from collections.abc import Iterator
from typing import Final

__all__ = ["events"]

_FIRST: Final = 730
_PAUSE: Final = 1.0


def events(shut: threading.Event) -> Iterator[bytes]:
    """Yield an event every second until the site is *shut* (HTML, "Server-sent events")."""
    for number in itertools.count():
        yield f'id: {number}\nevent: lights\ndata: {{"lights": {_FIRST + number}}}\n\n'.encode()
        if shut.wait(_PAUSE):
            return
