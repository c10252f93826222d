"""Manifest lines and statements: one value, one spelling, and nothing else is read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from muniment import canonical, manifest
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.model import Kind, Position, Reason, Record, Role, State

ID = "urn:uuid:0180ea6e-7459-4603-946f-79b59fc1e786"
DIGEST = Digest.of_bytes(b"x")
NOON = datetime(2024, 12, 10, 12, 0, 0, 125000, tzinfo=UTC)
RECORD = Record(
    n=17,
    kind=Kind.RESPONSE,
    salt=bytes(range(16)),
    record_id=ID,
    url="https://courier.example/a",
    date=NOON,
    position=Position("c-00000.warc.gz", 275, 370, DIGEST),
    record=DIGEST,
    size=92274688,
    role=Role.VIDEO,
    status=200,
    media_type="video/mp4",
    payload=DIGEST,
    outcome=Reason.OK,
)
DESCRIPTION = manifest.Description(bytes(16), "c", "https://courier.example/", "static", State.FETCHED, 3, 2)
PLACE = manifest.LogPlace("case.abcdef", 0, 1, DIGEST, DIGEST)
STATEMENT = manifest.Statement((("a", DIGEST),), "c", NOON, NOON, "muniment", "0", 5, 1, DIGEST, PLACE)
OPENING = manifest.Opening("c", NOON, bytes(16), "https://courier.example/", {"cited": 1}, "muniment", "0")


def changed(content: bytes, **fields: Any) -> bytes:
    """Return the JSON object *content* with fields set, or removed where None, in canonical form."""
    found = json.loads(content) | fields
    return canonical.encode({name: value for name, value in found.items() if value is not None})


def test_a_line_reads_back_as_what_was_written() -> None:
    assert manifest.decode_record(manifest.encode_record(RECORD), "line") == RECORD


def test_a_line_is_exactly_what_the_format_page_says() -> None:
    digest = str(DIGEST)
    expected = {
        "v": 1, "n": 17, "kind": "response", "salt": "000102030405060708090a0b0c0d0e0f", "record_id": ID,
        "url": "https://courier.example/a", "date": "2024-12-10T12:00:00.125000Z", "status": 200,
        "media_type": "video/mp4", "role": "video", "file": "c-00000.warc.gz", "offset": 275, "length": 370,
        "member": digest, "record": digest, "payload": digest, "size": 92274688, "outcome": "ok",
    }  # fmt: skip
    assert json.loads(manifest.encode_record(RECORD)) == expected


def test_statement_opening_and_description_read_back() -> None:
    assert manifest.decode_statement(manifest.encode_statement(STATEMENT), "s") == STATEMENT
    assert manifest.decode_opening(manifest.encode_opening(OPENING), "o") == OPENING
    assert manifest.decode_description(manifest.encode_description(DESCRIPTION), "d") == DESCRIPTION


@pytest.mark.parametrize(
    "fields",
    [
        {"v": 2},
        {"v": None},
        {"n": -1},
        {"n": "17"},
        {"n": True},
        {"kind": "capture"},
        {"kind": "gossip"},
        {"role": "hero"},
        {"outcome": "fine"},
        {"salt": "00"},
        {"salt": "000102030405060708090A0B0C0D0E0F"},
        {"record_id": "0180ea6e"},
        {"date": "2024-12-10 12:00:00"},
        {"date": "2024-13-10T12:00:00.125000Z"},
        {"date": "2024-12-10T12:00:00Z"},
        {"member": "sha256:00"},
        {"record": None},
        {"payload": "sha1:3i42h3s6nnfq2msvx7xzkyayscx5qbyj"},
        {"colour": "red"},
        {"url": 5},
        {"status": "200"},
        {"status": None},
        {"role": None},
        {"outcome": None},
        {"payload": None},
        {"url": None},
        {"kind": "request"},
        {"kind": "attempt"},
        {"kind": "metadata"},
        {"kind": "warcinfo"},
    ],
    ids=str,
)
def test_a_line_that_says_anything_else_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        manifest.decode_record(changed(manifest.encode_record(RECORD), **fields), "line 17")


@pytest.mark.parametrize(
    "spelling",
    [
        lambda line: line.replace(b",", b", ", 1),
        lambda line: b" " + line,
        lambda line: line + b"\n",
        lambda line: line.replace(b"courier", b"\\u0063ourier"),
        lambda line: line.replace(b'"n":17', b'"n":17,"n":17'),
        lambda line: b"\xef\xbb\xbf" + line,
    ],
    ids=["space", "leading", "line end", "escape", "twice", "mark"],
)
def test_another_spelling_of_the_same_line_is_refused(spelling: Any) -> None:
    with pytest.raises(FormatError):
        manifest.decode_record(spelling(manifest.encode_record(RECORD)), "line 17")


def test_an_opening_whose_seed_is_not_the_one_it_commits_to_is_refused() -> None:
    payload = json.loads(manifest.encode_opening(OPENING))
    payload["predicate"]["seed"] = "https://courier.example/another"
    with pytest.raises(FormatError, match="commits to the seed"):
        manifest.decode_opening(canonical.encode(payload), "open.dsse.json")


def test_a_statement_of_another_kind_is_refused() -> None:
    with pytest.raises(FormatError, match="predicateType"):
        manifest.decode_statement(manifest.encode_opening(OPENING), "statement.dsse.json")


def test_the_statement_names_no_url() -> None:
    assert b"courier" not in manifest.encode_statement(STATEMENT)


def test_the_sums_are_what_sha256sum_reads() -> None:
    assert manifest.sums((("archive/a.warc.gz", DIGEST),)) == f"{DIGEST.hex}  archive/a.warc.gz\n".encode()
