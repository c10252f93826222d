"""The Merkle tree against RFC 6962, written a second time as the standard words it."""

from hashlib import sha256

import pytest

from muniment.errors import FormatError, LogForked, NotInLog
from muniment.log import tree

# The eight leaves and roots that implementations of Certificate Transparency have shared since RFC 6962.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOT_OF_ONE = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
ROOT_OF_EIGHT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    k = largest_power_below(len(leaves))
    return sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """RFC 6962 2.1.2, word for word."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), mth(leaves[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def hashed(leaves: list[bytes]) -> list[bytes]:
    return [tree.leaf_hash(leaf) for leaf in leaves]


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def test_the_shared_leaves_give_the_published_roots() -> None:
    assert tree.root(hashed(LEAVES[:1])).hex() == ROOT_OF_ONE
    assert tree.root(hashed(LEAVES)).hex() == ROOT_OF_EIGHT


@pytest.mark.parametrize("size", [*range(1, 35), 255, 256, 257, 1000])
def test_the_streamed_root_is_that_of_the_standard(size: int) -> None:
    assert tree.root(hashed(numbered(size))) == mth(numbered(size))


def test_every_inclusion_proof_is_that_of_the_standard_and_verifies() -> None:
    for size in range(1, 34):
        leaves = numbered(size)
        nodes = tree.nodes_of(hashed(leaves))
        for index in range(size):
            proof = tree.inclusion_proof(nodes, index, size)
            assert list(proof.hashes) == path(index, leaves)
            tree.verify_inclusion(proof, tree.leaf_hash(leaves[index]), mth(leaves))


def test_every_consistency_proof_is_that_of_the_standard_and_verifies() -> None:
    for new in range(1, 34):
        leaves = numbered(new)
        nodes = tree.nodes_of(hashed(leaves))
        for old in range(1, new + 1):
            proof = tree.consistency_proof(nodes, old, new)
            assert list(proof.hashes) == ([] if old == new else subproof(old, leaves, whole=True))
            tree.verify_consistency(proof, mth(leaves[:old]), mth(leaves))


def test_no_other_leaf_index_or_size_verifies_under_the_same_proof() -> None:
    leaves = numbered(13)
    nodes = tree.nodes_of(hashed(leaves))
    proof = tree.inclusion_proof(nodes, 5, 13)
    for index, size, leaf in [(4, 13, 5), (5, 13, 4), (13, 13, 5), (-1, 13, 5), (5, 16, 5), (5, 5, 5), (5, 0, 5)]:
        if (index, size, leaf) == (5, 16, 5):
            continue  # the same path shape: a proof alone does not bind the size, the checkpoint does
        with pytest.raises(NotInLog):
            tree.verify_inclusion(
                tree.InclusionProof(index, size, proof.hashes), tree.leaf_hash(leaves[leaf]), mth(leaves)
            )


@pytest.mark.parametrize("change", ["cut", "doubled", "flipped", "reversed"])
def test_a_changed_consistency_proof_is_a_fork(change: str) -> None:
    leaves = numbered(13)
    proof = tree.consistency_proof(tree.nodes_of(hashed(leaves)), 6, 13).hashes
    changed = {
        "cut": proof[:-1],
        "doubled": (*proof, proof[-1]),
        "flipped": (bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]),
        "reversed": proof[::-1],
    }[change]
    with pytest.raises(LogForked):
        tree.verify_consistency(tree.ConsistencyProof(6, 13, changed), mth(leaves[:6]), mth(leaves))


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5), (-1, 5), (0, 0)])
def test_nothing_extends_an_empty_or_a_larger_tree(old: int, new: int) -> None:
    root = mth(numbered(5))
    with pytest.raises(LogForked):
        tree.verify_consistency(tree.ConsistencyProof(old, new, ()), root, root)
    with pytest.raises(LogForked):
        tree.consistency_proof(tree.nodes_of(hashed(numbered(5))), old, new)


def test_an_empty_consistency_proof_proves_only_the_same_tree() -> None:
    leaves = numbered(4)
    with pytest.raises(LogForked, match="empty"):
        tree.verify_consistency(tree.ConsistencyProof(2, 4, ()), mth(leaves[:2]), mth(leaves))
    with pytest.raises(LogForked):
        tree.verify_consistency(tree.ConsistencyProof(4, 4, ()), mth(leaves[::-1]), mth(leaves))


def test_a_path_that_goes_on_above_the_root_of_its_size_is_refused() -> None:
    leaf, extra = tree.leaf_hash(b"a"), tree.leaf_hash(b"b")
    root = tree.node_hash(extra, leaf)
    with pytest.raises(NotInLog, match="a longer one"):
        tree.verify_inclusion(tree.InclusionProof(0, 1, (extra,)), leaf, root)
    pair = tree.node_hash(leaf, extra)
    above = (tree.node_hash(root, leaf), tree.node_hash(root, pair))
    with pytest.raises(LogForked, match="a longer one"):
        tree.verify_consistency(tree.ConsistencyProof(1, 2, (extra, root)), above[0], above[1])


def test_hashes_of_another_length_are_malformed_and_not_merely_unequal() -> None:
    root = mth(numbered(2))
    leaf = tree.leaf_hash(b"0")
    for bad in (b"", leaf[:31], leaf + b"\0"):
        with pytest.raises(FormatError, match="32 octets"):
            tree.verify_inclusion(tree.InclusionProof(0, 2, (bad,)), leaf, root)
        with pytest.raises(FormatError, match="32 octets"):
            tree.verify_consistency(tree.ConsistencyProof(1, 2, (bad,)), leaf, root)


def test_a_tree_without_leaves_has_no_root() -> None:
    with pytest.raises(FormatError, match="at least one leaf"):
        tree.root([])


def test_an_index_beyond_the_tree_has_no_proof() -> None:
    with pytest.raises(NotInLog):
        tree.inclusion_proof(tree.nodes_of(hashed(numbered(3))), 3, 3)


def test_a_frontier_refuses_peaks_that_do_not_fit_its_size() -> None:
    with pytest.raises(FormatError):
        tree.Frontier(3, [b"\0" * 32])
    with pytest.raises(FormatError):
        tree.Frontier(1, [b"\0" * 31])


def test_a_frontier_that_is_taken_up_again_gives_the_same_root() -> None:
    leaves = hashed(numbered(300))
    first = tree.Frontier()
    for leaf in leaves[:177]:
        first.push(leaf)
    second = tree.Frontier(177, tuple(first.peaks))
    for leaf in leaves[177:]:
        second.push(leaf)
    assert second.root() == mth(numbered(300))


def test_a_hundred_thousand_leaves_need_no_deep_recursion() -> None:
    assert len(tree.root(tree.leaf_hash(number.to_bytes(4)) for number in range(100_000))) == tree.HASH_SIZE


@pytest.mark.parametrize("index", [-1, 7, 8])
def test_an_index_outside_the_tree_is_named(index: int) -> None:
    hashes = [tree.leaf_hash(leaf) for leaf in LEAVES[:7]]
    with pytest.raises(NotInLog, match=f"^inclusion proof: expected an index below 7, found {index}$"):
        tree.inclusion_proof(tree.nodes_of(hashes), index, 7)
    with pytest.raises(NotInLog, match=f"^here: expected an index below the size 7, found {index}$"):
        tree.verify_inclusion(tree.InclusionProof(index, 7, ()), hashes[0], hashes[0], "here")


def test_a_path_that_ends_below_the_root_is_refused_even_where_it_ends_at_the_root_that_is_claimed() -> None:
    a, b = tree.leaf_hash(b"a"), tree.leaf_hash(b"b")
    with pytest.raises(NotInLog, match="found a shorter one"):
        tree.verify_inclusion(tree.InclusionProof(0, 2, ()), a, a)
    with pytest.raises(LogForked, match="found a shorter one"):
        tree.verify_consistency(tree.ConsistencyProof(1, 4, (b,)), a, tree.node_hash(a, b))
