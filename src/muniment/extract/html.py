"""What a page refers to, as a browser's parser sees the page (selectolax with the lexbor engine; scripts not run)."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from muniment.errors import FormatError
from muniment.extract import css, jsonld
from muniment.extract.body import cited_anchors
from muniment.extract.charset import printable
from muniment.extract.found import Gathering, LinkKind
from muniment.extract.media import role_of, role_of_type
from muniment.extract.srcset import candidates
from muniment.extract.tags import base_of, costly, flattened
from muniment.model import Role

__all__ = ["gather"]

_MAX_TITLE: Final = 4_096
_MAX_WITHIN: Final = 3
_REQUISITE: Final = LinkKind.REQUISITE

# Attributes that hold a URL, by element: the role it has for the page.
_URLS: Final[dict[str, dict[str, Role]]] = {
    "img": {"src": Role.IMAGE},
    "image": {"href": Role.IMAGE, "xlink:href": Role.IMAGE, "src": Role.IMAGE},
    "feimage": {"href": Role.IMAGE, "xlink:href": Role.IMAGE},
    "use": {"href": Role.IMAGE, "xlink:href": Role.IMAGE},
    "amp-img": {"src": Role.IMAGE},
    "amp-anim": {"src": Role.IMAGE},
    "video": {"src": Role.VIDEO},
    "amp-video": {"src": Role.VIDEO},
    "audio": {"src": Role.AUDIO},
    "amp-audio": {"src": Role.AUDIO},
    "track": {"src": Role.TEXT},
    "script": {"src": Role.SCRIPT, "href": Role.SCRIPT, "xlink:href": Role.SCRIPT},
    "iframe": {"src": Role.EMBED},
    "frame": {"src": Role.EMBED},
    "amp-iframe": {"src": Role.EMBED},
}
# What lazy loaders of the wild put in place of src, srcset, poster and a background; a script moves it there later.
_LAZY_URLS: Final = frozenset(
    [
        "data-src",
        "data-lazy-src",
        "data-lazy",
        "data-lazyload",
        "data-original",
        "data-original-src",
        "data-actualsrc",
        "data-echo",
        "data-hires",
        "data-hi-res-src",
        "data-orig-file",
        "data-large-file",
        "data-large_image",
        "data-full-src",
        "data-image",
        "data-img",
        "data-thumb",
        "data-image-src",
        "data-img-src",
        "data-srclarge",
        "data-src-large",
        "data-fallback-src",
        "data-zoom-image",
        "data-interchange-src",
        "data-bg",
        "data-background",
        "data-background-image",
        "data-bg-image",
        "data-bg-url",
        "data-poster",
        "data-lazy-poster",
        "data-flickity-lazyload",
        "data-ll-src",
        "data-cfsrc",
        "data-runner-src",
        "data-default-src",
        "data-src-retina",
        "data-2x",
    ]
)
_LAZY_SETS: Final = frozenset(
    [
        "data-srcset",
        "data-lazy-srcset",
        "data-original-set",
        "data-bgset",
        "data-responsive-srcset",
        "data-flickity-lazyload-srcset",
        "data-ll-srcset",
        "data-cfsrcset",
        "data-sizes-srcset",
        "data-source-srcset",
    ]
)
_MEDIA_TAGS: Final = {"video": Role.VIDEO, "audio": Role.AUDIO, "iframe": Role.EMBED, "script": Role.SCRIPT}
_ICONS: Final = frozenset({"icon", "apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image",
                           "mask-icon", "fluid-icon", "image_src"})  # fmt: skip
_FEEDS: Final = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json"})
# HTML 4.6.7.14, preload: the destination that ``as`` names.
_DESTINATIONS: Final = {"image": Role.IMAGE, "style": Role.STYLE, "script": Role.SCRIPT, "font": Role.FONT,
                        "video": Role.VIDEO, "audio": Role.AUDIO, "track": Role.TEXT, "fetch": Role.OTHER,
                        "worker": Role.SCRIPT, "document": Role.EMBED, "embed": Role.EMBED}  # fmt: skip
_ELSEWHERE: Final = frozenset({"canonical", "amphtml", "shortlink", "next", "prev", "author", "license", "alternate"})
_METAS: Final = {"og:image": Role.IMAGE, "og:image:url": Role.IMAGE, "og:image:secure_url": Role.IMAGE,
                 "og:video": Role.VIDEO, "og:video:url": Role.VIDEO, "og:video:secure_url": Role.VIDEO,
                 "og:audio": Role.AUDIO, "og:audio:url": Role.AUDIO, "og:audio:secure_url": Role.AUDIO,
                 "twitter:image": Role.IMAGE, "twitter:image:src": Role.IMAGE, "twitter:player": Role.EMBED,
                 "twitter:player:stream": Role.VIDEO, "msapplication-tileimage": Role.IMAGE, "image": Role.IMAGE,
                 "thumbnailurl": Role.IMAGE, "contenturl": Role.OTHER, "embedurl": Role.EMBED}  # fmt: skip
# HTML 4.2.5.3, refresh: seconds, a separator, perhaps "url=", perhaps quotes.
_REFRESH: Final = re.compile(
    r"\s*+[\d.]*+\s*+[;,]?\s*+(?:url\s*+=\s*+)?(?:\"([^\"]*+)|'([^']*+)|(.*+))", re.IGNORECASE | re.DOTALL
)
_SHARING: Final = re.compile(r"https?://[^/]*(?:facebook\.com/(?:sharer|share|dialog)|(?:twitter|x)\.com/(?:intent|share)"
                             r"|linkedin\.com/share|pinterest\.[a-z.]+/pin/create|wa\.me/|t\.me/share|reddit\.com/submit)",
                             re.IGNORECASE)  # fmt: skip
_CSS_URL: Final = re.compile(r"\s*url\(", re.IGNORECASE)
_NOT_A_URL: Final = re.compile(r"[\s{}<>\"|\\^`\[\]]")


def gather(html: str, into: Gathering) -> str:
    """Put every reference of *html* into *into*, in document order, and return the page's title as it is written.

    Between the pieces of a page that is too costly for a tree, *into* is asked whether there is time for more.
    """
    into.flat = costly(html)
    if into.flat:
        into.notes.append("the page is too costly for a tree; it was read tag by tag, its citations as navigation")
        _take_base(base_of(html), into)
        title = _gather_flat(html, into)
    else:
        page = LexborHTMLParser(html)
        bases = (node.attributes["href"] for node in page.css("base") if "href" in node.attributes)
        _take_base(next((written or "" for written in bases), None), into)
        title = _title(page)
        _Page(into, cited_anchors(page), 0).read(page)
    if into.broken_blocks:
        into.notes.append(f"{into.broken_blocks} blocks of JSON-LD could not be read")
    return title


def _gather_flat(html: str, into: Gathering) -> str:
    title = ""
    for tree in _pieces(html, into):
        title = title or _title(tree)
        _Page(into, frozenset(), 0).read(tree)
    return title


def _pieces(html: str, into: Gathering) -> Iterator[LexborHTMLParser]:
    """Yield trees of the parts of a page that is too costly for one, as long as there is time."""
    for piece in flattened(html):
        if not into.has_time():
            return
        if piece.cut:
            into.unread = "max-page-tags"
        into.shorn += piece.shorn
        yield LexborHTMLParser(piece.html)


def _title(page: LexborHTMLParser) -> str:
    title = page.css_first("head title") or page.css_first("title")
    return printable(title.text(deep=True)[:_MAX_TITLE].strip()) if title is not None else ""


def _take_base(written: str | None, into: Gathering) -> None:
    """Let the first ``<base href>`` decide what references are relative to (HTML 4.2.3)."""
    if written is None:
        return
    resolved = into.resolved(written.strip(" \t\r\n\f"), "base[href]")
    if resolved is not None and resolved.scheme not in ("data", "javascript"):
        into.base = resolved.href


class _Page:
    """One tree being read: what was gathered so far, which anchors cite, how many documents this one lies within."""

    __slots__ = ("cited", "into", "within")

    def __init__(self, into: Gathering, cited: frozenset[int], within: int) -> None:
        self.into = into
        self.cited = cited
        self.within = within

    def read(self, page: LexborHTMLParser) -> None:
        if page.root is None:
            return
        for node in page.root.traverse(include_text=False):
            if not node.is_element_node or not node.tag:
                continue
            tag = node.tag.lower()
            attributes = {key.lower(): value or "" for key, value in node.attributes.items()}
            self._table(node, tag, attributes)
            if (read := _ELEMENTS.get(tag)) is not None:
                read(self, node, attributes)

    def _add(self, raw: str, role: Role, source: str) -> None:
        self.into.add(raw, role, LinkKind.EMBED if role is Role.EMBED else _REQUISITE, source)

    def _set(self, srcset: str, role: Role, source: str) -> None:
        for raw in candidates(srcset):
            self._add(raw, role, source)

    def _sheet(self, text: str, prefix: str) -> None:
        for reference in css.references(text):
            self._add(reference.raw, reference.role, prefix + reference.source)

    def _table(self, node: LexborNode, tag: str, attributes: dict[str, str]) -> None:
        """Read what any element may have: URLs by the table, candidates, lazy attributes, inline style."""
        table = _URLS.get(tag, {})
        for name, value in attributes.items():
            source = f"{tag[:40]}[{name}]"
            if name in table:
                self._add(value, table[name], source)
            elif name == "srcset":
                self._set(value, Role.IMAGE, source)
            elif name in ("poster", "background") and tag != "a":
                self._add(value, Role.IMAGE, source)
            elif name == "style":
                self._sheet(value, f"{tag[:40]}[style] ")
            elif name in _LAZY_SETS:
                self._set(value, Role.IMAGE, source)
            elif name in _LAZY_URLS:
                self._lazy(value, Role.IMAGE if "poster" in name or "bg" in name else self._of(node, tag), source)

    def _of(self, node: LexborNode, tag: str) -> Role:
        """Return what the content of *node* is to the page; a ``<source>`` is what its parent is."""
        if tag == "source" and node.parent is not None:
            return _MEDIA_TAGS.get(node.parent.tag or "", Role.IMAGE)
        return _MEDIA_TAGS.get(tag, Role.IMAGE)

    def _lazy(self, value: str, role: Role, source: str) -> None:
        """Keep what a lazy attribute holds where it looks like a URL: such names are used for other things too."""
        bare = value.strip()
        if _CSS_URL.match(bare):
            for reference in css.references(bare):
                self._add(reference.raw, Role.IMAGE, source)
        elif not _NOT_A_URL.search(bare) and ("/" in bare or role_of("/" + bare)):
            self._add(bare, role_of(bare) or role if role is Role.IMAGE else role, source)

    def _source(self, node: LexborNode, attributes: dict[str, str]) -> None:
        by_type = role_of_type(attributes.get("type", ""))
        parent = _MEDIA_TAGS.get((node.parent.tag if node.parent else "") or "")
        role = parent or by_type or role_of(attributes.get("src", "")) or Role.IMAGE
        self._add(attributes.get("src", ""), role, "source[src]")

    def _anchor(self, node: LexborNode, attributes: dict[str, str]) -> None:
        raw = attributes.get("href") or attributes.get("xlink:href", "")
        source = f"{node.tag}[href]"
        if (media := role_of(raw)) is not None and not _SHARING.match(raw):
            self.into.anchor(raw, media, _REQUISITE, source)
        elif node.mem_id in self.cited and not _SHARING.match(raw):
            self.into.anchor(raw, Role.CITED, LinkKind.CITATION, source)
        else:
            self.into.anchor(raw, Role.OTHER, LinkKind.NAVIGATION, source)

    def _quotation(self, node: LexborNode, attributes: dict[str, str]) -> None:
        kind = LinkKind.CITATION if node.mem_id in self.cited else LinkKind.NAVIGATION
        role = Role.CITED if kind is LinkKind.CITATION else Role.OTHER
        self.into.anchor(attributes.get("cite", ""), role, kind, f"{node.tag}[cite]")

    def _link(self, _node: LexborNode, attributes: dict[str, str]) -> None:
        words = set(attributes.get("rel", "").lower().split())
        href, kind = attributes.get("href", ""), attributes.get("type", "").partition(";")[0].strip().lower()
        itemprop = _METAS.get(attributes.get("itemprop", "").strip().lower())
        if "stylesheet" in words:
            self._add(href, Role.STYLE, "link[rel=stylesheet]")
        elif words & {"preload", "modulepreload"}:
            self._preload(words, attributes)
        elif words & _ICONS:
            self._add(href, Role.IMAGE, "link[rel=icon]")
        elif "manifest" in words:
            self._add(href, Role.OTHER, "link[rel=manifest]")
        elif words & {"alternate", "feed"} and (kind in _FEEDS or "feed" in words):
            self.into.add(href, Role.FEED, LinkKind.FEED, "link[rel=alternate]")
        elif words & _ELSEWHERE:
            self.into.anchor(href, Role.OTHER, LinkKind.NAVIGATION, f"link[rel={min(words & _ELSEWHERE)}]")
        elif itemprop is not None:
            self._add(href, itemprop, "link[itemprop]")

    def _preload(self, words: set[str], attributes: dict[str, str]) -> None:
        source = "link[rel=preload]" if "preload" in words else "link[rel=modulepreload]"
        fallback = Role.SCRIPT if "modulepreload" in words else role_of(attributes.get("href", "")) or Role.OTHER
        role = _DESTINATIONS.get(attributes.get("as", "").strip().lower(), fallback)
        self._add(attributes.get("href", ""), role, source)
        self._set(attributes.get("imagesrcset", ""), Role.IMAGE, "link[imagesrcset]")

    def _meta(self, _node: LexborNode, attributes: dict[str, str]) -> None:
        content = attributes.get("content", "")
        if attributes.get("http-equiv", "").strip().lower() == "refresh":
            if found := _REFRESH.match(content):
                target = found[1] or found[2] or found[3] or ""
                self.into.anchor(target, Role.REDIRECT, LinkKind.NAVIGATION, "meta[refresh]")
            return
        for name in ("property", "name", "itemprop"):
            word = attributes.get(name, "").strip().lower()
            if role := _METAS.get(word):
                if role in (Role.VIDEO, Role.AUDIO, Role.OTHER):
                    # Players are announced as og:video too; only a file is the video itself.
                    role = role_of(content) or (Role.EMBED if role is Role.VIDEO else role)
                self._add(content, role, f"meta[{word}]")
                return

    def _object(self, node: LexborNode, attributes: dict[str, str]) -> None:
        name = "data" if node.tag == "object" else "src"
        raw = attributes.get(name, "")
        role = role_of_type(attributes.get("type", "")) or role_of(raw) or Role.EMBED
        self._add(raw, role, f"{node.tag}[{name}]")
        # What a flattened page has in place of an iframe.
        self._srcdoc(node, attributes)

    def _input(self, _node: LexborNode, attributes: dict[str, str]) -> None:
        if attributes.get("type", "").strip().lower() == "image":
            self._add(attributes.get("src", ""), Role.IMAGE, "input[src]")

    def _script(self, node: LexborNode, attributes: dict[str, str]) -> None:
        if attributes.get("type", "").partition(";")[0].strip().lower() != "application/ld+json":
            return
        try:
            for raw, role, source in jsonld.references(node.text(deep=True)):
                self._add(raw, role, printable(source))
        except FormatError:
            self.into.broken_blocks += 1

    def _style(self, node: LexborNode, _attributes: dict[str, str]) -> None:
        self._sheet(node.text(deep=True), "")

    def _srcdoc(self, _node: LexborNode, attributes: dict[str, str]) -> None:
        # HTML 4.8.5: a srcdoc document has the base URL of the page around it.
        self._inner(attributes.get("srcdoc", ""))

    def _template(self, node: LexborNode, _attributes: dict[str, str]) -> None:
        # A declarative shadow root is shown; other templates are what scripts show later.
        # Their content is outside the tree, and the serialised start tag has no other ">" (HTML 13.3).
        self._inner((node.html or "").partition(">")[2])

    def _inner(self, html: str) -> None:
        if not html or self.within >= _MAX_WITHIN:
            return
        if not self.into.has_room_within():
            return
        trees = _pieces(html, self.into) if costly(html) else iter([LexborHTMLParser(html)])
        for inner in trees:
            _Page(self.into, frozenset(), self.within + 1).read(inner)


_ELEMENTS: Final[dict[str, Callable[[_Page, LexborNode, dict[str, str]], None]]] = {
    "a": _Page._anchor,  # noqa: SLF001  # the table of this class stands below it
    "area": _Page._anchor,  # noqa: SLF001
    "blockquote": _Page._quotation,  # noqa: SLF001
    "q": _Page._quotation,  # noqa: SLF001
    "embed": _Page._object,  # noqa: SLF001
    "object": _Page._object,  # noqa: SLF001
    "iframe": _Page._srcdoc,  # noqa: SLF001
    "input": _Page._input,  # noqa: SLF001
    "link": _Page._link,  # noqa: SLF001
    "meta": _Page._meta,  # noqa: SLF001
    "script": _Page._script,  # noqa: SLF001
    "source": _Page._source,  # noqa: SLF001
    "style": _Page._style,  # noqa: SLF001
    "template": _Page._template,  # noqa: SLF001
}
