"""Times as manifests, statements, WARC headers and the index write them."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from muniment.errors import FormatError

__all__ = ["instant", "timestamp"]

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)


def timestamp(moment: datetime) -> str:
    """Return *moment* (aware) as RFC 3339 in UTC with microseconds, as WARC-Date allows (ISO 28500 5.4)."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(text: str, where: object) -> datetime:
    """Return the moment that *text* writes in the form of :func:`timestamp`, or to the second."""
    moment = _moment(text) if _INSTANT.fullmatch(text) else None
    if moment is None:
        raise FormatError(where, expected="a UTC time like 2024-12-10T09:30:12.000000Z", found=repr(text[:60]))
    return moment


# An answer, its request and its facts have one time. What comes here has at most 27 letters.
@lru_cache(256)
def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # ISO 8601 has a second name for midnight, "24:00:00", which later versions of Python read.
    return moment if timestamp(moment)[:19] == text[:19] else None
