"""What a style sheet refers to, example by example."""

import pytest

from muniment.extract import LinkKind, from_css
from muniment.extract.css import Reference, references
from muniment.model import Role

SHEET = "https://news.example/css/site.css"


def image(raw: str, source: str = "css:url") -> Reference:
    return Reference(raw, source, Role.IMAGE)


def sheet(raw: str) -> Reference:
    return Reference(raw, "css:@import", Role.STYLE)


def font(raw: str) -> Reference:
    return Reference(raw, "css:@font-face", Role.FONT)


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ('@import "a.css";', [sheet("a.css")]),
        ("@IMPORT URL(a.css) screen and (color);", [sheet("a.css")]),
        ('@import url("a.css") layer(x) supports(background: url(no.png));', [sheet("a.css")]),
        ("@import/* why */'a.css'", [sheet("a.css")]),
        ("a{background:url(a.png)}", [image("a.png")]),
        ("a{background:url( 'a b.png' )}", [image("a b.png")]),
        ("a{background:\\75rl(a.png)}", [image("a.png")]),
        ("a{background:u\\000072l(a\\2e png)}", [image("a.png")]),
        (r"a{background:url(a\).png)}", [image("a).png")]),
        ('a{background:url("a\\\nb.png")}', [image("ab.png")]),
        ("a{background:url(a.png", [image("a.png")]),
        ('a{background:url("a.png', [image("a.png")]),
        ("a{content:'open\n} b{background:url(a.png)}", [image("a.png")]),
        ("/* url(no.png) */ a{b:url(a.png)} /* url(no.png)", [image("a.png")]),
        ("a{b:url(not a url.png); c:url(a.png)}", [image("a.png")]),
        ("a{content:'url(no.png)'}", []),
        ("a{clip-path:url(#shape)}", []),
        ("@namespace svg url(http://www.w3.org/2000/svg);", []),
        ('@charset "utf-8";', []),
        ("@font-face{src:local('x'),url(a.woff2) format('woff2'),url(b)} c{d:url(e.png)}",
         [font("a.woff2"), font("b"), image("e.png")]),
        ("@media print{@font-face{src:url(b)}} c{d:url(e.png)}", [font("b"), image("e.png")]),
        ('a{b:image-set("a.avif" type("image/avif") 1x, url(b.png) 2x)} c{content:"no.png"}',
         [image("a.avif", "css:image-set"), image("b.png")]),
        ("a{b:-webkit-image-set('a.png' 1x)}", [image("a.png", "css:image-set")]),
        ("\\", []),
        ("url(", []),
        ('"\\', []),
    ],
)  # fmt: skip
def test_a_style_sheet_refers_to_what_browsers_read_in_it(css: str, expected: list[Reference]) -> None:
    assert list(references(css)) == expected


def test_a_style_sheet_at_a_url_gives_absolute_links_and_skips_what_it_holds_itself() -> None:
    found = from_css(
        b'@import "more.css"; a{b:url(/i.png)} c{d:url(data:image/png;base64,AA)} e{f:url(file:///etc/passwd)}',
        SHEET,
        charset=None,
    )
    assert [(link.url, link.role) for link in found.links] == [
        ("https://news.example/css/more.css", Role.STYLE),
        ("https://news.example/i.png", Role.IMAGE),
        # Not dropped in silence: whoever fetches refuses this by its scheme, on record.
        ("file:///etc/passwd", Role.IMAGE),
    ]
    assert {link.kind for link in found.links} == {LinkKind.REQUISITE}


def test_a_style_sheet_is_read_in_the_encoding_that_it_declares() -> None:
    body = '@charset "windows-1251"; a{b:url(ж.png)}'.encode("cp1251")
    found = from_css(body, SHEET, charset=None)
    assert (found.charset, found.charset_source) == ("windows-1251", "document")
    assert found.links[0].url == "https://news.example/css/%D0%B6.png"
    assert from_css(body, SHEET, charset="utf-8").charset_source == "http"
    assert from_css("a{b:url(é.png)}".encode(), SHEET, charset=None).links[0].url.endswith("/%C3%A9.png")
