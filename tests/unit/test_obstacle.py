"""What stands between a reader and a page: each sign as its makers build it, and a page that nearly has it."""

from collections.abc import Mapping

import pytest

from muniment import canonical
from muniment.extract.obstacle import Judgement, Received, Weight, encode, judged
from muniment.model import Reason
from walls import FORM, LEAD, LONG, ROW, ld

URL = "https://news.example/2024/05/the-long-report"


def judge(
    body: str,
    *,
    title: str = "The long report",
    url: str = URL,
    reached: str = "",
    status: int = 200,
    fields: Mapping[str, str] | None = None,
    visible: str | None = None,
) -> Judgement:
    html = body if body.startswith("<!") else f"<!doctype html><head><title>{title}</title></head><body>{body}</body>"
    answer = Received(url, reached or url, status, tuple((fields or {}).items()), visible)
    found = judged(html.encode(), answer, charset="utf-8")
    assert canonical.encode(encode(found, answer))
    return found


def verdicts(found: Judgement) -> dict[str, str]:
    """Return reason and signal of what weighs."""
    return {reason.value: sign.signal for reason, sign in found.decisive().items()}


def test_an_article_has_no_sign_at_all() -> None:
    found = judge(f"<header><a href=/login>Log in</a></header><article><h1>The long report</h1>{LONG}</article>")
    assert (found.obstacles, found.players) == ((), ())
    assert found.letters is not None
    assert found.letters > 2_000


CHALLENGES = {
    "field:cf-mitigated": ("", {"fields": {"CF-Mitigated": "challenge"}, "status": 403}),
    "field:x-amzn-waf-action": ("", {"fields": {"x-amzn-waf-action": "captcha"}, "status": 405}),
    "field:x-datadome": ("<p>no</p>", {"fields": {"x-datadome": "protected"}, "status": 403}),
    "mark:cloudflare": (
        "<noscript>Enable JavaScript and cookies to continue</noscript><script>window._cf_chl_opt={}</script>",
        {"title": "Just a moment...", "status": 403},
    ),
    "mark:datadome": (
        "<p>Please enable JS and disable any ad blocker</p><script src=//ct.captcha-delivery.com/c.js></script>",
        {"status": 403},
    ),
    "mark:human": ("<div id='px-captcha'></div><p>Press &amp; Hold to confirm you are a human</p>", {}),
    "mark:akamai": (
        "<h1>Access Denied</h1>You don't have permission to access it on this server.<p>https://errors.edgesuite.net/18.2",
        {"title": "Access Denied"},
    ),
    "mark:imperva": (
        "<iframe src='/_Incapsula_Resource?CWUDNSAI=5&incident_id=12-34'>Incapsula incident ID: 12-34</iframe>",
        {},
    ),
    "mark:anubis": ("<script id=anubis_challenge type=application/json>{}</script><h1>Wait</h1>", {}),
    "widget": ("<form><div class='g-recaptcha' data-sitekey=x></div><button>Go on</button></form>", {}),
    "title": ("<p>We will be with you in a moment.</p>", {"title": "Pardon Our Interruption..."}),
    "sentence": ("<p>Bevor Sie fortfahren: Bestätigen Sie, dass Sie ein Mensch sind.</p>", {}),
}


@pytest.mark.parametrize("signal", CHALLENGES)
def test_a_challenge_is_recognised_by_what_its_maker_sends(signal: str) -> None:
    body, more = CHALLENGES[signal]
    found = judge(body, **more)
    assert signal in {each.signal for each in found.obstacles if each.reason is Reason.CHALLENGE}
    assert "challenge" in verdicts(found)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (f"<h1>Are you a robot?</h1>{LONG}", "Are you a robot? | The News"),
        (f"{LONG}<p>Sites ask: verify you are human. The code reads <code>window._cf_chl_opt</code>.</p>", "Captchas"),
        (f"{LONG}<form><textarea></textarea><div class=g-recaptcha></div><button>Comment</button></form>", "A comment"),
        (f"<script src=/cdn-cgi/challenge-platform/scripts/jsd/main.js></script><p>{ROW}</p>", "A short note"),
        ("<script src=https://js.datadome.co/tags.js></script><p>Short news.</p>", "A short note"),
        (f"{ld()}<p>{ROW}{ROW}Regulators want sites to verify you are human.</p>", "A flash about captchas"),
    ],
    ids=["headline", "about", "comments", "sensor", "sensor-2", "flash"],
)
def test_a_page_that_speaks_of_robots_or_is_guarded_from_them_is_no_challenge(body: str, title: str) -> None:
    assert "challenge" not in verdicts(judge(body, title=title))


@pytest.mark.parametrize(
    ("signal", "body", "more"),
    [
        ("field:www-authenticate", "<p>no</p>", {"status": 401, "fields": {"WWW-Authenticate": "Basic realm=x"}}),
        ("address", f"{FORM}<p>{ROW * 9}</p>", {"reached": "https://news.example/account/login?next=%2F2024"}),
        ("address", "<p>One moment</p>", {"reached": "https://accounts.example.org/signin"}),
        ("form", f"<main><h1>Members</h1>{FORM}</main>", {}),
        ("sentence", "<div>You must log in to continue.</div>", {}),
        ("sentence", "<div>Bitte melden Sie sich an.</div>", {}),
    ],
)
def test_a_login_wall_is_recognised(signal: str, body: str, more: dict[str, object]) -> None:
    found = judge(body, **more)  # type: ignore[arg-type]
    assert verdicts(found).get("login") == signal


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (f"<header>{FORM}</header>{LONG}", {}),
        (f"<main>{FORM}</main>", {"url": "https://news.example/login"}),
        (LONG, {"reached": "https://news.example/sign-in/the-long-report"}),
        (f"{LONG}<p>Please log in to continue the discussion.</p>", {}),
        (LONG, {"reached": "https://news.example/2024/05/blogging-in-exile"}),
    ],
    ids=["header", "asked-for", "named-so", "discussion", "part-of-a-word"],
)
def test_a_page_with_a_login_is_no_login_wall(body: str, more: dict[str, object]) -> None:
    assert "login" not in verdicts(judge(body, **more))  # type: ignore[arg-type]


def test_a_page_that_asks_for_consent_and_was_led_to_is_recognised_and_an_article_on_consent_is_not() -> None:
    for reached in ("https://consent.news.example/m?continue=x", "https://news.example/v2/collectConsent?id=1"):
        assert verdicts(judge(f"<p>{ROW}</p><button>Accept</button>", reached=reached)) == {"consent": "address"}
    for url in (
        "https://news.example/2024/consent-law",
        "https://news.example/consent",
        "https://consent.example/2024/a",
    ):
        assert verdicts(judge(LONG, url=url, reached=url + "/")) == {}
    assert verdicts(judge(ld() + LONG, reached="https://news.example/consent/")) == {}


PART = {"@type": "WebPageElement", "isAccessibleForFree": False, "cssSelector": ".paid"}


@pytest.mark.parametrize(
    ("signal", "body"),
    [
        ("schema.org:hasPart", ld(isAccessibleForFree=False, hasPart=PART) + LEAD + "<div class=paid></div>"),
        ("schema.org:hasPart", ld(isAccessibleForFree="False", hasPart=[PART]) + LEAD),
        ("schema.org:isAccessibleForFree", ld(isAccessibleForFree="http://schema.org/False") + LEAD),
        ("meta:article:content_tier", f"<meta property='article:content_tier' content=locked>{LEAD}"),
        ("container", f"{LEAD}<div class=paywall>Subscribe to continue reading</div>"),
        ("sentence", f"{LEAD}<p>Pour lire la suite, abonnez-vous.</p>"),
        ("sentence", f"{LEAD}<p>Möchten Sie weiterlesen?</p>"),
    ],
)
def test_a_paywall_is_recognised(signal: str, body: str) -> None:
    assert verdicts(judge(body)).get("paywall") == signal


@pytest.mark.parametrize(
    "body",
    [
        ld(isAccessibleForFree=False, hasPart=PART) + LEAD + f"<div class=paid>{LONG}</div>",
        ld(isAccessibleForFree=False) + LONG,
        ld(isAccessibleForFree=True, hasPart={**PART, "isAccessibleForFree": True}) + LEAD,
        f"{LONG}<div class=paywall hidden>Subscribe to continue reading</div>",
        f"{LONG}<p>Subscribe to our letters to keep reading.</p>",
        ld(isAccessibleForFree=False, hasPart=PART) + f"<div class=paid>{LEAD * 4}</div><div class=paywall></div>",
        f"{LEAD}<script class=paywall-settings>subscribe to continue</script>",
        f"{ld(hasPart=dict(PART, cssSelector=':has(*:has(*))'), isAccessibleForFree=False)}{LEAD}",
    ],
    ids=["metered", "whole", "free", "hidden", "letters", "short", "settings", "odd-selector"],
)
def test_a_paywall_whose_text_is_there_is_a_note_at_most(body: str) -> None:
    assert "paywall" not in verdicts(judge(body))


@pytest.mark.parametrize(
    ("signal", "body", "more"),
    [
        ("title", "<p>Sorry.</p>", {"title": "Page not found | The News"}),
        ("title", "<p>Sorry.</p>", {"title": "404"}),
        ("title", "<p>Hm.</p>", {"title": "The News \u2013 Seite nicht gefunden"}),
        ("heading", "<h1>Страница не найдена</h1><p>…</p>", {}),
        ("heading", "<h1>This page isn\u2019t available right now.</h1>", {}),
        ("sentence", "<p>Sorry, this post has been deleted.</p>", {}),
        ("address", LONG, {"reached": "https://www.news.example/"}),
        ("address", LONG, {"reached": "https://news.example/en/index.html"}),
    ],
)
def test_a_soft_404_is_recognised(signal: str, body: str, more: dict[str, object]) -> None:
    assert verdicts(judge(body, **more)).get("soft-404") == signal  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (f"{ld()}<h1>404</h1><p>{ROW}{ROW}</p>", {"title": "404: a number and its story"}),
        (f"<h1>Page not found</h1>{LONG}", {"title": "Page not found: the lost pages of the register"}),
        (f"<h1>The page that was not found in the register</h1><p>{ROW}</p>", {}),
        ("<h1>Page not found</h1>", {"status": 404}),
        (LONG, {"url": "https://news.example/home", "reached": "https://news.example/"}),
        (LONG, {"url": "https://news.example/", "reached": "https://news.example/en/"}),
        (LONG, {"url": "https://short.example/x7f3qa", "reached": "https://news.example/"}),
        (f"<link rel=canonical href=/2023/another>{LONG}", {}),
    ],
    ids=["article", "long", "sentence", "said-so", "home", "language", "shortener", "canonical"],
)
def test_a_page_about_what_is_not_found_or_an_honest_answer_is_no_soft_404(body: str, more: dict[str, object]) -> None:
    assert "soft-404" not in verdicts(judge(body, **more))  # type: ignore[arg-type]


FRAME = "<p>The News of Harrow Bridge and of the whole valley</p>"


def test_that_a_page_names_another_address_is_noted_and_another_spelling_of_its_own_is_not() -> None:
    [sign] = judge(f"<link rel=canonical href=/2023/another>{LONG}").obstacles
    assert (sign.signal, sign.weight, sign.evidence) == ("canonical", Weight.NOTE, "https://news.example/2023/another")
    for own in (
        URL,
        "https://www.news.example/2024/05/the-long-report/?utm=1",
        "//m.news.example/2024/05/The-Long-Report",
    ):
        assert judge(f"<link rel=canonical href='{own}'><meta property=og:url content='{own}'>{LONG}").obstacles == ()


@pytest.mark.parametrize(
    ("signal", "body", "more"),
    [
        ("nothing", "<div id=x></div><script src=/app.js></script>", {}),
        ("needs-script", f"<noscript>Please enable JavaScript</noscript>{FRAME}<script src=/a.js></script>", {}),
        ("application", f"{FRAME}<div id=root></div><script></script>", {}),
        ("refresh", "<meta http-equiv=refresh content='0; url=/elsewhere'><p>Go on</p>", {}),
        ("nothing", "<div></div>", {"visible": "  \n"}),
        ("veiled", f"<div class=veil>{LONG}</div><p>Continue</p>", {"visible": "Continue"}),
    ],
)  # fmt: skip
def test_an_empty_shell_is_recognised(signal: str, body: str, more: dict[str, object]) -> None:
    assert verdicts(judge(body, **more)) == {"empty": signal}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (f"<noscript>Please enable JavaScript</noscript>{LONG}<script></script>", {}),
        ("<p>yes</p>", {}),
        ("<p>yes</p><script></script>", {"visible": "yes"}),
        ("<img src=/a.png><script></script>", {}),
        ("<div id=root></div><script></script>", {"visible": ROW}),
        ("<div id=root><img src=/a.png></div><script></script>", {}),
        (f"<meta http-equiv=refresh content='900; url=/'><p>{ROW}</p>", {}),
        ("<script></script>", {"status": 500}),
    ],
    ids=["long", "short", "rendered", "picture", "filled", "drawn", "reloads", "error"],
)
def test_a_page_that_shows_something_is_no_shell(body: str, more: dict[str, object]) -> None:
    assert "empty" not in verdicts(judge(body, **more))  # type: ignore[arg-type]


def test_players_without_a_file_of_their_own_are_told() -> None:
    found = judge(
        f"{LONG}<video class=one></video><video src='blob:https://news.example/x'></video>"
        "<video src=/a.mp4></video><video><source src=/b.mp4></video><audio data-src=/c.mp3></audio>"
    )
    assert [each.partition(" ")[2] for each in found.players] == ['class="one">', 'src="blob:https://news.example/x">']


def test_what_a_browser_showed_counts_where_the_markup_says_more() -> None:
    hidden = f"<p>Press and hold to confirm that you are a human</p><div class=veil>{LONG}</div>"
    assert verdicts(judge(hidden, visible="Press and hold to confirm that you are a human")) == {
        "challenge": "sentence"
    }
    assert verdicts(judge(hidden)) == {}


def test_evidence_is_quoted_and_bounded() -> None:
    found = judge(
        f"<p>Please {'x' * 2_000} verify you are human{'y' * 2_000}</p>", visible="verify you are human " * 20
    )
    assert found.obstacles
    assert all(0 < len(each.evidence) <= 240 for each in found.obstacles)
    assert "verify you are human" in found.obstacles[0].evidence


def test_the_words_of_shadow_roots_count_as_a_browser_shows_them_and_nothing_is_said_without_one() -> None:
    page = f"<news-page><template shadowrootmode=open>{LONG}{FORM}</template></news-page>{FORM}<script></script>"
    assert verdicts(judge(page)) == {}
    assert verdicts(judge(page, visible=ROW * 20)) == {}
    assert verdicts(judge(page, visible="Log in")) == {"login": "form"}
    assert verdicts(judge("<x-x><template shadowrootmode=open><img src=a></template></x-x>", visible="")) == {}
