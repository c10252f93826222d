"""Scripts of ours in the frames of a page, in a world of their own: what the page redefined does not reach them."""

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from muniment.errors import FetchError
from muniment.fetch.browser.devtools import CommandError, DevTools
from muniment.fetch.browser.sessions import Sessions
from muniment.model import Reason

__all__ = ["Frame", "Frames"]

_WORLD: Final = "muniment"
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Frame:
    """One document that is shown: the browser's id of its frame, its URL, and the session that knows it."""

    id: str
    url: str
    session: str


class Frames:
    """The frames of the page, whatever process they live in."""

    def __init__(self, devtools: DevTools, sessions: Sessions) -> None:
        self._devtools = devtools
        self._sessions = sessions

    def all(self, seconds: float) -> tuple[Frame, ...]:
        """Return the frames that there are now, the page's own first, at most 200."""
        found: list[Frame] = []
        page = self._sessions.page
        others = [session for session, target in self._sessions.live.items() if target.drawn and session != page]
        for session in (page, *others):
            try:
                tree = self._devtools.ask("Page.getFrameTree", session=session, seconds=seconds)["frameTree"]
            except CommandError:
                continue  # gone meanwhile
            _collect(tree, session, found)
        if not found:
            raise FetchError(Reason.ENGINE_CRASH, "the page has no frame")
        return tuple(found[:_MOST])

    def run(self, frame: Frame, script: str, argument: object, seconds: float) -> Any:
        """Call the function in the file *script* with *argument* in *frame*; return what it resolves to.

        Raises CommandError where the frame went away or the function failed, FetchError (TIMEOUT) where the frame is
        kept busy by a script of its own.
        """
        context = self._devtools.ask(
            "Page.createIsolatedWorld",
            {"frameId": frame.id, "worldName": _WORLD},
            session=frame.session,
            seconds=seconds,
        )["executionContextId"]
        answer = self._devtools.ask(
            "Runtime.callFunctionOn",
            {
                "functionDeclaration": _text(script),
                "executionContextId": context,
                "arguments": [{"value": argument}],
                "awaitPromise": True,
                "returnByValue": True,
            },
            session=frame.session,
            seconds=seconds,
        )
        if "exceptionDetails" in answer:
            said = answer["exceptionDetails"].get("exception", {}).get("description", "an error")
            raise CommandError(script, str(said)[:400])
        return answer.get("result", {}).get("value")


def _collect(tree: dict[str, Any], session: str, into: list[Frame]) -> None:
    waiting = [tree]
    while waiting:
        each = waiting.pop(0)
        into.append(Frame(each["frame"]["id"], each["frame"]["url"], session))
        waiting += each.get("childFrames", ())


@functools.cache
def _text(script: str) -> str:
    return (resources.files("muniment.fetch.browser") / "scripts" / script).read_text(encoding="utf-8")
