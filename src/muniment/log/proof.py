"""Proofs that a leaf is in a log, in the text format of C2SP tlog-proof: whole in one file, checked offline. Pure.

Lines that end in LF: the format's name, the extra data where there are any, the index, the inclusion path from the
leaf's sibling upwards; then an empty line and the checkpoint as a signed note, verbatim, cosignatures included. Beyond
the specification, on the safe side: nothing that ``encode`` would not write again is read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from muniment import canonical
from muniment.errors import FormatError
from muniment.log import note, tree

__all__ = ["SUFFIX", "Proof"]

SUFFIX: Final = ".tlog-proof"
"""What the specification wants files of this format to be called."""

_NAME: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")
_LONGEST_PATH: Final = 63
_LARGEST: Final = 2 << 20


@dataclass(frozen=True, slots=True)
class Proof:
    """That the leaf *index* lies under the root of *checkpoint*, a signed note with all its signature lines.

    ``extra`` is what the application put beside it. It is authenticated by nothing.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """Return the file that writes this proof; FormatError for what no file can hold."""
        _refuse(self, "proof")
        extra = [f"extra {canonical.encode_base64(self.extra)}"] if self.extra else []
        path = [canonical.encode_base64(each) for each in self.hashes]
        return "\n".join([_NAME, *extra, f"index {self.index}", *path, "", ""]).encode() + self.checkpoint

    @classmethod
    def decode(cls, content: bytes, where: object = "proof") -> Self:
        """Return the proof that *content* writes; FormatError otherwise. Nothing is verified."""
        if len(content) > _LARGEST:
            raise FormatError(where, expected="a proof of at most 2 MiB", found=f"{len(content)} octets")
        head, blank, checkpoint = content.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as broken:
            raise FormatError(where, expected="lines of ASCII", found=f"byte {broken.start} is not") from None
        if not blank or lines.pop(0) != _NAME:
            raise FormatError(where, expected=f"{_NAME}, a path, an empty line, a note", found=repr(head[:80]))
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = canonical.decode_base64(lines.pop(0).removeprefix("extra "), where)
            if not extra:
                raise FormatError(where, expected="extra data, or no line for them", found="an empty line of them")
        match = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if match is None:
            raise FormatError(where, expected="a line with the index in decimal", found=repr(head[-80:]))
        if len(lines) > _LONGEST_PATH:
            raise FormatError(where, expected=f"a path of at most {_LONGEST_PATH} hashes", found=str(len(lines)))
        hashes = tuple(canonical.decode_base64(each, where) for each in lines)
        proof = cls(int(match[1]), hashes, checkpoint, extra)
        _refuse(proof, where)
        return proof

    def verify(self, leaf: bytes, keys: Iterable[note.VerifierKey], where: object = "proof") -> note.Checkpoint:
        """Return the checkpoint once a log of *keys* is shown to have signed it and to hold the bytes *leaf*.

        Raises NotInLog when the path does not lead from *leaf* to its root, and otherwise as note.open_checkpoint
        does. Says nothing about witnesses, nor whether others were shown the same log.
        """
        checkpoint = note.open_checkpoint(self.checkpoint, keys, where)
        path = tree.InclusionProof(self.index, checkpoint.size, self.hashes)
        tree.verify_inclusion(path, tree.leaf_hash(leaf), checkpoint.root, where)
        return checkpoint


def _refuse(proof: Proof, where: object) -> None:
    for each in proof.hashes:
        if len(each) != tree.HASH_SIZE:
            raise FormatError(where, expected="hashes of 32 octets", found=f"one of {len(each)}")
    size = note.unverified_checkpoint(proof.checkpoint, where).size
    if not 0 <= proof.index < size:
        raise FormatError(where, expected=f"an index below the checkpoint's {size} leaves", found=str(proof.index))
