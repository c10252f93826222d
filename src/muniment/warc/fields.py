"""The header of a WARC record: its named fields, and the rules of ISO 28500:2017 clause 5 as a table.

Writer and reader are held to the same table. What the standard allows is accepted: folded lines, any case and order
of names, UTF-8, unknown fields and types, the drafts and the edition of 2009 (WARC/0.17, 0.18, 1.0), identifiers
without angle brackets and target URIs within them, as tools in the field write them. All else is a FormatError.

Not checked: that a URI is resolvable or fully conforms to RFC 3986 (browsers ask for URLs with ``|`` and ``^``), that
an identifier is unique, that identifiers lead to records that exist, and fields that the standard only recommends.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from muniment.errors import FormatError

__all__ = ["HEAD_LIMIT", "RULES", "VERSION", "Head", "Rule", "checked", "parse", "writable"]

VERSION: Final = "1.1"
HEAD_LIMIT: Final = 1 << 20
"""The octets that a header may have, with its empty line; the standard sets no bound, a reader needs one."""

_VERSIONS: Final = frozenset({"0.17", "0.18", "1.0", "1.1"})
# RFC 2616 2.1, which clause 4 builds on: literals are case-insensitive, "warc/1.1" too.
_ENTRY: Final = re.compile(r"WARC/([0-9]+\.[0-9]+)", re.IGNORECASE)
# ISO 28500 clause 4: token = 1*<any US-ASCII character except CTLs or separators>
_WORD: Final = r"[!#$%&'*+\-.0-9A-Z^_`a-z|~]+"
_NAME: Final = re.compile(_WORD)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[\x21-\x7e]+")
_LABELLED: Final = re.compile(rf"{_WORD}:[!#$%&'*+\-./=0-9A-Z^_`a-z|~]+")
_MEDIA_TYPE: Final = re.compile(rf"{_WORD}/{_WORD}(?:[ \t]*;.*)?")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_FOLD: Final = re.compile(r"\r\n[ \t]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# W3C note on date and time: a year, a month, a day, or a moment in UTC; ISO 28500 5.4 allows 1 to 9 decimals.
_DATE: Final = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?Z)?)?)?",
    re.IGNORECASE,
)


def _bare(text: str) -> str:
    # Only a pair: a URL may end in ">" of its own.
    return text[1:-1] if text.startswith("<") and text.endswith(">") else text


def _identifier(text: str) -> bool:
    return bool(_URI.fullmatch(_bare(text)))


def _moment(text: str) -> datetime | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction = match.groups(default="")
    microsecond = int(fraction[:6].ljust(6, "0"))
    clock = (int(hour or 0), int(minute or 0), int(second or 0), microsecond)
    try:
        return datetime(int(year), int(month or 1), int(day or 1), *clock, tzinfo=UTC)
    except ValueError:
        return None


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _any(_: str) -> bool:
    return True


def _token(text: str) -> bool:
    return bool(_NAME.fullmatch(text))


def _labelled(text: str) -> bool:
    return bool(_LABELLED.fullmatch(text))


def _media_type(text: str) -> bool:
    return bool(_MEDIA_TYPE.fullmatch(text))


def _number(text: str) -> bool:
    return bool(_LENGTH.fullmatch(text))


def _date(text: str) -> bool:
    return _moment(text) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """What the standard says about one named field.

    ``required`` are the record types that shall have it ("*": all), ``forbidden`` those that shall not.
    ``well_formed`` judges a value, whose shape ``shape`` names in words.
    """

    name: str
    clause: str
    shape: str
    well_formed: Callable[[str], bool]
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    repeatable: bool = False


_ALL: Final = frozenset({"*"})
_TYPES: Final = frozenset(
    {"warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation"}
)
_DERIVED: Final = frozenset({"warcinfo", "conversion", "continuation"})


def _only(*types: str) -> frozenset[str]:
    return _TYPES - set(types)


RULES: Final = (
    Rule("WARC-Record-ID", "5.2", "<URI>", _identifier, required=_ALL),
    Rule("Content-Length", "5.3", "1 to 18 digits", _number, required=_ALL),
    Rule("WARC-Date", "5.4", "a UTC date like 2024-12-10T09:30:12.000001Z", _date, required=_ALL),
    Rule("WARC-Type", "5.5", "a record type", _token, required=_ALL),
    Rule("Content-Type", "5.6", "a media type", _media_type),
    Rule("WARC-Concurrent-To", "5.7", "<URI>", _identifier, forbidden=_DERIVED, repeatable=True),
    Rule("WARC-Block-Digest", "5.8", "algorithm:value", _labelled),
    # Clause 4: warcinfo and metadata records shall not have a payload.
    Rule("WARC-Payload-Digest", "5.9", "algorithm:value", _labelled, forbidden=frozenset({"warcinfo", "metadata"})),
    Rule("WARC-IP-Address", "5.10", "an IPv4 or IPv6 address", _address, forbidden=_DERIVED),
    Rule("WARC-Refers-To", "5.11", "<URI>", _identifier, forbidden=_only("metadata", "revisit", "conversion")),
    Rule("WARC-Refers-To-Target-URI", "5.12", "a URI", _identifier, forbidden=_only("revisit")),
    Rule("WARC-Refers-To-Date", "5.13", "a UTC date", _date, forbidden=_only("revisit")),
    Rule(
        "WARC-Target-URI",
        "5.14",
        "a URI, ASCII without spaces",
        _identifier,
        required=frozenset({"response", "resource", "request", "revisit", "conversion", "continuation"}),
        forbidden=frozenset({"warcinfo"}),
    ),
    Rule("WARC-Truncated", "5.15", "length, time, disconnect, unspecified or a token", _token),
    Rule("WARC-Warcinfo-ID", "5.16", "<URI>", _identifier, forbidden=frozenset({"warcinfo"})),
    Rule("WARC-Filename", "5.17", "text", _any, forbidden=_only("warcinfo")),
    Rule("WARC-Profile", "5.18", "a URI", _identifier, required=frozenset({"revisit"})),
    Rule("WARC-Identified-Payload-Type", "5.19", "a media type", _media_type),
    Rule("WARC-Segment-Number", "5.20", "digits", _number, required=frozenset({"continuation"})),
    Rule(
        "WARC-Segment-Origin-ID",
        "5.21",
        "<URI>",
        _identifier,
        required=frozenset({"continuation"}),
        forbidden=_only("continuation"),
    ),
    Rule("WARC-Segment-Total-Length", "5.22", "digits", _number, forbidden=_only("continuation")),
)
"""The fields that ISO 28500:2017 defines. Fields that it does not define (WARC-Protocol, WARC-Cipher-Suite) are
passed on as they are and may be repeated (5.1)."""

_BY_NAME: Final = {rule.name.lower(): rule for rule in RULES}
_REQUIRED: Final = tuple(rule for rule in RULES if rule.required)


@dataclass(frozen=True, slots=True)
class Head:
    """The header of one record: the version without ``WARC/``, and the named fields in their order.

    The properties speak of a head that was :func:`checked`; names are compared without regard to case.
    """

    version: str
    fields: tuple[tuple[str, str], ...]

    def value(self, name: str) -> str:
        """Return the first value of the field *name*, or an empty text."""
        wanted = name.lower()
        return next((value for key, value in self.fields if key.lower() == wanted), "")

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of the field *name*, in order."""
        wanted = name.lower()
        return tuple(value for key, value in self.fields if key.lower() == wanted)

    @property
    def type(self) -> str:
        """WARC-Type in lower case."""
        return self.value("WARC-Type").lower()

    @property
    def record_id(self) -> str:
        """WARC-Record-ID without its angle brackets."""
        return _bare(self.value("WARC-Record-ID"))

    @property
    def target_uri(self) -> str:
        """WARC-Target-URI, without the angle brackets that some tools write; empty when there is none."""
        return _bare(self.value("WARC-Target-URI"))

    @property
    def date(self) -> datetime:
        """WARC-Date, to the microsecond; of a coarser date its first moment."""
        moment = _moment(self.value("WARC-Date"))
        if moment is None:
            raise FormatError("WARC-Date", expected="a UTC date", found=repr(self.value("WARC-Date")[:60]))
        return moment

    @property
    def length(self) -> int:
        """Content-Length: the octets of the block."""
        return int(self.value("Content-Length"))


def parse(octets: bytes, where: str) -> Head:
    """Return the head that *octets* are: version line, named fields, and the empty line at the end.

    Not checked against the table: see :func:`checked`. Raises FormatError naming *where*.
    """
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as failure:
        raise FormatError(where, expected="a WARC header in UTF-8", found=failure.reason) from None
    first, _, rest = text.removesuffix("\r\n\r\n").partition("\r\n")
    match = _ENTRY.fullmatch(first)
    if match is None or match[1] not in _VERSIONS:
        raise FormatError(where, expected="WARC/1.1 or an earlier version", found=repr(first[:40]))
    lines = _FOLD.sub(" ", rest).split("\r\n") if rest else []
    return Head(match[1], tuple(_field(line, where) for line in lines))


def _field(line: str, where: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _NAME.fullmatch(name):
        raise FormatError(where, expected="a named field (ISO 28500 clause 4)", found=repr(line[:60]))
    control = _CONTROL.search(value)
    if control:
        raise FormatError(where, expected=f"a {name} without control characters", found=repr(control[0]))
    return name, value.strip(" \t")


def checked(head: Head, where: str) -> Head:
    """Return *head*, which keeps every rule of the table; FormatError naming *where*, field and clause otherwise."""
    kind = head.type
    present: set[str] = set()
    for name, value in head.fields:
        rule = _BY_NAME.get(name.lower())
        if rule is None:
            continue
        if rule.name in present and not rule.repeatable:
            raise FormatError(where, expected=f"one {rule.name} (ISO 28500 5.1)", found="several")
        present.add(rule.name)
        if not rule.well_formed(value):
            asked = f"{rule.name} to be {rule.shape} (ISO 28500 {rule.clause})"
            raise FormatError(where, expected=asked, found=repr(value[:80]))
        if kind in rule.forbidden:
            asked = f"no {rule.name} on a {kind} record (ISO 28500 {rule.clause})"
            raise FormatError(where, expected=asked, found=repr(value[:80]))
    for rule in _REQUIRED:
        if rule.name not in present and (rule.required is _ALL or kind in rule.required):
            raise FormatError(where, expected=f"{rule.name} (ISO 28500 {rule.clause})", found="no such field")
    if "WARC-Segment-Number" in present and kind in _TYPES:
        number = int(head.value("WARC-Segment-Number"))
        # 5.20: the first segment has number 1 and is no continuation record, every later one is.
        if (number > 1) != (kind == "continuation"):
            asked = "WARC-Segment-Number 1 on the first segment, more on continuation records (ISO 28500 5.20)"
            raise FormatError(where, expected=asked, found=f"{number} on a {kind} record")
    return head


def writable(fields: tuple[tuple[str, str], ...], where: str) -> Head:
    """Return a head of our own version that may be written: it keeps the table and reads back as the same fields.

    Stricter than reading: no control character at all (a line break would let a URL or a server write fields of its
    own), no surrounding white space, nothing that UTF-8 cannot hold.
    """
    for name, value in fields:
        if not _NAME.fullmatch(name):
            raise FormatError(
                where, expected="a field name that is a token (ISO 28500 clause 4)", found=repr(name[:60])
            )
        control = _UNWRITABLE.search(value)
        if control:
            raise FormatError(where, expected=f"{name} without control characters", found=repr(control[0]))
        if value != value.strip():
            raise FormatError(where, expected=f"{name} without surrounding space", found=repr(value[:80]))
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as failure:
            raise FormatError(where, expected=f"{name} that UTF-8 can hold", found=failure.reason) from None
    return checked(Head(VERSION, fields), where)
