"""tlog-proof files: what is written is read again, what is off by anything is refused, and strangers agree."""

from pathlib import Path

import pytest

from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, NotInLog, SignatureInvalid, StoreError, TrustError
from muniment.log import Journal, Leaf, LeafType, Proof, VerifierKey
from muniment.seal import SigningKey

ORIGIN = "case-017"
KEY = SigningKey.of_seed(b"log key".ljust(32, b"."))
VKEY = VerifierKey(ORIGIN, KEY.public)
ENTRIES = 300


def leaf(number: int) -> bytes:
    return Leaf(LeafType.CAPTURE, f"c{number}", Digest.of_bytes(b"%d" % number)).encode()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    root = tmp_path_factory.mktemp("grown")
    made = Journal(root, ORIGIN)
    for number in range(ENTRIES):
        made.append(leaf(number), KEY, root / "home" / "checkpoint")
    return made


@pytest.mark.parametrize("index", [0, 1, 255, 256, 298, 299])
def test_each_leaf_is_proved_at_the_newest_size(journal: Journal, index: int) -> None:
    written = journal.prove(index).encode()
    assert b"\nindex %d\n" % index in written
    proof = Proof.decode(written)
    assert proof.encode() == written
    assert proof.verify(leaf(index), [VKEY]).size == ENTRIES


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (6, 7), (255, 256), (3, 256), (256, 257)])
def test_each_leaf_is_proved_at_an_earlier_size(journal: Journal, index: int, size: int) -> None:
    assert journal.prove(index, size).verify(leaf(index), [VKEY]).size == size


def test_what_is_not_in_the_log_at_that_size_is_not_proved(journal: Journal) -> None:
    for index, size in ((ENTRIES, None), (5, 5), (-1, None)):
        with pytest.raises(NotInLog):
            journal.prove(index, size)
    with pytest.raises(StoreError):
        journal.prove(0, ENTRIES + 1)


def test_a_proof_is_for_one_leaf_one_index_and_one_root(journal: Journal) -> None:
    proof = journal.prove(7)
    with pytest.raises(NotInLog):
        proof.verify(leaf(8), [VKEY])
    with pytest.raises(NotInLog):
        Proof(8, proof.hashes, proof.checkpoint).verify(leaf(7), [VKEY])
    with pytest.raises(NotInLog):
        Proof(7, proof.hashes[:-1], proof.checkpoint).verify(leaf(7), [VKEY])
    with pytest.raises(NotInLog):
        Proof(7, (*proof.hashes, bytes(32)), proof.checkpoint).verify(leaf(7), [VKEY])
    with pytest.raises(NotInLog):
        Proof(7, proof.hashes, journal.checkpoint_at(ENTRIES - 1)).verify(leaf(7), [VKEY])


def test_a_proof_under_a_checkpoint_that_nobody_known_signed_is_not_decided(journal: Journal) -> None:
    proof = journal.prove(7)
    with pytest.raises(TrustError):
        proof.verify(leaf(7), [])
    text, _, _ = proof.checkpoint.partition(b"\n\n")
    with pytest.raises(SignatureInvalid):
        Proof(7, proof.hashes, text + b"\n\n").verify(leaf(7), [VKEY])


def test_extra_data_are_carried_and_prove_nothing(journal: Journal) -> None:
    proof = journal.prove(7)
    assert Proof.decode(proof.encode()).extra == proof.extra == leaf(7)
    bare = Proof(proof.index, proof.hashes, proof.checkpoint)
    assert b"\nextra " not in bare.encode()
    assert Proof.decode(bare.encode()) == bare
    Proof(proof.index, proof.hashes, proof.checkpoint, leaf(8)).verify(leaf(7), [VKEY])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"c2sp.org", b" c2sp.org"),
        (b"index 7\n", b"index 07\n"),
        (b"index 7\n", b"index -7\n"),
        (b"index 7\n", b"index 7 \n"),
        (b"index 7\n", b""),
        (b"index 7\n", b"extra \nindex 7\n"),
        (b"index 7\n", b"extra YQ\nindex 7\n"),
        (b"index 7\n", b"extra YQ==\nextra YQ==\nindex 7\n"),
        (b"index 7\n", b"index 7\nextra YQ==\n"),
        (b"index 7\n", b"index 7\nYQ==\n"),
        (b"index 7\n", b"index 300\n"),
        (b"index 7\n", b"index 7\r\n"),
        (b"=\n\n", b"=\n"),
        (b"=\n\n", b"=\n\n\n"),
        (b"index 7\n", b"index 7\n" + b"A" * 43 + b"=\n" * 64),
    ],
)
def test_any_other_spelling_is_refused(journal: Journal, old: bytes, new: bytes) -> None:
    made = journal.prove(7)
    content = Proof(7, made.hashes, made.checkpoint).encode()
    assert old in content
    with pytest.raises(FormatError):
        Proof.decode(content.replace(old, new, 1))


def test_a_proof_of_damaged_tiles_is_not_handed_out(tmp_path: Path) -> None:
    made = Journal(tmp_path, ORIGIN)
    for number in range(5):
        made.append(leaf(number), KEY, tmp_path / "home" / "checkpoint")
    tile = made.folder / "tile" / "0" / "000.p" / "5"
    tile.chmod(0o644)
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    with pytest.raises(IntegrityError):
        made.prove(3)
