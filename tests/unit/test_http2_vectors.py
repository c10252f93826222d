"""Octets that others wrote: the examples of RFC 7541, and frames of http2jp/http2-frame-test-case (MIT)."""

import pytest

from h2_peers import GREETING, frame
from muniment.message.events import RequestHead, ResponseHead
from muniment.message.http2.connection import Http2Reader
from muniment.message.http2.frame import Flag, Frame, FrameReader, Kind
from passing import CLIENT, SERVER, read

# RFC 7541 C.4: requests with Huffman coding, one after the other on one connection.
REQUESTS = [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
]
# RFC 7541 C.6: responses under a table of 256 octets, from which entries are evicted.
RESPONSES = [
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    "4883640effc1c0bf",
    (
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f36"
        "72c1ab270fb5291f9587316065c003ed4ee5b1063d5007"
    ),
]
TABLE_OF_256 = b"\x3f\xe1\x01"


def test_the_examples_of_the_standard_are_decoded_as_it_prints_them() -> None:
    asked = [frame(1, 5, 2 * number + 1, bytes.fromhex(block)) for number, block in enumerate(REQUESTS)]
    blocks = [bytes.fromhex(block) for block in RESPONSES]
    blocks[0] = TABLE_OF_256 + blocks[0]
    answered = [frame(1, 5, 2 * number + 1, block) for number, block in enumerate(blocks)]
    crossing = [(CLIENT, GREETING + b"".join(asked)), (SERVER, frame(4) + b"".join(answered))]
    events, broken = read(Http2Reader(), crossing)
    assert not broken
    assert [event.octets for event in events if isinstance(event, RequestHead)] == [
        b"GET / HTTP/1.1\r\nhost: www.example.com\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: www.example.com\r\ncache-control: no-cache\r\n\r\n",
        b"GET /index.html HTTP/1.1\r\nhost: www.example.com\r\ncustom-key: custom-value\r\n\r\n",
    ]
    common = b"cache-control: private\r\ndate: Mon, 21 Oct 2013 20:13:%s GMT\r\nlocation: https://www.example.com\r\n"
    assert [event.octets for event in events if isinstance(event, ResponseHead)] == [
        b"HTTP/1.1 302 \r\n" + common % b"21" + b"\r\n",
        b"HTTP/1.1 307 \r\n" + common % b"21" + b"\r\n",
        b"HTTP/1.1 200 \r\n"
        + common % b"22"
        + b"content-encoding: gzip\r\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\r\n\r\n",
    ]


@pytest.mark.parametrize(
    ("wire", "kind", "flags", "stream", "payload"),
    [
        ("0000140008000000020648656C6C6F2C20776F726C6421486F77647921", Kind.DATA, 8, 2, b"Hello, world!"),
        (
            "000023012C00000003108000001409746869732069732064756D6D79546869732069732070616464696E672E",
            Kind.HEADERS,
            Flag.PADDED | Flag.PRIORITY | Flag.END_HEADERS,
            3,
            b"\x80\x00\x00\x14\x09this is dummy",
        ),
        (
            "000018050C00000009060000000A746869732069732064756D6D79486F77647921",
            Kind.PUSH_PROMISE,
            Flag.PADDED | Flag.END_HEADERS,
            9,
            b"\x00\x00\x00\x0athis is dummy",
        ),
    ],
    ids=["DATA", "HEADERS", "PUSH_PROMISE"],
)
def test_a_padded_frame_of_others_is_read_as_they_mean_it(
    wire: str, kind: Kind, flags: int, stream: int, payload: bytes
) -> None:
    reader = FrameReader(b"")
    list(reader.feed(frame(4)))
    assert list(reader.feed(bytes.fromhex(wire))) == [Frame(kind, flags, stream, payload)]
