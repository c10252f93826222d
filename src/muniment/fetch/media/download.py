"""yt-dlp as a child process that reaches the network by a passage alone, so that all it fetches is recorded as it came.

It finds no ffmpeg: what it would leave to that would go another way than the passage, and what it puts together would
be put together out of sight. So it hands over the parts of a film, each as one file.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from muniment import scratch
from muniment.confined import Bounds, Ran, run
from muniment.errors import FetchError
from muniment.fetch.passage import Passage, Route
from muniment.model import Reason

__all__ = ["TOOL", "Downloaded", "Film", "Terms", "Wish", "download", "suited"]

TOOL: Final = f"yt-dlp {metadata.version('yt-dlp')}"
_MEMORY: Final = 2 << 30
_FILMS: Final = 10
"""Films that one URL may lead to, such as those of one post; never those of a whole channel."""
_DETAILS: Final = 16 << 20
"""Octets of what yt-dlp says of a film, at most."""
_FILMS_IN: Final = "films"
_DETAILS_IN: Final = "details"
_OTHERS_IN: Final = "others"
_HOME: Final = "home"
_COOKIES: Final = "cookies.txt"
_LIVE: Final = b"!is_live"
_UNFINISHED: Final = (".part", ".ytdl", ".temp")
_SUITED: Final = """
import json, sys
from yt_dlp.extractor import gen_extractor_classes
known = [each for each in gen_extractor_classes() if each.ie_key() != "Generic"]
urls = json.load(open(sys.argv[1], encoding="utf-8"))
print(json.dumps([url for url in urls if any(each.suitable(url) for each in known)]))
"""
_LOADING: Final = 60.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A URL that leads to films, and the page that plays them, or empty."""

    url: str
    referer: str


@dataclass(frozen=True, slots=True)
class Terms:
    """Whom TLS trusts (PEM files), the greatest height of a film in pixels, and a ``cookies.txt``, or none.

    With cookies only peers are spoken to that prove who they are.
    """

    authorities: tuple[str, ...]
    height: int | None = None
    cookies: bytes = b""


@dataclass(frozen=True, slots=True)
class Film:
    """One film: its parts (pictures and sound apart, or both in one), and what yt-dlp says of it, also as a file.

    ``details`` are empty where it says too much to be read, and ``info`` None where it says nothing.
    """

    parts: tuple[Path, ...]
    details: Mapping[str, Any]
    info: Path | None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came of a wish: films, how yt-dlp was called, and why not everything came (OK and empty where it did).

    ``reason`` is EMPTY where yt-dlp itself gave up, which ``failure`` has the words of.
    """

    films: tuple[Film, ...]
    arguments: tuple[str, ...]
    reason: Reason
    failure: str


def suited(urls: tuple[str, ...], folder: Path, stopped: Callable[[], bool]) -> tuple[str, ...]:
    """Return those of *urls* that belong to sites which yt-dlp knows; nothing is asked of anybody for that.

    Raises FetchError: INTERRUPTED where the capture is to end, ENGINE_CRASH where yt-dlp does not answer.
    """
    if not urls:
        return ()
    asked = folder / "urls.json"
    scratch.append(asked, json.dumps(urls).encode(), anew=True)
    command = [sys.executable, "-I", "-c", _SUITED, str(asked)]
    ran = run(command, folder, Bounds(_MEMORY, seconds=_LOADING), stopped=stopped)
    if ran.ended == "stopped":
        raise FetchError(Reason.INTERRUPTED, "no film was asked for: the capture was interrupted")
    try:
        found = set(json.loads(ran.answer))
    except ValueError:
        raise FetchError(Reason.ENGINE_CRASH, f"{TOOL} did not start: {_words(ran, folder)}") from None
    return tuple(url for url in urls if url in found)


def download(wish: Wish, terms: Terms, passage: Passage, route: Route, folder: Path) -> Downloaded:
    """Get the films that *wish* leads to, into the empty private *folder*; whatever happens, this returns in time."""
    rules = route.rules
    for each in (_FILMS_IN, _DETAILS_IN, _OTHERS_IN, _HOME):
        scratch.folder(folder / each)
    strict = rules.tls == "strict" or bool(terms.cookies)
    arguments = tuple(_arguments(wish, terms, route, strict=strict))
    environment = {"HOME": str(folder / _HOME), "SSLKEYLOGFILE": str(passage.keys), "PATH": ""}
    private = ["--proxy", f"socks5h://127.0.0.1:{passage.port}", "--ffmpeg-location", str(folder / "none")]
    if strict:
        environment["SSL_CERT_FILE"] = str(_bundle(terms.authorities, folder))
    if terms.cookies:
        scratch.append(folder / _COOKIES, terms.cookies, anew=True)
        private += ["--cookies", str(folder / _COOKIES)]
    bounds = Bounds(
        memory=_MEMORY, file=rules.limits.max_resource_bytes, seconds=max(0.0, route.ends - route.around.monotonic())
    )
    command = [sys.executable, "-I", "-m", "yt_dlp", *private, *arguments, "--", wish.url]
    ran = run(command, folder / _FILMS_IN, bounds, environment=environment, stopped=route.stopped)
    films = tuple(_films(folder))
    reason, failure = _outcome(ran, folder)
    if not failure and not films and _LIVE in ran.answer:
        reason, failure = Reason.OUT_OF_SCOPE, "it is live, and has no end: what the page itself played of it is kept"
    elif not failure and not films:
        reason, failure = Reason.EMPTY, f"{TOOL} says that there is nothing there to play: {_words(ran, folder)}"
    return Downloaded(films, arguments, reason, failure)


def _arguments(wish: Wish, terms: Terms, route: Route, *, strict: bool) -> Iterator[str]:
    """Yield the arguments that say something of the capture; those that name places of this machine are apart."""
    yield from ("--ignore-config", "--no-plugin-dirs", "--no-cache-dir", "--no-progress", "--no-colors", "--no-mtime")
    yield from ("--no-playlist", "--playlist-items", f"1:{_FILMS}", "--match-filters", _LIVE.decode())
    yield from ("--write-info-json", "--write-subs", "--sub-langs", "all", "--write-thumbnail")
    yield from ("--format", _format(terms.height), "--fixup", "never", "--no-simulate")
    yield from ("--socket-timeout", f"{route.rules.limits.idle_timeout:g}", "--retries", "3", "--fragment-retries", "3")
    yield from ("--output", "%(autonumber)03d.%(ext)s")
    yield from ("--paths", f"infojson:../{_DETAILS_IN}")
    for kind in ("subtitle", "thumbnail"):
        yield from ("--paths", f"{kind}:../{_OTHERS_IN}")
    if strict:
        yield from ("--compat-options", "no-certifi")
    else:
        yield "--no-check-certificates"  # who a peer is, is judged from what it showed, as it is for every engine
    if route.rules.user_agent:
        yield from ("--user-agent", route.rules.user_agent)
    if wish.referer:
        yield from ("--referer", wish.referer)


def _format(height: int | None) -> str:
    if height is None:
        return "bv*+ba/b"
    within = f"[height<={height}]"
    return f"bv*{within}+ba/b{within}/wv*+ba/w"


def _bundle(authorities: tuple[str, ...], folder: Path) -> Path:
    """Return a file of all *authorities*, which are PEM files."""
    bundle = folder / "authorities.pem"
    for number, each in enumerate(authorities):
        scratch.append(bundle, Path(each).read_bytes() + b"\n", anew=number == 0)
    return bundle


def _films(folder: Path) -> Iterator[Film]:
    parts: dict[str, list[Path]] = {}
    for each in sorted((folder / _FILMS_IN).iterdir()):
        if not each.name.endswith(_UNFINISHED):
            parts.setdefault(each.name.partition(".")[0], []).append(each)
    infos = {each.name.partition(".")[0]: each for each in (folder / _DETAILS_IN).iterdir()}
    for number, files in parts.items():
        yield Film(tuple(files), _read(infos.get(number)), infos.get(number))


def _read(info: Path | None) -> Mapping[str, Any]:
    if info is None or info.stat().st_size > _DETAILS:
        return {}
    try:
        said = json.loads(info.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _outcome(ran: Ran, folder: Path) -> tuple[Reason, str]:
    if ran.ended == "time":
        return Reason.LIMIT_TIME, f"{TOOL} was ended, because the time of the capture was over"
    if ran.ended:
        return Reason.INTERRUPTED, f"{TOOL} was ended, because the capture was interrupted"
    if ran.status < 0:
        return Reason.ENGINE_CRASH, f"{TOOL} was ended by signal {-ran.status}"
    if ran.status:
        return Reason.EMPTY, f"{TOOL} got no film: {_words(ran, folder)}"
    return Reason.OK, ""


def _words(ran: Ran, folder: Path) -> str:
    """Return the last that yt-dlp complained of, without places of this machine."""
    said = ran.complained.replace(str(folder), "…")
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    return "; ".join(errors or said.splitlines()[-1:] or ["it said nothing"])[:1000]
