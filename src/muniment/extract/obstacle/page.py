"""What a page shows, as far as obstacles are judged by it: its words, how many they are, what it says that it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from muniment.errors import FormatError
from muniment.extract import schema_org
from muniment.extract.tags import costly, flattened
from muniment.message.url import Url, join

__all__ = ["MANY", "Page", "Received", "looked_at", "shown_in", "shows_media"]

_MAX_PAGE: Final = 8 << 20
_MAX_COSTLY: Final = 1 << 20
_MAX_TEXT: Final = 1 << 20
_MAX_HEADINGS: Final = 8
_MAX_HEADING: Final = 500
_MAX_NODES: Final = 200
_SENTENCE: Final = 150
MANY: Final = 1 << 30
"""How many letters a page is taken to have whose text nobody could read: so no wall is seen for lack of words."""

_UNSEEN: Final = frozenset(
    ["head", "script", "style", "template", "textarea", "select", "option", "svg", "iframe", "noembed", "noframes"]
)
_BESIDE: Final = frozenset({"nav", "header", "footer", "aside", "dialog", "menu", "button"})
_BESIDE_ROLE: Final = frozenset({"navigation", "banner", "contentinfo", "complementary", "dialog", "alertdialog"})
_HIDING: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_MEDIA: Final = "img, picture, video, audio, iframe, frame, embed, object, canvas, svg image"
_ARTICLE_TYPE: Final = re.compile(r"\w*(?:Article|Posting|Report)\Z")
_SPACE: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Received:
    """A page as it was got: the URL asked for, the one that answered in the end, status and fields of that answer.

    ``visible`` is the text that a browser showed; None where none ran, and the text is taken from the markup.
    """

    asked: str
    reached: str
    status: int | None
    fields: tuple[tuple[str, str], ...] = ()
    visible: str | None = None

    def values(self, name: str) -> list[str]:
        """Return all values of the field *name* (in lower case)."""
        return [value for key, value in self.fields if key.lower() == name]


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is judged: ``text`` is what it shows, ``letters`` how many of them stand outside of its furniture.

    Furniture are menus, headers, footers, asides and dialogs, as marked up. ``written`` are the letters of the markup
    alone, whether a browser shows them or not; ``silent`` is what is shown where no script runs; ``objects`` are those
    of its JSON-LD; ``is_article`` says that it calls itself one. Where ``tree`` is None the page is too costly for
    one. Its ``letters`` are MANY then, as where it has shadow roots, unless a browser showed them.
    """

    received: Received
    html: str
    tree: LexborHTMLParser | None
    title: str
    headings: tuple[str, ...]
    text: str
    letters: int
    written: int
    silent: str
    objects: list[dict[str, Any]]
    metas: dict[str, str]
    is_article: bool
    asked: Url | None
    reached: Url | None

    def nodes(self, selector: str) -> list[LexborNode]:
        """Return the first elements that *selector* (never one of the page's own) means."""
        return self.tree.css(selector)[:_MAX_NODES] if self.tree is not None else []

    def has(self, selector: str) -> bool:
        """Whether there is an element that *selector* means."""
        return self.tree is not None and self.tree.css_first(selector) is not None

    def titles(self) -> Iterator[tuple[str, str]]:
        """Yield what the page calls itself, each after where: its title, and its headings of the first level."""
        yield "title", self.title
        yield from (("heading", each) for each in self.headings)

    @property
    def shows_media(self) -> bool:
        """Whether it shows pictures, films or other documents, or may do so in its shadow roots."""
        return self.tree is not None and (shows_media(self.tree) or self.has("template[shadowrootmode]"))

    def is_thin(self, letters: int) -> bool:
        """Whether it has fewer *letters* than a page with something to say, and does not call itself an article.

        Of what shows hardly a sentence it does not count what it calls itself: a veil lies over articles too.
        """
        return self.letters < (min(letters, _SENTENCE) if self.is_article else letters)


def looked_at(html: str, received: Received) -> Page:
    """Return *html* as it is judged; the caller holds ``tags.ONE_TREE``. At most its first 8 MiB are looked at."""
    html = html[:_MAX_PAGE]
    flat = costly(html)
    trees = (
        (LexborHTMLParser(each.html) for each in flattened(html[:_MAX_COSTLY])) if flat else [LexborHTMLParser(html)]
    )
    title, metas, blocks = "", dict[str, str](), list[str]()
    tree = None
    for tree in trees:
        title = title or _title(tree)
        for name, value in _metas(tree):
            metas.setdefault(name, value)
        blocks += schema_org.blocks(tree)
    tree = None if flat else tree
    objects, _ = schema_org.objects(blocks)
    reading = _Reading()
    if tree is not None and tree.root is not None:
        reading.read(tree.root)
    text = reading.text if received.visible is None else _plain(received.visible[:_MAX_TEXT])
    # What stands in shadow roots is in no tree of ours; a browser shows it all the same.
    uncounted = tree is None or tree.css_first("template[shadowrootmode]") is not None
    counted = [MANY if uncounted else reading.letters] + ([] if received.visible is None else [len(text)])
    return Page(
        received=received,
        html=html,
        tree=tree,
        title=title,
        headings=tuple(reading.headings),
        text=text,
        letters=min(counted),
        written=reading.letters,
        silent=reading.silent,
        objects=objects,
        metas=metas,
        is_article=_is_article(tree, objects, metas),
        asked=_url(received.asked),
        reached=_url(received.reached),
    )


class _Reading:
    """The words of a tree, gathered in one pass without recursion: pages choose how deep they nest."""

    def __init__(self) -> None:
        self.headings: list[str] = []
        self.letters = 0
        self._shown: list[str] = []
        self._silent: list[str] = []
        self._left = _MAX_TEXT

    def read(self, top: LexborNode) -> None:
        pending = [(top, False, False)]
        while pending and self._left > 0:
            node, beside, silent = pending.pop()
            if node.is_text_node:
                self._take(node.text_content or "", beside=beside, silent=silent)
            elif node.is_element_node and not _is_hidden(node):
                if node.tag == "h1" and len(self.headings) < _MAX_HEADINGS:
                    self.headings.append(_plain(node.text(deep=True)[:_MAX_HEADING]))
                beside, silent = beside or _is_beside(node), silent or node.tag == "noscript"
                child = node.last_child
                while child is not None:
                    pending.append((child, beside, silent))
                    child = child.prev

    def _take(self, written: str, *, beside: bool, silent: bool) -> None:
        said = _plain(written[: self._left])
        self._left -= len(said)
        if not said:
            return
        (self._silent if silent else self._shown).append(said)
        if not beside and not silent:
            self.letters += len(said)

    @property
    def text(self) -> str:
        return " ".join(self._shown)

    @property
    def silent(self) -> str:
        return " ".join(self._silent)


def shows_media(node: LexborNode | LexborHTMLParser) -> bool:
    """Whether there are pictures, films or other documents in *node*."""
    return node.css_first(_MEDIA) is not None


def shown_in(node: LexborNode) -> str:
    """Return the text of *node* that is to be read, less scripts and the like; a bounded part of it."""
    reading = _Reading()
    reading.read(node)
    return reading.text


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return node.tag in _UNSEEN or "hidden" in attributes or bool(_HIDING.search(attributes.get("style") or ""))


def _is_beside(node: LexborNode) -> bool:
    if node.tag == "header":  # an article's own header holds its headline
        return node.parent is None or node.parent.tag not in ("article", "main")
    return node.tag in _BESIDE or (node.attributes.get("role") or "") in _BESIDE_ROLE


def _metas(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    for node in tree.css("meta, link[rel~=canonical]"):
        attributes = node.attributes
        if node.tag == "link":
            yield "canonical", attributes.get("href") or ""
            continue
        for name in ("property", "name", "itemprop", "http-equiv"):
            if word := (attributes.get(name) or "").strip().lower():
                yield word, attributes.get("content") or ""


def _is_article(tree: LexborHTMLParser | None, objects: list[dict[str, Any]], metas: dict[str, str]) -> bool:
    typed = any(_ARTICLE_TYPE.match(schema_org.kind_of(each.get("@type"))) and each.get("headline") for each in objects)
    marked = tree is not None and tree.css_first("[itemprop~=articleBody]") is not None
    return typed or marked or metas.get("og:type", "").strip().lower() in ("article", "news.article")


def _title(tree: LexborHTMLParser) -> str:
    node = tree.css_first("head title") or tree.css_first("title")
    return _plain(node.text(deep=True)[:_MAX_HEADING]) if node is not None else ""


def _url(text: str) -> Url | None:
    try:
        return join(text, "")
    except FormatError:
        return None


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
