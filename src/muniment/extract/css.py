"""What a style sheet asks for: its tokens read tolerantly (CSS Syntax Module Level 3), in linear time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from muniment.model import Role

__all__ = ["Reference", "references"]

# Every alternative consumes what it has looked at (atomic groups, possessive repeats), so no octet is read twice.
_TOKEN: Final = re.compile(
    r"""
      (?P<comment> /\* .*? (?: \*/ | \Z ) )
    | (?P<string>  " (?> [^"\\\n\r\f]++ | \\ (?: \r\n | . | \Z ) )*+ "?+
                 | ' (?> [^'\\\n\r\f]++ | \\ (?: \r\n | . | \Z ) )*+ '?+ )
    | (?P<name>    @?+ (?> [-\w\u0080-\U0010ffff]++ | \\ [0-9a-fA-F]{1,6}+ (?:\r\n|[ \t\n\r\f])?+ | \\ [^\n\r\f] )++ )
      (?P<call>    \(?+ )
    | (?P<open>    \{++ )
    | (?P<close>   \}++ )
    | (?P<paren>   \(++ )
    | (?P<end>     \)++ )
    | (?P<stop>    ; )
    """,
    re.VERBOSE | re.DOTALL,
)
# CSS Syntax 4.3.6: what stands unquoted between url( and its parenthesis; `good` tells a url-token from a bad one.
_BARE: Final = re.compile(
    r"""
      [ \t\n\r\f]*+
      (?P<url> (?> [^()"'\\\s\x00-\x08\x0b\x0e-\x1f\x7f]++
                 | \\ [0-9a-fA-F]{1,6}+ (?:\r\n|[ \t\n\r\f])?+
                 | \\ [^\n\r\f] )*+ )
      [ \t\n\r\f]*+ (?P<good> \) | \Z )?+
    """,
    re.VERBOSE,
)
_QUOTE: Final = re.compile(r"[ \t\n\r\f]*+(?=[\"'])")
_REST: Final = re.compile(r"(?>[^)\\]++|\\.|\\\Z)*+\)?+", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|(.)|\Z)", re.DOTALL)
_FONT_FILE: Final = re.compile(r"\.(?:woff2?|ttf|otf|eot)(?:[?#]|\Z)", re.IGNORECASE)
_IMAGE_SETS: Final = frozenset({"image-set", "-webkit-image-set"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference as it is written (escapes resolved), where it stands, and what a browser wants it for."""

    raw: str
    source: str
    role: Role


def references(css: str) -> Iterator[Reference]:
    """Yield what *css* (a style sheet or the content of a ``style`` attribute) refers to, in order.

    Conditions (media queries, ``supports()``) are not judged: another reader's screen may meet them. Fragments
    (``url(#clip)``) and ``@namespace`` name nothing to fetch and are left out.
    """
    reading = _Reading(css)
    return reading.references()


class _Reading:
    """One pass over a style sheet: the statement, block and function that the next token stands in."""

    __slots__ = ("at", "blocks", "css", "font", "image_set", "parens", "statement")

    def __init__(self, css: str) -> None:
        self.css = css
        self.at = 0
        self.statement = ""
        self.blocks = 0
        self.parens = 0
        self.font: int | None = None  # the depth of blocks outside the @font-face that is open
        self.image_set: int | None = None  # the depth of parentheses outside the image-set() that is open

    def references(self) -> Iterator[Reference]:
        while token := _TOKEN.search(self.css, self.at):
            self.at = token.end()
            kind = token.lastgroup
            if kind == "string":
                yield from self._string(token["string"])
            elif kind == "call":
                yield from self._name(token["name"], called=bool(token["call"]))
            elif kind == "paren":
                self.parens += len(token[0])
            elif kind == "end":
                self._end(len(token[0]))
            elif kind != "comment":
                self._structure(kind, len(token[0]))

    def _structure(self, kind: str | None, count: int) -> None:
        """Follow blocks and statements; parentheses left open inside a block end with it."""
        if kind == "open":
            if self.statement == "@font-face" and self.font is None:
                self.font = self.blocks
            self.blocks += count
        elif kind == "close":
            self.blocks = max(0, self.blocks - count)
            if self.font is not None and self.blocks <= self.font:
                self.font = None
        self.statement = ""
        self.parens = 0
        self.image_set = None

    def _end(self, count: int) -> None:
        self.parens = max(0, self.parens - count)
        if self.image_set is not None and self.parens <= self.image_set:
            self.image_set = None

    def _name(self, written: str, *, called: bool) -> Iterator[Reference]:
        name = _unescaped(written).lower()
        if not called:
            if name.startswith("@"):
                self.statement = name
            return
        if name in ("url", "src"):
            yield from self._url()
            return
        if name in _IMAGE_SETS and self.image_set is None:
            self.image_set = self.parens
        elif name == "type" and self.image_set is not None:
            # image-set("a.avif" type("image/avif")): the media type is a string too, and names nothing to fetch.
            self.at = _REST.match(self.css, self.at).end()  # type: ignore[union-attr]  # matches the empty text too
            return
        self.parens += 1

    def _url(self) -> Iterator[Reference]:
        """Read on after ``url(``; a bad url-token is skipped as a whole, as browsers do."""
        if found := _QUOTE.match(self.css, self.at):
            token = _TOKEN.match(self.css, found.end())
            if token is not None:
                self.at = token.end()
                yield from self._reference(_unquoted(token[0]), "css:url")
            self.parens += 1
            return
        bare = _BARE.match(self.css, self.at)
        if bare is not None and bare["good"] is not None:
            self.at = bare.end()
            yield from self._reference(_unescaped(bare["url"]), "css:url")
            return
        self.at = _REST.match(self.css, self.at).end()  # type: ignore[union-attr]  # matches the empty text too

    def _string(self, written: str) -> Iterator[Reference]:
        if self.statement == "@import" and not self.parens:
            yield from self._reference(_unquoted(written), "css:@import")
        elif self.image_set is not None:
            yield from self._reference(_unquoted(written), "css:image-set")

    def _reference(self, raw: str, source: str) -> Iterator[Reference]:
        if self.statement == "@namespace" or not raw.strip() or raw.lstrip().startswith("#"):
            return
        if self.statement == "@import" and not self.parens:
            # Only the first string or url() is the sheet; what follows are its conditions.
            self.statement = "@import…"
            yield Reference(raw, "css:@import", Role.STYLE)
        elif self.statement != "@import…":
            if self.font is not None:
                yield Reference(raw, "css:@font-face", Role.FONT)
            else:
                yield Reference(raw, source, Role.FONT if _FONT_FILE.search(raw) else Role.IMAGE)


def _unquoted(token: str) -> str:
    """Return the value of a string token, closed or cut short by a line end or the end of the sheet."""
    return _unescaped(token[1:-1] if len(token) > 1 and token.endswith(token[0]) else token[1:])


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(escape: re.Match[str]) -> str:
    if escape[1]:
        # CSS Syntax 4.3.7: NUL, surrogates and what lies beyond Unicode become U+FFFD.
        code = int(escape[1], 16)
        return chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"
    return escape[3] or ""
