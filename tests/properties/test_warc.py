"""Properties of records: whatever goes in comes out, and whatever is read is a record or a FormatError."""

import contextlib
import gzip
import io
import random
from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.model import Kind
from muniment.warc import reader
from muniment.warc.fields import RULES, checked, parse
from muniment.warc.reader import Sink
from muniment.warc.writer import Entry
from warc_entries import Trickle, entry, every_kind, record_id, stored

KINDS = st.sampled_from([kind for kind in Kind if kind not in {Kind.CAPTURE, Kind.WARCINFO}])
NAMES = st.from_regex(r"X-[!#$%&'*+\-.0-9A-Z^_`a-z|~]{1,20}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60).map(str.strip)
URLS = st.from_regex(r"https?://[a-z]{1,9}\.example/[!-~]{0,60}", fullmatch=True)
FIELDS = st.lists(st.tuples(NAMES, TEXTS), max_size=6).map(tuple)
BLOCKS = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(), st.integers(0, 600_000)),  # noqa: S311
    st.builds(lambda piece, times: piece * times, st.binary(min_size=1, max_size=9), st.integers(0, 90_000)),
)

WARC, WRITTEN = stored(every_kind())
PLAIN = gzip.decompress(WARC)


ENTRIES = st.builds(
    entry,
    BLOCKS,
    fields=FIELDS,
    kind=KINDS,
    url=URLS,
    stored=st.booleans(),
    date=st.datetimes(timezones=st.just(UTC)),
)


@given(ENTRIES)
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_read_again(sent: Entry) -> None:
    block = sent.block.read()
    content, (_, wrote) = stored([sent])
    taken = bytearray()

    def into(_: object) -> Sink:
        taken.clear()
        return taken.extend

    _, read = reader.walk(io.BytesIO(content), file=wrote.position.file, into=into)
    assert bytes(taken) == block
    assert (read.position, read.record, read.block, read.size) == (
        wrote.position,
        wrote.record,
        sent.digest,
        len(block),
    )
    assert read.head.fields[4:-3] == sent.fields
    assert (read.head.target_uri, read.head.record_id, read.head.date) == (sent.url, record_id(1), sent.date)


@given(st.binary(min_size=1, max_size=2000), st.sampled_from([b"", b"WARC/1.1\r\n", b"\x1f\x8b\x08\x00", WARC, PLAIN]))
@settings(max_examples=600, deadline=None)
def test_walking_anything_gives_records_or_a_format_error(noise: bytes, begin: bytes) -> None:
    with contextlib.suppress(FormatError):
        list(reader.walk(io.BytesIO(begin + noise), file="c"))
        assert not noise


HEADERS = st.one_of(
    st.sampled_from(["WARC/1.1", "\r\n", ": ", "\r\n\r\n", "\n", "\r", " ", "\t", "\0", "<urn:x:1>", "5", "resource"]),
    st.sampled_from([rule.name for rule in RULES]),
    st.text(max_size=8),
)


@given(st.lists(HEADERS, max_size=40).map("".join))
@settings(max_examples=600, deadline=None)
def test_any_header_is_read_or_refused_by_a_format_error(text: str) -> None:
    octets = f"WARC/1.1\r\n{text}\r\n\r\n".encode()
    with contextlib.suppress(FormatError):
        head = checked(parse(octets, "here"), "here")
        assert head.length >= 0
        assert head.date.tzinfo is not None


@given(st.sampled_from([WARC, PLAIN]), st.data())
@settings(max_examples=400, deadline=None)
def test_a_mutated_file_gives_the_same_records_up_to_where_it_differs(content: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    removed = data.draw(st.integers(0, 40))
    mutated = content[:place] + data.draw(st.binary(max_size=40)) + content[place + removed :]
    read: list[reader.RecordRead] = []
    with contextlib.suppress(FormatError):
        read.extend(reader.walk(io.BytesIO(mutated), file="c"))
    before = [each for each in reader.walk(io.BytesIO(content), file="c") if _end(each) <= place]
    assert read[: len(before)] == before


def _end(read: reader.RecordRead) -> int:
    return read.position.offset + read.position.length


@given(st.integers(1, 400), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_how_a_stream_is_chopped_changes_nothing(step: int, other: int) -> None:
    first = list(reader.walk(Trickle(WARC, step), file="c"))
    assert first == list(reader.walk(Trickle(WARC, other), file="c"))
    assert [read.record for read in first] == [each.record for each in WRITTEN]


@given(st.integers(0, len(WARC) * 8 - 1))
@settings(max_examples=400, deadline=None)
def test_no_bit_of_a_sealed_file_can_be_flipped_unseen(bit: int) -> None:
    damaged = bytearray(WARC)
    damaged[bit // 8] ^= 1 << bit % 8
    stream = io.BytesIO(damaged)
    seen = []
    for each in WRITTEN:
        offset, length = each.position.offset, each.position.length
        try:
            read = reader.record_at(stream, offset, length, file=each.position.file)
        except FormatError:
            seen.append(offset)
        else:
            seen += [offset] if read.position != each.position else []
    assert seen == [
        each.position.offset for each in WRITTEN if 0 <= bit // 8 - each.position.offset < each.position.length
    ]


@given(BLOCKS)
@settings(max_examples=40, deadline=None)
def test_a_stored_member_is_what_any_gzip_reads(block: bytes) -> None:
    content, written = stored([entry(block, stored=True)])
    inflated = gzip.decompress(content[written[1].position.offset :])
    assert Digest.of_bytes(inflated) == written[1].record
    assert inflated.endswith(block + b"\r\n\r\n")
