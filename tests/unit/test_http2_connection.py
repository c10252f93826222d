"""Connections that two real peers made, and connections that no peer may make."""

import hpack
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hpack.hpack import encode_integer

from h2_peers import ASKED, GREETING, Peers, frame, headers
from muniment.message.events import (
    Body,
    Closed,
    End,
    Ending,
    Endpoint,
    Event,
    GoAway,
    Interim,
    Oddity,
    RequestHead,
    ResponseHead,
    Surplus,
    Trailers,
    Tunnel,
)
from muniment.message.http2.blocks import MAX_BLOCK, MAX_LIST
from muniment.message.http2.connection import MAX_ODDITIES, Http2Reader
from muniment.message.http2.frame import MAX_CONTROL
from muniment.message.response import MAX_INTERIM
from passing import CLIENT, SERVER, Crossing, octets_of, read

STATUS = (b":status", b"200")
END = 0x5  # END_HEADERS and END_STREAM


def told(peers: Peers) -> list[Event]:
    events, broken = read(Http2Reader(), peers.crossed)
    assert not broken
    return events


def closings(events: list[Event]) -> list[tuple[int, Ending]]:
    return [(event.stream, event.ending) for event in events if isinstance(event, Closed)]


def only(events: list[Event], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


def raw(*of_server: bytes, of_client: bytes = b"") -> tuple[list[Event], list[tuple[Endpoint, str]]]:
    """Read an answer made of these frames to one GET on stream 1."""
    asked = GREETING + headers(1, *ASKED, flags=END) + of_client
    return read(Http2Reader(), [(CLIENT, asked), (SERVER, frame(4) + b"".join(of_server))])


def test_a_request_and_its_answer_are_told_in_order() -> None:
    peers = Peers()
    fields = [(b"x-a", b"1"), (b"x-b", b"\xff"), (b"x-a", b"2")]
    stream = peers.ask([*ASKED, *fields])
    peers.answer(stream, *fields, body=b"hello")
    asked, end, answered, body, end_too, closed = told(peers)
    assert isinstance(asked, RequestHead)
    assert isinstance(answered, ResponseHead)
    assert [(each.name, each.value) for each in asked.fields] == [*ASKED, *fields]
    assert [(each.name, each.value) for each in answered.fields] == [STATUS, *fields]
    assert asked.request.target_uri("https") == "https://site.test/a?b"
    assert answered.head.values("x-a") == ("1", "2")
    assert [end, body, end_too] == [End(1, CLIENT), Body(1, SERVER, b"hello"), End(1, SERVER)]
    assert closed == Closed(1, Ending.WHOLE)


def test_bodies_are_exactly_the_data_that_was_sent_without_their_padding() -> None:
    peers = Peers()
    stream = peers.ask([*ASKED], body=b"q" * 100_000)
    peers.server.send_headers(stream, [STATUS])
    body = bytes(range(256)) * 700
    peers.send(SERVER, stream, body, end=False, padding=200)
    peers.send(SERVER, stream, b"", end=True, padding=255)
    events = told(peers)
    assert octets_of(events, CLIENT) == b"q" * 100_000
    assert octets_of(events, SERVER) == body
    assert closings(events) == [(1, Ending.WHOLE)]


def test_interim_answers_and_trailers_are_told_apart_from_the_answer() -> None:
    peers = Peers()
    stream = peers.ask()
    peers.server.send_headers(stream, [(b":status", b"103"), (b"link", b"</a.css>")])
    peers.server.send_headers(stream, [STATUS])
    peers.send(SERVER, stream, b"hello", end=False)
    peers.server.send_headers(stream, [(b"digest", b"x")], end_stream=True)
    peers.cross()
    events = told(peers)
    kinds = [type(event) for event in events]
    assert kinds == [RequestHead, End, Interim, ResponseHead, Body, Trailers, End, Closed]
    (trailers,) = only(events, Trailers)
    assert [(each.name, each.value) for each in trailers.fields] == [(b"digest", b"x")]


def test_streams_that_run_at_once_are_kept_apart() -> None:
    peers = Peers()
    streams = [peers.ask() for _ in range(50)]
    for stream in streams:
        peers.server.send_headers(stream, [STATUS])
    for part in range(3):
        for stream in reversed(streams):
            peers.send(SERVER, stream, b"%d-%d " % (stream, part), end=part == 2)
    events = told(peers)
    for stream in streams:
        body = b"".join(event.octets for event in only(events, Body) if event.stream == stream)
        assert body == b"".join(b"%d-%d " % (stream, part) for part in range(3))
    assert sorted(closings(events)) == [(stream, Ending.WHOLE) for stream in streams]


@pytest.mark.parametrize("sender", [CLIENT, SERVER])
def test_a_reset_says_who_and_why(sender: Endpoint) -> None:
    peers = Peers()
    stream = peers.ask()
    peers.answer(stream, body=b"part", end=False)
    peers.ends[sender].reset_stream(stream, ErrorCodes.CANCEL)
    peers.cross()
    events = told(peers)
    assert octets_of(events, SERVER) == b"part"
    assert events[-1] == Closed(1, Ending.RESET, sender, ErrorCodes.CANCEL)
    assert End(1, SERVER) not in events


def test_an_answer_that_is_whole_before_its_request_stays_whole_when_the_upload_is_called_off() -> None:
    peers = Peers()
    peers.client.send_headers(1, ASKED)
    peers.cross()
    peers.answer(1, body=b"too large")
    peers.server.reset_stream(1, ErrorCodes.NO_ERROR)
    peers.cross()
    events = told(peers)
    assert End(1, SERVER) in events
    assert End(1, CLIENT) not in events
    assert events[-1] == Closed(1, Ending.RESET, SERVER, ErrorCodes.NO_ERROR)


def test_a_promised_request_names_the_stream_that_promised_it() -> None:
    peers = Peers()
    stream = peers.ask()
    peers.server.push_stream(stream, 2, [*ASKED[:-1], (b":path", b"/a.css")])
    peers.answer(stream, body=b"page")
    peers.answer(2, body=b"style")
    events = told(peers)
    pushed = next(event for event in only(events, RequestHead) if event.stream == 2)
    assert (pushed.promised_on, pushed.request.target) == (1, "/a.css")
    assert Body(2, SERVER, b"style") in events
    assert sorted(closings(events)) == [(1, Ending.WHOLE), (2, Ending.WHOLE)]


def test_going_away_names_the_last_stream_and_the_code() -> None:
    peers = Peers()
    peers.ask()
    peers.server.close_connection(ErrorCodes.ENHANCE_YOUR_CALM, b"slow down", last_stream_id=0)
    peers.crossed.append((SERVER, peers.server.data_to_send()))
    events = told(peers)
    assert only(events, GoAway) == [GoAway(SERVER, 0, ErrorCodes.ENHANCE_YOUR_CALM, b"slow down")]
    assert closings(events) == [(1, Ending.CUT)]


def test_fields_beyond_one_frame_come_whole_by_continuation() -> None:
    peers = Peers()
    large = [(b"x-%d" % number, bytes([97 + number]) * 9000) for number in range(6)]
    stream = peers.ask([*ASKED, *large])
    peers.answer(stream, *large)
    events = told(peers)
    for kind in (RequestHead, ResponseHead):
        (head,) = only(events, kind)
        assert [(each.name, each.value) for each in head.fields][-6:] == large


@pytest.mark.parametrize("sizes", [[0], [64], [1 << 16, 100], [0, 1 << 16], [1 << 20]])
@pytest.mark.parametrize("chooser", [CLIENT, SERVER])
def test_the_size_of_the_table_of_fields_may_change_at_any_time(chooser: Endpoint, sizes: list[int]) -> None:
    peers = Peers()
    fields = [(b"x-same", b"v" * 50), (b"x-other", b"w" * 50)]
    for size in [*sizes, *sizes]:
        peers.ends[chooser].update_settings({SettingCodes.HEADER_TABLE_SIZE: size})
        for number in range(3):
            # The first blocks cross while the new size has not been heard of yet.
            own = (b"x-own", b"%d" % number)
            peers.answer(peers.ask([*ASKED, *fields, own]), *fields, own)
    events = told(peers)
    for kind in (RequestHead, ResponseHead):
        for head in only(events, kind):
            assert [(each.name, each.value) for each in head.fields][-3:-1] == fields
    assert len(closings(events)) == 6 * len(sizes)


def test_a_smaller_table_that_the_sender_has_not_heard_of_yet_is_no_fault() -> None:
    encoder = hpack.Encoder()
    encoder.header_table_size = 4096
    answer = headers(1, STATUS, (b"x", b"y"), flags=END, encoder=encoder)
    shrunk = frame(4, payload=b"\x00\x01\x00\x00\x00\x00")
    events, broken = read(
        Http2Reader(),
        [(CLIENT, GREETING + headers(1, *ASKED, flags=END) + shrunk), (SERVER, frame(4) + answer)],
    )
    assert not broken
    assert closings(events) == [(1, Ending.WHOLE)]


def test_frames_may_be_as_large_as_their_receiver_announced_and_no_larger() -> None:
    peers = Peers()
    peers.client.update_settings({SettingCodes.MAX_FRAME_SIZE: 1 << 20})
    peers.cross()
    stream = peers.ask()
    peers.client.increment_flow_control_window(1 << 20)
    peers.client.increment_flow_control_window(1 << 20, stream)
    peers.cross()
    peers.answer(stream, body=b"x" * 900_000)
    assert octets_of(told(peers), SERVER) == b"x" * 900_000
    _, broken = raw(headers(1, STATUS), frame(0, 0, 1, b"x" * 16385))
    assert "at most 16384 octets" in broken[0][1]


def test_an_extended_connect_keeps_its_protocol_and_is_a_tunnel_of_both_directions() -> None:
    peers = Peers()
    peers.server.update_settings({SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    peers.cross()
    peers.client.send_headers(1, [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *ASKED[1:]])
    peers.send(CLIENT, 1, b"early", end=False)
    peers.server.send_headers(1, [STATUS])
    peers.send(SERVER, 1, b"from the server", end=False)
    peers.send(CLIENT, 1, b" and late", end=True)
    peers.send(SERVER, 1, b"!", end=True)
    events = told(peers)
    (asked,) = only(events, RequestHead)
    assert (asked.protocol, asked.octets[:20]) == ("websocket", b"CONNECT /a?b HTTP/1.")
    assert octets_of(events, CLIENT, Tunnel) == b"early and late"
    assert octets_of(events, SERVER, Tunnel) == b"from the server!"
    assert closings(events) == [(1, Ending.WHOLE)]


def test_a_connect_that_was_refused_has_a_body_like_any_answer() -> None:
    connect = headers(1, (b":method", b"CONNECT"), (b":authority", b"site.test:443"))
    answer = headers(1, (b":status", b"403")) + frame(0, 1, 1, b"no")
    events, _ = read(Http2Reader(), [(CLIENT, GREETING + connect), (SERVER, frame(4) + answer)])
    assert octets_of(events, SERVER) == b"no"
    assert only(events, RequestHead)[0].octets.startswith(b"CONNECT site.test:443 HTTP/1.1\r\n")


def test_fields_that_are_never_to_be_indexed_say_so() -> None:
    peers = Peers()
    peers.ask([*ASKED, hpack.NeverIndexedHeaderTuple(b"authorization", b"secret")])
    (asked,) = only(told(peers), RequestHead)
    assert [each.name for each in asked.fields if each.never_indexed] == [b"authorization"]


def test_frames_that_say_nothing_about_messages_are_passed_over() -> None:
    unknown = frame(0xA, 0, 1, b"altsvc") + frame(0xC, 0, 0, b"origin") + frame(0xEE, 0xFF, 99, b"x" * 9000)
    pings = frame(6, 0, 0, b"8 octets") + frame(8, 0, 1, b"\x00\x00\x01\x00") + frame(2, 0, 1, b"prio!")
    events, broken = raw(unknown, headers(1, STATUS), pings, frame(0, 1, 1, b"hi"), unknown)
    assert not broken
    assert octets_of(events, SERVER) == b"hi"
    assert closings(events) == [(1, Ending.WHOLE)]


@pytest.mark.parametrize(
    ("of_server", "named"),
    [
        ([headers(1, STATUS, flags=0), frame(0, 0, 1, b"x")], "CONTINUATION"),
        ([headers(1, STATUS, flags=0), frame(0xEE, 0, 1, b"x")], "CONTINUATION"),
        ([headers(1, STATUS, flags=0), frame(9, 4, 3, b"")], "CONTINUATION"),
        ([frame(9, 4, 1, b"")], "HEADERS before CONTINUATION"),
        ([frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff\xff")], "HPACK"),
        ([frame(1, 4, 1, b"\xc1")], "HPACK"),
        ([frame(1, 4, 1, b"\x3f\xe1\xff\xff\x0f")], "HPACK"),
        ([frame(0, 8, 1, b"\x05abc")], "padding"),
        ([frame(0, 8, 1, b"")], "padding"),
        ([frame(1, 0xC, 1, b"\x09\x88")], "padding"),
        ([frame(1, 0x24, 1, b"\x00\x00")], "5 octets before the field block"),
        ([frame(0, 0, 0, b"x")], "stream 0"),
        ([frame(4, 0, 1, b"")], "stream 0"),
        ([frame(4, 0, 0, b"12345")], "entries of 6 octets"),
        ([frame(3, 0, 1, b"12")], "at least 4 octets"),
        ([frame(7, 0, 0, b"1234")], "at least 8 octets"),
    ],
)
def test_what_cannot_be_read_further_is_named_and_the_other_direction_reads_on(
    of_server: list[bytes], named: str
) -> None:
    reader = Http2Reader()
    crossing: Crossing = [
        (CLIENT, GREETING + headers(1, *ASKED, flags=END)),
        (SERVER, frame(4) + b"".join(of_server) + headers(1, STATUS, flags=END)),
        (CLIENT, headers(3, *ASKED, flags=END)),
        (SERVER, headers(3, STATUS, flags=END)),
    ]
    events, broken = read(reader, crossing)
    ((sender, sentence),) = broken
    assert sender is SERVER
    assert named in sentence
    assert [event.stream for event in only(events, RequestHead)] == [1, 3]
    assert not only(events, ResponseHead)
    assert closings(events) == [(1, Ending.CUT), (3, Ending.CUT)]


def test_a_client_may_not_promise() -> None:
    _, broken = raw(of_client=frame(5, 4, 1, b"\x00\x00\x00\x02"))
    assert "PUSH_PROMISE" in broken[0][1]


@pytest.mark.parametrize(
    ("sender", "octets", "named"),
    [
        (CLIENT, b"GET / HTTP/1.1\r\n\r\n", "preface"),
        (CLIENT, GREETING[:20] + b"xxxx", "preface"),
        (SERVER, b"HTTP/1.1 400 Bad Request\r\n\r\n", "SETTINGS"),
        (SERVER, frame(6, 0, 0, b"12345678"), "SETTINGS"),
    ],
)
def test_what_is_no_http2_is_named_at_its_first_octets(sender: Endpoint, octets: bytes, named: str) -> None:
    for step in (0, 1):
        _, broken = read(Http2Reader(), [(sender, octets)], step=step)
        assert [each for each, _ in broken] == [sender]
        assert named in broken[0][1]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (headers(1, (b"x", b"y")), "a status of three digits"),
        (headers(1, (b":status", b"20")), "a status of three digits"),
        (headers(1, (b":status", b"101")), "101"),
        (headers(9, STATUS), "not open"),
        (headers(1, STATUS) + headers(1, (b"x", b"y")), "within a body"),
        (headers(1, STATUS, (b"content-length", b"5")) + frame(0, 1, 1, b"abc"), "content-length is 5"),
        (headers(1, STATUS, (b"transfer-encoding", b"chunked")), "transfer-encoding"),
        (headers(1, STATUS, (b"x", b"a\r\nb")), "HTTP/1.1 cannot carry"),
        (frame(5, 4, 1, b"\x00\x00\x00\x03" + hpack.Encoder().encode(ASKED)), "cannot be opened"),
        (frame(5, 4, 1, b"\x00\x00\x00\x00" + hpack.Encoder().encode(ASKED)), "cannot be opened"),
        (frame(5, 4, 1, b"\x00\x00\x00\x02" + hpack.Encoder().encode(ASKED[1:])), "a method"),
    ],
)
def test_what_is_odd_on_one_stream_is_noted_and_harms_no_other(answer: bytes, fault: str) -> None:
    crossing: Crossing = [
        (CLIENT, GREETING + headers(1, *ASKED, flags=END) + headers(3, *ASKED, flags=END)),
        (SERVER, frame(4) + answer + headers(3, STATUS) + frame(0, 1, 3, b"fine")),
    ]
    events, broken = read(Http2Reader(), crossing)
    assert not broken
    assert any(fault in event.fault for event in only(events, Oddity))
    assert Body(3, SERVER, b"fine") in events
    assert Closed(3, Ending.WHOLE) in events


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (headers(2, *ASKED, flags=END), "cannot be opened"),
        (headers(1, (b":method", b"G T"), *ASKED[1:], flags=END), "a method"),
        (headers(1, *ASKED[:-1], flags=END), "a path"),
    ],
)
def test_a_request_that_is_none_is_noted_with_its_fields(asked: bytes, fault: str) -> None:
    events, broken = read(Http2Reader(), [(CLIENT, GREETING + asked)])
    assert not broken
    (odd,) = events
    assert isinstance(odd, Oddity)
    assert fault in odd.fault
    assert odd.fields


def test_a_stream_that_ends_before_an_answer_is_never_called_whole() -> None:
    events, _ = raw(frame(0, 1, 1, b"headless"))
    assert octets_of(events, SERVER, Surplus) == b"headless"
    assert closings(events) == [(1, Ending.FAULT)]
    assert End(1, SERVER) not in events


def test_octets_after_the_end_of_a_message_are_surplus() -> None:
    events, _ = raw(headers(1, STATUS), frame(0, 1, 1, b"page"), frame(0, 1, 1, b"more"), frame(0, 0, 7, b"stray"))
    assert octets_of(events, SERVER) == b"page"
    assert only(events, Surplus) == [Surplus(1, SERVER, b"more"), Surplus(7, SERVER, b"stray")]


def test_a_message_that_has_ended_does_not_end_again() -> None:
    asked = GREETING + headers(1, *ASKED)  # its upload is still under way
    answer = headers(1, STATUS, flags=END) + headers(1, (b"x", b"y"), flags=END) + frame(0, 1, 1, b"late")
    events, _ = read(Http2Reader(), [(CLIENT, asked), (SERVER, frame(4) + answer)])
    assert events.count(End(1, SERVER)) == 1
    assert [event.fault for event in only(events, Oddity)] == ["fields came on a stream that is not open"]
    assert octets_of(events, SERVER, Surplus) == b"late"


def test_a_connection_that_ends_leaves_its_open_streams_cut() -> None:
    events, _ = raw(headers(1, STATUS), frame(0, 0, 1, b"part"))
    assert closings(events) == [(1, Ending.CUT)]


@pytest.mark.parametrize("step", [1, 5, 100])
def test_the_pieces_in_which_octets_come_change_no_event(step: int) -> None:
    peers = Peers()
    stream = peers.ask([*ASKED, (b"x", b"y" * 20_000)], body=b"q" * 300)
    peers.server.send_headers(stream, [(b":status", b"103")])
    peers.server.send_headers(stream, [STATUS])
    peers.send(SERVER, stream, b"a" * 400, end=False, padding=30)
    peers.send(SERVER, stream, b"", end=False, padding=7)
    peers.server.send_headers(stream, [(b"digest", b"x")], end_stream=True)
    peers.cross()
    assert read(Http2Reader(), peers.crossed, step=step) == read(Http2Reader(), peers.crossed)


# What a hostile peer sends


def test_a_small_block_that_decodes_to_a_huge_list_is_refused_at_the_bound() -> None:
    entry = b"\x40\x01x" + encode_integer(4000, 7) + b"v" * 4000  # into the table, from where one octet names it
    within = MAX_LIST // (4001 + 32) - 1
    _, broken = raw(frame(1, 4, 1, entry + b"\xbe" * within))
    assert not broken
    _, broken = raw(frame(1, 4, 1, entry + b"\xbe" * (within + 2)))
    assert "OversizedHeaderListError" in broken[0][1]


def test_a_table_of_fields_beyond_the_bound_is_refused_whatever_was_announced() -> None:
    peers = Peers()
    peers.client.update_settings({SettingCodes.HEADER_TABLE_SIZE: 1 << 30})
    peers.cross()
    peers.answer(peers.ask())
    _, broken = read(Http2Reader(), peers.crossed)
    assert "InvalidTableSizeError" in broken[0][1]


@pytest.mark.parametrize("piece", [b"", b"x" * 1000], ids=["empty", "full"])
def test_a_flood_of_continuation_has_an_end(piece: bytes) -> None:
    count = MAX_BLOCK // (9 + len(piece)) + 1
    _, broken = raw(headers(1, STATUS, flags=0), frame(9, 0, 1, piece) * count)
    assert f"at most {MAX_BLOCK} octets" in broken[0][1]


def test_a_flood_of_large_blocks_of_many_fields_has_an_end() -> None:
    # The library copies what is left of a block for each literal in it: time that its octets did not pay for.
    block = b"\x00\x01a\x00" * 3000 + b"\x00\x01b" + encode_integer(150_000, 7) + b"c" * 150_000
    announced = frame(4, payload=b"\x00\x05\x00\x10\x00\x00")
    flood = headers(1, STATUS) + frame(1, 4, 1, block) * 20
    _, broken = read(
        Http2Reader(),
        [(CLIENT, GREETING + announced + headers(1, *ASKED, flags=END)), (SERVER, frame(4) + flood)],
    )
    assert "flood" in broken[0][1]


def test_a_frame_that_is_read_whole_is_bounded_whatever_was_announced() -> None:
    announced = frame(4, payload=b"\x00\x05\x00\xff\xff\xff")
    huge = (MAX_CONTROL + 1).to_bytes(3, "big") + b"\x01\x04\x00\x00\x00\x01"
    _, broken = read(Http2Reader(), [(CLIENT, GREETING + announced), (SERVER, frame(4) + huge)])
    assert f"at most {MAX_CONTROL} octets" in broken[0][1]


def test_streams_that_are_never_answered_are_refused_at_a_bound() -> None:
    asked = b"".join(headers(1 + 2 * number, *ASKED, flags=END) for number in range(4097))
    _, broken = read(Http2Reader(), [(CLIENT, GREETING + asked)])
    assert "4096 open streams" in broken[0][1]


def test_promises_that_are_never_kept_are_refused_at_a_bound() -> None:
    block = hpack.Encoder().encode(ASKED)
    promises = b"".join(frame(5, 4, 1, (2 * number).to_bytes(4, "big") + block) for number in range(1, 4097))
    _, broken = raw(promises)
    assert "4096 open streams" in broken[0][1]


def test_a_hundred_thousand_resets_leave_nothing_behind() -> None:
    reader = Http2Reader()
    encoder = hpack.Encoder()
    list(reader.feed(CLIENT, GREETING))
    closed = 0
    for number in range(1, 10_001, 2):
        reset = frame(3, 0, number, b"\x00\x00\x00\x08")
        octets = headers(number, *ASKED, flags=END, encoder=encoder) + reset * 20
        closed += sum(isinstance(event, Closed) for event in reader.feed(CLIENT, octets))
    assert closed == 5000
    assert not list(reader.finish(CLIENT)) + list(reader.finish(SERVER))


def test_interim_answers_without_end_are_told_up_to_a_bound() -> None:
    events, broken = raw(headers(1, (b":status", b"102")) * 5000, headers(1, STATUS, flags=END))
    assert not broken
    assert len(only(events, Interim)) == MAX_INTERIM
    assert len(only(events, Oddity)) == MAX_ODDITIES
    assert closings(events) == [(1, Ending.WHOLE)]
