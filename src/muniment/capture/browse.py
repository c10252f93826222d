"""One visit of the seed in a real browser: every exchange recorded as it crossed, the page as it looked, the reckoning.

What the browser does is told by its own account, what crossed the wire by the decoder; neither is taken for the other.
"""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from muniment import canonical, extract
from muniment.capture import reckoning
from muniment.capture.admission import Admission
from muniment.capture.appraisal import PAGE_TYPES, appraised, media, read, readable
from muniment.capture.crawl import follow
from muniment.capture.frontier import Want
from muniment.capture.hearing import Hearing
from muniment.capture.judge import Judge
from muniment.capture.likeness import Likeness, plain
from muniment.capture.recorder import Fact, Recorder
from muniment.capture.verdict import Sight, leads_nowhere
from muniment.errors import FetchError, FormatError
from muniment.extract import article, media_facts, obstacle
from muniment.fetch.browser import consent
from muniment.fetch.browser.account import taken
from muniment.fetch.browser.artefacts import Studio
from muniment.fetch.browser.behaviours import behave
from muniment.fetch.browser.find import Candidate
from muniment.fetch.browser.flags import Settings, Window
from muniment.fetch.browser.hand import Acted, Hand, act
from muniment.fetch.browser.ledger import Asked
from muniment.fetch.browser.page import Opened, Page
from muniment.fetch.browser.refusal import refusals
from muniment.fetch.browser.visit import Equipment, Visit
from muniment.fetch.cookies import Cookies
from muniment.fetch.decoding.exchanges import Interpreter
from muniment.fetch.decoding.telling import Heard
from muniment.fetch.passage import Route
from muniment.fetch.tunnel import Refusal
from muniment.message.head import parse_request
from muniment.model import Exchange, Reason, Role, Truncation

__all__ = ["Browse", "Means"]

_ROUNDS: Final = 6
"""How often the browser is started anew with keys that it refused and the rules let in."""
_LOOKED_INTO: Final = 200
"""Styles and embedded documents that are looked into for what they name."""
_LEFT: Final = "it had not ended when the page was left; what came is kept"
_STREAMS: Final = ("text/event-stream", "multipart/x-mixed-replace")


@dataclass(frozen=True, slots=True)
class Means:
    """With what a page is visited: the program, the way that it takes, authorities besides the browser's own.

    The browser is given *cookies*, and adds to them. *hand* is asked to act in the page where a human wants to.
    """

    program: Candidate
    route: Route
    roots: tuple[str, ...]
    cookies: Cookies
    hand: Hand | None = None


@dataclass(slots=True)
class _Round:
    """One start of the browser: its page, what the browser asked for, which connections were not made."""

    page: Page | None = None
    refused: list[Refusal] = field(default_factory=list)
    lines: tuple[Asked, ...] = ()
    left_out: int = 0

    def asked(self) -> tuple[Asked, ...]:
        """Return what the browser told of until now."""
        return self.page.ledger.all() if self.page is not None else self.lines

    @property
    def main(self) -> str:
        """The frame of the page itself."""
        return self.page.sessions.target if self.page is not None else ""


class Browse:
    """Visits one seed and hands everything to *recorder*; *said* is told of every exchange.

    After :meth:`run`, ``known`` are the URLs that were got whole, ``wanted`` what the page rests on and was not,
    ``asked`` and ``recorded`` count what the browser put on the wire and what of it was recorded, ``facts`` say which
    browser ran and how, ``endless`` are the ids of answers without an end that were cut when the page was left, and
    ``failure`` why the visit did not come to its end (None where it did).
    """

    def __init__(self, means: Means, recorder: Recorder, said: Callable[[Exchange, Role], None]) -> None:
        self.known: set[str] = set()
        self.wanted: list[Want] = []
        self.asked = self.recorded = 0
        self.failure: FetchError | None = None
        self.facts: dict[str, Any] = {}
        self._means = means
        self._recorder = recorder
        self._said = said
        self._rules = means.route.rules
        self._now = means.route.around.now
        self._lock = threading.Lock()
        self.judge = Judge(recorder, said, self._now)
        self._round = _Round()
        self._crossed: Counter[reckoning.Key] = Counter()
        self._late: list[Exchange] = []
        self._documents: dict[str, str] = {}
        self._redirected: dict[str, str] = {}
        self._article = ""
        self._answer: Exchange | None = None
        self._parts: dict[str, Want] = {}
        self._looked_into = 0
        self._leaving = self._lacks = False
        self._opened: Opened | None = None
        self._acted: Acted | None = None
        self.endless: set[str] = set()
        # What opens an account is for the site alone, so nobody is let in whom nothing vouches for.
        self._admission = Admission(means.roots, "strict" if self._rules.entrusted else self._rules.tls)
        self._interpreter = Interpreter(Path(), self._admission.judge)

    def run(self, seed: str) -> None:
        """Visit *seed*; returns when all is handed over. Raises StoreError where the disk refuses."""
        rounds: list[_Round] = []
        while True:
            self._round, self.wanted, self._parts, self._lacks = _Round(), [], {}, False
            rounds.append(self._round)
            again = False
            try:
                again = self._visit(seed, last=len(rounds) == _ROUNDS)
            except FetchError as failure:
                self.failure = failure
            self._settle(everything=True)
            found = self._reckon(self._round, again=again)
            if not again:
                break
        if not self._article and self._opened is not None and self._opened.reason is not Reason.OK:
            self._attempt(seed, self._opened.reason, self._opened.detail, Role.ARTICLE)
        self._state(seed, self._article, reckoning.encode(found))
        self.asked, self.recorded = found.asked, found.matched
        # What the page took in part only, such as a video that it began to play, is to be had whole.
        self.wanted += [want for url, want in self._parts.items() if url not in self.known]
        if self.failure is not None:
            detail = f"the visit ended early: {self.failure.detail}"
            self._attempt(seed, Reason(self.failure.reason), detail, Role.OTHER)

    @property
    def sight(self) -> Sight:
        """What the browser saw of the page, in the end."""
        if not self.facts:
            return Sight.NOTHING
        return Sight.LACKING if self._lacks or self.failure is not None else Sight.ALL

    def _visit(self, seed: str, *, last: bool) -> bool:
        """Start a browser, open *seed*, look at all of it; say whether to do it again with more keys let in."""
        means, now = self._means, self._round
        self._interpreter = Interpreter(means.route.bodies, self._admission.judge)
        hearing = Hearing(self._interpreter, means.route.spools, self._recorder, self._said, self._heard)
        settings = Settings(
            user_agent=self._rules.user_agent,
            allowed_keys=tuple(self._admission.keys),
            http1=self._rules.wire == "http1",
            profile=self._rules.profile,
            window=means.hand.window if means.hand else Window.HIDDEN,
        )
        try:
            equipment = Equipment(means.program, means.route, means.cookies.all())
            with Visit(equipment, settings, hearing, now.refused.append) as visit:
                now.page = visit.page
                self._settle()
                opened = visit.page.open(seed)
                self._settle()
                for look in (self._deeds, self._likeness):
                    if not last and not self._acted and self._admission.widen(visit, opened, self._interpreter):
                        return True
                    look(visit, opened)
        finally:
            self._leaving = False
            if now.page is not None:
                now.lines, now.left_out = now.page.ledger.all(), now.page.ledger.left_out
        return False

    def _deeds(self, visit: Visit, opened: Opened) -> None:
        """Do with the page what a patient reader does."""
        said: dict[str, Any] = {"v": 1, "type": "visit", "opened": plain(asdict(replace(opened, refusal=None)))}
        said["browser"] = self.facts = self._told_of(visit)
        if opened.reason is Reason.OK:
            if self._means.hand is not None:
                self._acted = act(visit.page, self._means.hand, self._now)
                said["by_hand"] = plain(asdict(self._acted))
            wall = consent.find(visit.page)
            if wall is not None:
                self._likeness_of(visit).screenshots(self._article, "Before")
                answered = consent.answer(visit.page, wall, consent.Choice(self._rules.consent))
                said["consent"] = plain(asdict(answered))
                if not answered.gone:
                    pressed = f"{answered.pressed!r} was pressed" if answered.pressed else "nothing was pressed"
                    detail = f"a wall that asks for consent stands before the page ({pressed}): {wall.text[:300]}"
                    self._attempt(visit.page.address(), Reason.CONSENT, detail, Role.OTHER)
            deeds = behave(visit.page)
            said["deeds"] = [plain(asdict(each)) for each in deeds]
            self._settle()
            for each in deeds:
                if not each.complete and each.behaviour != "play":  # what does not play is judged by what was received
                    detail = f"not all of the page was looked at: {each.behaviour}: {each.outcome}"
                    self._attempt(each.where, Reason.LIMIT_TIME, detail, Role.OTHER)
        self._opened = opened
        self._state(opened.address or opened.url, self._article, said)

    def _likeness(self, visit: Visit, opened: Opened) -> None:
        """Keep how the page looks now; it is left after that."""
        if opened.reason is Reason.OK:
            self._artefacts(self._likeness_of(visit))
        if all(word == "ok" for word in self._admission.keys.values()):
            # A peer that nobody vouches for sets no cookie that a verified one would be sent.
            self._means.cookies.bring(taken(visit.browser.devtools))
        self._leaving = True

    def _likeness_of(self, visit: Visit) -> Likeness:
        studio = Studio(visit.browser, visit.page, self._now)
        return Likeness(studio, self._recorder, self._means.route.folder, self._state, self._lacking)

    def _told_of(self, visit: Visit) -> dict[str, Any]:
        facts = asdict(visit.browser.facts)
        return {
            **{name: facts[name] for name in ("program", "product", "revision", "user_agent", "sandboxed")},
            "settings": plain(
                {name: value for name, value in facts["settings"].items() if name not in {"proxy", "profile"}}
            ),
            "flags": [each["text"] for each in facts["flags"] if not _is_private(each["text"])],
            "key_log": visit.key_log,
            "allowed_keys": dict(self._admission.keys),
        }

    def _artefacts(self, likeness: Likeness) -> None:
        likeness.screenshots(self._article, "")
        shown = likeness.papers(self._article)
        made = likeness.dom(self._article)
        if made is not None:
            self._read(*made, shown)

    def _read(self, url: str, dom: bytes, shown: str | None) -> None:
        """Derive what the page says and rests on from the document as it was rendered."""
        found = extract.links("text/html", dom, url, "utf-8", self._remaining)
        about = self._article
        if not about:
            return
        self._state(url, about, {**extract.encode(found), "rendered": True})
        want = Want(url, Role.ARTICLE, "", "", page=True)
        self.wanted += [
            each for each in follow(found, about, url, want, self._rules.cited) if each.url not in self.known
        ]
        told = article.from_html(dom, url, charset="utf-8", remaining=self._remaining)
        self._state(url, about, {**article.encode(told), "rendered": True})
        answer, opened = self._answer, self._opened
        if answer is not None and opened is not None and readable(answer, Role.ARTICLE) in PAGE_TYPES:
            received = obstacle.Received(opened.url, url, answer.status, answer.fields, shown)
            self.judge.tell(self.judge.judge(dom, "utf-8", received, about), Role.ARTICLE)

    def _heard(self, told: Heard, exchange: Exchange) -> None:
        with self._lock:
            self._crossed[reckoning.key(told.method, told.url)] += 1
            self._late.append(self._left(exchange))
        self._settle()

    def _left(self, exchange: Exchange) -> Exchange:
        """Return *exchange*; where it was still under way when the page was left, it says so."""
        if not self._leaving or exchange.truncated is None or exchange.rule:
            return exchange
        return replace(exchange, reason=Reason.TRUNCATED_TIME, truncated=Truncation.TIME, detail=_LEFT)

    def _settle(self, *, everything: bool = False) -> None:
        """Record what came, as soon as the browser has told what it was asked for; *everything* at the end."""
        with self._lock:
            if not self._late:
                return
            roles = reckoning.Roles(self._round.asked(), self._round.main)
            waiting, self._late = self._late, []
            for each in waiting:
                asked = roles.asked(each.method, each.url)
                if asked is None and not everything and each.method == "GET":
                    self._late.append(each)
                else:
                    self._record(each, asked, roles)

    def _record(self, exchange: Exchange, asked: Asked | None, roles: reckoning.Roles) -> None:
        destination = _destination(exchange.request)
        media_type = exchange.field_value("content-type").partition(";")[0].strip().lower()
        role = roles.of(asked, destination, media_type)
        exchange = appraised(exchange, role)
        parent = self._redirected.pop(exchange.url, "") or self._documents.get(asked.document if asked else "", "")
        document = role in {Role.ARTICLE, Role.EMBED}
        if exchange.reason is Reason.REDIRECT:
            role = Role.REDIRECT
        shown, found = media(exchange, role, self._remaining), self._named(exchange, role)
        self._said(exchange, role)
        record_id = self._recorder.take(exchange, role, parent)
        if shown is not None:
            self._state(exchange.url, record_id, media_facts.encode(shown))
        if found is not None:
            self._state(exchange.url, record_id, extract.encode(found))
            want = Want(exchange.url, role, "", "", embedded=True)
            self.wanted += follow(found, record_id, exchange.url, want, 0)
        if role is Role.REDIRECT:
            self._redirected[exchange.location] = record_id
        elif document and exchange.response is not None:
            self._documents[exchange.url] = record_id
            if role is Role.ARTICLE:
                self._article, self._answer = record_id, exchange
        self._judge(exchange, role, record_id, asked)

    def _judge(self, exchange: Exchange, role: Role, record_id: str, asked: Asked | None) -> None:
        """Say of an answer whether the page lacked it, whether it is to be had whole, or has no end at all."""
        # Only of what calls itself a stream can it be said that it has no end; anything else was merely slow.
        if exchange.truncated is Truncation.TIME and exchange.field_value("content-type").lower().startswith(_STREAMS):
            self.endless.add(record_id)
            return
        self._lacks |= not leads_nowhere(role, exchange.reason, exchange.status)
        if exchange.response is not None and exchange.truncated is None and exchange.status != 206:
            self.known.add(exchange.url)
        elif exchange.method == "GET" and (exchange.status == 206 or exchange.field_value("content-length")):
            referer = asked.document if asked else ""
            self._parts.setdefault(exchange.url, Want(exchange.url, role, self._article, referer))

    def _named(self, exchange: Exchange, role: Role) -> extract.Found | None:
        """Return what a style or an embedded document names; the page itself is read as it was rendered."""
        kind = readable(exchange, role)
        if not kind or role not in {Role.STYLE, Role.EMBED} or self._looked_into >= _LOOKED_INTO:
            return None
        self._looked_into += 1
        body = read(exchange, kind)
        return extract.links(body.kind, body.content, exchange.url, body.charset, self._remaining)

    def _remaining(self) -> float:
        return self._means.route.ends - self._means.route.around.monotonic()

    def _reckon(self, now: _Round, *, again: bool) -> reckoning.Reckoning:
        """Hold both accounts of this round against each other, and hand over what is missing as failed attempts."""
        found = reckoning.reckon(now.lines, self._crossed, now.refused, now.left_out)
        self._crossed.clear()
        self._lacks |= bool(found.left_out)
        roles = reckoning.Roles(now.lines, now.main)
        for each in found.missing:
            role = roles.of(each.asked, "", "")
            refused = next(iter(refusals([each.asked])), None)
            made = self._interpreter.at(refused.host, refused.port) if refused else None
            if again and (made is None or made.tls == "ok"):
                continue  # the page is opened anew, where it is asked for again
            self._lacks |= not leads_nowhere(role, each.reason, None)
            attempt = Exchange(each.asked.url, each.asked.method, each.asked.at, each.reason, each.detail, made)
            self._said(attempt, role)
            record_id = self._recorder.take(attempt, role, self._documents.get(each.asked.document, ""))
            if role is Role.ARTICLE:
                self._article = self._article or record_id
            if refused and each.asked.method == "GET" and self._rules.tls == "record":
                self.wanted.append(
                    Want(each.asked.url, role, self._article, each.asked.document, page=role is Role.EMBED)
                )
        return found

    def _lacking(self, failure: FetchError, what: str) -> None:
        page = self._round.page
        with suppress(FetchError):
            url = page.address() if page is not None else ""
            self._attempt(url, Reason(failure.reason), f"no {what} of the page: {failure.detail}", Role.OTHER)

    def _attempt(self, url: str, reason: Reason, detail: str, role: Role) -> None:
        attempt = Exchange(url, "GET", self._now(), reason, detail, None)
        self._said(attempt, role)
        record_id = self._recorder.take(attempt, role, self._article)
        if role is Role.ARTICLE:
            self._article = record_id

    def _state(self, url: str, about: str, said: dict[str, Any]) -> None:
        if about:
            self._recorder.state(Fact(url, about, canonical.encode(said), self._now()))


def _destination(request: bytes) -> str:
    """Return what the request says of itself as the browser's (Fetch Metadata, Sec-Fetch-Dest)."""
    try:
        return next(iter(parse_request(request[: request.find(b"\r\n\r\n") + 4]).values("Sec-Fetch-Dest")), "").lower()
    except FormatError:
        return ""


def _is_private(flag: str) -> bool:
    """Whether a flag holds paths of this machine, which say nothing to anybody."""
    return flag.startswith(("--user-data-dir=", "--disk-cache-dir=", "--ssl-key-log-file=", "--proxy-server="))
