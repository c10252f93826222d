"""Digests: labelled, compared as label and bytes, and the same however the octets come."""

import hashlib

import pytest

from muniment.digest import ALGORITHM, Digest, Digester
from muniment.errors import FormatError

# FIPS 180-2, the example "abc".
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_digest_of_the_standards_example_is_the_standards() -> None:
    for made in (Digest.of((b"a", b"", b"bc")), Digest.of_bytes(b"abc")):
        assert (made.algorithm, made.hex, str(made)) == ("sha256", ABC, f"sha256:{ABC}")
        assert made.value == bytes.fromhex(ABC)


def test_a_digest_in_the_making_counts_and_goes_on_after_it_is_asked() -> None:
    making = Digester()
    assert (making.size, making.digest()) == (0, Digest.of_bytes(b""))
    making.update(b"ab")
    assert (making.size, making.digest()) == (2, Digest.of_bytes(b"ab"))
    making.update(memoryview(b"c"))
    assert (making.size, str(making.digest())) == (3, f"{ALGORITHM}:{ABC}")


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_digest_reads_back_as_it_is_written(algorithm: str) -> None:
    value = hashlib.new(algorithm, b"abc").digest()
    assert Digest.parse(f"{algorithm}:{value.hex()}") == Digest(algorithm, value)
    assert str(Digest.parse(f"{algorithm}:{value.hex()}")) == f"{algorithm}:{value.hex()}"


def test_bare_hex_is_sha256_and_nothing_else() -> None:
    assert Digest.parse_hex(ABC) == Digest.of_bytes(b"abc")
    for text in ("ab" * 48, f"sha256:{ABC}", ABC.upper(), ABC[2:]):
        with pytest.raises(FormatError, match=r"^here: "):
            Digest.parse_hex(text, "here")


def test_equal_bytes_under_another_label_are_another_digest() -> None:
    assert Digest("sha256", bytes(32)) != Digest("sha3", bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "", ABC, "sha256", "sha256:", f"sha256:{ABC[2:]}", f"sha256:{ABC}00", f"sha256:{ABC.upper()}", f" sha256:{ABC}",
        f"SHA256:{ABC}", f"md5:{ABC[:32]}", f"sha512:{ABC}", f"sha384:{ABC}", f"sha256:{ABC}\n", f"sha256:{ABC[1:]}",
        f"sha256:{ABC[:-1]}\u0661", "sha256:ciadoixmtj7pjn4oh7b3iwv7v2tcy",
    ],
)  # fmt: skip
def test_another_spelling_is_no_digest(text: str) -> None:
    with pytest.raises(FormatError, match=r"^digest: expected sha256:<64 lowercase hex digits>, found ") as refused:
        Digest.parse(text)
    assert refused.value.found == repr(text[:100])
    with pytest.raises(FormatError, match=r"^line 3: "):
        Digest.parse(text, "line 3")
