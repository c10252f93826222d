"""The reader: what is whole is read to the octet, what is damaged is named and placed."""

import gzip
import io
import re
import struct
import tracemalloc
import zlib
from dataclasses import replace

import pytest

from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, StoreError
from muniment.model import Position
from muniment.warc import reader
from muniment.warc.fields import Head
from muniment.warc.reader import RecordRead, Sink
from warc_entries import URL, Trickle, entry, every_kind, record, record_id, stored, walked

WARC, WRITTEN = stored(every_kind())
PLAIN = gzip.decompress(WARC)
LAST = WRITTEN[-1].position


def at(content: bytes, offset: int = 0, length: int | None = None) -> RecordRead:
    """Return the record in the range of *content* from *offset*, by default to the end."""
    return reader.record_at(io.BytesIO(content), offset, length or len(content) - offset, file="c.warc.gz")


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_every_record_is_read_where_the_writer_says_it_lies(step: int) -> None:
    stream = Trickle(WARC, step)
    for each, sent in zip(WRITTEN, every_kind(), strict=False):
        read = reader.record_at(stream, each.position.offset, each.position.length, file=each.position.file)
        assert (read.position, read.record, read.block) == (each.position, each.record, each.entry.digest)
        assert read.head.record_id == each.record_id
        assert sent.date == read.head.date


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("content", [WARC, PLAIN], ids=["compressed", "plain"])
def test_walking_tiles_the_file_and_finds_the_same_records(content: bytes, step: int) -> None:
    end = 0
    read = list(reader.walk(Trickle(content, step), file="c"))
    for each, wrote in zip(read, WRITTEN, strict=True):
        lies = each.position
        assert lies.offset == end
        assert lies.member == Digest.of_bytes(content[lies.offset : lies.offset + lies.length])
        assert (each.record, each.block, each.size) == (wrote.record, wrote.entry.digest, wrote.entry.size)
        end = lies.offset + lies.length
    assert end == len(content)


def test_fields_are_given_in_their_order_with_repeats() -> None:
    head = at(WARC, WRITTEN[1].position.offset, WRITTEN[1].position.length).head
    assert [name for name, _ in head.fields][:4] == ["WARC-Type", "WARC-Record-ID", "WARC-Date", "WARC-Target-URI"]
    assert head.values("warc-protocol") == ("http/1.1", "tls/1.3")
    assert (head.version, head.type, head.target_uri, head.value("X-None")) == ("1.1", "response", URL, "")


def test_a_block_streams_past_the_caller_in_the_same_pass() -> None:
    heads: list[Head] = []
    taken = bytearray()

    def into(head: Head) -> Sink:
        heads.append(head)
        return taken.extend

    lies = WRITTEN[1].position
    reader.record_at(io.BytesIO(WARC), lies.offset, lies.length, file="c", into=into)
    assert bytes(taken) == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    assert [head.record_id for head in heads] == [record_id(1)]


@pytest.mark.parametrize("content", [WARC, PLAIN], ids=["compressed", "plain"])
def test_a_file_cut_anywhere_gives_the_records_before_the_cut_and_names_the_first_that_is_not_whole(
    content: bytes,
) -> None:
    ends = [read.position.offset + read.position.length for read in walked(content)]
    for cut in range(len(content)):
        whole = [end for end in ends if end <= cut]
        found = reader.walk(io.BytesIO(content[:cut]), file="c.warc")
        assert [next(found).position.offset for _ in whole] == [0, *whole][: len(whole)]
        if cut in ends:
            assert not list(found)
            continue
        with pytest.raises(FormatError) as raised:
            next(found)
        assert raised.value.where == f"c.warc at {([0, *whole])[-1]}"


def test_a_file_cut_anywhere_lacks_a_record_that_was_sealed() -> None:
    def read_all(content: bytes) -> list[RecordRead]:
        return [at(content, each.position.offset, each.position.length) for each in WRITTEN]

    assert len(read_all(WARC)) == len(WRITTEN)
    for cut in range(len(WARC)):
        with pytest.raises(FormatError):
            read_all(WARC[:cut])


def test_every_single_bit_flip_is_placed_by_the_sealed_digests() -> None:
    lies, sealed = WRITTEN[1].position, WRITTEN[1]
    unchanged = 0
    for bit in range(lies.length * 8):
        damaged = bytearray(WARC)
        damaged[lies.offset + bit // 8] ^= 1 << bit % 8
        try:
            read = at(bytes(damaged), lies.offset, lies.length)
        except FormatError:
            continue
        assert read.position.member != sealed.position.member
        unchanged += read.record == sealed.record
    # Some flips, in gzip's header, leave every inflated octet as it was: the reason for the member's digest.
    assert unchanged > 0


def test_records_behind_a_damaged_one_are_still_read_by_their_positions() -> None:
    damaged = bytearray(WARC)
    damaged[WRITTEN[1].position.offset + 60] ^= 255
    stream = io.BytesIO(damaged)
    with pytest.raises(FormatError, match=f"at {WRITTEN[1].position.offset}"):
        reader.record_at(stream, WRITTEN[1].position.offset, WRITTEN[1].position.length, file="c")
    assert stream.tell() == WRITTEN[2].position.offset
    read = reader.record_at(stream, WRITTEN[2].position.offset, WRITTEN[2].position.length, file="c")
    assert read.record == WRITTEN[2].record


class Once(io.BytesIO):
    """A stream that keeps what was read of it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.seen = bytearray()

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self.seen += chunk
        return chunk


@pytest.mark.parametrize("spoil", [b"", b"\x1f\x8b", b"\0" * 700_000, WARC])
def test_a_range_is_read_once_to_its_end_whatever_it_holds(spoil: bytes) -> None:
    stream = Once(spoil + WARC + spoil)
    with pytest.raises(FormatError):
        reader.record_at(stream, 0, len(spoil + WARC + spoil), file="c")
    assert bytes(stream.seen) == spoil + WARC + spoil


MEMBER = WARC[LAST.offset :]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (MEMBER[:-1], "a torn one"),
        (MEMBER[:40], "a torn one"),
        (MEMBER[:1], "a torn one"),
        (MEMBER + b"monkeys", "trailing garbage: 7 octets"),
        (MEMBER + b"\0", "trailing garbage: 1 octets"),
        (MEMBER + MEMBER, f"another gzip member: {len(MEMBER)} octets"),
        (b"monkeys" * 9, "no gzip member but b'monkeysm'"),
        (PLAIN, "no gzip member but b'WARC/1.1'"),
        (MEMBER[:-8] + b"\0\0\0\0" + MEMBER[-4:], "a damaged one"),
        (MEMBER[:-4] + b"\0\0\0\0", "a damaged one"),
        (gzip.compress(b"", mtime=0), "its end after 0 octets"),
        (gzip.compress(record() + b"x", mtime=0), "more octets behind it"),
        (gzip.compress(record() + record(), mtime=0), "more octets behind it"),
        (gzip.compress(record()[:-1], mtime=0), r"b'\\r\\n\\r'"),
        (gzip.compress(record(block=b"hello")[:-9], mtime=0), "its end 5 octets too early"),
        (gzip.compress(record()[:30], mtime=0), "its end after 30 octets"),
    ],
)
def test_what_is_wrong_with_a_member_is_named(content: bytes, found: str) -> None:
    with pytest.raises(FormatError) as raised:
        at(content)
    assert re.search(found.replace("(", r"\("), raised.value.found) or found in raised.value.found
    assert raised.value.where == "c.warc.gz at 0"


def test_a_range_beyond_the_end_of_the_file_is_named() -> None:
    with pytest.raises(FormatError, match="the end of the file 9 too early"):
        at(MEMBER, 0, len(MEMBER) + 9)
    with pytest.raises(FormatError, match="ends after 0 octets, 5 octets before the range does"):
        at(MEMBER, 2 * len(MEMBER), 5)
    with pytest.raises(FormatError, match="a range within the file"):
        reader.record_at(io.BytesIO(MEMBER), -1, 5, file="c")


def test_a_member_that_was_compressed_again_keeps_its_record_but_not_its_member() -> None:
    again = gzip.compress(gzip.decompress(MEMBER))
    read = at(again)
    assert read.record == WRITTEN[-1].record
    assert read.position.member == Digest.of_bytes(again) != LAST.member


def test_a_gzip_header_with_every_field_that_rfc_1952_allows_is_read() -> None:
    bare = zlib.compressobj(6, zlib.DEFLATED, -15)
    plain = record(block=b"x")
    begin = b"\x1f\x8b\x08\x1e" + struct.pack("<IBB", 1733823012, 2, 3) + b"\x04\x00sl\x00\x00" + b"name\0comment\0"
    begin += struct.pack("<H", zlib.crc32(begin) & 0xFFFF)
    end = struct.pack("<II", zlib.crc32(plain), len(plain))
    assert at(begin + bare.compress(plain) + bare.flush() + end).size == 1


def test_a_bomb_is_refused_at_its_first_surplus_piece() -> None:
    bomb = gzip.compress(record(block=b"x") + bytes(200 << 20), 9)
    tracemalloc.start()
    with pytest.raises(FormatError, match="more octets behind it"):
        at(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_large_block_costs_a_buffer() -> None:
    content = gzip.compress(record(block=bytes(64 << 20)), 1)
    tracemalloc.start()
    assert at(content).size == 64 << 20
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_block_is_taken_out_to_where_its_spool_stood() -> None:
    spool = io.BytesIO(b"before")
    spool.seek(6)
    read = reader.block(io.BytesIO(WARC), LAST, spool)
    assert spool.read() == b"muxed"
    assert read.head.type == "conversion"


def test_a_block_goes_whole_to_a_spool_that_takes_a_little_at_a_time() -> None:
    class Sipping(io.BytesIO):
        def write(self, content: bytes | memoryview, /) -> int:  # type: ignore[override]
            return super().write(content[:3])

    spool = Sipping()
    reader.block(io.BytesIO(WARC), LAST, spool)
    assert spool.read() == b"muxed"


def test_a_block_of_another_member_than_the_named_one_is_refused() -> None:
    other = replace(LAST, member=Digest.of_bytes(b""))
    with pytest.raises(DigestMismatch, match=f"{LAST.file} at {LAST.offset}"):
        reader.block(io.BytesIO(WARC), other, io.BytesIO())


def test_a_disk_that_cannot_be_read_is_no_damaged_record() -> None:
    class Failing(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    for attempt in (
        lambda: list(reader.walk(Failing(WARC), file="c.warc.gz")),
        lambda: reader.record_at(Failing(WARC), 0, 5, file="c.warc.gz"),
    ):
        with pytest.raises(StoreError, match=r"c\.warc\.gz: could not be read: Input/output error"):
            attempt()


def test_a_spool_that_cannot_be_written_is_no_damaged_record() -> None:
    class Full(io.BytesIO):
        def write(self, _: bytes | memoryview, /) -> int:  # type: ignore[override]
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        reader.block(io.BytesIO(WARC), LAST, Full())


def test_a_position_is_the_one_that_the_writer_gave() -> None:
    (read,) = walked(stored([entry()])[0])[1:]
    (_, wrote) = stored([entry()])[1]
    assert read.position == Position("c.warc", wrote.position.offset, wrote.position.length, wrote.position.member)
