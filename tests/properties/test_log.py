"""What holds for every log: proofs verify, nothing else does, bytes of strangers end in an error of ours."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from muniment import seal
from muniment.errors import FormatError, LogForked, MunimentError, NotInLog
from muniment.log import VerifierKey, open_checkpoint, tree
from muniment.log.leaf import Leaf, bundle, unbundle
from muniment.log.note import Checkpoint, sign
from muniment.seal import PublicKey, SigningKey

KEY = SigningKey.of_seed(b"k" * 32)
VKEY = VerifierKey("case-017", KEY.public)
SEALED = seal.seal(b"{}", "application/vnd.in-toto+json", [KEY])
NOTE = sign(Checkpoint("case-017", 7, bytes(32)), KEY)
HASHES = st.binary(min_size=32, max_size=32)


def leaves(count: int) -> list[bytes]:
    return [tree.leaf_hash(number.to_bytes(4)) for number in range(count)]


@st.composite
def index_and_size(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(st.integers(1, 2000))
    return draw(st.integers(0, size - 1)), size


@given(index_and_size())
@settings(max_examples=100, deadline=None)
def test_every_leaf_of_every_size_is_proved_and_no_other_hash_is(place: tuple[int, int]) -> None:
    index, size = place
    hashes = leaves(size)
    proof = tree.inclusion_proof(tree.nodes_of(hashes), index, size)
    tree.verify_inclusion(proof, hashes[index], tree.root(hashes))
    with contextlib.suppress(NotInLog):
        tree.verify_inclusion(proof, tree.leaf_hash(b"other"), tree.root(hashes))
        raise AssertionError


@given(index_and_size())
@settings(max_examples=100, deadline=None)
def test_every_pair_of_sizes_is_proved_consistent_and_no_rewriting_is(place: tuple[int, int]) -> None:
    old, new = place[0] + 1, place[1]
    hashes = leaves(new)
    proof = tree.consistency_proof(tree.nodes_of(hashes), old, new)
    tree.verify_consistency(proof, tree.root(hashes[:old]), tree.root(hashes))
    rewritten = [*hashes[: old - 1], tree.leaf_hash(b"other")]
    with contextlib.suppress(LogForked):
        tree.verify_consistency(proof, tree.root(rewritten), tree.root(hashes))
        raise AssertionError


@given(st.integers(-3, 40), st.integers(-3, 40), st.lists(HASHES, max_size=8), HASHES, HASHES)
def test_invented_proofs_prove_nothing(index: int, size: int, hashes: list[bytes], leaf: bytes, root: bytes) -> None:
    accepted = size == 1 and index == 0 and not hashes and leaf == root
    with contextlib.suppress(NotInLog):
        tree.verify_inclusion(tree.InclusionProof(index, size, tuple(hashes)), leaf, root)
        assert accepted
    same = index == size >= 1 and not hashes and leaf == root
    with contextlib.suppress(LogForked):
        tree.verify_consistency(tree.ConsistencyProof(index, size, tuple(hashes)), leaf, root)
        assert same


@given(st.lists(st.binary(min_size=1, max_size=1024), max_size=20))
def test_a_bundle_reads_back(entries: list[bytes]) -> None:
    assert list(unbundle(bundle(entries), "bundle")) == entries


@given(st.binary(max_size=300))
def test_bytes_of_strangers_end_in_a_format_error(content: bytes) -> None:
    for parse in (Leaf.decode, PublicKey.parse_der, open_strangers_note, open_strangers_seal):
        with contextlib.suppress(FormatError):
            parse(content)
            raise AssertionError
    with contextlib.suppress(FormatError):
        unbundle(content, "bundle")
    with contextlib.suppress(FormatError):
        VerifierKey.parse(content.decode("latin-1"))
        raise AssertionError


def open_strangers_note(content: bytes) -> None:
    open_checkpoint(content, [VKEY])


def open_strangers_seal(content: bytes) -> None:
    seal.open(content, [KEY.public], "application/vnd.in-toto+json")


@given(st.sampled_from([NOTE, SEALED]), st.data())
@settings(max_examples=400)
def test_a_note_or_a_seal_with_a_changed_stretch_never_opens(content: bytes, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, min(len(content), begin + 20)))
    changed = content[:begin] + data.draw(st.binary(max_size=20)) + content[end:]
    if changed == content:
        return
    with contextlib.suppress(MunimentError):
        (open_strangers_note if content is NOTE else open_strangers_seal)(changed)
        raise AssertionError
