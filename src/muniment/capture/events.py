"""Events on the write path: sealed by the operator, written once, appended to the log."""

from datetime import datetime
from secrets import token_bytes

from muniment import durable, layout, manifest
from muniment.capture.archive import Archive
from muniment.capture.sealing import Signers, append
from muniment.digest import Digest
from muniment.log.journal import Appended
from muniment.log.leaf import Leaf, LeafType
from muniment.manifest import Event
from muniment.model import EventType
from muniment.seal import dsse

__all__ = ["new_id", "record"]

_LEAVES = {EventType.KEY_EVENT: LeafType.KEY, EventType.RENEWAL: LeafType.RENEWAL}


def new_id(at: datetime) -> str:
    """Return a new id for an event at *at*."""
    return layout.event_id(at, token_bytes(4))


def record(archive: Archive, held: Signers, event: Event) -> Appended:
    """Seal *event*, write it, and return when its leaf is committed.

    A crash in between leaves a sealed event that no log names; `muniment recover` appends its leaf.
    """
    path = archive.path(layout.event(event.id))
    durable.folder(path.parent)
    sealed = dsse.seal(manifest.encode_event(event), manifest.PAYLOAD_TYPE, [held.operator])
    durable.create(path, sealed)
    leaf = _LEAVES.get(event.type, LeafType.EVENT)
    return append(archive, held, Leaf(leaf, event.id, Digest.of_bytes(sealed)))
