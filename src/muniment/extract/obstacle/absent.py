"""Something else than the page, or nothing: "not found" under a 200, another page, a shell without its content."""

import re
from collections.abc import Iterator
from typing import Final

from muniment.errors import FormatError
from muniment.extract.obstacle.page import MANY, Page, shown_in, shows_media
from muniment.extract.obstacle.sign import Obstacle, Weight, quoted
from muniment.extract.obstacle.words import ABSENT_SENTENCES, ABSENT_TITLES, SCRIPT_SENTENCES, is_title, plain
from muniment.message.url import Url, join
from muniment.model import Reason

__all__ = ["not_found", "other_page", "players", "shell"]

_APOLOGY: Final = 1_500
_SENTENCE: Final = 500
_NOTHING: Final = 40
_MOUNTED: Final = 200
_MOUNT: Final = (
    "#root, #app, #__next, #__nuxt, #___gatsby, #main-app, #app-root, app-root, [ng-app], [ng-version],"
    " [data-reactroot], #svelte, #ember-app"
)
_MAX_PLAYERS: Final = 20

_DEFAULT: Final = re.compile(r"(?:index|default|home|start)(?:\.\w{2,5})?", re.IGNORECASE)
_LANGUAGE: Final = re.compile(
    r"/(?:[a-z]{2}(?:[-_][a-z]{2})?/?)?(?:(?:index|default|home|start)(?:\.\w{2,5})?)?", re.IGNORECASE
)
_REFRESH: Final = re.compile(r"\s*([0-9]{1,4})[\s;,.]*(?:url\s*=)?\s*['\"]?([^'\"]+)", re.IGNORECASE)


def not_found(page: Page) -> Iterator[Obstacle]:
    """Yield the signs that an answer below 400 says "not found", and that a deep address led to the front page.

    VERDICT: a title or a heading that says so and nothing else (less the name of the site), or a sentence, on a page
    that has little else to say and does not call itself an article; an address with a name of its own that a redirect
    within the same site turned into that of its front page.
    NOTE: such a title on a page with a text or of an article; a redirect to the front page of another site.
    """
    if (page.received.status or 0) >= 400:
        return
    for signal, text in page.titles():
        if is_title(ABSENT_TITLES, text):
            weight = Weight.VERDICT if page.is_thin(_APOLOGY) else Weight.NOTE
            yield Obstacle(Reason.SOFT_404, signal, quoted(text), weight)
    if page.is_thin(_SENTENCE) and (found := ABSENT_SENTENCES.search(plain(page.text))):
        yield Obstacle(Reason.SOFT_404, "sentence", quoted(page.text, *found.span()), Weight.VERDICT)
    asked, reached = page.asked, page.reached
    if asked is not None and reached is not None and _is_deep(asked) and _is_front(reached):
        weight = Weight.VERDICT if _site(asked) == _site(reached) else Weight.NOTE
        yield Obstacle(Reason.SOFT_404, "address", quoted(f"{asked.href[:110]} led to {reached.href[:110]}"), weight)


def other_page(page: Page) -> Iterator[Obstacle]:
    """Yield where the page says that its address is another than the one reached; a NOTE: many say it wrongly."""
    reached = page.reached
    for name in ("canonical", "og:url"):
        if reached is None or not page.metas.get(name):
            continue
        try:
            said = join(reached, page.metas[name])
        except FormatError:
            continue
        if said.scheme in ("http", "https") and _place(said) not in {_place(reached), *_places(page.asked)}:
            yield Obstacle(Reason.SOFT_404, name, quoted(said.href[:240]), Weight.NOTE)


def shell(page: Page) -> Iterator[Obstacle]:
    """Yield the signs that the page shows nothing: its content would come by script, or does not come at all.

    VERDICT: no more than a few words and no picture or film, where there are scripts, or a browser rendered it; a text
    of which a browser shows next to nothing; an almost empty page that asks for scripts, or into whose empty frame an
    application would be put; one that only leads elsewhere. Nothing is a NOTE.
    """
    if page.tree is None or page.letters == MANY or (page.received.status or 0) >= 400:
        return
    rendered = page.received.visible is not None
    letters, media = len(page.text), page.shows_media
    shown = quoted(page.text) or "no visible text"
    if letters < (1 if rendered else _NOTHING) and not media and (rendered or page.has("script")):
        yield Obstacle(Reason.EMPTY, "nothing", shown, Weight.VERDICT)
    if rendered and letters < _MOUNTED and page.written > max(_SENTENCE, letters * 10):
        told = f"{letters} letters are shown of {page.written}: {shown}"
        yield Obstacle(Reason.EMPTY, "veiled", quoted(told), Weight.VERDICT)
    if letters < _MOUNTED and not rendered and page.has("script"):
        if found := SCRIPT_SENTENCES.search(f"{page.silent} {page.text}"):
            yield Obstacle(Reason.EMPTY, "needs-script", found[0][:240], Weight.VERDICT)
        for node in page.nodes(_MOUNT)[:1]:
            if len(shown_in(node)) < _NOTHING and not shows_media(node):
                yield Obstacle(Reason.EMPTY, "application", quoted((node.html or "")[:300]), Weight.VERDICT)
    found = _REFRESH.match(page.metas.get("refresh", ""))
    if letters < _MOUNTED and found and int(found[1]) <= 10 and found[2].strip():
        yield Obstacle(Reason.EMPTY, "refresh", quoted(page.metas["refresh"]), Weight.VERDICT)


def players(page: Page) -> Iterator[str]:
    """Yield the start tags of players that name no file of their own: scripts bring their films, or nothing does."""
    for node in page.nodes("video, audio")[:_MAX_PLAYERS]:
        own = [node, *node.css("source")[:8]]
        named = [(each.attributes.get(name) or "").strip() for each in own for name in ("src", "data-src")]
        if all(not each or each.lower().startswith(("blob:", "mediasource:")) for each in named):
            yield quoted((node.html or "")[:240].partition(">")[0] + ">")


def _is_deep(url: Url) -> bool:
    """Whether *url* names a page: a path of some length, or with a number, that is no front page."""
    path = url.target.partition("?")[0]
    last = path.rstrip("/").rpartition("/")[2]
    named = len(last) >= 12 or any(letter.isdigit() for letter in last) or path.rstrip("/").count("/") >= 2
    return named and not _is_front(url) and not _DEFAULT.fullmatch(last)


def _is_front(url: Url) -> bool:
    path, _, query = url.target.partition("?")
    return bool(_LANGUAGE.fullmatch(path)) and len(query) < 20


def _site(url: Url) -> str:
    """Return the host without the labels that tell its variants apart; who runs a host is not known."""
    host = url.host
    for label in ("www.", "m.", "mobile.", "amp."):
        host = host.removeprefix(label)
    return host


def _place(url: Url) -> tuple[str, str]:
    path = url.target.partition("?")[0].rstrip("/").lower()
    return _site(url), path.removesuffix("/amp").removesuffix(".amp")


def _places(url: Url | None) -> set[tuple[str, str]]:
    return set() if url is None else {_place(url)}
