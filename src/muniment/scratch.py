"""Files of the work folder: private, never evidence, never synced; gone when the work is done, or by recovery.

What must outlive a crash is written by :mod:`muniment.durable`.
"""

import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from muniment.errors import StoreError

__all__ = ["append", "begun", "clear", "folder", "forget", "nameless", "taken"]

_PRIVATE: Final = 0o600


def folder(path: Path) -> None:
    """Make the private folder *path* and those above it; StoreError where it is there already."""
    with _named(path, "made"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700)


def clear(path: Path) -> None:
    """Remove *path* and everything in it, as far as it is there and can be removed."""
    shutil.rmtree(path, ignore_errors=True)


def begun(path: Path) -> BinaryIO:
    """Return the new private file *path*, opened for writing without a buffer."""
    with _named(path, "made"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
        return os.fdopen(descriptor, "wb", buffering=0)


def append(path: Path, octets: bytes, *, anew: bool) -> None:
    """Append *octets* to the file *path*, or make it of them *anew*; no descriptor is held in between."""
    with _named(path, "written"):
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if anew else os.O_APPEND)
        descriptor = os.open(path, flags, _PRIVATE)
        try:
            view = memoryview(octets)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)


def nameless(within: Path) -> BinaryIO:
    """Return a new file in the folder *within* that is gone when it is closed."""
    path = within / f"scratch-{secrets.token_hex(8)}"
    with _named(path, "made"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
        path.unlink()
        return _Nameless(descriptor, within)


def taken(path: Path) -> BinaryIO:
    """Return the file *path*, opened for reading, with its name removed: it is gone when it is closed."""
    with _named(path, "read"):
        file = path.open("rb")
        path.unlink()
        return file


def forget(path: Path) -> None:
    """Remove the file *path*, where it is there."""
    with _named(path, "removed"):
        path.unlink(missing_ok=True)


class _Nameless(io.FileIO):
    """A file without a buffer, so that a disk that refuses is told where something is written, and not on closing."""

    def __init__(self, descriptor: int, within: Path) -> None:
        super().__init__(descriptor, "r+b")
        self._within = within

    def write(self, octets: Any, /) -> int:
        """Append all of *octets*; StoreError where the disk refuses."""
        view = memoryview(octets)
        with _named(self._within, "written into"):
            while view:
                view = view[super().write(view) or 0 :]
        return len(octets)


@contextmanager
def _named(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise StoreError.of(path, f"be {done}", failure) from failure
