import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2_peers import ASKED, GREETING, frame, headers
from muniment import canonical
from muniment.errors import FormatError
from muniment.message.events import (
    Closed,
    Ending,
    Endpoint,
    Event,
    Field,
    Fields,
    Oddity,
    RequestHead,
    ResponseHead,
)
from muniment.message.head import parse_head, parse_request
from muniment.message.http2.connection import Http2Reader
from muniment.message.http2.transliteration import departures, facts, request_octets, response_octets
from muniment.model import Framing
from passing import CLIENT, SERVER, read


def fields(*pairs: tuple[bytes, bytes]) -> Fields:
    return tuple(Field(name, value) for name, value in pairs)


def test_a_request_is_method_and_path_with_the_authority_as_its_first_field() -> None:
    asked = fields(*ASKED, (b"cookie", b"a=1"), (b"accept", b"*/*"), (b"cookie", b"b=2"), (b"host", b"site.test"))
    assert request_octets(asked) == (
        b"GET /a?b HTTP/1.1\r\nhost: site.test\r\ncookie: a=1\r\naccept: */*\r\ncookie: b=2\r\n\r\n"
    )
    assert departures(asked) == ()


def test_a_response_keeps_names_order_and_duplicates_and_gets_no_length() -> None:
    answered = fields((b":status", b"200"), (b"set-cookie", b"a"), (b"x", b"\xc3\xa9\xff"), (b"set-cookie", b"b"))
    assert response_octets(answered) == b"HTTP/1.1 200 \r\nset-cookie: a\r\nx: \xc3\xa9\xff\r\nset-cookie: b\r\n\r\n"
    assert departures(answered) == ()


def test_a_host_without_an_authority_stays_where_it_was() -> None:
    asked = fields((b":method", b"GET"), (b":path", b"/"), (b"a", b"b"), (b"host", b"site.test"))
    assert request_octets(asked) == b"GET / HTTP/1.1\r\na: b\r\nhost: site.test\r\n\r\n"


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ((b"x", b"a\r\nset-cookie: evil"), b"x: a  set-cookie: evil\r\n"),
        ((b"x", b"a\x00b\nc\rd"), b"x: a b c d\r\n"),
        ((b"x\r\ny", b"z"), b""),
        ((b"x: y", b"z"), b""),
        ((b"", b"z"), b""),
        ((b"x y", b"z"), b""),
        ((b":unknown", b"z"), b""),
        ((b"transfer-encoding", b"chunked"), b""),
        ((b"Transfer-Encoding", b"chunked"), b""),
        ((b":status", b"404"), b""),
    ],
)
def test_what_http1_cannot_carry_never_becomes_a_line_and_is_named(field: tuple[bytes, bytes], line: bytes) -> None:
    answered = fields((b":status", b"200"), field)
    assert response_octets(answered) == b"HTTP/1.1 200 \r\n" + line + b"\r\n"
    assert departures(answered) == (field[0],)


def test_a_host_that_contradicts_the_authority_is_named() -> None:
    asked = fields(*ASKED, (b"host", b"other.test"))
    assert b"other.test" not in request_octets(asked)
    assert departures(asked) == (b"host",)


def test_a_path_cannot_end_its_line() -> None:
    asked = fields(*ASKED[:-1], (b":path", b"/a HTTP/1.1\r\nx: y\r\n\xc3\xa9"))
    assert request_octets(asked).startswith(b"GET /a%20HTTP/1.1%0D%0Ax:%20y%0D%0A%C3%A9 HTTP/1.1\r\n")
    assert departures(asked) == (b":path",)


@pytest.mark.parametrize("method", [b"", b"G T", b"GET\r\n"])
def test_a_request_whose_method_is_no_token_is_refused(method: bytes) -> None:
    with pytest.raises(FormatError, match="a method"):
        request_octets(fields((b":method", method), (b":path", b"/")))


octets = st.one_of(st.binary(max_size=12), st.sampled_from([b"\r\n\r\n", b"x", b"host", b"content-length", b"5"]))
some_fields = st.lists(st.tuples(octets, octets), max_size=6)


@given(some_fields, octets)
def test_no_field_whatever_it_holds_makes_more_lines_than_one(pairs: list[tuple[bytes, bytes]], path: bytes) -> None:
    answered = fields((b":status", b"200"), *pairs)
    block = response_octets(answered)
    assert block.count(b"\n") == block.count(b"\r\n") <= len(pairs) + 2
    assert block.endswith(b"\r\n\r\n")
    assert parse_head(block).framing is not Framing.CHUNKED
    asked = request_octets(fields((b":method", b"GET"), (b":path", b"/" + path), *pairs))
    assert asked.index(b"\r\n\r\n") == len(asked) - 4
    assert parse_request(asked).method == "GET"


@given(some_fields)
def test_every_field_can_be_had_again_from_the_facts(pairs: list[tuple[bytes, bytes]]) -> None:
    def again(value: object) -> bytes:
        if isinstance(value, str):
            return value.encode()
        assert isinstance(value, dict)
        return canonical.decode_base64(value["base64"], "a field")

    asked = (*fields(*ASKED, *pairs), Field(b"cookie", b"a", never_indexed=True))
    request = RequestHead(1, parse_request(request_octets(asked)), request_octets(asked), asked)
    found = canonical.decode(canonical.encode(facts([request])), "facts")
    listed = [Field(again(each[0]), again(each[1]), len(each) > 2) for each in found["request"]]
    assert tuple(listed) == asked


def told(*of_server: bytes) -> list[Event]:
    asked = GREETING + headers(1, *ASKED, flags=0x5)
    events, broken = read(Http2Reader(), [(CLIENT, asked), (SERVER, frame(4) + b"".join(of_server))])
    assert not broken
    return events


def test_the_facts_of_a_stream_hold_what_its_blocks_do_not() -> None:
    encoder = hpack.Encoder()
    events = told(
        headers(1, (b":status", b"103"), (b"link", b"</a>"), encoder=encoder),
        headers(1, (b":status", b"200"), (b"x", b"\xff"), encoder=encoder),
        frame(0, 0, 1, b"octets that the block holds"),
        headers(1, (b"digest", b"y"), flags=0x4, encoder=encoder),
        frame(3, 0, 1, b"\x00\x00\x00\x02"),
    )
    assert facts(events) == {
        "stream": 1,
        "request": [[":method", "GET"], [":scheme", "https"], [":authority", "site.test"], [":path", "/a?b"]],
        "interim": [[[":status", "103"], ["link", "</a>"]]],
        "response": [[":status", "200"], ["x", {"base64": "/w=="}]],
        "odd": [{"sender": "server", "fault": "fields came within a body", "fields": [["digest", "y"]]}],
        "reset": {"by": "server", "code": 2},
    }


def test_the_facts_hold_trailers_and_who_promised() -> None:
    events = told(
        frame(5, 4, 1, b"\x00\x00\x00\x02" + hpack.Encoder().encode(list(ASKED))),
        headers(2, (b":status", b"200")),
        headers(2, (b"digest", b"y"), flags=0x5),
    )
    found = facts(event for event in events if getattr(event, "stream", 0) == 2)
    assert (found["promised_on"], found["server_trailers"]) == (1, [["digest", "y"]])


def test_the_facts_of_what_is_no_request_hold_its_fields_too() -> None:
    odd = Oddity(3, Endpoint.CLIENT, "no method", fields((b":path", b"/")))
    assert facts([odd]) == {
        "stream": 3,
        "odd": [{"sender": "client", "fault": "no method", "fields": [[":path", "/"]]}],
    }
    assert "reset" not in facts([Closed(3, Ending.CUT)])


def test_the_head_of_an_answer_is_that_of_its_block() -> None:
    events = told(headers(1, (b":status", b"404"), (b"a", b"b"), flags=0x5))
    (head,) = (event for event in events if isinstance(event, ResponseHead))
    assert head.octets == b"HTTP/1.1 404 \r\na: b\r\n\r\n"
    assert head.head == parse_head(head.octets)
