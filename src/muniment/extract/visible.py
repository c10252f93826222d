"""What the markup of a page says of its article: its own elements, microdata, bylines and dates that readers see."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from muniment.extract import metas, schema_org
from muniment.extract.assertion import Assertions, Field
from muniment.extract.dates import instant_or_day

__all__ = ["read", "standfirst"]

# Of each kind that many elements are looked at, and that many characters of text in all: pages choose how they nest.
_MAX_OF_KIND: Final = 64
_MAX_TEXT: Final = 16 << 20
_MAX_BYLINE: Final = 300
_MAX_DATES: Final = 200
_MAX_STANDFIRST: Final = 2_000
_MIN_STANDFIRST: Final = 40
_COMPARED: Final = 80

_ASIDE: Final = frozenset({"nav", "aside", "form", "menu", "template", "noscript"})
_ASIDE_CLASS: Final = re.compile(
    r"(?:^|[\s_-])(?:comments?|respond|related|recommended|teasers?|sidebar|widgets?|promo|recirc|trending|popular"
    r"|most-read|newsletter|share|sharing|navigation|nav|menu)(?:$|[\s_-])"
)
_BYLINE_CLASS: Final = re.compile(
    r"(?:^|[\s_-])(?P<word>byline|authors?|auteurs?|autor(?:in|en|es)?|writer)(?:$|[\s_]|-name)"
)
_DATE_CLASS: Final = re.compile(
    r"(?:^|[\s_-])(?P<word>dates?|dateline|datetime|published|pubdate|timestamp|updated|modified|datum|fecha)(?:$|[\s_-])"
)
_UPDATED: Final = re.compile(
    r"\b(?:updated?|modified|last.edited|aktualisiert|stand|mise? [àa] jour|modifié|actualizado|aggiornato|atualizado"
    r"|bijgewerkt|uppdaterad|oppdatert|opdateret|zaktualizowano|обновлено|изменено|оновлено|güncelleme)\b|تحديث",
    re.IGNORECASE,
)
_SPACE: Final = re.compile(r"\s+")
_CUT: Final = re.compile(r"[\s.…]*(?:\[(?:\.\.\.|…|&hellip;)\])?[\s.…]*\Z")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an element stands: beside the article, or not; in a microdata item of which type."""

    aside: bool
    kind: str


def read(page: LexborHTMLParser, into: Assertions) -> None:
    """Put what the elements of *page* say of its article into *into*, in document order.

    What stands in navigation, in asides, comments and teasers is passed over where it is marked as such: a judgement,
    and no promise that all the rest is about this article.
    """
    reading = _Reading(into)
    for node, place in _elements(page):
        reading.element(node, place)


def standfirst(page: LexborHTMLParser, description: str, text: str) -> str:
    """Return the lead of the article, as the page shows it, where *text* lacks it; nothing otherwise.

    A lead is an element that says what *description* says, which the page gives to search engines.
    """
    wanted = _CUT.sub("", _plain(description))[:_COMPARED]
    if len(wanted) < _MIN_STANDFIRST:
        return ""
    held = _plain(text)
    left = _MAX_TEXT
    for node in page.css("p, h2, h3, h4, div, span, strong"):
        shown = _plain(node.text(deep=True, separator=" "))
        left -= len(shown) + _COMPARED
        if left < 0:
            break
        if shown.startswith(wanted) and len(shown) <= _MAX_STANDFIRST:
            return "" if shown in held or wanted in held else shown
    return ""


def _elements(page: LexborHTMLParser) -> Iterator[tuple[LexborNode, _Place]]:
    """Yield the elements of *page* in document order with their place, without recursion."""
    if page.root is None:
        return
    pending = [(page.root, _Place(aside=False, kind=""))]
    while pending:
        node, place = pending.pop()
        if not node.is_element_node or not node.tag:
            continue
        yield node, place
        attributes = node.attributes
        kind = place.kind
        if "itemscope" in attributes:
            kind = schema_org.kind_of((attributes.get("itemtype") or "").split())
        beside = place.aside or node.tag in _ASIDE or _is_aside(node.tag, attributes.get("class") or "")
        inner = place if (beside, kind) == (place.aside, place.kind) else _Place(beside, kind)
        child = node.last_child
        while child is not None:
            if child.is_element_node:
                pending.append((child, inner))
            child = child.prev


def _is_aside(tag: str, classes: str) -> bool:
    # The body element's classes tell what a page can do ("has-sidebar"), not what it is.
    return (
        bool(classes) and tag not in ("html", "body", "main", "article") and bool(_ASIDE_CLASS.search(classes.lower()))
    )


class _Reading:
    """One page being read: how many elements of each kind were looked at, how much text is left to look at."""

    __slots__ = ("into", "left", "looked")

    def __init__(self, into: Assertions) -> None:
        self.into = into
        self.left = _MAX_TEXT
        self.looked: dict[str, int] = {}

    def element(self, node: LexborNode, place: _Place) -> None:
        """Read one element: what it is by name, by microdata, by link relation, by class."""
        attributes = {key.lower(): value or "" for key, value in node.attributes.items()}
        tag = (node.tag or "").lower()
        if (own := _OWN.get(tag)) is not None:
            own(self, node, attributes)
        if place.aside:
            return
        if tag == "h1":
            self._text(Field.HEADLINE, node, "html:h1")
        if "itemprop" in attributes:
            self._property(node, attributes, place.kind)
        if tag == "time":
            self._time(node, attributes)
        if tag in ("a", "address", "span") and "author" in attributes.get("rel", "").lower().split():
            self._text(Field.BYLINE, node, "html:[rel=author]", _MAX_BYLINE)
        if classes := attributes.get("class", "").lower():
            self._classes(node, tag, classes)

    def _html(self, _node: LexborNode, attributes: dict[str, str]) -> None:
        for name in ("lang", "xml:lang"):
            self.into.add(Field.LANGUAGE, attributes.get(name, ""), f"html:{name}")

    def _title(self, node: LexborNode, _attributes: dict[str, str]) -> None:
        if node.parent is None or node.parent.tag != "svg":  # a drawing has titles of its own
            self._text(Field.HEADLINE, node, "html:title")

    def _meta(self, _node: LexborNode, attributes: dict[str, str]) -> None:
        for name in ("property", "name", "http-equiv"):
            word = attributes.get(name, "").strip().lower()
            if (about := metas.field_of(word)) is not None:
                self.into.add(about, attributes.get("content", ""), f"meta:{word}")

    def _link(self, _node: LexborNode, attributes: dict[str, str]) -> None:
        if "canonical" in attributes.get("rel", "").lower().split():
            self.into.add(Field.CANONICAL_URL, attributes.get("href", ""), "html:link[rel=canonical]")

    def _property(self, node: LexborNode, attributes: dict[str, str], kind: str) -> None:
        """Read what microdata says (HTML 5.2.3, values); items of other types are not this article."""
        for name in attributes["itemprop"].split()[:8]:
            word = name.rpartition("/")[2]
            about = schema_org.field_of(kind or "CreativeWork", word)
            if about is None or (word == "name" and not kind) or self._seen("microdata:" + word):
                continue
            source = f"microdata:{kind or 'Thing'}.{word}"
            given = next((attributes[key] for key in ("content", "datetime") if attributes.get(key)), "")
            if about is Field.CANONICAL_URL:
                given = given or attributes.get("href", "") or attributes.get("itemid", "")
            if given:
                self.into.add(about, given, source)
            elif "itemscope" in attributes and (named := node.css_first("[itemprop~=name]")) is not None:
                said = named.attributes.get("content")
                self._say(about, said or self._of(named), f"{source}.name")
            elif about is not Field.CANONICAL_URL:
                self._say(about, self._of(node), source)

    def _time(self, node: LexborNode, attributes: dict[str, str]) -> None:
        if self._seen("html:time"):
            return
        text = self._of(node)
        told = " ".join((attributes.get("class", ""), attributes.get("itemprop", ""), text[:_MAX_DATES]))
        about = Field.MODIFIED if _UPDATED.search(re.sub(r"[_-]|(?<=date)(?=M)", " ", told)) else Field.PUBLISHED
        self.into.add(about, attributes.get("datetime", ""), "html:time[datetime]")
        if len(text) <= _MAX_DATES:
            self.into.add(about, text, "html:time")

    def _classes(self, node: LexborNode, tag: str, classes: str) -> None:
        if tag in ("html", "body", "main", "article", "img", "input"):
            return
        if found := _BYLINE_CLASS.search(classes):
            self._text(Field.BYLINE, node, f"html:.{found['word']}", _MAX_BYLINE)
        if tag != "time" and (found := _DATE_CLASS.search(classes)) and not self._seen("html:.date"):
            text = self._of(node)
            if len(text) <= _MAX_DATES and instant_or_day(text):
                about = Field.MODIFIED if found["word"] in ("updated", "modified") else Field.PUBLISHED
                updated = _UPDATED.search(text)
                # "Published 1 May, updated 2 May": the first date is what the first word says.
                if updated and not re.search(r"\d", text[: updated.start()]):
                    about = Field.MODIFIED
                self.into.add(about, text, f"html:.{found['word']}")

    def _text(self, about: Field, node: LexborNode, source: str, longest: int = _MAX_TEXT) -> None:
        if not self._seen(source) and len(text := self._of(node)) <= longest:
            self._say(about, text, source)

    def _say(self, about: Field, text: str, source: str) -> None:
        self.into.add(about, text, source)

    def _seen(self, kind: str) -> bool:
        """Count one more element of *kind*; true when enough of them were looked at."""
        self.looked[kind] = self.looked.get(kind, 0) + 1
        return self.looked[kind] > _MAX_OF_KIND

    def _of(self, node: LexborNode) -> str:
        """Return the text of *node*, or nothing when enough text of this page was looked at."""
        if self.left < 0:
            return ""
        text = node.text(deep=True).strip()
        self.left -= len(text)
        return text


_OWN: Final[dict[str, Callable[[_Reading, LexborNode, dict[str, str]], None]]] = {
    "html": _Reading._html,  # noqa: SLF001  # the table of this class stands below it
    "link": _Reading._link,  # noqa: SLF001
    "meta": _Reading._meta,  # noqa: SLF001
    "title": _Reading._title,  # noqa: SLF001
}


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
