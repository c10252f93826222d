"""Heads of HTTP/1 messages (RFC 9112 sections 2 to 6): read tolerantly, written strictly, never repaired.

What is read here is for our own decisions only; the octets themselves are kept elsewhere exactly as they came.
"""

import re
from dataclasses import dataclass
from typing import Final

from muniment.errors import FormatError
from muniment.model import Framing

__all__ = [
    "MAX_FIELDS",
    "MAX_HEAD",
    "Head",
    "Request",
    "end_of_head",
    "not_http",
    "parse_head",
    "parse_request",
    "request_head",
]

MAX_HEAD: Final = 1 << 20
"""The most octets of one head, and of all interim heads together."""
MAX_FIELDS: Final = 10_000

_END: Final = re.compile(rb"\n\r?\n")
_STATUS_LINE: Final = re.compile(rb"HTTP/(\d{1,2})(?:\.(\d{1,2}))?[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?", re.DOTALL)
_REQUEST_LINE: Final = re.compile(
    rb"([!-~]+)[ \t]+([^ \t](?:.*[^ \t])?)[ \t]+HTTP/(\d{1,2})\.(\d{1,2})[ \t]*", re.DOTALL
)
_BEGIN: Final = b"HTTP/"
# RFC 9110 5.6.2: the letters of a method and of a field name.
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TARGET: Final = re.compile(r"[\x21-\x7e]+")
# More digits than this are no length of anything; Python refuses to read more than 4,300 of them.
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """What the head of a message says, in text: UTF-8 where it is that, Latin-1 otherwise.

    ``version`` is (major, minor), ``size`` the octets of the head with its empty line. ``framing`` is how the body
    ends (RFC 9112 6.3), ``length`` its octets where the framing is LENGTH. ``odd`` is a sentence where the framing
    fields contradict each other or the standard: the body is then read until the connection closes.
    """

    version: tuple[int, int]
    fields: tuple[tuple[str, str], ...]
    size: int
    framing: Framing
    length: int
    odd: str

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of all fields *name* (any case), in their order."""
        wanted = name.lower()
        return tuple(value for key, value in self.fields if key.lower() == wanted)

    def members(self, name: str) -> tuple[str, ...]:
        """Return the members of the comma-separated list that the fields *name* make together (RFC 9110 5.6.1)."""
        parts = (part.strip(" \t") for value in self.values(name) for part in value.split(","))
        return tuple(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head(_Message):
    """What the head of a response says."""

    status: int
    reason: str

    @property
    def lasts(self) -> bool:
        """Whether the connection may carry another exchange after this one (RFC 9112 9.3)."""
        options = {option.lower() for option in self.members("Connection")}
        if self.odd or self.framing is Framing.CLOSE or "close" in options:
            return False
        return self.version >= (1, 1) or "keep-alive" in options


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(_Message):
    """What the head of a request says; ``target`` is as it was sent, in any of its four forms (RFC 9112 3.2)."""

    method: str
    target: str

    def target_uri(self, scheme: str) -> str:
        """Return the URI that the request asks for over a connection of *scheme* (RFC 9112 3.3); not normalised."""
        authority = next(iter(self.values("Host")), "")
        if self.target.startswith("/"):
            return f"{scheme}://{authority}{self.target}"
        if self.target == "*":
            return f"{scheme}://{authority}"
        return f"{scheme}://{self.target}" if self.method == "CONNECT" else self.target


def end_of_head(octets: bytes | bytearray, start: int = 0) -> int:
    """Return the position after the empty line that ends the head in *octets*, or -1 where it is not there yet.

    Lines may end in a bare LF (RFC 9112 2.2). *start* is a position from which to search.
    """
    found = _END.search(octets, max(start, 0))
    return found.end() if found else -1


def not_http(octets: bytes | bytearray) -> FormatError | None:
    """Return why *octets*, the first of an answer, can no longer become an HTTP/1 response; None while they can."""
    if _BEGIN.startswith(bytes(octets[: len(_BEGIN)])) or octets.startswith(_BEGIN):
        return None
    return FormatError(
        "the answer", expected="a status line that begins with HTTP/", found=repr(bytes(octets[:40])) + " at its start"
    )


def parse_head(octets: bytes, method: str = "GET") -> Head:
    """Return what the complete head *octets* of a response to *method* says.

    Tolerates bare LF, folded lines, NUL, octets that are no UTF-8, lines without a colon (left out) and blanks
    before it. Raises FormatError where the first line is no status line, and beyond 10,000 fields.
    """
    lines = octets.split(b"\n")
    line = lines[0].removesuffix(b"\r")
    match = _STATUS_LINE.fullmatch(line)
    if not match:
        raise FormatError("the answer", expected="a status line such as HTTP/1.1 200 OK", found=repr(line[:80]))
    fields = _fields(lines[1:])
    status = int(match[3])
    version = (int(match[1]), int(match[2] or b"0"))
    framing, length, odd = _framing(fields, status, method)
    return Head(
        version=version,
        status=status,
        reason=_text(match[4] or b""),
        fields=fields,
        size=len(octets),
        framing=framing,
        length=length,
        odd=odd,
    )


def parse_request(octets: bytes) -> Request:
    """Return what the complete head *octets* of a request says, as tolerant as ``parse_head``.

    Raises FormatError where the first line is no request line, and beyond 10,000 fields.
    """
    lines = octets.split(b"\n")
    line = lines[0].removesuffix(b"\r")
    match = _REQUEST_LINE.fullmatch(line)
    if not match:
        raise FormatError("the request", expected="a request line such as GET / HTTP/1.1", found=repr(line[:80]))
    fields = _fields(lines[1:])
    framing, length, odd = _framing_of_fields(fields, Framing.EMPTY)
    return Request(
        version=(int(match[3]), int(match[4])),
        method=_text(match[1]),
        target=_text(match[2]),
        fields=fields,
        size=len(octets),
        framing=framing,
        length=length,
        odd=odd,
    )


def _fields(lines: list[bytes]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, list[bytes]]] = []
    for each in lines:
        line = each.removesuffix(b"\r")
        if line[:1] in (b" ", b"\t"):  # RFC 9112 5.2: obs-fold
            if found:
                found[-1][1].append(line.strip(b" \t"))
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            continue
        if len(found) == MAX_FIELDS:
            raise FormatError("the head", expected=f"at most {MAX_FIELDS} fields", found="more")
        found.append((_text(name.strip(b" \t")), [value.strip(b" \t")]))
    return tuple((name, _text(b" ".join(parts))) for name, parts in found)


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _framing(fields: tuple[tuple[str, str], ...], status: int, method: str) -> tuple[Framing, int, str]:
    """Return how the body of a response ends, its length, and what is odd about it: RFC 9112 6.3, rule by rule."""
    if method == "HEAD" or status in _BODILESS or status < 200 or (method == "CONNECT" and status < 300):
        return Framing.EMPTY, 0, ""
    return _framing_of_fields(fields, Framing.CLOSE)


def _framing_of_fields(fields: tuple[tuple[str, str], ...], default: Framing) -> tuple[Framing, int, str]:
    """Return the framing that the fields of a message give, *default* where they give none."""
    pairs = [(name.lower(), value) for name, value in fields]
    codings = [
        coding
        for name, value in pairs
        if name == "transfer-encoding"
        for part in value.split(",")
        if (coding := part.strip(" \t").lower()) not in {"", "identity"}
    ]
    lengths = [part.strip(" \t") for name, value in pairs if name == "content-length" for part in value.split(",")]
    if codings:
        if codings[-1] != "chunked":
            return Framing.CLOSE, 0, "its transfer coding has no end of its own"
        # Both fields at once is how requests are smuggled: chunked wins, the connection is not used again.
        return Framing.CHUNKED, 0, "it has both Transfer-Encoding and Content-Length" if lengths else ""
    return _framing_of_lengths(lengths) if lengths else (default, 0, "")


def _framing_of_lengths(lengths: list[str]) -> tuple[Framing, int, str]:
    """Return the framing that the members of Content-Length give (RFC 9112 6.3, rules 5 and 6)."""
    shown = ", ".join(lengths)[:60]
    if not all(_LENGTH.fullmatch(each) for each in lengths):
        return Framing.CLOSE, 0, f"its Content-Length is no number: {shown!r}"
    if len({int(each) for each in lengths}) > 1:
        return Framing.CLOSE, 0, f"its Content-Length fields contradict each other: {shown}"
    return Framing.LENGTH, int(lengths[0]), ""


def request_head(method: str, target: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    """Return the octets of a request without a body, fields in their order (RFC 9112 section 3).

    Raises FormatError for whatever could end a line early or begin another message: CR, LF, NUL and other
    controls, blanks in the target, names that are no token.
    """
    if not _TOKEN.fullmatch(method):
        raise FormatError("the request", expected="a method", found=repr(method[:40]))
    if not _TARGET.fullmatch(target):
        raise FormatError("the request", expected="a target of visible ASCII characters", found=repr(target[:80]))
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in fields:
        if not _TOKEN.fullmatch(name):
            raise FormatError("the request", expected="a field name", found=repr(name[:40]))
        if _CONTROL.search(value):
            raise FormatError(f"the request's field {name}", expected="no control characters", found=repr(value[:80]))
        lines.append(f"{name}: {value}")
    try:
        return "\r\n".join([*lines, "", ""]).encode()
    except UnicodeEncodeError:
        raise FormatError("the request", expected="Unicode text", found="a lone surrogate") from None
