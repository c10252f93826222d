"""Leaves that are appended together: written down whole before any tile, so that a crash leaves all of them or none.

The file ``pending`` of a log: the size of the log that they follow, in decimal, LF, then an entry bundle of any length.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Self

from muniment.errors import FormatError
from muniment.log.leaf import LARGEST, Leaf, bundle, unbundle

__all__ = ["LONGEST", "MOST", "PENDING", "Batch"]

PENDING: Final = PurePosixPath("pending")
MOST: Final = 65_536
"""Leaves in one batch: what is written down of them stays below 64 MiB."""

LONGEST: Final = MOST * (LARGEST + 2) + 32
"""Octets that such a file can have."""

_BEGIN: Final = re.compile(rb"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Batch:
    """The leaves that come together behind the first *begin* leaves of a log."""

    begin: int
    leaves: tuple[bytes, ...]

    @property
    def end(self) -> int:
        """The size of the log when all of them are in it."""
        return self.begin + len(self.leaves)

    def encode(self) -> bytes:
        """Return the file that writes them down; FormatError where there are none, too many, or one is no leaf."""
        _refuse(self, "batch of leaves")
        return b"%d\n" % self.begin + bundle(self.leaves)

    @classmethod
    def decode(cls, content: bytes, where: object) -> Self:
        """Return the batch that *content* writes; FormatError otherwise."""
        begin, _, rest = content.partition(b"\n")
        if not _BEGIN.fullmatch(begin):
            raise FormatError(where, expected="a size and LF before the leaves", found=repr(begin[:40]))
        batch = cls(int(begin), unbundle(rest, where))
        _refuse(batch, where)
        return batch


def _refuse(batch: Batch, where: object) -> None:
    if not 1 <= len(batch.leaves) <= MOST:
        raise FormatError(where, expected=f"1 to {MOST:,} leaves", found=f"{len(batch.leaves):,}")
    for leaf in batch.leaves:
        Leaf.decode(leaf, where)
