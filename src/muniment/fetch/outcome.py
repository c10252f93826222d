"""What an answer that came whole amounts to: its reason code, a sentence, and where it leads."""

import urllib.parse
from dataclasses import replace
from typing import Final

from muniment.errors import FormatError
from muniment.message.head import Head
from muniment.message.url import Url, join
from muniment.model import Exchange, Framing, Reason, Truncation

__all__ = ["REDIRECTS", "by_status", "located", "written"]

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""RFC 9110 15.4."""
# A redirect whose body was cut still says where to go; it keeps its own reason.
_FOLLOWED: Final = frozenset({Reason.OK, Reason.TRUNCATED_LENGTH, Reason.TRUNCATED_TIME, Reason.TRUNCATED_DISCONNECT})
_LONGEST_URL: Final = 2000
_URL_LETTERS: Final = "!#$%&'()*+,/:;=?@[]"  # RFC 3986 2.2


def by_status(head: Head, *, part_asked: bool = False) -> tuple[Reason, str, Truncation | None]:
    """Return what the answer *head*, whole, amounts to; *part_asked* says that the request had a Range field."""
    # The reason phrase is the server's: short, and without what writes on terminals or turns text round.
    phrase = "".join(letter for letter in head.reason[:80] if letter.isprintable())
    detail = f"{head.status} {phrase}".strip() + (f"; {head.odd}" if head.odd else "")
    if 400 <= head.status < 500:
        return Reason.HTTP_4XX, detail, None
    if head.status == 206 and not part_asked:  # RFC 9110 15.3.7
        return Reason.TRUNCATED_LENGTH, f"{detail}: the server sent a part where the whole was asked for", None
    if head.odd and head.framing is Framing.CLOSE and head.status < 400:
        return Reason.TRUNCATED_DISCONNECT, f"{detail}: whether the body is whole cannot be told", None
    # RFC 9110 15: a status beyond 599 is treated as a 5xx.
    return (Reason.HTTP_5XX if head.status >= 500 else Reason.OK), detail, None


def located(exchange: Exchange, url: Url) -> Exchange:
    """Return *exchange* as a redirect where it is one; its target may still turn out to be malformed or refused."""
    target = exchange.field_value("Location")
    if exchange.reason not in _FOLLOWED or exchange.status not in REDIRECTS or not target:
        return exchange
    try:
        found = join(url, target).href
    except FormatError:
        found = written(target)
    reason = Reason.REDIRECT if exchange.reason is Reason.OK else exchange.reason
    return replace(exchange, reason=reason, location=found)


def written(text: str) -> str:
    """Return what is no URL so that it can be recorded as one: short, everything unusual percent-encoded."""
    return urllib.parse.quote(text[:_LONGEST_URL], safe=_URL_LETTERS, errors="replace")
