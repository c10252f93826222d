"""Attacks on who held what and on keys: rotations, acceptances, deletions and holds, by insiders who hold the keys."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from archives import Made, signers
from attack import Bench, attack
from attacks_on_testimony import STRANGER, cosigned, happened, other
from muniment import layout, manifest
from muniment.capture import custody, events
from muniment.capture.custody import Deed
from muniment.capture.sealing import Signers
from muniment.digest import Digest
from muniment.log.journal import Journal
from muniment.manifest import Acceptance, Change, Event, KeyChange
from muniment.model import EventType
from muniment.seal import SigningKey, dsse

NEXT = SigningKey.of_seed(b"next".ljust(32, b"."))


@contextmanager
def insider(bench: Bench) -> Iterator[Made]:
    """Give the archive to somebody who holds its keys, in a home of his own that remembers nothing of other attacks."""
    made = other(bench)
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(made.home, home)
        yield replace(made, home=home)
        # The witness has seen all of it, so that only the fault itself decides.
        journal = Journal(made.root, made.origin)
        cosigned(made, journal.newest(), journal.sizes()[-1])
    shutil.rmtree(bench.evidence / "work", ignore_errors=True)


def held(made: Made) -> Signers:
    return signers(made.archive, None)


def sealed(made: Made, event: Event) -> bytes:
    return made.path(layout.event(event.id)).read_bytes()


def rotation(made: Made, said: KeyChange) -> Event:
    return replace(happened(made, EventType.KEY_EVENT), detail=manifest.encode_key_change(said))


@attack("attested", "key-event-without-the-new-keys-seal", "a successor is named that did not seal it", "key-event")
def _(bench: Bench) -> None:
    with insider(bench) as made:
        old = held(made).operator.public.pem
        said = KeyChange(Change.ROTATION, old, successor=NEXT.public.pem)
        events.record(made.archive, held(made), rotation(made, said))


@attack("attested", "key-event-without-the-old-keys-seal", "a key is succeeded that did not seal it", "key-event")
def _(bench: Bench) -> None:
    with insider(bench) as made:
        said = KeyChange(Change.ROTATION, NEXT.public.pem, successor=STRANGER.public.pem)
        events.record(made.archive, held(made), rotation(made, said), also=[STRANGER])


@attack(
    "attested",
    "revocation-that-trust-does-not-have",
    "the operator's new key says that the old one was stolen; the verifier's trust has not heard of it",
    "key-event",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    with insider(bench) as made:
        since = datetime(2026, 1, 1, tzinfo=UTC)
        said = KeyChange(Change.REVOCATION, held(made).operator.public.pem, since=since)
        events.record(made.archive, held(made), rotation(made, said))


def transferred(made: Made) -> Event:
    deed = Deed(EventType.TRANSFER, to="National Archive")
    return custody.record(made.archive, held(made), deed, made.captures, datetime.now(UTC))


def accepted(made: Made, sent: Event, quoted: bytes, *, strip: bool = False) -> None:
    """Record that *sent* was accepted, by a paper of a stranger that speaks of the sealed transfer *quoted*."""
    there = replace(
        happened(made, EventType.ACCEPTANCE), detail=Acceptance(sent.id, Digest.of_bytes(quoted), "{}").detail()
    )
    paper = dsse.seal(manifest.encode_event(there), manifest.PAYLOAD_TYPE, [STRANGER]).decode()
    if strip:
        paper = paper[: paper.index('"signatures":')] + '"signatures":[]}'
    here = Acceptance(sent.id, Digest.of_bytes(sealed(made, sent)), paper)
    event = replace(
        happened(made, EventType.ACCEPTANCE),
        subjects=((f"{there.id}.dsse.json", Digest.of_bytes(paper.encode())),),
        detail=here.detail(),
    )
    events.record(made.archive, held(made), event)


@attack("attested", "acceptance-of-another-transfer", "the receiver's paper is about something else", "custody")
def _(bench: Bench) -> None:
    with insider(bench) as made:
        accepted(made, transferred(made), b"another")


@attack("attested", "acceptance-stripped", "the receiver's paper has no signature", "custody")
def _(bench: Bench) -> None:
    with insider(bench) as made:
        sent = transferred(made)
        accepted(made, sent, sealed(made, sent), strip=True)


@attack(
    "attested", "acceptance-by-a-stranger", "somebody unknown accepted the transfer", "custody", verdict="unverifiable"
)
def _(bench: Bench) -> None:
    with insider(bench) as made:
        sent = transferred(made)
        accepted(made, sent, sealed(made, sent))


def deleted(made: Made, by: Signers) -> None:
    """Record that the WARC files of the capture are deleted, sealed by *by*, and delete them."""
    files = custody.deletable(made.archive, made.captures[0])
    event = happened(made, EventType.DELETION)
    events.record(made.archive, by, replace(event, subjects=(*event.subjects, *files)))
    for name, _ in files:
        made.path(name).unlink()


@attack("attested", "deletion-under-a-legal-hold", "files were deleted although a hold forbade it", "custody")
def _(bench: Bench) -> None:
    with insider(bench) as made:
        custody.record(made.archive, held(made), Deed(EventType.LEGAL_HOLD), made.captures, datetime.now(UTC))
        deleted(made, held(made))


@attack(
    "attested",
    "deletion-told-by-a-stranger",
    "files are gone, and somebody unknown says that they were deleted",
    "deletion",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    with insider(bench) as made:
        deleted(made, Signers(STRANGER, held(made).log))


@attack("attested", "deletion-of-another-capture", "files are gone, and the deletion is of other ones", "file")
def _(bench: Bench) -> None:
    with insider(bench) as made:
        event = happened(made, EventType.DELETION)
        events.record(made.archive, held(made), event)
        for name, _ in custody.deletable(made.archive, made.captures[0]):
            made.path(name).unlink()
