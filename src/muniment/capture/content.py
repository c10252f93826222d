"""The content of an answer where others can read it: in its spool, or written once more without its codings."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from muniment import scratch
from muniment.errors import FormatError, StoreError
from muniment.extract.lying import Lying
from muniment.message import entity

__all__ = ["lying"]

_CAP: Final = 64 << 20
"""How much is written once more: more than pictures have; films come without codings."""


@contextlib.contextmanager
def lying(response: BinaryIO, *, cut: bool) -> Iterator[Lying]:
    """Give the content of the spooled *response*, of which the end is missing where it is *cut*.

    What lies on disk as it is is not copied. FormatError where there is no head, StoreError where the disk refuses.
    """
    place, descriptor = entity.plain(response), _descriptor(response)
    if place is not None and descriptor is not None:
        yield Lying(descriptor, *place, whole=not cut)
        return
    with scratch.nameless(_folder()) as file:
        size, whole = 0, not cut
        try:
            for chunk in entity.content(response, cap=_CAP):
                size += file.write(chunk)
        except FormatError:  # said already of its first octets, or it is more than is looked into
            whole = False
        yield Lying(file.fileno(), 0, size, whole)


def _folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as none:
        raise StoreError("the folder for temporary files", f"is not there: {none.strerror}") from none


def _descriptor(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except OSError:  # in memory
        return None
