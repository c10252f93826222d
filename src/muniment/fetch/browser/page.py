"""The page that is captured: opened, waited for until it is quiet, and kept from doing what pages do to readers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from muniment.errors import FetchError
from muniment.fetch.browser.devtools import CommandError, Event
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.ledger import Ledger
from muniment.fetch.browser.notes import NoteKind, Notes
from muniment.fetch.browser.refusal import CertificateRefusal, reason, refusals
from muniment.fetch.browser.sessions import Sessions, stop_scripts
from muniment.fetch.browser.world import Frame, Frames
from muniment.model import Reason

__all__ = ["Opened", "Page", "Patience"]

Answer = TypeVar("Answer")
_MOST_DIALOGS: Final = 30
_MOST_POPUPS: Final = 100
_MOST_NAVIGATIONS: Final = 20
_DIALOGS: Final = {"alert": True, "beforeunload": True, "confirm": False, "prompt": False}
"""How each kind of dialog is answered: alerts are read, pages may be left, nothing is agreed to."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds: for the load event, for quiet, how long quiet lasts, for a script, a picture."""

    load: float = 45.0
    settle: float = 10.0
    quiet: float = 0.5
    script: float = 20.0
    drawing: float = 45.0


@dataclass(frozen=True, slots=True)
class Opened:
    """How the opening of a URL ended.

    *url* was asked for, *address* is where the page was then. *loaded* and *settled* tell whether the load event came
    and whether the network went quiet, each in its time. *reason* is OK wherever there is a page to look at.
    """

    url: str
    address: str
    reason: Reason
    detail: str
    loaded: bool = False
    settled: bool = False
    navigations: int = 0
    microseconds: int = 0
    refusal: CertificateRefusal | None = None


class Page:
    """One page in *browser*, until the monotonic second *ends*; ``notes`` and ``ledger`` tell what it did and asked.

    Raises FetchError with ENGINE_CRASH where browser or page are gone, and with LIMIT_TIME after *ends*.
    """

    def __init__(self, browser: Browser, *, ends: float, patience: Patience = Patience()) -> None:
        self.devtools = browser.devtools
        self.patience = patience
        self.notes = Notes()
        self.sessions = Sessions(self.devtools, self.notes)
        self.ledger = Ledger(self.sessions.kind)
        self._frames = Frames(self.devtools, self.sessions)
        self._ends = ends
        self._loaded = self._idle = False
        self._navigations = 0
        self._stopped = ""
        self.devtools.hear(self.ledger.hear)
        self.devtools.hear(self.notes.hear)
        self.devtools.hear(self._hear)
        self.sessions.begin()
        self.resize(browser.facts.settings.width, browser.facts.settings.height)

    def open(self, url: str) -> Opened:
        """Open *url*, http or https, and wait until it has loaded and its network is quiet, both within bounds."""
        if not url.lower().startswith(("http://", "https://")):  # Chromium would show files of this machine
            return Opened(url, "", Reason.BLOCKED_SCHEME, "only http and https are opened")
        began = time.monotonic()
        self._loaded = self._idle = False
        self._navigations, self._stopped = 0, ""
        self._unstop()
        try:
            said = self.devtools.ask(
                "Page.navigate", {"url": url}, session=self.page, seconds=self.left(self.patience.load)
            )
        except CommandError as refused:
            return Opened(url, "", Reason.MALFORMED_URL, refused.text)
        except FetchError as failure:
            if failure.reason != Reason.TIMEOUT:
                raise
            self.devtools.tell("Page.stopLoading", session=self.page)
            return Opened(url, "", Reason.TIMEOUT, f"no page came within {self.patience.load:.0f} seconds")
        if said.get("errorText"):
            return self._failed(url, said)
        self._wait(lambda: self._loaded or self._idle or bool(self._stopped), self.patience.load)
        settled = self.quiet()
        spent = round((time.monotonic() - began) * 1_000_000)
        detail = self._stopped or ("" if self._loaded else "the load event did not come")
        return Opened(url, self.address(), Reason.OK, detail, self._loaded, settled, self._navigations, spent)

    @property
    def page(self) -> str:
        """The session of the page itself."""
        return self.sessions.page

    @property
    def stopped(self) -> str:
        """Why the scripts of the page were ended, or an empty text."""
        return self._stopped

    def quiet(self, settle: float | None = None) -> bool:
        """Wait until nothing was asked for and nothing came for a moment; say whether that was so in time."""
        return self._wait(
            lambda: not self.ledger.waiting() and time.monotonic() - self.ledger.changed >= self.patience.quiet,
            self.patience.settle if settle is None else settle,
        )

    def frames(self) -> tuple[Frame, ...]:
        """Return the documents that the page shows now, its own first."""
        return self._answered(self._frames.all)

    def run(self, script: str, argument: object = None, frame: Frame | None = None) -> Any:
        """Call one of our scripts in *frame*, or in the page's own; None where it has gone or the script failed."""
        where = frame or self.frames()[0]
        try:
            return self._answered(lambda seconds: self._frames.run(where, script, argument, seconds))
        except CommandError as refused:
            self.sessions.check()
            self.notes.take(NoteKind.ERROR, script, refused.text)
            return None

    def resize(self, width: int, height: int) -> None:
        """Give the page a window of this size."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        metrics |= {"screenWidth": width, "screenHeight": height}
        self.ask("Emulation.setDeviceMetricsOverride", metrics)

    def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the browser something about the page."""
        return self._answered(lambda seconds: self.devtools.ask(method, params, session=self.page, seconds=seconds))

    def drawn(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Ask for a picture of the page, which may take long although no script keeps it busy."""
        return self.devtools.ask(method, params, session=self.page, seconds=self.left(self.patience.drawing))

    def address(self) -> str:
        """Return the URL of the page's own document."""
        return self.frames()[0].url

    def _answered(self, question: Callable[[float], Answer]) -> Answer:
        """Return the page's answer; a page that is kept busy has its scripts ended, once, and is asked again."""
        try:
            return question(self.left(self.patience.script))
        except FetchError as failure:
            self.sessions.check()
            if failure.reason != Reason.TIMEOUT:
                raise
        self._let_go("a script of the page did not come to an end")
        return question(self.left(self.patience.script))

    def left(self, wanted: float) -> float:
        """Return how many of *wanted* seconds there are; raises FetchError where the page's time is over."""
        self.sessions.check()
        left = self._ends - time.monotonic()
        if left <= 0:
            raise FetchError(Reason.LIMIT_TIME, "the time for this page is over")
        return min(wanted, left)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        found = self.devtools.until(lambda: bool(self.sessions.crashed) or condition(), self.left(seconds))
        self.sessions.check()
        return found

    def _failed(self, url: str, said: dict[str, Any]) -> Opened:
        error = said["errorText"]
        if said.get("isDownload"):
            return Opened(url, "", Reason.OUT_OF_SCOPE, "it is no page but a download, which the browser was not given")
        # The ledger's line of this failure may come after the answer.
        self._wait(lambda: not self.ledger.waiting(), self.patience.quiet)
        refused = refusals(self.ledger.all())[-1:] if error.startswith("net::ERR_CERT_") else ()
        return Opened(url, "", reason(error), error, refusal=refused[0] if refused else None)

    def _unstop(self) -> None:
        """Let the next page have what was taken from the one before it."""
        self.devtools.tell("Fetch.disable", session=self.page)
        self.devtools.tell("Emulation.setScriptExecutionDisabled", {"value": False}, session=self.page)

    def _let_go(self, why: str) -> None:
        """End the scripts of the page and of its frames, for good, and note why."""
        if self._stopped:
            return
        self._stopped = why
        self.notes.take(NoteKind.STOPPED, "", f"{why}: its scripts were ended")
        for session, target in self.sessions.live.items():
            if target.drawn:
                stop_scripts(self.devtools, session)
        # Loading goes on: a document that is cut before its body is never painted, and no picture comes (measured).

    def _hear(self, event: Event) -> None:
        match event.method:
            case "Page.javascriptDialogOpening":
                self._answer(event)
            case "Page.loadEventFired" if event.session == self.page:
                self._loaded = True
            case "Page.frameStoppedLoading" if event.params["frameId"] == self.sessions.target:
                self._idle = True  # without a load event where it became a download
            case "Page.windowOpen" | "Target.attachedToTarget":
                if self.notes.count(NoteKind.POPUP) >= _MOST_POPUPS:
                    self._let_go(f"the page opened {_MOST_POPUPS} windows")
            case "Page.frameNavigated" if event.session == self.page and "parentId" not in event.params["frame"]:
                self._navigations += 1
                self._loaded = self._idle = False
                if self._navigations > _MOST_NAVIGATIONS:
                    self._let_go(f"the page went elsewhere {_MOST_NAVIGATIONS} times")
                    # A refresh needs no script: from now on no document is asked for.
                    documents = {"patterns": [{"urlPattern": "*", "resourceType": "Document"}]}
                    self.devtools.tell("Fetch.enable", documents, session=self.page)
            case "Fetch.requestPaused":
                # A navigation that is aborted leaves the document where it is.
                refused = {"requestId": event.params["requestId"], "errorReason": "Aborted"}
                self.devtools.tell("Fetch.failRequest", refused, session=event.session)

    def _answer(self, event: Event) -> None:
        kind, words = event.params["type"], event.params["message"]
        accept = _DIALOGS.get(kind, False)
        if self.notes.count(NoteKind.DIALOG) >= _MOST_DIALOGS:
            self._let_go(f"the page opened {_MOST_DIALOGS} dialogs")
        if self.notes.count(NoteKind.DIALOG) >= 2 * _MOST_DIALOGS:
            # A loop of dialogs is the one script that cannot be ended alone (measured): its process is.
            self.sessions.crashed = f"the page opened {2 * _MOST_DIALOGS} dialogs without an end, and was ended"
            self.devtools.tell("Page.crash", session=event.session)
            return
        self.devtools.tell("Page.handleJavaScriptDialog", {"accept": accept}, session=event.session)
        self.notes.take(
            NoteKind.DIALOG, event.params.get("url", ""), f"{kind}, {'accepted' if accept else 'dismissed'}: {words}"
        )
