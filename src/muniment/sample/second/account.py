"""The list of everything that the second edition's server sent: the yardstick by which a capture of it is judged."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from muniment.errors import JobError
from muniment.sample.door import IDLE
from muniment.sample.second.answer import Answer, Request
from muniment.sample.second.content import Content, Growing

__all__ = ["Account", "Entry", "Respond", "Served", "Wire"]

_STEP: Final = 65_536


@dataclass(frozen=True, slots=True)
class Wire:
    """How a request came: to which *origin* (scheme and host), by which *protocol*, under which version of *tls*."""

    origin: str
    protocol: str
    tls: str


@dataclass(frozen=True, slots=True)
class Served:
    """One request, and what was sent in answer to it.

    *origin* is scheme and host, *protocol* ``http/1.1`` or ``h2``, *tls* the version of TLS or empty. *range* is the
    Content-Range of the answer, empty where the whole was due. *size* and *sha256* are of the body as it was given to
    the system: content coding kept, transfer coding and frames of HTTP/2 removed. *asked_size* and *asked_sha256* are
    of the body of the request. Of a WebSocket all four are of the octets after the heads, frames and all.

    *whole* says that everything that was due was given to the system. Where it is false, or where the client went away,
    fewer than *size* octets may have arrived: ``sha256_of_first`` tells what those must be. An *endless* answer is
    listed as it stands, and is never whole.
    """

    origin: str
    method: str
    target: str
    status: int
    protocol: str
    tls: str
    range: str
    size: int
    sha256: str
    whole: bool
    endless: bool
    asked_size: int
    asked_sha256: str
    _content: Content = field(repr=False)
    _first: int = field(repr=False)

    @property
    def url(self) -> str:
        """The URL that was asked for, with the scheme http or https."""
        return self.origin + self.target

    def sha256_of_first(self, size: int) -> str:
        """Return the digest, in hexadecimal, of the first *size* octets of the body that was sent."""
        if size > self.size:
            raise JobError(f"{self.url}: {self.size} octets of it were sent, not {size}")
        digest, end = hashlib.sha256(), self._first + size
        for start in range(self._first, end, _STEP):
            digest.update(self._content.piece(start, min(start + _STEP, end)))
        return digest.hexdigest()


class Entry:
    """An answer while it is sent; whoever sends it tells what he does."""

    def __init__(self, changing: threading.Condition, wire: Wire, request: Request, answer: Answer) -> None:
        self.ended = False
        self.answer = answer
        self._changing = changing
        self._wire = wire
        self._request = request
        self._size = self._asked_size = 0
        self._digest, self._asked_digest = hashlib.sha256(), hashlib.sha256()
        self._whole = False
        self.asked(request.body)

    def asked(self, octets: bytes) -> None:
        """Take in what the client sent, or more of it."""
        with self._changing:
            self._asked_size += len(octets)
            self._asked_digest.update(octets)

    def sent(self, octets: bytes) -> None:
        """Take in *octets* of the body; called before they are given to the system."""
        with self._changing:
            self._size += len(octets)
            self._digest.update(octets)
            if isinstance(self.answer.content, Growing):
                self.answer.content.octets += octets

    def end(self, *, whole: bool) -> None:
        """Take in that nothing more will be sent; the first call counts."""
        with self._changing:
            if not self.ended:
                self.ended, self._whole = True, whole
                self._changing.notify_all()

    def served(self) -> Served:
        """Return how it stands."""
        return Served(
            self._wire.origin,
            self._request.head.method,
            self._request.head.target,
            self.answer.status,
            self._wire.protocol,
            self._wire.tls,
            self.answer.field("content-range"),
            self._size,
            self._digest.hexdigest(),
            self._whole,
            self.answer.course.endless,
            self._asked_size,
            self._asked_digest.hexdigest(),
            self.answer.content,
            self.answer.first,
        )


Respond = Callable[[Request | None], Entry]
"""Enters a request, or something that was none, and says by the entry what is answered."""


class Account:
    """The entries of all connections, in the order in which the requests came."""

    def __init__(self) -> None:
        self._changing = threading.Condition(threading.RLock())
        self._entries: list[Entry] = []

    def enter(self, wire: Wire, request: Request, answer: Answer) -> Entry:
        """Return a new entry, to which nothing has been sent yet."""
        entry = Entry(self._changing, wire, request, answer)
        with self._changing:
            self._entries.append(entry)
        return entry

    def settled(self) -> tuple[Served, ...]:
        """Return what was sent, oldest first, once every answer that has an end has come to it.

        Raises JobError when one has not within the idle time.
        """
        with self._changing:
            if not self._changing.wait_for(lambda: not self._under_way(), IDLE):
                stuck = ", ".join(each.served().url for each in self._under_way())
                raise JobError(f"the sample site is still sending what its client does not read: {stuck}")
            return tuple(each.served() for each in self._entries)

    def _under_way(self) -> list[Entry]:
        return [each for each in self._entries if not each.ended and not each.answer.course.endless]
