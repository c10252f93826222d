"""Signed notes and the checkpoints of a log, as C2SP signed-note and tlog-checkpoint write them. Pure.

A log signs with Ed25519 (signature type 0x01), and its key's name is its origin. Lines by keys that are not known
are ignored, as the specification demands; a line by a known key must verify. Beyond the specification, on the safe
side: a checkpoint counts only when the key that is named like its origin signed it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final, Self

from muniment import canonical
from muniment.errors import FormatError, SignatureInvalid, TrustError
from muniment.log.tree import HASH_SIZE
from muniment.seal.signing import PublicKey, Signer

__all__ = [
    "Checkpoint",
    "Note",
    "VerifierKey",
    "Vkey",
    "open_checkpoint",
    "sign",
    "signature_line",
    "unverified_checkpoint",
    "unverified_note",
]

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")
_DASH: Final = "\u2014"
_MOST_SIGNATURES: Final = 100
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Vkey:
    """A public key under the name that it signs as: ``<name>+<key id in hex>+<base64>``; ``kind`` is how it signs."""

    kind: ClassVar[bytes]
    name: str
    public: PublicKey

    def __post_init__(self) -> None:
        _refuse_name(self.name, "vkey")

    @classmethod
    def parse(cls, text: str, where: object = "vkey") -> Self:
        """Return the key that *text* writes; FormatError for other signature types and a key id that is not its."""
        name, *rest = text.split("+", 2)
        if len(rest) != 2 or not _KEY_ID.fullmatch(rest[0]):
            raise FormatError(where, expected="<name>+<8 hex digits>+<base64>", found=repr(text[:80]))
        _refuse_name(name, where)
        encoded = canonical.decode_base64(rest[1], where)
        if encoded[:1] != cls.kind:
            expected = f"signature type 0x{cls.kind.hex()} ({_KINDS[cls.kind]})"
            found = f"0x{encoded[:1].hex()} ({_KINDS.get(encoded[:1], 'not known here')})"
            raise FormatError(where, expected=expected, found=found)
        key = cls(name, PublicKey.of_ed25519(encoded[1:], where))
        if key.id.hex() != rest[0]:
            raise FormatError(where, expected=f"the key id {key.id.hex()}", found=rest[0])
        return key

    @property
    def id(self) -> bytes:
        """The four octets by which a signature line names this key: a hint, never a proof."""
        return sha256(self.name.encode() + b"\n" + self.kind + self.public.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{canonical.encode_base64(self.kind + self.public.raw)}"


_KINDS: Final[Mapping[bytes, str]] = {b"\x01": "Ed25519, a log's", b"\x04": "Ed25519, a witness's"}


@dataclass(frozen=True, slots=True)
class VerifierKey(Vkey):
    """A log's public key under the name that it signs as, a "vkey" of signature type 0x01."""

    kind: ClassVar[bytes] = b"\x01"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its origin, its number of leaves, the Merkle root over them (32 octets)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed (tlog-checkpoint, "Note text"): three lines and the extension lines."""
        lines = (self.origin, str(self.size), canonical.encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the lines that sign it, each as key name, key id and what follows them: not verified."""

    text: str
    lines: tuple[tuple[str, bytes, bytes], ...]


def sign(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return *checkpoint* as a note signed by the log's key *signer*, whose name is the origin.

    Whether the log may sign it, being an extension of all that it signed before, is the caller's to know.
    """
    _refuse_name(checkpoint.origin, "checkpoint")
    _checkpoint(checkpoint.text, "checkpoint")
    line = signature_line(VerifierKey(checkpoint.origin, signer.public), signer.sign(checkpoint.text.encode()))
    return f"{checkpoint.text}\n{line}".encode()


def signature_line(key: Vkey, signature: bytes) -> str:
    """Return the line of a note, with its LF, by which *key* made *signature*."""
    return f"{_DASH} {key.name} {canonical.encode_base64(key.id + signature)}\n"


def open_checkpoint(note: bytes, keys: Iterable[VerifierKey], where: object = "checkpoint") -> Checkpoint:
    """Return the checkpoint that *note* holds once the log's key among *keys* is shown to have signed it.

    Raises FormatError for a malformed note or checkpoint; SignatureInvalid when no signature is there, when one by
    a known key does not verify, when its key id was changed, or when only keys of other names signed; TrustError
    when no key of *keys* is named in it. Says nothing about leaves, nor about other checkpoints of this log.
    """
    parsed = unverified_note(note, where)
    checkpoint = _checkpoint(parsed.text, where)
    if not parsed.lines:
        raise SignatureInvalid(where, expected="a signature line", found="none: it was never signed, or stripped")
    held = tuple(keys)
    known = {(key.name, key.id): key for key in held}
    message = parsed.text.encode()
    names = set()
    for name, key_id, signature in parsed.lines:
        if key := known.get((name, key_id)):
            key.public.verify(signature, message, where)
            names.add(name)
    if checkpoint.origin in names:
        return checkpoint
    if names:
        raise SignatureInvalid(
            where, expected=f"a signature by the log {checkpoint.origin!r}", found=f"one by {sorted(names)}"
        )
    _refuse_disguised(parsed, held, where)
    found = ", ".join(f"{name!r} (key id {key_id.hex()})" for name, key_id, _ in parsed.lines[:4])
    raise TrustError(f"{where}: signed by {found}; trust.toml names no log with that key")


def unverified_checkpoint(note: bytes, where: object = "checkpoint") -> Checkpoint:
    """Return the checkpoint that *note* claims, without looking at any signature; FormatError if malformed."""
    return _checkpoint(unverified_note(note, where).text, where)


def _refuse_disguised(note: Note, held: Iterable[VerifierKey], where: object) -> None:
    # Only asked when the note is refused anyhow: a flipped key id or key name is damage, not an unknown key.
    for key in held:
        for name, key_id, signature in note.lines:
            try:
                key.public.verify(signature, note.text.encode())
            except SignatureInvalid:
                continue
            expected = f"the line of key {key.name!r} {key.id.hex()}, which made the signature"
            raise SignatureInvalid(where, expected=expected, found=f"{name!r} {key_id.hex()}")


def unverified_note(note: bytes, where: object = "note") -> Note:
    """Return the text and the signature lines of *note*, without looking at any signature; FormatError if malformed."""
    if len(note) > _LARGEST:
        raise FormatError(where, expected="a note of at most 1 MiB", found=f"{len(note)} octets")
    try:
        text = note.decode()
    except UnicodeDecodeError as broken:
        raise FormatError(where, expected="UTF-8", found=f"byte {broken.start} is not") from None
    control = next((letter for letter in text if letter < " " and letter != "\n"), None)
    if control is not None:
        raise FormatError(where, expected="no control characters", found=repr(control))
    body, blank, signatures = text.rpartition("\n\n")
    if not blank or (signatures and not signatures.endswith("\n")):
        raise FormatError(where, expected="text, an empty line, signature lines", found=repr(text[-40:]))
    lines = signatures.split("\n")[:-1]
    if len(lines) > _MOST_SIGNATURES:
        raise FormatError(where, expected=f"at most {_MOST_SIGNATURES} signature lines", found=str(len(lines)))
    return Note(body + "\n", tuple(_signature_line(line, where) for line in lines))


def _signature_line(line: str, where: object) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH:
        raise FormatError(where, expected="— <key name> <base64>", found=repr(line[:80]))
    _refuse_name(parts[1], where)
    signature = canonical.decode_base64(parts[2], where)
    if len(signature) < 5:
        raise FormatError(where, expected="a key id and a signature", found=f"{len(signature)} octets")
    return parts[1], signature[:4], signature[4:]


def _checkpoint(text: str, where: object) -> Checkpoint:
    lines = text.split("\n")[:-1]
    if len(lines) < 3 or not all(lines):
        raise FormatError(where, expected="origin, size and root, no empty line", found=repr(text[:80]))
    origin, size, root, *extensions = lines
    if not _SIZE.fullmatch(size):
        raise FormatError(where, expected="a size in decimal without leading zeros", found=repr(size[:40]))
    value = canonical.decode_base64(root, where)
    if len(value) != HASH_SIZE:
        raise FormatError(where, expected="a root hash of 32 octets", found=f"{len(value)} octets")
    return Checkpoint(origin, int(size), value, tuple(extensions))


def _refuse_name(name: str, where: object) -> None:
    # Names are hashed as UTF-8, which holds no lone surrogates; Python's text and command lines may.
    if not name or "+" in name or any(each.isspace() or each < " " or "\ud800" <= each <= "\udfff" for each in name):
        raise FormatError(where, expected="a key name without spaces or plus", found=repr(name[:80]))
