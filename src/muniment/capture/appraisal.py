"""What an answer amounts to in the role in which it was wanted; the same whoever fetched it."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from muniment.capture import content
from muniment.errors import FormatError, StoreError
from muniment.extract import inspection, media_facts
from muniment.message import entity
from muniment.model import Exchange, Framing, Reason, Role

__all__ = ["PAGES", "PAGE_TYPES", "PARSED", "Body", "appraised", "media", "read", "readable"]

PAGES: Final = frozenset({Role.ARTICLE, Role.EMBED, Role.CITED})
"""The roles of what is read as a page."""
PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
"""What is read as a page."""
PARSED: Final = 4 << 20
"""How much of a page or style is looked into; what lies behind is kept, and a failed attempt says so."""
_READ: Final = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml", "text/css"})
_MEDIA: Final = frozenset({Role.IMAGE, Role.VIDEO, Role.AUDIO})
# RFC 9110 14.4.
_PART: Final = re.compile(
    r"bytes (?P<first>\d{1,18})-(?P<last>\d{1,18})/(?P<size>\d{1,18}|\*)", re.IGNORECASE | re.ASCII
)
_PATIENCE: Final = inspection.Patience(60, 10)
# An answer of these roles that holds nothing is no answer; scripts and styles may be empty on purpose.
_NEVER_EMPTY: Final = PAGES | {Role.IMAGE, Role.VIDEO, Role.AUDIO, Role.DOCUMENT, Role.FONT}


@dataclass(frozen=True, slots=True)
class Body:
    """A body that is looked into: decoded, at most 4 MiB of it (then ``cut``); ``fault`` says what broke."""

    kind: str
    charset: str | None
    content: bytes
    fault: str
    cut: bool


def readable(exchange: Exchange, role: Role) -> str:
    """Return the media type by which *exchange* is looked into for what it rests on; empty where it is not."""
    media_type = exchange.field_value("content-type")
    worth = role is Role.ARTICLE or (exchange.status or 0) < 400
    if exchange.response is None or role is Role.REDIRECT or not worth:
        return ""
    kind = media_type.partition(";")[0].strip().lower() or ("text/html" if role in PAGES else "")
    return kind if kind in _READ else ""


def read(exchange: Exchange, kind: str) -> Body:
    """Return the body of *exchange*, which is ``readable`` as *kind*."""
    parameters = exchange.field_value("content-type").partition(";")[2]
    body = bytearray()
    fault = ""
    try:
        for chunk in entity.content(exchange.response, cap=PARSED) if exchange.response else ():
            body += chunk
            if len(body) > PARSED:
                break
    except FormatError as broken:
        fault = str(broken)
    charset = re.search(r"charset=[\"' ]*([\w.:-]+)", parameters, re.IGNORECASE)
    cut = len(body) >= PARSED
    return Body(kind, charset[1] if charset else None, bytes(body[:PARSED]), "" if cut else fault, cut)


def media(exchange: Exchange, role: Role, remaining: Callable[[], float] | None = None) -> media_facts.Media | None:
    """Return what the answer shows of itself where it is to be, or calls itself, something seen or heard.

    It is looked into for the *remaining* seconds at most; without them as long as this process has patience.
    """
    declared = exchange.field_value("content-type").partition(";")[0].strip().lower()[:200]
    wanted = role in _MEDIA or Role.__members__.get(declared.partition("/")[0].upper()) in _MEDIA
    if exchange.response is None or (exchange.status or 0) // 100 != 2 or not wanted:
        return None
    head, fault = bytearray(), ""
    try:
        for chunk in entity.content(exchange.response, cap=media_facts.LOOKED_INTO):
            head += chunk
            if len(head) >= media_facts.LOOKED_INTO:
                break
    except FormatError as broken:
        fault = str(broken)
    cut = len(head) >= media_facts.LOOKED_INTO
    known = media_facts.looked_into(bytes(head), declared, fault="" if cut else fault)
    return _inspected(exchange, exchange.response, known, remaining)


def _inspected(
    exchange: Exchange, response: BinaryIO, known: media_facts.Media, remaining: Callable[[], float] | None
) -> media_facts.Media:
    cut = exchange.truncated is not None
    if exchange.status == 206:
        said = exchange.field_value("content-range").strip()
        part = _PART.fullmatch(said)
        if part is None or int(part["first"]):
            return replace(known, notes=(*known.notes, f"it was not looked into: it is a part of a file ({said[:80]})"))
        cut |= part["size"] == "*" or int(part["last"]) + 1 != int(part["size"])
    began = time.monotonic()
    try:
        with content.lying(response, cut=cut) as found:
            return inspection.inspected(known, found, remaining or _PATIENCE.remaining)
    except (FormatError, StoreError) as failure:
        return replace(known, notes=(*known.notes, f"it was not looked into: {failure}"))
    finally:
        if remaining is None:
            _PATIENCE.use(time.monotonic() - began)


def appraised(exchange: Exchange, role: Role) -> Exchange:
    """Return *exchange* as EMPTY where it was answered with nothing and *role* is never nothing."""
    # A chunked body of nothing is its last chunk alone: five octets (RFC 9112 7.1).
    nothing = exchange.response is not None and exchange.response_size - exchange.head_size <= (
        5 if exchange.framing is Framing.CHUNKED else 0
    )
    if exchange.reason is Reason.OK and nothing and role in _NEVER_EMPTY:
        return replace(exchange, reason=Reason.EMPTY, detail=f"{exchange.detail}: the answer holds nothing")
    return exchange
