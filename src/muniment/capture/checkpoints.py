"""Where new checkpoints are sent, so that somebody outside has them: what the settings say under ``[checkpoints]``."""

import os
from pathlib import Path
from typing import Final

from muniment import durable, layout, settings
from muniment.capture.archive import Archive, opened
from muniment.errors import JobError, MunimentError
from muniment.log.stored import Stored

__all__ = ["MAIL", "PAGE", "send", "send_to"]

MAIL: Final = "mail"
PAGE: Final = "page"


def send_to(root: Path, home: Path, to: str) -> None:
    """Write into the settings of the archive at *root* that checkpoints go *to* a folder, a mail or a page.

    JobError where *to* is a folder within the archive, or where that is settled already.
    """
    archive = opened(root, home)
    if archive.settings.checkpoints.to:
        raise JobError(f"{root / str(layout.SETTINGS)}: says already where checkpoints go; change it there")
    where = to if to in {MAIL, PAGE} else str(Path(to).expanduser().absolute())
    if to not in {MAIL, PAGE} and Path(where).resolve().is_relative_to(root.resolve()):
        raise JobError(f"{to}: lies within the archive; name a folder on another disk, or {MAIL} or {PAGE}")
    marked = root / str(layout.SETTINGS)
    told = f"\n[checkpoints]\nto = {settings.text(where)}\n"
    durable.replace(marked, marked.read_bytes() + told.encode())


def send(archive: Archive) -> str:
    """Send the newest checkpoint where the settings say, and return in a sentence what was done or is to be done.

    An empty text where nothing is said or the log is empty. What cannot be copied is told and stops nothing: the next
    checkpoint stands for this one, too.
    """
    to = archive.settings.checkpoints.to
    stored = Stored(archive.root, archive.origin)
    sizes = stored.sizes()
    if not to or not sizes:
        return ""
    if to == MAIL:
        return f"Mail this checkpoint to somebody who keeps it:\n\n{stored.newest().decode()}"
    if to == PAGE:
        return "Print the new checkpoint and hand it out: muniment log checkpoint --page FILE"
    path = Path(to) / f"{archive.origin}-{sizes[-1]}.txt"
    try:
        if not Path(to).is_dir():
            return f"The checkpoint was not copied: {to} is not there. Is the disk plugged in?"
        if not os.path.lexists(path):
            durable.create(path, stored.newest(), mode=0o444)
    except MunimentError as failure:
        return f"The checkpoint was not copied: {failure}"
    return f"The checkpoint was copied to {path}"
