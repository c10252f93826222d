"""A client of the sample article that leaves every octet as it is."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from muniment import sample
from muniment.sample import second

Site = sample.Site | second.Site


class Line:
    """A connection to one origin of the site, verified against its root unless it is to be *believed*.

    *change* may change the client's TLS before it is used.
    """

    def __init__(
        self, site: Site, url: str, *, believed: bool = False, change: Callable[[ssl.SSLContext], object] | None = None
    ) -> None:
        parts = urlsplit(url)
        address = dict(each.split("=") for each in site.resolve)[parts.netloc]
        self.socket: socket.socket = socket.create_connection(
            ("127.0.0.1", int(address.rpartition(":")[2])), timeout=20
        )
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=site.ca_file)
            if believed:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if change:
                change(context)
            try:
                self.socket = context.wrap_socket(self.socket, server_hostname=parts.hostname)
            except ssl.SSLError:
                self.socket.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.socket.close()

    def send(self, url: str, *fields: str, method: str = "GET", body: bytes = b"") -> None:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        length = [f"Content-Length: {len(body)}"] if body else []
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", *fields, *length, "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + body)

    def rest(self) -> bytes:
        return b"".join(iter(lambda: self.socket.recv(65_536), b""))


def asked(site: Site, url: str, *fields: str, method: str = "GET", body: bytes = b"", believed: bool = False) -> bytes:
    """Return the octets that *url* answered until the end of the connection."""
    with Line(site, url, believed=believed) as line:
        line.send(url, *fields, "Connection: close", method=method, body=body)
        return line.rest()


def read(octets: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, fields and the body without transfer coding of the one final answer in *octets*."""
    if octets.startswith(b"HTTP/1.1 103"):
        octets = octets.partition(b"\r\n\r\n")[2]
    head, _, body = octets.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
    if fields.get("transfer-encoding") == "chunked":
        whole, left = b"", body
        while size := int(left.partition(b"\r\n")[0], 16):
            left = left.partition(b"\r\n")[2]
            whole, left = whole + left[:size], left[size + 2 :]
        assert left == b"0\r\n\r\n"
        body = whole
    else:
        assert len(body) == int(fields.get("content-length", "0"))
    return int(first.split(" ")[1]), fields, body


@dataclass(slots=True)
class Answered:
    """What came on one stream: the fields of interim answers, of the answer, of the trailers; the body, the end."""

    interim: list[tuple[str, str]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    over: str = ""


class H2Line:
    """A connection in HTTP/2; *windows* keeps it open for more than the first 65,535 octets of a body."""

    def __init__(self, site: Site, url: str, *, windows: bool = True) -> None:
        self.line = Line(site, url, change=lambda context: context.set_alpn_protocols(["h2"]))
        self.h2: Any = H2Connection(H2Configuration(header_encoding="latin-1"))
        self.streams: dict[int, Answered] = {}
        self.flushes = True
        self._windows = windows
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.line.socket.close()

    def flush(self) -> None:
        if self.flushes:
            self.line.socket.sendall(self.h2.data_to_send())

    def ask(self, url: str, *fields: tuple[str, str], method: str = "GET", body: bytes = b"", end: bool = True) -> int:
        parts = urlsplit(url)
        stream: int = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", parts.netloc), (":path", parts.path)]
        self.h2.send_headers(stream, [*pseudo, *fields], end_stream=end and not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.streams[stream] = Answered()
        self.flush()
        return stream

    def until(self, condition: Callable[[], bool]) -> None:
        """Take in what comes until *condition* holds; AssertionError where the server ends the connection before."""
        while not condition():
            octets = self.line.socket.recv(65_536)
            assert octets, "the server has ended the connection"
            for event in self.h2.receive_data(octets):
                self._hear(event)
            self.flush()

    def answered(self, stream: int) -> Answered:
        """Return what came on *stream* once it is over."""
        self.until(lambda: bool(self.streams[stream].over))
        return self.streams[stream]

    def _hear(self, event: object) -> None:
        match event:
            case InformationalResponseReceived():
                self.streams[event.stream_id].interim += event.headers
            case ResponseReceived():
                self.streams[event.stream_id].fields = dict(event.headers)
            case TrailersReceived():
                self.streams[event.stream_id].trailers = dict(event.headers)
            case DataReceived():
                self.streams[event.stream_id].body += event.data
                if self._windows:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self.streams[event.stream_id].over = "ended"
            case StreamReset():
                self.streams[event.stream_id].over = f"reset {event.error_code}"
