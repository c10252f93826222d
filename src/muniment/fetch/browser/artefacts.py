"""How the page looked: full-page picture, the same under time and URL, PDF, rendered DOM, visible text, notes.

All of it is derived: made by the browser from what it received, not received itself.
"""

import base64
import html
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Final

from muniment import canonical
from muniment.errors import FetchError
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page
from muniment.fetch.browser.world import Frame, Frames
from muniment.model import Reason

__all__ = ["Artefact", "ArtefactKind", "Studio"]

_TALLEST: Final = 16_384
"""Pixels; beyond them Chromium's surface repeats or stays empty."""
_WIDEST: Final = 4096
_MARGIN: Final = 48
_PIECE: Final = 1 << 20
_DRAWING: Final = 5.0
_UNSEEN: Final = 500
"""Milliseconds."""
_LONGEST: Final = 64 << 20
"""Letters of a document; what is longer is cut there, and said."""


class ArtefactKind(StrEnum):
    """What an artefact shows."""

    SCREENSHOT = "screenshot"
    DATED = "screenshot-dated"
    PDF = "pdf"
    DOM = "dom"
    TEXT = "text"
    NOTES = "notes"


@dataclass(frozen=True, slots=True)
class Artefact:
    """One artefact and how it was made: of which document, when, by which browser, how large; *cut* says what lacks.

    *width* and *height* are CSS pixels of the picture, at a scale of one; 0 for what is no picture.
    """

    kind: ArtefactKind
    media_type: str
    url: str
    at: datetime
    product: str
    viewport: tuple[int, int]
    width: int = 0
    height: int = 0
    cut: str = ""


class Studio:
    """Takes artefacts of *page*, written into files that are handed in; *now* is the clock that dates them."""

    def __init__(self, browser: Browser, page: Page, now: Callable[[], datetime]) -> None:
        self._browser = browser
        self._page = page
        self._now = now

    def screenshots(self, plain: BinaryIO, dated: BinaryIO) -> tuple[Artefact, Artefact]:
        """Write the whole page as PNG, untouched, and the same under a line with UTC time and URL."""
        page, settings = self._page, self._browser.facts.settings
        size = page.run("height.js")
        if size is None:
            raise FetchError(Reason.ENGINE_CRASH, "the page did not tell its size")
        width, height = min(size["width"], _WIDEST), min(size["height"], _TALLEST - _MARGIN)
        cut = ""
        if (width, height) != (size["width"], size["height"]):
            cut = f"the page is {size['width']} x {size['height']} pixels; beyond {width} x {height} nothing is shown"
        # The window is made as large as the page: what lies outside of it is not painted in frames of other sites.
        page.resize(width, height)
        try:
            page.quiet()
            self._draw()
            at, url = self._now(), page.address()
            drawn = page.drawn("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": False})["data"]
        finally:
            page.resize(settings.width, settings.height)
        _decode(drawn, plain)
        facts = self._facts(ArtefactKind.SCREENSHOT, "image/png", url, at)
        first = replace(facts, width=width, height=height, cut=cut)
        line = f"{at:%Y-%m-%dT%H:%M:%SZ}  {url}"
        _decode(self._margin(drawn, line, width, height), dated)
        return first, replace(first, kind=ArtefactKind.DATED, height=height + _MARGIN)

    def pdf(self, into: BinaryIO) -> Artefact:
        """Print the page, with time and URL at the foot of each sheet."""
        at, url = self._now(), self._page.address()
        style = "font:7px monospace;width:100%;margin:0 10mm;overflow-wrap:anywhere"
        sheets = '<span class="pageNumber"></span>/<span class="totalPages"></span>'
        foot = f'<div style="{style}">{at:%Y-%m-%dT%H:%M:%SZ} {html.escape(url[:300])} {sheets}</div>'
        wanted = {"printBackground": True, "transferMode": "ReturnAsStream", "displayHeaderFooter": True}
        wanted |= {"headerTemplate": "<span></span>", "footerTemplate": foot}
        stream = self._page.drawn("Page.printToPDF", wanted)["stream"]
        self._stream(stream, into)
        return self._facts(ArtefactKind.PDF, "application/pdf", url, at)

    def dom(self, into: BinaryIO) -> Artefact:
        """Write the page's own document as it was rendered, with the contents of its open shadow roots."""
        at, frame = self._now(), self._page.frames()[0]
        cut = self._kept("dom", frame, into)
        return replace(self._facts(ArtefactKind.DOM, "text/html; charset=utf-8", frame.url, at), cut=cut)

    def text(self, into: BinaryIO) -> Artefact:
        """Write the visible text of the page, and of each frame in it under a line with the frame's URL."""
        at = self._now()
        frames = self._page.frames()
        cuts = []
        for frame in frames:
            if frame is not frames[0]:
                into.write(f"\n\n[{frame.url}]\n".encode())
            cuts.append(self._kept("text", frame, into))
        cut = "; ".join(filter(None, cuts))
        return replace(self._facts(ArtefactKind.TEXT, "text/plain; charset=utf-8", frames[0].url, at), cut=cut)

    def notes(self, into: BinaryIO) -> Artefact:
        """Write what the page said to its console, its errors, and what it tried, a line of JSON each."""
        notes = self._page.notes
        for each in notes.all():
            said = {name: value.encode("utf-8", "replace").decode() for name, value in asdict(each).items()}
            into.write(canonical.encode(said) + b"\n")
        cut = f"{notes.left_out} more notes were not kept" if notes.left_out else ""
        facts = self._facts(ArtefactKind.NOTES, "application/x-ndjson", self._page.address(), self._now())
        return replace(facts, cut=cut)

    def _draw(self) -> None:
        """Wait until each frame is drawn as it is seen now; one that nobody can see is not waited for long.

        A frame of another site that has just come in sight is white in the first picture (measured: in five of five).
        """
        until = time.monotonic() + _DRAWING
        for frame in self._page.frames():
            if self._page.stopped or time.monotonic() > until:
                return
            self._page.run("drawn.js", _UNSEEN, frame)

    def _facts(self, kind: ArtefactKind, media_type: str, url: str, at: datetime) -> Artefact:
        settings = self._browser.facts.settings
        return Artefact(kind, media_type, url, at, self._browser.facts.product, (settings.width, settings.height))

    def _kept(self, what: str, frame: Frame, into: BinaryIO) -> str:
        length = self._page.run("dom.js", {"what": what, "at": 0, "size": 0}, frame)
        if length is None:
            return f"{frame.url} could not be read"
        at = 0
        while at < min(length, _LONGEST):
            piece = self._page.run("dom.js", {"what": "piece", "at": at, "size": _PIECE}, frame)
            if piece is None:
                return f"{frame.url} went away at letter {at} of {length}"
            into.write(piece["text"].encode("utf-8", "replace"))
            at = piece["next"]
        return f"{frame.url} has {length} letters, of which the first {_LONGEST} are here" if length > _LONGEST else ""

    def _stream(self, stream: str, into: BinaryIO) -> None:
        page = self._page
        while True:
            piece = page.ask("IO.read", {"handle": stream, "size": _PIECE})
            octets = piece["data"]
            into.write(base64.b64decode(octets) if piece.get("base64Encoded") else octets.encode())
            if piece["eof"]:
                break
        page.ask("IO.close", {"handle": stream})

    def _margin(self, picture: str, line: str, width: int, height: int) -> str:
        """Return *picture* (base64) under *line*, drawn by a page of our own; nothing is fetched."""
        devtools, page = self._browser.devtools, self._page
        with page.sessions.spare() as session:
            metrics = {"width": width, "height": height + _MARGIN, "deviceScaleFactor": 1, "mobile": False}
            devtools.ask("Emulation.setDeviceMetricsOverride", metrics, session=session)
            frame = devtools.ask("Page.getFrameTree", session=session)["frameTree"]["frame"]
            ours = Frames(devtools, page.sessions)
            blank = Frame(frame["id"], frame["url"], session)
            for at in range(0, len(picture), _PIECE):
                piece = {"what": "piece", "text": picture[at : at + _PIECE], "height": 0}
                ours.run(blank, "margin.js", piece, page.left(page.patience.script))
            shown = {"what": "show", "text": line, "height": _MARGIN}
            ours.run(blank, "margin.js", shown, page.left(page.patience.drawing))
            wanted = {"format": "png", "captureBeyondViewport": False}
            return str(
                devtools.ask(
                    "Page.captureScreenshot", wanted, session=session, seconds=page.left(page.patience.drawing)
                )["data"]
            )


def _decode(text: str, into: BinaryIO) -> None:
    into.writelines(base64.b64decode(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))
