"""Everything that the browser asked for, as it tells it itself: what a capture is later reckoned against."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from muniment.fetch.browser.devtools import Event

__all__ = ["Asked", "Ledger", "Source"]

_MOST: Final = 20_000
_UNANSWERED: Final = 8.0
"""Seconds for which a request without an answer keeps a page from being quiet."""
_UNREAD: Final = 1.0
"""The same for an answer of which nothing more comes: a page need not read a body to its end, and says nothing then."""
_STREAMS: Final = frozenset({"WebSocket", "WebTransport", "EventSource", "Media", "Ping"})
"""Types that may last as long as they like."""


class Source(StrEnum):
    """Where an answer came from; NOTHING where none came."""

    NETWORK = "network"
    DISK_CACHE = "disk-cache"
    MEMORY_CACHE = "memory-cache"
    PREFETCH = "prefetch"
    SERVICE_WORKER = "service-worker"
    NOTHING = "nothing"


_OVER_THE_WIRE: Final = frozenset({Source.NETWORK, Source.NOTHING, Source.PREFETCH})
_KEPT_BACK: Final = frozenset(
    {"csp", "mixed-content", "inspector", "subresource-filter", "DisallowedByMode", "CorsDisabledScheme"}
)
"""Reasons for which the browser sends nothing at all; others block an answer that came."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the browser; each hop of a redirect is one of its own, with the number that it came *after*.

    *asker* is what kind of target asked (page, iframe, worker, shared_worker, service_worker); *kind* is the
    browser's resource type. *failure* is the browser's error, *blocked* why it sent nothing. *size* are the octets
    that it says came over the network, None where it did not say. *ended* False means that it was still waiting.
    """

    n: int
    url: str
    method: str
    kind: str
    asker: str
    frame: str
    document: str
    at: datetime
    initiator: str = ""
    initiator_url: str = ""
    after: int | None = None
    source: Source = Source.NOTHING
    status: int | None = None
    protocol: str = ""
    connection: str = ""
    failure: str = ""
    blocked: str = ""
    canceled: bool = False
    size: int | None = None
    ended: bool = False

    @property
    def sent(self) -> bool:
        """Whether the browser put it on the wire, or tried: what an exchange or a failed attempt must account for."""
        kept_back = self.blocked in _KEPT_BACK or self.blocked.startswith("Preflight")
        return self.source in _OVER_THE_WIRE and not kept_back


class Ledger:
    """Hears the Network events of every session, and keeps a line for each request that leaves the page.

    ``data:``, ``blob:`` and the browser's own pages are no requests. ``left_out`` counts what came beyond 20,000.
    """

    def __init__(self, asker: Callable[[str], str]) -> None:
        self.left_out = 0
        self.changed = time.monotonic()
        self._asker = asker
        self._lines: list[Asked] = []
        self._open: dict[str, int] = {}
        self._alive: dict[str, float] = {}
        self._session = ""
        self._cached: set[str] = set()

    def all(self) -> tuple[Asked, ...]:
        """Return what was asked until now, in order."""
        return tuple(self._lines)

    def waiting(self) -> tuple[Asked, ...]:
        """Return the requests that keep the page from being quiet: not ended, no streams, and not silent for long."""
        now = time.monotonic()
        found = [(self._lines[self._open[key]], now - heard) for key, heard in self._alive.items()]
        return tuple(
            line
            for line, silent in found
            if line.kind not in _STREAMS and silent < (_UNANSWERED if line.status is None else _UNREAD)
        )

    def hear(self, event: Event) -> None:
        """Take one event of DevTools; those that are not about the network are none of this."""
        if not event.method.startswith("Network."):
            return
        known = _HEARD.get(event.method)
        if known is not None and "requestId" in event.params:
            # Ids are the browser's, not the session's: what a worker is made of is asked for by its page, and answered
            # to the worker.
            self._session = event.session
            known(self, event.params["requestId"], event.params)

    def _begun(self, key: str, said: dict[str, Any]) -> None:
        redirect = said.get("redirectResponse")
        before = self._open.get(key)
        if redirect and before is not None:
            self._answered(key, {"response": redirect})
            self._close(key, size=redirect.get("encodedDataLength"))
        request = said["request"]
        if not request["url"].startswith(("http:", "https:", "ws:", "wss:", "ftp:", "file:")):
            return
        initiator = said.get("initiator", {})
        self._add(
            key,
            Asked(
                len(self._lines),
                request["url"],
                request["method"],
                said.get("type", "Other"),
                self._asker(self._session),
                said.get("frameId", ""),
                said.get("documentURL", ""),
                datetime.fromtimestamp(said["wallTime"], UTC),
                initiator.get("type", ""),
                _where(initiator),
                before if redirect else None,
            ),
        )

    def _socket(self, key: str, said: dict[str, Any]) -> None:
        initiator = said.get("initiator", {})
        now = datetime.now(UTC)  # this event alone has no time of its own
        line = Asked(len(self._lines), said["url"], "GET", "WebSocket", self._asker(self._session), "", "", now)
        self._add(key, replace(line, initiator=initiator.get("type", ""), initiator_url=_where(initiator)))

    def _transport(self, key: str, said: dict[str, Any]) -> None:
        self._socket(key, said)
        if key in self._open:
            self._change(key, kind="WebTransport", method="CONNECT")

    def _add(self, key: str, line: Asked) -> None:
        if len(self._lines) >= _MOST:
            self.left_out += 1
            return
        self._lines.append(line)
        self._open[key] = line.n
        self._touch(key)

    def _from_memory(self, key: str, _: dict[str, Any]) -> None:
        self._cached.add(key)

    def _answered(self, key: str, said: dict[str, Any]) -> None:
        if key not in self._open:
            return
        answer = said["response"]
        self._change(
            key,
            source=self._source(key, answer),
            status=answer.get("status"),
            protocol=answer.get("protocol", ""),
            connection=str(answer.get("connectionId", "")),
            kind=said.get("type") or self._lines[self._open[key]].kind,
        )

    def _source(self, key: str, answer: dict[str, Any]) -> Source:
        if answer.get("fromServiceWorker"):
            return Source.SERVICE_WORKER
        if answer.get("fromPrefetchCache"):
            return Source.PREFETCH
        if answer.get("fromDiskCache"):
            return Source.DISK_CACHE
        return Source.MEMORY_CACHE if key in self._cached else Source.NETWORK

    def _came(self, key: str, _: dict[str, Any]) -> None:
        if key in self._alive and self._lines[self._open[key]].kind not in _STREAMS:
            self._touch(key)

    def _finished(self, key: str, said: dict[str, Any]) -> None:
        self._close(key, size=said.get("encodedDataLength"))

    def _failed(self, key: str, said: dict[str, Any]) -> None:
        cors = said.get("corsErrorStatus") or {}
        self._close(
            key,
            failure=said.get("errorText") or cors.get("corsError", "") or "failed",
            blocked=said.get("blockedReason") or cors.get("corsError", ""),
            canceled=bool(said.get("canceled")),
        )

    def _socket_failed(self, key: str, said: dict[str, Any]) -> None:
        if key in self._open:
            self._change(key, failure=said.get("errorMessage", "failed"))

    def _close(self, key: str, *, size: float | None = None, **changes: object) -> None:
        if key not in self._open:
            return
        self._change(key, ended=True, size=None if size is None else int(size), **changes)
        self._alive.pop(key, None)
        del self._open[key]

    def _change(self, key: str, **changes: Any) -> None:
        n = self._open[key]
        self._lines[n] = replace(self._lines[n], **changes)
        self._touch(key)

    def _touch(self, key: str) -> None:
        self.changed = self._alive[key] = time.monotonic()


def _where(initiator: dict[str, Any]) -> str:
    """Return the URL of what made the browser ask: a document, or the script at the top of the stack."""
    stack = initiator.get("stack") or {}
    while stack and not stack.get("callFrames"):
        stack = stack.get("parent") or {}
    frames = stack.get("callFrames") or [{}]
    return str(initiator.get("url") or frames[0].get("url", ""))


_HEARD: Final[dict[str, Callable[[Ledger, str, dict[str, Any]], None]]] = {
    "Network.requestWillBeSent": Ledger._begun,  # noqa: SLF001 - the table of this very class
    "Network.requestServedFromCache": Ledger._from_memory,  # noqa: SLF001
    "Network.responseReceived": Ledger._answered,  # noqa: SLF001
    "Network.dataReceived": Ledger._came,  # noqa: SLF001
    "Network.loadingFinished": Ledger._finished,  # noqa: SLF001
    "Network.loadingFailed": Ledger._failed,  # noqa: SLF001
    "Network.webSocketCreated": Ledger._socket,  # noqa: SLF001
    "Network.webSocketHandshakeResponseReceived": Ledger._answered,  # noqa: SLF001
    "Network.webSocketFrameError": Ledger._socket_failed,  # noqa: SLF001
    "Network.webSocketClosed": Ledger._finished,  # noqa: SLF001
    "Network.webTransportCreated": Ledger._transport,  # noqa: SLF001
    "Network.webTransportClosed": Ledger._finished,  # noqa: SLF001
}
