"""Events on the write path: sealed by the operator, written once, appended to the log."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import PurePosixPath
from secrets import token_bytes

from muniment import durable, layout, manifest
from muniment.capture import sealing
from muniment.capture.archive import Archive
from muniment.capture.sealing import Signers
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.log.journal import Appended, Journal
from muniment.log.leaf import Leaf, leaf_type
from muniment.manifest import Event
from muniment.seal import Signer, dsse

__all__ = ["finish", "new_id", "record", "unlogged"]


def new_id(at: datetime) -> str:
    """Return a new id for an event at *at*, which is then the event's own time."""
    return layout.event_id(at, token_bytes(4))


def record(archive: Archive, held: Signers, event: Event, *, also: Sequence[Signer] = ()) -> Appended:
    """Seal *event*, write it, and return when its leaf is committed; *also* are others who seal it.

    The file bears its final name only when the log holds it. A crash before leaves it as ``….dsse.json.open``, which
    says nothing by itself; `muniment recover` carries on from there.
    """
    path = archive.path(layout.unlogged(event.id))
    durable.folder(path.parent)
    sealed = dsse.seal(manifest.encode_event(event), manifest.PAYLOAD_TYPE, [held.operator, *also])
    with _lock(archive):
        # 1. The sealed event, which nobody believes yet.  2. Its leaf: THE COMMIT POINT.  3. Its final name.
        durable.create(path, sealed)
        added = sealing.append(archive, held, _leaf(event, sealed))
        durable.finish(path, archive.path(layout.event(event.id)))
    return added


def _lock(archive: Archive) -> AbstractContextManager[None]:
    # Without it a recovery could log once more what another process is logging.
    return durable.locked(archive.path(layout.events_lock()))


def _leaf(event: Event, sealed: bytes) -> Leaf:
    return Leaf(leaf_type(event.type), event.id, Digest.of_bytes(sealed))


def unlogged(archive: Archive) -> tuple[str, ...]:
    """Return the events of *archive* that were being recorded when a process died, or are being recorded now."""
    top = archive.path(layout.events())
    below = [PurePosixPath(path.relative_to(archive.root).as_posix()) for path in top.glob("[0-9]*/[0-9]*/*")]
    return tuple(sorted({name for path in below if (name := layout.event_unfinished(path))}))


def finish(archive: Archive, held: Signers, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Finish the recording of each event of *names* as far as it came; yield its id and what was done.

    What was sealed is logged; what was never whole is removed. Raises as :func:`record` does, and IntegrityError or
    TrustError where something lies there that these keys did not seal: nothing is logged for a stranger.
    """
    if names:
        sealing.mend_log(archive, held)
    for name in names:
        with _lock(archive):
            if done := _finish(archive, held, name):
                yield name, done


def _finish(archive: Archive, held: Signers, name: str) -> str:
    path, final = archive.path(layout.unlogged(name)), archive.path(layout.event(name))
    for half in path.parent.glob(f".{path.name}.*.tmp"):
        durable.remove(half)
    if not path.exists():
        return "" if final.exists() else "it was not sealed yet; what there was of it was removed"
    # Visible is not yet on the disk.
    durable.sync(path.parent)
    sealed = path.read_bytes()
    opened = dsse.open(sealed, [held.operator.public], manifest.PAYLOAD_TYPE, path)
    event = manifest.decode_event(opened.payload, path)
    if event.id != name:
        raise FormatError(path, expected=f"the event {name}", found=repr(event.id)[:80])
    leaf = _leaf(event, sealed)
    if Journal(archive.root, archive.origin).find(leaf.encode()) is None:
        sealing.append(archive, held, leaf)
    durable.finish(path, final)
    return f"a sealed event ({event.type}); the log holds it now"
