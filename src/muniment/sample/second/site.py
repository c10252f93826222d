"""The second edition on loopback: ten origins, each a listening port of its own, and the list of what they served."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from muniment import durable
from muniment.sample.authority import Authority, Validity
from muniment.sample.contents import Planted
from muniment.sample.door import Door
from muniment.sample.second import books
from muniment.sample.second.account import Account, Entry, Served, Wire
from muniment.sample.second.answer import Request, answer
from muniment.sample.second.asset import Origin, Speech
from muniment.sample.second.http1 import Http1
from muniment.sample.second.http2 import Http2

__all__ = ["Site", "serve"]


@dataclass(frozen=True, slots=True)
class Site:
    """The second edition while it is served: where it is, how to reach it, what is wrong with it on purpose.

    *resolve* is what ``--resolve`` takes, *ca_file* what ``--ca-file`` takes; *keys* are the digests of the origins'
    keys by host, as Chromium takes them (``--ignore-certificate-errors-spki-list``). *planted* is exactly what a
    correct capture by a browser reports as not got or not verified with ``--cited 1``. *expected_urls* is what it asks
    for, with each role, and *cited_urls* what comes with ``--cited 1``, under the names that ``named`` gives to URLs.
    """

    url: str
    ca_file: Path
    resolve: tuple[str, ...]
    keys: Mapping[str, str]
    planted: tuple[Planted, ...]
    expected_urls: Mapping[str, str]
    cited_urls: Mapping[str, str]
    _account: Account

    def served(self) -> tuple[Served, ...]:
        """Return an entry for every request, oldest first; waits for the answers that are on their way to their end."""
        return self._account.settled()


@contextlib.contextmanager
def serve(folder: Path, *, port: int = 0) -> Iterator[Site]:
    """Serve the second edition on 127.0.0.1 until the block ends; the root certificate is written to *folder*/ca.pem.

    With *port* 0 the system chooses a port for each origin, otherwise they are *port*, *port* + 1, and so on. Every
    start makes a new authority. Raises JobError when a port cannot be had, StoreError when *folder* cannot be written.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    durable.folder(folder)
    authority = Authority(now)
    contexts = {origin.host: _context(origin, authority, now, folder) for origin in books.ORIGINS}
    ca_file = folder / "ca.pem"
    durable.replace(ca_file, authority.root_pem)
    account = Account()
    door = Door(port, contexts, _Conversing(account))
    try:
        keys = dict(authority.keys)
        expected, cited = books.expected(), books.cited()
        yield Site(books.ARTICLE, ca_file, door.resolve, keys, books.PLANTED, expected, cited, account)
    finally:
        door.close()


def _context(origin: Origin, authority: Authority, now: datetime, folder: Path) -> ssl.SSLContext | None:
    if origin.speech is Speech.PLAIN:
        return None
    valid = Validity.past(now) if origin.speech is Speech.EXPIRED else Validity.present(now)
    context = authority.context(origin.host, valid, folder)
    if origin.speech is Speech.TLS12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if origin.speech is Speech.H2:
        context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class _Conversing:
    """Speaks over a connection what was agreed on in its handshake."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __call__(self, connection: socket.socket, host: str, shut: threading.Event) -> None:
        """Converse over *connection* until either side ends it."""
        connection.settimeout(None)  # a film that is not watched waits for its reader
        wire = Wire(f"http://{host}", "http/1.1", "")
        if isinstance(connection, ssl.SSLSocket):
            agreed = connection.selected_alpn_protocol() or "http/1.1"
            wire = Wire(f"https://{host}", agreed, connection.version() or "")

        def respond(request: Request | None) -> Entry:
            due = answer(request, host, datetime.now(UTC))
            return self._account.enter(wire, request or Request.none(), due)

        speaks = Http2 if wire.protocol == "h2" else Http1
        speaks(connection, respond, shut).run()
