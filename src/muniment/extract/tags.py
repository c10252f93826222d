"""The tags of a page one by one, without a tree: how costly a tree would be, and what to read where it would be.

Building a tree takes quadratic time for some pages (nested blocks, a tag of many attributes) and exponential memory
for others (formatting elements that are opened again in every paragraph; HTML 13.2.4.3). A page must not choose how
long its reader works, so such a page is flattened: the same tags in the same order, none inside another, in pieces
small enough that the tree of one costs nothing to speak of.
"""

import itertools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape, unescape
from typing import Final

__all__ = ["GRACE", "ONE_TREE", "Piece", "base_of", "costly", "flattened"]

ONE_TREE: Final = threading.Lock()
"""Held while a page's tree is in memory: it takes many times its page's size, and threads would not read faster."""
GRACE: Final = 2.0
"""The seconds for which a page is still read after its time was over, where that takes a moment only."""

# Measured: 20,000 nested blocks take half a second, 40,000 take three; the largest of 80 news pages has 3,629 tags.
_MAX_TAGS: Final = 30_000
_MAX_ATTRIBUTES: Final = 500
_MAX_ATTRIBUTES_IN_ALL: Final = 100_000
_MAX_RAW: Final = 8_192
# Formatting elements times tags is what reconstruction can cost at worst, in nodes of some 200 octets.
_MAX_COPIES: Final = 300_000
# A piece of a flattened page ends after so many tags or characters.
_PIECE_TAGS: Final = 1_000
_PIECE: Final = 256 << 10
_MAX_FLAT: Final = 200_000

_FORMATTING: Final = frozenset(["b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"])
_RAW: Final = frozenset(["script", "style", "xmp", "iframe", "noembed", "noframes", "textarea", "title"])
_RAW_ENDS: Final = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}
_KEPT: Final = frozenset(
    ["script", "style", "title", "base", "link", "meta", "img", "image", "input", "source", "track"]
) | {"a", "area", "video", "audio", "object", "embed"}

_PAGE: Final = "<!doctype html><body>"
_NO_NAME: Final = re.compile(r"[\"'<=>]")
_BASE: Final = re.compile(r"<base[\s/]", re.IGNORECASE)
_OPENING: Final = re.compile(r"<(?:(?P<name>/?[A-Za-z][^\s/>]*+)|(?P<comment>!--)|(?P<bogus>[!?/]))")
_END: Final = re.compile(">")
_COMMENT_END: Final = re.compile(r"--!?>")
# HTML 13.2.5.32-40: attribute names and values; an unterminated quote swallows the rest of the page.
_ATTRIBUTE: Final = re.compile(
    r"[\s/]*+(?:(?P<end>>)|(?P<name>=?[^\s/>=]*+)"
    r"(?:\s*+=\s*+(?:\"(?P<double>[^\"]*+)\"|'(?P<single>[^']*+)'|(?P<open>[\"'])|(?P<bare>[^\s>]*+)))?+)"
)


@dataclass(frozen=True, slots=True)
class _Tag:
    """One start tag: its name in lower case, its attributes (entities not resolved), and the raw text after it."""

    name: str
    attributes: tuple[tuple[str, str], ...]
    text: str


def costly(html: str) -> bool:
    """Whether a tree of *html* might cost seconds or gigabytes; a judgement that errs towards yes."""
    if html.count("<") > _MAX_TAGS:
        return True
    formatting: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    tags = attributes = 0
    for tag in _tags(html):
        tags += 1
        attributes += len(tag.attributes)
        if len(tag.attributes) > _MAX_ATTRIBUTES or attributes > _MAX_ATTRIBUTES_IN_ALL:
            return True
        # Inside <svg> a title holds tags, not text: what is raw to this reader may be elements to the tree.
        if tag.name not in ("script", "style") and len(tag.text) > _MAX_RAW:
            return True
        if tag.name in _FORMATTING:
            formatting.setdefault(tag.name, set()).add(tag.attributes)
    # HTML 13.2.4.3, the Noah's Ark clause: at most three of the same name and attributes are opened again.
    return tags * 3 * sum(map(len, formatting.values())) > _MAX_COPIES


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a flattened page: HTML of at most a thousand tags.

    ``shorn`` counts the tags whose attributes are not all there, ``cut`` says that more tags came and are not read.
    """

    html: str
    shorn: int = 0
    cut: bool = False


def flattened(html: str) -> Iterator[Piece]:
    """Yield pages of the start tags of *html* in their order, each closed at once.

    What depends on where a tag stands (the body of the article, navigation) is lost, which the caller must say;
    no reference is, in the first 200,000 tags that may bear one: a last piece is ``cut`` where there are more.
    Of the attributes of one tag, those beyond 500 are left out.
    """
    held: list[str] = []
    size = count = shorn = 0
    for tag in _tags(html):
        if not tag.attributes and not tag.text:
            continue
        if count == _MAX_FLAT:
            yield Piece(_PAGE + "".join(held), shorn, cut=True)
            return
        count += 1
        # HTML 13.2.5.33: of attributes with the same name the first counts.
        unique = {name: value for name, value in reversed(tag.attributes) if not _NO_NAME.search(name)}
        kept = dict(itertools.islice(reversed(unique.items()), _MAX_ATTRIBUTES))
        shorn += len(unique) > _MAX_ATTRIBUTES
        held.append(_closed(tag.name, kept, tag.text))
        size += len(held[-1])
        if len(held) == _PIECE_TAGS or size > _PIECE:
            yield Piece(_PAGE + "".join(held), shorn)
            held, size, shorn = [], 0, 0
    yield Piece(_PAGE + "".join(held), shorn)


def base_of(html: str) -> str | None:
    """Return what the first ``<base href>`` of *html* says, wherever it stands; None where there is none."""
    if _BASE.search(html) is None:
        return None
    bases = (dict(reversed(tag.attributes)) for tag in _tags(html) if tag.name == "base")
    return next((unescape(found["href"]) for found in bases if "href" in found), None)


def _closed(name: str, attributes: dict[str, str], text: str) -> str:
    if name in ("iframe", "frame"):
        name = "embed"  # an iframe's content is raw text; an embed has none and means the same
    elif name not in _KEPT:
        name = "div"
    kept = "".join(f' {key}="{escape(value).replace("&amp;", "&")}"' for key, value in attributes.items())
    return f"<{name}{kept}>{text if name in ('script', 'style', 'title') else ''}</{name}>"


def _tags(html: str) -> Iterator[_Tag]:
    """Yield the start tags of *html* as HTML 13.2.5 finds them; linear: no character is looked at twice."""
    at = 0
    while opening := _OPENING.search(html, at):
        at = opening.end()
        if opening["comment"]:
            end = _COMMENT_END.search(html, at - 2)
        elif opening["bogus"]:
            end = _END.search(html, at)
        else:
            attributes, at = _attributes(html, at)
            name = opening["name"].lower()
            if name.startswith("/"):
                continue
            text = ""
            if name in _RAW:
                close = _RAW_ENDS[name].search(html, at)
                text = html[at : close.start() if close else len(html)]
                at = close.start() if close else len(html)
            yield _Tag(name, attributes, text)
            continue
        at = end.end() if end else len(html)


def _attributes(html: str, at: int) -> tuple[tuple[tuple[str, str], ...], int]:
    """Return the attributes of the tag whose name ends at *at*, and where the tag ends."""
    found: list[tuple[str, str]] = []
    while at < len(html):
        attribute = _ATTRIBUTE.match(html, at)
        if attribute is None or attribute["open"]:
            return tuple(found), len(html)
        at = attribute.end()
        if attribute["end"]:
            break
        if attribute["name"]:
            value = attribute["double"] or attribute["single"] or attribute["bare"] or ""
            found.append((attribute["name"].lower(), value))
    return tuple(found), at
