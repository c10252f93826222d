"""Renewal: what was proved goes on being proved when certificates end and digests weaken (RFC 4998, in plain files).

    1. Write the lists: every time-stamp file by SHA-256; on demand every sealed file by another digest.
    2. Seal a renewal that names the lists, and append its leaf.    <- commit point
    3. Have the newest checkpoint stamped: that token shows that all that is listed existed by then.

A list without its renewal, which a crash leaves, says nothing; a renewal without a newer token proves nothing yet.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from muniment import __version__, durable, layout, timestamp
from muniment.capture import events, stamping
from muniment.capture.archive import Archive
from muniment.capture.sealing import TOOL, Signers
from muniment.capture.stamping import Authority, Stamped, Terms
from muniment.digest import Digest
from muniment.errors import FormatError, JobError, StoreError
from muniment.manifest import Agent, Event
from muniment.model import EventType

__all__ = ["DIGESTS", "Renewed", "lapses", "renew"]

DIGESTS: Final = ("sha512",)
"""Digests by which everything can be listed once more."""

_STAMPS: Final = (".tsr", ".tsq", ".pem")
_TOPS: Final = ("archive", "manifests")


@dataclass(frozen=True, slots=True)
class Renewed:
    """A renewal: its event, how many files each of its lists names, and what authorities said of the checkpoint."""

    event: str
    size: int
    lists: tuple[tuple[str, int], ...]
    stamped: tuple[Stamped, ...]


def lapses(archive: Archive) -> tuple[int, datetime] | None:
    """Return the size of the newest checkpoint that is stamped, and when the last of its tokens lapses; None without.

    Goes by the certificates that were kept with the tokens, and verifies nothing.
    """
    folder = archive.path(layout.stamps(archive.origin, 1)).parent
    names = (path.name for path in (folder.iterdir() if folder.is_dir() else ()))
    for size in sorted((int(name) for name in names if name.isascii() and name.isdecimal()), reverse=True):
        ends = []
        for path in archive.path(layout.stamps(archive.origin, size)).glob("*.tsr"):
            with suppress(StoreError, FormatError):
                chain = timestamp.certificates(_read(path.with_suffix(".pem")), path)
                ends.append(min(each.not_valid_after_utc for each in chain))
        if ends:
            return size, max(ends)
    return None


def _read(path: Path) -> bytes:
    with durable.opened(path) as stream:
        return stream.read(timestamp.LONGEST)


def renew(archive: Archive, held: Signers, asked: Sequence[Authority], terms: Terms, digest: str | None) -> Renewed:
    """Renew every token that *archive* holds, and with *digest* everything else, by tokens of *asked*.

    JobError where there is nothing to renew. Raises StoreError and so on as events do; what authorities refuse is
    pending, and `muniment stamp` asks again: their token counts as long as it comes before the old ones lapse.
    """
    at = terms.clock.now()
    name = events.new_id(at)
    stamps = sorted(path for path in _files(archive) if _is_stamp(path))
    if not stamps and digest is None:
        raise JobError(f"{archive.root}: there is no token to renew; `muniment stamp` asks for one")
    lists = {"sha256": stamps} if stamps else {}
    if digest is not None:
        lists |= {digest: sorted(path for path in _files(archive) if _lasts(path, archive))}
    durable.folder(archive.path(layout.event(name)).parent)
    made = [(_write(archive, name, algorithm, paths), len(paths), algorithm) for algorithm, paths in lists.items()]  # 1
    event = Event(
        id=name,
        type=EventType.RENEWAL,
        at=at,
        agents=(Agent(archive.settings.archive.operator, "operator"),),
        subjects=tuple((str(path), _hashed(archive, path, "sha256")) for path, _, _ in made),
        outcome="success",
        tool=TOOL,
        version=__version__,
        detail={
            "lists": [
                {"algorithm": algorithm, "entries": number, "digest": f"{algorithm}:{_hex(archive, path, algorithm)}"}
                for path, number, algorithm in made
            ]
        },
    )
    added = events.record(archive, held, event)  # 2
    stamped = stamping.stamp(archive, asked, stamping.newest(archive), terms)  # 3
    return Renewed(name, added.size, tuple((str(path), number) for path, number, _ in made), stamped)


def _files(archive: Archive) -> Iterator[PurePosixPath]:
    for top in _TOPS:
        for path in archive.path(top).rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield PurePosixPath(path.relative_to(archive.root).as_posix())


def _is_stamp(path: PurePosixPath) -> bool:
    return path.suffix in _STAMPS and bool(layout.token_digest(path.name)) and path.parent.parent.name == "stamps"


def _lasts(path: PurePosixPath, archive: Archive) -> bool:
    """Say whether the file *path* is finished and never replaced."""
    unfinished = path.name.endswith((layout.OPEN_SUFFIX, ".tmp")) or path.suffix.lstrip(".") in DIGESTS
    return not unfinished and path != layout.checkpoint(archive.origin) and path.name != "checkpoint"


def _write(archive: Archive, name: str, algorithm: str, paths: Sequence[PurePosixPath]) -> PurePosixPath:
    path = layout.event_list(name, algorithm)
    lines = "".join(f"{_hex(archive, each, algorithm)}  {each}\n" for each in paths)
    durable.create(archive.path(path), lines.encode())
    return path


def _hashed(archive: Archive, path: PurePosixPath, algorithm: str) -> Digest:
    return Digest.parse_hex(_hex(archive, path, algorithm), path)


def _hex(archive: Archive, path: PurePosixPath, algorithm: str) -> str:
    digester = hashlib.new(algorithm)
    with durable.opened(Path(archive.path(path))) as stream:
        while chunk := stream.read(1 << 20):
            digester.update(chunk)
    return digester.hexdigest()
