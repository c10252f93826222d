"""What a body is by its first octets, whatever the server called it: the tables of the MIME Sniffing standard; pure.

WHATWG MIME Sniffing, sections 6.1 to 6.4 and 7.1. Not promised: that the rest of the body is what its beginning says.
"""

import re
from typing import Final

__all__ = ["LOOKED_AT", "media_type"]

LOOKED_AT: Final = 1445
"""The octets that the standard looks at (section 4, "resource header")."""

# Sections 6.1 to 6.4, and beyond them formats that articles hold: their own standards name these first octets.
_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"\0\0\2\0", "image/x-icon"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\xff\x0a", "image/jxl"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\0", "application/ogg"),
    (b"MThd\0\0\0\x06", "audio/midi"),
    (b"fLaC", "audio/flac"),
    (b"#EXTM3U", "application/vnd.apple.mpegurl"),  # RFC 8216 section 10
    (b"FLV\1", "video/x-flv"),
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OTTO", "font/otf"),
    (b"ttcf", "font/collection"),
    (b"\0\1\0\0", "font/ttf"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"PK\3\4", "application/zip"),
    (b"Rar!\x1a\x07", "application/x-rar-compressed"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wave", b"AVI ": "video/avi"}
_IFF: Final = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}
# ISO/IEC 14496-12 4.3 and the registered brands; any other brand of the family is a video to the standard (6.2.1).
_BRANDS: Final = {
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif",
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"qt  ": "video/quicktime", b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp", b"3gp6": "video/3gpp",
}  # fmt: skip
# Section 7.1: each is followed by a space or ">".
_HTML: Final = re.compile(
    rb"<(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P)[ >]|<!--", re.IGNORECASE
)
_SVG: Final = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_WHITE_SPACE: Final = b"\t\n\x0c\r "
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # section 3, "binary data byte"


def media_type(head: bytes) -> str:
    """Return the media type that *head*, the first octets of a body without its codings, shows; empty where none.

    Text that is neither HTML, XML nor SVG is ``text/plain``; octets that nothing is known of are
    ``application/octet-stream``; of no octets nothing can be said.
    """
    head = head[:LOOKED_AT]
    if not head:
        return ""
    return _container(head) or _signed(head) or _text(head)


def _signed(head: bytes) -> str:
    # MPEG frames have no name; version, layer and rates that exist tell them from other octets (6.2.3).
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[2] >> 4 not in {0, 15}:
        return "audio/mpeg"
    if len(head) > 188 and head[0] == head[188] == 0x47:  # ISO/IEC 13818-1 2.4.3.2: packets of 188 octets
        return "video/mp2t"
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")


def _container(head: bytes) -> str:
    kind = head[8:12]
    if head.startswith(b"RIFF"):
        return _RIFF.get(kind, "")
    if head.startswith(b"FORM"):
        return _IFF.get(kind, "")
    if head[4:8] == b"ftyp" and len(head) >= 12:
        return _BRANDS.get(kind, "video/mp4")
    if head[4:8] in {b"styp", b"moof", b"sidx"}:
        return "video/mp4"  # a segment of a stream begins without ftyp (ISO/IEC 23009-1)
    if head.startswith(b"\x1a\x45\xdf\xa3"):  # EBML; 6.2.2 looks for the document's type in its header
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return ""


def _text(head: bytes) -> str:
    if head.startswith(_MARKS):
        bare = head[3:] if head.startswith(_MARKS[0]) else head[2:].replace(b"\0", b"")
    else:
        bare = head
    begin = bare.lstrip(_WHITE_SPACE)
    if _HTML.match(begin):
        return "text/html"
    if begin.startswith(b"<?xml") or _SVG.match(begin):
        return "image/svg+xml" if _SVG.search(begin) else "text/xml"
    return "application/octet-stream" if _BINARY.search(bare) else "text/plain"
