"""What a patient reader does with a page: scrolls, looks at every picture, opens what is folded, starts the media.

Each behaviour is bounded, and says what it did. All but one are generic; that one has a table of sites.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from muniment.fetch.browser.page import Page
from muniment.fetch.browser.sites import press

__all__ = ["Deed", "behave"]

_STEPS: Final = 60
_SCROLLING: Final = 60.0
_STEP_SETTLES: Final = 2.0
_PICTURES: Final = 500
_FOLDS: Final = 50
_MEDIA: Final = 20
_PLAYING: Final = 15.0


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done to the page: which behaviour, in which document, with what outcome in words."""

    behaviour: str
    where: str
    outcome: str
    complete: bool = True


def behave(page: Page) -> tuple[Deed, ...]:
    """Do all of it, in the order in which one thing makes the next appear; nothing where scripts have been ended."""
    done: list[Deed] = []
    for behaviour in (_open, _sites, _scroll, _open, _sites, _pictures, _play):  # scrolling may bring what is folded
        if page.stopped:
            done.append(
                Deed(behaviour.__name__.strip("_"), page.address(), f"not done: {page.stopped}", complete=False)
            )
        else:
            done += behaviour(page)
    return tuple(done)


def _everywhere(page: Page, script: str, most: int) -> Iterator[tuple[str, Any]]:
    for frame in page.frames():
        if page.stopped:
            return
        found = page.run(script, most, frame)
        if found is not None:
            yield frame.url, found


def _open(page: Page) -> Iterator[Deed]:
    for url, found in _everywhere(page, "open.js", _FOLDS):
        if found["details"] or found["clicked"]:
            words = f"{found['details']} <details> opened, {len(found['clicked'])} buttons pressed"
            named = "".join(f"; {text!r}" for text in dict.fromkeys(found["clicked"]))
            yield Deed("open", url, words + named, max(found["details"], len(found["clicked"])) < _FOLDS)
            page.quiet(_STEP_SETTLES)


def _sites(page: Page) -> Iterator[Deed]:
    for frame in page.frames():
        for site, words in press(page, frame):
            yield Deed(f"site: {site}", frame.url, words)


def _scroll(page: Page) -> Iterator[Deed]:
    until = time.monotonic() + _SCROLLING
    url = page.address()
    at = page.run("scroll.js", "start")
    steps = 0
    while at and at["more"] and steps < _STEPS and time.monotonic() < until and not page.stopped:
        at = page.run("scroll.js", "step")
        page.quiet(_STEP_SETTLES)
        steps += 1
        if at and not at["more"]:
            at = page.run("scroll.js", "step")  # what came meanwhile may have made the page longer
    if not at:
        yield Deed("scroll", url, "the page could not be scrolled", complete=False)
        return
    words = f"{steps} steps down to {at['top']} of {at['height']} pixels"
    if at["inner"]:
        words += f"; {at['inner']} parts of it scrolled to their end"
    yield Deed("scroll", url, words, not at["more"])
    page.run("scroll.js", "start")


def _pictures(page: Page) -> Iterator[Deed]:
    for url, found in _everywhere(page, "images.js", _PICTURES):
        if found["lazy"] or found["asked"]:
            words = f"{found['lazy']} lazy elements told to load, {found['asked']} candidates asked for"
            yield Deed("pictures", url, words, found["asked"] < _PICTURES)
    page.quiet()


def _play(page: Page) -> Iterator[Deed]:
    until = time.monotonic() + _PLAYING
    while True:
        looked = list(_everywhere(page, "media.js", _MEDIA))
        waits = any(each["state"] == "waits" for _, media in looked for each in media)
        if not waits or time.monotonic() > until or page.stopped:
            break
        page.quiet(page.patience.quiet)
    for url, media in looked:
        for each in media:
            outcome = f"{each['state']}: {each['url']}"
            yield Deed("play", url, outcome, each["state"] in {"plays", "ended"})
