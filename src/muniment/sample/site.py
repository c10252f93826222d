"""The sample on loopback: one listening port for each origin, a thread for each connection, an account of every octet.

Nothing is sent anywhere but to whoever connected, and only 127.0.0.1 is listened on.
"""

import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from muniment import durable
from muniment.errors import FormatError, JobError
from muniment.sample.answer import Asked, Reply, reply
from muniment.sample.authority import Authority, Validity
from muniment.sample.contents import ARTICLE, ORIGINS, PLANTED, Identity, Planted, expected
from muniment.sample.door import IDLE, Door

if TYPE_CHECKING:
    import ssl

__all__ = ["Served", "Site", "serve"]

_HEAD_LIMIT: Final = 65_536
_PIECES: Final = 10  # a dripping body goes out in so many pieces


@dataclass(frozen=True, slots=True)
class Served:
    """One answer as it went out: the octets above TLS, after *request* (the head that was received).

    *interim* is what went before the final answer. *whole* is false when the client left, or the site closed, before
    the end: then the three parts hold what the system had taken over by then.
    """

    host: str
    method: str
    target: str
    status: int
    range: str
    request: bytes
    interim: bytes
    head: bytes
    body: bytes
    whole: bool

    @property
    def size(self) -> int:
        """The length of the final answer, head and body, chunk sizes and all."""
        return len(self.head) + len(self.body)

    @property
    def sha256(self) -> str:
        """The digest, in hexadecimal, of the final answer: head and body as they were on the wire."""
        return hashlib.sha256(self.head + self.body).hexdigest()


class _Account:
    """What was served; whoever asks waits until no answer is on its way."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._served: list[Served] = []

    @contextlib.contextmanager
    def answering(self) -> Iterator[list[Served]]:
        """Hold the account open while an answer is sent; what is put into the list is entered at the end."""
        with self._changed:
            self._under_way += 1
        entered: list[Served] = []
        try:
            yield entered
        finally:
            with self._changed:
                self._served += entered
                self._under_way -= 1
                self._changed.notify_all()

    def settled(self) -> tuple[Served, ...]:
        """Return every entry, oldest first; raise JobError when an answer is not finished within the idle time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._under_way == 0, IDLE):
                raise JobError("the sample site is still sending an answer that its client does not read")
            return tuple(self._served)


class _Answering:
    """Answers every request of a connection, one after the other, and enters each answer in the account."""

    def __init__(self, account: _Account) -> None:
        self._account = account

    def __call__(self, connection: socket.socket, host: str, shut: threading.Event) -> None:
        """Converse over *connection* until either side ends it."""
        rest = b""
        while not shut.is_set():
            head, rest = _request_head(connection, rest)
            if not head:
                return
            with self._account.answering() as entered:
                try:
                    asked = Asked.parse(head)
                except FormatError:
                    asked = None
                answer = reply(asked, host, datetime.now(UTC))
                sent = _send(connection, answer, shut)
                entered.append(_entry(host, head, asked, answer, sent))
            whole = sent == len(answer.interim) + len(answer.head) + len(answer.body)
            if not whole or asked is None or asked.last or answer.status in (405, 421):
                return


def _send(connection: socket.socket, answer: Reply, shut: threading.Event) -> int:
    """Send *answer* and return how many of its octets the system took."""
    start = answer.interim + answer.head
    if not answer.drip:
        return _taken(connection, start + answer.body)
    sent = _taken(connection, start)
    step = -(-len(answer.body) // _PIECES) or 1
    for offset in range(0, len(answer.body), step):
        if sent < len(start) + offset or shut.wait(answer.drip / _PIECES):
            break
        sent += _taken(connection, answer.body[offset : offset + step])
    return sent


def _request_head(connection: socket.socket, rest: bytes) -> tuple[bytes, bytes]:
    """Return the next request's head and what came after it; an empty head when the client is done."""
    while (end := rest.find(b"\r\n\r\n")) < 0:
        if len(rest) > _HEAD_LIMIT:
            return rest, b""
        received = connection.recv(65_536)
        if not received:
            return b"", b""
        rest += received
    return rest[: end + 4], rest[end + 4 :]


def _taken(connection: socket.socket, octets: bytes) -> int:
    view = memoryview(octets)
    sent = 0
    with contextlib.suppress(OSError):
        while sent < len(view):
            sent += connection.send(view[sent : sent + 65_536])
    return sent


def _entry(host: str, head: bytes, asked: Asked | None, answer: Reply, sent: int) -> Served:
    interim, start = len(answer.interim), len(answer.interim) + len(answer.head)
    return Served(
        host=host,
        method=asked.method if asked else "",
        target=asked.target if asked else "",
        status=answer.status,
        range=asked.field("range") if asked else "",
        request=head,
        interim=answer.interim[:sent],
        head=answer.head[: max(0, sent - interim)],
        body=answer.body[: max(0, sent - start)],
        whole=sent == start + len(answer.body),
    )


@dataclass(frozen=True, slots=True)
class Site:
    """The sample while it is served: where it is, how to reach it, what is wrong with it on purpose.

    *resolve* is what ``--resolve`` takes, *ca_file* what ``--ca-file`` takes. *planted* is exactly what a correct
    capture with ``--cited 1`` reports as not got or not verified; *expected_urls* what it asks for, with each role.
    """

    url: str
    ca_file: Path
    resolve: tuple[str, ...]
    planted: tuple[Planted, ...]
    expected_urls: Mapping[str, str]
    _account: _Account

    def served(self) -> tuple[Served, ...]:
        """Return an entry for every answer, oldest first; waits for those that are on their way."""
        return self._account.settled()


@contextlib.contextmanager
def serve(folder: Path, *, port: int = 0) -> Iterator[Site]:
    """Serve the sample on 127.0.0.1 until the block ends; the root certificate is written to *folder*/ca.pem.

    With *port* 0 the system chooses a port for each origin, otherwise they are *port*, *port* + 1, and so on. Every
    start makes a new authority. Raises JobError when a port cannot be had, StoreError when *folder* cannot be written.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    durable.folder(folder)
    authority = Authority(now)
    contexts: dict[str, ssl.SSLContext | None] = {}
    for origin in ORIGINS:
        contexts[origin.host] = None
        if origin.identity is not Identity.NONE:
            valid = Validity.past(now) if origin.identity is Identity.EXPIRED else Validity.present(now)
            contexts[origin.host] = authority.context(origin.host, valid, folder)
    ca_file = folder / "ca.pem"
    durable.replace(ca_file, authority.root_pem)
    account = _Account()
    door = Door(port, contexts, _Answering(account))
    try:
        yield Site(ARTICLE, ca_file, door.resolve, PLANTED, expected(), account)
    finally:
        door.close()
