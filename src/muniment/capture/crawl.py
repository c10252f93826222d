"""From a seed to everything it rests on: fetch, hand over, look for links, fetch what they ask for.

Knows which links are followed and what a limit cuts; how bytes are fetched is the engine's, how they are kept is the
recorder's. What is not fetched is handed over as a failed attempt: nothing is dropped in silence.
"""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote

from muniment import canonical, extract
from muniment.capture.frontier import Frontier, Want
from muniment.capture.recorder import Fact, Recorder
from muniment.errors import FormatError
from muniment.fetch.http import StaticEngine, Wanted
from muniment.message import entity
from muniment.model import Exchange, Reason, Role, Rules

__all__ = ["Crawl"]

_WORKERS: Final = 16
_PARSED: Final = 16 << 20
_PAGES: Final = frozenset({Role.ARTICLE, Role.EMBED, Role.CITED})
_READ: Final = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml", "text/css"})
_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"<>\\^`{|}')
_LIMITS: Final = {
    Reason.LIMIT_RESOURCES: "max-resources",
    Reason.LIMIT_BYTES: "max-bytes",
    Reason.LIMIT_TIME: "max-time",
}


@dataclass(slots=True)
class Crawl:
    """One run of the static engine over one seed.

    ``ends`` is the moment, by *monotonic*, at which max-time is over. ``said`` is told of every exchange.
    """

    engine: StaticEngine
    recorder: Recorder
    rules: Rules
    ends: float
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    said: Callable[[Exchange, Role], None]
    frontier: Frontier = field(init=False)
    interrupted: bool = False
    recorded: int = 0
    _failure: BaseException | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _workers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frontier = Frontier(self.rules.limits.per_host, self.rules.limits.max_resources)

    def start(self, seed: str) -> None:
        """Begin with *seed*; returns at once."""
        self.frontier.add(Want(seed, Role.ARTICLE, "", "", page=True))
        for number in range(_WORKERS):
            worker = threading.Thread(target=self._work, name=f"fetch-{number}", daemon=True)
            self._workers.append(worker)
            worker.start()

    def wait(self, seconds: float) -> bool:
        """Wait at most *seconds* and say whether everything is done."""
        for worker in self._workers:
            worker.join(seconds)
            if worker.is_alive():
                return False
        return True

    def interrupt(self, grace: float) -> None:
        """Fetch nothing more; what is on its way has *grace* seconds before its connections are shut."""
        self.interrupted = True
        self.frontier.stop()
        self.engine.stop(grace)

    def finish(self) -> None:
        """Record what was wanted and never begun; raise what stopped a worker, if anything did."""
        if self._failure is not None:
            raise self._failure
        for want in self.frontier.rest():
            self._refuse(want, Reason.INTERRUPTED)

    def _work(self) -> None:
        while (taken := self.frontier.take()) is not None:
            want, refused = taken
            try:
                if refused := refused or self._cut():
                    self._refuse(want, refused)
                else:
                    self._get(want)
            except BaseException as failure:  # noqa: BLE001 - handed to the thread that waits, which raises it
                self._failure = self._failure or failure
                self.frontier.stop()
            finally:
                self.frontier.done(want)

    def _cut(self) -> Reason | None:
        if self.monotonic() >= self.ends:
            return Reason.LIMIT_TIME
        return Reason.LIMIT_BYTES if self.engine.exhausted else None

    def _refuse(self, want: Want, reason: Reason) -> None:
        rule = _LIMITS.get(reason, "")
        detail = want.detail or (f"not fetched: the limit {rule} was reached" if rule else f"not fetched: {reason}")
        refused = Exchange(
            url=want.url, method="GET", started=self.now(), reason=reason, detail=detail, connection=None, rule=rule
        )
        self.said(refused, want.role)
        self.recorder.take(refused, want.role, want.parent)

    def _get(self, want: Want) -> None:
        limits = self.rules.limits
        wanted = Wanted(
            url=want.url,
            page=want.page,
            referer=want.referer,
            cap=limits.max_resource_bytes,
            until=min(self.monotonic() + limits.max_resource_time, self.ends),
        )
        parent = want.parent
        for exchange in self.engine.fetch(wanted):
            named = self._name_limit(exchange)
            role = Role.REDIRECT if named.reason is Reason.REDIRECT else want.role
            with self._lock:
                self.recorded += named.response is not None and role is not Role.REDIRECT
            found = self._links(named, role)
            self.said(named, role)
            record_id = self.recorder.take(named, role, parent)
            if role is Role.REDIRECT:
                parent = record_id
            if found is not None:
                content = canonical.encode(extract.encode(found))
                self.recorder.state(Fact(named.url, record_id, content, self.now()))
                for each in self._follow(found, record_id, named.url, want):
                    self.frontier.add(each)

    def _name_limit(self, exchange: Exchange) -> Exchange:
        if exchange.rule == "max-resource-time" and self.monotonic() >= self.ends:
            return replace(exchange, rule="max-time")
        return exchange

    def _links(self, exchange: Exchange, role: Role) -> extract.Found | None:
        media_type = exchange.field_value("content-type")
        worth = role is Role.ARTICLE or (exchange.status or 0) < 400
        if exchange.response is None or role is Role.REDIRECT or not worth:
            return None
        kind, _, parameters = media_type.partition(";")
        kind = kind.strip().lower() or ("text/html" if role in _PAGES else "")
        if kind not in _READ:
            return None
        body = bytearray()
        fault = ""
        try:
            for chunk in entity.content(exchange.response, cap=_PARSED):
                body += chunk
        except FormatError as broken:
            fault = str(broken)
        charset = re.search(r"charset=[\"' ]*([\w.:-]+)", parameters, re.IGNORECASE)
        found = extract.links(kind, bytes(body), exchange.url, charset[1] if charset else None)
        return replace(found, notes=(*found.notes, fault)) if fault else found

    def _follow(self, found: extract.Found, record_id: str, referer: str, want: Want) -> Iterator[Want]:
        for link in found.links:
            match link.kind:
                case extract.LinkKind.REQUISITE:
                    yield replace(want, url=link.url, role=link.role, parent=record_id, referer=referer, page=False)
                case extract.LinkKind.EMBED if not want.embedded:
                    yield Want(link.url, Role.EMBED, record_id, referer, want.hops, embedded=True, page=True)
                case extract.LinkKind.EMBED:
                    detail = "not fetched: embedded in an embedded page, and embeds are followed one level"
                    yield Want(
                        link.url, Role.EMBED, record_id, referer, want.hops, refused=Reason.OUT_OF_SCOPE, detail=detail
                    )
                case extract.LinkKind.CITATION if want.hops < self.rules.cited and not want.embedded:
                    yield Want(link.url, Role.CITED, record_id, referer, want.hops + 1, page=True)
        for lost in found.unresolved:
            # Not a URL by any reading, so it stands where a browser puts such things (CSS Values 4, about:invalid).
            url = "about:invalid#" + quote(lost.raw, safe=_PRINTABLE)
            detail = f"not fetched: the page asks for it by {lost.source}, but {lost.why}"
            yield Want(url, Role.OTHER, record_id, referer, want.hops, refused=Reason.MALFORMED_URL, detail=detail)
