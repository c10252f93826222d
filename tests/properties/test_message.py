"""What holds for every message, not only for those that somebody thought of."""

import gzip
import io
import itertools
import zlib

import brotlicffi
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.message.chunked import Chunked, End
from muniment.message.entity import content, measure, payload
from muniment.message.response import Part, ResponseReader
from muniment.model import Framing

CODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotlicffi.compress,
    "zstd": zstandard.compress,
}
fields = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 3",
            b"Content-Length: 0",
            b"Content-Length: x",
            b"Transfer-Encoding: chunked",
            b"Connection: close",
            b" folded",
            b"X: \xff\x00",
            b"nonsense",
        ]
    ),
    max_size=4,
)
tail = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from([b"3\r\nabc\r\n", b"0\r\n", b"\r\n", b"\n", b"1;x\n", b"a", b"X: y\r\n", b"ff"]), max_size=9
    ).map(b"".join),
)
line_end = st.sampled_from([b"\r\n", b"\n"])
status = st.sampled_from([b"100", b"103", b"200", b"204", b"304", b"404", b"999"])
message = st.builds(
    lambda code, lines, end, rest: end.join([b"HTTP/1.1 " + code + b" Words", *lines, b"", b""]) + rest,
    status,
    fields,
    line_end,
    tail,
)
answers = st.one_of(message, st.lists(message, max_size=3).map(b"".join), st.binary(max_size=80))


def read(octets: bytes, cuts: list[int], cap: int) -> tuple[list[tuple[Part, bytes]], ResponseReader, str]:
    reader = ResponseReader("GET", cap)
    pieces: list[tuple[Part, bytes]] = []
    places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    try:
        for start, stop in itertools.pairwise(places):
            pieces.extend(reader.feed(octets[start:stop]))
    except FormatError as refusal:
        return pieces, reader, str(refusal)
    return pieces, reader, ""


def joined(pieces: list[tuple[Part, bytes]]) -> dict[Part, bytes]:
    return {part: b"".join(piece for other, piece in pieces if other is part) for part in Part}


@given(answers, st.lists(st.integers(0, 200), max_size=6))
def test_the_parts_laid_end_to_end_are_what_came(octets: bytes, cuts: list[int]) -> None:
    pieces, reader, refusal = read(octets, cuts, 1 << 20)
    whole = b"".join(piece for _, piece in pieces) + bytes(reader.pending)
    assert octets.startswith(whole)
    if not refusal:
        assert whole == octets


@given(answers, st.lists(st.integers(0, 200), max_size=6), st.integers(0, 12))
def test_the_parts_do_not_depend_on_how_the_octets_came(octets: bytes, cuts: list[int], cap: int) -> None:
    at_once, one, refused = read(octets, [], cap)
    in_pieces, other, refused_too = read(octets, cuts, cap)
    assert bool(refused) == bool(refused_too)
    assert one.end is other.end
    if not refused and one.end is not End.FAULT:
        assert joined(at_once) == joined(in_pieces)


@given(answers, st.integers(0, 12))
def test_no_more_payload_than_the_cap_is_read(octets: bytes, cap: int) -> None:
    pieces, reader, _ = read(octets, [], cap)
    kept = joined(pieces)
    if reader.head is not None and reader.end is not End.FAULT:
        stored = io.BytesIO(kept[Part.HEAD] + kept[Part.BODY])
        size = len(b"".join(payload(stored)))
        assert size <= cap
        if reader.end is End.CAPPED:
            assert size == cap


@given(answers)
def test_whatever_was_stored_is_measured_the_same_twice_and_never_raises(octets: bytes) -> None:
    pieces, reader, _ = read(octets, [], 1 << 20)
    kept = joined(pieces)
    if reader.head is None:
        return
    stored = io.BytesIO(kept[Part.HEAD] + kept[Part.BODY])
    entity = measure(stored, cap=1 << 20)
    assert entity == measure(stored, cap=1 << 20)
    assert entity.block == Digest.of_bytes(stored.getvalue())
    assert entity.payload == Digest.of(payload(stored))
    if reader.head.framing is Framing.EMPTY:
        assert entity.size == 0


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 400), max_size=6))
def test_chunks_give_back_what_was_put_into_them(bodies: list[bytes], cuts: list[int]) -> None:
    coded = b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in bodies) + b"0\r\n\r\n"
    octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded
    pieces, reader, _ = read(octets, cuts, 1 << 20)
    assert reader.end is End.WHOLE
    assert joined(pieces)[Part.BODY] == coded
    assert b"".join(payload(io.BytesIO(octets))) == b"".join(bodies)


@given(st.binary(max_size=5000), st.lists(st.sampled_from(sorted(CODERS)), max_size=5))
def test_codings_come_off_in_the_order_in_which_they_went_on(plain: bytes, codings: list[str]) -> None:
    body = plain
    for coding in codings:
        body = CODERS[coding](body)
    stored = io.BytesIO(b"HTTP/1.1 200 OK\r\nContent-Encoding: " + ", ".join(codings).encode() + b"\r\n\r\n" + body)
    assert b"".join(content(stored, cap=5000)) == plain


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(CODERS)),
    st.binary(min_size=1, max_size=2000),
    st.integers(0, 1 << 20),
    st.integers(1, 255),
)
def test_damage_is_decoded_or_named_and_nothing_else_happens(coding: str, plain: bytes, at: int, flip: int) -> None:
    body = bytearray(CODERS[coding](plain))
    body[at % len(body)] ^= flip
    octets = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding.encode() + b"\r\n\r\n" + body
    entity = measure(io.BytesIO(octets), cap=1 << 20)
    assert (entity.content is None) == bool(entity.fault)
    assert entity.payload == Digest.of_bytes(bytes(body))


@given(
    st.lists(
        st.sampled_from(
            [b"3\r\nabc\r\n", b"3\nabc\n", b"1;x\r\ny\r\n", b"0\r\n", b"\r\n", b"\n", b" 2 \r\nzz\r\n", b"f", b"\r"]
        ),
        max_size=12,
    ).map(b"".join),
    st.lists(st.integers(0, 100), max_size=6),
    st.one_of(st.none(), st.integers(0, 9)),
)
def test_a_chunked_body_reads_the_same_whole_or_in_pieces(octets: bytes, cuts: list[int], cap: int | None) -> None:
    def outcome(places: list[int]) -> tuple[bytes, End, int, str]:
        chunked = Chunked(cap)
        found, taken = b"", 0
        for start, stop in itertools.pairwise(places):
            if chunked.end is End.MORE:
                found += chunked.feed(octets[start:stop])
                taken += chunked.taken
        # A fault is seen at the octet that makes it; how much of its line came along is chance.
        return found, chunked.end, 0 if chunked.end is End.FAULT else taken, chunked.fault[:8]

    places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    assert outcome(places) == outcome([0, len(octets)])
