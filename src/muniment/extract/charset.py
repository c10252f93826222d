"""Which encoding the octets of a page or style sheet are in, in the order of the WHATWG standards; never fails."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["CharsetSource", "Decoded", "decoded_css", "decoded_html", "printable"]

# Encoding Standard 4.2: names, labels and the codec of Python that reads each. Left out: labels that only old
# registries knew, x-user-defined and the replacement encodings (hz-gb-2312 and its like are read as the fallback).
_CODECS: Final = {
    "utf-8": ("utf-8", "utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8"),
    "utf-16le": ("utf-16-le", "utf-16 ucs-2 unicode csunicode iso-10646-ucs-2 unicodefeff"),
    "utf-16be": ("utf-16-be", "unicodefffe"),
    "windows-1252": (
        "cp1252",
        "ascii us-ascii cp1252 x-cp1252 cp819 ibm819 iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso-ir-100 l1 latin1",
    ),
    "windows-1250": ("cp1250", "cp1250 x-cp1250"),
    "windows-1251": ("cp1251", "cp1251 x-cp1251"),
    "windows-1253": ("cp1253", "cp1253 x-cp1253"),
    "windows-1254": (
        "cp1254",
        "cp1254 x-cp1254 csisolatin5 iso-8859-9 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 iso-ir-148 l5 latin5",
    ),
    "windows-1255": ("cp1255", "cp1255 x-cp1255"),
    "windows-1256": ("cp1256", "cp1256 x-cp1256"),
    "windows-1257": ("cp1257", "cp1257 x-cp1257"),
    "windows-1258": ("cp1258", "cp1258 x-cp1258"),
    "windows-874": ("cp874", "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620"),
    "iso-8859-2": (
        "iso8859_2",
        "csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    ),
    "iso-8859-3": ("iso8859_3", "csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3"),
    "iso-8859-4": ("iso8859_4", "csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4"),
    "iso-8859-5": (
        "iso8859_5",
        "csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    ),
    "iso-8859-6": (
        "iso8859_6",
        "arabic asmo-708 csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6",
    ),
    "iso-8859-7": (
        "iso8859_7",
        "csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597 iso_8859-7 sun_eu_greek",
    ),
    "iso-8859-8": (
        "iso8859_8",
        "hebrew iso-8859-8-e iso-8859-8-i csiso88598i logical visual iso-ir-138 iso8859-8 iso88598 iso_8859-8",
    ),
    "iso-8859-10": ("iso8859_10", "csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6"),
    "iso-8859-13": ("iso8859_13", "iso8859-13 iso885913"),
    "iso-8859-14": ("iso8859_14", "iso8859-14 iso885914"),
    "iso-8859-15": ("iso8859_15", "csisolatin9 iso8859-15 iso885915 iso_8859-15 l9"),
    "iso-8859-16": ("iso8859_16", ""),
    "ibm866": ("cp866", "866 cp866 csibm866"),
    "koi8-r": ("koi8_r", "cskoi8r koi koi8 koi8_r"),
    "koi8-u": ("koi8_u", "koi8-ru"),
    "macintosh": ("mac_roman", "csmacintosh mac x-mac-roman"),
    "x-mac-cyrillic": ("mac_cyrillic", "x-mac-ukrainian"),
    "gbk": (
        "gb18030",
        "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk gb18030",
    ),
    "big5": ("big5hkscs", "big5-hkscs cn-big5 csbig5 x-x-big5"),
    "euc-jp": ("euc_jp", "cseucpkdfmtjapanese x-euc-jp"),
    "iso-2022-jp": ("iso2022_jp", "csiso2022jp"),
    "shift_jis": ("cp932", "csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis"),
    "euc-kr": (
        "cp949",
        "cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949",
    ),
}
_LABELS: Final = {label: name for name, (_, labels) in _CODECS.items() for label in (name, *labels.split())}
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16be"), (b"\xff\xfe", "utf-16le"))

# HTML 13.2.3.2: the encoding is looked for in the first 1024 octets; pages of the wild put it a little later.
_PRESCAN: Final = 4096
_COMMENT: Final = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META: Final = re.compile(rb"<meta[\s/][^>]{0,1024}>", re.IGNORECASE)
_META_CHARSET: Final = re.compile(rb"charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([^\s\"'/>;]{1,64})", re.IGNORECASE)
_XML: Final = re.compile(rb"<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([^\"']{1,64})[\"']")
# CSS Syntax 3.2: exactly these octets, nothing else.
_AT_CHARSET: Final = re.compile(rb'@charset "([^"]{1,64})";')
_UNPRINTABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


class CharsetSource(StrEnum):
    """What decided the encoding."""

    MARK = "byte-order-mark"
    HTTP = "http"
    DOCUMENT = "document"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of some octets, the encoding (its WHATWG name) that they were read in, and what decided it."""

    text: str
    charset: str
    source: CharsetSource


def decoded_html(body: bytes, charset: str | None) -> Decoded:
    """Return *body* as text: byte-order mark, then HTTP *charset*, then ``<meta>``, then windows-1252.

    Octets that the encoding does not know become U+FFFD, so nothing is promised about reading the text back.
    """
    head = _COMMENT.sub(b"", body[:_PRESCAN])
    named = next((found[1] for meta in _META.findall(head) if (found := _META_CHARSET.search(meta))), None)
    if named is None and (xml := _XML.match(head)):
        named = xml[1]
    return _decoded(body, charset, named, "windows-1252")


def decoded_css(body: bytes, charset: str | None) -> Decoded:
    """Return *body* as text: byte-order mark, then HTTP *charset*, then ``@charset``, then UTF-8 (CSS Syntax 3.2)."""
    found = _AT_CHARSET.match(body)
    return _decoded(body, charset, found[1] if found else None, "utf-8")


def printable(text: str) -> str:
    """Return *text* without NUL and lone surrogates (each becomes U+FFFD), which canonical JSON refuses."""
    return _UNPRINTABLE.sub("\ufffd", text)


def _decoded(body: bytes, charset: str | None, named: bytes | None, fallback: str) -> Decoded:
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _read(body[len(mark) :], name, CharsetSource.MARK)
    if charset and (label := _LABELS.get(charset.strip(" \t\r\n\f\"'").lower())):
        return _read(body, label, CharsetSource.HTTP)
    if named is not None and (label := _LABELS.get(named.decode("ascii", "replace").strip().lower())):
        # HTML 13.2.3.3: a document that could be read this far in ASCII is not in UTF-16, whatever it says.
        return _read(body, "utf-8" if label.startswith("utf-16") else label, CharsetSource.DOCUMENT)
    return _read(body, fallback, CharsetSource.FALLBACK)


def _read(body: bytes, name: str, source: CharsetSource) -> Decoded:
    return Decoded(printable(body.decode(_CODECS[name][0], "replace")), name, source)
