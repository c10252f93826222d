"""The main text of a page, by trafilatura, in a child process that can neither hang nor exhaust the capture.

A child for each page: it takes 0.3 s of one core (0.2 s of them to load the parsers), it starts clean, and a page that
breaks a parser breaks the reading of no other page. At most two live at once, and a page that is large or built to
be large in memory is read alone, so that both together never take more than some 100 MiB over what they always take.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muniment import canonical
from muniment.asking import Unanswered, ask
from muniment.errors import FormatError
from muniment.extract.charset import printable

__all__ = ["Reading", "read"]

_CHILD: Final = Path(__file__).with_name("main_text.py")
_SECONDS: Final = 20.0
_LOOK: Final = 0.2
_AT_ONCE: Final = 2
_MAX_ANSWER: Final = 8 << 20
_TURNS: Final = threading.BoundedSemaphore(_AT_ONCE)
_HEAVY_TURN: Final = threading.BoundedSemaphore(1)
# Measured: real pages of up to 250,000 characters make the child grow by 35 MiB, four of 1 MiB laid end to end by 90.
_HEAVY: Final = 512 << 10
_GROWTH: Final = 64 << 20
_HEAVY_GROWTH: Final = 112 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """What trafilatura read: the main ``text``, its own ``claims`` (name and text), the ``reader`` with its version.

    ``notes`` are sentences on what it could not do; then the rest is empty or cut.
    """

    text: str = ""
    claims: tuple[tuple[str, str], ...] = ()
    reader: str = ""
    notes: tuple[str, ...] = ()


class _Unread(Exception):  # noqa: N818 - what happened to the page
    """The child gave no answer; the text says why."""


def read(page: str, url: str, remaining: Callable[[], float]) -> Reading:
    """Return what trafilatura reads in *page*; any text gives a Reading, within 20 seconds and *remaining*.

    *remaining* is asked again and again how many seconds the caller still has. The child has 15 s of CPU, 64 MiB of
    memory beyond what it starts with (112 MiB for a page beyond 512 KiB), no environment, no network, and writes no
    file.
    """
    ends = time.monotonic() + _SECONDS
    sent = url.partition("\n")[0].encode("utf-8", "replace") + b"\n" + page.encode("utf-8", "replace")

    def left() -> float:
        return min(ends - time.monotonic(), remaining())

    try:
        claims = _texts(_answer(sent, left))
    except (_Unread, FormatError) as failure:
        return Reading(notes=(f"the main text could not be read: {printable(str(failure))}",))
    reader, text, cut = (claims.pop(name, "") for name in ("version", "text", "cut"))
    notes = (f"the main text was cut at 2 MiB: {cut} more characters were left out",) if cut else ()
    return Reading(text, tuple(claims.items()), f"trafilatura/{reader}", notes)


def _texts(answer: bytes) -> dict[str, str]:
    """Return what the child answered; _Unread where that is a failure of trafilatura's."""
    said = canonical.decode(answer, "the answer of trafilatura")
    if not isinstance(said, dict) or not all(isinstance(each, str) for each in said.values()):
        raise FormatError("the answer of trafilatura", expected="an object of texts", found=repr(said)[:80])
    if "failure" in said:
        raise _Unread(f"trafilatura failed, as it does at its limit of memory: {said['failure']}")
    return {name: printable(text) for name, text in said.items()}


def _answer(sent: bytes, left: Callable[[], float]) -> bytes:
    heavy = len(sent) > _HEAVY
    with contextlib.ExitStack() as turns:
        # Every turn, so that it is read alone; one page at a time gathers them, so that no two wait for each other.
        for turn in [_HEAVY_TURN, *[_TURNS] * _AT_ONCE] if heavy else [_TURNS]:
            while not turn.acquire(timeout=_LOOK):
                if left() <= 0:
                    raise _Unread("other pages were being read until its time was over")
            turns.callback(turn.release)
        if left() <= 0:
            raise _Unread("the time of the capture was over")
        return _converse(sent, left, _HEAVY_GROWTH if heavy else _GROWTH)


def _converse(sent: bytes, left: Callable[[], float], growth: int) -> bytes:
    # -P: the child's own folder holds a module called html, which must not stand before Python's.
    command = [sys.executable, "-P", "-B", str(_CHILD), str(os.getpid()), str(growth)]
    try:
        return ask(command, sent, left, _MAX_ANSWER, bare=True)
    except Unanswered as why:
        raise _Unread(f"its reader {why}, as it does at its limits of memory and CPU time") from None
