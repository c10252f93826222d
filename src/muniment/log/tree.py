"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) with SHA-256: roots, proofs, and their verification.

Pure arithmetic over hashes of 32 octets. A tree here has at least one leaf: nothing is proved about an empty one,
and no checkpoint of one is ever signed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from muniment.errors import FormatError, LogForked, NotInLog

__all__ = [
    "HASH_SIZE",
    "ConsistencyProof",
    "Frontier",
    "InclusionProof",
    "Nodes",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "nodes_of",
    "range_root",
    "root",
    "verify_consistency",
    "verify_inclusion",
]

HASH_SIZE: Final = 32

Nodes = Callable[[int, int], bytes]
"""From (level, index) to the hash of the complete subtree of ``2**level`` leaves that begins at ``index << level``."""


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The hashes that lead from leaf *index* to the root of a tree of *size* leaves, lowest first."""

    index: int
    size: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """The hashes that show a tree of *new* leaves to begin with the tree of *old* leaves (RFC 9162 2.1.4.1)."""

    old: int
    new: int
    hashes: tuple[bytes, ...]


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf's bytes: SHA-256(0x00 || leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: one hash for each bit of the size, highest first; all that a root needs."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count() or any(len(peak) != HASH_SIZE for peak in peaks):
            found = f"{len(peaks)} hashes for {size} leaves"
            raise FormatError("Merkle tree", expected="one hash of 32 octets for each complete subtree", found=found)
        self.size = size
        self.peaks = list(peaks)

    def push(self, leaf: bytes) -> None:
        """Add the leaf whose hash is *leaf*."""
        carry = self.size
        while carry & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            carry >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far; FormatError where there are none."""
        if not self.size:
            raise FormatError("Merkle tree", expected="at least one leaf", found="none")
        found = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            found = node_hash(peak, found)
        return found


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over the leaf hashes *leaves*, holding one hash for each level; FormatError for no leaf."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.push(leaf)
    return frontier.root()


def nodes_of(leaves: Sequence[bytes]) -> Nodes:
    """Return the complete subtrees over the leaf hashes *leaves*, all of them computed and held."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return lambda level, index: levels[level][index]


def range_root(nodes: Nodes, begin: int, end: int) -> bytes:
    """Return the root over leaves *begin* to *end* (exclusive), as RFC 6962 splits them; at most 64 calls deep."""
    width = end - begin
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return nodes(level, begin >> level)
    middle = begin + _split(width)
    return node_hash(range_root(nodes, begin, middle), range_root(nodes, middle, end))


def inclusion_proof(nodes: Nodes, index: int, size: int) -> InclusionProof:
    """Return the proof that leaf *index* is in the tree of *size* leaves over *nodes* (RFC 9162 2.1.3.1)."""
    if not 0 <= index < size:
        raise NotInLog("inclusion proof", expected=f"an index below {size}", found=str(index))
    hashes: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            hashes.append(range_root(nodes, middle, end))
            end = middle
        else:
            hashes.append(range_root(nodes, begin, middle))
            begin = middle
    return InclusionProof(index, size, tuple(reversed(hashes)))


def consistency_proof(nodes: Nodes, old: int, new: int) -> ConsistencyProof:
    """Return the proof that the tree of *new* leaves over *nodes* begins with that of *old* (RFC 9162 2.1.4.1)."""
    if not 1 <= old <= new:
        raise LogForked("consistency proof", expected=f"an earlier size from 1 to {new}", found=str(old))
    hashes: list[bytes] = []
    begin, end = 0, new
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            hashes.append(range_root(nodes, middle, end))
            end = middle
        else:
            hashes.append(range_root(nodes, begin, middle))
            begin = middle
    if begin:  # the old tree's own root is known to the verifier and left out
        hashes.append(range_root(nodes, begin, end))
    return ConsistencyProof(old, new, tuple(reversed(hashes)))


def verify_inclusion(proof: InclusionProof, leaf: bytes, root: bytes, where: object = "inclusion proof") -> None:
    """Return when *proof* leads from the leaf hash *leaf* to *root* (RFC 9162 2.1.3.2).

    Raises FormatError for hashes that are not of 32 octets, NotInLog otherwise.
    """
    _refuse_malformed((leaf, root, *proof.hashes), where)
    if not 0 <= proof.index < proof.size:
        raise NotInLog(where, expected=f"an index below the size {proof.size}", found=str(proof.index))
    fn, sn, found = proof.index, proof.size - 1, leaf
    for sibling in proof.hashes:
        if sn == 0:
            raise NotInLog(where, expected="a path that ends at the root", found="a longer one")
        if fn & 1 or fn == sn:
            found = node_hash(sibling, found)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise NotInLog(where, expected="a path that ends at the root", found="a shorter one")
    if found != root:
        raise NotInLog(where, expected=f"a path to the root {root.hex()}", found=f"one to {found.hex()}")


def verify_consistency(
    proof: ConsistencyProof, old_root: bytes, new_root: bytes, where: object = "consistency proof"
) -> None:
    """Return when *proof* shows the tree of *new_root* to extend that of *old_root* (RFC 9162 2.1.4.2).

    Raises FormatError for hashes that are not of 32 octets, LogForked otherwise; nothing extends an empty tree.
    """
    _refuse_malformed((old_root, new_root, *proof.hashes), where)
    if not 1 <= proof.old <= proof.new:
        raise LogForked(where, expected=f"an earlier size from 1 to {proof.new}", found=str(proof.old))
    if proof.old == proof.new:
        if proof.hashes or old_root != new_root:
            raise LogForked(where, expected=f"the root {old_root.hex()}", found=new_root.hex())
        return
    whole = proof.old & (proof.old - 1) == 0
    path = (old_root, *proof.hashes) if whole else proof.hashes
    if not proof.hashes:
        raise LogForked(where, expected="a proof between two sizes", found="an empty one")
    found = _climb(proof, path, where)
    if found != (old_root, new_root):
        expected = f"roots {old_root.hex()} and {new_root.hex()}"
        raise LogForked(where, expected=expected, found=" and ".join(each.hex() for each in found))


def _climb(proof: ConsistencyProof, path: Sequence[bytes], where: object) -> tuple[bytes, bytes]:
    fn, sn = proof.old - 1, proof.new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise LogForked(where, expected="a path that ends at the roots", found="a longer one")
        if fn & 1 or fn == sn:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            newer = node_hash(newer, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise LogForked(where, expected="a path that ends at the roots", found="a shorter one")
    return older, newer


def _split(width: int) -> int:
    # RFC 6962 2.1: k is the largest power of two smaller than n.
    return 1 << (width - 1).bit_length() - 1


def _refuse_malformed(hashes: Iterable[bytes], where: object) -> None:
    for each in hashes:
        if len(each) != HASH_SIZE:
            raise FormatError(where, expected="hashes of 32 octets", found=f"one of {len(each)}")
