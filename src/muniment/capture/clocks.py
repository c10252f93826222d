"""What other clocks said while a capture ran, held against this machine's: of authorities, and of web servers."""

import email.utils
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from muniment import manifest
from muniment.capture.stamping import Stamped
from muniment.model import Exchange, Role

__all__ = ["Clocks", "compared"]

_SERVERS: Final = 20


class Clocks:
    """The Date of the first answer of each host (RFC 9110 6.6.1), at most twenty hosts; many threads may tell it."""

    def __init__(self) -> None:
        self._dates: dict[str, Mapping[str, Any]] = {}

    def hearing(self, said: Callable[[Exchange, Role], None]) -> Callable[[Exchange, Role], None]:
        """Return *said*, with which this hears every exchange, too."""

        def both(exchange: Exchange, role: Role) -> None:
            self.heard(exchange)
            said(exchange, role)

        return both

    def heard(self, exchange: Exchange) -> None:
        """Take note of the Date in *exchange*, which was said when its first octet came, or shortly before."""
        host = exchange.connection.host if exchange.connection else ""
        if not host or host in self._dates or len(self._dates) >= _SERVERS:
            return
        theirs = _date(exchange.field_value("Date"))
        if theirs is not None:
            came = exchange.started + timedelta(microseconds=exchange.times.get("first", 0))
            self._dates[host] = _said("server", host, theirs, (exchange.started, came))

    def document(self) -> list[Mapping[str, Any]]:
        """Return what was heard, by host."""
        return [self._dates[host] for host in sorted(self._dates)]


def compared(stamped: Iterable[Stamped]) -> list[Mapping[str, Any]]:
    """Return what the authorities said of the time when they were asked."""
    return [
        _said("tsa", each.authority, each.at, (each.sent, each.received))
        for each in stamped
        if each.at is not None and each.sent is not None and each.received is not None
    ]


def _said(kind: str, name: str, theirs: datetime, ours: tuple[datetime, datetime]) -> Mapping[str, Any]:
    sent, received = ours
    return {
        "kind": kind,
        "name": name,
        "theirs": manifest.timestamp(theirs),
        "sent": manifest.timestamp(sent),
        "received": manifest.timestamp(received),
    }


def _date(value: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
