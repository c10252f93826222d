"""The one JSON that is signed: what it writes, and every ambiguity that its reader refuses."""

import base64
from collections.abc import Callable
from enum import StrEnum

import pytest

from muniment import canonical
from muniment.canonical import Fields
from muniment.errors import FormatError


def test_objects_are_sorted_and_written_without_spaces_in_utf8() -> None:
    assert canonical.encode({"b": [1, None, True], "a": "é\u20ac\n"}) == '{"a":"é€\\n","b":[1,null,true]}'.encode()


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        2**53 - 1,
        1 - 2**53,
        "",
        "\ud7ff\ue000",
        "\u0000\u001f\u007f\u2028",
        "\U0001f600",
        [],
        {},
        None,
        False,
        {"a": {"b": []}},
    ],
)
def test_a_value_reads_back_as_it_was_written(value: object) -> None:
    assert canonical.decode(canonical.encode(value), "x") == value


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        "\ud800",
        ["\udfff"],
        {"\ud800": 1},
        {"é": 1},
        {1: 1},
        b"x",
        {1},
    ],
)
def test_what_two_readers_could_take_differently_is_never_written(value: object) -> None:
    with pytest.raises(FormatError, match=r"^canonical JSON: expected "):
        canonical.encode(value)


# After the families of n_* cases in JSONTestSuite, and the ones that signed formats have fallen over.
MALFORMED = {
    "empty": b"",
    "spaces": b"   ",
    "duplicate key": b'{"a":1,"a":1}',
    "duplicate key by escape": b'{"a":1,"\\u0061":2}',
    "duplicate key deep": b'{"x":[{"a":1,"a":2}]}',
    "NaN": b"[NaN]",
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "float": b"[1.0]",
    "exponent": b"[1e2]",
    "negative zero float": b"[-0.0]",
    "2^53": b"[9007199254740992]",
    "-2^53": b"[-9007199254740992]",
    "5,000 digits": b"[" + b"9" * 5000 + b"]",
    "leading zero": b"[01]",
    "plus": b"[+1]",
    "hex": b"[0x1]",
    "lone minus": b"[-]",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "invalid UTF-8": b'["\xff"]',
    "overlong UTF-8": b'["\xc0\xaf"]',
    "surrogate in UTF-8": b'["\xed\xa0\x80"]',
    "lone high surrogate": b'["\\ud800"]',
    "lone low surrogate": b'["\\udc00"]',
    "surrogates reversed": b'["\\udc00\\ud800"]',
    "surrogate in a key": b'{"\\ud800":1}',
    "key not ASCII": '{"é":1}'.encode(),
    "key not a string": b"{1:1}",
    "trailing comma": b"[1,]",
    "trailing comma object": b'{"a":1,}',
    "trailing value": b"{}{}",
    "trailing word": b"{} x",
    "trailing NUL": b"{}\x00",
    "comment": b"{}//x",
    "single quotes": b"{'a':1}",
    "no quotes": b"{a:1}",
    "unclosed array": b"[1",
    "unclosed string": b'["a',
    "unclosed object": b'{"a":1',
    "control in string": b'["a\x01"]',
    "newline in string": b'["a\n"]',
    "tab in string": b'["a\t"]',
    "bad escape": b'["\\x61"]',
    "short escape": b'["\\u12"]',
    "literal": b"[tru]",
    "capital literal": b"[True]",
    "form feed": b"[\x0c]",
    "no-break space": "[\u00a0]".encode(),
    "colon missing": b'{"a" 1}',
    "double colon": b'{"a"::1}',
    "33 brackets": b"[" * 33 + b"]" * 33,
    "33 objects": b'{"a":' * 32 + b"{}" + b"}" * 32,
    "33 brackets around a word": b"[" * 33 + b'"a"' + b"]" * 33,
    "100,000 brackets": b"[" * 100_000,
    "100,000 closed brackets": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
def test_ambiguous_or_malformed_json_is_refused_naming_the_file(content: bytes) -> None:
    with pytest.raises(FormatError, match=r"^some\.json: expected "):
        canonical.decode(content, "some.json")


def test_an_error_about_long_input_stays_short() -> None:
    with pytest.raises(FormatError) as refused:
        canonical.decode(b'{"' + b"k" * 10_000 + b'":1.5' + b"0" * 10_000 + b"}", "x")
    assert len(str(refused.value)) < 300


def test_nesting_of_thirty_two_is_written_and_read_and_no_deeper() -> None:
    for content in (b"[" * 32 + b"1" + b"]" * 32, b'{"a":' * 32 + b"1" + b"}" * 32):
        value = canonical.decode(content, "x")
        assert canonical.encode(value) == content
        with pytest.raises(FormatError, match="nesting of at most 32"):
            canonical.encode([value])


def test_an_error_says_what_is_wrong_and_where() -> None:
    for content, words in (
        (b"\xef\xbb\xbf{}", "expected JSON without a byte order mark, found one"),
        (b'{"b":1,"a":1,"a":2}', "expected each key once, found 'a' twice"),
        (b'["\xff"]', "expected UTF-8, found byte 2 is not"),
    ):
        with pytest.raises(FormatError, match=f"^here: {words}$"):
            canonical.decode(content, "here")
    with pytest.raises(FormatError, match=r"^here: expected base64, found "):
        canonical.decode_base64("Y Q==", "here")


@pytest.mark.parametrize("content", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64_reads_back(content: bytes) -> None:
    assert canonical.decode_base64(canonical.encode_base64(content), "x") == content


@pytest.mark.parametrize(
    "text", ["YQ", "YQ=", "YR==", "YWJ=", "Y Q==", "YQ==\n", "-_8=", "YQ===", "=", "é", "YQ==YQ==", "Y\u212a=="]
)
def test_base64_that_would_not_be_written_again_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        canonical.decode_base64(text, "x")
    assert base64.b64encode(b"a") == b"YQ=="


class Colour(StrEnum):
    RED = "red"


def test_fields_are_taken_one_by_one_and_none_is_left() -> None:
    content = b'{"a":1,"b":"x","c":"red","d":{"v":1},"v":1}'
    fields = Fields(content, "here")
    assert (fields.number("a"), fields.take("b", str), fields.choice("c", Colour)) == (1, "x", Colour.RED)
    fields.nested("d", version=True).finish(b"whatever", b"whatever")
    fields.finish(content)
    with pytest.raises(FormatError, match=r"^here: expected canonical JSON, found another spelling of the same value$"):
        fields.finish(content + b" ")


@pytest.mark.parametrize("content", [b"[]", b"7", b'"text"', b"null"])
def test_fields_are_those_of_an_object(content: bytes) -> None:
    with pytest.raises(FormatError, match=r"^here: expected a JSON object, found "):
        Fields(content, "here")


@pytest.mark.parametrize(
    ("content", "take", "words"),
    [
        (b'{"a":-1}', lambda fields: fields.number("a"), "a not below 0, found -1"),
        (b'{"a":true}', lambda fields: fields.number("a"), "a as int, found True"),
        (b"{}", lambda fields: fields.number("a"), "a as int, found None"),
        (b'{"a":1}', lambda fields: fields.take("a", str), "a as str, found 1"),
        (b'{"a":"blue"}', lambda fields: fields.choice("a", Colour), "a a of the closed table, found 'blue'"),
        (b'{"a":{}}', lambda fields: fields.nested("a", version=True), "a with a version v, found none"),
        (b'{"a":{"v":2}}', lambda fields: fields.nested("a"), "v 1, found 2"),
        (b'{"a":true}', lambda fields: fields.constant("a", 1), "a 1, found True"),
        (b'{"a":"md5:00"}', lambda fields: fields.digest("a"), "sha256:<64 lowercase hex digits>, found 'md5:00'"),
        (b'{"salt":"00"}', lambda fields: fields.salt(), "a salt of 32 lowercase hex digits, found '00'"),
        (b'{"a":1,"b":2}', lambda fields: fields.finish(b'{"a":1,"b":2}'), "known fields only, found a, b"),
    ],
)
def test_a_field_that_is_not_what_it_must_be_is_named(
    content: bytes, take: Callable[[Fields], object], words: str
) -> None:
    with pytest.raises(FormatError) as refused:
        take(Fields(content, "here"))
    assert str(refused.value) == f"here: expected {words}"
