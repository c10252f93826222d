"""The file of the index: opened for questions, or by one writer; every failure told in one sentence.

Readers and the one writer do not block each other (SQLite's write-ahead log). A file that is damaged, newer, or not
one of ours raises StoreError saying that ``muniment index rebuild`` makes a new one: the evidence is elsewhere.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from muniment.errors import ArchiveLocked, FormatError, StoreError
from muniment.index import schema
from muniment.index.rows import CaptureRow, FailureRow, LinkRow, ResourceRow, Row, Rows, cells, record_cells, row

__all__ = ["TABLES", "Index", "created", "reading", "writing"]

TABLES: Final = ("captures", "records", "resources", "links", "failures")
"""Every table, each after those that it refers to."""
_PATIENCE: Final = 30.0
_REBUILD: Final = "nothing of the evidence is lost: run `muniment index rebuild`"
_DELETE: Final = (
    "DELETE FROM failures WHERE capture = ?",
    "DELETE FROM links WHERE capture = ?",
    "DELETE FROM resources WHERE capture = ?",
    "DELETE FROM records WHERE capture = ?",
    "DELETE FROM captures WHERE id = ?",
)
_CAPTURE: Final = "INSERT INTO captures VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_RECORD: Final = "INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_RESOURCE: Final = "INSERT INTO resources VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_LINK: Final = "INSERT INTO links VALUES (?,?,?,?,?,?,?,?)"
_FAILURE: Final = "INSERT INTO failures VALUES (?,?,?,?,?,?,?,?,?)"


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in a sentence what SQLite reports by exceptions of its own."""
    try:
        yield
    except sqlite3.DatabaseError as failure:
        match getattr(failure, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                raise ArchiveLocked(path, "another process is writing the index; wait for it to end") from failure
            case sqlite3.SQLITE_FULL:
                raise StoreError(path, f"the disk is full; make room, and {_REBUILD}") from failure
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_IOERR:
                raise StoreError(path, f"the index cannot be opened or written ({failure}); {_REBUILD}") from failure
            case _:
                raise StoreError(path, f"the index is damaged ({failure}); {_REBUILD}") from failure
    except FormatError as wrong:
        raise StoreError(path, f"the index is damaged ({wrong}); {_REBUILD}") from wrong


class Index:
    """An open index. Questions return rows in a fixed order; only an index opened by ``writing`` takes rows in."""

    def __init__(self, db: Database, path: Path) -> None:
        self._db = db
        self._path = path

    def replace(self, rows: Rows) -> None:
        """Take in *rows* in place of whatever was held of that capture: all of it or nothing."""
        capture = rows.capture.id
        with _told(self._path), self._db.atomic():
            connection = self._db.conn
            for statement in _DELETE:
                connection.execute(statement, (capture,))
            connection.execute(_CAPTURE, cells(rows.capture))
            connection.executemany(_RECORD, (record_cells(capture, each) for each in rows.records))
            connection.executemany(_RESOURCE, map(cells, rows.resources))
            connection.executemany(_LINK, map(cells, rows.links))
            connection.executemany(_FAILURE, map(cells, rows.failures))

    def captures(self, limit: int) -> list[CaptureRow]:
        """Return the newest *limit* captures, newest first."""
        return self._asked(CaptureRow, "captures", order="id DESC", limit=limit)

    def ids(self, prefix: str) -> list[str]:
        """Return the ids of at most 20 captures that begin with *prefix*, oldest first."""
        # No LIKE: there % and _ of a user's text would be wildcards. Ids are ASCII, so the range below holds them all.
        with _told(self._path):
            found = self._db.query(
                "SELECT id FROM captures WHERE id >= :first AND id < :beyond ORDER BY id LIMIT 20",
                {"first": prefix, "beyond": prefix + "\x7f"},
            )
            return [str(each["id"]) for each in found]

    def resources(self, capture: str) -> list[ResourceRow]:
        """Return the URLs of *capture* that were answered, in the order of its manifest."""
        return self._asked(ResourceRow, "resources", capture=capture, order="n")

    def failures(self, capture: str) -> list[FailureRow]:
        """Return the URLs of *capture* that were not got whole, in the order of its manifest."""
        return self._asked(FailureRow, "failures", capture=capture, order="n")

    def links(self, capture: str) -> list[LinkRow]:
        """Return the links that pages of *capture* hold, in the order of their records, then of the page."""
        return self._asked(LinkRow, "links", capture=capture, order="n, place")

    def links_by_kind(self, capture: str) -> dict[str, int]:
        """Return how many links of each kind the pages of *capture* hold."""
        with _told(self._path):
            found = self._db.query(
                "SELECT kind, count(*) AS number FROM links WHERE capture = :capture GROUP BY kind ORDER BY kind",
                {"capture": capture},
            )
            return {str(each["kind"]): int(each["number"]) for each in found}

    def counts(self) -> dict[str, int]:
        """Return how many rows each table holds."""
        with _told(self._path):
            return {name: self._db.table(name).count for name in TABLES}

    def total(self) -> int:
        """Return how many captures there are."""
        with _told(self._path):
            return int(self._db.table("captures").count)

    def settle(self) -> None:
        """Bring everything into the one file and check it, so that the file can be put in another's place."""
        with _told(self._path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            broken = self._db.execute("PRAGMA foreign_key_check").fetchone()
            (quick,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if broken is not None or quick != "ok":
            raise StoreError(self._path, f"the new index is not sound ({quick}, {broken}); the disk may be failing")

    def _asked(self, shape: type[Row], table: str, *, order: str, capture: str = "", limit: int = -1) -> list[Row]:
        where, bound = ("capture = ?", [capture]) if capture else (None, [])
        with _told(self._path):
            found = self._db.table(table).rows_where(where, bound, order_by=order, limit=limit)
            return [row(shape, each) for each in found]


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Index]:
    """Open the index *path* for questions; nothing is written, also not on a disk that cannot be written."""
    with _told(path), contextlib.closing(_connected(path, "ro")) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield Index(_ours(connection, path), path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Index]:
    """Open the index *path*, which is there, for its one writer, who holds the archive's lock; migrate it if older."""
    with _told(path), contextlib.closing(_connected(path, "rw")) as connection:
        yield Index(_ours(connection, path), path)


@contextlib.contextmanager
def created(path: Path) -> Iterator[Index]:
    """Make a new empty index at *path*, where nothing is, and open it for writing; it is not synced."""
    if os.path.lexists(path):
        raise StoreError(path, "is there already and is never overwritten")
    with _told(path), contextlib.closing(_connected(path, "rwc")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        # A new index that a power cut tears is thrown away; whoever puts it in its place syncs it then, once.
        connection.execute("PRAGMA synchronous = OFF")
        db = _database(connection)
        schema.migrate(db, 0)
        yield Index(db, path)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    if path.is_symlink():
        raise StoreError(path, "the index is a symbolic link, which is not followed; remove it")
    address = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        return _guarded(address)
    except sqlite3.OperationalError:
        log = path.with_name(path.name + "-wal")
        if mode != "ro" or (log.exists() and log.stat().st_size):
            raise
        # A folder that cannot be written has no room for the shared memory of the write-ahead log; where that log is
        # empty nobody can be writing, and the file may be read as one that never changes.
        return _guarded(f"{address}&immutable=1")


def _guarded(address: str) -> sqlite3.Connection:
    """Connect so that nothing in the file can act: no attached file, no function that a schema smuggles in."""
    connection = sqlite3.connect(address, uri=True, timeout=_PATIENCE)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _database(connection: sqlite3.Connection) -> Database:
    return Database(connection, recursive_triggers=False, execute_plugins=False, strict=True)


def _ours(connection: sqlite3.Connection, path: Path) -> Database:
    """Return the database when it is an index that this muniment can use; a StoreError names what it is instead."""
    db = _database(connection)
    application = _number(db, "PRAGMA application_id")
    version = _number(db, "PRAGMA user_version")
    if application != schema.APPLICATION:
        raise StoreError(path, f"this is not an index of muniment; {_REBUILD}")
    if version > schema.VERSION:
        raise StoreError(
            path,
            f"the index was made by a newer muniment (version {version}, this one knows {schema.VERSION}); "
            f"use that one, or {_REBUILD}",
        )
    if version < schema.VERSION:
        if _number(db, "PRAGMA query_only"):
            raise StoreError(path, f"the index was made by an older muniment (version {version}); {_REBUILD}")
        schema.migrate(db, version)
    if strange := schema.foreign(db):
        raise StoreError(path, f"the index holds {strange!r} otherwise than muniment makes it; {_REBUILD}")
    return db


def _number(db: Database, pragma: str) -> int:
    found: tuple[Any, ...] = db.execute(pragma).fetchone()
    return int(found[0])
