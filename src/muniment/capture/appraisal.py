"""What an answer amounts to in the role in which it was wanted; the same whoever fetched it."""

from dataclasses import replace
from typing import Final

from muniment.errors import FormatError
from muniment.extract import media_facts
from muniment.message import entity
from muniment.model import Exchange, Framing, Reason, Role

__all__ = ["PAGES", "appraised", "media"]

PAGES: Final = frozenset({Role.ARTICLE, Role.EMBED, Role.CITED})
"""The roles of what is read as a page."""
_MEDIA: Final = frozenset({Role.IMAGE, Role.VIDEO, Role.AUDIO})
# An answer of these roles that holds nothing is no answer; scripts and styles may be empty on purpose.
_NEVER_EMPTY: Final = PAGES | {Role.IMAGE, Role.VIDEO, Role.AUDIO, Role.DOCUMENT, Role.FONT}


def media(exchange: Exchange, role: Role) -> media_facts.Media | None:
    """Return what the answer shows of itself where it is to be, or calls itself, something seen or heard."""
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
    return media_facts.looked_into(bytes(head), declared, fault="" if cut else fault)


def appraised(exchange: Exchange, role: Role) -> Exchange:
    """Return *exchange* as EMPTY where it was answered with nothing and *role* is never nothing."""
    # A chunked body of nothing is its last chunk alone: five octets (RFC 9112 7.1).
    nothing = exchange.response is not None and exchange.response_size - exchange.head_size <= (
        5 if exchange.framing is Framing.CHUNKED else 0
    )
    if exchange.reason is Reason.OK and nothing and role in _NEVER_EMPTY:
        return replace(exchange, reason=Reason.EMPTY, detail=f"{exchange.detail}: the answer holds nothing")
    return exchange
