"""Rows of the index as typed values, as they go in and as they come out; what is not known is None.

A capture is named by its id, a URL, a media type and a file by its text: how SQLite numbers them stays inside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import NoneType
from typing import Any, Final, TypeVar, get_args, get_type_hints

from muniment import manifest
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.model import Kind, Reason, Role, State, Truncation

__all__ = [
    "ArticleRow",
    "AssertionRow",
    "CaptureRow",
    "ConnectionRow",
    "FailureRow",
    "HashRow",
    "LinkRow",
    "MediaRow",
    "RecordRow",
    "ResourceRow",
    "Rows",
    "TextRow",
    "WarcRow",
    "row",
]


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
class WarcRow:
    """A WARC file of a capture: its place among them, its path in the archive, and what the statement says of it."""

    capture: str
    n: int
    file: str
    sha256: Digest | None
    size: int
    records: int


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection: ``address``, ``tls``, ``chain`` as the manifest has them, the others from its metadata record.

    ``handshake`` is "signed" by the server's key, or why it is not: "resumed", "static-rsa"; None where no evidence of
    it was kept.
    """

    capture: str
    id: str
    host: str | None
    address: str
    port: int | None
    tls: str
    tls_version: str | None
    cipher: str | None
    alpn: str | None
    chain: Digest | None
    opened: str | None
    handshake: str | None


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A line of the manifest, where it was sealed: ``warc`` is the file's ``n``, ``parent`` the line it is due to.

    ``exchange`` is set for a request and for facts: the line of the answer or attempt whose URL and date they share;
    what part these play (``role``) stands there too.
    ``answer`` marks the last answer of its URL in its role; ``final`` is the URL to which its redirects led, where that
    is another. Digests of documents that muniment wrote itself, of members and of whole records stay in the manifest,
    as does the salt, which keeps undisclosed lines secret.
    """

    capture: str
    n: int
    kind: Kind
    record_id: str
    exchange: int | None
    url: str | None
    date: datetime | None
    role: Role | None
    status: int | None
    media_type: str | None
    parent: int | None
    warc: int
    offset: int
    length: int
    payload: Digest | None
    content: Digest | None
    size: int | None
    connection: str | None
    truncated: Truncation | None
    outcome: Reason | None
    answer: bool | None
    final: str | None


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """A URL that was answered: its last answer; a row of the view ``resources``, never written.

    ``n`` is its line in the manifest. ``final`` is the URL to which its redirects led, its own where there are none.
    An answer that was cut or refused (404) is listed too, and as a failure beside.
    """

    capture: str
    n: int
    url: str
    role: Role | None
    status: int | None
    outcome: Reason | None
    media_type: str | None
    size: int | None
    payload: Digest | None
    content: Digest | None
    tls: str
    record_id: str
    parent: str
    file: str
    final: str


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link that a captured page holds, from the record ``page`` to ``url``.

    ``n`` is the line of the metadata record that lists it, ``place`` its position there.
    """

    capture: str
    n: int
    place: int
    page: int
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
class ArticleRow:
    """A captured page and what its extractors said of it; ``characters`` is the length of its text.

    ``extractor`` and ``text_source`` are empty where only its links were looked for.
    """

    capture: str
    n: int
    url: str
    role: Role | None
    title: str
    extractor: str
    text_source: str
    characters: int


@dataclass(frozen=True, slots=True)
class AssertionRow:
    """One value that a page or a picture claims of itself: as it was read, as it stood there (``raw``), and where."""

    capture: str
    page: int
    place: int
    field: str
    value: str
    raw: str
    source: str


@dataclass(frozen=True, slots=True)
class MediaRow:
    """What the image, video or sound of line ``n`` is by its own octets; ``codecs`` has a name for each stream.

    ``c2pa`` says whether it carries a C2PA manifest store, None where that is not known.
    """

    capture: str
    n: int
    sniffed: str
    width: int | None
    height: int | None
    milliseconds: int | None
    codecs: str
    c2pa: bool | None
    extractor: str


@dataclass(frozen=True, slots=True)
class HashRow:
    """A perceptual hash of line ``n``: of the picture, or of its key frame ``at`` so many milliseconds."""

    capture: str
    n: int
    place: int
    at: int | None
    hash: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """The text of a page, by whose words it is found, beside those of its title, its authors and its URL."""

    n: int
    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything that the index holds of one capture."""

    capture: CaptureRow
    warcs: Sequence[WarcRow] = ()
    connections: Sequence[ConnectionRow] = ()
    records: Sequence[RecordRow] = ()
    links: Sequence[LinkRow] = ()
    failures: Sequence[FailureRow] = ()
    articles: Sequence[ArticleRow] = ()
    assertions: Sequence[AssertionRow] = ()
    media: Sequence[MediaRow] = ()
    hashes: Sequence[HashRow] = ()
    texts: Sequence[TextRow] = ()


Row = TypeVar("Row", CaptureRow, ResourceRow, LinkRow, FailureRow)

_FROM_CELL: Final[Mapping[type, Callable[[Any], object]]] = {
    Digest: lambda text: Digest.parse(text, "index"),
    datetime: lambda text: manifest.instant(text, "index"),
    State: State,
    Role: Role,
    Reason: Reason,
    bool: bool,
}


def _kinds(shape: Any) -> tuple[tuple[str, type, bool], ...]:
    """Return the fields of *shape* with the one type of each, and whether it may be unknown (``X | None``)."""
    hints = get_type_hints(shape)
    return tuple(_kind(each.name, hints[each.name]) for each in fields(shape))


def _kind(name: str, hint: Any) -> tuple[str, type, bool]:
    known = [each for each in get_args(hint) if each is not NoneType]
    return (name, known[0], True) if known else (name, hint, False)


_KINDS: Final[Mapping[type, tuple[tuple[str, type, bool], ...]]] = {
    shape: _kinds(shape) for shape in (CaptureRow, ResourceRow, LinkRow, FailureRow)
}


def row(shape: type[Row], held: Mapping[str, Any]) -> Row:
    """Return the row that the columns *held* write; FormatError for a value that no row could have."""
    found: dict[str, Any] = {}
    for name, kind, unknown in _KINDS[shape]:
        value = held[name]
        from_cell = _FROM_CELL.get(kind)
        if value is None and not unknown:
            raise FormatError("index", expected=f"a {name}", found="none")
        try:
            found[name] = value if value is None or from_cell is None else from_cell(value)
        except ValueError:
            raise FormatError("index", expected=f"a {name} of the closed table", found=repr(value)[:60]) from None
    return shape(**found)
