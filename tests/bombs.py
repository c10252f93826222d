"""Answers that are made to exhaust whoever reads them, by name: pages, style sheets, bodies and heads.

Each case is a page at ``/`` that asks for ``/good.png`` and, where the harm is not in the page itself, for ``/bad``.
"""

import functools
import gzip
import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotlicffi
import zstandard

import hostile

GOOD = b'<!doctype html><meta charset=utf-8><title>T</title><img src="/good.png">'
BAD = GOOD + b'<img src="/bad">'
IMAGE = b"\x89PNG\r\n\x1a\nstands for one"
HTML = "Content-Type: text/html"
MEBI = 1 << 20

Script = Callable[[hostile.Talk], None]


@dataclass(frozen=True)
class Case:
    """A hostile site: the answers of ``/`` and ``/bad``, made on demand, and limits for the capture of it.

    ``asks`` says whether the page can be read at all, so that it asks for the good image.
    """

    page: Callable[[], bytes] = lambda: html(BAD)
    bad: Script = lambda talk: talk.send(hostile.answer(b"x"))
    flags: tuple[str, ...] = ()
    asks: bool = True

    def script(self, talk: hostile.Talk) -> None:
        """Answer the requests of one connection."""
        while True:
            target = talk.request().split(b" ")[1].decode().partition("?")[0]
            if target == "/":
                talk.send(self.page())
            elif target == "/bad":
                self.bad(talk)
            elif target == "/good.png":
                talk.send(hostile.answer(IMAGE, "200 OK", "Content-Type: image/png"))
            else:
                talk.send(hostile.answer(b"x", "404 Not Found"))


def html(body: bytes, *fields: str) -> bytes:
    return hostile.answer(body, "200 OK", *(fields or (HTML,)))


def repeated(piece: str, size: int = 4 * MEBI, before: str = "", after: str = "") -> Case:
    """Return a page of *piece* over and over, *size* octets of it."""
    octets = piece.encode()
    return Case(lambda: html(GOOD + before.encode() + octets * (size // len(octets)) + after.encode()))


def numbered(piece: str, count: int, before: str = "", after: str = "") -> Case:
    """Return a page of *count* times *piece*, in which ``%d`` is the number."""
    return Case(lambda: html(GOOD + (before + "".join(piece % n for n in range(count)) + after).encode()))


def zeros(size: int, compress: Callable[[bytes], bytes], flush: Callable[[], bytes]) -> bytes:
    """Return a page and *size* octets of nothing after it, as a streaming compressor makes them small."""
    return compress(GOOD) + b"".join(compress(bytes(MEBI)) for _ in range(size // MEBI)) + flush()


@functools.cache
def gzip_bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return zeros(size, packer.compress, packer.flush)


@functools.cache
def brotli_bomb(size: int) -> bytes:
    packer = brotlicffi.Compressor(quality=5)
    return zeros(size, packer.compress, packer.finish)


@functools.cache
def zstd_bomb(size: int) -> bytes:
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    return zeros(size, packer.compress, packer.flush)


@functools.cache
def modest_bomb(size: int) -> bytes:
    """Return gzip of *size* octets that stays just within what a decoder allows: 200 for each one received."""
    packer = zlib.compressobj(1, wbits=31)
    piece = b"".join(bytes(3500) + (n * 2654435761 % 2**32).to_bytes(4, "big") for n in range(300))
    return b"".join(packer.compress(piece) for _ in range(size // len(piece))) + packer.flush()


def coded(coding: str, body: Callable[[], bytes], media_type: str = "text/html") -> Callable[[], bytes]:
    return lambda: hostile.answer(body(), "200 OK", f"Content-Type: {media_type}", f"Content-Encoding: {coding}")


def wrapped(times: int, body: bytes) -> bytes:
    for _ in range(times):
        body = gzip.compress(body, 1)
    return body


def sent(*answers: Callable[[], bytes]) -> Script:
    def script(talk: hostile.Talk) -> None:
        for each in answers:
            talk.send(each())

    return script


def endless(head: bytes, piece: bytes, most: int = 1 << 40) -> Script:
    """Return a script that sends *piece* after *head* again and again, at most *most* octets of it."""

    def script(talk: hostile.Talk) -> None:
        talk.send(head)
        for _ in range(most // len(piece)):
            talk.send(piece)
        raise hostile.Gone

    return script


def dripping(head: bytes, piece: bytes, pause: Callable[[], object]) -> Script:
    def script(talk: hostile.Talk) -> None:
        talk.send(head)
        while True:
            pause()
            talk.send(piece)

    return script


def looped(body: Callable[[], bytes], *fields: str) -> Script:
    """Return a script that redirects to itself for ever, each answer with *body*."""
    count = itertools.count()

    def script(talk: hostile.Talk) -> None:
        talk.send(hostile.answer(body(), "302 Found", f"Location: /bad?{next(count)}", *fields))

    return script


def heads(line: str, count: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + (line * count).encode() + b"Content-Length: 1\r\n\r\nx"


def sheets() -> Case:
    """Return a page whose style sheet imports another one, and so on for ever."""
    count = itertools.count()

    def script(talk: hostile.Talk) -> None:
        css = f'@import "/bad?{next(count)}";'.encode()
        talk.send(hostile.answer(css, "200 OK", "Content-Type: text/css"))

    return Case(lambda: html(GOOD + b'<link rel=stylesheet href="/bad">'), script, ("--max-resources", "200"))


def css(text: Callable[[], str]) -> Case:
    return Case(
        lambda: html(GOOD + b'<link rel=stylesheet href="/bad">'),
        lambda talk: talk.send(hostile.answer(text().encode(), "200 OK", "Content-Type: text/css")),
    )


def json_ld(block: Callable[[], str]) -> Case:
    return Case(lambda: html(GOOD + f"<script type=application/ld+json>{block()}</script>".encode()))


def encoded(charset: str, codec: str, text: str) -> Case:
    return Case(
        lambda: html((GOOD.decode() + text).encode(codec, "replace"), f"Content-Type: text/html; charset={charset}")
    )


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZE = 4 * MEBI
PARAGRAPH = "<p>" + "Words that stand for an article of some length. " * 8
NESTED = '{"@type":"Article","author":'

CASES: dict[str, Case] = {
    "trivial": Case(lambda: html(GOOD)),
    "div-nested": repeated("<div>", 5 * 10**6),
    "less-than": repeated("<"),
    "anchors": numbered('<a href="/%d">', 100_000),
    "anchors-closed": numbered('<p><a href="/%d">x</a>', 100_000, "<article>"),
    "images": numbered('<img src="/i%d">', 100_000),
    "attributes": numbered(" a%d=1", 100_000, "<img", ">"),
    "attributes-of-many": numbered('<img src="/%d"' + "".join(f" a{n}=1" for n in range(400)) + ">", 1_500),
    "entities": repeated("&amp;", before="<p>"),
    "entities-expanding": repeated("&NotEqualTilde;", before="<p>"),
    "one-text": repeated("word ", before="<p>"),
    "one-word": repeated("w", before="<p>"),
    "paragraphs": repeated(PARAGRAPH, before="<article>"),
    "short-paragraphs": repeated("<p>x"),
    "tables": repeated("<table><tr><td>"),
    "cells": repeated("<td>", before="<table><tr>"),
    "rows": repeated("<tr><td>x", before="<table>"),
    "foster-parents": repeated("<table>x<b>"),
    "formatting": repeated("<b><i><u>"),
    "adoption": repeated("<b><p></b>"),
    "adoption-of-anchors": repeated("<a><div></a>"),
    "svg-nested": repeated("<svg>"),
    "svg-groups": repeated("<g>", before="<svg>"),
    "math-nested": repeated("<math><mi>"),
    "comments": repeated("<!-- x -->"),
    "comment-open": repeated("<!--"),
    "templates": repeated("<template>"),
    "selects": repeated("<select><option>"),
    "lists": repeated("<ul><li>"),
    "scripts": repeated("<script>x</script>"),
    "breaks": repeated("<br>"),
    "spans": repeated("<span>x</span>"),
    "blockquotes": repeated("<blockquote><p>x"),
    "srcdoc": repeated("<iframe srcdoc='&lt;b&gt;'>x</iframe>"),
    "srcdoc-of-page": repeated("&lt;div&gt;", before="<iframe srcdoc='", after="'></iframe>"),
    "styles": repeated("<i style='background:url(/s)'>"),
    "title-10-mb": repeated("t", 10**7, "<title>"),
    "title-4-mib": repeated("t", SIZE - 1024, "<title>", "</title>"),
    "h1-10-mb": repeated("t", 10**7, "<h1>"),
    "metas": repeated('<meta name="author" content="x">'),
    "bylines": repeated("<div class=byline>x"),
    "times": repeated("<time datetime=2024-01-01>x"),
    "dates-in-text": repeated("2024-01-02 3 March 2021 ", before="<p>"),
    "numbers": repeated("12345678 ", before="<p>"),
    "links-in-text": repeated("<p>http://a.example/b "),
    "srcset": numbered("/s%d 2x, ", 100_000, '<img srcset="', '">'),
    "srcset-of-commas": repeated(",", before='<img srcset="', after='">'),
    "srcset-in-parentheses": repeated("a (", before='<img srcset="', after='">'),
    "json-ld-nested": json_ld(lambda: NESTED * 100_000 + "1" + "}" * 100_000),
    "json-ld-lists": json_ld(lambda: "[" * 4 * 10**6),
    "json-ld-objects": json_ld(lambda: "[" + '{"@type":"Article","name":"x"},' * 130_000 + "{}]"),
    "json-ld-small-objects": json_ld(lambda: "[" + "{}," * 340_000 + "{}]"),
    "json-ld-blocks": repeated('<script type=application/ld+json>{"@type":"Article"}</script>'),
    "json-ld-lists-in-blocks": repeated(
        "<script type=application/ld+json>[" + "[]," * 340_000 + "{}]</script>", 3 * MEBI + 900_000
    ),
    "json-ld-digits": json_ld(lambda: "[" + "9" * MEBI),
    "css-imports": sheets(),
    "css-imports-in-one": css(lambda: "".join(f'@import "/c{n}";' for n in range(100_000))),
    "css-nested": css(lambda: "a{" * (SIZE // 2)),
    "css-urls": css(lambda: "".join(f"a{{b:url(/u{n})}}" for n in range(100_000))),
    "css-parentheses": css(lambda: "(" * SIZE),
    "css-escapes": css(lambda: "url(" + "\\75 " * (SIZE // 4)),
    "css-strings": css(lambda: "'\n" * (SIZE // 2)),
    "css-in-page": repeated("a{b:url(/x)}", before="<style>"),
    "utf-16": encoded("utf-16", "utf-16-le", "<p>x" * (SIZE // 8)),
    "utf-16-cjk": encoded("utf-16", "utf-16-le", "<p>" + "\u4e2d" * (SIZE // 2)),
    "utf-16-emoji": encoded("utf-16", "utf-16-le", "<p>" + "\U0001f600" * (SIZE // 4)),
    "utf-8-emoji": encoded("utf-8", "utf-8", "<p>" + "x" * (SIZE - 200) + "\U0001f600"),
    "utf-7": encoded("utf-7", "utf-7", "<p>+AGI-" * (SIZE // 10)),
    "iso-2022-jp": encoded("iso-2022-jp", "iso2022_jp", "\u3042<p>" * (SIZE // 11)),
    "big5": encoded("big5", "big5", "\u4e2d<p>" * (SIZE // 5)),
    "nul": repeated("\x00"),
    "invalid-utf-8": Case(lambda: html(GOOD + b"\xff" * SIZE, "Content-Type: text/html; charset=utf-8")),
    "gzip-1-gb-page": Case(coded("gzip", lambda: gzip_bomb(1 << 30))),
    "gzip-1-gb": Case(bad=sent(coded("gzip", lambda: gzip_bomb(1 << 30), "image/png"))),
    "gzip-200-of-each": Case(bad=sent(coded("gzip", lambda: modest_bomb(1 << 30), "image/png"))),
    "gzip-of-divs": Case(coded("gzip", lambda: gzip.compress(GOOD + b"<div>" * 10**7))),
    "br-1-gb": Case(bad=sent(coded("br", lambda: brotli_bomb(1 << 30), "image/png"))),
    "br-page": Case(coded("br", lambda: brotli_bomb(1 << 30))),
    "zstd-1-gb": Case(bad=sent(coded("zstd", lambda: zstd_bomb(1 << 30), "image/png"))),
    "zstd-page": Case(coded("zstd", lambda: zstd_bomb(1 << 30))),
    "codings-5-of-bomb": Case(coded(", ".join(["gzip"] * 5), lambda: wrapped(4, gzip_bomb(1 << 28)))),
    "codings-50": Case(coded(", ".join(["gzip"] * 50), lambda: wrapped(50, GOOD)), asks=False),
    "gzip-members": Case(coded("gzip", lambda: gzip.compress(GOOD) + gzip.compress(b"") * 200_000)),
    "chunks-of-one": Case(bad=endless(CHUNKED, b"1\r\nx\r\n" * 10_000, 48 * MEBI)),
    "chunk-extensions": Case(bad=endless(CHUNKED, b"1;" + b"e" * 15_000 + b"\r\nx\r\n")),
    "chunk-size-endless": Case(bad=endless(CHUNKED, b"0" * 65_536)),
    "trailers-endless": Case(bad=endless(CHUNKED + b"0\r\n", b"A: b\r\n" * 1000)),
    "head-10-mb": Case(bad=sent(lambda: heads(f"X: {'x' * 10**7}\r\n", 1))),
    "heads-100000": Case(bad=sent(lambda: heads("X: y\r\n", 100_000))),
    "heads-9000-of-page": Case(lambda: html(GOOD, HTML, *["X: y"] * 9_000)),
    "head-of-page-endless": Case(lambda: OK + b"X: yyyyyy\r\n" * 10**6, asks=False),
    "embeds-20": Case(
        lambda: html(GOOD + b"".join(b'<iframe src="/bad?%d"></iframe>' % n for n in range(20))),
        lambda talk: talk.send(html(b"<p>\xf0\x9f\x98\x80" + b"<b x=1>" * (SIZE // 7), HTML + ";charset=utf-8")),
    ),
    "embeds-20-of-articles": Case(
        lambda: html(GOOD + b"".join(b'<iframe src="/bad?%d"></iframe>' % n for n in range(20))),
        lambda talk: talk.send(html(PARAGRAPH.encode() * (SIZE // len(PARAGRAPH)))),
    ),
    "cited-20": Case(
        lambda: html(
            GOOD + b"<article>" + b"".join(b'<p>Words. <a href="/bad?%d">x</a>' % n for n in range(20)) + b"</article>"
        ),
        lambda talk: talk.send(html(b"<p>x\xf0\x9f\x98\x80" * (SIZE // 8), HTML + ";charset=utf-8")),
        ("--cited", "1"),
    ),
    "images-20-of-1-gb": Case(
        lambda: html(GOOD + b"".join(b'<img src="/bad?%d">' % n for n in range(20))),
        sent(coded("gzip", lambda: gzip_bomb(1 << 30), "image/png")),
    ),
    "images-500-of-1-mb": Case(
        lambda: html(GOOD + b"".join(b'<img src="/bad?%d">' % n for n in range(500))),
        sent(lambda: hostile.answer(bytes(MEBI - 1000), "200 OK", "Content-Type: image/png")),
    ),
    "interim-flood": Case(bad=endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1000)),
    "cookies": Case(bad=sent(lambda: heads(f"Set-Cookie: a=b{'c' * 70}\r\n", 9_000))),
    "redirect-bombs": Case(bad=looped(lambda: gzip_bomb(1 << 28), "Content-Encoding: gzip")),
    "redirect-endless-bodies": Case(
        bad=endless(b"HTTP/1.1 302 Found\r\nLocation: /good.png?x\r\n\r\n", bytes(MEBI)),
        flags=("--max-resource-bytes", "50MB"),
    ),
    "endless-body": Case(
        bad=endless(OK + b"Content-Type: image/png\r\n\r\n", bytes(MEBI)), flags=("--max-resource-bytes", "300MB")
    ),
    "endless-page": Case(
        lambda: html(BAD + b'<iframe src="/bad">'),
        endless(OK + b"Content-Type: text/html\r\n\r\n", b"<p>x" * 65_536),
        ("--max-resource-bytes", "100MB"),
    ),
    "body-10-gb": Case(
        bad=endless(OK + b"Content-Type: video/mp4\r\nContent-Length: 10737418240\r\n\r\n", bytes(MEBI), 10 << 30),
        flags=("--max-resource-bytes", "300MB"),
    ),
}


def drips(pause: Callable[[], object]) -> dict[str, Case]:
    """Return the cases that need a clock: *pause* is called between two octets."""
    return {
        "drip-of-body": Case(bad=dripping(OK + b"Content-Length: 100000\r\n\r\n", b"x", pause)),
        "drip-of-head": Case(bad=dripping(OK, b"X", pause)),
        "drip-of-chunks": Case(bad=dripping(CHUNKED, b"1\r\nx\r\n", pause)),
    }
