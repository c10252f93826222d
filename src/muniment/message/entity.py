"""The entity of a stored response: its payload, its content, their digests; streamed, from one seekable block.

A block is the octets of one HTTP/1 response, head and body, as a WARC record keeps them, possibly cut short. The
same functions serve capture, extraction and verification: the same block gives the same answers for ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from muniment.digest import Digest, Digester
from muniment.errors import FormatError
from muniment.message.chunked import Chunked, End
from muniment.message.coding import decoded, named
from muniment.message.head import MAX_HEAD, Head, end_of_head, parse_head
from muniment.model import Framing

__all__ = ["Entity", "content", "measure", "payload", "plain", "stored_head"]

_PIECE: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Entity:
    """The digests of one block, all made in one pass.

    ``block`` and ``block_size`` are of all its octets; ``payload`` and ``size`` of the entity body, transfer coding
    removed and trailers left out, as far as it came; ``content`` of that body without its content codings. Where
    those cannot be taken off, ``content`` is None and ``fault`` says why in a sentence. ``fault`` also names a
    broken or unfinished chunked coding. ``decoded`` counts the octets that taking them off gave, none without them.
    """

    block: Digest
    block_size: int
    payload: Digest
    size: int
    content: Digest | None
    fault: str
    decoded: int


def stored_head(block: BinaryIO) -> Head:
    """Return the head of *block*, and leave the block at the first octet of its body.

    Raises FormatError where the block does not begin with the whole head of a response.
    """
    block.seek(0)
    octets = bytearray()
    searched = 0
    while (size := end_of_head(octets, searched)) < 0:
        searched = len(octets) - 2
        piece = block.read(_PIECE)
        if not piece or len(octets) > MAX_HEAD:
            raise FormatError("the stored response", expected="a head with the empty line that ends it", found="none")
        octets += piece
    head = parse_head(bytes(octets[:size]))
    block.seek(size)
    return head


def payload(block: BinaryIO) -> Iterator[bytes]:
    """Yield the entity body of *block*: the chunked coding removed, trailers left out, content codings kept.

    A cut or broken body gives what there is. Other transfer codings are left on: no server may send them unasked.
    Raises FormatError only where there is no head.
    """
    head = stored_head(block)
    return _payload(_rest(block), head, _Faults())


def content(block: BinaryIO, *, cap: int) -> Iterator[bytes]:
    """Yield the payload of *block* without its content codings, at most *cap* octets.

    Raises FormatError for codings that are unknown, damaged, cut or bombs, after what could be decoded.
    """
    head = stored_head(block)
    return _content(_payload(_rest(block), head, _Faults()), head, cap)


def plain(block: BinaryIO) -> tuple[int, int] | None:
    """Return where the content of *block* lies in it as it is, and its length; None where codings must be taken off.

    Raises FormatError only where there is no head.
    """
    head = stored_head(block)
    if head.framing is Framing.CHUNKED or _codings(head):
        return None
    length = block.seek(0, 2) - head.size  # from the end
    if head.framing is Framing.LENGTH:
        length = min(length, head.length or 0)
    return head.size, 0 if head.framing is Framing.EMPTY else length


def measure(block: BinaryIO, *, cap: int) -> Entity:
    """Return the digests of *block*, computed in one pass in constant memory; *cap* bounds what is decoded.

    Without content codings the content is the payload, however long.
    Raises FormatError only where the block does not begin with the head of a response.
    """
    head = stored_head(block)
    block.seek(0)
    whole, body, plain, faults = Digester(), Digester(), Digester(), _Faults()
    rest = _beyond(_counted(_rest(block), whole), head.size)
    pieces = _counted(_payload(rest, head, faults), body)
    found: Digest | None = None
    fault = ""
    codings = _codings(head)
    if codings:
        try:
            for _ in _counted(_content(pieces, head, cap), plain):
                pass
            found = plain.digest()
        except FormatError as failure:
            fault = str(failure)
    for chunks in (pieces, rest):
        for _ in chunks:
            pass
    if not codings:
        found = body.digest()
    fault = "; ".join(filter(None, (faults.text, fault)))
    return Entity(whole.digest(), whole.size, body.digest(), body.size, found, fault, plain.size)


def _codings(head: Head) -> tuple[str, ...]:
    """Return what was done to the content, first applied first: content codings, then transfer codings but chunked."""
    others = tuple(each for each in head.members("Transfer-Encoding") if each.lower() not in {"chunked", "identity"})
    return named(head.members("Content-Encoding")) + others


class _Faults:
    """Where a body that is being de-chunked leaves word of what was wrong."""

    __slots__ = ("text",)

    def __init__(self) -> None:
        self.text = ""


def _rest(block: BinaryIO) -> Iterator[bytes]:
    while piece := block.read(_PIECE):
        yield piece


def _beyond(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield *chunks* without their first *size* octets."""
    for chunk in chunks:
        if beyond := chunk[size:]:
            yield beyond
        size -= min(size, len(chunk))


def _counted(chunks: Iterator[bytes], digester: Digester) -> Iterator[bytes]:
    for chunk in chunks:
        digester.update(chunk)
        yield chunk


def _payload(chunks: Iterator[bytes], head: Head, faults: _Faults) -> Iterator[bytes]:
    if head.framing is Framing.CHUNKED:
        chunked = Chunked()
        for chunk in chunks:
            if piece := chunked.feed(chunk):
                yield piece
            if chunked.end is not End.MORE:
                break
        if chunked.end is not End.WHOLE:
            faults.text = f"the chunked coding is broken: {chunked.fault or 'it has no end'}"
    elif head.framing is Framing.LENGTH:
        left = head.length
        while left and (piece := next(chunks, b"")):
            yield piece[:left]
            left -= min(left, len(piece))
    elif head.framing is Framing.CLOSE:
        yield from chunks


def _content(chunks: Iterator[bytes], head: Head, cap: int) -> Iterator[bytes]:
    codings = named(head.members("Content-Encoding"))
    if others := _codings(head)[len(codings) :]:
        raise FormatError("the content", expected="no transfer coding but chunked", found=", ".join(others)[:80])
    first = next(chunks, None)
    if first is None:
        return  # RFC 9110 8.4: there is nothing to decode in an empty body, whatever the head says

    def again() -> Iterator[bytes]:
        yield first
        yield from chunks

    yield from decoded(again(), codings, cap=cap)
