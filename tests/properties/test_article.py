"""Any octets give an Article, in time that grows with their number."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment import canonical
from muniment.extract.article import Article, encode, from_html
from muniment.extract.dates import instant_or_day

PAGE = "https://news.example/2024/story.html"
PIECES = st.sampled_from(
    [
        "<meta", "name=author", "property='og:title'", "content=", "<time", "datetime=", "2024-03-12", "T07:00:00",
        "+02:00", "</time>", "<h1", "itemprop=headline", "itemscope", "itemtype=http://schema.org/Article", ">", "<",
        "<script type=application/ld+json>", "</script>", '{"@type":"Article",', '"@graph":[', '"author":',
        '"headline":',
        '"datePublished":', "{", "}", "[", "]", ",", '"', "1710229272", "1e999", "null", "<p class=byline>",
        "By ", "Von ",
        "<html lang=", "<title>", "<link rel=canonical href=", "//[", "&#0;", "&#xD800;", "&amp;amp;", "\x00", "é",
        "<svg>", "<aside>", "<!--", "-->", "'", "12 March 2024",
    ]
)  # fmt: skip
SOUP = st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=60).map(
    lambda pieces: " ".join(pieces).encode("utf-8", "surrogatepass")
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["@type", "@id", "@graph", "author", "name", "headline", "datePublished", "url", "x"]),
            inner,
        ),
    ),
    max_leaves=12,
)
CHARSETS = st.one_of(st.none(), st.sampled_from(["utf-8", "shift_jis", "utf-16", "no"]))


def quick(body: bytes, charset: str | None) -> Article:
    """Read everything but the main text."""
    return from_html(body, PAGE, charset=charset, remaining=lambda: 0.0)


@settings(max_examples=300, deadline=None)
@given(body=st.one_of(st.binary(max_size=600), SOUP), charset=CHARSETS)
def test_any_octets_give_assertions_that_canonical_json_takes(body: bytes, charset: str | None) -> None:
    found = quick(body, charset)
    assert canonical.encode(encode(found))
    assert found == quick(body, charset)
    assert all(one.raw and len(one.raw) <= 2_048 for one in found.assertions)


@settings(max_examples=200, deadline=None)
@given(value=JSON)
def test_any_json_ld_gives_assertions_that_canonical_json_takes(value: object) -> None:
    block = json.dumps({"@type": "Article", "author": value, "@graph": value}).replace("<", "\\u003c")
    found = quick(f"<script type=application/ld+json>{block}</script>".encode(), "utf-8")
    assert canonical.encode(encode(found))
    assert not any("JSON-LD" in note for note in found.notes)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=st.one_of(st.binary(max_size=400), SOUP))
def test_any_octets_are_read_by_the_child_or_give_a_note(body: bytes) -> None:
    found = from_html(body, PAGE, charset=None)
    assert canonical.encode(encode(found))
    assert found.text_source.startswith("trafilatura/") or any("could not be read" in note for note in found.notes)


@settings(max_examples=300, deadline=None)
@given(
    raw=st.one_of(
        st.text(max_size=60), st.lists(PIECES, max_size=4).map("".join), st.from_regex(r"\d[\d:/. TZ+-]{4,24}")
    )
)
def test_any_text_is_a_day_an_instant_with_a_zone_or_no_date(raw: str) -> None:
    value = instant_or_day(raw)
    if "T" in value:
        assert value.endswith("Z") or value[-6] in "+-"
    else:
        assert len(value) in (0, 10)


HOSTILE = {
    "nested blocks": "<div>",
    "bylines in bylines": "<div class=byline>x",
    "headings": "<h1>x",
    "times": "<time>x",
    "items": "<div itemscope itemprop=author>",
    "metas": "<meta name=author content=x>",
    "blocks": "<script type=application/ld+json>[",
    "escapes": "&amp;",
    "bylines of digits": "<p class=date>1 1 1 1 1 1 1 1 1",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("count", [9_000, 100_000])
def test_a_hostile_page_costs_no_more_than_seconds(piece: str, count: int) -> None:
    began = time.process_time()
    quick((piece * count).encode(), "utf-8")
    assert time.process_time() - began < 10


@pytest.mark.parametrize("opening", ['{"author":', '{"@graph":[', "[", '{"author":['])
def test_nested_json_ld_costs_no_more_than_seconds(opening: str) -> None:
    began = time.process_time()
    quick(("<script type=application/ld+json>" + opening * 90_000).encode(), "utf-8")
    deep = '{"@type":"Article","author":' * 900 + '"A"' + "}" * 900
    quick(f"<script type=application/ld+json>{deep}</script>".encode(), "utf-8")
    assert time.process_time() - began < 10
