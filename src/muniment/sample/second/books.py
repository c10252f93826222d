"""The books of the second edition: what every URL answers, what a browser asks for, what is wrong on purpose.

Roles are those of the manifest. Assets without a role are there for people who look around, and for tools that choose
otherwise than a browser does: no capture by a browser has to ask for them.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from muniment.sample.contents import Planted
from muniment.sample.second.asset import Asset, Course, Origin, Shared, Speech
from muniment.sample.second.content import Coding

__all__ = ["ARTICLE", "CONTENTS", "NEWSPAPER", "ORIGINS", "PLANTED", "cited", "expected", "found", "named"]

NEWSPAPER: Final = "https://today.courier.example"
_API: Final = "https://api.courier.example"
_PICTURES: Final = "https://pictures.courier.example"
_MEDIA: Final = "https://media.courier.example"
_LIVE: Final = "https://live.courier.example"
_ATTIC: Final = "https://attic.courier.example"
_POST: Final = "https://post.social.example"
_CLIPS: Final = "https://clips.tern.example"
_COUNT: Final = "https://count.audience.example"
_OUTLETS: Final = "http://outlets.example"

ARTICLE: Final = f"{NEWSPAPER}/valley/2025/03/one-year"

ORIGINS: Final = tuple(
    Origin(urlsplit(origin).netloc, speech)
    for origin, speech in (
        (NEWSPAPER, Speech.H2),
        (_API, Speech.TLS13),
        (_PICTURES, Speech.H2),
        (_MEDIA, Speech.TLS12),
        (_LIVE, Speech.TLS13),
        (_ATTIC, Speech.EXPIRED),
        (_POST, Speech.TLS13),
        (_CLIPS, Speech.H2),
        (_COUNT, Speech.TLS13),
        (_OUTLETS, Speech.PLAIN),
    )
)

_ROOF: Final = f"{_PICTURES}/img/roof-inside.jpg"
_SCAN: Final = f"{_MEDIA}/scans/weigh-book.jpg"
_BELL: Final = f"{_ATTIC}/audio/chapel-bell.m4a"
_RELATED: Final = f"{_API}/v2/related/one-year"
_LOST: Final = "https://api.lantern.example/oembed?post=88"
_SIREN_LOG: Final = f"{_OUTLETS}/kessary-gazette/0310-siren-log.html"

PLANTED: Final = (
    Planted(_ROOF, "http-4xx", "a photograph that was withdrawn: 404"),
    Planted(_SCAN, "truncated-disconnect", "a photograph of which its server sends half, and ends the connection"),
    Planted(_BELL, "expired", "a sound file behind a certificate that has expired"),
    Planted(_RELATED, "http-5xx", "a list of stories that is being made anew: 503"),
    Planted(_LOST, "dns", "a post on a platform that has closed: its name leads nowhere"),
    Planted(_SIREN_LOG, "http-4xx", "a cited page that its outlet removed: 404"),
)

_CACHE_BUSTER: Final = re.compile(r"[?&]_=\d{1,20}$")
_LONG: Final = 12_000_000

_HTML: Final = "text/html; charset=utf-8"
_CSS: Final = "text/css; charset=utf-8"
_SCRIPT: Final = "text/javascript; charset=utf-8"
_JSON: Final = "application/json"
_SVG: Final = "image/svg+xml"
_JPEG: Final = "image/jpeg"
_PNG: Final = "image/png"
_MP4: Final = "video/mp4"
_KEPT: Final = (("Cache-Control", "public, max-age=31536000, immutable"),)
_HOUR: Final = (("Cache-Control", "public, max-age=3600"),)
_FRESH: Final = (("Cache-Control", "no-store"),)

_FIRST: Final = "assets/courier.example"
_SECOND: Final = "second/assets"
_GONE: Final = f"{_FIRST}/gone.html"
_PLAIN: Final = f"{_FIRST}/plain.html"


def named(url: str) -> str:
    """Return the name of *url* in these books: without the number that is there to defeat caches."""
    return _CACHE_BUSTER.sub("", url)


def _newspaper() -> Iterator[Asset]:
    here = f"{_SECOND}/today.courier.example"
    yield Asset(
        ARTICLE,
        f"{here}/index.html",
        _HTML,
        "article",
        coding=Coding.BR,
        fields=(
            ("Cache-Control", "no-cache"),
            ("Set-Cookie", "edition=2; Path=/; Secure; HttpOnly; SameSite=Lax"),
            ("Content-Security-Policy", _POLICY),
        ),
        hints=("</css/today.css>; rel=preload; as=style",),
    )
    yield Asset(f"{NEWSPAPER}/css/today.css", f"{here}/css/today.css", _CSS, "style", coding=Coding.ZSTD, fields=_KEPT)
    for name in ("app", "blocks", "live", "wall"):
        script = f"js/{name}.js"
        yield Asset(f"{NEWSPAPER}/{script}", f"{here}/{script}", _SCRIPT, "script", coding=Coding.GZIP, fields=_KEPT)
    yield Asset(f"{NEWSPAPER}/sw.js", f"{here}/sw.js", _SCRIPT, "script", coding=Coding.GZIP)
    timing = (("Server-Timing", "edition;dur=3"),)
    yield Asset(f"{NEWSPAPER}/edition.json", f"{here}/edition.json", _JSON, "other", fields=_FRESH, trailers=timing)
    yield Asset(f"{NEWSPAPER}/bits/corrections.json", f"{here}/bits/corrections.json", _JSON, "other", fields=_FRESH)
    paper = "documents/orvesk-bulletin-14.pdf"
    yield Asset(f"{NEWSPAPER}/{paper}", f"{_FIRST}/{paper}", "application/pdf", "document", ranges=True, cited=True)
    yield Asset(f"{NEWSPAPER}/img/icon.svg", f"{_FIRST}/img/icon.svg", _SVG, "image")
    for path in ("", *(f"section/{name}" for name in ("valley", "assembly", "harvest", "letters"))):
        yield Asset(f"{NEWSPAPER}/{path}", _PLAIN, _HTML)


_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        f"img-src 'self' data: {_PICTURES} {_MEDIA}",
        f"media-src {_MEDIA} {_ATTIC}",
        f"font-src {_PICTURES}",
        f"connect-src 'self' {_API} {_LIVE} {_LIVE.replace('https', 'wss')} {_COUNT} https://api.lantern.example",
        f"frame-src {_POST} {_CLIPS}",
    )
)


def _texts() -> Iterator[Asset]:
    here = f"{_SECOND}/api.courier.example"
    for path, file in (
        ("stories/one-year?part=1", "story-1.json"),
        ("stories/one-year?part=2", "story-2.json"),
        ("stories/one-year/hours", "hours.json"),
    ):
        yield Asset(
            f"{_API}/v2/{path}",
            f"{here}/{file}",
            _JSON,
            "other",
            coding=Coding.BR,
            chunked=True,
            shared=Shared.NEWSPAPER,
            fields=_FRESH,
        )
    again = (*_FRESH, ("Retry-After", "3600"))
    yield Asset(_RELATED, f"{here}/related.json", _JSON, "other", status=503, shared=Shared.NEWSPAPER, fields=again)
    consent = f"{_API}/v2/consent"
    yield Asset(
        consent, "", _JSON, "other", method="POST", status=201, shared=Shared.NEWSPAPER, made=_receipt, fields=_FRESH
    )
    yield Asset(f"{_COUNT}/seen", "", "", "other", method="POST", status=204, shared=Shared.EVERYBODY)
    events = "text/event-stream"
    yield Asset(f"{_LIVE}/ticker", "", events, "other", course=Course.EVENTS, shared=Shared.NEWSPAPER, fields=_FRESH)
    yield Asset(f"{_LIVE}/readers", "", "", "other", status=101, course=Course.SOCKET)


def _receipt(body: bytes) -> bytes:
    """Return what is said to whoever consents: a name for what was consented to."""
    return json.dumps({"receipt": hashlib.sha256(body).hexdigest()[:16]}).encode()


def _pictures() -> Iterator[Asset]:
    for name, widths, place in (
        ("hall-mended", (640, 960, 1440), f"{_SECOND}/pictures.courier.example"),
        ("bridge", (480, 960), _FIRST),
    ):
        for width in widths:
            path = f"img/{name}-{width}.jpg"
            yield Asset(f"{_PICTURES}/{path}", f"{place}/{path}", _JPEG, "image", fields=_KEPT)
    for name, media_type in (
        ("market-hall-800.jpg", _JPEG),
        ("lenna at dusk.jpg", _JPEG),
        ("vigil.jpg", _JPEG),
        ("byline-orel.webp", "image/webp"),
        ("map.svg", _SVG),
    ):
        coding = Coding.BR if media_type == _SVG else Coding.IDENTITY
        url = f"{_PICTURES}/img/{name.replace(' ', '%20')}"
        yield Asset(url, f"{_FIRST}/img/{name}", media_type, "image", coding=coding, fields=_KEPT)
    yield Asset(_ROOF, _GONE, _HTML, "image", status=404)
    face = "fonts/lenna-display.woff2"
    yield Asset(f"{_PICTURES}/{face}", f"{_FIRST}/{face}", "font/woff2", "font", shared=Shared.EVERYBODY, fields=_KEPT)
    yield Asset(f"{_PICTURES}/img/share-1200.jpg", f"{_FIRST}/img/share-1200.jpg", _JPEG)


def _media() -> Iterator[Asset]:
    here = f"{_SECOND}/media.courier.example"
    film = f"{_MEDIA}/film/vigil.mp4"
    yield Asset(film, f"{here}/film/vigil-loop.mp4", _MP4, "video", ranges=True, least=_LONG, fields=_HOUR)
    yield Asset(_SCAN, f"{here}/scans/weigh-book.jpg", _JPEG, "image", course=Course.CUT)
    bell = "assets/static.courier.example/audio/chapel-bell.m4a"
    yield Asset(_BELL, bell, "audio/mp4", "audio", ranges=True)


def _posts() -> Iterator[Asset]:
    here, before = f"{_SECOND}/post.social.example", "assets/post.social.example"
    yield Asset(f"{_POST}/embed/4417", f"{here}/embed-4417.html", _HTML, "embed", coding=Coding.BR, chunked=True)
    yield Asset(f"{_POST}/js/player.js", f"{here}/js/player.js", _SCRIPT, "script", coding=Coding.GZIP)
    yield Asset(f"{_POST}/post.css?theme=paper", f"{before}/post.css", _CSS, "style")
    yield Asset(f"{_POST}/icon.svg", f"{before}/icon.svg", _SVG, "image")
    yield Asset(f"{_POST}/avatars/mira.png", f"{before}/avatars/mira.png", _PNG, "image")
    yield Asset(f"{_POST}/media/4417-poster.jpg", f"{before}/media/4417-poster.jpg", _JPEG, "image")
    yield Asset(f"{_POST}/captions/4417.vtt", f"{before}/captions/4417.vtt", "text/vtt; charset=utf-8", "text")
    playlist = "application/vnd.apple.mpegurl"
    yield Asset(f"{_POST}/video/4417/master.m3u8", f"{here}/video/4417/master.m3u8", playlist, "video")
    for name, number, role in (("360", 0, "video"), ("180", 1, "")):
        folder = f"video/4417/{name}"
        yield Asset(f"{_POST}/{folder}/index.m3u8", f"{here}/{folder}/index.m3u8", playlist, role)
        for file in (f"init_{number}.mp4", *(f"seg-{at}.m4s" for at in range(4))):
            yield Asset(f"{_POST}/{folder}/{file}", f"{here}/{folder}/{file}", _MP4, role)


def _clips() -> Iterator[Asset]:
    here, before = f"{_SECOND}/clips.tern.example", "assets/post.social.example"
    yield Asset(f"{_CLIPS}/embed/4423", f"{here}/embed-4423.html", _HTML, "embed", coding=Coding.ZSTD)
    yield Asset(f"{_CLIPS}/js/player.js", f"{here}/js/player.js", _SCRIPT, "script", coding=Coding.BR)
    yield Asset(f"{_CLIPS}/clip.css", f"{here}/clip.css", _CSS, "style")
    yield Asset(f"{_CLIPS}/faces/grainhouse.png", f"{before}/avatars/grainhouse.png", _PNG, "image")
    yield Asset(f"{_CLIPS}/v/4423/poster.jpg", f"{before}/media/4423-poster.jpg", _JPEG, "image")
    manifest = "v/4423/manifest.mpd"
    yield Asset(f"{_CLIPS}/{manifest}", f"{here}/{manifest}", "application/dash+xml", "video", coding=Coding.GZIP)
    for number, role in ((0, "video"), (1, "")):
        for file in (f"init-{number}.mp4", *(f"part-{number}-{at}.m4s" for at in range(1, 5))):
            yield Asset(f"{_CLIPS}/v/4423/{file}", f"{here}/v/4423/{file}", _MP4, role)


def _newsrooms() -> Iterator[Asset]:
    """Yield what the article cites and does not show."""
    here = "assets/outlets.example"
    page = f"{_OUTLETS}/radio-sael/2024/03/10/grain-market.html"
    for url, status, location in (
        (f"{_OUTLETS}/radio-sael/go/8812", 301, "/radio-sael/r/8812?from=go"),
        (f"{_OUTLETS}/radio-sael/r/8812?from=go", 302, page),
    ):
        yield Asset(
            url, f"{here}/plain.html", _HTML, "redirect", status=status, fields=(("Location", location),), cited=True
        )
    yield Asset(page, f"{here}/radio-sael/grain-market.html", _HTML, "cited", coding=Coding.GZIP, cited=True)
    yield Asset(f"{_OUTLETS}/radio-sael/style.css", f"{here}/radio-sael/style.css", _CSS, "style", cited=True)
    yield Asset(f"{_OUTLETS}/radio-sael/mast.jpg", f"{here}/radio-sael/mast.jpg", _JPEG, "image", cited=True)
    ledger = "text/html; charset=windows-1252"
    yield Asset(
        f"{_OUTLETS}/evening-ledger/ten-minutes.html",
        f"{here}/evening-ledger/ten-minutes.html",
        ledger,
        "cited",
        cited=True,
    )
    yield Asset(f"{_OUTLETS}/evening-ledger/ledger.css", f"{here}/evening-ledger/ledger.css", _CSS, "style", cited=True)
    yield Asset(f"{_OUTLETS}/evening-ledger/front.jpg", f"{here}/evening-ledger/front.jpg", _JPEG, "image", cited=True)
    yield Asset(_SIREN_LOG, f"{here}/gone.html", _HTML, "cited", status=404, cited=True)
    for path in ("", "radio-sael/archive.html", "evening-ledger/ten-minutes-2.html"):
        yield Asset(f"{_OUTLETS}/{path}", f"{here}/plain.html", _HTML)


def _robots() -> Iterator[Asset]:
    for origin in (NEWSPAPER, _API, _PICTURES, _MEDIA, _LIVE, _ATTIC, _POST, _CLIPS, _COUNT, _OUTLETS):
        yield Asset(f"{origin}/robots.txt", f"{_FIRST}/robots.txt", "text/plain; charset=utf-8")
        yield Asset(f"{origin}/favicon.ico", f"{_FIRST}/favicon.ico", "image/vnd.microsoft.icon")


CONTENTS: Final = (
    *_newspaper(), *_texts(), *_pictures(), *_media(), *_posts(), *_clips(), *_newsrooms(), *_robots(),
)  # fmt: skip
_BY_PLACE: Final = {(each.host, each.target): each for each in CONTENTS}


def found(host: str, target: str) -> Asset | None:
    """Return what *host* has at *target*, whatever number defeats caches there; None where it has nothing."""
    return _BY_PLACE.get((host, named(target)))


def expected() -> Mapping[str, str]:
    """Return every URL that a browser asks for which shows the whole article, by its name here, and its role."""
    own = {each.url: each.role for each in CONTENTS if each.role and not each.cited}
    return MappingProxyType(own | {_LOST: "other"})


def cited() -> Mapping[str, str]:
    """Return every URL that is asked for beside those because the article links to it (``--cited 1``), and its role."""
    return MappingProxyType({each.url: each.role for each in CONTENTS if each.role and each.cited})
