"""The rows of each table with words in place of numbers: what is compared, and what is handed out.

Two indexes that hold the same may number it differently; read like this they are equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["TABLES", "Readable"]


@dataclass(frozen=True, slots=True)
class Readable:
    """A question for all rows of a table, and the columns that name a row, whatever order rows came in."""

    sql: str
    key: tuple[str, ...]

    def ordered(self) -> str:
        """Return the question for all rows in the order of their key."""
        return " ".join(("SELECT * FROM (", self.sql, ") ORDER BY", ", ".join(self.key)))

    def of_capture(self) -> str:
        """Return the question for the rows of one capture, whose id is bound, in the order of their key."""
        return " ".join(("SELECT * FROM (", self.sql, ") WHERE capture = ? ORDER BY", ", ".join(self.key)))


# CROSS JOIN: captures in the order of their ids, and of each the rows in the order of their key, need no sorting.
TABLES: Final[Mapping[str, Readable]] = {
    "captures": Readable(
        """SELECT id, seed, title, opened, closed, engine, verdict, job, asked, recorded, origin, leaf, statement,
  records, attempts, resources, missing, unverified, stored, received FROM captures""",
        ("id",),
    ),
    "hosts": Readable("SELECT host, backwards FROM hosts", ("host",)),
    "urls": Readable("SELECT u.url, h.host FROM urls u LEFT JOIN hosts h ON h.number = u.host", ("url",)),
    "media_types": Readable("SELECT media_type FROM media_types", ("media_type",)),
    "warcs": Readable(
        """SELECT i.id AS capture, t.n, t.file, t.sha256, t.size, t.records
FROM captures i CROSS JOIN warcs t ON t.capture = i.number""",
        ("capture", "n"),
    ),
    "connections": Readable(
        """SELECT i.id AS capture, t.id, t.host, t.address, t.port, t.tls, t.tls_version, t.cipher, t.alpn, t.chain,
  t.opened, t.handshake FROM captures i CROSS JOIN connections t ON t.capture = i.number""",
        ("capture", "id"),
    ),
    # How many tokens were indexed of each column is held with the record of which they are.
    "records": Readable(
        """SELECT i.id AS capture, t.n, t.kind, t.record_id, t.exchange, u.url, t.date, t.role, t.status, m.media_type,
  t.parent, t.warc, t.offset, t.length, t.payload, t.content, t.size, t.connection, t.truncated, t.outcome, t.answer,
  f.url AS final, d.sz AS words
FROM captures i CROSS JOIN records t ON t.capture = i.number
LEFT JOIN urls u ON u.number = t.url LEFT JOIN urls f ON f.number = t.final
LEFT JOIN media_types m ON m.number = t.media_type LEFT JOIN words_docsize d ON d.id = t.capture << 24 | t.n""",
        ("capture", "n"),
    ),
    "links": Readable(
        """SELECT i.id AS capture, t.n, t.place, t.page, u.url, t.role, t.kind, t.source
FROM captures i CROSS JOIN links t ON t.capture = i.number LEFT JOIN urls u ON u.number = t.url""",
        ("capture", "n", "place"),
    ),
    "failures": Readable(
        """SELECT i.id AS capture, t.n, u.url, t.role, t.reason, t.rule, t.detail, t.retryable, r.record_id
FROM captures i CROSS JOIN failures t ON t.capture = i.number LEFT JOIN urls u ON u.number = t.url
LEFT JOIN records r ON r.capture = t.capture AND r.n = t.n""",
        ("capture", "n"),
    ),
    "articles": Readable(
        """SELECT i.id AS capture, t.n, u.url, t.role, t.title, t.extractor, t.text_source, t.characters
FROM captures i CROSS JOIN articles t ON t.capture = i.number LEFT JOIN urls u ON u.number = t.url""",
        ("capture", "n"),
    ),
    "assertions": Readable(
        """SELECT i.id AS capture, t.page, t.place, t.field, t.value, t.raw, t.source
FROM captures i CROSS JOIN assertions t ON t.capture = i.number""",
        ("capture", "page", "place"),
    ),
    "media": Readable(
        """SELECT i.id AS capture, t.n, t.sniffed, t.width, t.height, t.milliseconds, t.codecs, t.c2pa, t.extractor
FROM captures i CROSS JOIN media t ON t.capture = i.number""",
        ("capture", "n"),
    ),
    "hashes": Readable(
        """SELECT i.id AS capture, t.n, t.place, t.at, t.hash
FROM captures i CROSS JOIN hashes t ON t.capture = i.number""",
        ("capture", "n", "place"),
    ),
    "texts": Readable(
        "SELECT i.id AS capture, t.n, t.text FROM captures i CROSS JOIN texts t ON t.capture = i.number",
        ("capture", "n"),
    ),
}
"""Every table of the index, each after those that it refers to."""
