"""The chunked coding (RFC 9112 section 7.1): what is payload, where it ends, what is too much, to the octet."""

from dataclasses import dataclass

import pytest

from muniment.message.chunked import Chunked, End

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Read:
    """What became of a body: its payload, how it ended, the octets that belonged to it, why it is broken."""

    payload: bytes
    end: End
    taken: int
    fault: str = ""


def read(octets: bytes, step: int = 0, cap: int | None = None) -> Read:
    chunked = Chunked(cap)
    assert (chunked.end, chunked.taken, chunked.size, chunked.fault) == (End.MORE, 0, 0, "")
    payload, taken = b"", 0
    for start in range(0, len(octets), step or len(octets)):
        piece = octets[start : start + (step or len(octets))]
        payload += chunked.feed(piece)
        taken += chunked.taken
        assert chunked.taken == len(piece) or chunked.end is not End.MORE
    assert chunked.size == len(payload)
    return Read(payload, chunked.end, taken, chunked.fault)


WHOLE = {
    b"0\r\n\r\n": b"",
    b"00\n\n": b"",
    b"5\r\nhello\r\n0\r\n\r\n": b"hello",
    b"5\nhello\n0\n\n": b"hello",
    b"1\r\na\r\n2\nbc\r\n1\r\nd\n0\r\n\r\n": b"abcd",
    b'1A;a=b;c="d"\r\nabcdefghijklmnopqrstuvwxyz\r\n0;x\r\nX: y\r\nZ: 0\r\n\r\n': b"abcdefghijklmnopqrstuvwxyz",
    b" \t005\t \r\nhello\r\n 0 \r\n\r\n": b"hello",
    b"f\r\n\r\n0\r\n\r\n5\r\nhel\r\n\r\n0\r\n\r\n": b"\r\n0\r\n\r\n5\r\nhel\r\n",
    b"0000000000000001\r\na\r\n0\r\n\r\n": b"a",
    b"1\r\na\r\n0\r\n5\r\nhello\r\n\r\n": b"a",
    b"0\n3\nabc\n\n": b"",
    b"2;" + b"x" * 1001 + b"\r\nab\r\n0\r\n\r\n": b"ab",
    b"0\r\n" + b"a" * 9000 + b"\r\n" + b"b" * 9000 + b"\n\r\n": b"",
}  # fmt: skip


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("octets", WHOLE, ids=lambda octets: repr(octets[:20]))
def test_a_whole_body_gives_its_payload_and_leaves_what_follows(octets: bytes, step: int) -> None:
    assert read(octets, step) == Read(WHOLE[octets], End.WHOLE, len(octets))
    assert read(octets + b"5\r\nhello", step) == Read(WHOLE[octets], End.WHOLE, len(octets))
    for end in range(1, min(len(octets), 60)):
        assert read(octets[:end], step).end is End.MORE


def test_nothing_more_is_taken_once_a_body_has_ended() -> None:
    chunked = Chunked()
    assert chunked.feed(b"1\r\na\r\n0\r\n\r\n") == b"a"
    assert (chunked.feed(b"1\r\nb"), chunked.taken, chunked.size) == (b"", 0, 1)


def test_a_size_that_comes_in_two_pieces_is_one_size() -> None:
    content = b"ab\r\n0\r\n\r\n4567890\r\n"  # 18 octets, which are 12 in hexadecimal
    chunked = Chunked()
    assert chunked.feed(b"1") == b""
    assert chunked.feed(b"2\r\n" + content + b"\r\n0\r\n\r\n") == content
    assert chunked.end is End.WHOLE


SIZE = "a chunk's size is {!r} instead of a hexadecimal number"
AFTER = "a chunk is followed by {!r} instead of a line's end"
BROKEN = {
    b"\r\n": SIZE.format(b""),
    b"x\r\n": SIZE.format(b"x"),
    b";a\r\n": SIZE.format(b";a"),
    b"-1\r\n": SIZE.format(b"-1"),
    b"0x1\r\n": SIZE.format(b"0x1"),
    b"1 1\r\n": SIZE.format(b"1 1"),
    b"1~\r\n": SIZE.format(b"1~"),
    b"12345678901234567\r\n": SIZE.format(b"12345678901234567"),
    b"1\r\na\r\n" + b"z" * 50 + b"\r\n": SIZE.format(b"z" * 40),
    b"1\r\nabc": AFTER.format(b"b"),
    b"1\r\na\rb" + b"c" * 30: AFTER.format(b"\rb"),
    b"1\r\na \r\n": AFTER.format(b" "),
}


@pytest.mark.parametrize("octets", BROKEN, ids=lambda octets: repr(octets[:20]))
def test_what_is_no_chunk_breaks_the_body_and_is_shown(octets: bytes) -> None:
    found = read(octets)
    assert (found.end, found.fault) == (End.FAULT, BROKEN[octets])
    dripped = read(octets, 1)
    assert (dripped.end, dripped.fault, dripped.payload) == (End.FAULT, found.fault, found.payload)


@pytest.mark.parametrize("step", [0, 1, 3])
def test_a_cap_is_reached_by_one_octet_more_and_not_by_the_last_one(step: int) -> None:
    octets = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert read(octets, step, 5) == Read(b"abcde", End.WHOLE, len(octets))
    assert read(octets, step, 4) == Read(b"abcd", End.CAPPED, octets.index(b"e"))
    assert read(octets, step, 3) == Read(b"abc", End.CAPPED, octets.index(b"de"))
    assert read(octets, step, 2) == Read(b"ab", End.CAPPED, octets.index(b"c"))
    assert read(octets, step, 0) == Read(b"", End.CAPPED, octets.index(b"abc"))
    assert read(b"0\r\n\r\n", step, 0) == Read(b"", End.WHOLE, 5)


FAR_MORE = "its chunk sizes, extensions and trailers take far more room than its content"


def bounded(whole: bytes, longer: bytes) -> None:
    """Hold *whole* to be read to its end, and *longer*, with an octet more that is no payload, to be broken."""
    assert len(longer) == len(whole) + 1
    for step in (0, 4096):
        assert read(whole, step).end is End.WHOLE
        found = read(longer, step)
        assert (found.end, found.fault) == (End.FAULT, FAR_MORE)


def test_the_line_of_a_size_has_at_most_16_kibibytes() -> None:
    line = b"1;" + b"x" * (16384 - 4) + b"\r\n"
    bounded(line + b"a\r\n0\r\n\r\n", line.replace(b";", b";x") + b"a\r\n0\r\n\r\n")


def test_without_content_framing_has_at_most_a_mebibyte() -> None:
    bounded(b"0\r\n".ljust(MEBIBYTE - 4, b"x") + b"\r\n\r\n", b"0\r\n".ljust(MEBIBYTE - 3, b"x") + b"\r\n\r\n")


def test_each_octet_of_content_lets_framing_have_sixteen_more() -> None:
    begin = b"2\r\nab\r\n0;" + b"x" * 1000 + b"\r\n"
    room = MEBIBYTE + 2 * 16 + 2
    bounded(begin.ljust(room - 4, b"x") + b"\r\n\r\n", begin.ljust(room - 3, b"x") + b"\r\n\r\n")


def test_trailers_have_at_most_a_mebibyte_each_and_together() -> None:
    begin = b"100000\r\n" + b"a" * MEBIBYTE + b"\r\n0\r\n"
    one = b"x" * (MEBIBYTE - 2) + b"\r\n"
    bounded(begin + one + b"\r\n", begin + b"x" + one + b"\r\n")
    many = (b"x" * 1023 + b"\n") * 1024
    bounded(begin + many + b"\n", begin + many.replace(b"x", b"xx", 1) + b"\n")


def test_extensions_that_are_short_count_as_framing_too() -> None:
    chunk = b"1;" + b"x" * 500 + b"\r\na\r\n"
    count = next(n for n in range(9999) if n * (len(chunk) - 1) > MEBIBYTE + 16 * n)
    for step in (0, 100):
        assert read(chunk * (count - 1), step).end is End.MORE
        found = read(chunk * count, step)
        assert (found.end, found.fault) == (End.FAULT, FAR_MORE)


def test_half_a_million_chunks_are_read_and_one_more_for_each_256_octets_and_no_more() -> None:
    most = next(number for number in range(600_000) if number >= 500_000 + number // 256)
    for dripped, last, end in (
        (3, b"0\n\n", End.WHOLE),
        (3, b"1\na\n0\n\n", End.FAULT),
        (0, b"1\na\n0\n\n", End.FAULT),
    ):
        chunked = Chunked()
        chunked.feed(b"1\na\n" * (most - 1 - dripped))
        for octet in b"1\na\n" * dripped + last:
            chunked.feed(bytes([octet]))
        assert chunked.end is end
    assert chunked.fault == "it has far more chunks than its content could need"
    assert chunked.size == most
