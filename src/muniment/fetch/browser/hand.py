"""The time in which a human acts in the page herself: logs in, answers a wall, solves a riddle."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from muniment.fetch.browser.flags import Window
from muniment.fetch.browser.page import Page

__all__ = ["Acted", "Hand", "act"]


class Hand(Protocol):
    """Who acts, in which window. None of this waits."""

    @property
    def window(self) -> Window:
        """Whether the browser is to be seen."""

    def begin(self, address: str) -> None:
        """Hear that the page at *address* is hers now."""

    def done(self) -> bool:
        """Say whether she has let go of it."""


@dataclass(frozen=True, slots=True)
class Acted:
    """When the page was in her hands, where it was then, how many requests it made, and whether she said when to go on.

    Which of those requests her acts caused nobody can tell from those that the page made of itself.
    """

    began: datetime
    ended: datetime
    address: str
    requests: int
    said_so: bool


def act(page: Page, hand: Hand, now: Callable[[], datetime]) -> Acted:
    """Let *hand* act in *page* until she is done or the time of the page is over; windows may be opened meanwhile.

    Raises FetchError (ENGINE_CRASH) where the window was closed, INTERRUPTED where the capture is to end.
    """
    began = now()
    page.sessions.more_windows = True
    hand.begin(page.address())
    try:
        said_so = page.devtools.until(hand.done, page.left(math.inf))
    finally:
        page.sessions.more_windows = False
    page.sessions.close_others()
    page.quiet()
    ended = now()
    requests = sum(1 for each in page.ledger.all() if began <= each.at <= ended)
    return Acted(began, ended, page.address(), requests, said_so)
