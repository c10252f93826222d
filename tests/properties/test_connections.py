"""What holds for every connection that passes by: made by peers, bent, or made of anything."""

import itertools
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2_peers import ASKED, GREETING, Peers, frame, headers
from muniment.errors import FormatError
from muniment.message.events import (
    Body,
    Closed,
    Endpoint,
    Event,
    Interim,
    RequestHead,
    ResponseHead,
    Surplus,
    Tunnel,
)
from muniment.message.http1 import Http1Reader
from muniment.message.http2.connection import Http2Reader
from passing import CLIENT, SERVER, Crossing, Reader, joined, read

requests = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"HEAD / HTTP/1.1\nHost: a\n\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HT",
    ]
)
answers = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!!",
        b"HTTP/1.1 200 OK\n\nuntil it closes",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"\x81\x02hi",
        b"HTTP/1.1 200",
    ]
)
crossing_of_http1 = st.lists(
    st.one_of(
        st.tuples(st.just(CLIENT), st.lists(requests, min_size=1, max_size=3).map(b"".join)),
        st.tuples(st.just(SERVER), st.lists(answers, min_size=1, max_size=3).map(b"".join)),
        st.tuples(st.sampled_from(Endpoint), st.binary(max_size=12)),
    ),
    max_size=8,
)


def recorded() -> Crossing:
    """Return what crossed between two peers that used most of what HTTP/2 has."""
    peers = Peers()
    first = peers.ask([*ASKED, (b"x-large", b"y" * 17_000)], body=b"q" * 40)
    peers.server.push_stream(first, 2, ASKED)
    peers.server.send_headers(first, [(b":status", b"103")])
    peers.answer(first, (b"x-same", b"v" * 40), body=b"b" * 60, end=False)
    peers.send(SERVER, first, b"c" * 20, end=False, padding=9)
    peers.server.send_headers(first, [(b"digest", b"x")], end_stream=True)
    second = peers.ask()
    peers.answer(2, (b"x-same", b"v" * 40))
    peers.answer(second, body=b"part", end=False)
    peers.client.reset_stream(second)
    peers.server.close_connection()
    peers.crossed += [(CLIENT, peers.client.data_to_send()), (SERVER, peers.server.data_to_send())]
    return peers.crossed


RECORDED = recorded()
any_frame = st.builds(
    frame,
    st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]),
    st.sampled_from([0, 1, 4, 5, 8, 9, 12, 13, 32, 36, 37, 255]),
    st.integers(0, 4),
    st.one_of(
        st.binary(max_size=20),
        st.just(headers(1, *ASKED)[9:]),
        st.just(headers(1, (b":status", b"200"))[9:]),
        st.just(b"\x00\x00\x00\x02" + headers(2, *ASKED)[9:]),
    ),
)
crossing_of_http2 = st.lists(st.tuples(st.sampled_from(Endpoint), any_frame), max_size=12).map(
    lambda frames: [(CLIENT, GREETING), (SERVER, frame(4)), *frames]
)


@st.composite
def bent(draw: st.DrawFn) -> Crossing:
    """Draw the recorded connection with some octets changed, lost or doubled."""
    crossing = list(RECORDED)
    for _ in range(draw(st.integers(1, 4))):
        which = draw(st.integers(0, len(crossing) - 1))
        sender, octets = crossing[which]
        at = draw(st.integers(0, len(octets)))
        change = draw(st.sampled_from([b"", octets[at : at + 30] * 2, bytes([draw(st.integers(0, 255))])]))
        crossing[which] = sender, octets[:at] + change + octets[at + draw(st.integers(0, 2)) :]
    return crossing


def in_pieces(make: Callable[[], Reader], crossing: Crossing, cuts: list[int]) -> tuple[list[Event], list[Endpoint]]:
    """Read *crossing* with each of its turns cut at *cuts*; return the events and who could not be read further."""
    reader = make()
    found: list[Event] = []
    broken = []
    for sender, octets in crossing:
        places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
        for start, stop in itertools.pairwise(places):
            try:
                found.extend(reader.feed(sender, octets[start:stop]))
            except FormatError:
                broken.append(sender)
    for sender in Endpoint:
        found.extend(reader.finish(sender))
    return joined(found), broken


def keeps_account(events: list[Event], broken: list[Endpoint]) -> None:
    """Assert what holds for the events of every connection."""
    assert len(broken) == len(set(broken))
    opened = [event.stream for event in events if isinstance(event, RequestHead)]
    closed = [event.stream for event in events if isinstance(event, Closed)]
    assert len(opened) == len(set(opened))
    assert sorted(closed) == sorted(opened)
    over: set[int] = set()
    for event in events:
        if isinstance(event, Body | Tunnel | Interim | ResponseHead):
            assert event.stream not in over
        elif isinstance(event, Closed):
            over.add(event.stream)


cuts = st.lists(st.integers(0, 40_000), max_size=6)


@given(crossing_of_http1, cuts)
def test_http1_reads_the_same_however_it_is_cut_and_loses_no_octet(crossing: Crossing, places: list[int]) -> None:
    events, broken = in_pieces(Http1Reader, crossing, places)
    assert (events, broken) == in_pieces(Http1Reader, crossing, [])
    keeps_account(events, broken)
    kept = Body | Tunnel | Surplus
    of_client = (e for e in events if isinstance(e, RequestHead) or (isinstance(e, kept) and e.sender is CLIENT))
    of_server = (
        e for e in events if isinstance(e, Interim | ResponseHead) or (isinstance(e, kept) and e.sender is SERVER)
    )
    for sender, mine in ((CLIENT, of_client), (SERVER, of_server)):
        assert b"".join(e.octets for e in mine) == b"".join(octets for who, octets in crossing if who is sender)


@settings(max_examples=200, deadline=None)
@given(bent(), cuts)
def test_a_bent_http2_connection_gives_events_or_a_refusal_however_it_is_cut(
    crossing: Crossing, places: list[int]
) -> None:
    events, broken = in_pieces(Http2Reader, crossing, places)
    assert (events, broken) == in_pieces(Http2Reader, crossing, [])
    keeps_account(events, broken)


@settings(max_examples=300, deadline=None)
@given(crossing_of_http2, cuts)
def test_any_frames_give_events_or_a_refusal_however_they_are_cut(crossing: Crossing, places: list[int]) -> None:
    events, broken = in_pieces(Http2Reader, crossing, places)
    assert (events, broken) == in_pieces(Http2Reader, crossing, [])
    keeps_account(events, broken)


@given(st.lists(st.tuples(st.sampled_from(Endpoint), st.binary(max_size=60)), max_size=6))
def test_anything_gives_events_or_a_refusal(crossing: Crossing) -> None:
    for make in (Http1Reader, Http2Reader):
        keeps_account(*in_pieces(make, crossing, []))


def test_the_recorded_connection_is_read_to_its_end() -> None:
    events, broken = read(Http2Reader(), RECORDED)
    assert not broken
    assert len([event for event in events if isinstance(event, RequestHead)]) == 3


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_a_body_passes_by_without_being_held(version: str) -> None:
    piece = b"x" * 16_384
    reader: Reader
    if version == "HTTP/2":
        reader, asked = Http2Reader(), GREETING + headers(1, *ASKED, flags=0x5)
        answer, part = frame(4) + headers(1, (b":status", b"200")), frame(0, 0, 1, piece)
    else:
        reader, asked = Http1Reader(), b"GET / HTTP/1.1\r\n\r\n"
        answer, part = b"HTTP/1.1 200 OK\r\n\r\n", piece
    list(reader.feed(CLIENT, asked))
    list(reader.feed(SERVER, answer))
    tracemalloc.start()
    passed = sum(len(event.octets) for _ in range(4096) for event in reader.feed(SERVER, part))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert passed == 64 << 20
    assert peak < 1 << 20
