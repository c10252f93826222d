"""How the page looked, as records: pictures, paper, document and text, each beside how it was made."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from muniment import manifest, scratch
from muniment.capture.recorder import Recorder, Resource
from muniment.errors import FetchError
from muniment.fetch.browser.artefacts import Artefact, ArtefactKind, Studio
from muniment.model import Role

__all__ = ["Likeness", "plain"]

_PAGE: Final = 4 << 20
_ROLES: Final = {
    ArtefactKind.SCREENSHOT: Role.SCREENSHOT,
    ArtefactKind.DATED: Role.SCREENSHOT,
    ArtefactKind.PDF: Role.PDF,
    ArtefactKind.DOM: Role.DOM,
    ArtefactKind.TEXT: Role.TEXT,
    ArtefactKind.NOTES: Role.OTHER,
}


class Likeness:
    """Takes the artefacts of *studio* and hands them to *recorder*, each under ``urn:<what>:<URL of the page>``.

    So no tool takes one for an answer of the site. *state* is told how each was made, *lacking* which could not be.
    Raises StoreError where the disk refuses.
    """

    def __init__(
        self,
        studio: Studio,
        recorder: Recorder,
        folder: Path,
        state: Callable[[str, str, dict[str, Any]], None],
        lacking: Callable[[FetchError, str], None],
    ) -> None:
        self._studio = studio
        self._recorder = recorder
        self._folder = folder
        self._state = state
        self._lacking = lacking

    def screenshots(self, parent: str, when: str) -> None:
        """Keep the page's picture and the dated one; *when* tells those taken at another time apart."""
        untouched, dated = scratch.nameless(self._folder), scratch.nameless(self._folder)
        try:
            first, second = self._studio.screenshots(untouched, dated)
        except FetchError as failure:
            untouched.close()
            dated.close()
            self._lacking(failure, "picture")
            return
        self._keep(first, untouched, f"fullPage{when}", parent)
        self._keep(second, dated, f"fullPageDated{when}", parent)

    def papers(self, parent: str) -> str | None:
        """Keep the page as it prints, its visible text, and what it said to its console.

        Returns the beginning of the text, None where there is none.
        """
        shown = None
        for name, make in (("pdf", self._studio.pdf), ("text", self._studio.text), ("notes", self._studio.notes)):
            made = self._made(name, make)
            if made is None:
                continue
            if name == "text":
                made[1].seek(0)
                shown = made[1].read(_PAGE).decode("utf-8", "replace")
            self._keep(*made, name, parent)
        return shown

    def dom(self, parent: str) -> tuple[str, bytes] | None:
        """Keep the document as it was rendered; return its URL and its first 4 MiB, None where there is none."""
        made = self._made("document", self._studio.dom)
        if made is None:
            return None
        artefact, content = made
        content.seek(0)
        beginning = content.read(_PAGE)
        self._keep(artefact, content, "dom", parent)
        return artefact.url, beginning

    def _made(self, name: str, make: Callable[[BinaryIO], Artefact]) -> tuple[Artefact, BinaryIO] | None:
        content = scratch.nameless(self._folder)
        try:
            return make(content), content
        except FetchError as failure:
            content.close()
            self._lacking(failure, name)
            return None

    def _keep(self, made: Artefact, content: BinaryIO, name: str, parent: str) -> None:
        url = f"urn:{name}:{made.url}"
        record_id = self._recorder.keep(Resource(url, _ROLES[made.kind], made.media_type, content, made.at, parent))
        self._state(url, record_id, {"v": 1, "type": "artefact", **plain(asdict(made))})


def plain(said: dict[str, Any]) -> dict[str, Any]:
    """Return *said* as canonical JSON can hold it: moments and enumerations as texts, no half characters."""
    return {name: _value(value) for name, value in said.items()}


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return plain(value)
    if isinstance(value, datetime):
        return manifest.timestamp(value)
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode()
    if isinstance(value, Iterable):
        return [_value(each) for each in value]
    return value
