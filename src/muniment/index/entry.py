"""How the rows of a capture come into the index and out of it again, with the words by which they are found."""

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from muniment.errors import FormatError
from muniment.index import cells, numbers
from muniment.index.folding import folded
from muniment.index.rows import Rows

__all__ = ["Worded", "enter", "leave", "unpacked", "worded"]

_LARGEST: Final = 256 << 20
_DELETE: Final = (
    "DELETE FROM texts WHERE capture = ?",
    "DELETE FROM hashes WHERE capture = ?",
    "DELETE FROM media WHERE capture = ?",
    "DELETE FROM assertions WHERE capture = ?",
    "DELETE FROM articles WHERE capture = ?",
    "DELETE FROM failures WHERE capture = ?",
    "DELETE FROM links WHERE capture = ?",
    "DELETE FROM records WHERE capture = ?",
    "DELETE FROM connections WHERE capture = ?",
    "DELETE FROM warcs WHERE capture = ?",
    "DELETE FROM captures WHERE number = ?",
)
_INSERT_TEXT: Final = "INSERT INTO texts (capture, n, text) VALUES (?,?,?)"
_INSERT_WORDS: Final = "INSERT INTO words (rowid, title, byline, text, url) VALUES (?,?,?,?,?)"
# FTS5 4.3: an index without content forgets a row when it is told exactly what it took in.
_DELETE_WORDS: Final = "INSERT INTO words (words, rowid, title, byline, text, url) VALUES ('delete',?,?,?,?,?)"
# The last exchange of each URL is found by its words.
_FOUND: Final = """SELECT n FROM records WHERE capture = ?1 AND answer = 1
UNION SELECT n FROM failures WHERE capture = ?1 ORDER BY n"""
_WORDED: Final = """SELECT t.text, coalesce(u.url, ''), coalesce(a.title, ''),
  (SELECT group_concat(value, char(10)) FROM (SELECT value FROM assertions s
    WHERE s.capture = r.capture AND s.page = r.n AND s.field = 'headline' ORDER BY s.place)),
  (SELECT group_concat(value, char(10)) FROM (SELECT value FROM assertions s
    WHERE s.capture = r.capture AND s.page = r.n AND s.field IN ('byline', 'publisher') ORDER BY s.place))
FROM records r LEFT JOIN urls u ON u.number = r.url LEFT JOIN articles a ON a.capture = r.capture AND a.n = r.n
LEFT JOIN texts t ON t.capture = r.capture AND t.n = r.n
WHERE r.capture = ? AND r.n = ?"""


@dataclass(frozen=True, slots=True)
class Worded:
    """What is searched of a record, as it stood on the page: title and headlines, authors, text, URL."""

    title: str
    byline: str
    text: str
    url: str


def enter(connection: sqlite3.Connection, rows: Rows) -> None:
    """Insert *rows*, of a capture that is not held yet; the caller holds a transaction."""
    capture = connection.execute(cells.CAPTURES, cells.of_capture(rows)).lastrowid
    assert capture is not None  # noqa: S101 - an INSERT that succeeded, which the type checker cannot see
    numbered = cells.Numbers(
        capture,
        numbers.of_urls(connection, _urls(rows)),
        numbers.of_media_types(connection, (each.media_type for each in rows.records if each.media_type)),
    )
    for statement, of_rows in cells.INSERTIONS.items():
        connection.executemany(statement, of_rows(rows, numbered))
    connection.executemany(_INSERT_TEXT, ((capture, each.n, _packed(each.text)) for each in rows.texts))
    connection.executemany(_INSERT_WORDS, _words(connection, rows, capture))


def leave(connection: sqlite3.Connection, capture: int) -> numbers.Named:
    """Delete the rows of the capture with the number *capture*; the caller holds a transaction.

    Returns what they named, for :func:`muniment.index.numbers.forget`: another capture may name it too.
    """
    found = [n for (n,) in connection.execute(_FOUND, (capture,))]
    connection.executemany(_DELETE_WORDS, [_folded(capture, n, worded(connection, capture, n)) for n in found])
    gone = numbers.named(connection, capture)
    for statement in _DELETE:
        connection.execute(statement, (capture,))
    return gone


def worded(connection: sqlite3.Connection, capture: int, n: int) -> Worded:
    """Return what is searched of line *n* of the capture with the number *capture*; FormatError where it is missing."""
    held = connection.execute(_WORDED, (capture, n)).fetchone()
    if held is None:
        raise FormatError("words", expected="a record for each entry", found=f"none for line {n} of capture {capture}")
    text, url, title, headlines, authors = held
    titles = dict.fromkeys(each for each in (title, *(headlines or "").split("\n")) if each)
    return Worded("\n".join(titles), authors or "", unpacked(text), url)


def unpacked(text: bytes | None) -> str:
    """Return the text that the cell *text* holds; FormatError, zlib.error or UnicodeDecodeError where it holds none."""
    if text is None:
        return ""
    inflater = zlib.decompressobj()
    found = inflater.decompress(text, _LARGEST)
    if not inflater.eof:
        raise FormatError("texts", expected=f"a text of at most {_LARGEST} octets", found="one that is cut or larger")
    return found.decode()


def _packed(text: str) -> bytes:
    # Level 6 of zlib: half the octets, and the same ones from every build that an index is compared under.
    return zlib.compress(text.encode(), 6)


def _urls(rows: Rows) -> Iterator[str]:
    """Give every URL that *rows* name, in their order, many of them more than once."""
    for record in rows.records:
        if record.url is not None:
            yield record.url
        if record.final is not None:
            yield record.final
    for named in (rows.links, rows.failures, rows.articles):
        for each in named:
            yield each.url


def _words(connection: sqlite3.Connection, rows: Rows, capture: int) -> Iterator[tuple[object, ...]]:
    """Give the folded words of what is found of *rows*, which were just entered."""
    pages = {each.n for each in rows.articles} | {each.page for each in rows.assertions}
    missing = {each.n for each in rows.failures}
    for each in rows.records:
        if each.n in pages and (each.answer or each.n in missing):
            yield _folded(capture, each.n, worded(connection, capture, each.n))
        elif each.answer or each.n in missing:
            # Most of it is no page and has the words of its URL alone: nothing else is looked for.
            yield numbers.document(capture, each.n), "", "", "", folded(each.url or "")


def _folded(capture: int, n: int, page: Worded) -> tuple[object, ...]:
    return numbers.document(capture, n), folded(page.title), folded(page.byline), folded(page.text), folded(page.url)
