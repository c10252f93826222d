"""What a packet tells of custody: the sealed events about its captures, each with its own proof in the log."""

from dataclasses import dataclass
from pathlib import Path

from muniment import durable, layout, manifest
from muniment.catalogue import Claims
from muniment.digest import Digest
from muniment.errors import JobError
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf
from muniment.log.proof import SUFFIX
from muniment.manifest import Event
from muniment.seal import dsse

__all__ = ["Held", "put_custody"]


@dataclass(frozen=True, slots=True)
class Held:
    """The events that were put into a packet, and the ids of those that were not because they name other captures."""

    events: tuple[Event, ...]
    kept_back: tuple[str, ...]


def put_custody(root: Path, claims: Claims, folder: Path) -> Held:
    """Put into *folder* the events that are about the capture of *claims* and no other, each as it was sealed.

    An event that names other captures would show that they are there. Each is proved by the newest checkpoint.
    """
    journal, about = Journal(root, claims.place.origin), str(layout.statement(claims.capture))
    events: list[Event] = []
    kept_back: list[str] = []
    for index, octets in enumerate(journal.entries()):
        leaf = Leaf.decode(octets, f"log {journal.origin}, leaf {index}")
        if not layout.is_event(leaf.id):
            continue
        path = root / layout.event(leaf.id)
        if not path.is_file():
            raise JobError(
                f"{path}: the log names this event, and its file is not there; `muniment recover` finishes what a "
                "crash left, and `muniment verify` says what is lost"
            )
        with durable.opened(path) as stream:
            sealed = stream.read()
        event = manifest.decode_event(dsse.unverified_payload(sealed, path), path)
        names = {name for name, _ in event.subjects}
        if about not in names or Digest.of_bytes(sealed) != leaf.digest:
            continue
        if any(_capture(name) not in {"", claims.capture} for name in names):
            kept_back.append(event.id)
            continue
        durable.folder(folder / "events")
        durable.create(folder / "events" / f"{event.id}.dsse.json", sealed)
        durable.create(folder / "events" / f"{event.id}{SUFFIX}", journal.prove(index).encode())
        events.append(event)
    return Held(tuple(events), tuple(kept_back))


def _capture(name: str) -> str:
    """Return the capture in whose folder the file *name* lies, nothing where it lies in none."""
    return next((part for part in name.split("/") if layout.is_capture(part)), "")
