"""Any octets give a Found, in time that grows with their number."""

import time
from string import ascii_letters

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment import canonical
from muniment.errors import FormatError
from muniment.extract import encode, from_css, from_html
from muniment.extract.srcset import candidates
from muniment.message.url import Url, join, spoken

PAGE = "https://news.example/2024/story.html"
PIECES = st.sampled_from(
    [
        "<img",
        "src=",
        "srcset='",
        'data-src="',
        "<a",
        "href=",
        ">",
        "</a>",
        "<style>",
        "</style>",
        "<script",
        "type=application/ld+json>",
        "</script>",
        "{",
        '"image":',
        "[",
        "]",
        "}",
        "<base",
        "href=",
        "<svg>",
        "<template>",
        "<noscript>",
        "<iframe",
        "srcdoc='",
        "<p>",
        "<b>",
        "url(",
        "@import",
        "image-set(",
        "/*",
        "*/",
        "\\75",
        ";",
        ",",
        "#",
        "data:",
        "//",
        "http://h:",
        "[",
        "]",
        "&#0;",
        "&#xD800;",
        "\x00",
        "�",
        "é",
        "2x",
        "<!--",
        "-->",
        "<meta",
        "charset=",
        "gb18030",
        "utf-16",
    ]
)
SOUP = st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=60).map(
    lambda pieces: " ".join(pieces).encode("utf-8", "surrogatepass")
)
CHARSETS = st.one_of(st.none(), st.sampled_from(["utf-8", "shift_jis", "iso-2022-jp", "utf-16", "big5", "no"]))


@settings(max_examples=300, deadline=None)
@given(body=st.one_of(st.binary(max_size=600), SOUP), charset=CHARSETS)
def test_any_octets_give_links_that_canonical_json_takes(body: bytes, charset: str | None) -> None:
    for found in (from_html(body, PAGE, charset=charset), from_css(body, PAGE, charset=charset)):
        assert canonical.encode(encode(found))
        keys = [(link.url, link.role) for link in found.links]
        assert len(keys) == len(set(keys))


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=80), prefix=st.sampled_from(["", "http://", "https://h/", "//", "xn--", "http://[", "a:"]))
def test_any_text_is_a_url_in_normal_form_or_refused_by_name(text: str, prefix: str) -> None:
    for read in (Url.parse, lambda reference: join(PAGE, reference)):
        try:
            url = read(prefix + text)
        except FormatError:
            continue
        assert join(PAGE, url.href).href == url.href
        assert "@" not in url.authority
        assert url.host.isascii()
    assert spoken(text).isprintable()


@given(names=st.lists(st.text(ascii_letters + "(),", min_size=1, max_size=9), max_size=8))
def test_every_candidate_with_a_descriptor_is_found_whatever_commas_it_holds(names: list[str]) -> None:
    urls = ["/" + name.rstrip(",") for name in names]
    assert list(candidates(", ".join(url + " 2x" for url in urls))) == urls


@settings(max_examples=30, deadline=None)
@given(urls=st.lists(st.text(ascii_letters, min_size=1, max_size=9), max_size=9, unique=True))
def test_a_page_that_is_read_tag_by_tag_refers_to_the_same_things(urls: list[str]) -> None:
    html = "".join(f"<div><b x={n}><p><img alt='<' src={url}.png>" for n, url in enumerate(urls))
    html += "<style>a{b:url(c.png)}</style><iframe src=/d></iframe><table><tr style='b:url(e.png)'>"
    whole, flat = (from_html(page.encode(), PAGE, charset=None) for page in (html, html + "<br>" * 40_000))
    assert (whole.flat, flat.flat) == (False, True)
    assert {(link.url, link.role) for link in whole.links} == {(link.url, link.role) for link in flat.links}


HOSTILE = {
    "nested blocks": "<div>",
    "nested lists": "<ul><li>",
    "open quotes": "<a x='",
    "other open quotes": '<a x="',
    "comments": "<!--",
    "sheets": "<style>",
    "templates": "<template>",
    "unclosed tags": "<meta ",
    "ampersands": "&",
    "formatting": "<p><font color=x size=y><b>",
    "titles in drawings": "<svg><title>",
}
HOSTILE_CSS = [
    "{",
    "{}",
    '"',
    "\\",
    "/*",
    "(",
    "url(",
    'url("',
    "a",
    '"\n',
    "url(a ",
    "image-set(",
    "@",
    "/",
    "@import ",
]


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_against_the_html_reader_costs_no_more_than_seconds(piece: str) -> None:
    began = time.monotonic()
    from_html((piece * (1_000_000 // len(piece))).encode(), PAGE, charset="utf-8")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("count", [2_000, 50_000])
def test_a_tag_of_many_attributes_costs_no_more_than_seconds(count: int) -> None:
    began = time.monotonic()
    from_html(("<img " + " ".join(f"a{n}=1" for n in range(count)) + " src=x>").encode(), PAGE, charset="utf-8")
    assert time.monotonic() - began < 10


def test_formatting_that_every_paragraph_opens_again_costs_no_gigabytes() -> None:
    html = "<p>" + "".join(f"<b a={n}>" for n in range(2_000)) + "</p>" + "<p>x" * 20_000 + "<a href=/end>"
    found = from_html(html.encode(), PAGE, charset="utf-8")
    assert found.links[0].url == "https://news.example/end"
    assert "tag by tag" in found.notes[0]


@pytest.mark.parametrize("piece", HOSTILE_CSS)
def test_a_megabyte_against_the_css_reader_costs_no_more_than_seconds(piece: str) -> None:
    began = time.monotonic()
    from_css((piece * (1_000_000 // len(piece))).encode(), PAGE, charset=None)
    assert time.monotonic() - began < 10
