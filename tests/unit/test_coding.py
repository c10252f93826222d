"""Content codings come off however they arrive; what is cut, damaged, unknown or a bomb is refused where it begins."""

import gzip
import struct
import zlib
from collections import deque
from collections.abc import Iterator

import brotlicffi
import pytest
import zstandard

from muniment.errors import FormatError
from muniment.message.coding import ACCEPTED, MAX_CODINGS, decoded, named

MUCH = 1 << 30
# More than a piece, with an echo from nearly the whole of a deflate window away.
WORDS = b"".join(b"%d bottles, " % number for number in range(3000))
TEXT = WORDS + WORDS[-32_000:] + bytes(200_000) + b"The end."


def raw_deflate(octets: bytes, window: int = -15) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, window)
    return coder.compress(octets) + coder.flush()


def stored(first: int, octets: bytes) -> bytes:
    """Return *octets* as one stored block of raw deflate (RFC 1951 3.2.4) that begins with the octet *first*."""
    assert first & 6 == 0  # that it is stored; the upper five bits are passed over
    size = len(octets)
    rest = b"" if first & 1 else b"\x03\x00"
    return struct.pack("<BHH", first, size, size ^ 0xFFFF) + octets + rest


def frame(window: int, octets: bytes) -> bytes:
    """Return *octets* as a zstd frame of one block whose window descriptor (RFC 8878 3.1.1.1.2) is *window*."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([window]) + (len(octets) << 3 | 1).to_bytes(3, "little") + octets


def given(body: bytes, *codings: str, cap: int = MUCH, step: int = MUCH) -> tuple[bytes, str]:
    """Return what comes out of *body* when it arrives in pieces of *step*, and what is said of its end."""
    found = bytearray()
    pieces = (body[at : at + step] for at in range(0, len(body), step))
    try:
        deque(map(found.extend, decoded(pieces, codings, cap=cap)), maxlen=0)
    except FormatError as fault:
        return bytes(found), str(fault)
    return bytes(found), ""


WHOLE = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT, 9),
    "br": brotlicffi.compress(TEXT, quality=5),
    "zstd": zstandard.compress(TEXT),
}


def test_every_coding_that_a_request_accepts_can_be_taken_off_and_one_besides() -> None:
    assert [*ACCEPTED.split(", "), "zstd"] == list(WHOLE)


@pytest.mark.parametrize("step", [1, 2, 3, 1000, MUCH])
@pytest.mark.parametrize("coding", WHOLE)
def test_content_comes_out_the_same_however_it_arrives(coding: str, step: int) -> None:
    assert given(WHOLE[coding], coding, step=step) == (TEXT, "")


@pytest.mark.parametrize("coding", WHOLE)
def test_content_of_any_length_comes_out_whole(coding: str) -> None:
    encode = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotlicffi.compress, "zstd": zstandard.compress}
    for size in (0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 128 << 10, 256 << 10):
        for text in (bytes(size), (WORDS * 8)[:size]):
            assert given(encode[coding](text), coding) == (text, "")


@pytest.mark.parametrize("step", [1, MUCH])
@pytest.mark.parametrize("coding", WHOLE)
def test_content_that_is_cut_anywhere_is_told_as_cut_with_what_came_of_it(coding: str, step: int) -> None:
    for cut in (1, 2, 5, len(WHOLE[coding]) // 2, len(WHOLE[coding]) - 1):
        found, fault = given(WHOLE[coding][:cut], coding, step=step)
        assert TEXT.startswith(found)
        assert fault == f"the content: expected the whole of its coding {coding}, found an early end"
    assert given(b"", coding)[1].endswith("found an early end")


@pytest.mark.parametrize("coding", WHOLE)
def test_damage_is_told_with_the_coding_and_what_its_library_says(coding: str) -> None:
    damaged = bytearray(WHOLE[coding])
    damaged[:4] = b"\xff\xff\xff\xff"
    found, fault = given(bytes(damaged), coding)
    assert TEXT.startswith(found)
    assert fault.startswith(f"the content: expected the coding {coding}, found damage: ")


def test_the_window_of_deflate_is_used_whole() -> None:
    # The echo lies 32,768 octets behind: the furthest that RFC 1951 can write.
    echo = b"".join(struct.pack(">H", number * 40503 & 0xFFFF) for number in range(16384)) + bytes.fromhex(
        "0000 9e37 3c6e"
    )
    assert given(gzip.compress(echo, 9), "gzip") == (echo, "")
    assert given(zlib.compress(echo, 9), "deflate") == (echo, "")
    assert given(raw_deflate(echo), "deflate") == (echo, "")


@pytest.mark.parametrize("step", [1, 2, MUCH])
def test_deflate_is_read_without_its_header_too(step: int) -> None:
    assert given(raw_deflate(TEXT), "deflate", step=step) == (TEXT, "")


@pytest.mark.parametrize("step", [1, MUCH])
def test_raw_deflate_is_told_from_zlib_by_the_whole_of_the_two_octets(step: int) -> None:
    # A multiple of 31, but another method than 8, by one bit or by several; the method 8, but no multiple of 31.
    for first, size in ((0x00, 31), (0x09, 21), (0x78, 31)):
        octets = bytes(range(size))
        assert given(stored(first, octets), "deflate", step=step) == (octets, "")
    assert given(raw_deflate(b""), "deflate", step=step) == (b"", "")


@pytest.mark.parametrize("step", [1, MUCH])
def test_what_follows_the_end_of_deflate_is_passed_over(step: int) -> None:
    assert given(WHOLE["deflate"] + b"served by cache 7", "deflate", step=step) == (TEXT, "")


@pytest.mark.parametrize("step", [1, len(WHOLE["br"]), MUCH])
def test_what_follows_the_end_of_br_is_damage_however_it_arrives(step: int) -> None:
    assert given(WHOLE["br"] + b"served by cache 7", "br", step=step)[1].endswith("trailing data after stream.")


@pytest.mark.parametrize("step", [1, 3, MUCH])
def test_every_member_of_gzip_and_every_frame_of_zstd_is_content(step: int) -> None:
    parts = TEXT[:9], b"", TEXT[9:]
    assert given(b"".join(map(gzip.compress, parts)), "gzip", step=step) == (TEXT, "")
    assert given(b"".join(map(zstandard.compress, parts)), "zstd", step=step) == (TEXT, "")


@pytest.mark.parametrize("step", [1, MUCH])
@pytest.mark.parametrize("tail", [b"\x00", b"\x1f", b"\x1f\x1f\x8b", b"\x8b", b"\x00\x1f\x8b", b"<!-- cache 7 -->"])
def test_what_follows_gzip_and_is_no_member_is_passed_over(tail: bytes, step: int) -> None:
    assert given(WHOLE["gzip"] + tail, "gzip", step=step) == (TEXT, "")


@pytest.mark.parametrize("step", [1, MUCH])
def test_a_second_member_that_is_cut_is_no_rubbish(step: int) -> None:
    for cut in (2, 3, 10, 20):
        assert given(WHOLE["gzip"] + WHOLE["gzip"][:cut], "gzip", step=step)[1].endswith("found an early end")
    assert given(WHOLE["zstd"] + WHOLE["zstd"][:1], "zstd", step=step)[1].endswith("found an early end")


def test_content_of_one_coding_is_not_taken_for_another() -> None:
    for coding in WHOLE:
        for other in WHOLE.keys() - {coding}:
            assert "damage" in given(WHOLE[coding], other)[1] or "early end" in given(WHOLE[coding], other)[1]


def test_zstd_may_use_a_window_of_8_mib_and_none_beyond() -> None:
    assert given(frame(13 << 3, b"hello"), "zstd") == (b"hello", "")  # 2 ** (10 + 13)
    assert "the coding zstd, found damage" in given(frame(13 << 3 | 1, b"hello"), "zstd")[1]  # and an eighth more


def test_zstd_gives_out_no_piece_beyond_8_mib() -> None:
    # Blocks that say "128 KiB of this octet" in four octets (RFC 8878 3.1.1.2): nothing expands further.
    blocks = [((128 << 10) << 3 | 1 << 1 | (number == 127)).to_bytes(3, "little") + b"x" for number in range(128)]
    body = b"\x28\xb5\x2f\xfd\x00" + bytes([13 << 3]) + b"".join(blocks)
    pieces = [len(piece) for piece in decoded(iter([body]), ("zstd",), cap=MUCH)]
    assert (sum(pieces), max(pieces)) == (16 << 20, 8 << 20)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_other_codings_give_out_pieces_of_64_kib(coding: str) -> None:
    pieces = [len(piece) for piece in decoded(iter([WHOLE[coding]]), (coding,), cap=MUCH)]
    assert max(pieces) <= 64 << 10
    assert min(pieces) > 0


def zeros(size: int, received: int) -> bytes:
    """Return *size* zeros in gzip, in so many octets: the rest is what is passed over behind a member."""
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(
        [*(coder.compress(bytes(1 << 20)) for _ in range(size >> 20)), coder.compress(bytes(size % (1 << 20)))]
    )
    body += coder.flush()
    assert len(body) <= received
    return body + bytes(received - len(body))


def test_where_expansion_becomes_a_bomb_is_held_to_the_octet() -> None:
    received = 25_000
    free = (16 << 20) + 200 * received
    size = sum(map(len, decoded(iter([zeros(free, received)]), ("gzip",), cap=MUCH)))
    assert size == free
    bomb = decoded(iter([zeros(free + 1, received)]), ("gzip",), cap=MUCH)
    with pytest.raises(FormatError, match="expands in proportion, found a bomb in gzip"):
        deque(bomb, maxlen=0)


def test_a_bomb_is_measured_by_what_its_own_coding_received() -> None:
    # The outer coding makes 25,000 octets of few: each of the two is in proportion.
    inner = zeros((16 << 20) + 200 * 25_000, 25_000)
    outer = gzip.compress(inner)
    assert len(outer) < 5_000
    assert sum(map(len, decoded(iter([outer]), ("gzip", "gzip"), cap=MUCH))) == (16 << 20) + 200 * 25_000


def test_what_comes_later_does_not_excuse_a_bomb() -> None:
    def pieces() -> Iterator[bytes]:
        yield zeros((16 << 20) + 200 * 25_000, 25_000)[:-1]
        raise AssertionError("asked for more")

    with pytest.raises(FormatError, match="a bomb in gzip"):
        deque(decoded(pieces(), ("gzip",), cap=MUCH), maxlen=0)


def test_content_is_given_up_to_its_cap_and_then_refused() -> None:
    refused = "the content: expected at most %d octets when decoded, found more"
    for cap in (0, 1, 65_536, 65_537, len(TEXT) - 1):
        assert given(WHOLE["gzip"], "gzip", cap=cap) == (TEXT[:cap], refused % cap)
    assert given(WHOLE["gzip"], "gzip", cap=len(TEXT)) == (TEXT, "")
    assert given(TEXT, cap=5) == (TEXT[:5], refused % 5)


def test_five_codings_come_off_and_a_sixth_is_refused() -> None:
    body = TEXT
    for _ in range(MAX_CODINGS):
        body = gzip.compress(body)
    assert given(body, *["gzip"] * 5) == (TEXT, "")
    body = gzip.compress(body)
    assert given(body, *["gzip"] * 6) == (b"", "the content: expected at most 5 content codings, found 6")


def test_the_coding_that_was_applied_last_comes_off_first() -> None:
    body = brotlicffi.compress(zlib.compress(TEXT))
    assert given(body, "deflate", "br") == (TEXT, "")
    assert given(body, "br", "deflate")[1]


def test_an_unknown_coding_is_refused_by_its_name_before_anything_is_read() -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("read")
        yield b""

    with pytest.raises(FormatError, match="one of gzip, deflate, br, zstd, found the coding 'dcb'"):
        next(decoded(never(), ("dcb", "gzip"), cap=MUCH))


def test_codings_are_named_in_any_letters_and_identity_is_none() -> None:
    assert named(("GZip", "identity", "X-GZIP", "Identity", "BR")) == ("gzip", "gzip", "br")
    assert named(()) == ()
