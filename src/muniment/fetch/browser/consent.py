"""A wall that asks the reader for consent: recognised by what it is, answered as the rules say, and recorded."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from muniment.fetch.browser.page import Page
from muniment.fetch.browser.world import Frame

__all__ = ["Button", "Choice", "Consent", "Wall", "answer", "find"]

_GONE: Final = 3.0


class Choice(StrEnum):
    """What is said to a wall: refuse where that is offered and accept otherwise, accept, or nothing."""

    REJECT = "reject"
    ACCEPT = "accept"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a wall: its words, and what they were taken to mean (accept, reject, settings)."""

    text: str
    means: str


@dataclass(frozen=True, slots=True)
class Wall:
    """A wall as it stands: in which frame, how it was recognised (dialog, overlay, name, frame), words and buttons.

    That a page has no wall is not promised where none is found: a wall may speak another language.
    """

    frame: Frame
    how: str
    text: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """What was answered: the wall, the rule, the words of the button that was pressed ("" for none), if it went."""

    wall: Wall
    choice: Choice
    pressed: str
    meant: str
    gone: bool


def find(page: Page) -> Wall | None:
    """Return the wall that stands before the page, in whatever frame, or None where none is recognised."""
    for frame in page.frames():
        found = page.run("consent.js", {"what": "look", "index": 0}, frame)
        if found:
            buttons = tuple(Button(each["text"], each["means"]) for each in found["buttons"])
            return Wall(frame, found["how"], found["text"], buttons)
    return None


def answer(page: Page, wall: Wall, choice: Choice) -> Consent:
    """Press the button of *wall* that *choice* means, and wait until the wall is gone, or not."""
    index = _wanted(wall, choice)
    if index is None or not page.run("consent.js", {"what": "press", "index": index}, wall.frame):
        return Consent(wall, choice, "", "", gone=False)
    gone = _until(page, lambda: find(page) is None)
    page.quiet()
    button = wall.buttons[index]
    return Consent(wall, choice, button.text, button.means, gone)


def _wanted(wall: Wall, choice: Choice) -> int | None:
    order = {Choice.REJECT: ("reject", "accept"), Choice.ACCEPT: ("accept",), Choice.NOTHING: ()}[choice]
    for means in order:
        for index, button in enumerate(wall.buttons):
            if button.means == means:
                return index
    return None


def _until(page: Page, condition: Callable[[], bool]) -> bool:
    """Look at *condition* again after each moment of quiet, for three seconds at most."""
    for _ in range(round(_GONE / page.patience.quiet)):
        page.quiet(page.patience.quiet)
        if condition():
            return True
    return False
