"""What SQLite holds for the rows of a capture, table by table: the columns that are written, and their cells.

Ids of records and digests become octets; captures, URLs and media types become numbers. ``tables.sql`` says how they
are read again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from muniment import manifest
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.index.rows import RecordRow, Rows

__all__ = ["CAPTURES", "INSERTIONS", "Numbers", "of_capture"]

_LENGTHS: Final = {"sha256": 32, "sha384": 48, "sha512": 64}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_URN: Final = "urn:uuid:"
# A content that is the payload itself.
_SAME: Final = b""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a capture and of what its rows name."""

    capture: int
    urls: Mapping[str, int]
    media_types: Mapping[str, int]


_Cells = tuple[object, ...]
_To = Callable[[Rows, Numbers], Iterator[_Cells]]


def _insertion(table: str, columns: str) -> str:
    # Both are names of this module and of the schema, never of a user.
    return " ".join(("INSERT INTO", table, "(", columns, ") VALUES (", ",".join("?" * len(columns.split(","))), ")"))


CAPTURES: Final = _insertion(
    "captures",
    "id, seed, title, opened, closed, engine, verdict, job, asked, recorded, origin, leaf, statement_octets, records, "
    "attempts, resources, missing, unverified, stored, received",
)
"""The statement that takes the cells of :func:`of_capture` in; SQLite gives the number."""


def of_capture(rows: Rows) -> _Cells:
    """Return the cells of the capture itself."""
    it = rows.capture
    return (
        it.id, it.seed, it.title, _moment(it.opened), _moment(it.closed), it.engine, str(it.verdict), it.job, it.asked,
        it.recorded, it.origin, it.leaf, _digest(it.statement), it.records, it.attempts, it.resources, it.missing,
        it.unverified, it.stored, it.received,
    )  # fmt: skip


def _warcs(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    for each in rows.warcs:
        yield numbers.capture, each.n, each.file, each.size, each.records, _digest(each.sha256)


def _connections(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    for it in rows.connections:
        yield (
            numbers.capture, it.id, it.host, it.address, it.port, it.tls, it.tls_version, it.cipher, it.alpn, it.opened,
            it.handshake, _digest(it.chain),
        )  # fmt: skip


def _records(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    capture, urls, media_types = numbers.capture, numbers.urls, numbers.media_types
    for it in rows.records:
        yield (
            capture, it.n, str(it.kind), it.exchange, it.url and urls[it.url], _text(it.role), it.status,
            it.media_type and media_types[it.media_type], it.parent, it.warc, it.offset, it.length, it.size,
            it.connection, _text(it.truncated), _text(it.outcome), it.answer and 1, it.final and urls[it.final],
            _microseconds(it.date), _record_id(it.record_id), _digest(it.payload), _content(it),
        )  # fmt: skip


def _links(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    capture, urls = numbers.capture, numbers.urls
    for it in rows.links:
        yield capture, it.n, it.place, it.page, urls[it.url], _text(it.role), it.kind, it.source


def _failures(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    for it in rows.failures:
        yield (
            numbers.capture, it.n, numbers.urls[it.url], _text(it.role), str(it.reason), it.rule, it.detail,
            int(it.retryable),
        )  # fmt: skip


def _articles(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    for it in rows.articles:
        yield (
            numbers.capture, it.n, numbers.urls[it.url], _text(it.role), it.title, it.extractor, it.text_source,
            it.characters,
        )  # fmt: skip


def _assertions(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    for it in rows.assertions:
        yield numbers.capture, it.page, it.place, it.field, it.value, it.raw, it.source


def _media(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    for it in rows.media:
        told = None if it.c2pa is None else int(it.c2pa)
        yield (
            numbers.capture, it.n, it.sniffed, it.width, it.height, it.milliseconds, it.codecs, told, it.extractor,
        )  # fmt: skip


def _hashes(rows: Rows, numbers: Numbers) -> Iterator[_Cells]:
    for it in rows.hashes:
        yield numbers.capture, it.n, it.place, it.at, it.hash


INSERTIONS: Final[Mapping[str, _To]] = {
    _insertion("warcs", "capture, n, file, size, records, sha256_octets"): _warcs,
    _insertion(
        "connections",
        "capture, id, host, address, port, tls, tls_version, cipher, alpn, opened, handshake, chain_octets",
    ): _connections,
    _insertion(
        "records",
        "capture, n, kind, exchange, url, role, status, media_type, parent, warc, offset, length, size, "
        "connection, truncated, outcome, answer, final, date_microseconds, record_octets, payload_octets, "
        "content_octets",
    ): _records,
    _insertion("links", "capture, n, place, page, url, role, kind, source"): _links,
    _insertion("failures", "capture, n, url, role, reason, rule, detail, retryable"): _failures,
    _insertion("articles", "capture, n, url, role, title, extractor, text_source, characters"): _articles,
    _insertion("assertions", "capture, page, place, field, value, raw, source"): _assertions,
    _insertion("media", "capture, n, sniffed, width, height, milliseconds, codecs, c2pa, extractor"): _media,
    _insertion("hashes", "capture, n, place, at, hash"): _hashes,
}
"""For each table, after those that it refers to, the statement that takes a row in, and what gives it the rows."""

_moment = manifest.timestamp


def _text(value: str | None) -> str | None:
    # SQLite's door looks long at a member of an enumeration before it takes it for the text that it is.
    return value and str(value)


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _record_id(urn: str) -> bytes:
    try:
        octets = bytes.fromhex(urn.removeprefix(_URN).replace("-", ""))
    except ValueError:
        octets = b""
    if len(octets) != 16:
        raise FormatError("record_id", expected=f"{_URN}…", found=repr(urn[:60]))
    return octets


def _digest(digest: Digest | None) -> bytes | None:
    if digest is None:
        return None
    if _LENGTHS.get(digest.algorithm) != len(digest.value):
        raise FormatError("digest", expected=" or ".join(_LENGTHS), found=str(digest)[:60])
    return digest.value


def _content(record: RecordRow) -> bytes | None:
    same = record.content is not None and record.content == record.payload
    return _SAME if same else _digest(record.content)
