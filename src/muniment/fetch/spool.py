"""Where the octets of one response wait until their number is known: memory first, then a file on disk."""

import io
from collections.abc import Callable
from typing import BinaryIO, Final

from muniment.errors import StoreError

__all__ = ["MEMORY", "Spool"]

MEMORY: Final = 1 << 20
"""The octets that are kept in memory before the disk is used."""


class Spool:
    """Octets in the order in which they were written; *on_disk* opens the file once they are too many for memory."""

    __slots__ = ("_memory", "_on_disk", "_stream", "size")

    def __init__(self, on_disk: Callable[[], BinaryIO]) -> None:
        self._on_disk = on_disk
        self._memory = True
        self._stream: BinaryIO = io.BytesIO()
        self.size = 0

    def write(self, octets: bytes) -> None:
        """Append *octets*; StoreError where the disk does not take them."""
        if self._memory and self.size + len(octets) > MEMORY:
            self._move()
        self.size += len(octets)
        self._put(octets)

    def finish(self) -> BinaryIO:
        """Return everything as a file at its beginning, which the caller closes."""
        self._stream.seek(0)
        return self._stream

    def close(self) -> None:
        """Give everything up."""
        self._stream.close()

    def _move(self) -> None:
        kept = self._stream
        kept.seek(0)
        self._stream = self._on_disk()
        self._memory = False
        self._put(kept.read())
        kept.close()

    def _put(self, octets: bytes) -> None:
        view = memoryview(octets)
        try:
            while view:
                view = view[self._stream.write(view) :]
        except OSError as failure:
            raise StoreError.of("the spool of a response", "be written", failure) from failure
