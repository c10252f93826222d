"""Hosts, URLs and media types are written once and numbered; everything else names them by number.

A number is given to what is not there yet, and goes with the last row that names it, so that an index that grew holds
what one that was made anew holds. What stands under which number depends on what came first, and says nothing.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Final

from muniment.errors import FormatError
from muniment.message.url import Url

__all__ = ["Named", "backwards", "document", "forget", "named", "of_media_types", "of_urls", "place"]

_LINES: Final = 24
# What stands before the path tells the host (RFC 3986 3.2), and is the same for many URLs.
# One that is longer than names of hosts are is not remembered, so that no page can fill the memory.
_USUAL: Final = 300
_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\\]*")


@dataclass(frozen=True, slots=True)
class _Table:
    """How a table of numbered texts is asked for its next number, given a row, and asked for the number of a text."""

    following: str
    add: str
    find: str


_URLS: Final = _Table(
    "SELECT coalesce(max(number), 0) + 1 FROM urls",
    "INSERT OR IGNORE INTO urls (url, host, number) VALUES (?,?,?)",
    "SELECT number FROM urls WHERE url = ?",
)
_HOSTS: Final = _Table(
    "SELECT coalesce(max(number), 0) + 1 FROM hosts",
    "INSERT OR IGNORE INTO hosts (host, backwards, number) VALUES (?,?,?)",
    "SELECT number FROM hosts WHERE host = ?",
)
_MEDIA_TYPES: Final = _Table(
    "SELECT coalesce(max(number), 0) + 1 FROM media_types",
    "INSERT OR IGNORE INTO media_types (media_type, number) VALUES (?,?)",
    "SELECT number FROM media_types WHERE media_type = ?",
)
_NAMED: Final = """SELECT url FROM records WHERE capture = ?1 AND url IS NOT NULL
UNION SELECT final FROM records WHERE capture = ?1 AND final IS NOT NULL
UNION SELECT url FROM links WHERE capture = ?1
UNION SELECT url FROM failures WHERE capture = ?1
UNION SELECT url FROM articles WHERE capture = ?1"""
_TYPES: Final = "SELECT DISTINCT media_type FROM records WHERE capture = ? AND media_type IS NOT NULL"
_HOST_OF: Final = "SELECT host FROM urls WHERE number = ? AND host IS NOT NULL"
_FORGET_URL: Final = """DELETE FROM urls WHERE number = ?1
AND NOT EXISTS (SELECT 1 FROM records WHERE url = ?1) AND NOT EXISTS (SELECT 1 FROM records WHERE final = ?1)
AND NOT EXISTS (SELECT 1 FROM links WHERE url = ?1) AND NOT EXISTS (SELECT 1 FROM failures WHERE url = ?1)
AND NOT EXISTS (SELECT 1 FROM articles WHERE url = ?1)"""
_FORGET_HOST: Final = "DELETE FROM hosts WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM urls WHERE host = ?1)"
_FORGET_TYPE: Final = """DELETE FROM media_types WHERE number = ?1
AND NOT EXISTS (SELECT 1 FROM records WHERE media_type = ?1)"""


@dataclass(frozen=True, slots=True)
class Named:
    """The numbers of the URLs and media types that a capture names."""

    urls: frozenset[int]
    media_types: frozenset[int]


def document(capture: int, n: int) -> int:
    """Return the number by which the index of the words knows line *n* of the capture with the number *capture*."""
    if n >> _LINES:
        raise FormatError("manifest", expected=f"at most {1 << _LINES:,} lines", found=f"line {n:,}")
    return capture << _LINES | n


def place(document: int) -> tuple[int, int]:
    """Return the number of the capture and the line from which :func:`document` made the number *document*."""
    return document >> _LINES, document & (1 << _LINES) - 1


def of_urls(connection: sqlite3.Connection, urls: Iterable[str]) -> Mapping[str, int]:
    """Return the number of each of *urls*; those that are not there are added, and the hosts that they name."""
    hosts = {url: _host(url) for url in urls}
    wanted = dict.fromkeys(hosts.values())
    numbers = _numbered(connection, _HOSTS, {host: (host, backwards(host)) for host in wanted if host})
    return _numbered(connection, _URLS, {url: (url, numbers.get(host)) for url, host in hosts.items()})


def of_media_types(connection: sqlite3.Connection, media_types: Iterable[str]) -> Mapping[str, int]:
    """Return the number of each of *media_types*; those that are not there are added."""
    return _numbered(connection, _MEDIA_TYPES, {each: (each,) for each in media_types})


def _numbered(
    connection: sqlite3.Connection, table: _Table, wanted: Mapping[str, tuple[object, ...]]
) -> Mapping[str, int]:
    """Return the number of each text of *wanted*, which maps it to the row that it has without its number."""
    (following,) = connection.execute(table.following).fetchone()
    before = connection.total_changes
    connection.executemany(table.add, ((*row, number) for row, number in zip(wanted.values(), count(following))))
    if connection.total_changes - before == len(wanted):  # all of them were new
        return dict(zip(wanted, count(following)))
    return {text: connection.execute(table.find, (text,)).fetchone()[0] for text in wanted}


def named(connection: sqlite3.Connection, capture: int) -> Named:
    """Return what the rows of the capture with the number *capture* name."""
    return Named(
        frozenset(number for (number,) in connection.execute(_NAMED, (capture,))),
        frozenset(number for (number,) in connection.execute(_TYPES, (capture,))),
    )


def forget(connection: sqlite3.Connection, gone: Named) -> None:
    """Delete what of *gone* no row names any more."""
    urls = [(number,) for number in gone.urls]
    hosts = {host for number in urls for host in connection.execute(_HOST_OF, number)}
    connection.executemany(_FORGET_URL, urls)
    connection.executemany(_FORGET_HOST, hosts)
    connection.executemany(_FORGET_TYPE, [(number,) for number in gone.media_types])


def backwards(host: str) -> str:
    """Return *host* with its labels from the last to the first, so that a domain and all below it lie together."""
    return host if ":" in host else ".".join(reversed(host.split(".")))


def _host(url: str) -> str:
    """Return the host that *url* names, in ASCII; empty where it names none."""
    found = _AUTHORITY.match(url)
    if not found:
        return ""
    return (_remembered if len(found[0]) <= _USUAL else _host_of)(found[0])


def _host_of(authority: str) -> str:
    try:
        return Url.parse(authority + "/").host
    except FormatError:
        return ""


_remembered = lru_cache(maxsize=4096)(_host_of)
