"""Files that people hand over: checkpoints and cosignatures out of mails, disks and web pages."""

import os
from pathlib import Path

__all__ = ["note_in", "read"]

_LARGEST = 2 << 20


def read(path: Path) -> bytes:
    """Return what the file *path* holds, as far as a note can go; JobError where it cannot be read.

    What a mail program does to lines is undone: ends of lines, empty lines before and after.
    """
    from muniment import durable
    from muniment.errors import JobError, StoreError

    try:
        with durable.opened(Path(os.path.realpath(path))) as stream:
            content = stream.read(_LARGEST)
    except StoreError as failure:
        raise JobError(f"{failure}; name the file of a checkpoint, as `muniment log checkpoint` prints it") from failure
    return content.replace(b"\r\n", b"\n").strip(b"\n") + b"\n"


def note_in(path: Path, checkpoint: bytes = b"") -> bytes:
    """Return the checkpoint with its signature lines that the file *path* holds; JobError where it holds none.

    Signature lines alone, as public witnesses answer, are taken as some on *checkpoint*. Nothing is verified.
    """
    from muniment.errors import FormatError, JobError
    from muniment.log.note import unverified_checkpoint

    content = read(path)
    if content.startswith("—".encode()):
        content = checkpoint + content
    note = content if content.count(b"\n\n") else content + b"\n"
    try:
        unverified_checkpoint(note, path)
    except FormatError as wrong:
        raise JobError(f"{wrong}; give a checkpoint as `muniment log checkpoint` prints it, all of its lines") from None
    return note
