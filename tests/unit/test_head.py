"""Heads of HTTP/1: every part of what is read, and every octet of what is written (RFC 9112 sections 2 to 6)."""

import pytest

from muniment.errors import FormatError
from muniment.message.head import (
    MAX_FIELDS,
    MAX_HEAD,
    Head,
    Request,
    end_of_head,
    not_http,
    parse_head,
    parse_request,
    request_head,
)
from muniment.message.response import Part, ResponseReader
from muniment.model import Framing

CLOSE, CHUNKED, EMPTY, LENGTH = Framing.CLOSE, Framing.CHUNKED, Framing.EMPTY, Framing.LENGTH


def head(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in (*lines, b""))


@pytest.mark.parametrize(
    ("line", "version", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK", (1, 1), 200, "OK"),
        (b"HTTP/1.0 404 Not: Found", (1, 0), 404, "Not: Found"),
        (b"HTTP/2 999", (2, 0), 999, ""),
        (b"HTTP/2.13\t100\tgo  on ", (2, 13), 100, "go  on "),
        (b"HTTP/1.1 200 \xe5\x8c\x97", (1, 1), 200, "\u5317"),
        (b"HTTP/1.1 200 caf\xe9", (1, 1), 200, "caf\u00e9"),
    ],
)
def test_a_status_line_gives_version_status_and_reason(
    line: bytes, version: tuple[int, int], status: int, reason: str
) -> None:
    octets = head(line)
    framing = EMPTY if status < 200 else CLOSE
    assert parse_head(octets) == Head(
        version=version, status=status, reason=reason, fields=(), size=len(octets), framing=framing, length=0, odd=""
    )


@pytest.mark.parametrize(
    "line", [b"", b"HTTP/1.1", b"HTTP/1.1 099 x", b"HTTP/1.1 20 x", b"HTTP/1.1 2000", b"http/1.1 200"]
)
def test_what_is_no_status_line_is_shown(line: bytes) -> None:
    with pytest.raises(FormatError) as refused:
        parse_head(head(line))
    assert str(refused.value) == f"the answer: expected a status line such as HTTP/1.1 200 OK, found {line!r}"


def test_fields_are_text_without_the_blanks_around_them_and_folded_lines_are_joined() -> None:
    read = parse_head(
        b"HTTP/1.1 200 OK\r\n folded: into nothing\r\n\tnor this\r\n~A~ \t:\t ~b~ \r\n  ~c~ \n\td: e\r\nno colon\r\n"
        b": nameless\nX:y:z\r\n \r\n w\r\n\r\n"
    )
    assert read.fields == (("~A~", "~b~ ~c~ d: e"), ("", "nameless"), ("X", "y:z  w"))
    assert read.values("x") == ("y:z  w",)


def test_members_of_a_list_lose_the_blanks_around_them_and_nothing_else() -> None:
    assert parse_head(head(b"HTTP/1.1 200 OK", b"X: ~a~ ,\t b c, ,", b"x:,d")).members("X") == ("~a~", "b c", "d")


def test_ten_thousand_fields_are_read_and_one_more_is_not() -> None:
    assert MAX_FIELDS == 10_000
    assert len(parse_head(head(b"HTTP/1.1 200 OK", *[b"A:"] * 10_000)).fields) == 10_000
    with pytest.raises(FormatError, match="at most 10000 fields"):
        parse_head(head(b"HTTP/1.1 200 OK", *[b"A:"] * 10_001))


def test_a_head_of_one_mebibyte_is_read_and_a_longer_one_is_not() -> None:
    assert MAX_HEAD == 1 << 20
    begin = b"HTTP/1.1 200 OK\r\nX: "
    largest = begin + b"y" * (MAX_HEAD - len(begin) - 4) + b"\r\n\r\n"
    assert list(ResponseReader("GET", 10).feed(largest)) == [(Part.HEAD, largest)]
    with pytest.raises(FormatError, match="at most 1048576 octets"):
        list(ResponseReader("GET", 10).feed(largest.replace(b"X: ", b"X: y")))


BOTH = "it has both Transfer-Encoding and Content-Length"
NO_END = "its transfer coding has no end of its own"
FRAMINGS = {
    (b"A: b",): (CLOSE, 0, ""),
    (b"Content-Length: 5",): (LENGTH, 5, ""),
    (b"content-length:\t05 ", b"Content-Length: 5,5"): (LENGTH, 5, ""),
    (b"Content-Length: 0",): (LENGTH, 0, ""),
    (b"Content-Length: " + b"9" * 18,): (LENGTH, 10**18 - 1, ""),
    (b"Content-Length: " + b"9" * 19,): (CLOSE, 0, f"its Content-Length is no number: '{'9' * 19}'"),
    (b"Content-Length: 5~",): (CLOSE, 0, "its Content-Length is no number: '5~'"),
    (b"Content-Length:",): (CLOSE, 0, "its Content-Length is no number: ''"),
    (b"Content-Length: 5,", b"Content-Length: -6"): (CLOSE, 0, "its Content-Length is no number: '5, , -6'"),
    (b"Content-Length: " + b"x" * 70,): (CLOSE, 0, f"its Content-Length is no number: '{'x' * 60}'"),
    (b"Content-Length: 5, 6",): (CLOSE, 0, "its Content-Length fields contradict each other: 5, 6"),
    (b"Transfer-Encoding: chunked",): (CHUNKED, 0, ""),
    (b"transfer-encoding: identity, ,gzip", b"Transfer-Encoding: CHUNKED, "): (CHUNKED, 0, ""),
    (b"Transfer-Encoding: gzip,\t chunked ",): (CHUNKED, 0, ""),
    (b"Transfer-Encoding: chunked", b"Content-Length: 5"): (CHUNKED, 0, BOTH),
    (b"Transfer-Encoding: chunked, gzip", b"Content-Length: 5"): (CLOSE, 0, NO_END),
    (b"Transfer-Encoding: chunked~",): (CLOSE, 0, NO_END),
    (b"Transfer-Encoding: identity, ", b"Content-Length: 5"): (LENGTH, 5, ""),
}


@pytest.mark.parametrize("fields", FRAMINGS, ids=str)
def test_the_end_of_a_body_and_what_is_odd_about_it_follow_rfc_9112(fields: tuple[bytes, ...]) -> None:
    read = parse_head(head(b"HTTP/1.1 200 OK", *fields))
    assert (read.framing, read.length, read.odd) == FRAMINGS[fields]
    for bodiless in (b"HTTP/1.1 204 x", b"HTTP/1.1 304 x", b"HTTP/1.1 100 x", b"HTTP/1.1 199 x"):
        read = parse_head(head(bodiless, *fields))
        assert (read.framing, read.length, read.odd) == (EMPTY, 0, "")
    assert parse_head(head(b"HTTP/1.1 200 OK", *fields), "HEAD").framing is EMPTY


@pytest.mark.parametrize(
    ("lines", "lasts"),
    [
        ([b"HTTP/1.1 204 x"], True),
        ([b"HTTP/2.0 204 x"], True),
        ([b"HTTP/1.0 204 x"], False),
        ([b"HTTP/1.0 204 x", b"Connection: a, Keep-Alive"], True),
        ([b"HTTP/1.1 204 x", b"Connection: a, CLOSE"], False),
        ([b"HTTP/1.0 204 x", b"Connection: keep-alive, close"], False),
        ([b"HTTP/1.1 200 x"], False),
        ([b"HTTP/1.1 200 x", b"Transfer-Encoding: chunked"], True),
        ([b"HTTP/1.1 200 x", b"Transfer-Encoding: chunked", b"Content-Length: 5"], False),
    ],
)
def test_a_connection_lasts_where_the_body_has_a_plain_end_and_nobody_closes_it(
    lines: list[bytes], *, lasts: bool
) -> None:
    assert parse_head(head(*lines)).lasts is lasts


@pytest.mark.parametrize(
    ("octets", "start", "end"),
    [
        (b"\n\n", 0, 2),
        (b"\n\r\nx", 0, 3),
        (b"a\r\n\r\nb\n\n", 0, 5),
        (b"a\r\n\r\nb\n\n", 2, 5),
        (b"a\r\n\r\nb\n\n", 3, 8),
        (b"\n\n", -2, 2),
        (b"\n\n", 1, -1),
        (b"a\r\n\r", 0, -1),
        (b"", 0, -1),
    ],
)
def test_a_head_ends_behind_its_first_empty_line(octets: bytes, start: int, end: int) -> None:
    assert end_of_head(octets, start) == end
    assert end_of_head(bytearray(octets), start) == end
    assert start or end_of_head(octets) == end


@pytest.mark.parametrize("octets", [b"", b"H", b"HTTP/", b"HTTP/1.1 200", b"HTTP/" + b"x" * 99])
def test_what_may_become_a_status_line_is_waited_for(octets: bytes) -> None:
    assert not_http(octets) is None
    assert not_http(bytearray(octets)) is None


@pytest.mark.parametrize("octets", [b"h", b"\nHTTP/1.1", b"HTTQ", b"<html>" + b"x" * 99])
def test_what_can_be_no_status_line_is_shown(octets: bytes) -> None:
    assert str(not_http(octets)) == (
        f"the answer: expected a status line that begins with HTTP/, found {octets[:40]!r} at its start"
    )


def test_a_request_is_written_line_by_line() -> None:
    written = request_head("GET", "/a?b", (("Host", "x"), ("X-Name", "caf\u00e9\tau lait")))
    assert written == "GET /a?b HTTP/1.1\r\nHost: x\r\nX-Name: caf\u00e9\tau lait\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("method", "target", "fields", "words"),
    [
        ("", "/", (), "the request: expected a method, found ''"),
        ("GE T", "/", (), "the request: expected a method, found 'GE T'"),
        ("GET", "", (), "the request: expected a target of visible ASCII characters, found ''"),
        ("GET", "/ HTTP/1.1", (), "the request: expected a target of visible ASCII characters, found '/ HTTP/1.1'"),
        ("GET", "/\u00e4", (), "the request: expected a target of visible ASCII characters, found '/\u00e4'"),
        ("GET", "/", (("A b", "c"),), "the request: expected a field name, found 'A b'"),
        (
            "GET",
            "/",
            (("A", "b\r\nC: d"),),
            "the request's field A: expected no control characters, found 'b\\r\\nC: d'",
        ),
        ("GET", "/", (("A", "\x7f"),), "the request's field A: expected no control characters, found '\\x7f'"),
        ("GET", "/", (("A", "\ud800"),), "the request: expected Unicode text, found a lone surrogate"),
    ],
)
def test_a_request_that_could_be_read_as_another_is_never_written(
    method: str, target: str, fields: tuple[tuple[str, str], ...], words: str
) -> None:
    with pytest.raises(FormatError) as refused:
        request_head(method, target, fields)
    assert str(refused.value) == words


def test_the_head_of_a_request_gives_every_part_of_it() -> None:
    octets = head(b"POST http://a.example:80/x HTTP/1.0", b"Host: a.example", b"X: one", b"Y: two", b"  folded")
    assert parse_request(octets) == Request(
        version=(1, 0),
        method="POST",
        target="http://a.example:80/x",
        fields=(("Host", "a.example"), ("X", "one"), ("Y", "two folded")),
        size=len(octets),
        framing=EMPTY,
        length=0,
        odd="",
    )


@pytest.mark.parametrize(
    ("line", "uri"),
    [
        (b"GET /a?b HTTP/1.1", "https://a.example/a?b"),
        (b"OPTIONS * HTTP/1.1", "https://a.example"),
        (b"CONNECT a.example:443 HTTP/1.1", "https://a.example:443"),
        (b"GET http://b.example/ HTTP/1.1", "http://b.example/"),
    ],
)
def test_each_form_of_a_target_gives_a_uri(line: bytes, uri: str) -> None:
    assert parse_request(head(line, b"Host: a.example")).target_uri("https") == uri


def test_a_request_without_host_names_none() -> None:
    assert parse_request(head(b"GET /a HTTP/1.0")).target_uri("http") == "http:///a"


@pytest.mark.parametrize(("status", "framing"), [(299, EMPTY), (300, CLOSE), (301, CLOSE)])
def test_what_answers_a_connect_has_no_body_below_300(status: int, framing: Framing) -> None:
    assert parse_head(head(b"HTTP/1.1 %d Said" % status), "CONNECT").framing is framing


@pytest.mark.parametrize("coding", [b"chunked , identity", b"identity ,\tchunked", b"chunked ,,"])
def test_blanks_around_transfer_codings_mean_nothing(coding: bytes) -> None:
    assert parse_head(head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: " + coding)).framing is CHUNKED
