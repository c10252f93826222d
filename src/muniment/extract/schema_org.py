"""What the structured data of a page says of its article: JSON-LD blocks, and the vocabulary that microdata shares."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from muniment.extract.assertion import Assertions, Field
from muniment.extract.charset import printable

__all__ = ["blocks", "field_of", "kind_of", "objects", "read"]

_MAX_BLOCKS: Final = 1 << 20
_MAX_NODES: Final = 2_000
_MAX_DEPTH: Final = 12

_WORK: Final = {
    "headline": Field.HEADLINE,
    "alternativeHeadline": Field.HEADLINE,
    "name": Field.HEADLINE,
    "author": Field.BYLINE,
    "creator": Field.BYLINE,
    "datePublished": Field.PUBLISHED,
    "dateModified": Field.MODIFIED,
    "publisher": Field.PUBLISHER,
    "inLanguage": Field.LANGUAGE,
    "articleSection": Field.SECTION,
    "description": Field.DESCRIPTION,
    "abstract": Field.DESCRIPTION,
    "url": Field.CANONICAL_URL,
    "mainEntityOfPage": Field.CANONICAL_URL,
}
_PUBLISHER: Final = {"name": Field.PUBLISHER}
_PUBLISHERS: Final = frozenset({"WebSite", "NewsMediaOrganization"})
# NewsArticle, BlogPosting, LiveBlogPosting, Report, Review, WebPage, and whatever schema.org will derive from them.
_WORKS: Final = re.compile(r"(?:\w*(?:Article|Posting|Report|Review|Page)|CreativeWork)\Z")
_TYPE: Final = re.compile(r"[A-Za-z]{1,40}\Z")
# The keys under which an object says what it is called, or where it is.
_CALLED: Final = {Field.CANONICAL_URL: ("@id", "url"), Field.LANGUAGE: ("alternateName", "name")}
# How pages hide a block from readers of 1998.
_WRAPPING: Final = re.compile(r"\A\s*(?://\s*)?(?:<!\[CDATA\[|<!--)|(?://\s*)?(?:\]\]>|-->)\s*\Z")


def field_of(kind: str, name: str) -> Field | None:
    """Return what the property *name* of an object of type *kind* says of the article, if it says anything."""
    if kind in _PUBLISHERS:
        return _PUBLISHER.get(name)
    return _WORK.get(name) if _WORKS.match(kind) else None


def kind_of(types: Any) -> str:
    """Return the type that counts among *types* (a name or names, or their URLs); ``Thing`` where there is none."""
    named = [each for each in (types if isinstance(types, list) else [types]) if isinstance(each, str)]
    plain = [word for each in named[:8] if _TYPE.match(word := re.split(r"[/:#]", each.strip())[-1])]
    return next((each for each in plain if _WORKS.match(each)), plain[0] if plain else "Thing")


def blocks(page: LexborHTMLParser) -> list[str]:
    """Return the JSON-LD blocks of *page* as they are written."""
    return [
        node.text(deep=True)
        for node in page.css("script[type]")
        if (node.attributes.get("type") or "").partition(";")[0].strip().lower() == "application/ld+json"
    ]


def objects(blocks: list[str]) -> tuple[list[dict[str, Any]], int]:
    """Return the objects at the top of the JSON-LD *blocks*, in ``@graph`` and in ``mainEntity``; how many are no JSON.

    All blocks together have at most 1 MiB, and 2,000 such objects.
    """
    nodes: list[dict[str, Any]] = []
    broken = 0
    left = _MAX_BLOCKS  # what JSON becomes takes up to forty times its room
    for block in blocks:
        try:
            nodes += _nodes(json.loads(_WRAPPING.sub("", block[:left]), strict=False), 0)
            left -= len(block)
        # json raises ValueError for what is no JSON and for numbers of thousands of digits, RecursionError for nesting.
        except (ValueError, RecursionError):
            broken += 1
    return nodes[:_MAX_NODES], broken


def read(blocks: list[str], into: Assertions) -> int:
    """Put what the JSON-LD *blocks* say of the page's article into *into*; return how many blocks are no JSON.

    What the objects merely mention (other articles, comments, videos) says nothing of this one.
    """
    nodes, broken = objects(blocks)
    known = {node["@id"]: node for node in reversed(nodes) if isinstance(node.get("@id"), str)}
    for node in nodes:
        kind = kind_of(node.get("@type"))
        for key, value in node.items():
            name = re.split(r"[/:#]", key)[-1]
            if (about := field_of(kind, name)) is not None:
                for path, raw in _texts(value, about, known, 0):
                    into.add(about, raw, printable(f"json-ld:{kind}.{name}{path}"))
    return broken


def _nodes(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for each in value[:_MAX_NODES]:
            yield from _nodes(each, depth + 1)
    elif isinstance(value, dict):
        yield value
        for key in ("@graph", "mainEntity", "mainEntityOfPage"):
            yield from _nodes(value.get(key), depth + 1)


def _texts(value: Any, about: Field, known: dict[str, dict[str, Any]], depth: int) -> Iterator[tuple[str, str]]:
    """Yield each text that *value* holds about a field, after the path that leads to it."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        yield "", value
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        yield "", str(value)
    elif isinstance(value, list):
        for each in value[:_MAX_NODES]:
            yield from _texts(each, about, known, depth + 1)
    elif isinstance(value, dict):
        for key, named in _names(value, about, known):
            for path, text in _texts(named, about, known, depth + 1):
                yield f".{key}{path}", text


def _names(value: dict[str, Any], about: Field, known: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield what the object *value* is called, and by which key; a mere reference is looked up among *known*."""
    referred = value.get("@id")
    if about is not Field.CANONICAL_URL and isinstance(referred, str) and "name" not in value:
        value = known.get(referred, value)
    key = next((key for key in ("@value", *_CALLED.get(about, ("name",))) if key in value), None)
    if key is not None:
        yield key, value[key]
