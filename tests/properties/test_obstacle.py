"""Any octets give a Judgement, in time that grows with their number."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment import canonical
from muniment.extract.obstacle import Received, encode, judged

PAGE = "https://news.example/2024/story.html"
PIECES = st.sampled_from(
    [
        "<title>", "Just a moment...", "404", "Page not found", "</title>", "<h1>", "</h1>", "<script>", "</script>",
        "_cf_chl_opt", "<input type=password>", "<div class=paywall>", "Subscribe to continue reading", "<meta",
        "http-equiv=refresh", "content='0;url=/x'", "property=og:url", "content=//[", "<link rel=canonical href=",
        "<noscript>", "enable JavaScript", "<div id=root></div>", "<video>", "src=blob:x", "</video>", "<p>", "hidden",
        "<div class=g-recaptcha>", ">", "<", "verify you are human", "<svg>", "<template>", "\x00", "&#xD800;", "é",
        "<script type=application/ld+json>", '{"@type":"Article","isAccessibleForFree":false,"hasPart":',
        '{"cssSelector":"',
    ]
)  # fmt: skip
SOUP = st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=60).map(
    lambda pieces: " ".join(pieces).encode("utf-8", "surrogatepass")
)
ANSWERS = st.builds(
    Received,
    asked=st.one_of(st.just(PAGE), st.text(max_size=40)),
    reached=st.one_of(
        st.sampled_from([PAGE, "https://news.example/", "https://news.example/login"]), st.text(max_size=40)
    ),
    status=st.one_of(st.none(), st.sampled_from([200, 401, 403, 404, 503])),
    fields=st.lists(
        st.tuples(st.sampled_from(["cf-mitigated", "WWW-Authenticate", "X"]), st.text(max_size=20)), max_size=3
    ).map(tuple),
    visible=st.one_of(st.none(), st.text(max_size=80)),
)
PARTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(max_size=12), st.sampled_from([".paid", "#x.y", ":has(*)", "False"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["hasPart", "isAccessibleForFree", "cssSelector", "@type", "@graph"]), inner),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(body=st.one_of(st.binary(max_size=600), SOUP), answer=ANSWERS)
def test_any_octets_give_a_judgement_that_canonical_json_takes(body: bytes, answer: Received) -> None:
    found = judged(body, answer, charset="utf-8")
    assert canonical.encode(encode(found, answer))
    assert found == judged(body, answer, charset="utf-8")
    assert all(each.evidence is not None and len(each.evidence) <= 240 for each in found.obstacles)


@settings(max_examples=200, deadline=None)
@given(part=PARTS)
def test_any_json_ld_gives_a_judgement(part: object) -> None:
    block = json.dumps({"@type": "Article", "hasPart": part, "isAccessibleForFree": part}).replace("<", "\\u003c")
    found = judged(
        f"<script type=application/ld+json>{block}</script>".encode(), Received(PAGE, PAGE, 200), charset=None
    )
    assert all(each.signal for each in found.obstacles)


HOSTILE = {
    "nested blocks": "<div>",
    "headings": "<h1>x",
    "containers in containers": "<div class=paywall>x",
    "applications": "<div id=root class=paid>x",
    "passwords": "<input type=password>",
    "metas": "<meta property=og:url content=x>",
    "players": "<video><source><source>",
    "words": "<p>page page page subscribe and subscription ",
    "nearly": "checking your browser checking if article that you ",
    "numbers": "error error 404 404 ",
    "spaces": " \t\n" * 5,
    "marks": "captcha-delivery.co /_Incapsula_Resource?xxxxxxxx ",
    "parts": '<script type=application/ld+json>{"hasPart":[',
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("count", [9_000, 100_000])
def test_a_hostile_page_costs_no_more_than_seconds(piece: str, count: int) -> None:
    page = (piece * count)[: 4 << 20].encode()
    began = time.process_time()
    judged(page, Received(PAGE, PAGE, 200), charset="utf-8")
    judged(page, Received(PAGE, PAGE, 200, (), "x " * 500_000), charset="utf-8")
    assert time.process_time() - began < 10


def test_a_page_too_costly_for_a_tree_is_no_wall_for_lack_of_words_unless_a_browser_shows_none() -> None:
    page = b"<title>Just a moment...</title>" + b"<div>" * 40_000
    assert judged(page, Received(PAGE, PAGE, 200), charset=None).decisive() == {}
    assert judged(page, Received(PAGE, PAGE, 200, (), "Wait"), charset=None).decisive()
