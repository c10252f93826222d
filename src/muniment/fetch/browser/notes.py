"""What happened in the browser that nobody asked for: noted, bounded, never silent."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from muniment.fetch.browser.devtools import Event

__all__ = ["Note", "NoteKind", "Notes"]

_MOST: Final = 2000
_LONGEST: Final = 4096


class NoteKind(StrEnum):
    """What a note is about."""

    DIALOG = "dialog"
    DOWNLOAD = "download"
    POPUP = "popup"
    CRASH = "crash"
    STOPPED = "stopped"
    CONSOLE = "console"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that happened: where (a URL, or empty), and what, in words or in the page's own words."""

    kind: NoteKind
    where: str
    text: str


class Notes:
    """The notes of one page in their order; ``left_out`` counts those beyond 2,000 of a kind."""

    def __init__(self) -> None:
        self._taken: list[Note] = []
        self._counts: dict[NoteKind, int] = dict.fromkeys(NoteKind, 0)

    def take(self, kind: NoteKind, where: str, text: str) -> None:
        """Keep a note, of its text the first 4,096 letters."""
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST:
            self._taken.append(Note(kind, where[:_LONGEST], text[:_LONGEST]))

    def hear(self, event: Event) -> None:
        """Take what pages and workers say to their console, and the errors that they did not catch."""
        match event.method:
            case "Runtime.consoleAPICalled":
                words = " ".join(_shown(each) for each in event.params["args"])
                self.take(NoteKind.CONSOLE, _place(event.params), f"{event.params['type']}: {words}")
            case "Runtime.exceptionThrown":
                detail = event.params["exceptionDetails"]
                words = detail.get("exception", {}).get("description") or detail.get("text", "")
                self.take(NoteKind.ERROR, detail.get("url", ""), words)
            case "Log.entryAdded":
                entry = event.params["entry"]
                self.take(NoteKind.CONSOLE, entry.get("url", ""), f"{entry['level']}: {entry['text']}")

    def count(self, kind: NoteKind) -> int:
        """Return how often *kind* happened."""
        return self._counts[kind]

    def all(self) -> tuple[Note, ...]:
        """Return every note that was kept."""
        return tuple(self._taken)

    @property
    def left_out(self) -> int:
        """How many notes were not kept."""
        return sum(max(0, count - _MOST) for count in self._counts.values())


def _shown(argument: dict[str, Any]) -> str:
    return str(argument["value"]) if "value" in argument else str(argument.get("description", argument["type"]))


def _place(said: dict[str, Any]) -> str:
    frames = said.get("stackTrace", {}).get("callFrames") or [{}]
    return str(frames[0].get("url", ""))
