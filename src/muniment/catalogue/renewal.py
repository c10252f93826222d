"""The index kept in step with what was committed, and made anew from the evidence when it is lost or damaged.

Both ways go through the same rows, so that a rebuilt index equals, row by row, one that grew capture by capture.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muniment import durable, layout
from muniment.catalogue.claims import Claims, Place, committed, newest, origins, read
from muniment.catalogue.facts import gather
from muniment.catalogue.rows import rows
from muniment.errors import FormatError, IntegrityError, StoreError
from muniment.index import Index, Rows, created, reading, writing

__all__ = ["Rebuilt", "add", "catalogue", "consulted", "rebuild", "unlisted"]

_NEW: Final = ".new"
_BESIDE: Final = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild brought: the rows of each table, and a sentence for each file that could not be read."""

    counts: dict[str, int]
    problems: tuple[str, ...]


def catalogue(root: Path, capture: str, index: Index, claims: Claims | None = None) -> tuple[str, ...]:
    """Enter the committed *capture* into *index*, in place of what that held of it; return what could not be read.

    Only metadata records are read from the WARC files. Raises FormatError, IntegrityError or StoreError when the
    statement or the manifest cannot be read: then nothing is entered.
    """
    found, problems = _rows(root, claims or read(root, capture))
    index.replace(found)
    return problems


def _rows(root: Path, claims: Claims) -> tuple[Rows, tuple[str, ...]]:
    facts = gather(root, claims.capture, claims.records)
    return rows(claims, facts), facts.problems


def add(root: Path, capture: str, claims: Claims | None = None) -> tuple[str, ...]:
    """Enter the committed *capture* into the archive's index, under the archive's lock; *claims* where they were read.

    Where there is no index, all captures are entered into a new one. Returns what could not be read; raises as
    :func:`catalogue`, and StoreError for an index that must be rebuilt.
    """
    path = root / layout.INDEX
    with durable.locked(root / layout.archive_lock()):
        if not path.exists():
            return _rebuild(root, path, lambda _: None).problems
        with writing(path) as index:
            return catalogue(root, capture, index, claims)


def rebuild(root: Path, path: Path, progress: Callable[[str], None]) -> Rebuilt:
    """Make the index *path* anew from archive/ and manifests/ alone, under the archive's lock.

    Captures are entered in the order of the logs; *progress* is told the id of each. A capture whose statement or
    manifest is damaged is named and left out, one whose metadata records are damaged is entered without these.
    """
    with durable.locked(root / layout.archive_lock()):
        return _rebuild(root, path, progress)


# 1. A new index is made beside the old one, which goes on answering.  What an earlier crash left there is removed.
# 2. It is checked, closed and thereby whole in its one file.
# 3. The old one's write-ahead log is brought in and removed: SQLite would read it into the new file.
# 4. The new file takes the old one's name, synced: the moment from which on it answers.  A crash before it leaves the
#    old index, one after it the new.
def _rebuild(root: Path, path: Path, progress: Callable[[str], None]) -> Rebuilt:
    new = path.with_name(path.name + _NEW)
    _clear(new)
    problems: list[str] = []
    try:
        with created(new) as index:  # 1
            for place in _places(root, problems):
                progress(place.leaf.id)
                try:
                    found, unread = _rows(root, read(root, place.leaf.id, place))
                except (FormatError, IntegrityError, StoreError) as damage:
                    problems.append(str(damage))
                    continue
                index.replace(found)  # a failure here is the disk's, and ends the rebuild
                problems += unread
            counts = index.counts()
            index.settle()  # 2
        _settle_old(path)  # 3
        durable.supersede(new, path)  # 4
    finally:
        _clear(new)
    return Rebuilt(counts, tuple(problems))


@contextlib.contextmanager
def consulted(root: Path, told: Callable[[str], None]) -> Iterator[Index]:
    """Open the archive's index for questions; where it is missing it is made anew, and *told* is a sentence about it.

    The one thing that a command which only reads may write, because nothing is lost by it and nothing repaired.
    """
    path = root / layout.INDEX
    if not path.exists():
        told(f"{path.name} is missing; it is made anew from archive/ and manifests/")
        with durable.locked(root / layout.archive_lock()):
            if not path.exists():
                for problem in _rebuild(root, path, lambda _: None).problems:
                    told(f"{problem}; run `muniment verify`")
    with reading(path) as index:
        yield index


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


def _settle_old(path: Path) -> None:
    with contextlib.suppress(StoreError), writing(path) as old:
        old.settle()
    for end in _BESIDE[1:]:
        durable.remove(path.with_name(path.name + end))


def _clear(new: Path) -> None:
    for end in _BESIDE:
        durable.remove(new.with_name(new.name + end))
