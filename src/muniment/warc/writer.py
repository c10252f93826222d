"""Records come into files: WARC/1.1, one gzip member per record, the block exactly as it was received.

Only the header passes through warcio; the block is copied from its spool to the file in pieces, digested again on the
way, and nothing here knows what is in it.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from warcio.statusandheaders import StatusAndHeaders

from muniment.digest import Digest, Digester
from muniment.errors import FormatError, StoreError
from muniment.model import Kind, Position
from muniment.warc.fields import HEAD_LIMIT, VERSION, writable
from muniment.warc.member import CHUNK, deflated, verbatim

__all__ = ["Entry", "Growing", "Writer", "Written", "already_compressed"]

_TYPES: Final = {
    Kind.RESPONSE: "response",
    Kind.REQUEST: "request",
    Kind.RESOURCE: "resource",
    Kind.CONVERSION: "conversion",
    Kind.METADATA: "metadata",
    Kind.WARCINFO: "warcinfo",
    Kind.ATTEMPT: "metadata",  # what failed has no record type of its own (ISO 28500 clause 6)
}
_OWN: Final = frozenset(
    name.lower()
    for name in (
        "WARC-Type", "WARC-Record-ID", "WARC-Date", "WARC-Target-URI",
        "WARC-Block-Digest", "Content-Type", "Content-Length",
    )
)  # fmt: skip

_PACKED_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"})
_PACKED_FAMILIES: Final = frozenset({"audio", "image", "video"})
_LOOSE_MEDIA: Final = frozenset(
    {
        "audio/aiff", "audio/basic", "audio/midi", "audio/wav", "audio/wave", "audio/x-aiff", "audio/x-wav",
        "audio/mpegurl", "audio/x-mpegurl", "audio/vnd.wave",
        "image/bmp", "image/svg+xml", "image/tiff", "image/vnd.microsoft.icon", "image/x-icon", "image/x-ms-bmp",
        "video/vnd.mpeg.dash.mpd", "video/x-mpegurl",
    }
)  # fmt: skip
_PACKED_TYPES: Final = frozenset(
    {
        "application/epub+zip", "application/gzip", "application/java-archive", "application/mp4", "application/ogg",
        "application/pdf", "application/vnd.rar", "application/x-7z-compressed", "application/x-bzip2",
        "application/x-gzip", "application/x-rar-compressed", "application/x-xz", "application/zip",
        "application/zstd", "font/woff", "font/woff2", "application/font-woff", "application/font-woff2",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    }
)  # fmt: skip


def already_compressed(media_type: str, content_encoding: str = "") -> bool:
    """Say whether a body that its server calls so would gain nothing from gzip.

    Only where bytes are stored depends on it: what a server says wrongly costs space or time, never content.
    """
    codings = {coding.strip().lower() for coding in content_encoding.split(",")}
    if codings & _PACKED_CODINGS:
        return True
    media = media_type.partition(";")[0].strip().lower()
    if media in _LOOSE_MEDIA:
        return False
    return media in _PACKED_TYPES or media.partition("/")[0] in _PACKED_FAMILIES


class Growing(Protocol):
    """The file that records are appended to, as :class:`muniment.durable.Appending` is one."""

    @property
    def final(self) -> Path:
        """The path that the file will have when it is finished."""

    @property
    def size(self) -> int:
        """The octets that it holds."""

    def write(self, content: bytes | memoryview, /) -> int:
        """Append all of *content* or raise StoreError."""

    def cut(self, size: int, /) -> None:
        """Go back to *size* octets."""

    def sync(self) -> None:
        """Return when everything is on the disk."""

    def finish(self) -> None:
        """Sync the file, give it its final name, close it."""

    def close(self) -> None:
        """Let go of the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to be written.

    ``record_id`` is a URI (``urn:uuid:…``), ``date`` aware, ``block`` a seekable spool whose octets from position 0
    are exactly the block, ``size`` of them, with ``digest``, which whoever filled the spool took while they passed.
    ``fields`` are further WARC fields in order. ``stored`` keeps a block that is compressed already as it is.
    """

    kind: Kind
    record_id: str
    date: datetime
    block: BinaryIO
    size: int
    digest: Digest
    url: str = ""
    content_type: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A record as it was written: its entry, where it lies, and the digest of all octets that its member inflates to.

    Written is not yet on the disk: see :meth:`Writer.sync`.
    """

    entry: Entry
    position: Position
    record: Digest

    @property
    def record_id(self) -> str:
        """The record's identifier, without angle brackets."""
        return self.entry.record_id


def _header(entry: Entry) -> bytes:
    """Return the octets of the header of *entry* with its empty line; FormatError when the standard forbids them."""
    where = f"record {entry.record_id} for {entry.url!r}" if entry.url else f"record {entry.record_id}"
    if entry.kind not in _TYPES:
        raise FormatError(where, expected="a kind that is a WARC record", found=entry.kind)
    if entry.date.tzinfo is None:
        raise FormatError(where, expected="a WARC-Date with its time zone", found=entry.date.isoformat())
    for name, value in entry.fields:
        if name.lower() in _OWN:
            raise FormatError(where, expected=f"{name} only once, by the writer", found=repr(value[:80]))
    fields = [
        ("WARC-Type", _TYPES[entry.kind]),
        ("WARC-Record-ID", f"<{entry.record_id}>"),
        ("WARC-Date", entry.date.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")),
        *([("WARC-Target-URI", entry.url)] if entry.url else []),
        *entry.fields,
        ("WARC-Block-Digest", str(entry.digest)),
        *([("Content-Type", entry.content_type)] if entry.content_type else []),
        ("Content-Length", str(entry.size)),
    ]
    head = writable(tuple(fields), where)
    octets: bytes = StatusAndHeaders("", list(head.fields), protocol=f"WARC/{VERSION}").to_bytes(encoding="utf-8")
    if len(octets) > HEAD_LIMIT:
        raise FormatError(where, expected="a WARC header of at most 1 MiB", found=f"{len(octets)} octets")
    return octets


class Writer:
    """The WARC files of one capture, from number 0, each begun with its warcinfo record.

    *open_file* makes file number n when it is needed. *warcinfo* gives the first record of the file of that name. A
    file that holds *roll_at* octets, or would with what comes next, is followed by another; entries that alone are
    larger get a file of their own, so that nothing is ever split.
    """

    def __init__(
        self, open_file: Callable[[int], Growing], warcinfo: Callable[[str], Entry], roll_at: int = 10**9
    ) -> None:
        self._open_file = open_file
        self._warcinfo = warcinfo
        self._roll_at = roll_at
        self._files: list[Growing] = []
        self._full = True
        self._doubtful = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The final paths of the files that hold records, in order."""
        return tuple(file.final for file in self._files if file.size)

    def write(self, entries: Sequence[Entry]) -> list[Written]:
        """Append *entries*, which belong together, to one file, and say where they lie.

        Where this begins a file, the warcinfo record comes first in the list: it is a record like the others. Every
        header is checked (FormatError) before an octet is written. After any failure the file is as it was; a disk
        that refuses, or a block that is not what its entry says, is a StoreError.
        """
        self._refuse_in_doubt()
        heads = [_header(entry) for entry in entries]
        # Uncompressed: what text will come to is not known before it is written, and must not pass the limit.
        size = sum(len(head) + _bound(entry.size) for entry, head in zip(entries, heads, strict=True))
        file = self._room(size)
        group = list(zip(entries, heads, strict=True))
        if not file.size:
            first = self._warcinfo(file.final.name)
            group.insert(0, (first, _header(first)))
        start = file.size
        whole = False
        try:
            written = [_written(file, entry, head) for entry, head in group]
            whole = True
        finally:
            if not whole:
                with self._once_only():
                    file.cut(start)
        self._full = size > self._roll_at or file.size >= self._roll_at
        return written

    def _room(self, size: int) -> Growing:
        if self._files and not self._files[-1].size:
            return self._files[-1]
        if self._full or self._files[-1].size + size > self._roll_at:
            # What is full is synced now and named with the others: a capture's files become final together.
            self.sync()
            self._files.append(self._open_file(len(self._files)))
            self._full = False
        return self._files[-1]

    def sync(self) -> None:
        """Return when everything that was written is on the disk."""
        self._refuse_in_doubt()
        with self._once_only():
            for file in self._files[-1:]:
                file.sync()

    def finish(self) -> None:
        """Give every file its final name, for good; one that a failure left without a record is only closed."""
        self._refuse_in_doubt()
        with self._once_only():
            for file in self._files:
                if file.size:
                    file.finish()
                else:
                    file.close()

    def close(self) -> None:
        """Let go of the files as they are, under the names that they have while they grow."""
        for file in self._files:
            file.close()

    @contextlib.contextmanager
    def _once_only(self) -> Iterator[None]:
        # After a failed fsync the kernel may call lost pages clean, after a failed cut a torn record is there: a
        # second try that succeeds would prove nothing, so what fails in here is never tried again.
        self._doubtful = True
        yield
        self._doubtful = False

    def _refuse_in_doubt(self) -> None:
        if self._doubtful:
            what = "could not be synced or cut back before and is left as it is; `muniment recover` keeps what is whole"
            raise StoreError(self._files[-1].final, what)


def _written(file: Growing, entry: Entry, head: bytes) -> Written:
    offset = file.size
    member = verbatim() if entry.stored else deflated()
    stored, record = Digester(), Digester()

    def store(octets: bytes) -> None:
        if octets:
            stored.update(octets)
            file.write(octets)

    def add(chunk: bytes) -> None:
        record.update(chunk)
        store(member.compress(chunk))

    add(head)
    for chunk in _block(entry):
        add(chunk)
    add(b"\r\n\r\n")
    store(member.flush())
    return Written(entry, Position(file.final.name, offset, stored.size, stored.digest()), record.digest())


def _bound(size: int) -> int:
    # RFC 1951 3.2.4: five octets for each stored block, of 65,535 at most; a member's frame and two empty lines.
    return size + size // 8192 + 64


def _block(entry: Entry) -> Iterator[bytes]:
    """Give the block of *entry* in pieces; StoreError when it turns out to be another than the entry says."""
    where = f"spool of record {entry.record_id}"
    digester = Digester()
    try:
        entry.block.seek(0)
        while chunk := entry.block.read(CHUNK):
            digester.update(chunk)
            if digester.size > entry.size:
                break
            yield chunk
    except OSError as failure:
        raise StoreError(where, f"could not be read: {failure.strerror or failure}") from failure
    if digester.size != entry.size or digester.digest() != entry.digest:
        what = f"{entry.size} octets with {entry.digest}"
        raise StoreError(where, f"no longer holds what was received: expected {what}, found {digester.digest()}")
