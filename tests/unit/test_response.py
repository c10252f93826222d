"""One answer as its octets come: which are interim, head, body, surplus, and where each of them ends (RFC 9112)."""

import pytest

from muniment.errors import FormatError
from muniment.message.chunked import End
from muniment.message.response import Part, ResponseReader

HEAD = b"HTTP/1.1 200 OK\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"


def read(
    octets: bytes, *, step: int = 0, cap: int = 1 << 20, method: str = "GET"
) -> tuple[ResponseReader, list[bytes]]:
    """Return the reader after *octets* in pieces of *step*, and what it gave of each part."""
    reader = ResponseReader(method, cap)
    given = dict.fromkeys(Part, b"")
    for start in range(0, len(octets), step or len(octets)):
        for part, piece in reader.feed(octets[start : start + (step or len(octets))]):
            assert piece
            given[part] += piece
    return reader, [given[part] for part in (Part.INTERIM, Part.HEAD, Part.BODY, Part.SURPLUS)]


@pytest.mark.parametrize("step", [0, 1, 2, 3, 5])
@pytest.mark.parametrize(
    ("head", "body"),
    [
        (HEAD + b"Content-Length: 4\r\n\r\n", b"body"),
        (HEAD + b"Content-Length: 0\r\n\r\n", b""),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\nbody\r\n0\r\n\r\n"),
        (b"HTTP/1.1 204 None\nContent-Length: 4\n\n", b""),
        (b"HTTP/1.1 304 Same\r\n\r\n", b""),
    ],
)
def test_an_answer_that_says_where_it_ends_is_whole_there_and_what_follows_is_surplus(
    head: bytes, body: bytes, step: int
) -> None:
    for interim in (b"", HINTS, HINTS * 2):
        reader, parts = read(interim + head + body, step=step)
        assert (reader.end, reader.fault, reader.pending, parts) == (End.WHOLE, "", b"", [interim, head, body, b""])
        reader, parts = read(interim + head + body + b"HTTP/1.1", step=step)
        assert (reader.end, parts) == (End.WHOLE, [interim, head, body, b"HTTP/1.1"])
        for cut in range(1, len(body)):
            assert read(interim + head + body[:cut], step=step)[0].end is End.MORE


@pytest.mark.parametrize("step", [0, 1, 3])
def test_an_answer_without_an_end_of_its_own_ends_with_the_connection(step: int) -> None:
    reader, parts = read(HEAD + b"\r\nbody", step=step)
    assert (reader.end, parts) == (End.MORE, [b"", HEAD + b"\r\n", b"body", b""])
    reader.finish()
    assert reader.end is End.WHOLE
    reader, _ = read(HEAD + b"Content-Length: 5\r\n\r\nbody", step=step)
    reader.finish()
    assert reader.end is End.MORE
    assert read(HEAD + b"Content-Length: 5\r\n\r\n", method="HEAD")[0].end is End.WHOLE


@pytest.mark.parametrize("step", [0, 1, 3])
@pytest.mark.parametrize("fields", [b"", b"Content-Length: 4\r\n"])
def test_a_body_of_exactly_the_cap_is_not_cut_and_one_octet_more_is(fields: bytes, step: int) -> None:
    octets = HEAD + fields + b"\r\nbody"
    reader, parts = read(octets, step=step, cap=4)
    assert (reader.end, parts[2]) == (End.WHOLE if fields else End.MORE, b"body")
    reader, parts = read(octets, step=step, cap=3)
    assert (reader.end, parts[2:]) == (End.CAPPED, [b"bod", b""])


@pytest.mark.parametrize("step", [0, 1, 3])
def test_what_a_broken_body_gave_is_kept_up_to_the_cap(step: int) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    body = b"3\r\nabc\r\nno size at all\r\nand more of it"
    reader, parts = read(head + body, step=step)
    assert (reader.end, b"".join(parts)) == (End.FAULT, head + body)
    assert reader.fault == "a chunk's size is b'no size at all' instead of a hexadecimal number"
    reader, parts = read(head + body, step=step, cap=10)
    assert parts[2:] == [b"3\r\nabc\r\nno size at all\r\n" + b"and more of it"[: 10 - 3], b""]


@pytest.mark.parametrize("step", [0, 1, 3])
def test_an_unfinished_head_is_pending_and_given_to_nobody(step: int) -> None:
    reader, parts = read(HINTS + HEAD + b"\r", step=step)
    assert (reader.head, reader.end, reader.pending) == (None, End.MORE, HEAD + b"\r")
    assert parts == [HINTS, b"", b"", b""]
    reader.finish()
    assert reader.end is End.MORE


def test_what_follows_a_head_is_none_of_its_fields() -> None:
    reader, _ = read(HINTS + HEAD + b"A: b\r\n\r\nC: d\r\n\r\n")
    assert reader.head is not None
    assert (reader.head.fields, reader.head.size) == ((("A", "b"),), len(HEAD + b"A: b\r\n\r\n"))


def test_thirty_two_interim_answers_are_passed_over_and_no_more() -> None:
    assert read(HINTS * 32 + HEAD + b"\r\n")[0].end is End.MORE
    with pytest.raises(FormatError, match=r"^the answer: expected at most 32 interim answers, found more$"):
        read(HINTS * 33)


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_every_status_below_200_but_101_is_interim(status: int) -> None:
    interim = HINTS.replace(b"103", b"%d" % status)
    assert read(interim + HEAD + b"\r\n")[1][:2] == [interim, HEAD + b"\r\n"]


def test_a_switch_of_protocols_is_an_answer_only_where_one_was_offered() -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    with pytest.raises(FormatError, match=r"^the answer: .* found a switch to another protocol \(101\)$"):
        read(switch)
    reader = ResponseReader("GET", 10, ("websocket",))
    assert list(reader.feed(switch + b"\x81\x00")) == [(Part.HEAD, switch), (Part.SURPLUS, b"\x81\x00")]


@pytest.mark.parametrize("step", [0, 65536])
def test_all_heads_together_have_at_most_a_mebibyte(step: int) -> None:
    begin = HINTS + HEAD + b"X: "
    octets = begin + b"y" * ((1 << 20) - len(begin) - 4) + b"\r\n\r\n"
    assert read(octets, step=step)[1][:2] == [HINTS, octets[len(HINTS) :]]
    for longer in (octets.replace(b"X", b"XX"), octets[:-4] + b"yyyyy", HINTS + octets[:-4]):
        with pytest.raises(FormatError, match="at most 1048576 octets, found more"):
            read(longer, step=step)
    assert read(octets[:-4] + b"yyyy", step=step)[0].head is None


@pytest.mark.parametrize("octets", [b"x", b"<html>", b"TTP/1.1 200 OK\r\n\r\n", HINTS + b"garbage"])
def test_what_is_no_answer_is_refused_at_its_first_octets(octets: bytes) -> None:
    reader = ResponseReader("GET", 10)
    with pytest.raises(FormatError, match="a status line that begins with HTTP/"):
        list(reader.feed(octets))
    assert reader.pending == octets.removeprefix(HINTS)
