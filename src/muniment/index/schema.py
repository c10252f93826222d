"""The tables of the index, its views, and the one version of both.

``PRAGMA user_version`` says which version a file has. There are no migrations: the index is derived, so an older file
is made anew from the evidence, and equals one that grew under the present version row by row.

What can be told from elsewhere is not stored again: a record names its WARC file, its connection and its parent by
their keys, a request and the facts beside an answer name that answer instead of its URL and time, and ``resources`` is
a view.
"""

from functools import cache
from typing import Final

from sqlite_utils import Database

__all__ = ["APPLICATION", "TABLES", "VERSION", "build", "foreign", "index"]

APPLICATION: Final = 0x6D756E69
"""``PRAGMA application_id`` of an index: the letters "muni"."""
VERSION: Final = 2
"""The ``user_version`` of an index that this muniment writes and reads."""

_Columns = dict[str, type]
_CAPTURES: Final[_Columns] = {
    "id": str, "seed": str, "title": str, "opened": str, "closed": str, "engine": str, "verdict": str, "job": str,
    "asked": int, "recorded": int, "origin": str, "leaf": int, "statement": str, "records": int, "attempts": int,
    "resources": int, "missing": int, "unverified": int, "stored": int, "received": int,
}  # fmt: skip
_WARCS: Final[_Columns] = {"capture": str, "n": int, "file": str, "sha256": str, "size": int, "records": int}
_HOSTS: Final[_Columns] = {"host": str, "backwards": str}
_CONNECTIONS: Final[_Columns] = {
    "capture": str, "id": str, "host": str, "address": str, "port": int, "tls": str, "tls_version": str,
    "cipher": str, "alpn": str, "chain": str, "opened": str,
}  # fmt: skip
_RECORDS: Final[_Columns] = {
    "capture": str, "n": int, "kind": str, "record_id": str, "exchange": int, "url": str, "host": str, "date": str,
    "role": str, "status": int, "media_type": str, "parent": int, "warc": int, "offset": int, "length": int,
    "payload": str, "content": str, "size": int, "connection": str, "truncated": str, "outcome": str, "answer": int,
    "final": str,
}  # fmt: skip
_LINKS: Final[_Columns] = {
    "capture": str, "n": int, "place": int, "page": int, "url": str, "role": str, "kind": str, "source": str,
}  # fmt: skip
_FAILURES: Final[_Columns] = {
    "capture": str, "n": int, "url": str, "role": str, "reason": str, "rule": str, "detail": str, "retryable": int,
    "record_id": str,
}  # fmt: skip
_ARTICLES: Final[_Columns] = {
    "capture": str, "n": int, "url": str, "role": str, "title": str, "extractor": str, "text_source": str,
    "characters": int,
}  # fmt: skip
_ASSERTIONS: Final[_Columns] = {
    "capture": str, "page": int, "place": int, "field": str, "value": str, "raw": str, "source": str,
}  # fmt: skip
_TEXTS: Final[_Columns] = {"id": int, "capture": str, "n": int, "text": bytes}

# Each table after those that it refers to.
_LAID_OUT: Final[dict[str, tuple[_Columns, tuple[str, ...]]]] = {
    "captures": (_CAPTURES, ("id",)),
    "warcs": (_WARCS, ("capture", "n")),
    "hosts": (_HOSTS, ("host",)),
    "connections": (_CONNECTIONS, ("capture", "id")),
    "records": (_RECORDS, ("capture", "n")),
    "links": (_LINKS, ("capture", "n", "place")),
    "failures": (_FAILURES, ("capture", "n")),
    "articles": (_ARTICLES, ("capture", "n")),
    "assertions": (_ASSERTIONS, ("capture", "page", "place")),
    "texts": (_TEXTS, ("id",)),
}
TABLES: Final = {name: key for name, (_, key) in _LAID_OUT.items()} | {"texts": ("capture", "n")}
"""Every table, each after those that it refers to, with the columns that name a row whatever order rows came in."""
_References = list[tuple[str | tuple[str, ...], str, str | tuple[str, ...]]]
_OF_CAPTURE: Final[_References] = [("capture", "captures", "id")]
_OF_RECORD: Final[_References] = [*_OF_CAPTURE, (("capture", "n"), "records", ("capture", "n"))]
_REFERENCES: Final[dict[str, _References]] = {
    "warcs": _OF_CAPTURE,
    "connections": _OF_CAPTURE,
    "records": [
        *_OF_CAPTURE,
        ("host", "hosts", "host"),
        (("capture", "warc"), "warcs", ("capture", "n")),
        (("capture", "connection"), "connections", ("capture", "id")),
    ],
    "links": [*_OF_RECORD, (("capture", "page"), "records", ("capture", "n"))],
    "failures": _OF_RECORD,
    "articles": _OF_RECORD,
    "assertions": [*_OF_CAPTURE, (("capture", "page"), "articles", ("capture", "n"))],
    "texts": _OF_RECORD,
}
# Whatever is not listed here may be unknown, and is NULL then.
_KNOWN: Final = {
    "captures": ("id", "seed", "opened", "closed", "verdict", "origin", "leaf", "statement"),
    "warcs": ("capture", "n", "file", "records"),
    "hosts": ("host", "backwards"),
    "connections": ("capture", "id"),
    "records": ("capture", "n", "kind", "record_id", "warc", "offset", "length"),
    "links": ("capture", "n", "place", "page", "url", "kind"),
    "failures": ("capture", "n", "url", "reason", "record_id"),
    "articles": ("capture", "n", "url", "title"),
    "assertions": ("capture", "page", "place", "field", "value"),
    "texts": ("capture", "n"),
}
# The index of the words: what is folded goes in, nothing of it is kept but the places of tokens; "ascii" splits at
# spaces, because a folded text holds no other ASCII sign that is no letter and no digit.
_WORDS: Final = "CREATE VIRTUAL TABLE words USING fts5(title, byline, text, url, content='', tokenize='ascii')"
# Partial, because two of three records are requests and facts, which nobody looks for by URL or digest.
_INDEXES: Final = (
    "CREATE INDEX captures_opened ON captures (opened)",
    "CREATE INDEX captures_origin_leaf ON captures (origin, leaf)",
    "CREATE INDEX captures_statement ON captures (statement)",
    "CREATE INDEX warcs_sha256 ON warcs (sha256)",
    "CREATE INDEX hosts_backwards ON hosts (backwards)",
    "CREATE INDEX records_record_id ON records (record_id)",
    "CREATE INDEX records_url ON records (url) WHERE url IS NOT NULL",
    "CREATE INDEX records_host ON records (host) WHERE host IS NOT NULL",
    "CREATE INDEX records_payload ON records (payload) WHERE payload IS NOT NULL",
    "CREATE INDEX records_content ON records (content) WHERE content <> payload",
    "CREATE INDEX links_url ON links (url)",
    "CREATE INDEX failures_url ON failures (url)",
    "CREATE INDEX failures_reason ON failures (reason)",
    "CREATE INDEX assertions_field_value ON assertions (field, value)",
    "CREATE UNIQUE INDEX texts_capture_n ON texts (capture, n)",
)
_VIEWS: Final = (
    """CREATE VIEW resources AS
SELECT r.capture, r.n, r.url, r.role, r.status, r.outcome, r.media_type, r.size, r.payload, r.content,
  coalesce(c.tls, '') AS tls, r.record_id, coalesce(p.record_id, '') AS parent, w.file,
  coalesce(r.final, r.url) AS final
FROM records r JOIN warcs w ON w.capture = r.capture AND w.n = r.warc
LEFT JOIN connections c ON c.capture = r.capture AND c.id = r.connection
LEFT JOIN records p ON p.capture = r.capture AND p.n = r.parent
WHERE r.answer = 1""",
    """CREATE VIEW broken_links AS
SELECT l.capture, p.url AS page, l.url, l.kind, l.role, f.reason, f.rule, f.detail, f.retryable
FROM links l JOIN failures f ON f.capture = l.capture AND f.url = l.url
JOIN records p ON p.capture = l.capture AND p.n = l.page""",
    """CREATE VIEW failures_by_reason AS
SELECT reason, retryable, count(*) AS failures, count(DISTINCT capture) AS captures, min(url) AS example
FROM failures GROUP BY reason, retryable ORDER BY failures DESC, reason""",
    """CREATE VIEW same_payload AS
SELECT payload, count(*) AS records, count(DISTINCT capture) AS captures, count(DISTINCT url) AS urls,
  max(size) AS size, max(media_type) AS media_type, min(url) AS example, min(date) AS first, max(date) AS last
FROM records WHERE payload IS NOT NULL GROUP BY payload HAVING count(*) > 1 ORDER BY records DESC, payload""",
)


def build(db: Database) -> None:
    """Make the tables, the views and the index of the words in the empty *db*; :func:`index` follows the first rows."""
    with db.atomic():
        for name, (columns, key) in _LAID_OUT.items():
            db.table(name).create(
                columns,
                pk=key[0] if len(key) == 1 else key,
                foreign_keys=_REFERENCES.get(name, []),
                not_null=_KNOWN[name],
            )
        for statement in (_WORDS, *_VIEWS):
            db.execute(statement)
        # A pragma takes no bound parameter; both values are constants of this module.
        db.execute(f"PRAGMA application_id = {APPLICATION:d}")
        db.execute(f"PRAGMA user_version = {VERSION:d}")


def index(db: Database) -> None:
    """Make the indexes of *db*: after its first rows, because sorting once costs a third of growing."""
    with db.atomic():
        for statement in _INDEXES:
            db.execute(statement)


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
