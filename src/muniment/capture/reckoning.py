"""The reckoning: everything that the browser asked for, held against everything that crossed the wire; pure.

What the browser put on the wire must have an exchange, or it becomes a failed attempt with a reason. What crossed the
wire and the browser did not tell of is counted too: it is kept all the same.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from muniment.errors import FormatError
from muniment.fetch.browser.ledger import Asked
from muniment.fetch.browser.refusal import reason
from muniment.fetch.tunnel import Refusal
from muniment.message.url import Url
from muniment.model import Reason, Role

__all__ = ["Missing", "Reckoning", "Roles", "encode", "reckon"]

Key = tuple[str, str]
"""Method and URL without its fragment: what a request on the wire has in common with what the browser says of it."""

_ROLES: Final = {
    "Stylesheet": Role.STYLE,
    "Script": Role.SCRIPT,
    "Image": Role.IMAGE,
    "Font": Role.FONT,
    "TextTrack": Role.TEXT,
}
_DESTINATIONS: Final = {
    "document": Role.ARTICLE,
    "iframe": Role.EMBED,
    "frame": Role.EMBED,
    "embed": Role.EMBED,
    "object": Role.EMBED,
    "style": Role.STYLE,
    "script": Role.SCRIPT,
    "worker": Role.SCRIPT,
    "sharedworker": Role.SCRIPT,
    "serviceworker": Role.SCRIPT,
    "image": Role.IMAGE,
    "font": Role.FONT,
    "track": Role.TEXT,
}
_LISTED: Final = 1000
_SOUNDS: Final = (".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".flac", ".aac", ".weba")


def key(method: str, url: str) -> Key:
    """Return by what a request is told from others."""
    return method, url.partition("#")[0]


@dataclass(frozen=True, slots=True)
class Missing:
    """A request that the browser made and of which nothing crossed the wire: why, as far as anybody knows."""

    asked: Asked
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Reckoning:
    """How the two accounts compare: requests on the wire by the browser's account, those that crossed, the difference.

    ``unreported`` are the requests that crossed and that the browser did not tell of, with their number.
    """

    asked: int
    matched: int
    missing: tuple[Missing, ...]
    unreported: tuple[tuple[Key, int], ...]
    left_out: int


def reckon(asked: Iterable[Asked], crossed: Counter[Key], refused: Sequence[Refusal], left_out: int = 0) -> Reckoning:
    """Hold *asked* against *crossed*; *refused* are the connections that the tunnel did not make."""
    left = Counter(crossed)
    sent = [each for each in asked if each.sent]
    missing, internal = [], 0
    # Those that ended well first: where one of two equal requests is missing, it is the one that failed.
    for each in sorted(sent, key=lambda line: (bool(line.failure), not line.ended, _is_internal(line), line.n)):
        name = key(each.method, each.url)
        if left[name] > 0:
            left[name] -= 1
        elif _is_internal(each):
            internal += 1
        else:
            missing.append(_missing(each, refused))
    unreported = tuple((name, count) for name, count in left.items() if count > 0)
    missing.sort(key=lambda line: line.asked.n)
    count = len(sent) - internal
    return Reckoning(count, count - len(missing), tuple(missing), unreported, left_out)


def _is_internal(asked: Asked) -> bool:
    """Whether the browser answered *asked* itself, over no connection, which is what the number 0 says.

    So it redirects to https where it knows that a site has that, and hands a PDF that came to its own viewer.
    """
    return asked.status is not None and asked.connection == "0"


def _missing(asked: Asked, refused: Sequence[Refusal]) -> Missing:
    turned_away = _turned_away(asked.url, refused)
    if turned_away is not None:
        return Missing(asked, turned_away.reason, turned_away.detail)
    if asked.status is None and (asked.canceled or asked.failure == "net::ERR_ABORTED"):
        return Missing(asked, Reason.OUT_OF_SCOPE, "not asked for: the page itself gave it up before it was sent")
    if asked.failure:
        return Missing(asked, reason(asked.failure), f"the browser says {asked.failure}")
    if not asked.ended and asked.status is None:
        return Missing(asked, Reason.INTERRUPTED, "the page was left before it was sent or answered")
    return Missing(asked, Reason.ENGINE_CRASH, "the browser says that it was answered, and no such exchange was read")


def _turned_away(url: str, refused: Sequence[Refusal]) -> Refusal | None:
    try:
        asked = Url.parse(url)
    except FormatError:
        return None
    place = asked.host, asked.port
    return next((each for each in reversed(refused) if (each.host.strip("[]"), each.port) == place), None)


class Roles:
    """What each request is to the page, by the browser's account of it; *main* tells the frame of the page itself."""

    def __init__(self, lines: Sequence[Asked], main: str) -> None:
        self._main = main
        self._lines: defaultdict[Key, deque[Asked]] = defaultdict(deque)
        for each in lines:
            self._lines[key(each.method, each.url)].append(each)

    def asked(self, method: str, url: str) -> Asked | None:
        """Return the first request for it, by a document where there is one; None where the browser told of none."""
        found = self._lines.get(key(method, url))
        if not found:
            return None
        return next((each for each in found if each.asker in {"page", "iframe"}), found[0])

    def of(self, asked: Asked | None, destination: str, media_type: str) -> Role:
        """Return the role of an answer that *asked* asked for; *destination* is what the request said (Fetch, 2.2.7).

        Where neither tells, its *media_type* does.
        """
        if asked is not None and asked.kind == "Document":
            return Role.ARTICLE if asked.frame == self._main and asked.asker == "page" else Role.EMBED
        found = _ROLES.get(asked.kind) if asked is not None else _DESTINATIONS.get(destination)
        if found is not None:
            return found
        if (asked is not None and asked.kind == "Media") or destination in {"video", "audio"}:
            sounds = destination == "audio" or media_type.startswith("audio/") or _is_sound(asked)
            return Role.AUDIO if sounds else Role.VIDEO
        return Role.OTHER


def _is_sound(asked: Asked | None) -> bool:
    """Whether a URL ends as those of sounds do: all that there is to go by where no answer came."""
    if asked is None or asked.status is not None:
        return False
    return asked.url.partition("?")[0].lower().endswith(_SOUNDS)


def encode(found: Reckoning) -> dict[str, Any]:
    """Return *found* as the JSON object of a metadata record; of a difference at most 1,000 are listed."""
    return {
        "v": 1,
        "type": "reckoning",
        "asked": found.asked,
        "recorded": found.matched,
        "missing": [
            {"url": each.asked.url, "method": each.asked.method, "reason": each.reason.value, "by": _by(each.asked)}
            for each in found.missing[:_LISTED]
        ],
        "unreported": [
            {"method": method, "url": url, "times": count} for (method, url), count in found.unreported[:_LISTED]
        ],
        "left_out": found.left_out + max(0, len(found.missing) - _LISTED) + max(0, len(found.unreported) - _LISTED),
    }


def _by(asked: Asked) -> dict[str, str]:
    said = {"kind": asked.kind, "asker": asked.asker, "document": asked.document, "initiator": asked.initiator}
    said |= {"script": asked.initiator_url, "failure": asked.failure, "blocked": asked.blocked}
    return {name: value for name, value in said.items() if value}
