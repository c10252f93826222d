"""What sources say of an article: each value with its raw text and its source, none merged, all bounded."""

import html
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from muniment.errors import FormatError
from muniment.extract.charset import printable
from muniment.extract.dates import instant_or_day
from muniment.message.url import join

__all__ = ["Assertion", "Assertions", "Field"]

_MAX_RAW: Final = 2_048
_MAX_ASSERTIONS: Final = 256
_MAX_OF_SOURCE: Final = 16
# What readers see is marked so in teasers of other articles too, and those come later.
_MAX_OF_ELEMENT: Final = 4

_SPACE: Final = re.compile(r"\s+")
# "By AFP", "Par Anne Roux". Von and its like are also parts of names, so two words with capitals must follow them.
_BY: Final = re.compile(r"(?P<word>by|par|von|por|door|di)\b[\s:]*(?P<one>\w)\w*(?:\s+(?P<two>\w))?", re.IGNORECASE)
# RFC 5646 2.1, or as Open Graph writes it, with an underscore.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}\Z", re.ASCII)
_URL: Final = re.compile(r"(?:https?:)?//", re.IGNORECASE)


class Field(StrEnum):
    """What an assertion is about."""

    HEADLINE = "headline"
    BYLINE = "byline"
    PUBLISHED = "published"
    MODIFIED = "modified"
    PUBLISHER = "publisher"
    LANGUAGE = "language"
    SECTION = "section"
    DESCRIPTION = "description"
    CANONICAL_URL = "canonical-url"


_NAMES: Final = frozenset({Field.BYLINE, Field.PUBLISHER})
_DATES: Final = frozenset({Field.PUBLISHED, Field.MODIFIED})


@dataclass(frozen=True, slots=True)
class Assertion:
    """One source's word on one field.

    ``raw`` is the text as it stands in the page (markup removed, at most 2,048 characters), ``value`` the same for
    reading: white space collapsed, entities resolved, a byline without its "By", a date as
    :func:`~muniment.extract.dates.instant_or_day` reads it, a language as a tag (``en-US``), a URL absolute. An empty
    value means that the raw text cannot be read in one way only. ``source`` names the mechanism:
    ``json-ld:NewsArticle.datePublished``, ``meta:og:title``, ``html:time[datetime]``, ``trafilatura:title``.
    """

    field: Field
    value: str
    raw: str
    source: str


@dataclass(slots=True)
class Assertions:
    """Assertions as they are met on the page at *url*: the same word of the same source once, all of them bounded."""

    url: str
    kept: dict[tuple[Field, str, str], Assertion] = field(default_factory=dict)
    left_out: int = 0
    _of_source: dict[tuple[Field, str], int] = field(default_factory=dict)

    def add(self, about: Field, raw: str, source: str) -> None:
        """Keep that *source* says *raw*; nothing where it says nothing, or names a person by a URL."""
        said = printable(raw.strip()[:_MAX_RAW])
        key = (about, said, source)
        if not said or key in self.kept or (about in _NAMES and _URL.match(said)):
            return
        count = self._of_source.get((about, source), 0)
        most = _MAX_OF_ELEMENT if source.startswith("html:") else _MAX_OF_SOURCE
        if count >= most or len(self.kept) >= _MAX_ASSERTIONS:
            self.left_out += 1
            return
        self._of_source[about, source] = count + 1
        self.kept[key] = Assertion(about, self._value(about, said), said, source)

    def _value(self, about: Field, raw: str) -> str:
        if about in _DATES:
            return instant_or_day(raw)
        # Content management systems escape twice: what remains after the parser is resolved once more.
        text = printable(_SPACE.sub(" ", html.unescape(raw)).strip())
        match about:
            case Field.BYLINE:
                return _without_by(text)
            case Field.LANGUAGE:
                return _tag(text)
            case Field.CANONICAL_URL:
                return self._resolved(text)
            case _:
                return text

    def _resolved(self, text: str) -> str:
        try:
            return join(self.url, text).href
        except FormatError:
            return ""


def _without_by(text: str) -> str:
    written = _BY.match(text)
    if written is None:
        return text
    alone = written["word"].lower() in ("by", "par")
    named = written["one"].isupper() and (written["two"] or "").isupper()
    return text[written.start("one") :] if alone or named else text


def _tag(text: str) -> str:
    """Return *text* as a language tag, in the case that RFC 5646 2.1.1 recommends; as it is where it is none."""
    if not _LANGUAGE.match(text):
        return text
    first, *rest = text.replace("_", "-").split("-")
    cased = [each.upper() if len(each) == 2 else each.title() if len(each) == 4 else each.lower() for each in rest]
    return "-".join([first.lower(), *cased])
