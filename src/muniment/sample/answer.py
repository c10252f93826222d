"""From a request's bytes to the exact bytes of the sample's answer; pure but for reading the packaged assets.

HTTP/1.1 as servers in the field speak it: keep-alive, Range, gzip, brotli, chunks, an interim 103. Every head is
written here, octet for octet, so that a test can hold what was served against what was captured.
"""

import functools
import gzip
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from importlib import resources
from typing import Final

import brotlicffi

from muniment.errors import FormatError
from muniment.sample.contents import CONTENTS, Asset, Coding

__all__ = ["Asked", "Reply", "head_octets", "part", "reply", "tag"]

_CHUNK: Final = 1357  # an odd size, so that no chunk ends where a buffer does
_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_BY_PLACE: Final = {(asset.host, asset.target): asset for asset in CONTENTS}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its head as received, and what the sample reads in it. Field names are lower case."""

    raw: bytes
    method: str
    target: str
    version: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, raw: bytes) -> "Asked":
        """Read the head *raw*, up to and with its empty line (RFC 9112, 3 and 5).

        Raises FormatError where it is no HTTP/1 request.
        """
        if not raw.endswith(b"\r\n\r\n"):
            raise FormatError("request head", expected="an empty line at its end", found=f"{len(raw)} bytes without")
        first, *rest = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not re.fullmatch(r"HTTP/1\.[01]", words[2]):
            raise FormatError("request line", expected="METHOD TARGET HTTP/1.1", found=ascii(first[:80]))
        fields = []
        for line in rest:
            name, colon, text = line.partition(":")
            if not colon or not name.strip():
                raise FormatError("header field", expected="NAME: VALUE", found=ascii(line[:80]))
            fields.append((name.strip().lower(), text.strip()))
        return cls(raw, words[0], words[1], words[2], tuple(fields))

    def field(self, name: str) -> str:
        """Return the field *name*, joined where it is repeated; empty where it is missing."""
        return ", ".join(text for known, text in self.fields if known == name)

    def accepts(self, coding: str) -> bool:
        """Say whether Accept-Encoding names *coding* with a weight above zero (RFC 9110, 12.5.3)."""
        for part in self.field("accept-encoding").lower().replace(" ", "").split(","):
            name, _, weight = part.partition(";q=")
            if name == coding:
                return not weight or weight.strip("0.") != ""
        return False

    @property
    def last(self) -> bool:
        """Whether the connection ends after the answer (RFC 9112, 9.3)."""
        wishes = self.field("connection").lower()
        body = self.field("content-length") not in ("", "0") or self.field("transfer-encoding")
        return bool("close" in wishes or body or (self.version == "HTTP/1.0" and "keep-alive" not in wishes))


@dataclass(frozen=True, slots=True)
class Reply:
    """The octets of one answer in the order in which they go out; *drip* seconds are spread over the body."""

    status: int
    interim: bytes
    head: bytes
    body: bytes
    drip: float = 0.0


@functools.cache
def _content(file: str, coding: Coding) -> bytes:
    """Return the asset *file* in *coding*, the same bytes at every start."""
    plain = resources.files("muniment.sample").joinpath("assets", *file.split("/")).read_bytes()
    match coding:
        case Coding.GZIP:
            return gzip.compress(plain, 9, mtime=0)
        case Coding.BR:
            return bytes(brotlicffi.compress(plain, quality=9))
        case Coding.IDENTITY:
            return plain


def _coding(asset: Asset, asked: Asked) -> Coding:
    for coding in (asset.coding, Coding.GZIP):
        if asset.coding is not Coding.IDENTITY and asked.accepts(coding.value):
            return coding
    return Coding.IDENTITY


def head_octets(status: int, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the head of an answer in HTTP/1.1, with its empty line (RFC 9112, 4 and 5)."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _chunked(content: bytes) -> bytes:
    """Return *content* in the chunked transfer coding (RFC 9112, 7.1)."""
    parts = (content[start : start + _CHUNK] for start in range(0, len(content), _CHUNK))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def tag(content: bytes) -> str:
    """Return the entity tag of *content* (RFC 9110, 8.8.3)."""
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def part(asked: Asked, size: int, tagged: str) -> tuple[int, int] | None:
    """Return the first and the last offset that Range asks for of *size*; None where the whole is due.

    See RFC 9110, 14.2; *tagged* is the entity tag, with which If-Range is compared.

    An empty range, whose last offset lies before its first, stands for one that cannot be satisfied.
    """
    found = _RANGE.fullmatch(asked.field("range").replace(" ", ""))
    if found is None or found[0] == "bytes=-" or asked.field("if-range") not in ("", tagged):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        return (size - length, size - 1)
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    return (first, last)


def _refusal(status: int, date: str) -> Reply:
    words = f"{status} {HTTPStatus(status).phrase}\n".encode()
    fields = [
        ("Date", date),
        ("Content-Type", "text/plain"),
        ("Content-Length", str(len(words))),
        ("Connection", "close"),
    ]
    return Reply(status, b"", head_octets(status, fields), words)


def reply(asked: Asked | None, host: str, now: datetime) -> Reply:
    """Return what *host* answers at *now* to *asked*, or to something that was no request (None)."""
    date = format_datetime(now, usegmt=True)
    if asked is None:
        return _refusal(400, date)
    if asked.field("host").partition(":")[0].lower() != host:
        return _refusal(421, date)
    if asked.method not in ("GET", "HEAD"):
        return _refusal(405, date)
    asset = _BY_PLACE.get((host, asked.target)) or Asset("", "courier.example/gone.html", "text/html", status=404)
    return _found(asked, asset, date)


def _found(asked: Asked, asset: Asset, date: str) -> Reply:
    coding = _coding(asset, asked)
    content = _content(asset.file, coding)
    status = asset.status
    fields = [("Date", date), ("Server", "sample"), ("Content-Type", asset.media_type), *asset.fields]
    if coding is not Coding.IDENTITY:
        fields.append(("Content-Encoding", coding.value))
    if asset.coding is not Coding.IDENTITY:
        fields.append(("Vary", "Accept-Encoding"))
    if status == HTTPStatus.OK:
        fields.append(("ETag", tag(content)))
    if asset.ranges:
        fields.append(("Accept-Ranges", "bytes"))
        wish = part(asked, len(content), tag(content))
        if wish is not None:
            status, content = _partial(wish, content, fields)
    if asked.last:
        fields.append(("Connection", "close"))
    body = content
    if asset.chunked and asked.version == "HTTP/1.1":
        fields.append(("Transfer-Encoding", "chunked"))
        body = _chunked(content)
    else:
        fields.append(("Content-Length", str(len(content))))
    interim = b""
    if asset.hints and asked.version == "HTTP/1.1":
        interim = head_octets(103, [("Link", hint) for hint in asset.hints])
    return Reply(status, interim, head_octets(status, fields), b"" if asked.method == "HEAD" else body, asset.drip)


def _partial(wish: tuple[int, int], content: bytes, fields: list[tuple[str, str]]) -> tuple[int, bytes]:
    first, last = wish
    if first > last or first >= len(content):
        fields.append(("Content-Range", f"bytes */{len(content)}"))
        return 416, b""
    fields.append(("Content-Range", f"bytes {first}-{last}/{len(content)}"))
    return 206, content[first : last + 1]
