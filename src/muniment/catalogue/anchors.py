"""How far a log was shown to somebody outside, by the names of what lies beside it; nothing is opened or verified."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from muniment import layout
from muniment.errors import FormatError
from muniment.verification import Anchor

__all__ = ["Anchors", "anchors"]


@dataclass(frozen=True, slots=True)
class Anchors:
    """The largest sizes of a log over which a cosignature lies, and a time-stamp; whether one is waited for."""

    witnessed: int = 0
    stamped: int = 0
    is_pending: bool = False

    def of(self, index: int) -> Anchor:
        """Return what lies over leaf *index*: whether it is good, and whose it is, only `muniment verify` says."""
        lacking = Anchor.PENDING if self.is_pending else Anchor.ABSENT
        reached = ((Anchor.WITNESSED, self.witnessed), (Anchor.STAMPED, self.stamped))
        return next((anchor for anchor, size in reached if size > index), lacking)


def anchors(root: Path, origin: str) -> Anchors:
    """Return how far the log *origin* of the archive at *root* was shown to somebody outside."""
    try:
        cosigned, stamped = layout.checkpoint_at(origin, 1).parent, layout.stamps(origin, 1).parent
    except FormatError:
        return Anchors()
    try:
        is_pending = (root / layout.pending_stamps()).read_bytes().strip() not in {b"", b"[]"}
    except OSError:
        is_pending = False
    return Anchors(
        is_pending=is_pending,
        witnessed=max(_sizes(root / cosigned, ".cosig", "*.cosig"), default=0),
        stamped=max(_sizes(root / stamped, "", "*.tsr"), default=0),
    )


def _sizes(folder: Path, suffix: str, wanted: str) -> Iterator[int]:
    """Yield the sizes whose folder, named by the size and *suffix*, holds a file of the form *wanted*."""
    for below in folder.glob(f"*{suffix}"):
        size = below.name.removesuffix(suffix)
        if size.isascii() and size.isdecimal() and len(size) < 20 and next(below.glob(wanted), None) is not None:
            yield int(size)
