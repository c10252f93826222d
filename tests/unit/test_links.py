"""What a page rests on: an example for each mechanism, then real pages."""

import os
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest
import rfc8785

from muniment.errors import FormatError
from muniment.extract import EXTRACTOR, Found, Link, LinkKind, encode, from_html, links
from muniment.message.url import join
from muniment.model import Role
from muniment.sample import contents

CORPUS = Path(os.environ.get("MUNIMENT_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
PAGES = CORPUS / "articles" / "pages"
PAGE = "https://news.example/2024/story.html"
HERE = "https://news.example/2024/"


def page(html: str, charset: str = "utf-8") -> Found:
    return from_html(html.encode("utf-8", "surrogatepass"), PAGE, charset=charset)


def told(html: str) -> list[tuple[str, str, str]]:
    """Return URL (relative to the page's folder), role and source of each link of *html*."""
    return [(link.url.removeprefix(HERE), link.role.value, link.source) for link in page(html).links]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<img src=a.jpg>", [("a.jpg", "image", "img[src]")]),
        ("<IMG SRC='\n a.jpg '>", [("a.jpg", "image", "img[src]")]),
        ("<img src=a.jpg?x=1&amp;y=2>", [("a.jpg?x=1&y=2", "image", "img[src]")]),
        ("<img src=a.jpg><img src=a.jpg#f>", [("a.jpg", "image", "img[src]")]),
        ("<img srcset='a.jpg 1x, b.jpg 640w,c.jpg'>",
         [("a.jpg", "image", "img[srcset]"), ("b.jpg", "image", "img[srcset]"), ("c.jpg", "image", "img[srcset]")]),
        ("<img srcset='a,b.jpg 1x, data:image/gif;base64,R0lG 2x'>", [("a,b.jpg", "image", "img[srcset]")]),
        ("<picture><source srcset='a.avif' media='(min-width: 1px)'><img></picture>",
         [("a.avif", "image", "source[srcset]")]),
        ("<img data-src=a.jpg data-srcset='b.jpg 2x' src=data:image/gif;base64,R0lG>",
         [("a.jpg", "image", "img[data-src]"), ("b.jpg", "image", "img[data-srcset]")]),
        ("<div data-background-image=\"url('a.jpg')\">", [("a.jpg", "image", "div[data-background-image]")]),
        ("<div data-image='{\"id\": 4}' data-src='not a url'>", []),
        ("<iframe data-src=/v/1></iframe>", [("https://news.example/v/1", "embed", "iframe[data-src]")]),
        ("<noscript><img src=a.jpg></noscript>", [("a.jpg", "image", "img[src]")]),
        ("<p style='background: URL(&quot;a.jpg&quot;)'>", [("a.jpg", "image", "p[style] css:url")]),
        ("<style>@import 'a.css'; @font-face{src:url(b)}</style>",
         [("a.css", "style", "css:@import"), ("b", "font", "css:@font-face")]),
        ("<link rel='alternate StyleSheet' href=a.css>", [("a.css", "style", "link[rel=stylesheet]")]),
        ("<script src=a.js></script>", [("a.js", "script", "script[src]")]),
        ("<link rel=modulepreload href=a.mjs>", [("a.mjs", "script", "link[rel=modulepreload]")]),
        ("<link rel=preload as=font href=a>", [("a", "font", "link[rel=preload]")]),
        ("<link rel=preload as=image href=a imagesrcset='b 1x'>",
         [("a", "image", "link[rel=preload]"), ("b", "image", "link[imagesrcset]")]),
        ("<link rel='shortcut icon' href=a.ico>", [("a.ico", "image", "link[rel=icon]")]),
        ("<link rel=manifest href=a.json>", [("a.json", "other", "link[rel=manifest]")]),
        ("<link rel=preconnect href=//cdn.example>", []),
        ("<video src=a.mp4 poster=b.jpg></video>",
         [("a.mp4", "video", "video[src]"), ("b.jpg", "image", "video[poster]")]),
        ("<video><source src=a><track src=b.vtt></video>",
         [("a", "video", "source[src]"), ("b.vtt", "text", "track[src]")]),
        ("<audio><source src=a></audio>", [("a", "audio", "source[src]")]),
        ("<iframe src=https://social.example/1></iframe>", [("https://social.example/1", "embed", "iframe[src]")]),
        ("<iframe srcdoc='<img src=a.jpg>'></iframe>", [("a.jpg", "image", "img[src]")]),
        ("<template shadowrootmode=open><img src=a.jpg></template>", [("a.jpg", "image", "img[src]")]),
        ("<object data=a.pdf></object>", [("a.pdf", "document", "object[data]")]),
        ("<embed src=a type=video/mp4>", [("a", "video", "embed[src]")]),
        ("<input type=IMAGE src=a.png><input src=b.png>", [("a.png", "image", "input[src]")]),
        ("<svg><image xlink:href=a.png /><use href=b.svg#x /><use href=#y /></svg>",
         [("a.png", "image", "image[xlink:href]"), ("b.svg", "image", "use[href]")]),
        ("<meta property=og:image:secure_url content=a.jpg>", [("a.jpg", "image", "meta[og:image:secure_url]")]),
        ("<meta property=og:video content=a.mp4><meta property=og:video:url content=/player>",
         [("a.mp4", "video", "meta[og:video]"), ("https://news.example/player", "embed", "meta[og:video:url]")]),
        ("<meta name=twitter:player content=a>", [("a", "embed", "meta[twitter:player]")]),
        ("<meta http-equiv=Refresh content=\"0; URL='b.html'\">", [("b.html", "redirect", "meta[refresh]")]),
        ("<a href=a.PDF?v=2>", [("a.PDF?v=2", "document", "a[href]")]),
        ("<a href=a.mp3>", [("a.mp3", "audio", "a[href]")]),
        ("<link rel=alternate type=application/rss+xml href=f>", [("f", "feed", "link[rel=alternate]")]),
        ("<base href=/x/><base href=/y/><img src=a>", [("https://news.example/x/a", "image", "img[src]")]),
        ("<base href=javascript:0><img src=a>", [("a", "image", "img[src]")]),
        ("<a href='javascript:x()'><a href=about:blank><a href=blob:x><a href='#top'><a href=''>", []),
        ("<a href=mailto:desk@news.example>", [("mailto:desk@news.example", "other", "a[href]")]),
    ],
)  # fmt: skip
def test_a_reference_is_found_with_its_role_and_source(html: str, expected: list[tuple[str, str, str]]) -> None:
    assert told(html) == expected


def test_json_ld_names_images_videos_and_sounds_and_broken_json_is_counted() -> None:
    found = page("""
        <script type="application/ld+json">{"@graph": [{"@type": "NewsArticle", "url": "/story",
          "image": ["a.jpg", {"@type": "ImageObject", "url": "b.jpg"}, {"url": "c.jpg"}],
          "video": {"@type": ["Thing", "https://schema.org/VideoObject"], "contentUrl": "d", "embedUrl": "e",
                    "thumbnailUrl": ["f.jpg"], "url": "/watch"},
          "audio": "g.mp3", "headline": "\\ud800 \\u0000"}]}</script>
        <script type="application/ld+json">{"image": "h.jpg",}</script>""")
    assert [(link.url.removeprefix(HERE), link.role.value, link.source) for link in found.links] == [
        ("a.jpg", "image", "json-ld:NewsArticle.image"),
        ("b.jpg", "image", "json-ld:ImageObject.url"),
        ("c.jpg", "image", "json-ld:ImageObject.url"),
        ("d", "video", "json-ld:VideoObject.contentUrl"),
        ("e", "embed", "json-ld:VideoObject.embedUrl"),
        ("f.jpg", "image", "json-ld:VideoObject.thumbnailUrl"),
        ("g.mp3", "audio", "json-ld:NewsArticle.audio"),
    ]
    assert found.notes == ("1 blocks of JSON-LD could not be read",)


ARTICLE = """<nav><a href=/menu>menu</a></nav><article class=teaser><p>Short.</p><a href=/teaser>other</a></article>
<{open}><p>{text} <a href=https://outlet.example/1>as reported</a></p><aside><a href=/aside>more</a></aside>
<blockquote cite=https://outlet.example/2><p>{text}</p></blockquote><div class="share-bar"><a href=/send>send</a></div>
<a href="https://www.facebook.com/sharer/sharer.php?u=x">share</a></{close}>
<footer><a href=/imprint>imprint</a></footer>"""


@pytest.mark.parametrize("mark", ["article", "main", "div role=main", "div itemprop='x articleBody'", "div"])
def test_links_of_the_articles_body_are_citations_and_those_of_its_furniture_are_not(mark: str) -> None:
    found = page(
        ARTICLE.format(open=mark, close=mark.split(" ", maxsplit=1)[0], text="A long sentence of running text. " * 20)
    )
    kinds = {link.url: link.kind for link in found.links}
    cited = [url for url, kind in kinds.items() if kind is LinkKind.CITATION]
    assert cited == ["https://outlet.example/1", "https://outlet.example/2"] or mark == "div"
    assert "https://outlet.example/1" in cited
    assert all(link.role is Role.CITED for link in found.links if link.kind is LinkKind.CITATION)
    for furniture in ("menu", "teaser", "aside", "send", "imprint"):
        assert kinds[f"https://news.example/{furniture}"] is LinkKind.NAVIGATION


def test_the_attribution_in_the_footer_of_a_quotation_is_a_citation() -> None:
    found = page(
        "<article><p>Three newsrooms were there.</p><blockquote><p>Twice.</p>"
        "<footer><a href=https://outlet.example/3>The Gazette</a></footer></blockquote>"
        "<footer><a href=/imprint>imprint</a></footer></article>"
    )
    assert [link.url for link in found.links if link.kind is LinkKind.CITATION] == ["https://outlet.example/3"]


@pytest.mark.parametrize(
    ("body", "charset", "expected"),
    [
        (b"\xef\xbb\xbf<title>\xc3\xa9</title>", "iso-8859-1", ("utf-8", "byte-order-mark", "é")),
        ("\ufeff<title>é</title>".encode("utf-16-le"), None, ("utf-16le", "byte-order-mark", "é")),
        (b"<meta charset=koi8-r><title>\xc3\xa9</title>", "UTF-8", ("utf-8", "http", "é")),
        (b"<meta charset='ISO-8859-2'><title>\xe8</title>", None, ("iso-8859-2", "document", "č")),
        (b"<meta charset=x-nonsense><title>\xe8</title>", "nonsense", ("windows-1252", "fallback", "è")),
        (b"<!-- <meta charset=koi8-r> --><title>\x93</title>", None, ("windows-1252", "fallback", "“")),
        (b'<meta http-equiv=content-type content="text/html; charset=gb2312"><title>\xb1\xb1</title>', None,
         ("gbk", "document", "北")),
        (b"<meta charset=utf-16><title>\xc3\xa9</title>", None, ("utf-8", "document", "é")),
        (b"<title>\xff\x00</title>", "utf-8", ("utf-8", "http", "\ufffd\ufffd")),
    ],
)  # fmt: skip
def test_a_page_is_read_in_the_encoding_that_a_browser_would_choose(
    body: bytes, charset: str | None, expected: tuple[str, str, str]
) -> None:
    found = from_html(body, PAGE, charset=charset)
    assert (found.charset, found.charset_source, found.title) == expected


def test_a_reference_that_no_browser_resolves_is_told_and_not_dropped() -> None:
    found = page("<img src='http://[bad/'><img src='https://h:99999/'><img src=a.jpg>")
    assert [(one.raw, one.source) for one in found.unresolved] == [
        ("http://[bad/", "img[src]"),
        ("https://h:99999/", "img[src]"),
    ]
    assert "IPv6" in found.unresolved[0].why
    assert len(found.links) == 1


def test_links_beyond_the_bound_are_counted() -> None:
    found = page("".join(f"<img src={n}><a href=/{n}/>" for n in range(12_000)))
    assert len(found.links) == 17_000
    assert found.left_out == 0, "menus never count as left out"
    assert "7000 references of menus" in found.notes[0]
    assert sum(link.kind is LinkKind.REQUISITE for link in found.links) == 12_000
    flat = page("".join(f"<img src={n}>" for n in range(31_000)))
    assert (len(flat.links), flat.left_out) == (20_000, 11_000)


def test_what_was_found_is_canonical_json_that_names_its_extractor() -> None:
    found = page("<title>\x00\ud800</title><img src=a.jpg><img src='http://[\x00'>")
    record = encode(found)
    assert (record["v"], record["type"], record["extractor"], record["left_out"]) == (1, "links", EXTRACTOR, 0)
    assert record["links"] == [
        {"url": HERE + "a.jpg", "role": "image", "kind": "requisite", "source": "img[src]"},
    ]
    assert "\x00" not in str(record)
    assert rfc8785.dumps(record)


def test_only_pages_and_style_sheets_are_read() -> None:
    body = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='a.png'/></svg>"
    assert links("image/svg+xml; charset=utf-8", body, PAGE, None).links == (
        Link(HERE + "a.png", Role.IMAGE, LinkKind.REQUISITE, "image[href]"),
    )
    assert links("Text/CSS", b"a{b:url(c)}", PAGE, None).links[0].url == HERE + "c"
    assert not links("application/json", body, PAGE, None).links


def test_a_page_without_an_absolute_url_is_refused() -> None:
    with pytest.raises(FormatError):
        from_html(b"", "story.html", charset=None)


def test_the_sample_articles_own_list_is_reached_by_following_what_is_found() -> None:
    assets = {asset.url: asset for asset in contents.CONTENTS}
    roots = resources.files("muniment.sample") / "assets"
    reached, pending = {contents.ARTICLE}, [contents.ARTICLE]
    while pending:
        asset = assets[pending.pop()]
        location = dict(asset.fields).get("Location")
        if location is not None:
            onward = [join(asset.url, location).href]
        elif asset.file:
            found = links(asset.media_type, (roots / asset.file).read_bytes(), asset.url, "utf-8")
            assert not found.unresolved
            kinds = {LinkKind.REQUISITE, LinkKind.EMBED}
            kinds |= {LinkKind.CITATION} if asset.url == contents.ARTICLE else set()
            onward = [link.url for link in found.links if link.kind in kinds]
        else:
            onward = []
        pending += [url for url in onward if url not in reached]
        reached.update(onward)
    assert reached == set(contents.expected())


class Images(HTMLParser):
    """An independent reader: the ``src`` of every ``<img>``, and the first ``<base href>``."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.address = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(reversed(attrs))
        if tag == "img" and (source := (values.get("src") or "").strip()):
            self.sources.append(source)
        if tag == "base" and not self.address:
            self.address = values.get("href") or ""


def real_pages() -> list[Path] | list[None]:
    return sorted(PAGES.glob("*.html")) or [None]


@pytest.mark.parametrize("path", real_pages(), ids=lambda path: path.name if path else "none")
def test_a_real_page_is_read_twice_alike_and_no_image_that_a_stranger_sees_is_missed(path: Path | None) -> None:
    if path is None:
        pytest.skip(f"the real pages are not here: {PAGES}")
    body = path.read_bytes()
    found = from_html(body, PAGE, charset=None)
    assert encode(found) == encode(from_html(body, PAGE, charset=None))
    assert rfc8785.dumps(encode(found))
    assert found.title
    kept = {link.url for link in found.links}
    theirs = Images(body.decode(found.charset.replace("windows-", "cp"), "replace"))
    for source in theirs.sources:
        if not source.startswith(("data:", "#")):
            assert join(join(PAGE, theirs.address), source).href in kept
    assert len(set(theirs.sources)) // 2 <= sum(link.role is Role.IMAGE for link in found.links) <= 500
    assert not [note for note in found.notes if "tree" in note]
