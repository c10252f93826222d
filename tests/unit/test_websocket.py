import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

from muniment.errors import FormatError
from muniment.message.websocket import Opcode, WebSocketFrame, WebSocketReader

CAP = 1 << 20
MESSAGES = [
    TextMessage("héllo"),
    BytesMessage(b"", message_finished=False),
    BytesMessage(bytes(range(256)), message_finished=False),
    Ping(b"are you there"),
    BytesMessage(b"z" * 70_000),
    CloseConnection(1000, "bye"),
]
WHOLE = [
    (Opcode.TEXT, True, "héllo".encode()),
    (Opcode.BINARY, False, b""),
    (Opcode.CONTINUATION, False, bytes(range(256))),
    (Opcode.PING, True, b"are you there"),
    (Opcode.CONTINUATION, True, b"z" * 70_000),
    (Opcode.CLOSE, True, b"\x03\xe8bye"),
]


def read(octets: bytes, *, step: int = 0, cap: int = CAP) -> list[WebSocketFrame]:
    reader = WebSocketReader(cap)
    size = step or len(octets) or 1
    pieces = [octets[start : start + size] for start in range(0, len(octets), size)]
    return [*itertools.chain.from_iterable(reader.feed(piece) for piece in pieces), *reader.finish()]


@pytest.mark.parametrize("side", list(ConnectionType))
@pytest.mark.parametrize("step", [0, 1, 1000])
def test_the_frames_of_a_real_peer_are_read_as_it_meant_them(side: ConnectionType, step: int) -> None:
    peer = Connection(side)
    frames = read(b"".join(peer.send(message) for message in MESSAGES), step=step)
    assert [(frame.opcode, frame.final, frame.payload) for frame in frames] == WHOLE
    assert {frame.masked for frame in frames} == {side is ConnectionType.CLIENT}
    assert all(frame.size == len(frame.payload) and not frame.compressed for frame in frames)


def test_compression_is_flagged_and_left_on() -> None:
    deflate = PerMessageDeflate()
    deflate.finalize("permessage-deflate")
    peer = Connection(ConnectionType.CLIENT, extensions=[deflate])
    (frame,) = read(peer.send(TextMessage("a" * 1000)))
    assert frame.compressed
    assert 0 < frame.size < 100


def test_of_a_frame_beyond_the_cap_the_first_octets_are_kept_and_the_next_frame_is_read() -> None:
    peer = Connection(ConnectionType.CLIENT)
    octets = peer.send(BytesMessage(b"abcdefgh" * 1000)) + peer.send(TextMessage("next"))
    for step in (0, 7):
        large, following = read(octets, step=step, cap=10)
        assert (large.size, large.payload) == (8000, b"abcdefghab")
        assert following.payload == b"next"


def test_a_frame_that_announces_more_than_ever_comes_is_given_as_far_as_it_came() -> None:
    (frame,) = read(b"\x82\x7f\x7f" + b"\xff" * 7 + b"abc")
    assert (frame.size, frame.payload) == ((1 << 63) - 1, b"abc")


@pytest.mark.parametrize(
    "octets",
    [
        b"\x83\x00",
        b"\x8b\x00",
        b"\xa1\x00",
        b"\x91\x00",
        b"\x82\xff" + b"\xff" * 12,
        b"\x89\x7e\x00\x7e",
        b"\x08\x00",
    ],
    ids=["opcode 3", "opcode 11", "RSV2", "RSV3", "length of 64 bits", "long ping", "close in parts"],
)
def test_what_is_no_frame_is_refused(octets: bytes) -> None:
    with pytest.raises(FormatError, match="the WebSocket"):
        read(octets)


@given(st.binary(max_size=60), st.integers(1, 9), st.integers(0, 20))
def test_any_octets_give_frames_or_a_refusal_however_they_are_cut(octets: bytes, step: int, cap: int) -> None:
    def outcome(size: int) -> list[WebSocketFrame] | None:
        try:
            return read(octets, step=size, cap=cap)
        except FormatError:
            return None

    frames = outcome(0)
    assert frames == outcome(step)
    for frame in frames or []:
        assert len(frame.payload) <= min(cap, frame.size)


@given(st.binary(max_size=300), st.sampled_from(ConnectionType))
def test_a_mask_comes_off_whatever_lies_under_it(payload: bytes, side: ConnectionType) -> None:
    (frame,) = read(Connection(side).send(BytesMessage(payload)))
    assert (frame.payload, frame.masked) == (payload, side is ConnectionType.CLIENT)
