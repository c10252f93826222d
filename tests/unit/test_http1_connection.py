import pytest

from muniment.errors import FormatError
from muniment.message.events import (
    Body,
    Closed,
    End,
    Ending,
    Endpoint,
    Event,
    Interim,
    Oddity,
    RequestHead,
    ResponseHead,
    Surplus,
    Tunnel,
)
from muniment.message.head import MAX_HEAD, parse_request
from muniment.message.http1 import Http1Reader
from passing import CLIENT, SERVER, Crossing, joined, octets_of, read

GET = b"GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def shape(events: list[Event]) -> list[str]:
    return [f"{type(event).__name__} {getattr(event, 'stream', 0)}" for event in events]


def closings(events: list[Event]) -> list[tuple[int, Ending]]:
    return [(event.stream, event.ending) for event in events if isinstance(event, Closed)]


def test_a_request_and_its_answer_are_told_in_order_and_octet_for_octet() -> None:
    events, broken = read(Http1Reader(), [(CLIENT, GET), (SERVER, HELLO)])
    assert not broken
    assert shape(events) == ["RequestHead 1", "End 1", "ResponseHead 1", "Body 1", "End 1", "Closed 1"]
    asked, _, answered, *_ = events
    assert isinstance(asked, RequestHead)
    assert isinstance(answered, ResponseHead)
    assert asked.octets == GET
    assert (asked.request.method, asked.request.target) == ("GET", "/a")
    assert answered.octets == HELLO[:-2]
    assert answered.head.status == 200
    assert closings(events) == [(1, Ending.WHOLE)]


def test_requests_that_were_sent_together_get_their_answers_in_their_order() -> None:
    head = b"HEAD /b HTTP/1.1\r\n\r\n"
    answers = HELLO + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + b"HTTP/1.1 304 Not Modified\r\n\r\n" + HELLO
    events, _ = read(Http1Reader(), [(CLIENT, GET + head + GET + GET), (SERVER, answers)])
    assert [event.stream for event in events if isinstance(event, ResponseHead)] == [1, 2, 3, 4]
    assert [(event.stream, event.octets) for event in events if isinstance(event, Body)] == [(1, b"hi"), (4, b"hi")]
    assert closings(events) == [(stream, Ending.WHOLE) for stream in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"Content-Length: 5\r\n", b"a=b&c"),
        (b"Transfer-Encoding: chunked\r\n", b"3;x=y\r\na=b\r\n0\r\nDigest: z\r\n\r\n"),
    ],
    ids=["length", "chunked"],
)
def test_a_body_ends_where_its_framing_says_and_keeps_its_octets(fields: bytes, body: bytes) -> None:
    asked = b"POST / HTTP/1.1\r\n" + fields + b"\r\n" + body
    answer = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body
    events, _ = read(Http1Reader(), [(CLIENT, asked + GET), (SERVER, answer + HELLO)])
    assert octets_of(events, CLIENT) == body
    assert octets_of(events, SERVER) == body + b"hi"
    assert closings(events) == [(1, Ending.WHOLE), (2, Ending.WHOLE)]


def test_interim_answers_are_told_apart_from_the_final_one() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    events, _ = read(Http1Reader(), [(CLIENT, GET), (SERVER, go_on + early + HELLO)])
    assert [event.octets for event in events if isinstance(event, Interim)] == [go_on, early]
    assert closings(events) == [(1, Ending.WHOLE)]


def test_a_body_without_a_length_ends_with_the_connection_if_that_was_closed_properly() -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\nall of it"
    events, _ = read(Http1Reader(), [(CLIENT, GET), (SERVER, answer)])
    assert End(1, SERVER) in events
    assert closings(events) == [(1, Ending.WHOLE)]
    reader = Http1Reader()
    events = [*reader.feed(CLIENT, GET), *reader.feed(SERVER, answer), *reader.cut(SERVER)]
    assert End(1, SERVER) not in events
    assert closings(events) == [(1, Ending.CUT)]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
    ],
    ids=["none", "in the head", "in the body", "between chunks"],
)
def test_an_answer_that_was_cut_is_never_called_whole_and_keeps_its_octets(answer: bytes) -> None:
    events, _ = read(Http1Reader(), [(CLIENT, GET + GET), (SERVER, answer)])
    heads = b"".join(event.octets for event in events if isinstance(event, ResponseHead))
    assert heads + octets_of(events, SERVER) + octets_of(events, SERVER, Surplus) == answer
    assert closings(events) == [(1, Ending.CUT), (2, Ending.CUT)]
    assert not [event for event in events if isinstance(event, End) and event.sender is SERVER]


def test_a_broken_chunk_is_named_and_what_comes_is_kept_as_body() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n<html>no chunks</html>\n"
    events, broken = read(Http1Reader(), [(CLIENT, GET), (SERVER, answer), (SERVER, b"more")])
    assert not broken
    assert octets_of(events, SERVER) == b"<html>no chunks</html>\nmore"
    (closed,) = (event for event in events if isinstance(event, Closed))
    assert closed.ending is Ending.FAULT
    assert "hexadecimal" in closed.fault


def test_after_a_switch_of_protocols_the_rest_is_a_tunnel_of_both_directions() -> None:
    asked = b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    crossing: Crossing = [(CLIENT, asked + b"\x81\x80"), (SERVER, switch + b"\x81\x00"), (CLIENT, b"\x00\x00\x00\x00")]
    events, _ = read(Http1Reader(), crossing)
    assert [event.protocol for event in events if isinstance(event, RequestHead)] == ["websocket"]
    assert octets_of(events, CLIENT, Tunnel) == b"\x81\x80\x00\x00\x00\x00"
    assert octets_of(events, SERVER, Tunnel) == b"\x81\x00"
    assert closings(events) == [(1, Ending.WHOLE)]


def test_a_connect_that_succeeds_is_a_tunnel_whatever_lengths_it_claims() -> None:
    asked = b"CONNECT site.test:443 HTTP/1.1\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    events, _ = read(Http1Reader(), [(CLIENT, asked), (SERVER, answer + b"server"), (CLIENT, b"client")])
    assert octets_of(events, SERVER, Tunnel) == b"server"
    assert octets_of(events, CLIENT, Tunnel) == b"client"


def test_a_switch_that_was_refused_lets_the_next_request_be_read() -> None:
    asked = b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"
    events, _ = read(Http1Reader(), [(CLIENT, asked + GET), (SERVER, HELLO + HELLO)])
    assert closings(events) == [(1, Ending.WHOLE), (2, Ending.WHOLE)]
    assert not octets_of(events, CLIENT, Tunnel)


def test_what_waited_for_a_switch_and_is_no_request_is_noted_and_the_answer_stays_readable() -> None:
    asked = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
    events, broken = read(Http1Reader(), [(CLIENT, asked + b"\x81\n\n"), (SERVER, HELLO)])
    assert not broken
    assert octets_of(events, CLIENT, Surplus) == b"\x81\n\n"
    assert "request line" in next(event.fault for event in events if isinstance(event, Oddity))
    assert closings(events) == [(1, Ending.WHOLE)]


def test_a_switch_that_nobody_asked_for_cannot_be_read_further() -> None:
    events, broken = read(Http1Reader(), [(CLIENT, GET), (SERVER, b"HTTP/1.1 101 Switching Protocols\r\n\r\nx")])
    assert [sender for sender, _ in broken] == [SERVER]
    assert "101" in broken[0][1]
    assert octets_of(events, SERVER, Surplus) == b"HTTP/1.1 101 Switching Protocols\r\n\r\nx"


def test_a_server_that_speaks_no_http_is_named_once_and_every_octet_is_kept() -> None:
    crossing: Crossing = [(CLIENT, GET), (SERVER, b"SSH-2.0-x\r\n"), (SERVER, b"more"), (CLIENT, GET)]
    events, broken = read(Http1Reader(), crossing)
    assert len(broken) == 1
    assert "HTTP/" in broken[0][1]
    assert octets_of(events, SERVER, Surplus) == b"SSH-2.0-x\r\nmore"
    assert closings(events) == [(1, Ending.CUT), (2, Ending.CUT)]


def test_an_answer_that_is_no_http_is_counted_to_the_first_request_that_awaits_one() -> None:
    for step in (0, 1):
        events, _ = read(Http1Reader(), [(CLIENT, GET + GET), (SERVER, b"\x81\x02hi")], step=step)
        assert [event for event in events if isinstance(event, Surplus)] == [Surplus(1, SERVER, b"\x81\x02hi")]


def test_octets_that_nobody_asked_for_are_surplus() -> None:
    unasked = b"HTTP/1.1 408 Request Timeout\r\n\r\n"
    events, _ = read(Http1Reader(), [(SERVER, unasked), (CLIENT, b"\r\n" + GET), (SERVER, HELLO + b"!")])
    surplus = [event for event in events if isinstance(event, Surplus)]
    assert surplus == [Surplus(0, SERVER, unasked), Surplus(0, CLIENT, b"\r\n"), Surplus(1, SERVER, b"!")]


def test_an_answer_that_comes_before_its_request_is_whole_leaves_the_request_cut() -> None:
    asked = b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"
    events, _ = read(Http1Reader(), [(CLIENT, asked), (SERVER, HELLO)])
    assert End(1, SERVER) in events
    assert End(1, CLIENT) not in events
    assert closings(events) == [(1, Ending.CUT)]


def test_a_request_after_the_server_has_closed_is_known_to_have_no_answer() -> None:
    reader = Http1Reader()
    events = [*reader.finish(SERVER), *reader.feed(CLIENT, GET)]
    assert closings(events) == [(1, Ending.CUT)]


@pytest.mark.parametrize("sender", list(Endpoint))
def test_a_direction_that_was_closed_tells_nothing_twice(sender: Endpoint) -> None:
    reader = Http1Reader()
    first = [*reader.feed(CLIENT, GET), *reader.finish(sender), *reader.finish(sender.peer)]
    assert closings(first) == [(1, Ending.CUT)]
    assert not [*reader.feed(sender, b""), *reader.finish(sender), *reader.cut(sender)]


@pytest.mark.parametrize(("sender", "begin"), [(CLIENT, b"GET / HTTP/1.1\r\n"), (SERVER, b"HTTP/1.1 200 OK\r\n")])
def test_a_head_without_an_end_is_refused_at_its_bound(sender: Endpoint, begin: bytes) -> None:
    reader = Http1Reader()
    if sender is SERVER:
        list(reader.feed(CLIENT, GET))
    list(reader.feed(sender, begin))
    with pytest.raises(FormatError, match=f"at most {MAX_HEAD} octets"):
        list(reader.feed(sender, b"X: " + b"y" * MAX_HEAD))


def test_requests_that_are_never_answered_are_refused_at_a_bound() -> None:
    reader = Http1Reader()
    with pytest.raises(FormatError, match="4096 open streams"):
        list(reader.feed(CLIENT, GET * 5000))


def test_octets_that_wait_for_a_switch_are_bounded() -> None:
    reader = Http1Reader()
    list(reader.feed(CLIENT, b"CONNECT a:1 HTTP/1.1\r\n\r\n"))
    with pytest.raises(FormatError, match="switch of protocols"):
        list(reader.feed(CLIENT, b"x" * (MAX_HEAD + 1)))


@pytest.mark.parametrize(
    ("line", "uri"),
    [
        ("GET /a?b HTTP/1.1", "https://site.test/a?b"),
        ("GET http://other.test/a HTTP/1.1", "http://other.test/a"),
        ("OPTIONS * HTTP/1.1", "https://site.test"),
        ("CONNECT other.test:443 HTTP/1.1", "https://other.test:443"),
    ],
)
def test_the_uri_asked_for_follows_from_target_and_host(line: str, uri: str) -> None:
    assert parse_request(line.encode() + b"\r\nHost: site.test\r\n\r\n").target_uri("https") == uri


@pytest.mark.parametrize("line", [b"", b"GET /", b"GET  HTTP/1.1", b"HTTP/1.1 200 OK", b"G\x00T / HTTP/1.1"])
def test_a_line_that_is_no_request_line_is_refused(line: bytes) -> None:
    with pytest.raises(FormatError, match="request line"):
        parse_request(line + b"\r\n\r\n")


@pytest.mark.parametrize("step", [1, 2, 7])
def test_the_pieces_in_which_octets_come_change_no_event(step: int) -> None:
    post = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    switch = b"HTTP/1.1 101 S\r\n\r\nws"
    crossing: Crossing = [
        (CLIENT, GET + post),
        (SERVER, b"HTTP/1.1 103 E\r\n\r\n" + HELLO + HELLO + b"surplus"),
        (CLIENT, b"\r\nGET / HTTP/1.1\r\nUpgrade: x\r\n\r\nearly"),
        (SERVER, switch),
        (CLIENT, b"late"),
    ]
    assert read(Http1Reader(), crossing, step=step) == read(Http1Reader(), crossing)


def test_joining_puts_no_octets_of_two_streams_or_senders_together() -> None:
    events: list[Event] = [Body(1, SERVER, b"a"), Body(1, SERVER, b"b"), Body(2, SERVER, b"c"), Body(2, CLIENT, b"d")]
    assert joined(events) == [Body(1, SERVER, b"ab"), Body(2, SERVER, b"c"), Body(2, CLIENT, b"d")]
