import gzip
import hashlib
import io
import tracemalloc
import zlib
from collections import deque
from functools import reduce

import brotlicffi
import pytest
import zstandard

import bombs
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.message.chunked import Chunked, End
from muniment.message.coding import decoded
from muniment.message.entity import content, measure, payload, stored_head
from muniment.message.head import MAX_FIELDS, MAX_HEAD, parse_head, request_head
from muniment.message.response import MAX_INTERIM, Part, ResponseReader
from muniment.model import Framing

MUCH = 1 << 30
TEXT = b"The tower fell at dawn. " * 4000


def read(
    octets: bytes, *, cap: int = MUCH, step: int = 0, closed: bool = True
) -> tuple[dict[Part, bytes], ResponseReader]:
    """Read *octets* in pieces of *step*; return the parts and the reader."""
    reader = ResponseReader("GET", cap)
    parts = dict.fromkeys(Part, b"")
    for start in range(0, len(octets), step or len(octets)):
        for part, piece in reader.feed(octets[start : start + (step or len(octets))]):
            parts[part] += piece
    if closed:
        reader.finish()
    return parts, reader


def block(*fields: bytes, body: bytes = b"", status: bytes = b"200 OK") -> io.BytesIO:
    return io.BytesIO(b"\r\n".join([b"HTTP/1.1 " + status, *fields, b"", body]))


ODD = {
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    "mixed line ends": b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nhi",
    "folded line": b"HTTP/1.1 200 OK\r\nX-Long: a\r\n  b\r\n\tc\r\nContent-Length: 2\r\n\r\nhi",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nhi",
    "Latin-1": b"HTTP/1.1 200 D\xe9j\xe0 vu\r\nX: caf\xe9\r\nContent-Length: 2\r\n\r\nhi",
    "UTF-8 reason": "HTTP/1.1 200 北京 trouvé\r\nContent-Length: 2\r\n\r\nhi".encode(),
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi",
    "padding": b"HTTP/1.1   200   OK  \r\nContent-Length  :   2   \r\n\r\nhi",
    "line without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nhi",
    "nameless field": b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nhi",
    "150 fields": b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"X-%d: y\r\n" % n for n in range(150))
    + b"Content-Length: 2\r\n\r\nhi",
    "100 kB line": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\nContent-Length: 2\r\n\r\nhi",
    "bare CR": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nhi",
    "equal lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 02\r\n\r\nhi",
}


@pytest.mark.parametrize("step", [0, 1, 3])
@pytest.mark.parametrize("octets", ODD.values(), ids=ODD)
def test_an_odd_message_is_told_apart_without_losing_an_octet(octets: bytes, step: int) -> None:
    parts, reader = read(octets, step=step, closed=False)
    assert parts[Part.HEAD] + parts[Part.BODY] == octets
    assert parts[Part.BODY] == b"hi"
    assert reader.end is End.WHOLE


def test_fields_are_read_as_text_whatever_their_octets() -> None:
    head = parse_head(b"HTTP/1.1 200 OK\r\nA: caf\xc3\xa9\r\nB: caf\xe9\r\nC: 1\r\n 2\r\na: x\r\n\r\n")
    assert head.fields == (("A", "café"), ("B", "café"), ("C", "1 2"), ("a", "x"))
    assert head.values("a") == ("café", "x")


def test_interim_answers_stand_apart_from_the_final_head_and_surplus_from_the_body() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    for step in (0, 1, 7):
        parts, reader = read(b"HTTP/1.1 100 Continue\r\n\r\n" + early + final + b"hi" + b"more", step=step)
        assert parts[Part.INTERIM] == b"HTTP/1.1 100 Continue\r\n\r\n" + early
        assert (parts[Part.HEAD], parts[Part.BODY], parts[Part.SURPLUS]) == (final, b"hi", b"more")
        assert reader.head is not None
        assert reader.head.status == 200


NOT_HTTP = {
    "HTTP/0.9": b"<html>hello</html>",
    "ICY": b"ICY 200 OK\r\n\r\n",
    "garbage": b"\x00\x01\x02",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "status 099": b"HTTP/1.1 099 Low\r\n\r\n",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "too many interim": b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1),
    "too long": b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD,
    "too long in interim": (b"HTTP/1.1 103 x\r\nX: " + b"y" * (MAX_HEAD // 4) + b"\r\n\r\n") * 5,
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"A:\r\n" * (MAX_FIELDS + 1) + b"\r\n",
}


@pytest.mark.parametrize("octets", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_no_response_or_beyond_the_bounds_is_a_format_error(octets: bytes) -> None:
    with pytest.raises(FormatError):
        read(octets)


def test_a_head_that_drips_is_read_in_linear_time() -> None:
    reader = ResponseReader("GET", MUCH)
    octets = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n"
    parts = [part for at in range(len(octets)) for part, _ in reader.feed(octets[at : at + 1])]
    assert parts == [Part.HEAD]


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        (b"", Framing.CLOSE),
        (b"Content-Length: 5\r\n", Framing.LENGTH),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", Framing.CLOSE),
        (b"Content-Length: 5, 6\r\n", Framing.CLOSE),
        (b"Content-Length: -5\r\n", Framing.CLOSE),
        (b"Content-Length: +5\r\n", Framing.CLOSE),
        (b"Content-Length: 0x5\r\n", Framing.CLOSE),
        (b"Content-Length: \r\n", Framing.CLOSE),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", Framing.CLOSE),
        (b"Content-Length: \xd9\xa5\r\n", Framing.CLOSE),
        (b"Transfer-Encoding: chunked\r\n", Framing.CHUNKED),
        (b"Transfer-Encoding: Chunked\r\nContent-Length: 3\r\n", Framing.CHUNKED),
        (b"Transfer-Encoding: gzip, chunked\r\n", Framing.CHUNKED),
        (b"Transfer-Encoding: chunked, gzip\r\n", Framing.CLOSE),
        (b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n", Framing.LENGTH),
    ],
)
def test_the_end_of_a_body_is_told_by_the_rules_of_rfc_9112(fields: bytes, framing: Framing) -> None:
    assert parse_head(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n").framing is framing


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_status_without_body_has_none_whatever_its_fields_say(status: bytes) -> None:
    parts, reader = read(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\nextra")
    assert reader.end is End.WHOLE
    assert (parts[Part.BODY], parts[Part.SURPLUS]) == (b"", b"extra")


@pytest.mark.parametrize(
    ("head", "lasts"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", False),
    ],
)
def test_a_connection_is_used_again_only_where_the_message_allows_it(head: bytes, *, lasts: bool) -> None:
    assert parse_head(head).lasts is lasts


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE_CHUNKED = {
    "plain": b"5\r\nhello\r\n0\r\n\r\n",
    "extensions": b'5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n',
    "trailers": b"2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
    "bare LF": b"5\nhello\n0\n\n",
    "blanks and leading zeros": b"0005 \r\nhello\r\n000\r\n\r\n",
}


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("body", WHOLE_CHUNKED.values(), ids=WHOLE_CHUNKED)
def test_a_chunked_body_is_kept_as_it_came_and_read_without_its_chunks(body: bytes, step: int) -> None:
    parts, reader = read(CHUNKED_HEAD + body + b"surplus", step=step)
    assert reader.end is End.WHOLE
    assert (parts[Part.BODY], parts[Part.SURPLUS]) == (body, b"surplus")
    assert b"".join(payload(io.BytesIO(CHUNKED_HEAD + body))) == b"hello"


BROKEN_CHUNKED = {
    "no number": (b"zz\r\nhello", b""),
    "no chunks at all": (b"<html>plain</html>\r\n", b""),
    "minus": (b"-5\r\nhello\r\n0\r\n\r\n", b""),
    "prefix": (b"0x5\r\nhello\r\n0\r\n\r\n", b""),
    "too many digits": (b"1" * 17 + b"\r\nhello", b""),
    "longer than it says": (b"5\r\nhelloXX\r\n0\r\n\r\n", b"hello"),
    "endless size line": (b"5;" + b"x" * 20_000, b""),
    "endless trailers": (b"0\r\n" + b"A: b\r\n" * 300_000, b""),
    "more framing than content": ((b"1;" + b"x" * 1000 + b"\r\ny\r\n") * 3000, None),
}


@pytest.mark.parametrize(("body", "plain"), BROKEN_CHUNKED.values(), ids=BROKEN_CHUNKED)
def test_a_broken_chunk_is_a_fault_and_every_octet_stays(body: bytes, plain: bytes | None) -> None:
    parts, reader = read(CHUNKED_HEAD + body)
    assert reader.end is End.FAULT
    assert reader.fault
    assert parts[Part.BODY] == body
    entity = measure(io.BytesIO(CHUNKED_HEAD + body), cap=MUCH)
    assert "chunked" in entity.fault
    if plain is not None:
        assert entity.payload == Digest.of_bytes(plain)


def test_what_follows_a_broken_chunk_is_kept_up_to_the_cap() -> None:
    parts, reader = read(CHUNKED_HEAD + b"zz\r\n" + b"x" * 100, cap=10)
    assert (parts[Part.BODY], reader.end) == (b"zz\r\n" + b"x" * 10, End.FAULT)


@pytest.mark.parametrize("body", [b"", b"5", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n"])
def test_a_cut_chunked_body_is_not_whole_and_digests_what_there_is(body: bytes) -> None:
    _, reader = read(CHUNKED_HEAD + body)
    assert reader.end is End.MORE
    entity = measure(io.BytesIO(CHUNKED_HEAD + body), cap=MUCH)
    assert entity.payload == Digest.of_bytes(b"hello"[: max(len(body) - 3, 0)])
    assert entity.fault


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    "whole",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        CHUNKED_HEAD + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    ],
    ids=["length", "close", "chunked"],
)
def test_a_body_of_exactly_the_cap_is_whole_and_one_octet_more_is_cut_at_the_cap(whole: bytes, step: int) -> None:
    parts, reader = read(whole, cap=5, step=step)
    assert reader.end is End.WHOLE
    kept = parts[Part.HEAD] + parts[Part.BODY]
    assert kept == whole
    parts, reader = read(whole, cap=4, step=step)
    assert reader.end is End.CAPPED
    cut = parts[Part.HEAD] + parts[Part.BODY]
    assert whole.startswith(cut)
    assert b"".join(payload(io.BytesIO(cut))) == b"hell"


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/a b", ()),
        ("/a\r\nX: y", ()),
        ("/\x00", ()),
        ("/é", ()),
        ("", ()),
        ("/", (("X", "a\r\nEvil: 1"),)),
        ("/", (("X", "a\nb"),)),
        ("/", (("X", "a\x00b"),)),
        ("/", (("X\r\nY", "a"),)),
        ("/", (("X Y", "a"),)),
        ("/", (("", "a"),)),
        ("/", (("X", "\ud800"),)),
    ],
)
def test_a_request_that_could_become_two_is_refused(target: str, fields: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(FormatError):
        request_head("GET", target, fields)


def test_a_request_is_written_in_the_order_of_its_fields() -> None:
    written = request_head("GET", "/a?b", (("Host", "x"), ("Accept", "*/*")))
    assert written == b"GET /a?b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"


def raw_deflate(octets: bytes) -> bytes:
    return zlib.compress(octets)[2:-4]


CODED = {
    "none": ("", TEXT),
    "identity": ("identity", TEXT),
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip": ("X-GZip", gzip.compress(TEXT)),
    "two members": ("gzip", gzip.compress(TEXT[:7]) + gzip.compress(TEXT[7:])),
    "rubbish after gzip": ("gzip", gzip.compress(TEXT) + b"\x00\x00<!-- served by cache 7 -->"),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "raw deflate": ("deflate", raw_deflate(TEXT)),
    "br": ("br", brotlicffi.compress(TEXT)),
    "zstd": ("zstd", zstandard.compress(TEXT)),
    "two frames": ("zstd", zstandard.compress(TEXT[:9]) + zstandard.compress(TEXT[9:])),
    "stacked": ("gzip, br", brotlicffi.compress(gzip.compress(TEXT))),
}


@pytest.mark.parametrize(("coding", "body"), CODED.values(), ids=CODED)
def test_content_codings_are_taken_off_in_one_pass_with_every_digest(coding: str, body: bytes) -> None:
    stored = block(b"Content-Encoding: " + coding.encode(), b"Content-Length: %d" % len(body), body=body)
    whole = stored.getvalue()
    entity = measure(stored, cap=MUCH)
    assert (entity.block, entity.block_size) == (Digest.of_bytes(whole), len(whole))
    assert (entity.payload, entity.size) == (Digest.of_bytes(body), len(body))
    assert (entity.content, entity.fault) == (Digest.of_bytes(TEXT), "")
    assert b"".join(content(stored, cap=len(TEXT))) == TEXT
    assert b"".join(payload(stored)) == body


UNDECODABLE = {
    "unknown": ("aws-chunked", TEXT),
    "shared dictionary": ("dcb", TEXT),
    "not gzip": ("gzip", TEXT),
    "cut gzip": ("gzip", gzip.compress(TEXT)[:-9]),
    "damaged gzip": ("gzip", gzip.compress(TEXT)[:-8] + b"\x00" * 8),
    "cut deflate": ("deflate", zlib.compress(TEXT)[:-3]),
    "cut br": ("br", brotlicffi.compress(TEXT)[:-2]),
    "not br": ("br", b"\xff" * 100),
    "cut zstd": ("zstd", zstandard.compress(TEXT)[:-2]),
    "not zstd": ("zstd", TEXT),
    "six codings": (", ".join(["gzip"] * 6), reduce(lambda body, _: gzip.compress(body), range(6), TEXT)),
    "fifty codings": (", ".join(["gzip"] * 50), TEXT),
}


@pytest.mark.parametrize(("coding", "body"), UNDECODABLE.values(), ids=UNDECODABLE)
def test_an_undecodable_coding_is_named_and_the_payload_still_digested(coding: str, body: bytes) -> None:
    stored = block(b"Content-Encoding: " + coding.encode(), body=body)
    entity = measure(stored, cap=MUCH)
    assert entity.content is None
    assert entity.fault
    assert (entity.payload, entity.block_size) == (Digest.of_bytes(body), len(stored.getvalue()))
    with pytest.raises(FormatError):
        list(content(stored, cap=MUCH))


def zeros(coding: str, mebibytes: int) -> bytes:
    """Return so many MiB of zeros in *coding*, made without holding them."""
    make: object = {
        "gzip": zlib.compressobj(9, zlib.DEFLATED, 31),
        "br": brotlicffi.Compressor(quality=5),
        "zstd": zstandard.ZstdCompressor(level=3).compressobj(),
    }[coding]
    piece = bytes(1 << 20)
    feed = getattr(make, "process", None) or make.compress  # type: ignore[attr-defined]
    end = getattr(make, "finish", None) or make.flush  # type: ignore[attr-defined]
    return b"".join([*(feed(piece) for _ in range(mebibytes)), end()])


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_bomb_is_stopped_in_little_memory(coding: str) -> None:
    body = zeros(coding, 256)
    tracemalloc.start()
    entity = measure(block(b"Content-Encoding: " + coding.encode(), body=body), cap=MUCH)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert entity.content is None
    assert "bomb" in entity.fault
    assert entity.payload == Digest.of_bytes(body)
    assert peak < 32 << 20


def test_a_bomb_inside_a_bomb_is_stopped() -> None:
    entity = measure(block(b"Content-Encoding: gzip, gzip", body=gzip.compress(zeros("gzip", 64))), cap=MUCH)
    assert "bomb" in entity.fault


def test_content_beyond_its_cap_is_refused_and_content_of_exactly_the_cap_is_not() -> None:
    stored = block(b"Content-Encoding: gzip", body=gzip.compress(TEXT))
    assert measure(stored, cap=len(TEXT)).content == Digest.of_bytes(TEXT)
    assert measure(stored, cap=len(TEXT) - 1).content is None


def test_an_empty_body_has_nothing_to_decode() -> None:
    for fields in ((b"Content-Length: 0",), (b"Transfer-Encoding: chunked",), ()):
        body = b"0\r\n\r\n" if b"chunked" in b"".join(fields) else b""
        entity = measure(block(b"Content-Encoding: gzip", *fields, body=body), cap=MUCH)
        assert (entity.content, entity.fault) == (Digest.of_bytes(b""), "")


def test_trailers_are_no_part_of_the_payload() -> None:
    stored = block(b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\nX-Trailer: yes\r\n\r\n")
    entity = measure(stored, cap=MUCH)
    assert (entity.payload, entity.content, entity.size) == (Digest.of_bytes(b"hi"), Digest.of_bytes(b"hi"), 2)


def test_a_transfer_coding_that_nobody_asked_for_is_named() -> None:
    entity = measure(block(b"Transfer-Encoding: gzip, chunked", body=b"2\r\nhi\r\n0\r\n\r\n"), cap=MUCH)
    assert entity.content is None
    assert "transfer coding" in entity.fault


def test_a_body_shorter_than_announced_digests_what_there_is() -> None:
    entity = measure(block(b"Content-Length: 99", body=b"short"), cap=MUCH)
    assert (entity.payload, entity.content) == (Digest.of_bytes(b"short"), Digest.of_bytes(b"short"))


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 200 OK\r\n", b"<html>\r\n\r\n", b"x" * (MAX_HEAD * 2)])
def test_a_block_without_a_head_is_a_format_error(octets: bytes) -> None:
    for ask in (stored_head, lambda stored: list(payload(stored)), lambda stored: measure(stored, cap=MUCH)):
        with pytest.raises(FormatError):
            ask(io.BytesIO(octets))


class Long(io.RawIOBase):
    """A block of *size* octets of body that exists nowhere; seekable as far as is needed."""

    def __init__(self, head: bytes, size: int) -> None:
        self.head, self.size, self.at = head, size, 0

    def seek(self, offset: int, _whence: int = 0) -> int:
        self.at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        if self.at < len(self.head):
            piece = self.head[self.at : self.at + size]
        else:
            piece = bytes(min(size, len(self.head) + self.size - self.at))
        self.at += len(piece)
        return piece


def test_a_body_of_256_mib_is_measured_in_constant_memory() -> None:
    size = 256 << 20
    stored = Long(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, size)
    tracemalloc.start()
    entity = measure(stored, cap=MUCH)  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    expected = hashlib.sha256()
    for _ in range(256):
        expected.update(bytes(1 << 20))
    assert (entity.size, entity.payload.value) == (size, expected.digest())
    assert peak < 2 << 20


def test_chunks_are_taken_off_as_they_come() -> None:
    chunked = Chunked()
    assert [chunked.feed(octets) for octets in (b"4\r\nab", b"cd\r\n", b"0\r\n\r\nrest")] == [b"ab", b"cd", b""]
    assert (chunked.end, chunked.taken, chunked.size) == (End.WHOLE, 5, 4)


def test_a_million_tiny_chunks_give_the_same_payload_however_they_come() -> None:
    body = b"1\r\nx\r\n" * 300_000 + b"2;a=b\r\nyz\r\n0\r\n\r\n"
    for step in (len(body), 65_536, 4_099):
        chunked = Chunked()
        found = b"".join(chunked.feed(body[at : at + step]) for at in range(0, len(body), step))
        assert (found, chunked.end) == (b"x" * 300_000 + b"yz", End.WHOLE)


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 30])
def test_where_framing_becomes_too_much_does_not_depend_on_how_it_came(step: int) -> None:
    body = (b"1;" + b"x" * 900 + b"\r\ny\r\n") * 1300
    chunked = Chunked()
    found = b"".join(chunked.feed(body[at : at + step]) for at in range(0, len(body), step))
    assert chunked.end is End.FAULT
    # 906 octets of framing for each chunk: the one after 1,178 is beyond 1 MiB and sixteen times the payload.
    assert len(found) == 1178


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_of_content_beyond_its_cap_exactly_the_cap_is_given(coding: str) -> None:
    bomb = {"gzip": bombs.gzip_bomb, "br": bombs.brotli_bomb, "zstd": bombs.zstd_bomb}[coding](bombs.MEBI * 8)
    given = bytearray()
    with pytest.raises(FormatError, match="at most 1000003 octets"):
        deque(map(given.extend, decoded(iter([bomb]), (coding,), cap=1_000_003)), maxlen=0)
    assert len(given) == 1_000_003
    assert given.startswith(bombs.GOOD)


@pytest.mark.parametrize("step", [4_099, 65_536, 1 << 30])
def test_where_chunks_become_too_many_does_not_depend_on_how_they_came(step: int) -> None:
    body = b"2\r\nxy\r\n" * 600_000
    chunked = Chunked()
    found = b"".join(chunked.feed(body[at : at + step]) for at in range(0, len(body), step))
    assert chunked.end is End.FAULT
    assert "far more chunks" in chunked.fault
    # 500,000, and one more for each 256 octets of the two that each of them brings.
    assert len(found) == 2 * 503_937
