"""Rows of the index as typed values, and the cells that SQLite holds for them.

The fields of a row are the columns of its table, in order. Digests are kept as ``sha256:<hex>``, times as RFC 3339 in
UTC with microseconds, so that text order is time order; what is not known is NULL.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, TypeVar, get_args, get_type_hints

from muniment import manifest
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.model import Reason, Record, Role, State

__all__ = ["CaptureRow", "FailureRow", "LinkRow", "ResourceRow", "Rows", "cells", "record_cells", "row"]

Row = TypeVar("Row", bound="CaptureRow | ResourceRow | LinkRow | FailureRow")


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """One committed capture.

    ``origin`` and ``leaf`` say where the log holds its statement, whose sealed file ``statement`` digests. ``title`` is
    the page's own claim. ``resources`` counts the URLs that were got whole, ``missing`` those that were not got whole,
    ``unverified`` the answers of peers whose TLS certificate did not verify, ``stored`` the octets of its WARC files,
    ``received`` the octets of all payloads. Who asked for it is private and stands in context.json alone.
    """

    id: str
    seed: str
    title: str
    opened: datetime
    closed: datetime
    engine: str
    verdict: State
    job: str
    asked: int
    recorded: int
    origin: str
    leaf: int
    statement: Digest
    records: int
    attempts: int
    resources: int
    missing: int
    unverified: int
    stored: int
    received: int


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """A URL that was answered: its last answer.

    ``n`` is its line in the manifest. ``final`` is the URL to which its redirects led, its own where there are none.
    An answer that was cut or refused (404) is listed too, and as a failure beside.
    """

    capture: str
    n: int
    url: str
    role: Role | None
    status: int | None
    outcome: Reason | None
    media_type: str
    size: int
    payload: Digest | None
    content: Digest | None
    tls: str
    record_id: str
    parent: str
    file: str
    final: str


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link that a captured page holds.

    ``n`` is the line of the metadata record that lists it, ``place`` its position there; ``record_id`` is the page.
    """

    capture: str
    n: int
    place: int
    record_id: str
    url: str
    role: Role | None
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A wanted URL whose last exchange did not bring it whole, and why; ``rule`` names the limit that cut it."""

    capture: str
    n: int
    url: str
    role: Role | None
    reason: Reason
    rule: str
    detail: str
    retryable: bool
    record_id: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything that the index holds of one capture."""

    capture: CaptureRow
    records: Sequence[Record]
    resources: Sequence[ResourceRow]
    links: Sequence[LinkRow]
    failures: Sequence[FailureRow]


_TO_CELL: Final[Mapping[type, Callable[[Any], object]]] = {
    Digest: str,
    datetime: manifest.timestamp,
    State: str,
    Role: str,
    Reason: str,
    bool: int,
}
_FROM_CELL: Final[Mapping[type, Callable[[Any], object]]] = {
    Digest: lambda text: Digest.parse(text, "index"),
    datetime: lambda text: manifest.instant(text, "index"),
    State: State,
    Role: Role,
    Reason: Reason,
    bool: bool,
}


def _kinds(shape: Any) -> tuple[tuple[str, type], ...]:
    """Return the fields of *shape* with the one type of each; ``X | None`` counts as X."""
    hints = get_type_hints(shape)
    return tuple(
        (each.name, next((kind for kind in get_args(hints[each.name]) if kind is not type(None)), hints[each.name]))
        for each in fields(shape)
    )


_KINDS: Final[Mapping[type, tuple[tuple[str, type], ...]]] = {
    shape: _kinds(shape) for shape in (CaptureRow, ResourceRow, LinkRow, FailureRow)
}


def cells(row: "CaptureRow | ResourceRow | LinkRow | FailureRow") -> tuple[object, ...]:
    """Return what SQLite is to hold for *row*, in the order of its columns."""
    found = []
    for name, kind in _KINDS[type(row)]:
        value = getattr(row, name)
        to_cell = _TO_CELL.get(kind)
        found.append(value if value is None or to_cell is None else to_cell(value))
    return tuple(found)


def row(shape: type[Row], held: Mapping[str, Any]) -> Row:
    """Return the row that the columns *held* write; FormatError for a value that no row could have."""
    found: dict[str, Any] = {}
    for name, kind in _KINDS[shape]:
        value = held[name]
        from_cell = _FROM_CELL.get(kind)
        try:
            found[name] = value if value is None or from_cell is None else from_cell(value)
        except ValueError:
            raise FormatError("index", expected=f"a {name} of the closed table", found=repr(value)[:60]) from None
    return shape(**found)


def record_cells(capture: str, record: Record) -> tuple[object, ...]:
    """Return what SQLite is to hold for one line of the manifest of *capture*.

    All of it but the salt: that one keeps undisclosed lines secret and stays in the manifest.
    """
    position = record.position
    return (
        capture,
        record.n,
        record.kind.value,
        record.record_id,
        record.url,
        manifest.timestamp(record.date),
        _text(record.role),
        record.status,
        record.media_type,
        record.parent,
        position.file,
        position.offset,
        position.length,
        str(position.member),
        str(record.record),
        _text(record.payload),
        _text(record.content),
        record.size,
        record.address,
        record.connection,
        record.tls,
        _text(record.chain),
        _text(record.truncated),
        _text(record.outcome),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
