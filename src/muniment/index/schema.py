"""The tables of the index, its views, and the one version of both; ``tables.sql`` and ``indexes.sql`` define them.

``PRAGMA user_version`` says which version a file has. There are no migrations: the index is derived, so an older file
is made anew from the evidence, and equals one that grew under the present version row by row.

What can be told from elsewhere is not stored again: captures, URLs, hosts and media types are numbered and named by
number, a request and the facts beside an answer name that answer instead of its URL and time, and ``resources`` is a
view.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from sqlite_utils import Database

__all__ = ["APPLICATION", "VERSION", "build", "foreign", "index"]

APPLICATION: Final = 0x6D756E69
"""``PRAGMA application_id`` of an index: the letters "muni"."""
VERSION: Final = 5
"""The ``user_version`` of an index that this muniment writes and reads."""


def build(db: Database) -> None:
    """Make the tables, the views and the index of the words in the empty *db*; :func:`index` follows the first rows."""
    _run(db, "tables.sql")
    # A pragma takes no bound parameter; both values are constants of this module.
    db.execute(f"PRAGMA application_id = {APPLICATION:d}")
    db.execute(f"PRAGMA user_version = {VERSION:d}")


def index(db: Database) -> None:
    """Make the indexes of *db*: after its first rows, because sorting once costs a third of growing."""
    _run(db, "indexes.sql")


def _run(db: Database, name: str) -> None:
    db.conn.executescript("BEGIN;" + files("muniment.index").joinpath(name).read_text(encoding="utf-8") + "COMMIT;")


@cache
def _expected() -> frozenset[tuple[str, str, str]]:
    db = Database(memory=True, execute_plugins=False, strict=True)
    build(db)
    index(db)
    found = _held(db)
    db.close()
    return found


def _held(db: Database) -> frozenset[tuple[str, str, str]]:
    """Return type, name and definition of everything that the schema of *db* holds, except SQLite's own.

    The tables in which FTS5 keeps its index are known by name: their definition is a matter of SQLite's release.
    """
    found = db.execute("SELECT type, name, sql FROM sqlite_schema WHERE substr(name, 1, 7) <> 'sqlite_'")
    return frozenset(
        (str(kind), str(name), "" if str(name).startswith("words_") else str(sql)) for kind, name, sql in found
    )


def foreign(db: Database) -> str:
    """Return the name of something in the schema of *db* that muniment did not put there or that is gone, or "".

    A trigger or a view that somebody planted runs with the rights of whoever opens the file: it is never run.
    """
    return min((name for _, name, _ in _held(db) ^ _expected()), default="")
