"""The side of a witness: an institution that cosigns what others' logs show it, and never two logs under one name.

Below the user's own folder lie ``witness/log.pem``, its key; ``witness/name``, under which it signs;
``witness/seen/<sha256 of the origin>``, the newest checkpoint that it cosigned of each log; and ``witness/refused/``,
checkpoints that a log's key signed and that contradict what was seen: proof against that log, kept for good.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from muniment import durable
from muniment.errors import FormatError, JobError, LogForked
from muniment.log import note
from muniment.log.consistency import Extension
from muniment.log.cosignature import WitnessKey, cosign
from muniment.seal import SigningKey, keys
from muniment.seal.signing import Signer

__all__ = ["Desk", "Given", "begin", "desk"]

_LARGEST: Final = 1 << 20

Prove = Callable[[note.Checkpoint, note.Checkpoint], Extension]
"""From what was seen of a log, and what is offered now, to the proof that the one extends the other."""


@dataclass(frozen=True, slots=True)
class Given:
    """A cosignature as a note that can be sent back, and whether this log was seen for the first time."""

    cosignature: bytes
    checkpoint: note.Checkpoint
    is_first: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """A witness's folder, the key that it signs with, and the name under which it does."""

    folder: Path
    name: str
    signer: Signer

    @property
    def vkey(self) -> WitnessKey:
        """The key by which others count the cosignatures."""
        return WitnessKey(self.name, self.signer.public)

    def seen(self, origin: str) -> bytes | None:
        """Return the newest checkpoint that was cosigned of the log *origin*; None where none ever was."""
        path = self._seen(origin)
        if not os.path.lexists(path):
            return None
        with durable.opened(path) as stream:
            return stream.read(_LARGEST)

    def cosign(self, offered: bytes, logs: Sequence[note.VerifierKey], prove: Prove, now: datetime) -> Given:
        """Cosign the checkpoint *offered* when it extends all that was seen of its log before.

        What was seen is on the disk before the signature leaves. Raises TrustError for a log that is not among *logs*,
        LogForked for one that contradicts what was seen of it, whose checkpoint is then kept; and what *prove* raises.
        """
        durable.private_folder(self.folder)
        with durable.locked(self.folder / "lock"):
            checkpoint = note.open_checkpoint(offered, logs)
            if not checkpoint.size:
                raise FormatError("checkpoint", expected="one of at least one leaf", found="one of none")
            before = self.seen(checkpoint.origin)
            if before is not None:
                self._refuse_forked(before, checkpoint, offered, prove)
            # From here on nothing older, and nothing else, is cosigned: also where the signature is lost on its way.
            durable.private_folder(self.folder / "seen")
            durable.replace(self._seen(checkpoint.origin), offered, mode=0o600)
            return Given(cosign(offered, self.name, self.signer, now), checkpoint, before is None)

    def _refuse_forked(self, before: bytes, checkpoint: note.Checkpoint, offered: bytes, prove: Prove) -> None:
        seen = note.unverified_checkpoint(before, self._seen(checkpoint.origin))  # it was opened before it came there
        if checkpoint.size < seen.size:
            found = f"{checkpoint.size}: an older checkpoint, or the log was cut back"
            raise LogForked("checkpoint", expected=f"at least the {seen.size} leaves seen before", found=found)
        try:
            if checkpoint.size > seen.size:
                # The proof that was brought along counts for the checkpoint that will be signed, and for no other.
                replace(prove(seen, checkpoint), checkpoint=offered).verify(seen, "consistency proof")
            else:
                _refuse_other(seen, checkpoint)
        except LogForked:
            path = self.folder / "refused" / hashlib.sha256(offered).hexdigest()
            durable.private_folder(path.parent)
            if not path.exists():
                durable.create(path, offered)
            raise

    def _seen(self, origin: str) -> Path:
        return self.folder / "seen" / hashlib.sha256(origin.encode()).hexdigest()


def _refuse_other(seen: note.Checkpoint, checkpoint: note.Checkpoint) -> None:
    if checkpoint.root != seen.root:
        raise LogForked("checkpoint", expected=f"the root {seen.root.hex()}", found=checkpoint.root.hex())


def desk(folder: Path, passphrase: bytes | None) -> Desk:
    """Return the witness whose files lie in *folder*; JobError where there is none yet."""
    try:
        name = (folder / "name").read_text(encoding="utf-8").removesuffix("\n")
        return _named(folder, name, keys.load(folder, keys.KeyRole.LOG, passphrase))
    except FileNotFoundError:
        raise JobError(
            "This machine is no witness yet: give the name under which it is to sign, as --name archive.example/w1"
        ) from None


def begin(folder: Path, name: str, passphrase: bytes | None) -> Desk:
    """Make a witness called *name* in *folder*, with a new key; JobError where there is one already."""
    WitnessKey(name, SigningKey.of_seed(bytes(32)).public)  # refuses a name that no line could carry
    durable.private_folder(folder)
    signer = keys.create(folder, keys.KeyRole.LOG, passphrase)
    durable.create(folder / "name", f"{name}\n".encode(), mode=0o600)
    return _named(folder, name, signer)


def _named(folder: Path, name: str, signer: Signer) -> Desk:
    try:
        WitnessKey(name, signer.public)
    except FormatError as wrong:
        raise JobError(f"{folder / 'name'}: {wrong}") from None
    return Desk(folder, name, signer)
