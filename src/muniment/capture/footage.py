"""The films that a page plays, each whole and as one file, with the traffic that it came from.

A film in pieces (HLS, DASH), or one that only its site's own player finds, is asked for by yt-dlp. What that fetches is
recorded as any exchange is; what ffmpeg makes of it is a conversion that says what it was made from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from muniment import canonical, scratch
from muniment.capture.appraisal import appraised, media
from muniment.capture.hearing import Hearing
from muniment.capture.recorder import Fact, Recorder, Resource
from muniment.digest import Digester
from muniment.errors import FetchError
from muniment.extract import article, film, inspection, media_facts
from muniment.extract.lying import Lying
from muniment.fetch.decoding.exchanges import Interpreter
from muniment.fetch.decoding.telling import Heard
from muniment.fetch.decoding.vouching import Roots
from muniment.fetch.media.download import TOOL, Downloaded, Film, Terms, Wish, download, suited
from muniment.fetch.media.mux import mux
from muniment.fetch.passage import Passage, Route
from muniment.fetch.tunnel import Refusal
from muniment.model import Exchange, Kind, Reason, Record, Role

__all__ = ["Footage", "candidates"]

_PLAYLISTS: Final = frozenset(
    {"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl",
     "video/x-mpegurl", "video/mpegurl", "application/dash+xml"}
)  # fmt: skip
_PLAYLIST_NAMES: Final = (".m3u8", ".mpd")
_WISHES: Final = 30
_LISTED: Final = 20_000
_PIECE: Final = 1 << 20
_TIME_TO_MUX: Final = 30.0
"""Seconds in which parts that came in time are put together, also after the time of the capture."""
_TIME_TO_LOOK: Final = 30.0
"""Seconds in which what was put together is looked into, likewise."""
_ENDED: Final = frozenset({Reason.LIMIT_TIME, Reason.INTERRUPTED})
# Only where it says so in so many words: "no video formats found" is what yt-dlp says of a site that it understands no
# more, and then there may well be a film.
_NOTHING: Final = ("no video could be found in this", "there is no video in this", "no media found in this")
_LOGIN: Final = ("log in", "login", "sign in", "private video", "account", "cookies")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may lead to films: its URL and record, the page that plays it (or empty), whether it is a playlist."""

    url: str
    record_id: str
    referer: str
    playlist: bool


@dataclass(frozen=True, slots=True)
class _Got:
    """One exchange of yt-dlp's, as it was recorded."""

    url: str
    record_id: str
    reason: Reason
    status: int | None
    size: int


def candidates(lines: Sequence[Record]) -> tuple[list[Candidate], list[Candidate]]:
    """Return from the *lines* of a capture the pages that a site's own player may be on, and the playlists seen.

    Both in the order in which they were asked for: a playlist that names others comes before those.
    """
    by_id = {line.record_id: line for line in lines}
    pages: dict[str, Candidate] = {}
    playlists: dict[str, Candidate] = {}
    for line in lines:
        if line.kind not in {Kind.RESPONSE, Kind.ATTEMPT}:
            continue
        parent = by_id.get(line.parent)
        playlist = line.kind is Kind.RESPONSE and _is_playlist(line)
        found = Candidate(line.url, line.record_id, parent.url if parent else "", playlist)
        if playlist:
            playlists.setdefault(line.url, found)
        elif line.role in {Role.ARTICLE, Role.EMBED} or (line.role is Role.VIDEO and line.media_type == "text/html"):
            pages.setdefault(line.url, found)
    return list(pages.values()), list(playlists.values())


def _is_playlist(line: Record) -> bool:
    named = line.url.partition("?")[0].lower().endswith(_PLAYLIST_NAMES)
    return line.outcome is Reason.OK and line.size > 0 and (line.media_type in _PLAYLISTS or named)


class Footage:
    """Gets the films of one capture and hands everything to *recorder*; *said* is told of every exchange.

    *route* is the way to the network, below whose folder everything is kept while it is made. After :meth:`run`
    ``asked`` and ``recorded`` count the requests that were made, and those that were answered, and ``interrupted`` says
    whether a film was not got because the capture was to end.
    """

    def __init__(
        self,
        route: Route,
        terms: Terms,
        recorder: Recorder,
        said: Callable[[Exchange, Role], None],
    ) -> None:
        self.asked = self.recorded = 0
        self.interrupted = False
        self._route = route
        self._terms = terms
        self._recorder = recorder
        self._said = said

    def run(self, lines: Sequence[Record]) -> None:
        """Get the films that *lines* lead to; what was not got becomes a failed attempt. Raises StoreError."""
        pages, playlists = candidates(lines)
        if not pages and not playlists:
            return
        scratch.clear(self._route.folder)
        scratch.folder(self._route.folder)
        try:
            self._get_all([*self._suited(pages), *playlists])
        finally:
            scratch.clear(self._route.folder)

    def _suited(self, pages: list[Candidate]) -> list[Candidate]:
        barred = self._barred(0)
        if pages and barred is not None:
            self._fail(pages[0], *barred)
            return []
        try:
            known = suited(tuple(each.url for each in pages), self._route.folder, self._route.stopped)
        except FetchError as failure:
            for each in pages[:1]:
                self._fail(each, Reason(failure.reason), failure.detail)
            return []
        return [each for each in pages if each.url in known]

    def _get_all(self, wanted: list[Candidate]) -> None:
        seen: set[str] = set()
        tried = 0
        for each in wanted:
            if each.url in seen:
                continue
            if (barred := self._barred(tried)) is not None:
                self._fail(each, *barred)
                continue
            tried += 1
            errand = _Errand(each, self._route, self._terms, self._recorder, self._said)
            came = errand.run()
            seen |= errand.seen
            self.asked += len(errand.got)
            self.recorded += sum(each.status is not None for each in errand.got)
            if came.failure:
                self._fail(each, *_judged(each, came, errand.got))
            elif came.films and (lost := errand.lost()):
                detail = (
                    f"of what was asked for with the film, {len(lost)} answers did not come whole; the rest was kept"
                )
                self._fail(each, _why(lost), detail)

    def _barred(self, tried: int) -> tuple[Reason, str] | None:
        """Return why nothing more is asked for, None where it is."""
        route, not_asked = self._route, "no film was asked for:"
        if route.stopped():
            return Reason.INTERRUPTED, f"{not_asked} the capture was interrupted"
        if route.around.monotonic() >= route.ends:
            return Reason.LIMIT_TIME, f"{not_asked} the limit max-time was reached"
        if route.allowance is not None and route.allowance.spent:
            return Reason.LIMIT_BYTES, f"{not_asked} the limit max-bytes was reached"
        if tried >= _WISHES:
            return Reason.LIMIT_RESOURCES, f"{not_asked} yt-dlp was called {_WISHES} times, and no more for one page"
        return None

    def _fail(self, wanted: Candidate, reason: Reason, detail: str) -> None:
        self.interrupted |= reason is Reason.INTERRUPTED and self._route.stopped()
        attempt = Exchange(wanted.url, "GET", self._route.around.now(), reason, detail, None)
        self._said(attempt, Role.VIDEO)
        self._recorder.take(attempt, Role.VIDEO, wanted.record_id)


class _Errand:
    """One call of yt-dlp: ``got`` is what it exchanged, ``seen`` every URL that it asked for or was told of."""

    def __init__(
        self,
        wanted: Candidate,
        route: Route,
        terms: Terms,
        recorder: Recorder,
        said: Callable[[Exchange, Role], None],
    ) -> None:
        self.got: list[_Got] = []
        self.seen: set[str] = {wanted.url}
        self._wanted = wanted
        self._folder = route.folder / "films"
        self._route = replace(route, folder=route.folder / "passage")
        self._recorder = recorder
        self._said = said
        self._terms = terms
        roots = Roots(terms.authorities)
        self._interpreter = Interpreter(self._route.bodies, lambda peer, host, at: roots.judge(peer.chain, host, at))
        self._refused: list[Refusal] = []

    def run(self) -> Downloaded:
        """Run it, record what crossed, keep the films that it made."""
        scratch.clear(self._folder)
        scratch.folder(self._folder)
        hearing = Hearing(self._interpreter, self._route.spools, self._recorder, self._said, self._heard)
        try:
            with Passage(self._route, hearing, self._refused.append) as passage:
                wish = Wish(self._wanted.url, self._wanted.referer)
                came = download(wish, self._terms, passage, self._route, self._folder)
        except FetchError as failure:
            came = Downloaded((), (), Reason(failure.reason), failure.detail)
        for refused in self._refused:
            if came.reason not in _ENDED:  # then yt-dlp was not to go on, and that is said of the film
                self._refuse(refused)
        for made in came.films:
            self._keep(made, came)
        return came

    def lost(self) -> list[_Got]:
        """Return what was asked for and did not come whole, not even later: of each URL the last answer."""
        good = {each.url for each in self.got if each.reason in {Reason.OK, Reason.REDIRECT}}
        return list({each.url: each for each in self.got if each.url not in good}.values())

    def _heard(self, _: Heard, exchange: Exchange) -> None:
        media_type = exchange.field_value("content-type").partition(";")[0].strip().lower()
        role = _role(exchange.url, media_type)
        exchange = appraised(exchange, role)
        if exchange.reason is Reason.REDIRECT:
            role = Role.REDIRECT
        status, size = exchange.status, exchange.response_size - exchange.head_size
        shown = media(exchange, role, lambda: self._route.ends - self._route.around.monotonic())
        self._said(exchange, role)
        record_id = self._recorder.take(exchange, role, self._wanted.record_id)
        if shown is not None:
            said = canonical.encode(media_facts.encode(shown))
            self._recorder.state(Fact(exchange.url, record_id, said, self._route.around.now()))
        self.got.append(_Got(exchange.url, record_id, exchange.reason, status, size))
        self.seen.add(exchange.url)

    def _refuse(self, refused: Refusal) -> None:
        host = f"[{refused.host}]" if ":" in refused.host else refused.host
        url = f"{'http' if refused.port == 80 else 'https'}://{host}:{refused.port}/"
        detail = f"yt-dlp was not connected: {refused.detail}"
        attempt = Exchange(url, "GET", refused.at, refused.reason, detail, None)
        self._said(attempt, Role.VIDEO)
        self._recorder.take(attempt, Role.VIDEO, self._wanted.record_id)

    def _keep(self, made: Film, came: Downloaded) -> None:
        """Record what yt-dlp says of a film, and the film itself unless one answer holds all of it already."""
        about = made.details
        self.seen.update(_named(about))
        source = next((each for each in self.got if each.url in _named(about)), self.got[0] if self.got else None)
        parent = source.record_id if source else self._wanted.record_id
        url = source.url if source else self._wanted.url
        now = self._route.around.now
        details_id = ""
        if made.info is not None:
            said = made.info.open("rb")
            kept = Resource(f"urn:details:{url}", Role.OTHER, "application/json", said, now(), parent)
            details_id = self._recorder.keep(kept)
        record_id = next((each.record_id for each in self.got if _is_all_of(made, each)), "")
        if not record_id:
            record_id = self._convert(made, came, url, parent, details_id)
        told = article.encode(film.from_details(about, url)) | {"extractor": film.EXTRACTOR}
        self._recorder.state(Fact(url, record_id, canonical.encode(told), now()))

    def _convert(self, made: Film, came: Downloaded, url: str, parent: str, details_id: str) -> str:
        """Keep the parts of a film as one file, or where that cannot be made, each by itself; return the first's id."""
        route = self._route
        said: dict[str, Any] = {"v": 1, "type": "conversion", "tool": TOOL, "arguments": list(came.arguments)}
        said |= {"details": details_id, "made_from": self._made_from()}
        said["missing"] = [
            {"url": each.url, "record_id": each.record_id, "reason": each.reason.value}
            for each in self.lost()[:_LISTED]
        ]
        said["parts"] = [_described(each) for each in made.parts]
        try:
            seconds = max(_TIME_TO_MUX, route.ends - route.around.monotonic())
            whole = mux(made.parts, self._folder, seconds, route.stopped)
            said |= {"muxer": whole.tool, "muxer_arguments": list(whole.arguments)}
            files = [(whole.path, whole.media_type)]
        except FetchError as failure:
            said["not_muxed"] = failure.detail
            files = [(each, "application/octet-stream") for each in made.parts]
        ids = [self._keep_file(path, media_type, url, parent) for path, media_type in files]
        for each in ids:
            self._recorder.state(Fact(url, each, canonical.encode(said), route.around.now()))
        return ids[0]

    def _keep_file(self, path: Path, media_type: str, url: str, source: str) -> str:
        ends = max(self._route.ends, self._route.around.monotonic() + _TIME_TO_LOOK)
        with path.open("rb") as file:
            shown = media_facts.looked_into(file.read(media_facts.LOOKED_INTO), media_type)
            whole = Lying(file.fileno(), 0, path.stat().st_size)
            shown = inspection.inspected(shown, whole, lambda: ends - self._route.around.monotonic())
        kept = scratch.taken(path)
        role = Role.AUDIO if shown.sniffed.startswith("audio/") else Role.VIDEO
        media_type = shown.sniffed if media_type == "application/octet-stream" else media_type
        now = self._route.around.now
        record_id = self._recorder.keep(Resource(f"urn:film:{url}", role, media_type, kept, now(), source, source))
        self._recorder.state(Fact(url, record_id, canonical.encode(media_facts.encode(shown)), now()))
        return record_id

    def _made_from(self) -> list[dict[str, Any]]:
        """Return the answers that yt-dlp got, in their order: playlists, keys, pieces, and what led to them."""
        answered = [each for each in self.got if each.status is not None]
        return [{"url": each.url, "record_id": each.record_id, "size": each.size} for each in answered[:_LISTED]]


def _role(url: str, media_type: str) -> Role:
    kind = media_type.partition("/")[0]
    if media_type in _PLAYLISTS or url.partition("?")[0].lower().endswith(_PLAYLIST_NAMES):
        return Role.VIDEO
    if media_type == "text/vtt":
        return Role.TEXT
    return {"video": Role.VIDEO, "audio": Role.AUDIO, "image": Role.IMAGE}.get(kind, Role.OTHER)


def _named(details: Mapping[str, Any]) -> set[str]:
    """Return the URLs of a film and of its other forms, by what yt-dlp says of it."""
    listed = details.get("formats")
    forms = [details, *(listed if isinstance(listed, list) else [])]
    found = [each.get(name) for each in forms if isinstance(each, dict) for name in ("url", "manifest_url")]
    return {each for each in found if isinstance(each, str)}


def _is_all_of(made: Film, got: _Got) -> bool:
    """Whether one answer holds the film as it is, which then needs no file besides."""
    return (
        len(made.parts) == 1
        and got.reason is Reason.OK
        and got.status == 200
        and got.url == made.details.get("url")
        and got.size == made.parts[0].stat().st_size
    )


def _described(part: Path) -> dict[str, Any]:
    with part.open("rb") as file:
        digester = Digester()
        while piece := file.read(_PIECE):
            digester.update(piece)
    return {"digest": str(digester.digest()), "size": digester.size}


def _judged(wanted: Candidate, came: Downloaded, got: list[_Got]) -> tuple[Reason, str]:
    """Return why a film was not got: what its site answered says more than that yt-dlp gave up.

    A post may have no film, which is no failure; a playlist without one is.
    """
    if came.reason is not Reason.EMPTY:
        return came.reason, came.failure
    words = came.failure.lower()
    if not wanted.playlist and any(each in words for each in _NOTHING):
        return Reason.EMPTY, came.failure
    if any(each in words for each in _LOGIN):
        return Reason.LOGIN, came.failure
    return _why(got), came.failure


def _why(got: Sequence[_Got]) -> Reason:
    """Return the last reason among *got* that is one: nothing, where something was due, is none that excuses it."""
    failed = [each.reason for each in got if each.reason not in {Reason.OK, Reason.REDIRECT, Reason.EMPTY}]
    return failed[-1] if failed else Reason.ENGINE_CRASH
