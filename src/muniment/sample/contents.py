"""What every URL of the sample answers, and what a capture of it must therefore find: the sample's books.

Roles are those of the manifest (article, image, video, ...). A URL that answers with a redirect has the role
``redirect``; the page at the end of the chain is the one that is ``cited``. Assets without a role are there for
people who look around, and for crawlers that ask for ``robots.txt``: no capture has to fetch them.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

__all__ = ["ARTICLE", "CONTENTS", "ORIGINS", "PLANTED", "Asset", "Coding", "Identity", "Origin", "Planted", "expected"]

_COURIER: Final = "https://courier.example"
_STATIC: Final = "https://static.courier.example"
_POST: Final = "https://post.social.example"
_OUTLETS: Final = "http://outlets.example"

ARTICLE: Final = f"{_COURIER}/valley/2024/03/orvesk-grain-market"

_HTML: Final = "text/html; charset=utf-8"
_CSS: Final = "text/css; charset=utf-8"
_SVG: Final = "image/svg+xml"
_WEBP: Final = "image/webp"
_JPEG: Final = "image/jpeg"
_PNG: Final = "image/png"
_ICO: Final = "image/vnd.microsoft.icon"
_MP4: Final = "video/mp4"


class Coding(enum.Enum):
    """The content coding that an asset is sent in, when the client accepts it (RFC 9110, 8.4)."""

    IDENTITY = "identity"
    GZIP = "gzip"
    BR = "br"


class Identity(enum.Enum):
    """What an origin shows to prove who it is."""

    NONE = "plain http"
    VALID = "a certificate of the sample's own authority"
    EXPIRED = "a certificate of that authority that ended a year ago"


@dataclass(frozen=True, slots=True)
class Origin:
    """A host, its scheme and how it identifies itself; it listens on one port of its own."""

    host: str
    scheme: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class Asset:
    """What one URL answers: *file* below ``assets/``, or only a Location.

    *role* is empty where no capture has to ask. *drip* is the number of seconds over which the body is spread.
    *hints* are the Link fields of a 103 that goes before the answer (RFC 8297).
    """

    url: str
    file: str
    media_type: str
    role: str = ""
    status: int = 200
    coding: Coding = Coding.IDENTITY
    chunked: bool = False
    ranges: bool = False
    drip: float = 0.0
    fields: tuple[tuple[str, str], ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host that answers."""
        return urlsplit(self.url).netloc

    @property
    def target(self) -> str:
        """The request target in origin form (RFC 9112, 3.2.1)."""
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


@dataclass(frozen=True, slots=True)
class Planted:
    """A failure that is there on purpose: *reason* is what a correct capture says, *words* tell a person why."""

    url: str
    reason: str
    words: str


ORIGINS: Final = (
    Origin("courier.example", "https", Identity.VALID),
    Origin("post.social.example", "https", Identity.VALID),
    Origin("static.courier.example", "https", Identity.EXPIRED),
    Origin("outlets.example", "http", Identity.NONE),
)

_ROOF: Final = f"{_COURIER}/img/market-roof.jpg"
_SIREN_LOG: Final = f"{_OUTLETS}/kessary-gazette/0310-siren-log.html"
_BELL: Final = f"{_STATIC}/audio/chapel-bell.m4a"

PLANTED: Final = (
    Planted(_ROOF, "http-4xx", "a photograph that the newspaper has withdrawn: 404"),
    Planted(_SIREN_LOG, "http-4xx", "a cited page that its outlet removed: 404"),
    Planted(_BELL, "expired", "a sound file behind a certificate that has expired"),
)

_CODED: Final = {
    "css/courier.css?v=7": Coding.GZIP,
    "css/type.css": Coding.BR,
    "js/lazy.js": Coding.GZIP,
    "img/map.svg": Coding.BR,
}

# path under the origin (the file's own path, but for a query) -> media type, role
_COURIER_FILES: Final = (
    ("css/courier.css?v=7", _CSS, "style"),
    ("css/type.css", _CSS, "style"),
    ("css/print.css", _CSS, "style"),
    ("js/lazy.js", "text/javascript; charset=utf-8", "script"),
    ("fonts/lenna-display.woff2", "font/woff2", "font"),
    ("fonts/lenna-display.woff", "font/woff", "font"),
    ("favicon.ico", _ICO, "image"),
    ("img/icon.svg", _SVG, "image"),
    ("img/touch-icon.png", _PNG, "image"),
    ("img/share-1200.jpg", _JPEG, "image"),
    ("img/share-square.jpg", _JPEG, "image"),
    ("img/byline-orel.webp", _WEBP, "image"),
    ("img/market-hall-800.webp", _WEBP, "image"),
    ("img/market-hall-1200.webp", _WEBP, "image"),
    ("img/market-hall-480.jpg", _JPEG, "image"),
    ("img/market-hall-800.jpg", _JPEG, "image"),
    ("img/market-hall-1200.jpg", _JPEG, "image"),
    ("img/map.svg", _SVG, "image"),
    ("img/bridge-480.jpg", _JPEG, "image"),
    ("img/bridge-960.jpg", _JPEG, "image"),
    ("img/lenna at dusk.jpg", _JPEG, "image"),
    ("img/vigil.jpg", _JPEG, "image"),
    ("img/paper.png", _PNG, "image"),
    ("img/ornament.svg", _SVG, "image"),
)
_POST_FILES: Final = (
    ("post.css?theme=paper", _CSS, "style"),
    ("icon.svg", _SVG, "image"),
    ("avatars/mira.png", _PNG, "image"),
    ("avatars/grainhouse.png", _PNG, "image"),
    ("media/4417-poster.jpg", _JPEG, "image"),
    ("media/4423-poster.jpg", _JPEG, "image"),
    ("captions/4417.vtt", "text/vtt; charset=utf-8", "text"),
)
_OUTLETS_FILES: Final = (
    ("radio-sael/style.css", _CSS, "style"),
    ("radio-sael/mast.jpg", _JPEG, "image"),
    ("evening-ledger/ledger.css", _CSS, "style"),
    ("evening-ledger/front.jpg", _JPEG, "image"),
)


def _files(origin: str, listed: tuple[tuple[str, str, str], ...]) -> Iterator[Asset]:
    host = urlsplit(origin).netloc
    for path, media_type, role in listed:
        url = f"{origin}/{path.replace(' ', '%20')}"
        file = f"{host}/{path.partition('?')[0]}"
        yield Asset(url, file, media_type, role, coding=_CODED.get(path, Coding.IDENTITY))


def _newspaper() -> Iterator[Asset]:
    yield Asset(
        ARTICLE,
        "courier.example/article.html",
        _HTML,
        "article",
        coding=Coding.GZIP,
        chunked=True,
        fields=(
            ("Last-Modified", "Tue, 12 Mar 2024 07:41:12 GMT"),
            ("Cache-Control", "public, max-age=60"),
            ("Set-Cookie", "edition=valley; Domain=courier.example; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ),
        hints=("</css/courier.css?v=7>; rel=preload; as=style", "<https://post.social.example>; rel=preconnect"),
    )
    yield from _files(_COURIER, _COURIER_FILES)
    yield Asset(_ROOF, "courier.example/gone.html", _HTML, "image", status=404)
    yield Asset(
        f"{_COURIER}/documents/orvesk-bulletin-14.pdf",
        "courier.example/documents/orvesk-bulletin-14.pdf",
        "application/pdf",
        "document",
        ranges=True,
    )
    yield Asset(_BELL, "static.courier.example/audio/chapel-bell.m4a", "audio/mp4", "audio", ranges=True)


def _posts() -> Iterator[Asset]:
    yield from _files(_POST, _POST_FILES)
    for number, account, film in (("4417", "mira.k", "4417-north-gate"), ("4423", "grainhouse", "4423-yard")):
        coding = Coding.BR if number == "4417" else Coding.GZIP
        host = "post.social.example"
        yield Asset(f"{_POST}/embed/{number}", f"{host}/embed-{number}.html", _HTML, "embed", coding=coding)
        yield Asset(
            f"{_POST}/@{account}/{number}", f"{host}/post-{number}.html", _HTML, "cited", coding=coding, chunked=True
        )
        yield Asset(f"{_POST}/media/{film}.mp4", f"{host}/media/{film}.mp4", _MP4, "video", ranges=True)


def _newsrooms() -> Iterator[Asset]:
    moved = "outlets.example/plain.html"
    page = f"{_OUTLETS}/radio-sael/2024/03/10/grain-market.html"
    for url, status, location in (
        (f"{_OUTLETS}/radio-sael/go/8812", 301, "/radio-sael/r/8812?from=go"),
        (f"{_OUTLETS}/radio-sael/r/8812?from=go", 302, page),
    ):
        yield Asset(url, moved, _HTML, "redirect", status=status, fields=(("Location", location),))
    yield Asset(page, "outlets.example/radio-sael/grain-market.html", _HTML, "cited", coding=Coding.GZIP)
    yield Asset(_SIREN_LOG, "outlets.example/gone.html", _HTML, "cited", status=404)
    yield Asset(
        f"{_OUTLETS}/evening-ledger/ten-minutes.html",
        "outlets.example/evening-ledger/ten-minutes.html",
        "text/html; charset=windows-1252",
        "cited",
        chunked=True,
        drip=2.0,
    )
    yield from _files(_OUTLETS, _OUTLETS_FILES)


def _surroundings() -> Iterator[Asset]:
    plain, elsewhere = "courier.example/plain.html", "outlets.example/plain.html"
    for path in ("/", "/about", "/corrections", *(f"/section/{name}" for name in _SECTIONS)):
        yield Asset(f"{_COURIER}{path}", plain, _HTML)
    for path in ("/", "/radio-sael/archive.html", "/evening-ledger/ten-minutes-2.html"):
        yield Asset(f"{_OUTLETS}{path}", elsewhere, _HTML)
    for origin in (_COURIER, _POST, _STATIC, _OUTLETS):
        yield Asset(f"{origin}/robots.txt", "courier.example/robots.txt", "text/plain; charset=utf-8")
        if origin != _COURIER:
            yield Asset(f"{origin}/favicon.ico", "courier.example/favicon.ico", _ICO)


_SECTIONS: Final = ("valley", "assembly", "harvest", "letters")
CONTENTS: Final = (*_newspaper(), *_posts(), *_newsrooms(), *_surroundings())


def expected() -> Mapping[str, str]:
    """Return every URL that a capture with ``--cited 1`` must ask for, and its role.

    This holds for an engine that runs no script; a browser need not choose every candidate of a srcset.
    """
    return MappingProxyType({asset.url: asset.role for asset in CONTENTS if asset.role})
