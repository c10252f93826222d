"""The tags of a page one by one, without a tree: how costly a tree would be, and what to read where it would be.

Building a tree takes quadratic time for some pages (nested blocks, a tag of many attributes) and exponential memory
for others (formatting elements that are opened again in every paragraph; HTML 13.2.4.3). A page must not choose how
long its reader works, so such a page is flattened first: the same tags in the same order, none inside another.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

__all__ = ["costly", "flattened"]

# Measured: 20,000 nested blocks take half a second, 40,000 take three; the largest of 80 news pages has 3,629 tags.
_MAX_TAGS: Final = 30_000
_MAX_ATTRIBUTES: Final = 500
_MAX_RAW: Final = 8_192
# Formatting elements times tags is what reconstruction can cost at worst, in nodes.
_MAX_COPIES: Final = 3_000_000

_FORMATTING: Final = frozenset(["b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"])
_RAW: Final = frozenset(["script", "style", "xmp", "iframe", "noembed", "noframes", "textarea", "title"])
_KEPT: Final = frozenset(
    ["script", "style", "title", "base", "link", "meta", "img", "image", "input", "source", "track"]
)

_OPENING: Final = re.compile(r"<(?:(?P<name>/?[A-Za-z][^\s/>]*+)|(?P<comment>!--)|(?P<bogus>[!?/]))")
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
    tags = 0
    for tag in _tags(html):
        tags += 1
        if len(tag.attributes) > _MAX_ATTRIBUTES:
            return True
        # Inside <svg> a title holds tags, not text: what is raw to this reader may be elements to the tree.
        if tag.name not in ("script", "style") and len(tag.text) > _MAX_RAW:
            return True
        if tag.name in _FORMATTING:
            formatting.setdefault(tag.name, set()).add(tag.attributes)
    # HTML 13.2.4.3, the Noah's Ark clause: at most three of the same name and attributes are opened again.
    return tags * 3 * sum(map(len, formatting.values())) > _MAX_COPIES


def flattened(html: str) -> str:
    """Return a page of the start tags of *html* in their order, each closed at once.

    What depends on where a tag stands (the body of the article, navigation) is lost, which the caller must say;
    no reference is. Attributes beyond the bound are dropped.
    """
    return "<!doctype html><body>" + "".join(map(_closed, _tags(html)))


def _closed(tag: _Tag) -> str:
    name = tag.name if tag.name in _KEPT or tag.name in ("a", "area", "video", "audio", "object", "embed") else ""
    if tag.name in ("iframe", "frame"):
        name = "embed"  # an iframe's content is raw text; an embed has none and means the same
    kept = "".join(
        f' {key}="{escape(value).replace("&amp;", "&")}"'
        for key, value in tag.attributes[:_MAX_ATTRIBUTES]
        if not set(key) & set("\"'<=>")
    )
    text = tag.text if name in ("script", "style", "title") else ""
    return f"<{name or 'div'}{kept}>{text}</{name or 'div'}>"


def _tags(html: str) -> Iterator[_Tag]:
    """Yield the start tags of *html* as HTML 13.2.5 finds them; linear: no character is looked at twice."""
    at = 0
    while opening := _OPENING.search(html, at):
        at = opening.end()
        if opening["comment"]:
            end = _COMMENT_END.search(html, at - 2)
        elif opening["bogus"]:
            end = re.compile(">").search(html, at)
        else:
            attributes, at = _attributes(html, at)
            name = opening["name"].lower()
            if name.startswith("/"):
                continue
            text = ""
            if name in _RAW:
                close = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(html, at)
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
