"""Events that commands record by themselves, where the archive's settings say so ([custody] record = true)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.cli import Room, read_passphrase, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from muniment.capture.archive import Archive
    from muniment.capture.sealing import Signers
    from muniment.manifest import Event

__all__ = ["Unlock", "record_by_itself"]


@dataclass(frozen=True, slots=True)
class Unlock:
    """Where the passphrase of the keys comes from: a file or a descriptor, never a prompt."""

    file: Path | None
    descriptor: int | None


def record_by_itself(
    room: Room, root: Path, unlock: Unlock, make: "Callable[[Archive, Signers, datetime], Event]"
) -> None:
    """Record what *make* records in the archive at *root*, where its settings want that.

    What was done stands whether or not it could be recorded; why it could not is told on standard error.
    """
    from muniment import layout
    from muniment.capture.archive import opened
    from muniment.capture.sealing import signers
    from muniment.errors import MunimentError
    from muniment.report.words import safe
    from muniment.seal.keys import is_locked

    if not (root / str(layout.SETTINGS)).is_file():
        return
    try:
        archive = opened(root, room.home)
        if not archive.settings.custody.record:
            return
        secret = read_passphrase(unlock.file, unlock.descriptor, needed=False, what="")
        if secret is None and is_locked(archive.keys):
            tell("Not recorded: the keys have a passphrase; give it by --passphrase-file or --passphrase-fd.")
            return
        event = make(archive, signers(archive, secret), datetime.now(UTC))
    except MunimentError as failure:
        tell(f"Not recorded: {safe(str(failure))}")
    else:
        tell(f"Recorded as {event.id}.")
