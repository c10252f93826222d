"""Every target of the one page that is captured: its frames in other processes, its workers, its service workers.

Each is met before it runs, so that none of its requests is missed. Other pages that it opens are noted and closed
before they load.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from muniment.errors import FetchError
from muniment.fetch.browser.devtools import PATIENCE, DevTools, Event
from muniment.fetch.browser.notes import NoteKind, Notes
from muniment.model import Reason

__all__ = ["Sessions", "Target", "stop_scripts"]

_FILTER: Final = [{"type": kind, "exclude": True} for kind in ("browser", "tab", "browser_ui", "other")] + [{}]
_ATTACH: Final = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
_FRAMES: Final = frozenset({"page", "iframe"})


@dataclass(frozen=True, slots=True)
class Target:
    """Something that runs in the browser and asks for things: page, iframe, worker, shared_worker, service_worker."""

    id: str
    kind: str
    url: str

    @property
    def drawn(self) -> bool:
        """Whether it has frames, in which documents are shown."""
        return self.kind in _FRAMES


class Sessions:
    """The page at session ``page`` and whatever came to it; ``live`` are the targets that stand, by session.

    ``target`` is the id of the page, which is also that of its own frame. Other windows are let be, and met, while
    ``more_windows`` is set.
    """

    def __init__(self, devtools: DevTools, notes: Notes) -> None:
        self.live: dict[str, Target] = {}
        self.page = ""
        self.crashed = ""
        self.more_windows = False
        self._known: dict[str, str] = {}
        self._spares: dict[str, str] = {}
        self._devtools = devtools
        self._notes = notes
        self.target = ""
        devtools.hear(self._hear)

    def begin(self) -> None:
        """Open the page, empty; whoever wants its events hears them from before this."""
        self._devtools.ask("Target.setAutoAttach", {**_ATTACH, "filter": _FILTER})
        self._devtools.ask("Browser.setDownloadBehavior", {"behavior": "deny", "eventsEnabled": True})
        self.target = self._devtools.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        if not self._devtools.until(self._found, PATIENCE):
            raise FetchError(Reason.TIMEOUT, "the browser opened no page")

    def pass_by_workers(self) -> None:
        """Let no service worker of an old profile answer for a site: what it answers never crosses the wire."""
        self._devtools.ask("Network.setBypassServiceWorker", {"bypass": True}, session=self.page)

    @contextlib.contextmanager
    def spare(self, *, proxy: str = "") -> Iterator[str]:
        """Open another page, empty, for purposes of our own, and give its session; it shares nothing with the page.

        *proxy* names another way for it than that of the browser.
        """
        way = {"proxyServer": proxy, "proxyBypassList": ""} if proxy else {}
        context = self._devtools.ask("Target.createBrowserContext", {"disposeOnDetach": True, **way})[
            "browserContextId"
        ]
        self._spares[context] = ""
        try:
            self._devtools.ask("Target.createTarget", {"url": "about:blank", "browserContextId": context})
            if not self._devtools.until(lambda: bool(self._spares[context]), PATIENCE):
                raise FetchError(Reason.TIMEOUT, "the browser opened no second page")
            yield self._spares[context]
        finally:
            del self._spares[context]
            with contextlib.suppress(FetchError):
                self._devtools.ask("Target.disposeBrowserContext", {"browserContextId": context})

    def kind(self, session: str) -> str:
        """Return what kind of target a session belongs or belonged to."""
        return self._known.get(session, "browser")

    def check(self) -> None:
        """Raise FetchError (ENGINE_CRASH) where the page's process is gone."""
        if self.crashed:
            raise FetchError(Reason.ENGINE_CRASH, self.crashed)

    def _found(self) -> bool:
        self.page = next((session for session, target in self.live.items() if target.id == self.target), "")
        return bool(self.page)

    def _hear(self, event: Event) -> None:
        said = event.params
        match event.method:
            case "Target.attachedToTarget":
                self._meet(said["sessionId"], said["targetInfo"], event.session)
            case "Target.detachedFromTarget":
                self.live.pop(said["sessionId"], None)
            case "Inspector.targetCrashed":
                target = self.live.get(event.session)
                words = "its process ended: by a fault, by a lack of memory, or killed"
                self._notes.take(NoteKind.CRASH, target.url if target else "", words)
                if event.session == self.page and not self.crashed:
                    self.crashed = f"the page crashed: {words}"
            case "Page.windowOpen":
                self._notes.take(NoteKind.POPUP, said["url"], "was asked for by the page, and not opened")
            case "Browser.downloadWillBegin":
                self._notes.take(NoteKind.DOWNLOAD, said["url"], f"was refused: {said.get('suggestedFilename', '')}")

    def _meet(self, session: str, info: dict[str, Any], parent: str) -> None:
        target = Target(info["targetId"], info["type"], info["url"])
        self._known[session] = target.kind
        tell = self._devtools.tell
        if info.get("browserContextId") in self._spares:
            if target.kind == "page":
                self._spares[info["browserContextId"]] = session
                tell("Page.enable", session=session)
            tell("Runtime.runIfWaitingForDebugger", session=session)
            return
        if target.kind == "page" and self.target and target.id != self.target and not self.more_windows:
            self._close(target, session)
            return
        if not parent and target.kind not in {"page", "service_worker", "shared_worker"}:
            tell("Runtime.runIfWaitingForDebugger", session=session)
            return
        if any(each.id == target.id for each in self.live.values()):
            # A service worker is met by the browser and by its page; one account of it is enough.
            tell("Runtime.runIfWaitingForDebugger", session=session)
            return
        self.live[session] = target
        for domain in ("Network", "Runtime", "Log", *(("Page", "Inspector") if target.drawn else ())):
            tell(f"{domain}.enable", session=session)
        tell("Target.setAutoAttach", _ATTACH, session=session)
        tell("Runtime.runIfWaitingForDebugger", session=session)

    def close_others(self) -> None:
        """Close every window but the page."""
        for target in list(self.live.values()):
            if target.kind == "page" and target.id != self.target:
                self._devtools.tell("Target.closeTarget", {"targetId": target.id})

    def _close(self, target: Target, session: str) -> None:
        self._notes.take(NoteKind.POPUP, target.url, "was closed before it loaded")
        self._devtools.tell("Target.closeTarget", {"targetId": target.id})
        self._devtools.tell("Runtime.runIfWaitingForDebugger", session=session)


def stop_scripts(devtools: DevTools, session: str) -> None:
    """End what runs in a target and let nothing run again; both reach it also while a script never returns."""
    devtools.tell("Emulation.setScriptExecutionDisabled", {"value": True}, session=session)
    devtools.tell("Runtime.terminateExecution", session=session)
