"""The file of the index: opened for questions, or by one writer; every failure told in one sentence.

Readers and the one writer do not block each other (SQLite's write-ahead log). A file that is damaged, newer, or not
one of ours raises StoreError saying that ``muniment index rebuild`` makes a new one: the evidence is elsewhere.
"""

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from muniment.errors import ArchiveLocked, FormatError, StoreError
from muniment.index import alike, comparison, entry, numbers, schema, searching
from muniment.index.readable import TABLES, Readable
from muniment.index.rows import CaptureRow, FailureRow, LinkRow, ResourceRow, Row, Rows, row

__all__ = ["Index", "Size", "created", "older", "reading", "supplant", "writing"]

_PATIENCE: Final = 30.0
_REBUILD: Final = "nothing of the evidence is lost: run `muniment index rebuild`"
# This much of the file is read through memory that the system shares.
_MAPPED: Final = 1 << 30
_BULK: Final = (
    # A new index that a power cut tears is thrown away; whoever puts it in its place syncs it then, once.
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -65536",
    # Every row is looked at once, at the end, instead of twice, while it comes in.
    "PRAGMA foreign_keys = OFF",
)
_NEWEST: Final = TABLES["captures"].sql + " ORDER BY id DESC LIMIT ?"
_RESOURCES: Final = Readable("SELECT * FROM resources", ("capture", "n"))
_OF_FULL_TEXT: Final = """SELECT coalesce((SELECT sum(length(text)) FROM texts), 0)
+ coalesce((SELECT sum(length(block)) FROM words_data), 0) + coalesce((SELECT sum(length(sz)) FROM words_docsize), 0)"""


@dataclass(frozen=True, slots=True)
class Size:
    """How large an index is: octets of its file, and of its full text alone (without the pages' own overhead)."""

    version: int
    counts: dict[str, int]
    octets: int
    of_full_text: int


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
    except (FormatError, zlib.error, UnicodeDecodeError) as wrong:
        raise StoreError(path, f"the index is damaged ({wrong}); {_REBUILD}") from wrong


@contextlib.contextmanager
def _one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all questions inside be answered as of one moment, whatever a writer does meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


@contextlib.contextmanager
def _change(connection: sqlite3.Connection) -> Iterator[None]:
    """Do everything inside or nothing; waits for its turn at the beginning, where SQLite lets it wait.

    The archive's lock keeps other writers out. But whoever opens a file that nobody had open holds it for a moment, to
    see whether its write-ahead log has to be recovered, and a change that had begun by reading would not wait for that.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


class Index:
    """An open index. Questions return rows in a fixed order; only an index opened by ``writing`` takes rows in."""

    def __init__(self, db: Database, path: Path) -> None:
        self._db = db
        self._path = path
        self._gone: list[numbers.Named] = []

    def replace(self, rows: Rows) -> None:
        """Take in *rows* in place of whatever was held of that capture: all of it or nothing."""
        connection = self._db.conn
        # In an index that is being made one transaction holds all captures: FTS5 writes a segment at the end of each.
        being_made = connection.in_transaction
        whole = contextlib.nullcontext() if being_made else _change(connection)
        with _told(self._path), whole:
            held = connection.execute("SELECT number FROM captures WHERE id = ?", (rows.capture.id,)).fetchone()
            if held is not None:
                self._gone.append(entry.leave(connection, *held))
            entry.enter(connection, rows)
            if not being_made:  # else it has no index yet that tells what another capture names
                self._forget()

    def search(self, query: searching.Query, limit: int) -> searching.Answer:
        """Return the records that match *query* best, as :func:`muniment.index.searching.search`."""
        with _told(self._path), _one_moment(self._db.conn):
            return searching.search(self._db, query, limit)

    def like(self, record: str, within: int, limit: int) -> alike.Likeness:
        """Return what is like *record*, as :func:`muniment.index.alike.like`."""
        with _told(self._path), _one_moment(self._db.conn):
            return alike.like(self._db, record, within, limit)

    def named(self, record: str) -> tuple[str, int]:
        """Return the capture and the line of *record*, as :func:`muniment.index.alike.named`."""
        with _told(self._path), _one_moment(self._db.conn):
            return alike.named(self._db, record)

    def differences(self, other: "Index", most: int) -> comparison.Comparison:
        """Return how this index differs from *other*, which is what it should be; *most* differences are named."""
        with _told(self._path), _one_moment(self._db.conn):
            return comparison.compared(self._db.conn, other._db.conn, most)  # noqa: SLF001 - of the same class

    def captures(self, limit: int) -> list[CaptureRow]:
        """Return the newest *limit* captures, newest first."""
        return self._asked(CaptureRow, _NEWEST, limit)

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
        return self._asked(ResourceRow, _RESOURCES.of_capture(), capture)

    def failures(self, capture: str) -> list[FailureRow]:
        """Return the URLs of *capture* that were not got whole, in the order of its manifest."""
        return self._asked(FailureRow, TABLES["failures"].of_capture(), capture)

    def links(self, capture: str) -> list[LinkRow]:
        """Return the links that pages of *capture* hold, in the order of their records, then of the page."""
        return self._asked(LinkRow, TABLES["links"].of_capture(), capture)

    def links_by_kind(self, capture: str) -> dict[str, int]:
        """Return how many links of each kind the pages of *capture* hold."""
        with _told(self._path):
            found = self._db.query(
                "SELECT l.kind, count(*) AS number FROM captures c JOIN links l ON l.capture = c.number "
                "WHERE c.id = :capture GROUP BY l.kind ORDER BY l.kind",
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

    def size(self) -> Size:
        """Return how large the index is, and how many rows each table holds."""
        counts = self.counts()
        with _told(self._path):
            pages = _number(self._db, "PRAGMA page_count") * _number(self._db, "PRAGMA page_size")
            return Size(schema.VERSION, counts, pages, _number(self._db, _OF_FULL_TEXT))

    def finish(self) -> None:
        """End the making of a new index: all its rows are in; it is given its indexes and checked."""
        with _told(self._path):
            # First the words: what was in the pages that this leaves empty, the indexes fill again.
            self._db.execute("INSERT INTO words (words) VALUES ('optimize')")
            self._db.conn.commit()
            schema.index(self._db)
            with self._db.atomic():
                self._forget()
            broken = self._db.execute("PRAGMA foreign_key_check").fetchone()
            self._db.execute("PRAGMA journal_mode = WAL").fetchall()
        if broken is not None:
            raise StoreError(self._path, f"the new index is not sound ({broken}); the disk may be failing")

    def _forget(self) -> None:
        while self._gone:
            numbers.forget(self._db.conn, self._gone.pop())

    def _asked(self, shape: type[Row], sql: str, bound: object) -> list[Row]:
        with _told(self._path):
            return [row(shape, each) for each in self._db.query(sql, [bound])]


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Index]:
    """Open the index *path* for questions; nothing is written, also not on a disk that cannot be written."""
    with _told(path), contextlib.closing(_connected(path, "ro")) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield Index(_ours(connection, path), path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Index]:
    """Open the index *path*, which is there, for its one writer, who holds the archive's lock."""
    with _told(path), contextlib.closing(_connected(path, "rw")) as connection:
        yield Index(_ours(connection, path), path)


@contextlib.contextmanager
def created(path: Path) -> Iterator[Index]:
    """Make a new empty index at *path*, where nothing is, and open it for writing; it is not synced.

    It is whole, with its indexes, once the block has ended, and before that answers nothing but how many rows it holds;
    where the block fails the file is good for nothing.
    """
    if os.path.lexists(path):
        raise StoreError(path, "is there already and is never overwritten")
    with _told(path), contextlib.closing(_connected(path, "rwc")) as connection:
        for pragma in _BULK:
            connection.execute(pragma).fetchall()
        db = _database(connection)
        schema.build(db)
        connection.execute("BEGIN")
        index = Index(db, path)
        yield index
        index.finish()


def older(path: Path) -> bool:
    """Say whether *path* is an index that an older muniment made, which is made anew rather than migrated."""
    try:
        with contextlib.closing(_connected(path, "ro")) as connection:
            db = _database(connection)
            ours = _number(db, "PRAGMA application_id") == schema.APPLICATION
            return ours and _number(db, "PRAGMA user_version") < schema.VERSION
    except sqlite3.DatabaseError:
        return False  # whoever opens it says what is wrong with it


def supplant(finished: Path, path: Path) -> bool:
    """Write the index *finished* into the file *path* in one transaction, and say whether that could be done.

    Not where *path* is missing, or is no index of any muniment that SQLite can open: then nothing was changed.
    ArchiveLocked where something else writes there.
    """
    try:
        with (
            contextlib.closing(_connected(finished, "ro")) as source,
            contextlib.closing(_connected(path, "rw")) as connection,
        ):
            if _number(_database(connection), "PRAGMA application_id") != schema.APPLICATION:
                return False

            def progress(status: int, *_: int) -> None:
                # SQLite has waited as long as anybody here does; Python would ask it again for ever.
                if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    raise ArchiveLocked(path, "another process is writing the index; wait for it to end")

            source.backup(connection, progress=progress)
            return True
    except sqlite3.DatabaseError:
        return False


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
        connection.execute(f"PRAGMA mmap_size = {_MAPPED:d}").fetchall()
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
        raise StoreError(path, f"the index was made by an older muniment (version {version}); {_REBUILD}")
    if strange := schema.foreign(db):
        raise StoreError(path, f"the index holds {strange!r} otherwise than muniment makes it; {_REBUILD}")
    return db


def _number(db: Database, pragma: str) -> int:
    found: tuple[Any, ...] = db.execute(pragma).fetchone()
    return int(found[0])
