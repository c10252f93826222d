"""What a page says of itself as an article: headline, byline, dates, and the rest, each with its source; its text.

Nothing is decided here: where JSON-LD, meta elements and the visible line give three dates, there are three assertions.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from muniment.extract import reading, schema_org, visible
from muniment.extract.assertion import Assertion, Assertions, Field
from muniment.extract.charset import CharsetSource, decoded_html, printable
from muniment.extract.tags import GRACE, ONE_TREE, costly, flattened
from muniment.message.url import join

__all__ = ["EXTRACTOR", "Article", "Assertion", "Field", "encode", "from_html"]

#: The extractor and its version, as every metadata record of an article names it; raised when a page gives others.
EXTRACTOR: Final = "muniment.article/1"

_MAX_PAGE: Final = 8 << 20
# What a page says of itself stands in its head; a page of a million tags must not cost the capture many seconds.
_MAX_COSTLY: Final = 1 << 20

_CLAIMS: Final = {
    "title": Field.HEADLINE,
    "author": Field.BYLINE,
    "date": Field.PUBLISHED,
    "sitename": Field.PUBLISHER,
    "description": Field.DESCRIPTION,
}


@dataclass(frozen=True, slots=True)
class Article:
    """What a page says of itself, and its main text.

    ``assertions`` stand in the order of their sources: JSON-LD, then elements in document order, then trafilatura,
    whose answer is its own reading of the same page and no further witness. ``text`` (at most 2 MiB, and the
    standfirst before it where ``notes`` say so) is for searching and reading, never evidence: the payload is.
    ``text_source`` names what read it, with its version; empty where nothing did. ``notes`` are sentences about what
    could not be read well.
    """

    assertions: tuple[Assertion, ...] = ()
    text: str = ""
    text_source: str = ""
    notes: tuple[str, ...] = ()


def from_html(
    body: bytes, url: str, *, charset: str | None, remaining: Callable[[], float] = lambda: math.inf
) -> Article:
    """Return what the page *body* (content decoded, at most 16 MiB by the caller's care) at *url* says of itself.

    *charset* is that of the HTTP field Content-Type; *remaining* says at any time how many seconds the caller still
    has for the main text, which takes 20 at most. Any octets give an Article; FormatError is raised only where *url*
    is no absolute URL. Scripts are not run. Not promised: that the page tells the truth, or is an article.
    """
    notes: list[str] = []
    into = Assertions(join(url, "").href)
    html = _decoded(body, charset, notes)
    if len(html) > _MAX_PAGE:
        notes.append(f"only the first {_MAX_PAGE} of {len(html)} characters were read")
        html = html[:_MAX_PAGE]
    # First, because it may have to wait for its turn, and meanwhile there should be no tree in memory.
    read = reading.read(html, into.url, remaining)
    with ONE_TREE:
        page = _assert(html, into, notes) if remaining() > -GRACE else None
        descriptions = [each.value for each in into.kept.values() if each.field is Field.DESCRIPTION]
        for name, said in read.claims:
            if name in _CLAIMS:
                into.add(_CLAIMS[name], said, f"trafilatura:{name}")
        if into.left_out:
            notes.append(f"{into.left_out} assertions beyond the bounds were left out")
        notes += read.notes
        text = _whole(page, descriptions, read.text, notes)
    return Article(tuple(into.kept.values()), text, read.reader, tuple(notes))


def _assert(html: str, into: Assertions, notes: list[str]) -> LexborHTMLParser | None:
    """Put what the markup of *html* says into *into*; return its tree, where it can be read as one."""
    flat = costly(html)
    if flat:
        notes.append(
            f"the page is too costly for a tree; the first {_MAX_COSTLY} characters were read tag by tag, without"
            " visible text"
        )
    broken = 0
    # Of the pieces of a flat page each tree is gone before the next is built.
    for page in map(LexborHTMLParser, _flat(html) if flat else [html]):
        broken += schema_org.read(schema_org.blocks(page), into)
        visible.read(page, into)
    if broken:
        notes.append(f"{broken} blocks of JSON-LD could not be read")
    return None if flat else page


def _flat(html: str) -> Iterator[str]:
    return (piece.html for piece in flattened(html[:_MAX_COSTLY]))


def _whole(page: LexborHTMLParser | None, descriptions: list[str], text: str, notes: list[str]) -> str:
    """Return *text* behind the standfirst that the page shows, where it lacks that."""
    if not text or page is None:
        return text
    lead = next((found for each in descriptions[:8] if (found := visible.standfirst(page, each, text))), "")
    if not lead:
        return text
    notes.append("the standfirst, which trafilatura leaves out, was put before the text")
    return f"{printable(lead)}\n{text}"


def encode(article: Article) -> dict[str, Any]:
    """Return *article* as the JSON object of a metadata record; its strings hold neither NUL nor lone surrogates."""
    return {
        "v": 1,
        "type": "article",
        "extractor": EXTRACTOR,
        "assertions": [
            {"field": one.field.value, "value": one.value, "raw": one.raw, "source": one.source}
            for one in article.assertions
        ],
        "text": article.text,
        "text_source": article.text_source,
        "notes": list(article.notes),
    }


def _decoded(body: bytes, charset: str | None, notes: list[str]) -> str:
    read = decoded_html(body, charset)
    if read.source is CharsetSource.FALLBACK:
        try:
            text = printable(body.decode())
        except UnicodeDecodeError:
            return read.text
        # A browser asks nobody else and shows windows-1252; for a text that people search, the octets speak.
        if not text.isascii():
            notes.append("neither HTTP nor the page names an encoding; it is well-formed UTF-8, and was read so")
        return text
    return read.text
