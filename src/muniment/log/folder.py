"""What lies in a log's folder, whoever put it there: files by their paths below it, links not followed."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from muniment.errors import FormatError, StoreError

__all__ = ["listed", "refuse_irregular"]

_TEMPORARY: Final = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


def listed(folder: Path) -> Iterator[PurePosixPath]:
    """Yield the path of every file below *folder*; those that a cut write left are passed over."""
    # Folder by folder and not by recursion: how deep somebody nested folders here is not ours to choose.
    waiting = [folder]
    while waiting:
        above = waiting.pop()
        try:
            entries = list(os.scandir(above))
        except FileNotFoundError:
            continue  # an empty log has no folder yet
        except OSError as failure:
            raise StoreError(above, f"could not list the folder: {failure.strerror}") from failure
        for entry in entries:
            # A symbolic link to a folder is no folder of ours: it is named, and not followed.
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif not _TEMPORARY.fullmatch(entry.name):
                yield PurePosixPath(Path(entry.path).relative_to(folder).as_posix())


def refuse_irregular(path: Path, where: PurePosixPath) -> None:
    """Return when *path* is a regular file; FormatError, which names *where*, otherwise."""
    try:
        mode = path.lstat().st_mode
    except OSError as failure:
        raise StoreError(where, f"could not look at the file: {failure.strerror}") from failure
    if not stat.S_ISREG(mode):
        raise FormatError(where, expected="a regular file", found="a link, a pipe or a device")
