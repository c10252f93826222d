"""What one URL of the second edition answers, and what an origin speaks."""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit

from muniment.sample.second.content import NOTHING, Coding, Content, Octets, Repeated, stored
from muniment.sample.second.film import prolonged

__all__ = ["Asset", "Course", "Origin", "Shared", "Speech", "tag"]


class Speech(Enum):
    """What an origin speaks."""

    PLAIN = "HTTP/1.1 without TLS"
    TLS12 = "HTTP/1.1 over TLS 1.2 and nothing newer"
    TLS13 = "HTTP/1.1 over TLS 1.3"
    H2 = "HTTP/2 over TLS 1.3, and HTTP/1.1 for those who ask for it"
    EXPIRED = "HTTP/1.1 over TLS 1.3, under a certificate that ended a year ago"


class Course(Enum):
    """How an answer goes on once it has begun."""

    WHOLE = auto()
    CUT = auto()
    EVENTS = auto()
    SOCKET = auto()

    @property
    def endless(self) -> bool:
        """Whether it ends only because somebody ends it."""
        return self in (Course.EVENTS, Course.SOCKET)


class Shared(Enum):
    """Which origins' scripts may read an answer (Fetch, "CORS protocol")."""

    NOBODY = auto()
    NEWSPAPER = auto()
    EVERYBODY = auto()


@dataclass(frozen=True, slots=True)
class Origin:
    """A host and what it speaks; it listens on one port of its own."""

    host: str
    speech: Speech


@dataclass(frozen=True, slots=True)
class Asset:
    """What one URL answers: *file* below ``sample/``, what *made* returns of the request's body, or nothing.

    *role* is empty where nobody has to ask; *cited* says that only ``--cited 1`` asks. *least* is how long a film must
    be, which is repeated for it. *hints* are the Link fields of a 103 that goes before the answer, *trailers* are
    fields that follow it.
    """

    url: str
    file: str
    media_type: str
    role: str = ""
    method: str = "GET"
    status: int = 200
    coding: Coding = Coding.IDENTITY
    chunked: bool = False
    ranges: bool = False
    least: int = 0
    course: Course = Course.WHOLE
    shared: Shared = Shared.NOBODY
    made: Callable[[bytes], bytes] | None = None
    fields: tuple[tuple[str, str], ...] = ()
    hints: tuple[str, ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    cited: bool = False

    @property
    def host(self) -> str:
        """The host that answers."""
        return urlsplit(self.url).netloc

    @property
    def target(self) -> str:
        """The request target in origin form (RFC 9112, 3.2.1)."""
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def content(self, body: bytes, coding: Coding) -> Content:
        """Return what is sent to whoever sent *body*, in *coding*."""
        if self.made is not None:
            return Octets(self.made(body))
        if self.least:
            return _film(self.file, self.least)
        return stored(self.file, coding) if self.file else NOTHING


@functools.cache
def _film(file: str, least: int) -> Repeated:
    return prolonged(stored(file).octets, least)


@functools.cache
def tag(asset: Asset) -> str:
    """Return the entity tag of *asset*, which is sent in one coding only (RFC 9110, 8.8.3)."""
    step, digest, content = 1 << 20, hashlib.sha256(), asset.content(b"", asset.coding)
    for start in range(0, content.size, step):
        digest.update(content.piece(start, start + step))
    return f'"{digest.hexdigest()[:16]}"'
