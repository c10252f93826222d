"""Leaves and entry bundles: one spelling, no room for a URL, and lengths that are kept (C2SP tlog-tiles)."""

import pytest

from muniment import canonical
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.log.leaf import LARGEST, Leaf, LeafType, bundle, leaf_type, unbundle
from muniment.model import EventType

X = Digest.of_bytes(b"x")
OPEN = Leaf(LeafType.OPEN, "20241210T093012Z-k7f3qa", X)
CONTENT = OPEN.encode()


def test_a_leaf_is_exactly_what_the_format_page_says() -> None:
    assert CONTENT == (
        b'{"id":"20241210T093012Z-k7f3qa",'
        b'"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","type":"open","v":1}'
    )
    assert Leaf.decode(CONTENT) == OPEN


@pytest.mark.parametrize("kind", ["open", "capture", "abandoned", "event", "key", "renewal", "retract"])
def test_a_leaf_of_each_type_reads_back(kind: str) -> None:
    leaf = Leaf(LeafType(kind), "A.z:0_9-", X)
    assert f'"type":"{kind}"'.encode() in leaf.encode()
    assert Leaf.decode(leaf.encode()) == leaf


@pytest.mark.parametrize(
    "bad",
    [
        CONTENT.replace(b'"v":1', b'"v":2'),
        CONTENT.replace(b'"v":1', b'"v":true'),
        CONTENT.replace(b'"v":1', b'"v":1,"w":1'),
        CONTENT.replace(b',"v":1', b""),
        CONTENT.replace(b"open", b"opened"),
        CONTENT.replace(b'"open"', b"[]"),
        CONTENT.replace(b'"open"', b"null"),
        CONTENT.replace(b'"20241210T093012Z-k7f3qa"', b"7"),
        CONTENT.replace(b'"2d71', b'7,"x":"2d71'),
        CONTENT.replace(b"2d71", b"2D71"),
        CONTENT.replace(b"2d71", b"sha256:2d71"),
        CONTENT.replace(b"k7f3qa", b"k7f\\u0033qa"),
        CONTENT.replace(b"k7f3qa", b"https://example.org/"),
        CONTENT.replace(b",", b", "),
        CONTENT + b"\n",
        b"[]",
        b"null",
        b"",
        b'["id","sha256","type","v"]',
        b" " * LARGEST + CONTENT,
    ],
)
def test_anything_else_is_no_leaf(bad: bytes) -> None:
    with pytest.raises(FormatError, match=r"^here: "):
        Leaf.decode(bad, "here")


@pytest.mark.parametrize("value", [b"7", b"[]", b"null", b"true"])
@pytest.mark.parametrize("name", ["id", "sha256", "type"])
def test_a_field_that_is_no_text_is_refused(name: str, value: bytes) -> None:
    fields = canonical.decode(CONTENT, "leaf") | {name: canonical.decode(value, "leaf")}
    with pytest.raises(FormatError, match=r"^leaf: expected a type of open, capture, "):
        Leaf.decode(canonical.encode(fields))


def test_an_id_has_at_most_200_plain_letters() -> None:
    longest = Leaf(LeafType.EVENT, "a" * 200, X)
    assert Leaf.decode(longest.encode()) == longest
    for name in ("a" * 201, "", "a b", "a/b", "\u00e4", "a\n"):
        with pytest.raises(FormatError, match=r"^leaf: expected a plain id"):
            Leaf(LeafType.EVENT, name, X).encode()


def test_a_leaf_holds_no_digest_but_sha256() -> None:
    with pytest.raises(FormatError, match="SHA-256"):
        Leaf(LeafType.OPEN, "a", Digest("sha512", bytes(64))).encode()


def test_what_is_too_long_for_a_leaf_is_not_even_read() -> None:
    with pytest.raises(FormatError, match="at most 1024 octets, found 1025"):
        Leaf.decode(b"[" * 1025)
    with pytest.raises(FormatError, match="nesting"):
        Leaf.decode(b"[" * 512 + b"]" * 512)


def test_a_bundle_has_each_length_before_its_entry() -> None:
    assert bundle([b"a", b"bc" * 128]) == b"\0\x01a\x01\0" + b"bc" * 128
    assert unbundle(b"\0\x01a\x01\0" + b"bc" * 128, "bundle") == (b"a", b"bc" * 128)
    assert unbundle(b"", "bundle") == ()


def test_an_entry_of_1024_octets_is_read_and_a_longer_one_is_not() -> None:
    assert unbundle(bundle([b"x" * LARGEST]), "bundle") == (b"x" * LARGEST,)
    with pytest.raises(FormatError, match=r"^bundle: expected whole entries of 1 to 1024 octets"):
        unbundle(bundle([b"x" * (LARGEST + 1)]), "bundle")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\0", "entry 0 of 0 octets, 0 of them there"),
        (b"\0\5abc", "entry 0 of 5 octets, 3 of them there"),
        (b"\0\0", "entry 0 of 0 octets, 0 of them there"),
        (b"\xff\xff" + bytes(65535), "entry 0 of 65535 octets, 65535 of them there"),
        (b"\0\1a\0", "entry 1 of 0 octets, 0 of them there"),
        (b"\0\1a\0\1", "entry 1 of 1 octets, 0 of them there"),
    ],
)
def test_a_bundle_that_ends_within_an_entry_is_malformed(content: bytes, found: str) -> None:
    with pytest.raises(FormatError, match=r"^bundle: ") as refused:
        unbundle(content, "bundle")
    assert refused.value.found == found


def test_a_key_event_and_a_renewal_have_leaves_of_their_own_and_others_one() -> None:
    own = {EventType.KEY_EVENT: LeafType.KEY, EventType.RENEWAL: LeafType.RENEWAL}
    assert {each: leaf_type(each) for each in EventType} == {each: own.get(each, LeafType.EVENT) for each in EventType}
