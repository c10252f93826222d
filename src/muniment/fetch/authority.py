"""One question to a time-stamping authority, over HTTP (RFC 3161 3.4): posted, bounded, never followed elsewhere."""

import email.utils
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from muniment.errors import FetchError, FormatError
from muniment.fetch.address import Guard
from muniment.fetch.dial import Place, Surroundings
from muniment.fetch.http import USER_AGENT
from muniment.fetch.wire import Request, Terms, Wire
from muniment.message import entity
from muniment.message.url import Url
from muniment.model import Exchange, Reason
from muniment.rules import Rules

__all__ = ["LONGEST", "Reply", "post"]

LONGEST: Final = 64 << 10
"""Octets of the longest answer that is taken; tokens have a tenth of that."""

_MOST: Final = 1 << 20
_QUERY: Final = "application/timestamp-query"
_REPLY: Final = "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Reply:
    """What an authority answered: its octets, its server's Date; ``sent`` and ``received`` are by our clock."""

    octets: bytes
    date: datetime | None
    sent: datetime
    received: datetime


def post(url: str, octets: bytes, rules: Rules, seconds: float, around: Surroundings) -> Reply:
    """Post *octets*, a request, to *url* and return the reply, within *seconds*.

    Addresses and names are judged by *rules* as those of a capture are. A peer whose certificate cannot be verified
    is asked all the same, because the token speaks for itself. Nothing of the environment is asked, no redirect is
    followed. Raises FetchError where no answer with status 200 came whole, or one that is no reply of an authority.
    """
    asked = _request(url, octets, rules)
    limits = replace(rules.limits, idle_timeout=min(seconds, rules.limits.idle_timeout), max_bytes=_MOST)
    own = replace(rules, limits=limits)
    wire = Wire(own, Guard(own, None, around.monotonic), around)
    sent = around.now()
    try:
        exchange = wire.exchange(asked, Terms(LONGEST, around.monotonic() + seconds, reuse=False))
    except FormatError as malformed:
        raise FetchError(Reason.MALFORMED_URL, str(malformed)) from None
    finally:
        wire.close()
    return Reply(_body(exchange), _date(exchange.field_value("Date")), sent, around.now())


def _request(url: str, octets: bytes, rules: Rules) -> Request:
    try:
        at = Url.parse(url)
    except FormatError as wrong:
        raise FetchError(Reason.MALFORMED_URL, str(wrong)) from None
    if at.scheme not in {"http", "https"}:
        raise FetchError(Reason.BLOCKED_SCHEME, f"{url}: only http and https can be asked, not {at.scheme}")
    fields = (
        ("Host", at.authority),
        ("User-Agent", rules.user_agent or USER_AGENT),
        ("Accept", _REPLY),
        ("Content-Type", _QUERY),
        ("Content-Length", str(len(octets))),
        ("Connection", "close"),
    )
    return Request(at.href, Place(at.scheme, at.host, at.port), at.target, fields, "POST", octets)


def _body(exchange: Exchange) -> bytes:
    """Return the body of a whole answer with status 200."""
    if exchange.response is None:
        raise FetchError(exchange.reason, exchange.detail)
    with exchange.response as block:
        if exchange.status != 200:
            raise FetchError(exchange.reason, f"the authority answered with status {exchange.status}, not 200")
        if exchange.truncated is not None:
            raise FetchError(exchange.reason, exchange.detail)
        octets = b"".join(entity.payload(block))
    kind = exchange.field_value("Content-Type").partition(";")[0].strip().lower()
    if kind and kind != _REPLY and not octets.startswith(b"\x30"):
        raise FetchError(Reason.NOT_HTTP, f"the authority answered with {kind[:60]}, not with a token ({_REPLY})")
    return octets


def _date(value: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
