"""What holds for every token: whatever is changed in it, it proves the same time of the same octets, or nothing."""

import contextlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from muniment import timestamp
from muniment.errors import FormatError, IntegrityError, TrustError
from muniment.timestamp import der

STAMPS = Path(__file__).parents[1] / "vectors" / "timestamps"
MESSAGE = (STAMPS / "message").read_bytes()
TOKENS = {name: (STAMPS / f"{name}.tsr").read_bytes() for name in ("ec", "rsa")}
CHAINS = {name: timestamp.certificates((STAMPS / f"{name}.pem").read_bytes(), name) for name in TOKENS}
WHOLE = {
    name: timestamp.verified(timestamp.read(octets, name), MESSAGE, CHAINS[name]) for name, octets in TOKENS.items()
}


@given(st.sampled_from(sorted(TOKENS)), st.data())
@settings(max_examples=300, deadline=None)
def test_a_changed_token_proves_the_same_or_nothing(name: str, data: st.DataObject) -> None:
    octets = bytearray(TOKENS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(FormatError, IntegrityError, TrustError):
        proved = timestamp.verified(timestamp.read(bytes(octets), "it"), MESSAGE, CHAINS[name])
        assert (proved.at, proved.accuracy) == (WHOLE[name].at, WHOLE[name].accuracy)
        assert proved.token.nonce == WHOLE[name].token.nonce


@given(st.sampled_from(sorted(TOKENS)), st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_other_octets_are_what_was_stamped(name: str, message: bytes) -> None:
    if message != MESSAGE:
        with contextlib.suppress(IntegrityError):
            timestamp.verified(timestamp.read(TOKENS[name], "it"), message, CHAINS[name])
            raise AssertionError("a token over something else was believed")


@given(st.binary(max_size=400))
@settings(max_examples=500, deadline=None)
def test_octets_of_any_kind_are_read_or_refused_as_one_kind_of_error(octets: bytes) -> None:
    for reader in (timestamp.read, timestamp.read_request, timestamp.certificates):
        with contextlib.suppress(FormatError):
            reader(octets, "it")


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(0, 30))
@settings(max_examples=300, deadline=None)
def test_values_that_are_written_are_read_again(contents: list[bytes], tag: int) -> None:
    written = b"".join(der.wrapped(tag, each) for each in contents)
    assert [(each.tag, each.content) for each in der.members(written, "it")] == [(tag, each) for each in contents]
    assert b"".join(each.octets for each in der.members(written, "it")) == written
    whole = der.whole(der.wrapped(der.SEQUENCE, written), der.SEQUENCE, "it")
    assert whole.content == written


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
def test_a_set_is_ordered_in_one_way_only(values: list[bytes]) -> None:
    assert der.ordered(values) == der.ordered(values[::-1]) == der.ordered([*values, *values])
