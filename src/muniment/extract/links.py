"""What a payload rests on and points to, whatever its media type."""

import math
from collections.abc import Callable

from muniment.extract import css, html
from muniment.extract.charset import Decoded, decoded_css, decoded_html
from muniment.extract.found import EXTRACTOR, Found, Gathering, Link, LinkKind, Unresolved, encode
from muniment.extract.tags import GRACE, ONE_TREE
from muniment.message.url import join

__all__ = ["EXTRACTOR", "Found", "Link", "LinkKind", "Unresolved", "encode", "from_css", "from_html", "links"]

# SVG and XHTML are read by the HTML parser too: it forgives what an XML parser refuses, and finds the same references.
_PAGES = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml"})


def _for_ever() -> float:
    return math.inf


def from_html(body: bytes, url: str, *, charset: str | None, remaining: Callable[[], float] = _for_ever) -> Found:
    """Return what the page *body* (content decoded, at most 16 MiB by the caller's care) at *url* refers to.

    *charset* is that of the HTTP field Content-Type; *remaining* says at any time how many seconds the caller still
    has: a page that takes longer is left in the middle, which the Found says. Any octets give a Found; FormatError is
    raised only where *url* is no absolute URL. Scripts are not run: what they would add is not found. Not promised:
    that every URL exists.
    """
    into = _gathering(url, remaining)
    with ONE_TREE:
        if not into.has_time(GRACE):
            return into.found("", "", "")
        read = decoded_html(body, charset)
        title = html.gather(read.text, into)
    return into.found(read.charset, read.source.value, title)


def from_css(body: bytes, url: str, *, charset: str | None, remaining: Callable[[], float] = _for_ever) -> Found:
    """Return what the style sheet *body* (content decoded) at *url* refers to; errors as in :func:`from_html`."""
    read: Decoded = decoded_css(body, charset)
    into = _gathering(url, remaining)
    for reference in css.references(read.text):
        if into.unread:
            break
        into.add(reference.raw, reference.role, LinkKind.REQUISITE, reference.source)
    return into.found(read.charset, read.source.value, "")


def links(
    media_type: str, body: bytes, url: str, charset: str | None, remaining: Callable[[], float] = _for_ever
) -> Found:
    """Return what *body* refers to if its *media_type* is one that is read; an empty Found otherwise.

    *media_type* may be a whole Content-Type field; a charset in it is not looked at: *charset* is.
    """
    essence = media_type.partition(";")[0].strip().lower()
    if essence in _PAGES:
        return from_html(body, url, charset=charset, remaining=remaining)
    if essence == "text/css":
        return from_css(body, url, charset=charset, remaining=remaining)
    return Found()


def _gathering(url: str, remaining: Callable[[], float]) -> Gathering:
    page = join(url, "").href
    return Gathering(page=page, base=page, remaining=remaining)
