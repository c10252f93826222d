"""The values that travel through muniment: frozen, typed, without any library and without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Final

from muniment.digest import Digest

__all__ = [
    "OBSTACLES",
    "Check",
    "Connection",
    "EventType",
    "Exchange",
    "Finding",
    "Framing",
    "Kind",
    "Look",
    "Position",
    "Reason",
    "Record",
    "Role",
    "State",
    "Truncation",
    "Verdict",
]


class Reason(StrEnum):
    """How an exchange ended: the closed table of reason codes, in manifests, JSON and job results."""

    OK = "ok"
    REDIRECT = "redirect"
    HTTP_4XX = "http-4xx"
    HTTP_5XX = "http-5xx"
    TRUNCATED_LENGTH = "truncated-length"
    TRUNCATED_TIME = "truncated-time"
    TRUNCATED_DISCONNECT = "truncated-disconnect"
    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TLS_HANDSHAKE = "tls-handshake"
    TIMEOUT = "timeout"
    BLOCKED_ADDRESS = "blocked-address"
    BLOCKED_SCHEME = "blocked-scheme"
    LIMIT_RESOURCES = "limit-resources"
    LIMIT_BYTES = "limit-bytes"
    LIMIT_TIME = "limit-time"
    ROBOTS = "robots"
    OUT_OF_SCOPE = "out-of-scope"
    LOGIN = "login"
    PAYWALL = "paywall"
    CONSENT = "consent"
    CHALLENGE = "challenge"
    SOFT_404 = "soft-404"
    EMPTY = "empty"
    NOT_HTTP = "not-http"
    MALFORMED_URL = "malformed-url"
    ENGINE_CRASH = "engine-crash"
    INTERRUPTED = "interrupted"

    @property
    def retryable(self) -> bool:
        """Whether asking the same URL again later may end otherwise without anybody changing anything."""
        return self in _RETRYABLE


_RETRYABLE: Final = frozenset(
    {
        Reason.HTTP_5XX,
        Reason.TRUNCATED_TIME,
        Reason.TRUNCATED_DISCONNECT,
        Reason.DNS,
        Reason.REFUSED,
        Reason.UNREACHABLE,
        Reason.TLS_HANDSHAKE,
        Reason.TIMEOUT,
        Reason.CHALLENGE,
        Reason.EMPTY,
        Reason.ENGINE_CRASH,
        Reason.INTERRUPTED,
    }
)


OBSTACLES: Final = frozenset(
    {Reason.LOGIN, Reason.PAYWALL, Reason.CONSENT, Reason.CHALLENGE, Reason.SOFT_404, Reason.EMPTY}
)
"""What an attempt says of a page that was got: why it is not what was asked for, or not all of it."""


class Role(StrEnum):
    """What a record is to the article that it was captured for."""

    ARTICLE = "article"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STYLE = "style"
    SCRIPT = "script"
    FONT = "font"
    EMBED = "embed"
    CITED = "cited"
    REDIRECT = "redirect"
    ROBOTS = "robots"
    FEED = "feed"
    SCREENSHOT = "screenshot"
    PDF = "pdf"
    DOM = "dom"
    TEXT = "text"
    DERIVED = "derived"
    OTHER = "other"


class Kind(StrEnum):
    """What a line of a manifest is about: the capture, a WARC record by its type, or a failed attempt."""

    CAPTURE = "capture"
    RESPONSE = "response"
    REQUEST = "request"
    RESOURCE = "resource"
    CONVERSION = "conversion"
    METADATA = "metadata"
    WARCINFO = "warcinfo"
    ATTEMPT = "attempt"


class EventType(StrEnum):
    """What happened to preserved objects: the terms of PREMIS 3 where it has one, spelled as its vocabulary does."""

    CAPTURE = "capture"
    INGESTION = "ingestion"
    FIXITY_CHECK = "fixity check"
    REPLICATION = "replication"
    TRANSFER = "transfer"
    ACCEPTANCE = "acceptance"
    ACCESS = "access"
    DISCLOSURE = "disclosure"
    REDACTION = "redaction"
    DEACCESSION = "deaccession"
    DELETION = "deletion"
    LEGAL_HOLD = "legal hold"
    KEY_EVENT = "key event"
    RENEWAL = "renewal"


class State(StrEnum):
    """The verdict of a capture (DESIGN.md section 6): "complete" is earned, not assumed."""

    COMPLETE = "complete"
    FETCHED = "fetched"
    PARTIAL = "partial"
    BLOCKED = "blocked"
    WRONG_PAGE = "wrong-page"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Truncation(StrEnum):
    """Why bytes of a body are missing (ISO 28500:2017 5.15, WARC-Truncated)."""

    LENGTH = "length"
    TIME = "time"
    DISCONNECT = "disconnect"


class Framing(StrEnum):
    """How a message body ends (RFC 9112 section 6)."""

    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"
    EMPTY = "empty"


class Verdict(StrEnum):
    """What one check found."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNVERIFIABLE = "unverifiable"
    ABSENT = "absent"


class Check(StrEnum):
    """What verification checks: the closed table of a finding's ``check`` (docs/formats.md, "Findings")."""

    FILE = "file"
    FILE_DIGEST = "file-digest"
    SUMS = "sums"
    EXTRA_FILE = "extra-file"
    STATEMENT_SIGNATURE = "statement-signature"
    OPENING_SIGNATURE = "opening-signature"
    STATEMENT = "statement"
    OPENING = "opening"
    MANIFEST = "manifest"
    MERKLE_ROOT = "merkle-root"
    CONTEXT = "context"
    RECORD = "record"
    MEMBER = "member"
    WARC_STRUCTURE = "warc-structure"
    MANIFEST_WARC = "manifest-warc"
    PAYLOAD = "payload"
    CHECKPOINT = "checkpoint"
    LOG_TREE = "log-tree"
    LOG_FILES = "log-files"
    LOG_ENTRY_OPENING = "log-entry-opening"
    LOG_ENTRY_CAPTURE = "log-entry-capture"
    EVENT_SIGNATURE = "event-signature"
    EVENT = "event"
    LOG_ENTRY_EVENT = "log-entry-event"
    KEY_EVENT = "key-event"
    CUSTODY = "custody"
    DELETION = "deletion"
    OPEN_CAPTURES = "open-captures"
    ROLLBACK = "rollback"
    AGAINST = "against"
    WITNESSES = "witnesses"
    PUBLIC_KEYS = "public-keys"
    TIME_TOKEN = "time-token"  # noqa: S105
    TIME_PROVED = "time-proved"
    TIME_LAPSE = "time-lapse"
    ANCHORED = "anchored"
    KEY_SEPARATION = "key-separation"
    TLS_PEERS = "tls-peers"
    HANDSHAKE = "handshake"
    CAPTURE_VERDICT = "capture-verdict"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, its subject (a file, record or URL), its verdict, and a sentence; facts where it failed."""

    check: Check
    subject: str
    verdict: Verdict
    detail: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """One name look-up: what was asked, by what means, what it answered, how long it took in microseconds."""

    name: str
    means: str
    answers: tuple[str, ...]
    microseconds: int


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection as it was made: whom it reached, what TLS said, and the chain that the peer showed.

    ``tls`` is "none" for plain http, "ok", or the reason why the peer is not verified ("expired", "not-yet-valid",
    "unknown-authority", "self-signed", "wrong-host", "old-protocol", "other"). ``chain`` holds DER certificates, leaf
    first, untouched; ``refused`` another one that was refused before; ``evidence`` is ``tls.evidence``'s, or empty.
    """

    id: str
    host: str
    address: str
    port: int
    opened: datetime
    look: Look | None
    tls: str = "none"
    tls_detail: str = ""
    tls_version: str = ""
    cipher: str = ""
    alpn: str = ""
    chain: tuple[bytes, ...] = ()
    refused: tuple[bytes, ...] = ()
    evidence: bytes = b""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and what came back over one connection, or how it failed.

    ``request`` are the octets that were sent. ``response`` is the spool of the final response exactly as it came,
    head and body, ``head_size`` octets of it the head with its empty line; None when no response came.
    ``interim`` are the octets of 1xx answers before it, ``surplus`` those after its end, ``raw`` what came where
    no response could be read. Over HTTP/2 (``protocol`` "h2") the heads are transliterated, and ``transliterated`` is
    the JSON of what they were. ``request_dropped`` counts octets of a long request that are not in ``request``.
    ``messages`` is the spool of what passed after a switch of protocols, as lines of JSON. ``times`` are microseconds
    from ``started``: dns, connect, tls, sent, first, last.
    Whoever takes an exchange closes its spools.
    """

    url: str
    method: str
    started: datetime
    reason: Reason
    detail: str
    connection: Connection | None
    request: bytes = b""
    response: BinaryIO | None = None
    response_size: int = 0
    head_size: int = 0
    status: int | None = None
    fields: tuple[tuple[str, str], ...] = ()
    framing: Framing = Framing.EMPTY
    truncated: Truncation | None = None
    interim: bytes = b""
    surplus: bytes = b""
    raw: bytes = b""
    protocol: str = "http/1.1"
    request_dropped: int = 0
    transliterated: bytes = b""
    messages: BinaryIO | None = None
    times: Mapping[str, int] = field(default_factory=dict)
    try_number: int = 1
    location: str = ""
    rule: str = ""

    def field_value(self, name: str) -> str:
        """Return the first value of the response's field *name* (any case), or an empty text."""
        wanted = name.lower()
        return next((value for key, value in self.fields if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record lay when it was sealed: file name, offset and length in octets of the stored member."""

    file: str
    offset: int
    length: int
    member: Digest


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a manifest below line 0: a WARC record, or a failed attempt (which is a metadata record).

    ``record`` digests all octets that the member inflates to, ``payload`` the entity body without transfer coding,
    ``content`` that body without content coding; ``size`` is the payload's length in octets.
    """

    n: int
    kind: Kind
    salt: bytes
    record_id: str
    url: str
    date: datetime
    position: Position
    record: Digest
    size: int
    role: Role | None = None
    status: int | None = None
    media_type: str = ""
    parent: str = ""
    payload: Digest | None = None
    content: Digest | None = None
    address: str = ""
    connection: str = ""
    tls: str = ""
    chain: Digest | None = None
    truncated: Truncation | None = None
    outcome: Reason | None = None
