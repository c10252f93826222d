"""What a capture still wants: each URL once, the article's own requisites before what it cites, within limits.

Threads take from here and bring back what they found; nobody waits on a host that is busy while another is free.
"""

import heapq
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from muniment.errors import FormatError
from muniment.message.url import Url
from muniment.model import Reason, Role

__all__ = ["Frontier", "Want"]

_LISTED: Final = 2_000


@dataclass(frozen=True, slots=True)
class Want:
    """A URL that is wanted: as what, because of which record, and how far from the seed.

    ``hops`` counts citations followed from the seed, ``embedded`` whether it is (in) an embedded page.
    """

    url: str
    role: Role
    parent: str
    referer: str
    hops: int = 0
    embedded: bool = False
    page: bool = False
    refused: Reason | None = None
    detail: str = ""


@dataclass(slots=True)
class Frontier:
    """A queue in the order of hops, then of finding; no more than *most* wants are given out to be fetched.

    So that one page of a hundred thousand links does not make as many failed attempts, 2,000 wants beyond *most* are
    taken in; of the others ``beyond`` counts how often something asked for one, and ``unlisted`` is the first.
    """

    per_host: int
    most: int
    beyond: int = 0
    unlisted: Want | None = None
    _waiting: dict[str, list[tuple[int, int, Want]]] = field(default_factory=dict)
    _ready: list[tuple[int, int, str]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _active: Counter[str] = field(default_factory=Counter)
    _given: int = 0
    _known: int = 0
    _stopped: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, want: Want) -> None:
        """Ask for *want* unless its URL was asked for before."""
        with self._changed:
            if want.url in self._seen:
                return
            if self.asked() >= self.most + _LISTED:
                self.beyond += 1
                self.unlisted = self.unlisted or want
                return
            self._seen.add(want.url)
            waiting = self._waiting.setdefault(_host(want.url), [])
            heapq.heappush(waiting, (want.hops, len(self._seen), want))
            self._offer(_host(want.url))
            self._changed.notify()

    def know(self, urls: Iterable[str]) -> None:
        """Take it that *urls* were got already, so that nobody is to be asked for them again."""
        with self._changed:
            self._seen.update(urls)
            self._known = len(self._seen)

    def take(self) -> tuple[Want, Reason | None] | None:
        """Return the next want, with LIMIT_RESOURCES where it is beyond the limit; None when there is nothing more.

        Blocks while others are at work that may still find something, or while every waiting host is busy.
        """
        with self._changed:
            while not self._stopped:
                host = self._next()
                if host is not None:
                    _, _, want = heapq.heappop(self._waiting[host])
                    if not self._waiting[host]:
                        del self._waiting[host]
                    self._active[host] += 1
                    self._offer(host)
                    if want.refused is None:
                        self._given += 1
                    beyond = Reason.LIMIT_RESOURCES if self._given > self.most else None
                    return want, want.refused or beyond
                if not self._waiting and not self._active:
                    break
                self._changed.wait()
            self._changed.notify_all()
            return None

    def done(self, want: Want) -> None:
        """Say that *want* was dealt with, and everything that it led to was added."""
        with self._changed:
            host = _host(want.url)
            self._active[host] -= 1
            if not self._active[host]:
                del self._active[host]
            self._offer(host)
            self._changed.notify_all()

    def stop(self) -> None:
        """Give nothing out any more; what waits stays to be asked for by :meth:`rest`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def rest(self) -> Iterator[Want]:
        """Give what was never taken, in order."""
        with self._changed:
            waiting = sorted(entry for heap in self._waiting.values() for entry in heap)
            self._waiting.clear()
        yield from (want for _, _, want in waiting)

    def asked(self) -> int:
        """Return how many URLs were wanted so far."""
        return len(self._seen) - self._known

    def _offer(self, host: str) -> None:
        """Put the first want of *host* among those that may be taken, where the host is free."""
        if host in self._waiting and self._active[host] < self.per_host:
            hops, count, _ = self._waiting[host][0]
            heapq.heappush(self._ready, (hops, count, host))

    def _next(self) -> str | None:
        """Return the host whose first want comes next, None where every waiting host is busy."""
        # An offer may be out of date: its want taken, or its host busy since; a busy host is offered again when free.
        while self._ready:
            hops, count, host = heapq.heappop(self._ready)
            first = self._waiting.get(host)
            if first and first[0][:2] == (hops, count) and self._active[host] < self.per_host:
                return host
        return None


def _host(url: str) -> str:
    try:
        return Url.parse(url).host
    except FormatError:
        return ""
