"""The entity of a stored response: its payload and its content, however the block is read and whatever lies behind."""

import gzip
import io

import pytest

from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.message.entity import Entity, content, measure, payload, stored_head
from warc_entries import Trickle

MANY = bytes(range(256)) * 1000  # several pieces
HEAD = b"HTTP/1.1 200 OK\r\n"


def chunked(body: bytes) -> bytes:
    pieces = [body[at : at + 9999] for at in range(0, len(body), 9999)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


BODIES = {
    "until the end": (b"\r\n", MANY, MANY),
    "of a length": (b"Content-Length: 256000\r\n\r\n", MANY, MANY),
    "of a length, with surplus": (b"Content-Length: 70000\r\n\r\n", MANY, MANY[:70000]),
    "of a length, cut": (b"Content-Length: 999999\r\n\r\n", MANY, MANY),
    "of no length": (b"Content-Length: 0\r\n\r\n", MANY, b""),
    "in chunks": (b"Transfer-Encoding: CHUNKED\r\n\r\n", chunked(MANY) + b"0\r\nX: y\r\n\r\n", MANY),
    "in chunks, with surplus": (b"Transfer-Encoding: Identity, chunked\r\n\r\n", chunked(MANY) + b"0\r\n\r\nx", MANY),
}


@pytest.mark.parametrize("step", [0, 1000])
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_is_measured_as_far_as_it_goes_and_the_block_as_a_whole(kind: str, step: int) -> None:
    fields, body, expected = BODIES[kind]
    octets = HEAD + fields + body
    block = Trickle(octets, step) if step else io.BytesIO(octets)
    digest = Digest.of_bytes(expected)
    assert measure(block, cap=10) == Entity(Digest.of_bytes(octets), len(octets), digest, len(expected), digest, "", 0)
    assert b"".join(payload(block)) == expected
    assert b"".join(content(block, cap=len(expected))) == expected


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_a_head_is_found_wherever_the_pieces_of_the_block_end(step: int) -> None:
    for end in (b"\r\n\r\n", b"\n\n", b"\n\r\n"):
        whole = HEAD.rstrip() + end
        block = Trickle(whole + b"body\n\n", step)
        assert stored_head(block).size == len(whole)
        assert block.tell() == len(whole)


@pytest.mark.parametrize("octets", [b"", HEAD, b"HTTP/1.1 200 OK\r\n\r", HEAD + b"X: y" * (1 << 20)])
def test_a_block_without_the_whole_head_is_no_stored_response(octets: bytes) -> None:
    with pytest.raises(FormatError) as refused:
        stored_head(io.BytesIO(octets))
    assert str(refused.value) == "the stored response: expected a head with the empty line that ends it, found none"


ZIPPED = gzip.compress(MANY, mtime=0)
UNENDED = "the chunked coding is broken: it has no end"
CUT = "the content: expected the whole of its coding gzip, found an early end"
NO_SIZE = "the chunked coding is broken: a chunk's size is b'zz' instead of a hexadecimal number"
FAULTS = {
    "a body without an end": (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", UNENDED),
    "a broken chunk": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", NO_SIZE),
    "an unknown coding": (
        b"Content-Encoding: rot13\r\n\r\nx",
        "the content: expected one of gzip, deflate, br, zstd, found the coding 'rot13'",
    ),
    "another transfer coding": (
        b"Transfer-Encoding: GZIP, x, Chunked\r\n\r\n0\r\n\r\n",
        "the content: expected no transfer coding but chunked, found GZIP, x",
    ),
    "cut content": (b"Content-Encoding: gzip\r\n\r\n" + ZIPPED[:-1], CUT),
    "cut content without an end": (
        b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(ZIPPED[:-1]),
        f"{UNENDED}; {CUT}",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_what_is_wrong_with_a_body_is_said_and_all_of_it_is_measured(kind: str) -> None:
    rest, fault = FAULTS[kind]
    octets = HEAD + rest
    found = measure(io.BytesIO(octets), cap=1 << 20)
    assert found.fault == fault
    assert (found.content is None) == ("the content: " in fault)
    assert (found.block, found.block_size) == (Digest.of_bytes(octets), len(octets))
    assert found.payload == Digest.of_bytes(b"".join(payload(io.BytesIO(octets))))


def test_an_empty_body_has_empty_content_whatever_its_coding() -> None:
    for fields in (b"Content-Encoding: gzip\r\n\r\n", b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\nx"):
        found = measure(io.BytesIO(HEAD + fields), cap=10)
        assert (found.content, found.fault, found.size, found.decoded) == (Digest.of_bytes(b""), "", 0, 0)


def test_a_content_of_exactly_the_cap_is_decoded_and_one_octet_more_is_not() -> None:
    block = io.BytesIO(HEAD + b"Content-Encoding: x-GZIP\r\n\r\n" + ZIPPED)
    found = measure(block, cap=256_000)
    assert (found.content, found.decoded) == (Digest.of_bytes(MANY), 256_000)
    assert b"".join(content(block, cap=256_000)) == MANY
    found = measure(block, cap=255_999)
    assert found.fault == "the content: expected at most 255999 octets when decoded, found more"
