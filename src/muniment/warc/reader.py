"""Records read back, strictly: one forward pass, constant memory, and nothing but FormatError for hostile octets.

Three ways in: ``record_at`` for a range that a manifest names, ``walk`` for a file without a manifest, ``block`` for
taking one block out. Each digests while it reads; what it returns, it has checked: gzip's checksums, header, lengths,
the empty lines at the end, and WARC-Block-Digest where its algorithm is known.

Not promised: anything about the payload (a caller may digest it in the same pass through *into*), or that the octets
are those that were sealed: compare the digests that are returned. A disk that cannot be read is a StoreError.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from muniment.digest import ALGORITHM, Digest, Digester
from muniment.errors import DigestMismatch, FormatError, StoreError
from muniment.model import Position
from muniment.warc.fields import HEAD_LIMIT, Head, checked, parse
from muniment.warc.member import GZIP_MAGIC, Stored, inflated

__all__ = ["Into", "RecordRead", "Sink", "block", "record_at", "walk"]

Sink = Callable[[bytes], object]
"""Takes the octets of one block, piece by piece."""
Into = Callable[[Head], Sink]
"""Asked once for each record, when its header has been read, where the octets of its block should go."""

_EMPTY_LINE: Final = b"\r\n\r\n"
_DIGESTS: Final = {
    "md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64,
    "sha3_256": 32, "sha3_384": 48, "sha3_512": 64, "blake2b": 64, "blake2s": 32,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordRead:
    """One record that was read whole: its header, where it lies, and what its octets digest to.

    ``size`` and ``block`` are length and digest of the block, ``record`` digests all octets of the record: header,
    block and the two empty lines. In a file that is not compressed ``position.member`` equals ``record``.
    """

    head: Head
    position: Position
    size: int
    block: Digest
    record: Digest


def _nowhere(_: Head) -> Sink:
    return len


def record_at(stream: BinaryIO, offset: int, length: int, *, file: str, into: Into = _nowhere) -> RecordRead:
    """Read the one record whose gzip member fills exactly *length* octets of *stream* from *offset*.

    Raises FormatError naming *file* and *offset*: no gzip member, a torn tail, a damaged member, trailing garbage,
    another member in the range, or a record that breaks ISO 28500. Also then the range has been read once to its end,
    forward, so that a stream that digests the whole file loses nothing. What *into* took before is not to be trusted.
    """
    where = f"{file} at {offset}"
    if offset < 0 or length < 1:
        raise FormatError(where, expected="a range within the file", found=f"{length} octets")
    if stream.tell() != offset:
        stream.seek(offset)
    stored = Stored(stream, file, length=length)
    try:
        octets = _Octets(inflated(stored, where), where)
        head, size, digest = _record(octets, into, where)
        octets.end()
        beyond = stored.peek()[:2]
    finally:
        behind = stored.drain()
    if behind:
        what = "another gzip member" if beyond == GZIP_MAGIC else "trailing garbage"
        raise FormatError(where, expected="one gzip member", found=f"{what}: {behind} octets behind it")
    if stored.missing:
        raise FormatError(where, expected=f"{length} octets", found=f"the end of the file {stored.missing} too early")
    return RecordRead(head, Position(file, offset, length, stored.digest()), size, digest, octets.digest())


def walk(stream: BinaryIO, *, file: str, into: Into = _nowhere) -> Iterator[RecordRead]:
    """Read every record of *stream* from where it stands (offset 0), compressed by member or not at all.

    Stops with a FormatError naming *file* and the offset of the first record that is not whole; all before it have
    been given. A file without any record is one, too (ISO 28500 clause 4: ``1*warc-record``). A gzip member that
    holds several records is refused: nothing could be taken from it by position.
    """
    offset = 0
    stored = Stored(stream, file)
    compressed = stored.peek()[:1] == GZIP_MAGIC[:1]
    if not stored.peek():
        raise FormatError(f"{file} at 0", expected="a WARC record", found="an empty file")
    while stored.peek():
        where = f"{file} at {offset}"
        octets = _Octets(inflated(stored, where) if compressed else iter(stored.read, b""), where)
        head, size, digest = _record(octets, into, where)
        if compressed:
            octets.end()
        else:
            stored.stop(octets.held)
        position = Position(file, offset, stored.size, stored.digest())
        yield RecordRead(head, position, size, digest, octets.digest())
        offset += stored.size
        stored = Stored(stream, file, carried=stored.rest)


def block(stream: BinaryIO, position: Position, into: BinaryIO) -> RecordRead:
    """Copy the block of the record at *position* into the spool *into* and leave that where the block begins.

    Raises FormatError for a damaged record, DigestMismatch when the stored member is not the one that *position*
    names (the spool then holds octets that prove nothing), StoreError when the spool cannot be written.
    """
    start = into.tell()

    def fill(chunk: bytes) -> None:
        view = memoryview(chunk)
        try:
            while view:
                view = view[into.write(view) :]
        except OSError as failure:
            raise StoreError("the spool file", f"could not be written: {failure.strerror or failure}") from failure

    read = record_at(stream, position.offset, position.length, file=position.file, into=lambda _: fill)
    if read.position.member != position.member:
        raise DigestMismatch(
            f"{position.file} at {position.offset}",
            expected=f"a stored member with {position.member}",
            found=str(read.position.member),
        )
    into.seek(start)
    return read


def _record(octets: "_Octets", into: Into, where: str) -> tuple[Head, int, Digest]:
    head = checked(parse(octets.head(), where), where)
    sink = into(head)
    digester = Digester()
    declared = _Declared(head, where)
    for chunk in octets.block(head.length):
        digester.update(chunk)
        declared.update(chunk)
        sink(chunk)
    octets.empty_lines()
    digest = digester.digest()
    declared.compare(digest)
    return head, digester.size, digest


class _Octets:
    """The octets of one record, from *source* in whatever pieces they come: header, block, two empty lines."""

    __slots__ = ("_digester", "_held", "_source", "_where")

    def __init__(self, source: Iterator[bytes], where: str) -> None:
        self._source = source
        self._where = where
        self._held = b""
        self._digester = Digester()

    @property
    def held(self) -> int:
        """The octets that came but do not belong to what was asked for so far."""
        return len(self._held)

    def digest(self) -> Digest:
        return self._digester.digest()

    def head(self) -> bytes:
        held = bytearray()
        end = -1
        while end < 0:
            chunk = next(self._source, b"")
            searched = max(0, len(held) - 3)
            held += chunk
            self._check_begin(held)
            end = held.find(_EMPTY_LINE, searched, HEAD_LIMIT)
            if end < 0 and len(held) >= HEAD_LIMIT:
                raise FormatError(self._where, expected="a WARC header of at most 1 MiB", found="a longer one")
            if end < 0 and not chunk:
                raise FormatError(
                    self._where, expected="a whole WARC header", found=f"its end after {len(held)} octets"
                )
        octets = bytes(held[: end + 4])
        self._held = bytes(held[end + 4 :])
        self._digester.update(octets)
        return octets

    def _check_begin(self, held: bytearray) -> None:
        # Told at once, so that a megabyte of something else is not searched for an empty line.
        if not b"WARC/".startswith(held[:5].upper()):
            raise FormatError(self._where, expected="WARC/1.1", found=repr(bytes(held[:40])))
        line = held.find(b"\n", 0, 40)
        if line >= 0 and held[line - 1 : line] != b"\r":
            raise FormatError(self._where, expected="CR LF at the end of a header's line", found="LF alone")

    def block(self, length: int) -> Iterator[bytes]:
        left = length
        while left:
            chunk = self._held or next(self._source, b"")
            if not chunk:
                found = f"its end {left} octets too early"
                raise FormatError(self._where, expected=f"a block of {length} octets", found=found)
            own, self._held = chunk[:left], chunk[left:]
            self._digester.update(own)
            left -= len(own)
            yield own

    def empty_lines(self) -> None:
        while len(self._held) < len(_EMPTY_LINE) and (chunk := next(self._source, b"")):
            self._held += chunk
        lines, self._held = self._held[:4], self._held[4:]
        if lines != _EMPTY_LINE:
            raise FormatError(self._where, expected="two empty lines behind the block", found=repr(lines))
        self._digester.update(lines)

    def end(self) -> None:
        """Return when the source is at its end, which is what makes a member's checksum good."""
        if self._held or next(self._source, b""):
            raise FormatError(self._where, expected="one record in the gzip member", found="more octets behind it")


class _Declared:
    """WARC-Block-Digest as the record has it, in the ways that tools write it; one of ours is compared as it is."""

    __slots__ = ("_algorithm", "_state", "_text", "_value", "_where")

    def __init__(self, head: Head, where: str) -> None:
        self._where = where
        self._text = head.value("WARC-Block-Digest")
        label, _, value = self._text.partition(":")
        label = label.lower()
        algorithm = "sha" + label[4:] if label.startswith("sha-") else label.replace("-", "_")
        self._algorithm = algorithm if algorithm in _DIGESTS else ""
        self._value = self._decoded(value, _DIGESTS[algorithm]) if self._algorithm else b""
        foreign = self._algorithm not in {"", ALGORITHM}
        self._state = hashlib.new(algorithm, usedforsecurity=False) if foreign else None

    def _decoded(self, text: str, size: int) -> bytes:
        bare = text.rstrip("=")
        try:
            # The standard names no encoding; the three in use differ in length for each algorithm.
            if len(text) == 2 * size and bare == text:
                return bytes.fromhex(text)
            if len(bare) == -(-size * 8 // 5):
                return base64.b32decode(bare.upper() + "=" * (-len(bare) % 8))
            if len(bare) == -(-size * 8 // 6):
                return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except ValueError:
            pass
        asked = "WARC-Block-Digest in hex, base32 or base64"
        raise FormatError(self._where, expected=asked, found=repr(self._text[:100]))

    def update(self, chunk: bytes) -> None:
        if self._state is not None:
            self._state.update(chunk)

    def compare(self, digest: Digest) -> None:
        if not self._algorithm:
            return
        found = digest.value if self._state is None else self._state.digest()
        if found != self._value:
            label = self._text.partition(":")[0]
            asked = f"a block with WARC-Block-Digest {self._text}"
            raise FormatError(self._where, expected=asked, found=f"{label}:{found.hex()}")
