"""The static engine: from a wanted URL to every exchange that it took, redirects, retries and failures among them.

Pages go through a session of requests whose transport adapter is our wire; everything else goes to the wire
directly. Nothing of the environment is asked: no proxy, no .netrc, no bundle of authorities but the named one.
"""

import email.utils
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import requests
import requests.adapters
import urllib3

from muniment.errors import FetchError, FormatError
from muniment.fetch import tls_peer
from muniment.fetch.address import Guard, LookUp
from muniment.fetch.allowance import Allowance
from muniment.fetch.cookies import Cookies
from muniment.fetch.dial import Place, Surroundings
from muniment.fetch.outcome import located, written
from muniment.fetch.politeness import Gate
from muniment.fetch.wire import Request, Terms, Wire
from muniment.message import coding
from muniment.message.url import Url, join
from muniment.model import Exchange, Reason
from muniment.rules import Rules

__all__ = ["USER_AGENT", "StaticEngine", "Wanted"]

USER_AGENT: Final = "muniment/0.1 (+archival capture)"

_SCHEMES: Final = frozenset({"http", "https"})
_RETRIED: Final = frozenset({429, 503})
_RETRIES: Final = 2
_BACKOFF: Final = 1.0
_LONGEST_WAIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One URL to be got: ``page`` for what is read as a page, ``referer`` the URL of what asked for it.

    ``cap`` is the most octets of its body, ``until`` the monotonic second by which it must have ended.
    """

    url: str
    page: bool
    referer: str
    cap: int
    until: float
    accept: str = "*/*"


class StaticEngine:
    """Fetches by the rules of one capture; many threads may fetch at once and share cookies, connections, politeness.

    *look_up* resolves names. Raises JobError where the rules cannot be followed at all (a bad range, a missing
    --ca-file, --cookies without any).
    """

    def __init__(self, rules: Rules, around: Surroundings, *, look_up: LookUp | None = None) -> None:
        self._rules = rules
        self._now = around.now
        self._monotonic = around.monotonic
        self._wire = Wire(rules, Guard(rules, look_up, around.monotonic), around)
        self._gate = Gate(rules.limits, around.monotonic)
        self._cookies = Cookies(rules.cookies)
        self._session = _Session(self._wire)

    @property
    def roots(self) -> tuple[tls_peer.Root, ...]:
        """The files of authorities that TLS peers are verified against, with their digests."""
        return self._wire.roots

    @property
    def received(self) -> int:
        """How many octets of answers were received so far."""
        return self._wire.allowance.received

    @property
    def allowance(self) -> Allowance:
        """What the capture may still receive; whoever else receives for it takes from here too."""
        return self._wire.allowance

    @property
    def exhausted(self) -> bool:
        """Whether as much was received as the rules allow (max-bytes)."""
        return self._wire.allowance.spent

    @property
    def cookies(self) -> Cookies:
        """The cookies of the capture, which others who receive for it may add to."""
        return self._cookies

    @property
    def root_store(self) -> str:
        """The path of the bundle of authorities in use; ``roots`` also names what --ca-file added."""
        return self.roots[0].path

    def fetch(self, wanted: Wanted) -> Iterator[Exchange]:
        """Yield every exchange that *wanted* takes, in order: failed attempts, retries, redirects, the answer last.

        What cannot be got is an exchange with its reason; FetchError is never raised. StoreError is, where the
        spool's disk fails. Who takes an exchange closes its spool.
        """
        limits = self._rules.limits
        until = min(wanted.until, self._monotonic() + limits.max_resource_time)
        hop = _Hop(wanted.url, wanted.referer)
        seen: set[tuple[str, str]] = set()
        chain: list[str] = []
        while True:
            url = self._checked(hop)
            if isinstance(url, Exchange):
                yield url
                return
            chain.append(url.href)
            # A page may redirect to itself to see whether its cookie comes back: a loop repeats the cookies, too.
            step = (url.href, self._cookies.field(url.href))
            if step in seen or len(chain) > limits.max_redirects + 1:
                yield self._endless(url, chain, loop=step in seen)
                return
            seen.add(step)
            last = None
            for last in self._tries(url, replace(wanted, referer=hop.referer, until=until)):
                yield last
            if last is None or not last.location:
                return
            hop = _Hop(last.location, hop.referer, base=url)

    def stop(self, grace: float) -> None:
        """Begin nothing any more; give what runs *grace* seconds, then end it where it stands, as interrupted."""
        self._gate.stop()
        self._wire.stop(grace)

    def close(self) -> None:
        """End everything and close every connection."""
        self._gate.stop()
        self._wire.close()
        self._session.close()

    def _checked(self, hop: "_Hop") -> Url | Exchange:
        """Return where *hop* leads, or the failed exchange that says why nobody goes there."""
        try:
            url = Url.parse(hop.url) if hop.base is None else join(hop.base, hop.url)
        except FormatError as malformed:
            return self._failed(written(hop.url), Reason.MALFORMED_URL, str(malformed))
        if url.scheme in _SCHEMES and not url.port:
            return self._failed(url.href, Reason.MALFORMED_URL, f"{url.href[:200]!r} names port 0, which no server has")
        if url.scheme not in _SCHEMES:
            shown = url.href[:200]
            led = f"{hop.base.href} redirects to {shown!r}: " if hop.base else ""
            detail = f"{led}only http and https are captured, not {url.scheme}"
            return self._failed(url.href, Reason.BLOCKED_SCHEME, detail)
        return url

    def _endless(self, url: Url, chain: list[str], *, loop: bool) -> Exchange:
        shown = " -> ".join(each[:200] for each in chain)
        what = "the redirects go round in a loop" if loop else f"more than {len(chain) - 2} redirects"
        failed = self._failed(url.href, Reason.LIMIT_RESOURCES, f"{what}: {shown}")
        return replace(failed, rule="max-redirects")

    def _tries(self, url: Url, wanted: Wanted) -> Iterator[Exchange]:
        """Yield the attempts at one URL: once more on a fresh connection, and again where the server says later."""
        terms = Terms(max(min(wanted.cap, self._rules.limits.max_resource_bytes), 0), wanted.until)
        retries = 0
        for number in itertools.count(1):
            exchange = replace(self._once(url, wanted, terms), try_number=number)
            yield exchange
            if terms.reuse and _unanswered(exchange):
                terms = replace(terms, reuse=False)
                continue
            wait = self._wait(exchange, retries)
            if wait is None or self._monotonic() + wait >= wanted.until:
                return
            retries += 1
            self._gate.pause(wait)

    def _wait(self, exchange: Exchange, retries: int) -> float | None:
        """Return the seconds after which to ask again, None where nothing asks for it (RFC 9110 10.2.3)."""
        if exchange.status not in _RETRIED or exchange.truncated or retries >= _RETRIES:
            return None
        wait = _retry_after(exchange.field_value("Retry-After"), self._now())
        if wait is None:
            wait = _BACKOFF * 2**retries
        return wait if wait <= _LONGEST_WAIT else None

    def _once(self, url: Url, wanted: Wanted, terms: Terms) -> Exchange:
        started = self._now()
        try:
            with self._gate.turn(url.host, wanted.until):
                request = self._request(url, wanted)
                exchange = self._session.carried(request, terms) if wanted.page else self._wire.exchange(request, terms)
        except FormatError as malformed:
            return replace(self._failed(url.href, Reason.MALFORMED_URL, str(malformed)), started=started)
        except FetchError as failure:
            failed = self._failed(url.href, Reason(failure.reason), failure.detail)
            return replace(failed, started=started, rule="max-resource-time" * (failure.reason == Reason.TIMEOUT))
        # A peer that nobody vouches for sets no cookie that a verified one would be sent.
        if exchange.connection and exchange.connection.tls in {"ok", "none"}:
            self._cookies.take(url.href, exchange.fields)
        return located(exchange, url)

    def _request(self, url: Url, wanted: Wanted) -> Request:
        fields = [
            ("Host", url.authority),
            ("User-Agent", self._rules.user_agent or USER_AGENT),
            ("Accept", wanted.accept),
            ("Accept-Encoding", coding.ACCEPTED),
            ("Connection", "keep-alive"),
        ]
        if referer := _referer(wanted.referer, url):
            fields.append(("Referer", referer))
        if cookie := self._cookies.field(url.href):
            fields.append(("Cookie", cookie))
        return Request(url.href, Place(url.scheme, url.host, url.port), url.target, tuple(fields))

    def _failed(self, url: str, reason: Reason, detail: str) -> Exchange:
        return Exchange(url=url, method="GET", started=self._now(), reason=reason, detail=detail, connection=None)


@dataclass(frozen=True, slots=True)
class _Hop:
    url: str
    referer: str
    base: Url | None = None


def _unanswered(exchange: Exchange) -> bool:
    """Say whether the peer closed without a word: a stale connection, or an early close (RFC 9112 9.3.1)."""
    nothing = exchange.response is None and not exchange.raw and not exchange.interim
    return nothing and exchange.reason is Reason.TRUNCATED_DISCONNECT


def _referer(referer: str, url: Url) -> str:
    """Return the value of Referer: all of it for the same origin, the origin for another, nothing after a downgrade.

    Referrer Policy, "strict-origin-when-cross-origin", which is what browsers do unasked.
    """
    try:
        source = Url.parse(referer) if referer else None
    except FormatError:
        return ""
    if source is None or source.scheme not in _SCHEMES or (source.scheme == "https" and url.scheme == "http"):
        return ""
    if (source.scheme, source.authority) == (url.scheme, url.authority):
        return source.href
    return f"{source.scheme}://{source.authority}/"


def _retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that Retry-After asks for (RFC 9110 10.2.3: seconds or a date); None where it does not."""
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max((at - now).total_seconds(), 0.0)


class _Adapter(requests.adapters.BaseAdapter):
    """The transport of requests, over our wire; what bounds an exchange comes where requests has its timeout."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def send(self, request: requests.PreparedRequest, *_args: Any, **options: Any) -> requests.Response:
        """Carry *request* and return its answer without the body; the exchange is ``response.exchange``."""
        asked: _Prepared = request  # type: ignore[assignment]
        exchange = self._wire.exchange(replace(asked.asked, fields=tuple(request.headers.items())), options["timeout"])
        response: Any = requests.Response()
        response.status_code = exchange.status or 0
        response.headers.update(_joined(exchange.fields))
        response.url = exchange.url
        response.request = request
        # The body stays in the exchange's spool: whoever wants it decoded takes it through message.entity, capped.
        response.raw = urllib3.HTTPResponse(b"", status=exchange.status or 0, preload_content=False)
        response.exchange = exchange
        return response  # type: ignore[no-any-return]

    def close(self) -> None:
        """Nothing is held here."""


class _Prepared(requests.PreparedRequest):
    """A request of requests that was not rewritten on its way: URL, field order and target are ours."""

    def __init__(self, asked: Request) -> None:
        super().__init__()
        self.asked = asked
        self.method = "GET"
        self.url = asked.url
        self.headers = requests.structures.CaseInsensitiveDict(asked.fields)


class _Session(requests.Session):
    """A session that asks nothing of the environment, keeps no cookies, and follows nothing."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()
        for scheme in _SCHEMES:
            self.mount(f"{scheme}://", _Adapter(wire))

    def carried(self, request: Request, terms: Terms) -> Exchange:
        """Return the exchange of *request*."""
        response: Any = self.send(_Prepared(request), timeout=terms, stream=True, allow_redirects=False)  # type: ignore[arg-type]
        exchange: Exchange = response.exchange
        return exchange

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Name no target: requests would read the body of a redirect, and decode it, even where it follows none."""
        del resp


def _joined(fields: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
