"""Records for tests: entries of every kind, odd HTTP messages, and a disk that refuses on demand."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from muniment.digest import Digest
from muniment.errors import StoreError
from muniment.model import Kind
from muniment.warc import reader
from muniment.warc.reader import RecordRead
from muniment.warc.writer import Entry, Writer, Written

DATE: Final = datetime(2024, 12, 10, 9, 30, 12, 1, tzinfo=UTC)
URL: Final = "https://courier.example/article?id=1&p=a|b"

ODD_MESSAGES: Final = {
    "empty": b"",
    "one-octet": b"\x00",
    "plain": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "bare-cr": b"HTTP/1.1 200 OK\rContent-Length: 5\r\rhello",
    "folded": b"HTTP/1.1 200 OK\r\nX-Long: a\r\n  b\r\n\tc\r\n\r\n",
    "padding": b"HTTP/1.1   200   OK  \r\nX-Space :   v   \r\n\r\nbody ",
    "latin-1": b"HTTP/1.1 200 Tr\xe8s bien\r\nX-Name: caf\xe9\r\n\r\n\xff\xfe",
    "nul-in-head": b"HTTP/1.1 200 OK\r\nX-Nul: a\x00b\r\n\r\n\x00\x00",
    "no-reason": b"HTTP/1.1 200\r\n\r\n",
    "repeated": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: a=2\r\nSET-COOKIE: a=1\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nTrailer: t\r\n\r\n",
    "bad-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
    "warc-inside": b"HTTP/1.1 200 OK\r\n\r\n\r\n\r\nWARC/1.1\r\nWARC-Type: response\r\n\r\n",
    "gzip-inside": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x03\x00",
    "head-only": b"HTTP/1.1 204 No Content\r\nX-Big: " + b"x" * 100_000 + b"\r\n\r\n",
    "larger-than-a-piece": b"HTTP/1.1 200 OK\r\n\r\n" + bytes(range(256)) * 3000,
}


def record_id(number: int) -> str:
    """Return the record id that test records number *number* have."""
    return UUID(int=number, version=4).urn


def entry(block: bytes = b"HTTP/1.1 200 OK\r\n\r\nbody", **changes: Any) -> Entry:
    """Return a response record of *block*, with *changes* made to its entry."""
    given = {
        "kind": Kind.RESPONSE,
        "record_id": record_id(1),
        "date": DATE,
        "block": io.BytesIO(block),
        "size": len(block),
        "digest": Digest.of_bytes(block),
        "url": URL,
        "content_type": "application/http; msgtype=response",
    }
    return Entry(**{**given, **changes})


def warcinfo(name: str) -> Entry:
    """Return the warcinfo record of the file *name*."""
    return entry(
        b"software: muniment\r\n",
        kind=Kind.WARCINFO,
        record_id=record_id(0),
        url="",
        content_type="application/warc-fields",
        fields=(("WARC-Filename", name),),
    )


def every_kind() -> list[Entry]:
    """Return a record of each kind that the writer knows, as a capture would write them."""
    response = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    request = b"GET /article HTTP/1.1\r\nHost: courier.example\r\n\r\n"
    wire = (("WARC-IP-Address", "192.0.2.7"), ("WARC-Protocol", "http/1.1"), ("WARC-Protocol", "tls/1.3"))
    joined = (("WARC-Concurrent-To", f"<{record_id(1)}>"),)
    return [
        entry(response, fields=(*wire, ("WARC-Payload-Digest", str(Digest.of_bytes(b"hello"))))),
        entry(
            request,
            kind=Kind.REQUEST,
            record_id=record_id(2),
            fields=(*wire, *joined),
            content_type="application/http; msgtype=request",
        ),
        entry(b"{}", kind=Kind.METADATA, record_id=record_id(3), fields=joined, content_type="application/json"),
        entry(b"", kind=Kind.ATTEMPT, record_id=record_id(4), content_type=""),
        entry(b"%PDF-1.7", kind=Kind.RESOURCE, record_id=record_id(5), content_type="application/pdf", stored=True),
        entry(
            b"muxed",
            kind=Kind.CONVERSION,
            record_id=record_id(6),
            content_type="video/mp4",
            fields=(("WARC-Refers-To", f"<{record_id(1)}>"), ("WARC-Truncated", "length")),
            stored=True,
        ),
    ]


class Disk:
    """A growing file in memory that refuses write number *refused* (from 1), having kept half of it or none."""

    def __init__(self, name: str = "c-00000.warc.gz", *, refused: int = 0, persisted: bool = False) -> None:
        self.final = Path(name)
        self.content = bytearray()
        self.refused = refused
        self.persisted = persisted
        self.writes = 0
        self.cuts = True
        self.state = "open"

    @property
    def size(self) -> int:
        return len(self.content)

    def write(self, content: bytes | memoryview, /) -> int:
        self.writes += 1
        if self.writes == self.refused:
            self.content += content[: len(content) // 2 if self.persisted else 0]
            raise StoreError(self.final, "could not write: No space left on device")
        self.content += content
        return len(content)

    def cut(self, size: int, /) -> None:
        if not self.cuts:
            raise StoreError(self.final, "could not cut back: Input/output error")
        del self.content[size:]

    def sync(self) -> None:
        self.state = "synced"

    def finish(self) -> None:
        self.state = "finished"

    def close(self) -> None:
        self.state = "closed"


def stored(entries: Sequence[Entry]) -> tuple[bytes, list[Written]]:
    """Return one WARC file of *entries* behind its warcinfo record, and what the writer said about them."""
    disk = Disk()
    written = Writer(lambda _: disk, warcinfo).write(entries)
    return bytes(disk.content), written


class Trickle(io.BytesIO):
    """A stream that gives at most *step* octets at a time, as pipes and network disks may."""

    def __init__(self, content: bytes, step: int = 1) -> None:
        super().__init__(content)
        self.step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.step if size is None or size < 0 else min(size, self.step))


def record(*lines: str, block: bytes = b"", version: str = "WARC/1.1") -> bytes:
    """Return a record with the mandatory fields, *lines* among them, as it lies in a file without compression."""
    given = {line.partition(":")[0].lower() for line in lines}
    needed = {
        "WARC-Type": "resource",
        "WARC-Record-ID": "<urn:uuid:1>",
        "WARC-Date": "2024-12-10T09:30:12Z",
        "WARC-Target-URI": "http://a.example/",
        "Content-Length": str(len(block)),
    }
    rest = [f"{name}: {value}" for name, value in needed.items() if name.lower() not in given]
    return "\r\n".join([version, *rest, *lines, "", ""]).encode() + block + b"\r\n\r\n"


def walked(content: bytes) -> list[RecordRead]:
    """Return every record of *content*."""
    return list(reader.walk(io.BytesIO(content), file="c.warc"))
