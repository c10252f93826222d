"""Files that people hand over: checkpoints and cosignatures out of mails, disks and web pages."""

import os
from pathlib import Path

__all__ = ["note_in"]

_LARGEST = 1 << 20


def note_in(path: Path) -> bytes:
    """Return the checkpoint with its signature lines that the file *path* holds; JobError where it holds none.

    What a mail program does to lines is undone: ends of lines, empty lines before and after. Nothing is verified.
    """
    from muniment import durable
    from muniment.errors import FormatError, JobError, StoreError
    from muniment.log.note import unverified_checkpoint

    try:
        with durable.opened(Path(os.path.realpath(path))) as stream:
            content = stream.read(_LARGEST)
    except StoreError as failure:
        raise JobError(f"{failure}; name the file of a checkpoint, as `muniment log checkpoint` prints it") from failure
    lines = content.replace(b"\r\n", b"\n").strip(b"\n")
    note = lines + (b"\n" if lines.count(b"\n\n") else b"\n\n")
    try:
        unverified_checkpoint(note, path)
    except FormatError as wrong:
        raise JobError(f"{wrong}; give a checkpoint as `muniment log checkpoint` prints it, all of its lines") from None
    return note
