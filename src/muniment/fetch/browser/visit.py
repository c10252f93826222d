"""One browser on its way: a passage to the network, then Chromium; ended so that nothing is lost."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http.cookiejar import Cookie
from typing import Self

from muniment import scratch
from muniment.errors import FetchError
from muniment.fetch.browser.account import give
from muniment.fetch.browser.find import Candidate
from muniment.fetch.browser.flags import PHONED, Settings
from muniment.fetch.browser.key_log import try_key_log
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page, Patience
from muniment.fetch.decoding.telling import Told
from muniment.fetch.passage import Passage, Route
from muniment.fetch.tunnel import Refusal
from muniment.model import Reason

__all__ = ["Equipment", "Visit"]


@dataclass(frozen=True, slots=True)
class Equipment:
    """With what a visit is made: which program, by which way, with which cookies, with how much patience."""

    program: Candidate
    route: Route
    cookies: tuple[Cookie, ...] = ()
    patience: Patience = field(default_factory=Patience)


class Visit:
    """A browser with a page, ``page``, that reaches the network by a tunnel which is decoded as it goes.

    *told* is given what the decoder finds, in a thread of its own; *refused* what the tunnel did not connect. On
    leaving the ``with`` block the browser is ended first, then the passage. Raises FetchError (ENGINE_CRASH) where the
    browser does not start or writes no key log, StoreError where the disk refuses.
    """

    def __init__(
        self,
        equipment: Equipment,
        settings: Settings,
        told: Callable[[Told], None],
        refused: Callable[[Refusal], None],
    ) -> None:
        self._equipment = equipment
        self._settings = settings
        self._passage = Passage(equipment.route, told, refused, PHONED)
        self._stack = ExitStack()
        self.key_log = ""
        self.browser: Browser
        self.page: Page

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._begin(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _begin(self, stack: ExitStack) -> None:
        wanted, route = self._equipment, self._equipment.route
        passage = stack.enter_context(self._passage)
        own = route.folder / "browser"
        scratch.folder(own)
        settings = replace(self._settings, proxy=f"socks5://127.0.0.1:{passage.port}")
        self.browser = stack.enter_context(Browser(wanted.program, own, passage.keys, settings))
        self.browser.devtools.stopped = route.stopped
        self.page = Page(self.browser, ends=route.ends, patience=wanted.patience)
        found = try_key_log(self.browser.devtools, self.page.sessions, passage.keys, own)
        self.key_log = found.words
        if settings.profile:
            self.page.sessions.pass_by_workers()
        give(self.browser.devtools, wanted.cookies)
        if not found.written:
            raise FetchError(
                Reason.ENGINE_CRASH,
                f"{wanted.program.path} cannot be used, because what it receives could not be read: {found.words}",
            )
