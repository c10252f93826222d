"""The index kept in step with what was committed, and made anew from the evidence when it is lost or damaged.

Both ways go through the same rows, so that a rebuilt index equals, row by row, one that grew capture by capture.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muniment import durable, layout
from muniment.catalogue.claims import Claims, Place, committed, newest, origins, read
from muniment.catalogue.derivation import derived, of_claims
from muniment.errors import FormatError, StoreError
from muniment.index import Comparison, Index, created, older, reading, supplant, writing

__all__ = ["Checked", "Rebuilt", "add", "catalogue", "check", "consulted", "rebuild", "unlisted"]

_NEW: Final = ".new"
_BESIDE: Final = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild brought: the rows of each table, and a sentence for each file that could not be read."""

    counts: dict[str, int]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of the index found: how it differs from what the evidence gives, and what could not be read."""

    comparison: Comparison
    counts: dict[str, int]
    problems: tuple[str, ...]


def catalogue(root: Path, capture: str, index: Index, claims: Claims | None = None) -> tuple[str, ...]:
    """Enter the committed *capture* into *index*, in place of what that held of it; return what could not be read.

    Only metadata records are read from the WARC files. Raises FormatError, IntegrityError or StoreError when the
    statement or the manifest cannot be read: then nothing is entered.
    """
    found, problems = of_claims(root, claims or read(root, capture))
    index.replace(found)
    return problems


def add(root: Path, capture: str, claims: Claims | None = None) -> tuple[str, ...]:
    """Enter the committed *capture* into the archive's index, under the archive's lock; *claims* where they were read.

    Where there is no index, or one that an older muniment made, all captures are entered into a new one. Returns what
    could not be read; raises as :func:`catalogue`, and StoreError for an index that must be rebuilt.
    """
    path = root / layout.INDEX
    with durable.locked(root / layout.archive_lock()):
        if _unusable(path):
            return _rebuild(root, path, lambda _: None).problems
        with writing(path) as index:
            return catalogue(root, capture, index, claims)


def rebuild(root: Path, path: Path, progress: Callable[[str], None]) -> Rebuilt:
    """Make the index *path* anew from archive/ and manifests/ alone, under the archive's lock.

    Captures are entered in the order of the logs; *progress* is told the id of each, and a sentence where a process
    that read them was lost. A capture whose statement or manifest is damaged is named and left out, one whose metadata
    records are damaged is entered without these.
    """
    with durable.locked(root / layout.archive_lock()):
        return _rebuild(root, path, progress)


# 1. A new index is made beside the old one, which goes on answering.  What an earlier crash left there is removed.
# 2. It is checked, closed and thereby whole in its one file.
# 3. Where an index is there that SQLite can open, the new one is written into it in one transaction: readers see the
#    old rows until it is committed and the new ones from then on, also those who open it at that very moment.
# 4. Otherwise nobody can be reading: its write-ahead log is removed, which SQLite would read into the new file, and
#    the new file takes its name, synced.  A crash before 3 or 4 leaves the old index, one after it the new.
def _rebuild(root: Path, path: Path, progress: Callable[[str], None]) -> Rebuilt:
    new = path.with_name(path.name + _NEW)
    _clear(new)
    try:
        with created(new) as index:  # 1, and at its end 2
            problems = _derived(root, index, progress)
            counts = index.counts()
        if not supplant(new, path):  # 3
            for end in _BESIDE[1:]:  # 4
                durable.remove(path.with_name(path.name + end))
            durable.supersede(new, path)
    finally:
        _clear(new)
    return Rebuilt(counts, tuple(problems))


def _derived(root: Path, index: Index, progress: Callable[[str], None]) -> list[str]:
    """Enter all captures into *index*, in the order of the logs, and return what could not be read."""
    problems: list[str] = []
    with contextlib.closing(derived(root, _places(root, problems), progress)) as found:
        for each in found:
            progress(each.capture)
            if each.rows is not None:
                index.replace(each.rows)  # a failure here is the disk's, and ends the rebuild
            problems += each.problems
    return problems


def check(root: Path, path: Path, progress: Callable[[str], None], most: int) -> Checked:
    """Derive everything anew, aside, and hold the index *path* against it; *most* differences are named.

    Nothing of the archive is written, and no lock is held: a capture that is committed meanwhile may be named as
    missing. The new index lies in the system's folder for temporary files while it is needed. Raises StoreError for an
    index that cannot be opened at all.
    """
    with reading(path) as found, tempfile.TemporaryDirectory(prefix="muniment-") as folder:
        aside = Path(folder) / path.name
        with created(aside) as index:
            problems = _derived(root, index, progress)
        with reading(aside) as wanted:
            return Checked(found.differences(wanted, most), wanted.counts(), tuple(problems))


@contextlib.contextmanager
def consulted(root: Path, told: Callable[[str], None]) -> Iterator[Index]:
    """Open the archive's index for questions; where it is missing or of an older muniment it is made anew.

    *told* is a sentence about it then. The one thing that a command which only reads may write, because nothing is lost
    by it and nothing repaired.
    """
    path = root / layout.INDEX
    if why := _unusable(path):
        told(f"{path.name} {why}; it is made anew from archive/ and manifests/")
        with durable.locked(root / layout.archive_lock()):
            if _unusable(path):
                for problem in _rebuild(root, path, lambda _: None).problems:
                    told(f"{problem}; run `muniment verify`")
    with reading(path) as index:
        yield index


def _unusable(path: Path) -> str:
    if not path.exists():
        return "is missing"
    return "was made by an older muniment" if older(path) else ""


def unlisted(root: Path, index: Index) -> list[str]:
    """Return captures that were committed lately and that *index* does not hold, because entering them failed.

    Only the newest leaves of each log are looked at (at most 256), so that it costs nothing to ask; a log that cannot
    be read says nothing here. Not promised: that the index agrees with the evidence otherwise.
    """
    missing: list[str] = []
    for origin in origins(root):
        with contextlib.suppress(FormatError, StoreError):
            missing += (each for each in newest(root, origin) if not index.ids(each))
    return missing


def _places(root: Path, problems: list[str]) -> Iterator[Place]:
    for origin in origins(root):
        try:
            yield from committed(root, origin)
        except (FormatError, StoreError) as damage:
            problems.append(str(damage))


def _clear(new: Path) -> None:
    for end in _BESIDE:
        durable.remove(new.with_name(new.name + end))
