"""A client and a server of the `h2` package, joined in memory; what crosses between them is kept in its order."""

from typing import Any

import hpack
from h2.config import H2Configuration
from h2.connection import H2Connection

from muniment.message.events import Endpoint
from muniment.message.http2.frame import PREFACE

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
Pairs = list[tuple[bytes, bytes]]

ASKED: Pairs = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"site.test"), (b":path", b"/a?b")]


class Peers:
    """Both ends of one connection; ``crossed`` is what each sent, ``heard`` what the other made of it."""

    def __init__(self) -> None:
        self.ends: dict[Endpoint, Any] = {
            CLIENT: H2Connection(H2Configuration(client_side=True, header_encoding=None)),
            SERVER: H2Connection(H2Configuration(client_side=False, header_encoding=None)),
        }
        self.crossed: list[tuple[Endpoint, bytes]] = []
        self.heard: dict[Endpoint, list[Any]] = {CLIENT: [], SERVER: []}
        for end in self.ends.values():
            end.initiate_connection()
        self.cross()

    @property
    def client(self) -> Any:
        return self.ends[CLIENT]

    @property
    def server(self) -> Any:
        return self.ends[SERVER]

    def cross(self) -> None:
        """Carry what both have to send, until neither has more."""
        quiet = False
        while not quiet:
            quiet = True
            for sender, end in self.ends.items():
                if octets := end.data_to_send():
                    quiet = False
                    self.crossed.append((sender, octets))
                    self.heard[sender.peer] += self.ends[sender.peer].receive_data(octets)

    def ask(self, fields: Pairs = ASKED, *, body: bytes | None = None) -> int:
        """Send a request from the client and return its stream."""
        stream: int = self.client.get_next_available_stream_id()
        self.client.send_headers(stream, fields, end_stream=body is None)
        if body is not None:
            self.send(CLIENT, stream, body, end=True)
        self.cross()
        return stream

    def answer(self, stream: int, *more: tuple[bytes, bytes], body: bytes = b"", end: bool = True) -> None:
        """Send a 200 from the server."""
        self.server.send_headers(stream, [(b":status", b"200"), *more], end_stream=end and not body)
        if body:
            self.send(SERVER, stream, body, end=end)
        self.cross()

    def send(self, sender: Endpoint, stream: int, body: bytes, *, end: bool, padding: int | None = None) -> None:
        """Send *body* in as many DATA frames as flow control asks for."""
        own = self.ends[sender]
        while True:
            room = min(own.local_flow_control_window(stream), own.max_outbound_frame_size)
            room -= 0 if padding is None else padding + 1
            piece, body = body[:room], body[room:]
            own.send_data(stream, piece, end_stream=end and not body, pad_length=padding)
            self.cross()
            if not body:
                return
            self.ends[sender.peer].increment_flow_control_window(1 << 20)
            self.ends[sender.peer].increment_flow_control_window(1 << 20, stream)
            self.cross()


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Return one frame, right or wrong."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def headers(stream: int, *fields: tuple[bytes, bytes], flags: int = 0x4, encoder: hpack.Encoder | None = None) -> bytes:
    """Return a HEADERS frame that holds *fields*, whatever they are."""
    return frame(1, flags, stream, (encoder or hpack.Encoder()).encode(list(fields)))


GREETING = PREFACE + frame(4)
"""The least that a client may begin a connection with; a server begins with ``frame(4)``."""
