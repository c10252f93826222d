"""What yt-dlp says of a film, from the page or the interface that it read: assertions with their source; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from muniment.extract.article import Article
from muniment.extract.assertion import Assertions, Field

__all__ = ["EXTRACTOR", "from_details"]

#: The extractor and its version, as the metadata record of a film names it; raised when the same details give others.
EXTRACTOR: Final = "muniment.film/1"
_TEXTS: Final = {
    "title": Field.HEADLINE,
    "uploader": Field.BYLINE,
    "channel": Field.PUBLISHER,
    "description": Field.DESCRIPTION,
    "webpage_url": Field.CANONICAL_URL,
    "language": Field.LANGUAGE,
}
_MOMENTS: Final = {
    "timestamp": Field.PUBLISHED,
    "release_timestamp": Field.PUBLISHED,
    "modified_timestamp": Field.MODIFIED,
}
_DAYS: Final = {"upload_date": Field.PUBLISHED, "release_date": Field.PUBLISHED, "modified_date": Field.MODIFIED}


def from_details(details: Mapping[str, Any], url: str) -> Article:
    """Return what the info JSON *details* of the film at *url* asserts; FormatError where *url* is no absolute URL.

    yt-dlp gives times as seconds since 1970 and days as eight digits; they stand here as RFC 3339 writes them. Not
    promised: that a site says the truth about who uploaded a film and when.
    """
    into = Assertions(url)
    if details.get("extractor_key") == "Generic":
        return Article()  # it knows no site, and makes its words up from the URL
    for name, about in _TEXTS.items():
        if isinstance(said := details.get(name), str):
            into.add(about, said, f"yt-dlp:{name}")
    for name, about in _MOMENTS.items():
        if isinstance(said := details.get(name), int | float):
            into.add(about, _moment(said), f"yt-dlp:{name}")
    for name, about in _DAYS.items():
        if isinstance(said := details.get(name), str) and len(said) == 8 and said.isdecimal():
            into.add(about, f"{said[:4]}-{said[4:6]}-{said[6:]}", f"yt-dlp:{name}")
    return Article(tuple(into.kept.values()))


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return ""
