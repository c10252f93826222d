"""The tables of the index and how an older file becomes a newer one.

``PRAGMA user_version`` counts the migrations that a file went through; nothing else is remembered about them, so that
a rebuilt file equals one that grew. A migration is never changed once it was released: a new one is added below.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from sqlite_utils import Database

__all__ = ["APPLICATION", "VERSION", "migrate", "tables"]

APPLICATION: Final = 0x6D756E69
"""``PRAGMA application_id`` of an index: the letters "muni"."""


def _captures_and_what_they_hold(db: Database) -> None:
    db.table("captures").create(
        {
            "id": str,
            "seed": str,
            "title": str,
            "opened": str,
            "closed": str,
            "engine": str,
            "verdict": str,
            "job": str,
            "asked": int,
            "recorded": int,
            "origin": str,
            "leaf": int,
            "statement": str,
            "records": int,
            "attempts": int,
            "resources": int,
            "missing": int,
            "unverified": int,
            "stored": int,
            "received": int,
        },
        pk="id",
        not_null=("seed", "opened", "closed", "verdict", "origin", "leaf", "statement"),
    )
    db.table("captures").create_index(["opened"])
    db.table("captures").create_index(["origin", "leaf"])
    _records(db)
    _resources(db)
    _links(db)
    _failures(db)


def _records(db: Database) -> None:
    db.table("records").create(
        {
            "capture": str,
            "n": int,
            "kind": str,
            "record_id": str,
            "url": str,
            "date": str,
            "role": str,
            "status": int,
            "media_type": str,
            "parent": str,
            "file": str,
            "offset": int,
            "length": int,
            "member": str,
            "record": str,
            "payload": str,
            "content": str,
            "size": int,
            "address": str,
            "connection": str,
            "tls": str,
            "chain": str,
            "truncated": str,
            "outcome": str,
        },
        pk=("capture", "n"),
        foreign_keys=[("capture", "captures", "id")],
        not_null=("capture", "n", "kind", "record_id", "date", "file", "offset", "length", "member", "record"),
    )
    # Not unique: two archives that were joined may hold the same capture's record, and damage must not stop a rebuild.
    db.table("records").create_index(["record_id"])


def _resources(db: Database) -> None:
    db.table("resources").create(
        {
            "capture": str,
            "n": int,
            "url": str,
            "role": str,
            "status": int,
            "outcome": str,
            "media_type": str,
            "size": int,
            "payload": str,
            "content": str,
            "tls": str,
            "record_id": str,
            "parent": str,
            "file": str,
            "final": str,
        },
        pk=("capture", "n"),
        foreign_keys=[(("capture", "n"), "records", ("capture", "n"))],
        not_null=("capture", "n", "url", "record_id", "file"),
    )
    db.table("resources").create_index(["url"])
    db.table("resources").create_index(["payload"])


def _links(db: Database) -> None:
    db.table("links").create(
        {
            "capture": str,
            "n": int,
            "place": int,
            "record_id": str,
            "url": str,
            "role": str,
            "kind": str,
            "source": str,
        },
        pk=("capture", "n", "place"),
        foreign_keys=[(("capture", "n"), "records", ("capture", "n"))],
        not_null=("capture", "n", "place", "record_id", "url", "kind"),
    )
    db.table("links").create_index(["url"])


def _failures(db: Database) -> None:
    db.table("failures").create(
        {
            "capture": str,
            "n": int,
            "url": str,
            "role": str,
            "reason": str,
            "rule": str,
            "detail": str,
            "retryable": int,
            "record_id": str,
        },
        pk=("capture", "n"),
        foreign_keys=[(("capture", "n"), "records", ("capture", "n"))],
        not_null=("capture", "n", "url", "reason", "record_id"),
    )
    db.table("failures").create_index(["url"])


_MIGRATIONS: Final[tuple[Callable[[Database], None], ...]] = (_captures_and_what_they_hold,)
VERSION: Final = len(_MIGRATIONS)
"""The ``user_version`` of an index that this muniment writes and reads."""


def migrate(db: Database, found: int) -> None:
    """Bring *db* from version *found* to the present one: all of it or, where it fails, nothing."""
    with db.atomic():
        for step in _MIGRATIONS[found:]:
            step(db)
        # A pragma takes no bound parameter; both values are constants of this module.
        db.execute(f"PRAGMA application_id = {APPLICATION:d}")
        db.execute(f"PRAGMA user_version = {VERSION:d}")


@cache
def _expected() -> frozenset[tuple[str, str, str]]:
    db = Database(memory=True, execute_plugins=False, strict=True)
    migrate(db, 0)
    found = tables(db)
    db.close()
    return found


def tables(db: Database) -> frozenset[tuple[str, str, str]]:
    """Return type, name and definition of everything that the schema of *db* holds, except SQLite's own."""
    found = db.execute("SELECT type, name, sql FROM sqlite_schema WHERE substr(name, 1, 7) <> 'sqlite_'")
    return frozenset((str(kind), str(name), str(sql)) for kind, name, sql in found)


def foreign(db: Database) -> str:
    """Return the name of something in the schema of *db* that muniment did not put there or that is gone, or "".

    A trigger or a view that somebody planted runs with the rights of whoever opens the file: it is never run.
    """
    return min((name for _, name, _ in tables(db) ^ _expected()), default="")
