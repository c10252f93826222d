"""Manifest lines and statements: one value, one spelling, and nothing else is read."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from muniment import canonical, manifest
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.model import Kind, Position, Reason, Record, Role, State, Truncation

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
    for kind in ("https://in-toto.io/Statement/v0.1", None, 7):
        with pytest.raises(FormatError, match=r"expected _type 'https://in-toto\.io/Statement/v1'"):
            manifest.decode_statement(changed(manifest.encode_statement(STATEMENT), _type=kind), "statement.dsse.json")


def test_the_statement_names_no_url() -> None:
    assert b"courier" not in manifest.encode_statement(STATEMENT)


def test_the_sums_are_what_sha256sum_reads() -> None:
    assert manifest.sums((("archive/a.warc.gz", DIGEST),)) == f"{DIGEST.hex}  archive/a.warc.gz\n".encode()


# Golden bytes: what an archive of today holds must be read for ever.
HEX = DIGEST.hex
FULL = replace(
    RECORD,
    parent=ID,
    content=DIGEST,
    address="192.0.2.7",
    connection="c3",
    tls="ok",
    chain=DIGEST,
    truncated=Truncation.TIME,
    outcome=Reason.TRUNCATED_TIME,
)


def test_a_line_that_says_everything_is_exactly_what_the_format_page_says_and_reads_back() -> None:
    content = manifest.encode_record(FULL)
    assert content.decode() == (
        f'{{"address":"192.0.2.7","chain":"sha256:{HEX}","connection":"c3","content":"sha256:{HEX}",'
        '"date":"2024-12-10T12:00:00.125000Z","file":"c-00000.warc.gz","kind":"response","length":370,'
        f'"media_type":"video/mp4","member":"sha256:{HEX}","n":17,"offset":275,"outcome":"truncated-time","parent":"{ID}",'
        f'"payload":"sha256:{HEX}","record":"sha256:{HEX}","record_id":"{ID}","role":"video",'
        '"salt":"000102030405060708090a0b0c0d0e0f","size":92274688,"status":200,"tls":"ok","truncated":"time",'
        '"url":"https://courier.example/a","v":1}'
    )
    assert manifest.decode_record(content, "line") == FULL


LEAN = {"status": None, "truncated": None, "outcome": None}
OTHER_KINDS = {
    "request": replace(RECORD, kind=Kind.REQUEST, payload=None, **LEAN),
    "metadata": replace(RECORD, kind=Kind.METADATA, **LEAN),
    "resource": replace(RECORD, kind=Kind.RESOURCE, **LEAN),
    "conversion": replace(RECORD, kind=Kind.CONVERSION, **LEAN),
    "attempt": replace(RECORD, kind=Kind.ATTEMPT, status=None, outcome=Reason.DNS),
    "warcinfo": replace(RECORD, kind=Kind.WARCINFO, url="", role=None, media_type="", **LEAN),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_line_of_each_kind_reads_back_and_tells_only_an_attempts_outcome(kind: str) -> None:
    record = OTHER_KINDS[kind]
    line = manifest.encode_record(record)
    assert f'"kind":"{kind}"'.encode() in line
    assert manifest.decode_record(line, "line") == record
    with pytest.raises(FormatError, match=f"^line: expected the fields of a {kind}, found "):
        manifest.decode_record(changed(line, outcome=None if kind == "attempt" else "ok"), "line")


def test_line_0_is_exactly_what_the_format_page_says() -> None:
    whole = replace(DESCRIPTION, job="night", extractors={"muniment.links": "1"})
    for description, middle in (
        (DESCRIPTION, b'"extractors":{},"kind"'),
        (whole, b'"extractors":{"muniment.links":"1"},"job":"night","kind"'),
    ):
        content = manifest.encode_description(description)
        assert content == (
            b'{"asked":3,"capture":"c","engine":"static",' + middle + b':"capture","n":0,"recorded":2,"salt":"'
            + b"0" * 32 + b'","seed":"https://courier.example/","v":1,"verdict":"fetched"}'
        )  # fmt: skip
        assert manifest.decode_description(content, "line") == description


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (changed(manifest.encode_description(DESCRIPTION), extractors={"a": 1}), "names and versions of extractors"),
        (changed(manifest.encode_description(DESCRIPTION), colour="red"), "known fields only"),
        (manifest.encode_description(DESCRIPTION) + b" ", "canonical JSON"),
    ],
)
def test_a_line_0_that_says_anything_else_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=f"^line 0: expected {words}"):
        manifest.decode_description(content, "line 0")


def test_line_0_is_no_record() -> None:
    with pytest.raises(FormatError, match=r"^line 1: expected a manifest line as docs/formats.md has it, found "):
        manifest.decode_record(manifest.encode_description(DESCRIPTION), "line 1")


def test_a_statement_is_exactly_what_the_format_page_says_and_reads_back() -> None:
    recovered = replace(
        STATEMENT,
        subjects=(("a", DIGEST), ("b", DIGEST)),
        opening=replace(PLACE, tokens=(DIGEST,)),
        recovered=manifest.Recovery(3, 40, "muniment"),
    )
    content = manifest.encode_statement(recovered)
    assert content.decode() == (
        '{"_type":"https://in-toto.io/Statement/v1","predicate":{"attempts":1,"capture":"c",'
        '"closed":"2024-12-10T12:00:00.125000Z","opened":"2024-12-10T12:00:00.125000Z","opening":{'
        f'"checkpoint":"sha256:{HEX}","index":0,"origin":"case.abcdef","sealed":"sha256:{HEX}","size":1,'
        f'"tokens":["sha256:{HEX}"]}},"records":5,"recovered":{{"by":"muniment","gap_seconds":3,"set_aside_bytes":40}},'
        f'"root":"sha256:{HEX}","tool":{{"name":"muniment","version":"0"}},"v":1}},'
        '"predicateType":"urn:uuid:79ae0b38-fb49-411f-a948-4cfcd8e9dc04","subject":['
        f'{{"digest":{{"sha256":"{HEX}"}},"name":"a"}},{{"digest":{{"sha256":"{HEX}"}},"name":"b"}}]}}'
    )
    assert manifest.decode_statement(content, "s") == recovered
    assert b"recovered" not in manifest.encode_statement(STATEMENT)


def test_an_opening_is_exactly_what_the_format_page_says() -> None:
    commitment = Digest.of_bytes(bytes(16) + b"https://courier.example/").hex
    assert manifest.encode_opening(OPENING).decode() == (
        '{"_type":"https://in-toto.io/Statement/v1","predicate":{"capture":"c",'
        '"opened":"2024-12-10T12:00:00.125000Z","rules":{"cited":1},"salt":"00000000000000000000000000000000",'
        '"seed":"https://courier.example/","tool":{"name":"muniment","version":"0"},"v":1},'
        '"predicateType":"urn:uuid:0180ea6e-7459-4603-946f-79b59fc1e786","subject":['
        f'{{"digest":{{"sha256":"{commitment}"}},"name":"seed"}}]}}'
    )
    assert manifest.PAYLOAD_TYPE == "application/vnd.in-toto+json"


@pytest.mark.parametrize(
    "subject",
    [{"name": "a"}, {"name": 7, "digest": {"sha256": HEX}}, {"name": "a", "digest": {"md5": "00"}}, "a", None],
)
def test_a_subject_without_name_and_sha256_is_refused(subject: object) -> None:
    content = changed(manifest.encode_statement(STATEMENT), subject=[subject])
    with pytest.raises(FormatError, match=r"^s: expected subjects with a name and a sha256 digest, found "):
        manifest.decode_statement(content, "s")


def test_sums_of_several_files_stand_line_by_line_in_their_order() -> None:
    assert manifest.sums((("b", DIGEST), ("a", DIGEST))) == f"{HEX}  b\n{HEX}  a\n".encode()


def test_a_statement_and_an_opening_have_one_spelling_and_no_field_of_others() -> None:
    for content, decode in (
        (manifest.encode_statement(STATEMENT), manifest.decode_statement),
        (manifest.encode_opening(OPENING), manifest.decode_opening),
    ):
        with pytest.raises(FormatError, match=r"^s: expected canonical JSON, found another spelling"):
            decode(content.replace(b",", b", ", 1), "s")
        with pytest.raises(FormatError, match=r"^s: expected known fields only, found colour$"):
            decode(content.replace(b'"capture":', b'"colour":1,"capture":'), "s")


def test_a_predicate_names_its_version() -> None:
    payload = json.loads(manifest.encode_statement(STATEMENT))
    del payload["predicate"]["v"]
    with pytest.raises(FormatError, match=r"^s: expected predicate with a version v, found none$"):
        manifest.decode_statement(canonical.encode(payload), "s")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "capture"}, "expected a record or an attempt, found a second line of kind capture"),
        ({"url": None}, r"expected the fields of a response, found lacking \['url'\], beyond \[\]"),
        ({"record_id": "x"}, "expected record_id as urn:uuid:…, found 'x'"),
        ({"parent": "x"}, "expected parent as urn:uuid:…, found 'x'"),
        ({"tls": ""}, "expected a manifest line as docs/formats.md has it, found another form: .*"),
        ({"n": 1.5}, "expected an integer, found 1.5"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(fields: dict[str, Any], words: str) -> None:
    found = json.loads(manifest.encode_record(RECORD)) | fields
    line = json.dumps({name: found[name] for name in sorted(found) if found[name] is not None}, separators=(",", ":"))
    with pytest.raises(FormatError, match=f"^line 17: {words}$"):
        manifest.decode_record(line.encode(), "line 17")


def test_a_number_may_be_nothing_and_a_text_one_letter() -> None:
    least = replace(RECORD, n=0, size=0, status=0, position=replace(RECORD.position, offset=0), connection="c")
    assert manifest.decode_record(manifest.encode_record(least), "line") == least


@pytest.mark.parametrize(
    "broken", [{"status": -1}, {"n": 2**53}, {"url": "\ud800"}], ids=["below", "beyond", "surrogate"]
)
def test_no_line_is_written_that_could_not_be_read(broken: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match=f"^the line of {ID}: expected a manifest line"):
        manifest.encode_record(replace(RECORD, **broken))
