"""The writer: blocks untouched, fields refused, files rolled, failures without trace."""

import gzip
import io
import stat
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from muniment import durable
from muniment.digest import Digest
from muniment.errors import StoreError
from muniment.warc import reader
from muniment.warc.writer import Entry, Writer, already_compressed
from warc_entries import DATE, ODD_MESSAGES, Disk, entry, every_kind, record_id, stored, warcinfo


def blocks(content: bytes) -> list[bytes]:
    """Return every block of the WARC file *content*, by the reader."""
    taken: list[bytearray] = []

    def into(_: object) -> reader.Sink:
        taken.append(bytearray())
        return taken[-1].extend

    list(reader.walk(io.BytesIO(content), file="c.warc.gz", into=into))
    return [bytes(each) for each in taken]


@pytest.mark.parametrize("storing", [False, True], ids=["compressed", "stored"])
@pytest.mark.parametrize("message", ODD_MESSAGES.values(), ids=ODD_MESSAGES.keys())
def test_a_block_is_kept_to_the_octet(message: bytes, storing: bool) -> None:  # noqa: FBT001
    content, written = stored([entry(message, stored=storing)])
    assert blocks(content)[1] == message
    member = content[written[1].position.offset :]
    assert gzip.decompress(member).endswith(b"\r\n\r\n" + message + b"\r\n\r\n")


def test_the_digests_of_what_was_written_are_those_of_the_file() -> None:
    content, written = stored(every_kind())
    end = 0
    for each in written:
        offset, length = each.position.offset, each.position.length
        member = content[offset : offset + length]
        assert offset == end
        assert Digest.of_bytes(member) == each.position.member
        assert Digest.of_bytes(gzip.decompress(member)) == each.record
        end = offset + length
    assert end == len(content)


def test_the_header_is_the_one_that_the_standard_asks_for() -> None:
    content, _ = stored([entry(b"x", fields=(("WARC-Protocol", "h2"), ("WARC-Protocol", "tls/1.3")))])
    second = zlib.decompressobj(31)
    second.decompress(content)
    assert gzip.decompress(second.unused_data).split(b"\r\n\r\n")[0].decode().split("\r\n") == [
        "WARC/1.1",
        "WARC-Type: response",
        f"WARC-Record-ID: <{record_id(1)}>",
        "WARC-Date: 2024-12-10T09:30:12.000001Z",
        "WARC-Target-URI: https://courier.example/article?id=1&p=a|b",
        "WARC-Protocol: h2",
        "WARC-Protocol: tls/1.3",
        "WARC-Block-Digest: sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "Content-Type: application/http; msgtype=response",
        "Content-Length: 1",
    ]


@pytest.mark.parametrize("storing", [False, True], ids=["compressed", "stored"])
def test_a_gzip_header_holds_no_flag_and_no_time_and_equal_records_equal_members(storing: bool) -> None:  # noqa: FBT001
    first, written = stored([entry(b"same" * 999, stored=storing)])
    again, _ = stored([entry(b"same" * 999, stored=storing)])
    assert first == again
    assert all(first[each.position.offset :][:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff" for each in written)


class Shelf:
    """The files that a writer opened, in memory."""

    def __init__(self) -> None:
        self.disks: list[Disk] = []

    def open(self, number: int) -> Disk:
        assert number == len(self.disks)
        self.disks.append(Disk(f"c-{number:05d}.warc.gz"))
        return self.disks[-1]

    def ids(self) -> list[list[str]]:
        """Return the record ids of every file."""
        files = [reader.walk(io.BytesIO(disk.content), file=disk.final.name) for disk in self.disks]
        return [[read.head.record_id for read in file] for file in files]


def numbered(number: int, size: int = 400) -> Entry:
    """Return record *number* with a block that no compressor makes smaller."""
    return entry(bytes(size), record_id=record_id(number), stored=True)


def test_a_file_that_would_pass_the_limit_is_followed_by_another_that_begins_with_warcinfo() -> None:
    shelf = Shelf()
    writer = Writer(shelf.open, warcinfo, roll_at=3000)
    for number in range(1, 6):
        writer.write([numbered(number)])
    assert shelf.ids() == [[record_id(n) for n in each] for each in ([0, 1, 2, 3], [0, 4, 5])]
    assert all(disk.size <= 3000 for disk in shelf.disks)


def test_entries_that_belong_together_are_never_divided() -> None:
    shelf = Shelf()
    writer = Writer(shelf.open, warcinfo, roll_at=3000)
    writer.write([numbered(1)])
    writer.write([numbered(n) for n in (2, 3, 4)])
    assert shelf.ids() == [[record_id(n) for n in each] for each in ([0, 1], [0, 2, 3, 4])]


@pytest.mark.parametrize("storing", [False, True], ids=["compressed", "stored"])
def test_a_record_larger_than_the_limit_has_a_file_of_its_own(storing: bool) -> None:  # noqa: FBT001
    shelf = Shelf()
    writer = Writer(shelf.open, warcinfo, roll_at=3000)
    for each in (numbered(1), replace(numbered(2, 100_000), stored=storing), numbered(3)):
        writer.write([each])
    assert shelf.ids() == [[record_id(0), record_id(n)] for n in (1, 2, 3)]


def test_the_warcinfo_record_is_reported_with_what_began_its_file() -> None:
    shelf = Shelf()
    writer = Writer(shelf.open, warcinfo, roll_at=1500)
    told = [[each.record_id for each in writer.write([numbered(n)])] for n in (1, 2)]
    assert told == [[record_id(0), record_id(1)], [record_id(0), record_id(2)]]
    assert writer.files == (Path("c-00000.warc.gz"), Path("c-00001.warc.gz"))


def test_files_become_final_together_and_a_full_one_is_synced_at_once() -> None:
    shelf = Shelf()
    writer = Writer(shelf.open, warcinfo, roll_at=1500)
    writer.write([numbered(1)])
    writer.write([numbered(2)])
    assert [disk.state for disk in shelf.disks] == ["synced", "open"]
    writer.finish()
    assert [disk.state for disk in shelf.disks] == ["finished", "finished"]


@pytest.mark.parametrize("persisted", [False, True], ids=["lost", "kept-all-the-same"])
@pytest.mark.parametrize("first", [True, False], ids=["first-group", "later-group"])
def test_whichever_write_the_disk_refuses_the_file_is_as_before_and_goes_on(first: bool, persisted: bool) -> None:  # noqa: FBT001
    total = Disk()
    Writer(lambda _: total, warcinfo).write(every_kind())
    for nth in range(1, total.writes + 1):
        disk = Disk(persisted=persisted)
        writer = Writer(lambda _, disk=disk: disk, warcinfo)  # type: ignore[misc]
        if not first:
            writer.write([numbered(9)])
        before = bytes(disk.content)
        disk.refused, disk.writes = nth, 0
        if not first and nth > total.writes - 3:  # without a warcinfo record there are fewer writes
            continue
        with pytest.raises(StoreError, match="No space left"):
            writer.write(every_kind())
        assert bytes(disk.content) == before
        disk.refused = 0
        writer.write(every_kind())
        ids = [read.head.record_id for read in reader.walk(io.BytesIO(disk.content), file="c")]
        assert ids == [record_id(n) for n in ([0] if first else [0, 9])] + [record_id(n) for n in range(1, 7)]


def test_nothing_is_added_behind_a_torn_record_that_could_not_be_cut_off() -> None:
    disk = Disk()
    writer = Writer(lambda _: disk, warcinfo)
    writer.write([numbered(1)])
    disk.refused, disk.writes, disk.cuts, disk.persisted = 1, 0, False, True
    with pytest.raises(StoreError, match="cut back"):
        writer.write([numbered(2)])
    held = bytes(disk.content)
    disk.cuts = True
    with pytest.raises(StoreError, match="muniment recover"):
        writer.write([numbered(3)])
    assert bytes(disk.content) == held


class Unsynced(Disk):
    """A disk whose first sync fails and whose second would not, as fsync(2) warns."""

    syncs = 0

    def sync(self) -> None:
        self.syncs += 1
        if self.syncs == 1:
            raise StoreError(self.final, "could not sync: Input/output error")


def test_a_failed_sync_is_final() -> None:
    disk = Unsynced()
    writer = Writer(lambda _: disk, warcinfo)
    writer.write([numbered(1)])
    with pytest.raises(StoreError, match="could not sync"):
        writer.sync()
    for attempt in (writer.sync, writer.finish, lambda: writer.write([numbered(2)])):
        with pytest.raises(StoreError, match="muniment recover"):
            attempt()
    assert (disk.syncs, disk.state) == (1, "open")


@pytest.mark.parametrize(
    "kept", [b"HTTP", b"HTTP/1.1 200 OK and more", b"HTTP/1.1 200 0K"], ids=["less", "more", "other"]
)
def test_a_spool_that_no_longer_holds_what_was_received_stops_the_write(kept: bytes) -> None:
    disk = Disk()
    received = entry(b"HTTP/1.1 200 OK")
    with pytest.raises(StoreError, match="no longer holds what was received"):
        Writer(lambda _: disk, warcinfo).write([entry(), replace(received, block=io.BytesIO(kept))])
    assert disk.size == 0


@pytest.mark.parametrize("size", [3, 5])
def test_an_entry_whose_length_is_not_that_of_its_block_stops_the_write(size: int) -> None:
    disk = Disk()
    with pytest.raises(StoreError, match="no longer holds what was received"):
        Writer(lambda _: disk, warcinfo).write([replace(entry(b"four"), size=size)])
    assert disk.size == 0


class Endless(io.BytesIO):
    """A spool that never ends, and says so to whoever reads on."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        assert self.reads < 5, "read on behind the length that the entry has"
        return bytes(size or 0)


def test_no_more_is_read_of_a_spool_than_shows_that_it_is_too_long() -> None:
    with pytest.raises(StoreError, match="no longer holds what was received"):
        Writer(lambda _: Disk(), warcinfo).write([replace(entry(), block=Endless())])


class Broken(io.BytesIO):
    """A spool that raises *failure* when it is read."""

    failure: BaseException = OSError(5, "Input/output error")

    def read(self, _: int | None = -1, /) -> bytes:
        raise self.failure


def test_a_spool_that_cannot_be_read_stops_the_write_without_trace() -> None:
    disk = Disk()
    with pytest.raises(StoreError, match="Input/output error"):
        Writer(lambda _: disk, warcinfo).write([replace(entry(), block=Broken())])
    assert disk.size == 0


def test_an_interruption_leaves_no_half_record() -> None:
    disk = Disk()
    spool = Broken()
    spool.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        Writer(lambda _: disk, warcinfo).write([entry(), replace(entry(), block=spool)])
    assert disk.size == 0


def test_compressed_media_lie_in_the_file_as_they_are() -> None:
    media = b"".join(Digest.of_bytes(bytes([n])).value for n in range(256)) * 20
    content, _ = stored([entry(media, stored=True)])
    assert media[:60_000] in content
    assert len(content) < len(media) + 1000


def test_text_is_compressed() -> None:
    text = b"<p>The same sentence, again and again.</p>" * 1000
    content, _ = stored([entry(text)])
    assert len(content) < len(text) / 4


class Zeros(io.RawIOBase):
    """A spool of *size* zeros that are nowhere."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = self.left = size

    def seek(self, offset: int, _: int = 0, /) -> int:
        self.left = self.size - offset
        return offset

    def read(self, size: int = -1, /) -> bytes:
        given = min(size, self.left)
        self.left -= given
        return bytes(given)


class Counting(Disk):
    """A disk that keeps nothing."""

    length = 0

    @property
    def size(self) -> int:
        return self.length

    def write(self, content: bytes | memoryview, /) -> int:
        self.length += len(content)
        return len(content)


@pytest.mark.parametrize("storing", [False, True], ids=["compressed", "stored"])
def test_a_large_block_costs_a_buffer(storing: bool) -> None:  # noqa: FBT001
    size = 64 << 20
    zeros = Zeros(size)
    digest = Digest.of(iter(lambda: zeros.read(1 << 20), b""))
    large = replace(entry(stored=storing), block=cast("BinaryIO", zeros), size=size, digest=digest)
    tracemalloc.start()
    Writer(lambda _: Counting(), warcinfo).write([large])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_on_a_real_disk_the_file_is_named_when_it_is_finished_and_then_read_only(tmp_path: Path) -> None:
    path = tmp_path / "c-00000.warc.gz"
    writer = Writer(lambda _: durable.Appending(path, ".open"), warcinfo)
    written = writer.write(every_kind())
    writer.sync()
    assert not path.exists()
    writer.finish()
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    with durable.opened(path) as file:
        read = list(reader.walk(file, file=path.name))
    assert [(each.position, each.record) for each in read] == [(each.position, each.record) for each in written]
    assert {each.head.date for each in read} == {DATE}


@pytest.mark.parametrize(
    ("media_type", "content_encoding", "expected"),
    [
        ("video/mp4", "", True),
        ("image/JPEG; q=1", "", True),
        ("image/svg+xml", "", False),
        ("audio/mpeg", "", True),
        ("audio/wav", "", False),
        ("application/pdf", "", True),
        ("application/vnd.apple.mpegurl", "", False),
        ("font/woff2", "", True),
        ("font/ttf", "", False),
        ("text/html", "", False),
        ("text/html; charset=utf-8", "br", True),
        ("text/html", "identity, GZIP", True),
        ("text/html", "identity", False),
        ("", "", False),
    ],
)
def test_what_is_already_compressed_is_known_by_type_and_coding(
    media_type: str,
    content_encoding: str,
    expected: bool,  # noqa: FBT001
) -> None:
    assert already_compressed(media_type, content_encoding) is expected
