"""A log copied to where the public can read it: tlog-tiles in a folder that a web server, git or a mirror carries.

What lies there is never ahead of its tiles: tiles and bundles come first, the checkpoint last. It only ever grows.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from muniment import durable, layout
from muniment.errors import IntegrityError, LogForked, StoreError
from muniment.log import note, tree
from muniment.log.cosignature import joined
from muniment.log.stored import ENTRIES, WIDTH, Stored, widths

__all__ = ["Published", "beside", "publish"]

_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: the checkpoint as it stands there, its size, the size before, how many files were new."""

    checkpoint: bytes
    size: int
    before: int
    files: int


def beside(log: Stored, size: int) -> tuple[bytes, ...]:
    """Return the cosignatures that are kept of the checkpoint of *log* at *size* leaves; none of them is verified."""
    folder = log.folder / "checkpoints" / layout.cosignatures(log.origin, size).name
    found = []
    for path in sorted(folder.glob("*.cosig")):
        with durable.opened(path) as stream:
            found.append(stream.read(1 << 20))
    return tuple(found)


def publish(log: Stored, to: Path, keys: Sequence[note.VerifierKey]) -> Published:
    """Bring the folder *to* up to the newest checkpoint of *log*, with its cosignatures, and all time-stamps.

    Nothing is published that *keys* did not sign, or whose tiles do not lead to the signed root. LogForked when what
    is published there already is no beginning of this log, so also when it is ahead of it; IntegrityError when a
    file there holds something else. May be interrupted at any moment and called again.
    """
    signed = log.newest()
    newest = note.open_checkpoint(signed, keys, log.folder)
    root = tree.range_root(log.nodes(newest.size), 0, newest.size)
    if root != newest.root:
        raise IntegrityError(log.folder, expected=f"tiles with the root {newest.root.hex()}", found=root.hex())
    before = _published(log, to, newest, keys)
    files = 0
    # 1. What the checkpoint commits to, and what others said of earlier ones.
    for path in (*_tiles(newest.size), *_said(log, newest.size)):
        files += _copied(log.folder / path, to / path)
    # 2. The checkpoint: from here on the log is published at this size.
    whole = joined(signed, beside(log, newest.size), log.folder)
    durable.folder(to)
    durable.replace(to / "checkpoint", whole)
    return Published(whole, newest.size, before, files)


def _published(log: Stored, to: Path, newest: note.Checkpoint, keys: Sequence[note.VerifierKey]) -> int:
    path = to / "checkpoint"
    if not os.path.lexists(path):
        return 0
    with durable.opened(path) as stream:
        there = note.open_checkpoint(stream.read(1 << 20), keys, path)
    if there.origin != newest.origin:
        raise LogForked(path, expected=f"the log {newest.origin!r}", found=f"another one, {there.origin!r}")
    if there.size > newest.size:
        raise LogForked(path, expected=f"at most {newest.size} leaves", found=f"{there.size}: it is ahead of the log")
    proof = tree.consistency_proof(log.nodes(newest.size), there.size, newest.size)
    tree.verify_consistency(proof, there.root, newest.root, path)
    return there.size


def _tiles(size: int) -> Iterator[PurePosixPath]:
    for level, count in enumerate(widths(size)):
        for number in range(-(-count // WIDTH)):
            width = min(WIDTH, count - number * WIDTH)
            if not level:
                yield layout.tile(ENTRIES, number, width)
            yield layout.tile(level, number, width)


def _said(log: Stored, size: int) -> Iterable[PurePosixPath]:
    """Yield the time-stamps, and each checkpoint file that one is over, so that whoever has them can check them."""
    folder = log.folder / "stamps"
    for below in sorted(folder.iterdir()) if folder.is_dir() else ():
        if below.name.isdecimal() and int(below.name) <= size:
            yield PurePosixPath("checkpoints", below.name)
            for path in sorted(below.iterdir()):
                if path.is_file() and not path.name.startswith("."):
                    yield PurePosixPath("stamps", below.name, path.name)


def _copied(source: Path, target: Path) -> int:
    with durable.opened(source) as stream:
        content = stream.read(_LARGEST)
    if os.path.lexists(target):
        with durable.opened(target) as stream:
            if stream.read(_LARGEST) != content:
                raise IntegrityError(target, expected=f"the same octets as {source}", found="others: it was changed")
        return 0
    durable.folder(target.parent)
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):
        durable.remove(leftover)
    try:
        durable.create(target, content, mode=0o644)
    except StoreError:
        if not os.path.lexists(target):
            raise
        return _copied(source, target)  # somebody publishes the same log here just now
    return 1
