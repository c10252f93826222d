"""Proofs that a log extends what it was, in the form that witnesses take (C2SP tlog-witness, add-checkpoint). Pure.

Lines that end in LF: ``old <size>``, the consistency proof from that size (RFC 9162 2.1.4.1), an empty line, and the
newer checkpoint as a signed note. It does not hold the old root: whoever checks it has that from the old checkpoint.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from muniment import canonical
from muniment.errors import FormatError
from muniment.log import note, tree

__all__ = ["Extension"]

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")
_LONGEST_PATH: Final = 63
_LARGEST: Final = 2 << 20


@dataclass(frozen=True, slots=True)
class Extension:
    """That the log of *checkpoint*, a signed note, begins with the tree of its first *old* leaves; 0 claims nothing."""

    old: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Return the file that writes this proof; FormatError for what no file can hold."""
        _refuse(self, "consistency proof")
        path = [canonical.encode_base64(each) for each in self.hashes]
        return "\n".join([f"old {self.old}", *path, "", ""]).encode() + self.checkpoint

    @classmethod
    def decode(cls, content: bytes, where: object = "consistency proof") -> Self:
        """Return the proof that *content* writes; FormatError otherwise. Nothing is verified."""
        if len(content) > _LARGEST:
            raise FormatError(where, expected="a proof of at most 2 MiB", found=f"{len(content)} octets")
        head, blank, checkpoint = content.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as broken:
            raise FormatError(where, expected="lines of ASCII", found=f"byte {broken.start} is not") from None
        match = _OLD.fullmatch(first)
        if match is None or not blank:
            raise FormatError(where, expected="old <size>, a proof, an empty line, a note", found=repr(head[:80]))
        if len(lines) > _LONGEST_PATH:
            raise FormatError(where, expected=f"a proof of at most {_LONGEST_PATH} hashes", found=str(len(lines)))
        proof = cls(int(match[1]), tuple(canonical.decode_base64(each, where) for each in lines), checkpoint)
        _refuse(proof, where)
        return proof

    def verify(self, seen: note.Checkpoint, where: object = "consistency proof") -> None:
        """Return when the checkpoint is shown to extend what was *seen* of the same log; LogForked otherwise.

        Whether the log's key signed the checkpoint is the caller's to know.
        """
        claimed = note.unverified_checkpoint(self.checkpoint, where)
        if (claimed.origin, self.old) != (seen.origin, seen.size):
            found = f"one from {self.old} leaves of {claimed.origin!r}"
            raise FormatError(where, expected=f"a proof from {seen.size} leaves of {seen.origin!r}", found=found)
        path = tree.ConsistencyProof(self.old, claimed.size, self.hashes)
        tree.verify_consistency(path, seen.root, claimed.root, where)


def _refuse(proof: Extension, where: object) -> None:
    for each in proof.hashes:
        if len(each) != tree.HASH_SIZE:
            raise FormatError(where, expected="hashes of 32 octets", found=f"one of {len(each)}")
    size = note.unverified_checkpoint(proof.checkpoint, where).size
    if proof.old > size or (proof.hashes and proof.old in {0, size}):
        found = f"{len(proof.hashes)} hashes from size {proof.old}"
        raise FormatError(
            where, expected=f"a proof from a size up to {size}, empty from 0 and from {size}", found=found
        )
