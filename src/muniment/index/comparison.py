"""Two indexes held against each other, row by row: which table, which row, which column."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from muniment.index.readable import TABLES

__all__ = ["Comparison", "Difference", "compared"]

_LONGEST: Final = 120
_WORDS: Final = "SELECT term, doc, cnt FROM temp.vocabulary ORDER BY term"

_Key = tuple[Any, ...]
_Rows = Iterator[tuple[_Key, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the index holds otherwise than the evidence gives it.

    ``key`` names the row, joined by "/"; ``column`` is empty where the whole row is missing or one too many.
    """

    table: str
    key: str
    column: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first differences, and how many there are in each table that has any."""

    differences: tuple[Difference, ...]
    counts: dict[str, int]


@dataclass(slots=True)
class _Differing:
    most: int
    named: list[Difference] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, key: _Key, column: str, values: tuple[object, object]) -> None:
        self.counts[table] = self.counts.get(table, 0) + 1
        if len(self.named) < self.most:
            wanted, got = (_shown(each) for each in values)
            self.named.append(Difference(table, "/".join(str(each) for each in key), column, wanted, got))


def compared(found: sqlite3.Connection, wanted: sqlite3.Connection, most: int) -> Comparison:
    """Return how *found* differs from *wanted*; of all differences the first *most* are named, all are counted.

    Rows are compared by what they say, not by how the index numbers captures, URLs and media types. The index of the
    words is held against the other by each token's number of records and places, and by the number of tokens of each
    record (``words`` of ``records``); where in a page a token stands is not compared.
    """
    differing = _Differing(most)
    for table, readable in TABLES.items():
        one, other = (_keyed(each, readable.ordered(), readable.key) for each in (found, wanted))
        _merge(differing, table, one, other)
    _merge(differing, "words", _vocabulary(found), _vocabulary(wanted))
    return Comparison(tuple(differing.named), differing.counts)


def _vocabulary(connection: sqlite3.Connection) -> _Rows:
    # Also a temporary table is a change, to which a reader's connection is not open; its file stays read-only.
    connection.execute("PRAGMA query_only = OFF")
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab(main, words, row)")
    return _keyed(connection, _WORDS, ("term",))


def _keyed(connection: sqlite3.Connection, asked: str, key: Sequence[str]) -> _Rows:
    cursor = connection.execute(asked)
    columns = [str(each[0]) for each in cursor.description]
    for cells in cursor:
        held = dict(zip(columns, cells, strict=True))
        yield tuple(held[each] for each in key), held


def _merge(differing: _Differing, table: str, found: _Rows, wanted: _Rows) -> None:
    """Walk both at once, in the order of their keys, and add what differs."""
    one, other = next(found, None), next(wanted, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None  # noqa: S101 - the loop's condition, which the type checker cannot see
            differing.add(table, one[0], "", ("no such row", "a row"))
            one = next(found, None)
        elif one is None or other[0] < one[0]:
            differing.add(table, other[0], "", ("a row", "no such row"))
            other = next(wanted, None)
        else:
            for column, value in other[1].items():
                if one[1][column] != value:
                    differing.add(table, other[0], column, (value, one[1][column]))
            one, other = next(found, None), next(wanted, None)


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} octets"
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
