"""From a seed to everything it rests on: fetch, hand over, look for links, fetch what they ask for.

Knows which links are followed and what a limit cuts; how bytes are fetched is the engine's, how they are kept is the
recorder's. What is not fetched is handed over as a failed attempt: nothing is dropped in silence.
"""

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from muniment import canonical, extract
from muniment.capture.appraisal import PAGE_TYPES, PARSED, Body, appraised, media, read, readable
from muniment.capture.frontier import Frontier, Want
from muniment.capture.judge import Judge, Judged
from muniment.capture.memory import Memory
from muniment.capture.recorder import Fact, Recorder
from muniment.capture.space import Space
from muniment.errors import FetchError
from muniment.extract import article, media_facts, obstacle
from muniment.fetch.http import StaticEngine, Wanted
from muniment.model import Exchange, Reason, Role
from muniment.rules import Rules

__all__ = ["Crawl", "follow"]

_WORKERS: Final = 16
_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"<>\\^`{|}')
_LIMITS: Final = {
    Reason.LIMIT_RESOURCES: "max-resources",
    Reason.LIMIT_BYTES: "max-bytes",
    Reason.LIMIT_TIME: "max-time",
}
_REASONS: Final = {"": Reason.NOT_HTTP, "max-time": Reason.LIMIT_TIME}
_UNREAD: Final = {
    "max-page-tags": "it has too many tags, and only the first of them were looked at",
    "max-time": "the time was over before all of it was looked into for what it rests on",
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
    space: Space
    frontier: Frontier = field(init=False)
    judge: Judge = field(init=False)
    interrupted: bool = False
    recorded: int = 0
    _grace_ends: float = math.inf
    _failure: BaseException | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    # Two pages of the largest size; of ordinary ones more than there are workers.
    _memory: Memory = field(default_factory=lambda: Memory(2 * PARSED))
    _workers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frontier = Frontier(self.rules.limits.per_host, self.rules.limits.max_resources)
        self.judge = Judge(self.recorder, self.said, self.now)
        self.space.owed = lambda: max(0, self.engine.received - self.recorder.recorded)

    def start(self, wants: Iterable[Want]) -> None:
        """Begin with *wants*; returns at once."""
        for want in wants:
            self.frontier.add(want)
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
        self._grace_ends = self.monotonic() + grace
        self.frontier.stop()
        self.space.end()
        self.engine.stop(grace)

    def finish(self) -> None:
        """Record what was wanted and never begun; raise what stopped a worker, if anything did."""
        if self._failure is not None:
            raise self._failure
        for want in self.frontier.rest():
            self._refuse(want, want.refused or Reason.INTERRUPTED)
        if (first := self.frontier.unlisted) is not None:
            count = f"{self.frontier.beyond:,}"
            detail = f"not fetched: max-resources was reached; {count} such wishes are in the records of links only"
            self._refuse(replace(first, detail=detail), Reason.LIMIT_RESOURCES)

    def _work(self) -> None:
        while (taken := self.frontier.take()) is not None:
            want, refused = taken
            try:
                if refused:
                    self._refuse(want, refused)
                elif crowded := self._crowded():
                    self._refuse(replace(want, detail=f"not fetched: {crowded.detail}"), Reason(crowded.reason))
                elif refused := self._cut():
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

    def _crowded(self) -> FetchError | None:
        """Wait for room on the disk, and return why there came none before the capture had to end."""
        try:
            self.space.wait(self.ends)
        except FetchError as crowded:
            reason = Reason.LIMIT_TIME if crowded.reason == Reason.TIMEOUT else crowded.reason
            return FetchError(reason, f"until the end {crowded.detail}")
        return None

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
        parent, answered = want.parent, False
        judged: Judged | None = None
        for exchange in self.engine.fetch(wanted):
            named = appraised(self._name_limit(exchange), want.role)
            answered = named.response is not None
            role = Role.REDIRECT if named.reason is Reason.REDIRECT else want.role
            with ExitStack() as held:
                body, shown = self._body(named, role, held), media(named, role, self._remaining)
                self.said(named, role)
                record_id = self.recorder.take(named, role, parent)
                if shown is not None:
                    self._state(named.url, record_id, media_facts.encode(shown))
                # Of several tries the last one says what the page is.
                judged = self._read(named, role, record_id, body, want) if body is not None else None
            if role is Role.REDIRECT:
                parent = record_id
        if judged is not None:
            self.judge.tell(judged, want.role)
        with self._lock:
            self.recorded += answered

    def _read(self, named: Exchange, role: Role, record_id: str, body: Body, want: Want) -> Judged | None:
        """Look into what was recorded as *record_id* for what it rests on and says; return what it is as a page."""
        found = extract.links(body.kind, body.content, named.url, body.charset, self._remaining)
        found = replace(found, notes=(*found.notes, body.fault)) if body.fault else found
        self._state(named.url, record_id, extract.encode(found))
        for each in follow(found, record_id, named.url, want, self.rules.cited):
            self.frontier.add(each)
        if unread := self._unread(role, body, found, want):
            self._say_unread(named.url, record_id, unread)
        # After the links, so that others fetch what the page rests on while it is read.
        if not self._is_article(named, role, body):
            return None
        told = article.from_html(body.content, named.url, charset=body.charset, remaining=self._remaining)
        told = replace(told, notes=(*told.notes, body.fault)) if body.fault else told
        self._state(named.url, record_id, article.encode(told))
        received = obstacle.Received(want.url, named.url, named.status, named.fields)
        return self.judge.judge(body.content, body.charset, received, record_id)

    def _unread(self, role: Role, body: Body, found: extract.Found, want: Want) -> tuple[str, str] | None:
        """Return what bound left something of a page out of sight, and a sentence; None where all was looked at."""
        if body.cut:
            return "max-page-bytes", f"only its first {PARSED >> 20} MiB were looked into for what it rests on"
        if found.unread:
            return found.unread, _UNREAD[found.unread]
        if found.left_out:
            return "max-links", f"{found.left_out:,} of the things that it asks for were left out: too many"
        if found.flat and want.hops < self.rules.cited:
            return "max-links", "it is too costly to read as a tree, so its citations were not told apart"
        if body.fault and role is Role.ARTICLE:
            return "", f"it could not be decoded, so what it rests on is not known: {body.fault}"
        return None

    def _say_unread(self, url: str, record_id: str, unread: tuple[str, str]) -> None:
        """Hand over a failed attempt for what a page asks for and was not looked at: it is not silently left out."""
        rule, detail = unread
        attempt = Exchange(
            url=url,
            method="GET",
            started=self.now(),
            reason=_REASONS.get(rule, Reason.LIMIT_RESOURCES),
            detail=f"not everything was asked for: {detail}",
            connection=None,
            rule=rule,
        )
        self.said(attempt, Role.OTHER)
        self.recorder.take(attempt, Role.OTHER, record_id)

    def _state(self, url: str, about: str, said: dict[str, Any]) -> None:
        self.recorder.state(Fact(url, about, canonical.encode(said), self.now()))

    def _remaining(self) -> float:
        return min(self.ends, self._grace_ends) - self.monotonic()

    def _is_article(self, exchange: Exchange, role: Role, body: Body) -> bool:
        """Whether *body* is a page that somebody reads for its own sake: the seed, or what an article cites."""
        answered = role is Role.CITED and (exchange.status or 0) // 100 == 2
        return body.kind in PAGE_TYPES and (role is Role.ARTICLE or answered)

    def _name_limit(self, exchange: Exchange) -> Exchange:
        if exchange.rule == "max-resource-time" and self.monotonic() >= self.ends:
            return replace(exchange, rule="max-time")
        return exchange

    def _body(self, exchange: Exchange, role: Role, held: ExitStack) -> Body | None:
        kind = readable(exchange, role)
        if not kind:
            return None
        coded = exchange.field_value("content-encoding")
        shrink = held.enter_context(self._memory.held(PARSED if coded else min(exchange.response_size, PARSED)))
        body = read(exchange, kind)
        shrink(len(body.content))
        return body


def follow(found: extract.Found, record_id: str, referer: str, want: Want, cited: int) -> Iterator[Want]:
    """Give what a page asks for that was *found* in it: *want* is how it was wanted itself, *cited* how far to go."""
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
            case extract.LinkKind.CITATION if want.hops < cited and not want.embedded:
                yield Want(link.url, Role.CITED, record_id, referer, want.hops + 1, page=True)
    for lost in found.unresolved:
        # Not a URL by any reading, so it stands where a browser puts such things (CSS Values 4, about:invalid).
        url = "about:invalid#" + quote(lost.raw, safe=_PRINTABLE)
        detail = f"not fetched: the page asks for it by {lost.source}, but {lost.why}"
        yield Want(url, Role.OTHER, record_id, referer, want.hops, refused=Reason.MALFORMED_URL, detail=detail)
