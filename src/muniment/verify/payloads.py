"""Payloads measured again: the entity body of a response, and what it decodes to, as they were at capture."""

import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Self

from muniment import durable
from muniment.message import entity
from muniment.model import Kind, Record
from muniment.warc.reader import RecordRead

__all__ = ["Block", "measured"]

_IN_MEMORY: Final = 1 << 20
_DECODED: Final = 1 << 40


class Block:
    """The block of one record while it is looked at: in memory up to 1 MiB, then in a nameless temporary file.

    Where it is not *wanted*, nothing is kept.
    """

    def __init__(self, *, is_wanted: bool) -> None:
        self._spool: BinaryIO | None = BytesIO() if is_wanted else None

    def write(self, chunk: bytes) -> None:
        """Take the next octets of the block."""
        if self._spool is None:
            return
        if isinstance(self._spool, BytesIO) and self._spool.tell() + len(chunk) > _IN_MEMORY:
            held = self._spool.getvalue()
            self._spool = durable.spool(Path(tempfile.gettempdir()))
            self._put(held)
        self._put(chunk)

    def _put(self, octets: bytes) -> None:
        view = memoryview(octets)
        while view and self._spool is not None:
            view = view[self._spool.write(view) :]

    def measure(self) -> entity.Entity | None:
        """Return the digests of payload and content; None where the block was not kept."""
        return None if self._spool is None else entity.measure(self._spool, cap=_DECODED)

    def close(self) -> None:
        """Let go of what was kept."""
        if self._spool is not None:
            self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def measured(line: Record, read: RecordRead, block: Block) -> Iterator[tuple[str, str, str]]:
    """Yield what *line* says of payload, content and size, and what they are found to be.

    A content that could not be decoded at capture has no digest in the line and is not decoded here either.
    """
    if line.kind is Kind.REQUEST or line.payload is None:
        return
    found = block.measure()
    if found is None:
        yield "payload", str(line.payload), str(read.block)
        yield "size", str(line.size), str(read.size)
        return
    yield "payload", str(line.payload), str(found.payload)
    yield "size", str(line.size), str(found.size)
    if line.content is not None:
        yield "content", str(line.content), str(found.content or found.fault)
