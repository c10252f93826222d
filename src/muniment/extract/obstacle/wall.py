"""A login, a payment or a consent that is asked for in place of the page, or of the rest of it."""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Final

from muniment.extract.obstacle.page import MANY, Page, shown_in
from muniment.extract.obstacle.sign import Obstacle, Weight, quoted
from muniment.extract.obstacle.words import LOGIN_SENTENCES, PAYMENT_SENTENCES, plain
from muniment.message.url import Url
from muniment.model import Reason

__all__ = ["consent", "login", "paywall"]

_FORM: Final = 400
_LED: Final = 2_000
_TEASER: Final = 1_500
_GATED: Final = 300
_REFUSED: Final = frozenset({401, 403})
# On a page longer than that it would be a note; and the search takes a microsecond for each letter.
_SEARCHED: Final = 64 << 10
_MAX_DEPTH: Final = 6
_MAX_SELECTORS: Final = 8

_LOGIN_PATH: Final = re.compile(
    r"(?:^|[/_.-])(?:log-?in|sign-?in|log_in|sign_in|logon|signon|auth|authn|authorize|oauth2?|sso|saml2?|authwall|checkpoint|anmeld(?:en|ung)"
    r"|einloggen|connexion|se-connecter|iniciar-sesion|acceso|accedi|entrar|inloggen|logga-in|zaloguj|giris|account/begin)"
    r"(?:$|[/_.?-])",
    re.IGNORECASE,
)
_CONSENT_HOST: Final = re.compile(r"(?:consent|myprivacy|privacy-?gate|cmp|gdpr)\.", re.IGNORECASE)
_CONSENT_PATH: Final = re.compile(
    r"/(?:collect-?consent|consent|gdpr-?consent|cookie-?wall|cookie-?consent|privacy-?gate)(?:$|[/?])", re.IGNORECASE
)
_LOGIN_HOST: Final = re.compile(r"(?:login|signin|auth|sso|accounts?|id|idp|passport|anmelden)\.", re.IGNORECASE)
_ASKING: Final = 'input[type="password" i]'

_CONTAINERS: Final = (
    '[data-testid*="paywall"], [id^="paywall"], [class^="paywall"], [class*=" paywall"], .article-paywall, .c-paywall,'
    " #poool-widget, .poool-widget, .steady-paywall, #steady_paywall, .tp-container-inner, .tp-modal, .piano-paywall,"
    " .leaky_paywall_message, .laterpay-paywall, .pelcro-paywall, .wp-block-premium-content, .subscriber-only-message,"
    " .o-barrier, #gateway-content, .gateway-content, .premium-overlay"
)
# Of the selectors that a page names, the plain ones: what else it may write there is not run (see _gated).
_SELECTOR: Final = re.compile(r"(?:[a-z][a-z0-9]{0,20})?(?:[.#][A-Za-z_-][\w-]{0,80}){1,4}")


def login(page: Page) -> Iterator[Obstacle]:
    """Yield the signs of a login wall; none where the URL that was asked for is that of a login.

    VERDICT: a 401 that names a scheme; the address of a login reached instead of the one asked for, with a password
    asked for or little text; a form that asks for a password and hardly any text besides; words that ask for a login
    on a page with hardly any other, that does not call itself an article.
    NOTE: such an address reached, with a text. A password asked for in the header of a page with a text is nothing.
    """
    asked, reached = page.asked, page.reached
    if page.received.status == 401:
        for value in page.received.values("www-authenticate")[:1]:
            yield Obstacle(Reason.LOGIN, "field:www-authenticate", quoted(value), Weight.VERDICT)
    status = page.received.status or 0
    if (asked is not None and _is_login(asked)) or (status >= 400 and status not in _REFUSED):
        return
    asks = page.has(_ASKING)
    if asked is not None and reached is not None and reached.href != asked.href and _is_login(reached):
        weight = Weight.VERDICT if page.letters < (_LED if asks else _FORM) else Weight.NOTE
        yield Obstacle(Reason.LOGIN, "address", quoted(page.received.reached), weight)
    if asks and page.is_thin(_FORM):
        node = page.nodes(_ASKING)[0]
        yield Obstacle(Reason.LOGIN, "form", quoted((node.html or "")[:600]), Weight.VERDICT)
    if page.is_thin(_FORM) and (found := LOGIN_SENTENCES.search(plain(page.text))):
        yield Obstacle(Reason.LOGIN, "sentence", quoted(page.text, *found.span()), Weight.VERDICT)


def _is_login(url: Url) -> bool:
    path = url.target.partition("?")[0]
    last_two = "/".join(path.rstrip("/").rsplit("/", 3)[-3:])
    return bool(_LOGIN_PATH.search(last_two)) or (len(path) < 40 and bool(_LOGIN_HOST.match(url.host)))


def consent(page: Page) -> Iterator[Obstacle]:
    """Yield the sign that a page which asks for consent came by a redirect; walls within pages are the browser's.

    VERDICT: an address of such pages, which was not asked for. NOTE: the same where the page calls itself an article.
    """
    asked, reached = page.asked, page.reached
    if asked is None or reached is None or _is_consent(asked) or not _is_consent(reached):
        return
    weight = Weight.NOTE if page.is_article else Weight.VERDICT
    yield Obstacle(Reason.CONSENT, "address", quoted(page.received.reached), weight)


def _is_consent(url: Url) -> bool:
    return bool(_CONSENT_HOST.match(url.host) or _CONSENT_PATH.search(url.target.partition("?")[0]))


def paywall(page: Page) -> Iterator[Obstacle]:
    """Yield the signs of a paywall.

    VERDICT: the page says by schema.org that parts of it are not free, and these are absent or hold less than a
    paragraph; or that it is not free as a whole, without naming parts, and it is short; words that ask for a
    subscription, in the container of a known paywall or outside of one, on a short page.
    NOTE: the same where the text is there: meters let some readers in.
    """
    short = page.letters < _TEASER
    yield from _paid(page)
    # Their settings and styles bear such names too.
    containers = (node for node in page.nodes(_CONTAINERS) if node.tag not in ("script", "style", "link", "meta"))
    for node in islice(containers, 1):
        shown = shown_in(node)
        weight = Weight.VERDICT if short and PAYMENT_SENTENCES.search(plain(shown)) else Weight.NOTE
        yield Obstacle(Reason.PAYWALL, "container", quoted(shown or (node.html or "")[:600]), weight)
    if found := PAYMENT_SENTENCES.search(plain(page.text[:_SEARCHED])):
        weight = Weight.VERDICT if short else Weight.NOTE
        yield Obstacle(Reason.PAYWALL, "sentence", quoted(page.text, *found.span()), weight)


def _paid(page: Page) -> Iterator[Obstacle]:
    """Yield what the page says of itself by schema.org's isAccessibleForFree, or by the content tier of a meta."""
    short = Weight.VERDICT if page.letters < _TEASER else Weight.NOTE
    for each in page.objects:
        gated = list(_parts(each, 0))
        if gated:
            yield from _gated(page, gated)
            return
        if _is_no(each.get("isAccessibleForFree")):
            yield Obstacle(Reason.PAYWALL, "schema.org:isAccessibleForFree", '"isAccessibleForFree": false', short)
            return
    if _is_no(page.metas.get("isaccessibleforfree")):
        yield Obstacle(Reason.PAYWALL, "microdata:isAccessibleForFree", 'content="false"', short)
    tier = page.metas.get("article:content_tier", "").strip().lower()
    if tier in ("locked", "metered"):
        weight = short if tier == "locked" else Weight.NOTE
        yield Obstacle(Reason.PAYWALL, "meta:article:content_tier", tier, weight)


def _parts(value: Any, depth: int) -> Iterator[str]:
    """Yield the selectors of the parts of *value* that are not free."""
    parts = value.get("hasPart") if isinstance(value, dict) else None
    for part in (parts if isinstance(parts, list) else [parts])[:_MAX_SELECTORS]:
        if not isinstance(part, dict) or depth > _MAX_DEPTH:
            continue
        selectors = part.get("cssSelector")
        if _is_no(part.get("isAccessibleForFree")):
            named = selectors if isinstance(selectors, list) else [selectors]
            yield from (each for each in named[:_MAX_SELECTORS] if isinstance(each, str))
        yield from _parts(part, depth + 1)


def _gated(page: Page, selectors: list[str]) -> Iterator[Obstacle]:
    """Weigh what stands in the parts that are not free; a selector that is not plain is not run, only noted."""
    plain = [each.strip() for each in chain.from_iterable(one[:500].split(",") for one in selectors)][:_MAX_SELECTORS]
    plain = [each for each in plain if _SELECTOR.fullmatch(each)]
    signal = "schema.org:hasPart"
    if not plain or page.tree is None or page.letters == MANY:
        yield Obstacle(Reason.PAYWALL, signal, quoted(", ".join(selectors)), Weight.NOTE)
        return
    held = {each: sum(len(shown_in(node)) for node in page.nodes(each)) for each in plain}
    absent = max(held.values()) < _GATED and page.letters < 2 * _TEASER
    told = ", ".join(f"{name} holds {letters} letters" for name, letters in held.items())
    yield Obstacle(Reason.PAYWALL, signal, quoted(told), Weight.VERDICT if absent else Weight.NOTE)


def _is_no(value: Any) -> bool:
    return value is False or (isinstance(value, str) and value.strip().rpartition("/")[2].lower() == "false")
