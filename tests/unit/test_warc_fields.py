"""The rules of a header: what the standard forbids is named, what it allows is read, and neither is written wrong."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.model import Kind
from muniment.warc.fields import HEAD_LIMIT, RULES, Head, Rule, checked, parse, writable
from muniment.warc.writer import Writer
from warc_entries import Disk, entry, record, stored, walked, warcinfo


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"WARC/9.9\r\n\r\n\r\n\r\n", "'WARC/9.9'"),
        (b"filedesc://a.arc 0.0.0.0", "b'filedesc://a.arc 0.0.0.0'"),
        (record().replace(b"\r\n", b"\n"), "LF alone"),
        (b"WARC/1.1\r\nX: " + b"y" * (1 << 20), "a longer one"),
        (record() + b"\r\n" + record(), "b'\\r\\nWARC/1.1"),
        (record("no colon here"), "'no colon here'"),
        (record("a b: c"), "'a b: c'"),
        (record(": c"), "': c'"),
        (record("X-Nul: a\0b"), r"'\x00'"),
        (record("X-LF: a\nb"), r"'\n'"),
        (record("X: \x7f"), r"'\x7f'"),
        (record("WARC-Type:"), "''"),
        (record("WARC-Date: 2024-12-10T09:30:12+01:00"), "+01:00"),
        (record("WARC-Date: 2024-13-10T09:30:12Z"), "2024-13"),
        (record("Content-Length: -1"), "'-1'"),
        (record("Content-Length: " + "9" * 5000), "'9999"),
        (record("Content-Length: \N{ARABIC-INDIC DIGIT FIVE}"), "'\N{ARABIC-INDIC DIGIT FIVE}'"),
        (record("Content-Length: 0", "content-length: 0"), "several"),
        (record("WARC-Target-URI: http://a.example/", "WARC-Target-URI: http://b.example/"), "several"),
        (record("WARC-Target-URI: <http://a.example/"), "'<http://a.example/'"),
        (record("WARC-Type: warcinfo"), "'http://a.example/'"),
        (record("WARC-Type: continuation"), "no such field"),
        (record("WARC-Type: revisit"), "no such field"),
        (record("WARC-Segment-Number: 2"), "2 on a resource record"),
        (record("WARC-Block-Digest: sha1"), "'sha1'"),
        (record("WARC-Block-Digest: sha1:abc"), "'sha1:abc'"),
        (record("WARC-Block-Digest: sha256:" + "0" * 64), "sha256:e3b0c44298fc1c149afbf4c8996fb924"),
        (record("WARC-Block-Digest: md5:" + "0" * 32), "md5:d41d8cd98f00b204e9800998ecf8427e"),
        (record("X-Latin: é").replace("é".encode(), b"\xe9"), "invalid continuation byte"),
        (record(block=b"12345678", version="WARC/1.1")[:-2], r"b'\r\n'"),
    ],
)
def test_what_the_standard_forbids_is_named(content: bytes, found: str) -> None:
    with pytest.raises(FormatError) as raised:
        walked(content)
    assert found in raised.value.found
    assert raised.value.where.startswith("c.warc at ")


@pytest.mark.parametrize(
    "line",
    [
        "WARC-DATE: 2024-12-10T09:30:12Z",
        "WARC-Date:2024-12-10T09:30:12Z",
        "WARC-Date:\r\n \t 2024-12-10T09:30:12Z  ",
        "WARC-Date: 2024-12-10",
        "WARC-Date: 2024-12-10T09:30Z",
        "WARC-Date: 2024-12-10T09:30:12.123456789Z",
        "WARC-Record-ID: urn:uuid:1",
        "WARC-Target-URI: <http://a.example/>",
        "WARC-Target-URI: http://a.example/?a=b|c^d",
        "WARC-Type: RESOURCE",
        "WARC-Type: monkey",
        "WARC-Truncated: banana",
        "WARC-Segment-Number: 1",
        "Content-Type: text/plain ; charset=utf-8",
        "X-Twice: 1\r\nX-Twice: 2",
        "X-Empty:",
        "X-Text: \N{CYRILLIC SMALL LETTER A}\N{CJK UNIFIED IDEOGRAPH-5317}",
        "X-Folded: a\r\n\tb\r\n c",
    ],
)
@pytest.mark.parametrize("version", ["WARC/1.1", "WARC/1.0", "WARC/0.18", "WARC/0.17", "warc/1.1"])
def test_what_the_standard_allows_is_read(line: str, version: str) -> None:
    (read,) = walked(record(line, version=version, block=b"x"))
    assert read.head.target_uri.startswith("http://a.example/")
    assert read.head.record_id == "urn:uuid:1"
    assert read.head.date.replace(hour=0, minute=0, second=0, microsecond=0) == datetime(2024, 12, 10, tzinfo=UTC)


def test_folded_lines_mean_a_space() -> None:
    assert parse(b"WARC/1.1\r\nX: a\r\n\t b\r\n c\r\n\r\n", "here").fields == (("X", "a b c"),)


def test_of_a_date_as_much_is_read_as_it_says() -> None:
    (read,) = walked(record("WARC-Date: 2024-12-10T09:30:12.123456789Z"))
    assert read.head.date == datetime(2024, 12, 10, 9, 30, 12, 123456, tzinfo=UTC)
    with pytest.raises(FormatError, match="a UTC date"):
        _ = Head("1.1", (("WARC-Date", "blue monday"),)).date


BLOCK = b"the block"


@pytest.mark.parametrize(
    "text",
    [
        "sha1:" + base64.b32encode(hashlib.sha1(BLOCK, usedforsecurity=False).digest()).decode(),
        "SHA-1:" + base64.b32encode(hashlib.sha1(BLOCK, usedforsecurity=False).digest()).decode().lower(),
        "sha1:" + hashlib.sha1(BLOCK, usedforsecurity=False).hexdigest().upper(),
        "sha1:" + base64.b64encode(hashlib.sha1(BLOCK, usedforsecurity=False).digest()).decode(),
        "sha256:" + hashlib.sha256(BLOCK).hexdigest(),
        "sha-256:" + base64.b32encode(hashlib.sha256(BLOCK).digest()).decode(),
        "sha256:" + base64.b32encode(hashlib.sha256(BLOCK).digest()).decode().rstrip("="),
        "md5:" + hashlib.md5(BLOCK, usedforsecurity=False).hexdigest(),
        "md5:" + base64.b32encode(hashlib.md5(BLOCK, usedforsecurity=False).digest()).decode(),
        "sha512:" + hashlib.sha512(BLOCK).hexdigest(),
        "sha3-256:" + hashlib.sha3_256(BLOCK).hexdigest(),
        "xxh3:0123456789abcdef",
    ],
)
def test_block_digests_are_read_as_tools_write_them(text: str) -> None:
    line = f"WARC-Block-Digest: {text}"
    assert walked(record(line, block=BLOCK))[0].block == Digest.of_bytes(BLOCK)
    if not text.startswith("xxh3"):
        with pytest.raises(FormatError, match="a block with WARC-Block-Digest"):
            walked(record(line, block=b"another one"))


def test_a_checked_head_is_returned_as_it_is() -> None:
    head = walked(record())[0].head
    assert checked(head, "here") is head


CONTROLS = {"CR": "\r", "LF": "\n", "NUL": "\0", "TAB": "\t", "ESC": "\x1b", "DEL": "\x7f", "NEL": "\x85"}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
@pytest.mark.parametrize("name", [rule.name for rule in RULES] + ["WARC-Protocol", "WARC-Cipher-Suite", "X-Own"])
def test_a_control_character_in_any_field_is_refused_by_the_fields_name(name: str, control: str) -> None:
    value = f"http://a.example/{control}WARC-Type: forged"
    by_argument: dict[str, dict[str, Any]] = {
        "WARC-Record-ID": {"record_id": value},
        "WARC-Target-URI": {"url": value},
        "Content-Type": {"content_type": value},
    }
    changes = by_argument.get(name, {"fields": ((name, value),)})
    with pytest.raises(FormatError, match=name):
        stored([entry(**changes)])


@pytest.mark.parametrize("name", ["", "A B", "A:B", "A\r\nB", "Naïve", "A\0", "<A>"])
def test_a_field_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(FormatError, match="token"):
        stored([entry(fields=((name, "v"),))])


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://a.example/a b"},
        {"url": "http://пример.example/"},
        {"url": ""},
        {"url": "no-scheme"},
        {"date": datetime(2024, 12, 10)},  # noqa: DTZ001
        {"kind": Kind.CAPTURE},
        {"record_id": "not a uri"},
        {"kind": Kind.METADATA, "fields": (("WARC-Payload-Digest", "sha256:00"),)},
        {"kind": Kind.WARCINFO},
        {"fields": (("WARC-Refers-To", "<urn:x:y>"),)},
        {"fields": (("WARC-IP-Address", "not-an-address"),)},
        {"fields": (("WARC-IP-Address", "192.0.2.1"), ("warc-ip-address", "192.0.2.2"))},
        {"fields": (("content-length", "3"),)},
        {"fields": (("WARC-Type", "request"),)},
        {"kind": Kind.METADATA, "url": "", "fields": (("warc-target-uri", "http://a.example/"),)},
        {"fields": (("X-Space", " v"),)},
        {"fields": (("X-Space", "v\u00a0"),)},
        {"fields": (("X-Surrogate", "\ud800"),)},
        {"fields": (("X-Big", "v" * (1 << 20)),)},
    ],
    ids=str,
)
def test_an_entry_that_the_standard_forbids_is_refused_before_an_octet_is_written(changes: dict[str, Any]) -> None:
    disk = Disk()
    with pytest.raises(FormatError):
        Writer(lambda _: disk, warcinfo).write([entry(), entry(**changes)])
    assert disk.writes == 0


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-12", datetime(2024, 12, 1, tzinfo=UTC)),
        ("2024-12-10", datetime(2024, 12, 10, tzinfo=UTC)),
        ("2024-12-10T09:30Z", datetime(2024, 12, 10, 9, 30, tzinfo=UTC)),
        ("2024-12-10T09:30:12Z", datetime(2024, 12, 10, 9, 30, 12, tzinfo=UTC)),
        ("2024-12-10T09:30:12.5Z", datetime(2024, 12, 10, 9, 30, 12, 500_000, tzinfo=UTC)),
        ("2024-12-10T09:30:12.000012Z", datetime(2024, 12, 10, 9, 30, 12, 12, tzinfo=UTC)),
        ("2024-12-10t09:30:12.123456789z", datetime(2024, 12, 10, 9, 30, 12, 123456, tzinfo=UTC)),
    ],
)
def test_a_coarser_date_means_its_first_moment(text: str, moment: datetime) -> None:
    assert Head("1.1", (("WARC-Date", text),)).date == moment


def test_a_header_of_one_mebibyte_is_read_and_a_longer_one_is_not() -> None:
    room = HEAD_LIMIT - len(record("X-Long: ").partition(b"\r\n\r\n")[0]) - 4
    (read,) = walked(record("X-Long: " + "x" * room))
    assert len(read.head.value("X-Long")) == room > 1_000_000
    with pytest.raises(FormatError, match="at most 1 MiB"):
        walked(record("X-Long: " + "x" * (room + 1)))


# ISO 28500:2017 clause 5, written a second time: clause, shape, required on, not allowed on.
DERIVED = "warcinfo conversion continuation"
BUT_REVISIT = "warcinfo response resource request metadata conversion continuation"
CLAUSES = {
    "WARC-Record-ID": ("5.2", "<URI>", "*", ""),
    "Content-Length": ("5.3", "1 to 18 digits", "*", ""),
    "WARC-Date": ("5.4", "a UTC date like 2024-12-10T09:30:12.000001Z", "*", ""),
    "WARC-Type": ("5.5", "a record type", "*", ""),
    "Content-Type": ("5.6", "a media type", "", ""),
    "WARC-Concurrent-To": ("5.7", "<URI>", "", DERIVED),
    "WARC-Block-Digest": ("5.8", "algorithm:value", "", ""),
    "WARC-Payload-Digest": ("5.9", "algorithm:value", "", "warcinfo metadata"),
    "WARC-IP-Address": ("5.10", "an IPv4 or IPv6 address", "", DERIVED),
    "WARC-Refers-To": ("5.11", "<URI>", "", "warcinfo response resource request continuation"),
    "WARC-Refers-To-Target-URI": ("5.12", "a URI", "", BUT_REVISIT),
    "WARC-Refers-To-Date": ("5.13", "a UTC date", "", BUT_REVISIT),
    "WARC-Target-URI": (
        "5.14", "a URI, ASCII without spaces", "response resource request revisit conversion continuation", "warcinfo"
    ),
    "WARC-Truncated": ("5.15", "length, time, disconnect, unspecified or a token", "", ""),
    "WARC-Warcinfo-ID": ("5.16", "<URI>", "", "warcinfo"),
    "WARC-Filename": ("5.17", "text", "", "response resource request metadata revisit conversion continuation"),
    "WARC-Profile": ("5.18", "a URI", "revisit", ""),
    "WARC-Identified-Payload-Type": ("5.19", "a media type", "", ""),
    "WARC-Segment-Number": ("5.20", "digits", "continuation", ""),
    "WARC-Segment-Origin-ID": (
        "5.21", "<URI>", "continuation", "warcinfo response resource request metadata revisit conversion"
    ),
    "WARC-Segment-Total-Length": (
        "5.22", "digits", "", "warcinfo response resource request metadata revisit conversion"
    ),
}  # fmt: skip
WELL_FORMED = {
    "<URI>": ["<urn:uuid:1>", "urn:uuid:1", "<http://a|b^c>"],
    "a URI": ["http://a.example/", "<dns:a>"],
    "a URI, ASCII without spaces": ["http://a.example/?q=<>", "<dns:a>"],
    "1 to 18 digits": ["0", "9" * 18],
    "digits": ["1", "2"],
    "a UTC date like 2024-12-10T09:30:12.000001Z": ["2024", "2024-12-10T09:30:12.000001Z"],
    "a UTC date": ["2024-12", "2024-12-10T09:30Z"],
    "a record type": ["response", "my-own"],
    "a media type": ["text/html", "text/html; charset=x", "a/b \t; c"],
    "algorithm:value": ["sha256:ab", "sha1:A=", "my-own:+/"],
    "an IPv4 or IPv6 address": ["192.0.2.7", "2001:db8::1"],
    "length, time, disconnect, unspecified or a token": ["length", "my-own"],
    "text": ["", "anything at all: \u5317"],
}
MALFORMED = {
    "<URI>": ["", "urn", "<urn:uuid:1", "urn:a b", "1:a", "urn:\u00e4", "a:"],
    "a URI": ["a.example", ":a"],
    "a URI, ASCII without spaces": ["http://a b/", "/a"],
    "1 to 18 digits": ["", "9" * 19, "-1", "\u0661", "1 "],
    "digits": ["", "one"],
    "a UTC date like 2024-12-10T09:30:12.000001Z": ["", "2024-13", "2024-12-10T09:30:12", "2024-12-10T09Z", "0000"],
    "a UTC date": ["yesterday"],
    "a record type": ["", "a b"],
    "a media type": ["text", "text/", "text/html charset=x", "a b/c"],
    "algorithm:value": ["", "ab", "sha256:", "sha256:a b"],
    "an IPv4 or IPv6 address": ["", "192.0.2", "a.example"],
    "length, time, disconnect, unspecified or a token": ["", "a b"],
    "text": [],
}


def test_the_table_is_that_of_the_standard() -> None:
    found = {
        rule.name: (rule.clause, rule.shape, set(rule.required), set(rule.forbidden), rule.repeatable) for rule in RULES
    }
    assert found == {
        name: (clause, shape, set(required.split()), set(forbidden.split()), name == "WARC-Concurrent-To")
        for name, (clause, shape, required, forbidden) in CLAUSES.items()
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_value_is_held_to_the_shape_that_is_named(rule: Rule) -> None:
    assert [text for text in WELL_FORMED[rule.shape] if not rule.well_formed(text)] == []
    assert [text for text in MALFORMED[rule.shape] if rule.well_formed(text)] == []


def test_a_head_gives_its_values_whatever_the_case_of_their_names() -> None:
    head = parse(b"warc/1.0\r\nX-A:  ~1~ \r\nwarc-TYPE: Response\r\nx-a: 2\r\nX-B: 3\r\n\r\n", "here")
    assert (head.version, head.type) == ("1.0", "response")
    assert (head.value("x-A"), head.values("x-A")) == ("~1~", ("~1~", "2"))
    assert (head.value("Y"), head.values("Y")) == ("", ())


def test_a_head_that_may_be_written_is_of_our_version() -> None:
    fields = parse(record().partition(b"\r\n\r\n")[0] + b"\r\n\r\n", "here").fields
    assert writable(fields, "here") == Head("1.1", fields)


@pytest.mark.parametrize(("kind", "number", "kept"), [("resource", 1, True), ("resource", 2, False)])
def test_only_a_continuation_has_a_segment_number_above_one(kind: str, number: int, *, kept: bool) -> None:
    origin = "WARC-Segment-Origin-ID: <urn:uuid:1>"
    for content, good in (
        (record(f"WARC-Type: {kind}", f"WARC-Segment-Number: {number}"), kept),
        (record("WARC-Type: continuation", f"WARC-Segment-Number: {number}", origin), not kept),
    ):
        if good:
            assert len(walked(content)) == 1
        else:
            with pytest.raises(FormatError, match="WARC-Segment-Number 1 on the first segment"):
                walked(content)
