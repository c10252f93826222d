"""Lines of manifests: what is read and what is refused is what a plain table of the format says, field by field."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from muniment import canonical, manifest
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.manifest.line import LINE_HAS, LINE_LACKS
from muniment.model import Kind, Position, Reason, Record, Role, Truncation

LARGEST: Final = 2**53 - 1
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER: Final = st.integers(0, LARGEST)
DIGEST: Final = st.binary(min_size=32, max_size=32).map(lambda octets: Digest("sha256", octets))
LONGER: Final = st.binary(min_size=64, max_size=64).map(lambda octets: Digest("sha512", octets))
ID: Final = st.uuids().map(lambda number: f"urn:uuid:{number}")
MOMENT: Final = st.datetimes(timezones=st.just(UTC))
ODD: Final[list[Any]] = [
    None, True, False, 0, 1, -1, 1.5, 1.0, LARGEST, LARGEST + 1, 2**64, -(2**63), "", " ", "0", "ok", "capture",
    "0" * 32, "F" * 32, "0" * 31 + " ", "sha256:" + "0" * 64, "sha256:" + "F" * 64, "sha256:" + "0" * 62 + "  ",
    "sha1:" + "0" * 40, "sha512:" + "0" * 128, "urn:uuid:" + "0" * 36, "2024-12-10T12:00:00Z",
    "2024-12-10T24:00:00.000000Z", "2024-12-10T12:00:60.000000Z", "2024-12-10t12:00:00.000000z",
    "2024-12-10T12:00:00,000000Z", "2024-W50-2T12:00:00.000000Z", "0000-12-10T12:00:00.000000Z",
    "٢024-12-10T12:00:00.000000Z", '\x00\x1f\x7f\u2028\u2029\U0001f600/\\"', "é", [], {}, [[]], {"a": 1},
]  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Draw a record of any kind with the fields that its kind may have."""
    kind = draw(st.sampled_from([each for each in Kind if each is not Kind.CAPTURE]))
    has, lacks = has_and_lacks(kind)

    def maybe(name: str, drawn: st.SearchStrategy[Any], nothing: Any = None) -> Any:
        if name in lacks:
            return nothing
        return draw(drawn if name in has else st.just(nothing) | drawn)

    return Record(
        n=draw(NUMBER),
        kind=kind,
        salt=draw(st.binary(min_size=16, max_size=16)),
        record_id=draw(ID),
        url=maybe("url", TEXT.filter(bool), ""),
        date=draw(MOMENT),
        position=Position(draw(TEXT), draw(NUMBER), draw(NUMBER), draw(DIGEST | LONGER)),
        record=draw(DIGEST),
        size=draw(NUMBER),
        role=maybe("role", st.sampled_from(Role)),
        status=maybe("status", NUMBER),
        media_type=draw(TEXT),
        parent=maybe("parent", ID, ""),
        payload=maybe("payload", DIGEST | LONGER),
        content=maybe("content", DIGEST),
        address=draw(TEXT),
        connection=draw(TEXT),
        tls=draw(TEXT),
        chain=draw(st.none() | DIGEST),
        truncated=maybe("truncated", st.sampled_from(Truncation)),
        outcome=maybe("outcome", st.sampled_from(Reason)),
    )


def has_and_lacks(kind: Kind) -> tuple[frozenset[str], frozenset[str]]:
    """Return which of the optional fields a line of *kind* always has, and which it never has."""
    attempt = Kind.ATTEMPT
    return (
        LINE_HAS.get(kind, LINE_HAS[attempt] - {"outcome"}),
        LINE_LACKS.get(kind, LINE_LACKS[attempt] | {"outcome"}),
    )


# The judge: docs/formats.md once more, with json, re and rfc8785 alone, as slow as it likes to be.


def _number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _said(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _digest(value: Any) -> bool:
    sizes = {"sha256": 64, "sha384": 96, "sha512": 128}
    match = re.fullmatch("([a-z0-9]+):([0-9a-f]+)", value) if isinstance(value, str) else None
    return match is not None and sizes.get(match[1]) == len(match[2])


def _id(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value))


def _date(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2}T[0-9:]{8}\.[0-9]{6}Z", value):
        return False
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return False
    return value[17:19] != "60" and value[17:19] != "61"


def _of(table: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in set(table)


ALWAYS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "v": lambda value: type(value) is int and value == 1,
    "n": _number,
    "kind": lambda value: _of(Kind)(value) and value != "capture",
    "salt": lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{32}", value)),
    "record_id": _id,
    "date": _date,
    "file": lambda value: isinstance(value, str),
    "offset": _number,
    "length": _number,
    "member": _digest,
    "record": _digest,
    "size": _number,
}
SOMETIMES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "url": _said,
    "role": _of(Role),
    "status": _number,
    "media_type": _said,
    "parent": _id,
    "payload": _digest,
    "content": _digest,
    "address": _said,
    "connection": _said,
    "tls": _said,
    "chain": _digest,
    "truncated": _of(Truncation),
    "outcome": _of(Reason),
}


def allowed(line: bytes) -> bool:
    """Say whether the format allows *line*."""
    try:
        said = canonical.decode(line, "line")
    except FormatError:
        return False
    if not isinstance(said, dict) or rfc8785.dumps(said) != line or not ALWAYS.keys() <= said.keys():
        return False
    if not all((ALWAYS | SOMETIMES).get(name, lambda _: False)(value) for name, value in said.items()):
        return False
    has, lacks = has_and_lacks(Kind(said["kind"]))
    return has <= said.keys() and not lacks & said.keys()


def agreed(line: bytes) -> None:
    """Hold the reader against the judge: refused as FormatError, or read as what is written in the same octets."""
    try:
        read = manifest.decode_record(line, "line")
    except FormatError:
        assert not allowed(line)
    else:
        assert allowed(line)
        assert manifest.encode_record(read) == line


@given(records())
def test_a_line_is_canonical_json_and_reads_back_as_the_record(record: Record) -> None:
    line = manifest.encode_record(record)
    assert line == rfc8785.dumps(json.loads(line))
    assert allowed(line)
    assert manifest.decode_record(line, "line") == record


@given(records(), st.sampled_from([*ALWAYS, *SOMETIMES, "colour", "V", "é"]), st.sampled_from(ODD) | TEXT | NUMBER)
def test_a_line_with_another_value_is_read_just_where_the_format_allows_it(
    record: Record, name: str, value: Any
) -> None:
    said = json.loads(manifest.encode_record(record)) | {name: value}
    agreed(json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


@given(records(), st.sampled_from([*ALWAYS, *SOMETIMES]))
def test_a_line_without_a_field_is_read_just_where_the_format_allows_it(record: Record, name: str) -> None:
    said = {key: value for key, value in json.loads(manifest.encode_record(record)).items() if key != name}
    agreed(rfc8785.dumps(said))


@given(records(), st.data())
def test_a_line_with_other_octets_is_read_just_where_the_format_allows_it(record: Record, data: st.DataObject) -> None:
    line = bytearray(manifest.encode_record(record))
    at = data.draw(st.integers(0, len(line)))
    width = data.draw(st.integers(0, 3))
    fragments = [
        b"\\u0061",
        b"\\ud800",
        b"\\/",
        b"\xed\xa0\x80",
        b"\x00",
        b" ",
        b",",
        b'"',
        b"1.0",
        b"1e2",
        b"-0",
        b"\n",
    ]
    line[at : at + width] = data.draw(st.sampled_from(fragments) | st.binary(max_size=3))
    agreed(bytes(line))


@pytest.mark.parametrize("spelt", [b"\\u00e9", b"\\/", b"\\u002f", b"\\u000a", b"\\U0001f600", b"\\u2028", b"\x7f\x80"])
def test_a_letter_has_one_spelling(spelt: bytes) -> None:
    record = Record(
        n=1,
        kind=Kind.REQUEST,
        salt=bytes(16),
        record_id="urn:uuid:0180ea6e-7459-4603-946f-79b59fc1e786",
        url="https://news.example/LETTER",
        date=datetime(2024, 12, 10, tzinfo=UTC),
        position=Position("a", 0, 1, Digest.of_bytes(b"")),
        record=Digest.of_bytes(b""),
        size=0,
        role=Role.OTHER,
    )
    line = manifest.encode_record(record).replace(b"LETTER", spelt)
    assert not allowed(line)
    agreed(line)


@given(
    st.binary(max_size=40) | st.sampled_from([b"", b"{}", b"[]", b"null", b'"' * 3, b"[" * 100_000, b'{"n":' * 9999])
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(FormatError, match=r"^line: expected ") as refused:
        manifest.decode_record(line, "line")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("fields", [{"n": LARGEST + 1}, {"size": -1}, {"status": 2**70}, {"url": "\ud800"}], ids=ascii)
def test_what_could_not_be_read_is_not_written(fields: dict[str, Any]) -> None:
    digest = Digest.of_bytes(b"")
    known: dict[str, Any] = {"n": 1, "size": 1, "url": "https://news.example/", "status": 200} | fields
    record = Record(
        kind=Kind.RESPONSE,
        salt=bytes(16),
        record_id="urn:uuid:0180ea6e-7459-4603-946f-79b59fc1e786",
        date=datetime(2024, 12, 10, tzinfo=UTC),
        position=Position("a", 0, 1, digest),
        record=digest,
        **known,
    )
    with pytest.raises(FormatError):
        manifest.encode_record(record)
