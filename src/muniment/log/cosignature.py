"""Cosignatures: what a witness signs of a log's checkpoint, as C2SP tlog-cosignature writes it (cosignature/v1). Pure.

A witness says that at a time the largest consistent tree which it had seen of this log had this root. It signs with
Ed25519 under a key of signature type 0x04, over the time and the text of the checkpoint. Cosignatures with ML-DSA-44
(type 0x06) are not made or judged here and count as those of unknown witnesses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final

from muniment.errors import FormatError, SignatureInvalid
from muniment.log import note
from muniment.seal.signing import Signer

__all__ = ["Cosignature", "WitnessKey", "cosign", "cosignatures", "joined"]

_LATEST: Final = 253402300799  # the last second that a date can write: 9999-12-31T23:59:59Z
_SIZE: Final = 8 + 64


@dataclass(frozen=True, slots=True)
class WitnessKey(note.Vkey):
    """A witness's public key under the name that it signs as, a "vkey" of signature type 0x04."""

    kind: ClassVar[bytes] = b"\x04"


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature that was verified: whose it is, the time that the witness says, and the root it stands for.

    ``file`` is the note that holds it alone.
    """

    key: WitnessKey
    at: datetime
    checkpoint: note.Checkpoint
    file: bytes


def cosign(signed: bytes, name: str, signer: Signer, at: datetime) -> bytes:
    """Return the checkpoint *signed* with the signature of the witness *name* alone, made at the UTC second of *at*.

    Whether the log's key signed it, and whether it extends what the witness saw before, is the caller's to know.
    """
    text = note.unverified_checkpoint(signed).text
    moment = int(at.timestamp())
    if not 0 <= moment <= _LATEST:
        raise FormatError("cosignature", expected="a time from 1970 to 9999", found=str(moment))
    signature = moment.to_bytes(8) + signer.sign(_message(moment, text))
    return f"{text}\n{note.signature_line(WitnessKey(name, signer.public), signature)}".encode()


def cosignatures(content: bytes, keys: Iterable[WitnessKey], where: object = "cosignature") -> tuple[Cosignature, ...]:
    """Return the cosignatures by witnesses of *keys* on the checkpoint *content*, in the order of their lines.

    Lines by other keys are passed over, the log's own too. Raises SignatureInvalid when one by a known key does not
    verify, or when a known key made one that names another key; FormatError when the note is malformed.
    """
    parsed = note.unverified_note(content, where)
    checkpoint = note.unverified_checkpoint(content, where)
    held = tuple(keys)
    known = {(key.name, key.id): key for key in held}
    found = []
    for name, key_id, signature in parsed.lines:
        if key := known.get((name, key_id)):
            at = _verified(key, signature, parsed.text, where)
            file = f"{parsed.text}\n{note.signature_line(key, signature)}".encode()
            found.append(Cosignature(key, at, checkpoint, file))
        else:
            _refuse_disguised((name, key_id, signature), parsed.text, held, where)
    return tuple(found)


def joined(signed: bytes, others: Iterable[bytes], where: object = "checkpoint") -> bytes:
    """Return the note *signed* with the signature lines of *others*, each once, in their order.

    FormatError when one of them signs another text. Nothing is verified.
    """
    text = note.unverified_note(signed, where).text
    seen = _lines(signed, text)
    for other in others:
        if note.unverified_note(other, where).text != text:
            raise FormatError(where, expected="signatures on one checkpoint", found="one on another text")
        seen |= _lines(other, text)
    return f"{text}\n{''.join(seen)}".encode()


def _lines(content: bytes, text: str) -> dict[str, None]:
    return dict.fromkeys(content.decode().removeprefix(f"{text}\n").splitlines(keepends=True))


def _message(moment: int, text: str) -> bytes:
    # tlog-cosignature, "Ed25519 signed message": two lines before the whole text of the checkpoint.
    return f"cosignature/v1\ntime {moment}\n{text}".encode()


def _verified(key: WitnessKey, signature: bytes, text: str, where: object) -> datetime:
    if len(signature) != _SIZE:
        raise SignatureInvalid(where, expected=f"a time and a signature, {_SIZE} octets", found=f"{len(signature)}")
    moment = int.from_bytes(signature[:8])
    key.public.verify(signature[8:], _message(moment, text), where)
    if moment > _LATEST:
        raise SignatureInvalid(where, expected="a time before the year 10000", found=str(moment))
    return datetime.fromtimestamp(moment, UTC)


def _refuse_disguised(line: tuple[str, bytes, bytes], text: str, held: Iterable[WitnessKey], where: object) -> None:
    # A flipped key id or key name is damage, not an unknown witness.
    name, key_id, signature = line
    if len(signature) != _SIZE:
        return
    for key in held:
        try:
            _verified(key, signature, text, where)
        except SignatureInvalid:
            continue
        expected = f"the line of key {key.name!r} {key.id.hex()}, which made the signature"
        raise SignatureInvalid(where, expected=expected, found=f"{name!r} {key_id.hex()}")
