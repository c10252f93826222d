"""A test for robots, or the refusal of a guard, in place of the page."""

import re
from collections.abc import Iterator
from typing import Final

from muniment.extract.obstacle.page import Page
from muniment.extract.obstacle.sign import Obstacle, Weight, quoted
from muniment.extract.obstacle.words import ROBOT_SENTENCES, ROBOT_TITLES, is_title, plain
from muniment.model import Reason

__all__ = ["signs"]

# A guard's own page has a few sentences; a page that a guard let through may hold the guard's script all the same.
_GUARDED: Final = 1_200
_NOTHING_ELSE: Final = 300
_SENTENCE: Final = 600
_NOT_OK: Final = frozenset({401, 403, 405, 429, 503})

# Fields by which a guard says itself that this answer is no answer of the site.
_FIELDS: Final = {
    "cf-mitigated": re.compile(r"challenge|block", re.IGNORECASE),
    "x-amzn-waf-action": re.compile(r"challenge|captcha", re.IGNORECASE),
    "x-vercel-mitigated": re.compile(r"challenge|deny", re.IGNORECASE),
}
# What the pages of guards hold, and what they put into pages that pass does not (their sensors have other names); in
# lower case.
_MARKS: Final = {
    "cloudflare": (
        "_cf_chl_opt", "challenge-platform/h/b/orchestrate/", "challenge-platform/h/g/orchestrate/", "cf-error-details",
        "cf-challenge-running", "challenge-error-text", 'id="challenge-form"',
    ),
    "datadome": ("captcha-delivery.com/",),
    "human": ("px-captcha", "captcha.px-cdn.net/", "captcha.px-cloud.net/", "/captcha/captcha.js?a="),
    "akamai": ("errors.edgesuite.net/", "sec-if-cpt-", "sec-cpt-if", "/_sec/cp_challenge/", "bm-verify"),
    "imperva": ("incapsula incident id", "_incapsula_resource?cwudnsai"),
    "aws-waf": ("gokuprops", "awswafcaptcha", "awswafcookiedomainlist"),
    "ddos-guard": ("check.ddos-guard.net/", "/.well-known/ddos-guard/"),
    "sucuri": ("sucuri_cloudproxy_js", "sucuri website firewall - access denied"),
    "anubis": ("/.within.website/x/cmd/anubis/", "anubis_challenge"),
}  # fmt: skip
_WIDGETS: Final = (
    ".g-recaptcha:not([data-size=invisible]), .h-captcha, .cf-turnstile, .frc-captcha, altcha-widget,"
    ' #captcha-container, .geetest_captcha, iframe[src*="/recaptcha/"][src*="anchor"]:not([src*="size=invisible"]),'
    ' iframe[src*="hcaptcha.com/"], iframe[src*="challenges.cloudflare.com/"], img[src*="captcha"]'
)


def signs(page: Page) -> Iterator[Obstacle]:
    """Yield the signs of a challenge.

    VERDICT: a guard's field that says so; a guard's own mark, a test for robots, a title or a sentence that asks for
    one, each on a page that shows little or nothing else (and for words: that does not call itself an article).
    NOTE: a guard's own mark, or such a title, on a page that shows more. A sentence or a test within a page that shows
    more is nothing: articles are written about robots, and comments are guarded from them.
    """
    yield from _fields(page)
    yield from _marks(page)
    if page.is_thin(_NOTHING_ELSE):
        for node in page.nodes(_WIDGETS)[:1]:
            yield Obstacle(Reason.CHALLENGE, "widget", quoted((node.html or "")[:600]), Weight.VERDICT)
    for signal, text in page.titles():
        if is_title(ROBOT_TITLES, text):
            weight = Weight.VERDICT if page.is_thin(_GUARDED) else Weight.NOTE
            yield Obstacle(Reason.CHALLENGE, signal, quoted(text), weight)
    said = f"{page.text} {page.silent}" if page.is_thin(_SENTENCE) else ""
    if found := ROBOT_SENTENCES.search(plain(said)):
        yield Obstacle(Reason.CHALLENGE, "sentence", quoted(said, *found.span()), Weight.VERDICT)


def _fields(page: Page) -> Iterator[Obstacle]:
    for name, wanted in _FIELDS.items():
        for value in page.received.values(name):
            if wanted.search(value):
                yield Obstacle(Reason.CHALLENGE, f"field:{name}", quoted(value), Weight.VERDICT)
    # On pages that were let through it stands too.
    guarded = page.received.values("x-datadome") or page.received.values("x-dd-b")
    if guarded and page.received.status in _NOT_OK:
        yield Obstacle(Reason.CHALLENGE, "field:x-datadome", quoted(guarded[0]), Weight.VERDICT)


def _marks(page: Page) -> Iterator[Obstacle]:
    weight = Weight.VERDICT if page.letters < _GUARDED else Weight.NOTE
    lower = page.html.lower()
    # A few letters become two in lower case; then the evidence is quoted from there.
    html = page.html if len(lower) == len(page.html) else lower
    for name, marks in _MARKS.items():
        at, mark = min(((found, mark) for mark in marks if (found := lower.find(mark)) >= 0), default=(-1, ""))
        if mark:
            yield Obstacle(Reason.CHALLENGE, f"mark:{name}", quoted(html, at, at + len(mark)), weight)
