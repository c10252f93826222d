"""How the rows of a capture come into the index and out of it again, with the words by which they are found."""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from muniment.errors import FormatError
from muniment.index.folding import folded
from muniment.index.rows import (
    ArticleRow,
    AssertionRow,
    CaptureRow,
    ConnectionRow,
    FailureRow,
    HostRow,
    LinkRow,
    RecordRow,
    Rows,
    TextRow,
    WarcRow,
    cells,
)

__all__ = ["Worded", "enter", "leave", "unpacked", "worded"]

_LARGEST: Final = 256 << 20
_DELETE: Final = (
    "DELETE FROM texts WHERE capture = ?",
    "DELETE FROM assertions WHERE capture = ?",
    "DELETE FROM articles WHERE capture = ?",
    "DELETE FROM failures WHERE capture = ?",
    "DELETE FROM links WHERE capture = ?",
    "DELETE FROM records WHERE capture = ?",
    "DELETE FROM connections WHERE capture = ?",
    "DELETE FROM warcs WHERE capture = ?",
    "DELETE FROM captures WHERE id = ?",
)


def _insertion(table: str, shape: type) -> str:
    # Both are ours: a name of this module and the number of a row's fields.
    return " ".join(("INSERT INTO", table, "VALUES (", ",".join("?" * len(fields(shape))), ")"))


_INSERT: Final[Mapping[str, str]] = {
    name: _insertion(name, shape)
    for name, shape in (
        ("warcs", WarcRow),
        ("connections", ConnectionRow),
        ("records", RecordRow),
        ("links", LinkRow),
        ("failures", FailureRow),
        ("articles", ArticleRow),
        ("assertions", AssertionRow),
    )
}
_INSERT_CAPTURE: Final = _insertion("captures", CaptureRow)
_INSERT_HOST: Final = _insertion("hosts", HostRow).replace("INSERT", "INSERT OR IGNORE", 1)
_INSERT_TEXT: Final = "INSERT INTO texts (id, capture, n, text) VALUES (?,?,?,?)"
_INSERT_WORDS: Final = "INSERT INTO words (rowid, title, byline, text, url) VALUES (?,?,?,?,?)"
# FTS5 4.3: an index without content forgets a row when it is told exactly what it took in.
_DELETE_WORDS: Final = "INSERT INTO words (words, rowid, title, byline, text, url) VALUES ('delete',?,?,?,?,?)"
_WORDED: Final = """SELECT t.id, t.text, coalesce(r.url, ''), coalesce(a.title, ''),
  (SELECT group_concat(value, char(10)) FROM (SELECT value FROM assertions s
    WHERE s.capture = t.capture AND s.page = t.n AND s.field = 'headline' ORDER BY s.place)),
  (SELECT group_concat(value, char(10)) FROM (SELECT value FROM assertions s
    WHERE s.capture = t.capture AND s.page = t.n AND s.field IN ('byline', 'publisher') ORDER BY s.place))
FROM texts t JOIN records r ON r.capture = t.capture AND r.n = t.n
LEFT JOIN articles a ON a.capture = t.capture AND a.n = t.n
WHERE t.id BETWEEN ? AND ?"""


@dataclass(frozen=True, slots=True)
class Worded:
    """What is searched of one row of ``texts``, as it stood on the page: title and headlines, authors, text, URL."""

    id: int
    title: str
    byline: str
    text: str
    url: str


def enter(connection: sqlite3.Connection, rows: Rows) -> None:
    """Insert *rows*, of a capture that is not held yet; the caller holds a transaction."""
    capture = rows.capture.id
    connection.execute(_INSERT_CAPTURE, cells(rows.capture))
    connection.executemany(_INSERT_HOST, map(cells, rows.hosts))
    for table, statement in _INSERT.items():
        connection.executemany(statement, map(cells, getattr(rows, table)))
    if rows.texts:
        (first,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM texts").fetchone()
        numbered = enumerate(rows.texts, first)
        connection.executemany(_INSERT_TEXT, ((at, capture, each.n, _packed(each)) for at, each in numbered))
        connection.executemany(_INSERT_WORDS, _folded(connection, first, first + len(rows.texts) - 1))


def leave(connection: sqlite3.Connection, capture: str) -> None:
    """Delete everything that is held of *capture*; the caller holds a transaction."""
    first, last = connection.execute("SELECT min(id), max(id) FROM texts WHERE capture = ?", (capture,)).fetchone()
    if first is not None:
        connection.executemany(_DELETE_WORDS, list(_folded(connection, first, last)))
    hosts = connection.execute(
        "SELECT DISTINCT host FROM records WHERE capture = ? AND host IS NOT NULL", (capture,)
    ).fetchall()
    for statement in _DELETE:
        connection.execute(statement, (capture,))
    connection.executemany(
        "DELETE FROM hosts WHERE host = ?1 AND NOT EXISTS (SELECT 1 FROM records WHERE host = ?1)", hosts
    )


def worded(connection: sqlite3.Connection, first: int, last: int) -> Iterator[Worded]:
    """Give what is searched of the rows *first* to *last* of ``texts``, as it stood on the pages."""
    for number, text, url, title, headlines, authors in connection.execute(_WORDED, (first, last)):
        titles = dict.fromkeys(each for each in (title, *(headlines or "").split("\n")) if each)
        yield Worded(number, "\n".join(titles), authors or "", unpacked(text), url)


def unpacked(text: bytes | None) -> str:
    """Return the text that the cell *text* holds; FormatError, zlib.error or UnicodeDecodeError where it holds none."""
    if text is None:
        return ""
    inflater = zlib.decompressobj()
    found = inflater.decompress(text, _LARGEST)
    if not inflater.eof:
        raise FormatError("texts", expected=f"a text of at most {_LARGEST} octets", found="one that is cut or larger")
    return found.decode()


def _packed(row: TextRow) -> bytes | None:
    # Level 6 of zlib: half the octets, and the same ones from every build that an index is compared under.
    return None if row.text is None else zlib.compress(row.text.encode(), 6)


def _folded(connection: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[object, ...]]:
    for each in worded(connection, first, last):
        yield each.id, folded(each.title), folded(each.byline), folded(each.text), folded(each.url)
