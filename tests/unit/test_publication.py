"""A log in public: what is published, in which order, what is refused, and what a witness cosigns and refuses."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment import durable, layout
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, JobError, LogForked, StoreError, TrustError
from muniment.log import Journal, Leaf, LeafType, VerifierKey, open_checkpoint, tree
from muniment.log.consistency import Extension
from muniment.log.cosignature import WitnessKey, cosign, cosignatures
from muniment.log.note import Checkpoint, sign
from muniment.log.publication import publish
from muniment.log.stored import Stored
from muniment.seal import SigningKey
from muniment.witness import Desk, Prove, begin, desk

ORIGIN = "case-017"
KEY = SigningKey.of_seed(b"log key".ljust(32, b"."))
VKEY = VerifierKey(ORIGIN, KEY.public)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def leaf(number: int) -> bytes:
    return Leaf(LeafType.CAPTURE, f"c{number}", Digest.of_bytes(b"%d" % number)).encode()


def grown(root: Path, numbers: range) -> Journal:
    journal = Journal(root, ORIGIN)
    for number in numbers:
        journal.append(leaf(number), KEY, root / "home" / "checkpoint")
    return journal


def content(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


# Consistency proofs


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return grown(tmp_path_factory.mktemp("large"), range(300))


@pytest.mark.parametrize("old", [1, 2, 255, 256, 257, 299, 300])
def test_a_log_is_shown_to_extend_each_of_its_earlier_checkpoints(large: Journal, old: int) -> None:
    proof = large.extension(old, large.newest())
    assert Extension.decode(proof.encode()) == proof
    assert proof.encode().startswith(b"old %d\n" % old)
    proof.verify(open_checkpoint(large.checkpoint_at(old), [VKEY]))
    with pytest.raises((LogForked, FormatError)):
        proof.verify(Checkpoint(ORIGIN, old, bytes(32)))
    with pytest.raises(FormatError):
        proof.verify(Checkpoint("another", old, bytes(32)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"old 2\n", b"old 02\n"),
        (b"old 2\n", b"old 301\n"),
        (b"old 2\n", b"old 0\n"),
        (b"old 2\n", b"old 300\n"),
        (b"old 2\n", b"Old 2\n"),
        (b"old 2\n", b"old 2\nYQ==\n"),
        (b"old 2\n", b"old 2\n\n"),
        (b"old 2\n", b"old 2\n" + b"A" * 43 + b"=\n" * 64),
    ],
)
def test_any_other_spelling_of_a_consistency_proof_is_refused(large: Journal, old: bytes, new: bytes) -> None:
    written = large.extension(2, large.newest()).encode()
    assert old in written
    with pytest.raises(FormatError):
        Extension.decode(written.replace(old, new, 1))


# Publication


def test_a_published_log_is_read_and_proved_like_the_one_in_the_archive(large: Journal, tmp_path: Path) -> None:
    done = publish(large, tmp_path / "public", [VKEY])
    assert (done.size, done.before) == (300, 0)
    there = content(tmp_path / "public")
    assert sorted(there) == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ]
    assert there["checkpoint"] == large.newest()
    public = Stored.at(tmp_path / "public", ORIGIN)
    public.extension(7, there["checkpoint"]).verify(open_checkpoint(large.checkpoint_at(7), [VKEY]))
    assert publish(large, tmp_path / "public", [VKEY]).files == 0


def test_publishing_goes_on_where_it_stopped_and_keeps_what_is_there(tmp_path: Path) -> None:
    grown(tmp_path, range(3))
    publish(Stored(tmp_path, ORIGIN), tmp_path / "public", [VKEY])
    before = content(tmp_path / "public")
    grown(tmp_path, range(3, 5))
    done = publish(Stored(tmp_path, ORIGIN), tmp_path / "public", [VKEY])
    assert (done.before, done.size, done.files) == (3, 5, 2)
    after = content(tmp_path / "public")
    assert {name: after[name] for name in before if name != "checkpoint"} == {
        name: each for name, each in before.items() if name != "checkpoint"
    }


def test_cosignatures_are_published_in_the_checkpoint_and_stamps_beside_it(tmp_path: Path) -> None:
    journal = grown(tmp_path, range(3))
    witness = SigningKey.of_seed(b"w" * 32)
    folder = tmp_path / str(layout.cosignatures(ORIGIN, 3))
    durable.folder(folder)
    durable.create(folder / "a.cosig", cosign(journal.newest(), "w.example", witness, NOON))
    stamps = tmp_path / str(layout.stamps(ORIGIN, 2))
    durable.folder(stamps)
    durable.create(stamps / "one.tsr", b"token")
    publish(journal, tmp_path / "public", [VKEY])
    there = content(tmp_path / "public")
    assert open_checkpoint(there["checkpoint"], [VKEY]).size == 3
    assert len(cosignatures(there["checkpoint"], [WitnessKey("w.example", witness.public)])) == 1
    assert there["stamps/2/one.tsr"] == b"token"
    assert there["checkpoints/2"] == journal.checkpoint_at(2)


@pytest.mark.parametrize("ahead", [4, 6])
def test_what_is_published_is_never_set_back_or_replaced_by_another_log(tmp_path: Path, ahead: int) -> None:
    grown(tmp_path / "one", range(5))
    publish(Stored(tmp_path / "one", ORIGIN), tmp_path / "public", [VKEY])
    before = content(tmp_path / "public")
    other = grown(tmp_path / "two", range(10, 10 + ahead))
    with pytest.raises(LogForked):
        publish(other, tmp_path / "public", [VKEY])
    elsewhere = Journal(tmp_path / "three", "another")
    elsewhere.append(leaf(0), KEY, tmp_path / "three" / "checkpoint")
    with pytest.raises((LogForked, TrustError)):
        publish(elsewhere, tmp_path / "public", [VKEY, VerifierKey("another", KEY.public)])
    assert content(tmp_path / "public") == before


def test_a_changed_tile_or_checkpoint_in_public_is_told(tmp_path: Path) -> None:
    journal = grown(tmp_path, range(3))
    publish(journal, tmp_path / "public", [VKEY])
    tile = tmp_path / "public" / "tile/0/000.p/3"
    durable.replace(tile, bytes(96))
    with pytest.raises(IntegrityError, match="same octets"):
        publish(journal, tmp_path / "public", [VKEY])
    durable.replace(tmp_path / "public" / "checkpoint", sign(Checkpoint(ORIGIN, 2, bytes(32)), KEY))
    with pytest.raises(LogForked):
        publish(journal, tmp_path / "public", [VKEY])


def test_a_damaged_log_is_not_published(tmp_path: Path) -> None:
    journal = grown(tmp_path, range(3))
    durable.replace(journal.folder / "tile/0/000.p/3", bytes(96))
    with pytest.raises(IntegrityError):
        publish(journal, tmp_path / "public", [VKEY])
    assert not (tmp_path / "public").exists()


def test_wherever_publishing_breaks_the_checkpoint_is_never_ahead_of_its_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = grown(tmp_path, range(3))
    publish(journal, tmp_path / "public", [VKEY])
    grown(tmp_path, range(3, 260))
    real: dict[str, Callable[..., Any]] = {"link": os.link, "replace": os.replace}
    for step in range(8):
        with monkeypatch.context() as patch:
            left = [step]

            def counted(name: str, left: list[int] = left) -> Callable[[Path, Path], None]:
                def through(source: Path, target: Path) -> None:
                    if not left[0]:
                        raise OSError(28, "No space left on device")
                    left[0] -= 1
                    real[name](source, target)

                return through

            patch.setattr(os, "link", counted("link"))
            patch.setattr(os, "replace", counted("replace"))
            try:
                publish(journal, tmp_path / "public", [VKEY])
            except StoreError:
                shown = open_checkpoint((tmp_path / "public" / "checkpoint").read_bytes(), [VKEY])
                nodes = Stored.at(tmp_path / "public", ORIGIN).nodes(shown.size)
                assert tree.range_root(nodes, 0, shown.size) == shown.root
    assert publish(journal, tmp_path / "public", [VKEY]).size == 260


# Cosigning


@pytest.fixture
def witness(tmp_path: Path) -> Desk:
    return begin(tmp_path / "witness", "w.example/1", None)


def proving(stored: Stored) -> Prove:
    return lambda seen, _: stored.extension(seen.size, stored.newest())


def unasked(_: Checkpoint, __: Checkpoint) -> Extension:
    raise AssertionError


def test_a_witness_cosigns_what_extends_what_it_saw(tmp_path: Path, witness: Desk) -> None:
    journal = grown(tmp_path, range(3))
    first = witness.cosign(journal.newest(), [VKEY], unasked, NOON)
    assert first.is_first
    assert cosignatures(first.cosignature, [witness.vkey])[0].checkpoint.size == 3
    assert not witness.cosign(journal.newest(), [VKEY], unasked, NOON).is_first
    grown(tmp_path, range(3, 300))
    later = witness.cosign(journal.newest(), [VKEY], proving(journal), NOON)
    assert later.checkpoint.size == 300
    assert desk(tmp_path / "witness", None).seen(ORIGIN) == journal.newest()


def test_what_a_witness_saw_is_on_disk_before_its_signature_leaves(tmp_path: Path, witness: Desk) -> None:
    journal = grown(tmp_path, range(3))

    class Watching:
        public = witness.signer.public

        def sign(self, message: bytes) -> bytes:
            assert witness.seen(ORIGIN) == journal.newest()
            return witness.signer.sign(message)

    Desk(witness.folder, witness.name, Watching()).cosign(journal.newest(), [VKEY], unasked, NOON)  # type: ignore[arg-type]


def test_a_fork_a_rollback_and_a_rewritten_log_are_never_cosigned(tmp_path: Path, witness: Desk) -> None:
    journal = grown(tmp_path / "one", range(3))
    older = journal.checkpoint_at(2)
    witness.cosign(journal.newest(), [VKEY], unasked, NOON)
    with pytest.raises(LogForked, match="at least the 3 leaves"):
        witness.cosign(older, [VKEY], unasked, NOON)
    same_size = grown(tmp_path / "two", range(10, 13))
    with pytest.raises(LogForked, match="the root"):
        witness.cosign(same_size.newest(), [VKEY], unasked, NOON)
    kept = list((witness.folder / "refused").iterdir())
    assert [each.read_bytes() for each in kept] == [same_size.newest()]
    grown(tmp_path / "two", range(13, 20))
    with pytest.raises(LogForked):
        witness.cosign(same_size.newest(), [VKEY], proving(same_size), NOON)
    assert witness.seen(ORIGIN) == journal.newest()
    shutil.rmtree(tmp_path / "two")


def test_a_proof_from_another_size_or_for_another_log_is_refused(tmp_path: Path, witness: Desk) -> None:
    journal = grown(tmp_path, range(3))
    witness.cosign(journal.newest(), [VKEY], unasked, NOON)
    grown(tmp_path, range(3, 6))
    with pytest.raises(FormatError):
        witness.cosign(journal.newest(), [VKEY], lambda *_: journal.extension(2, journal.newest()), NOON)
    with pytest.raises((LogForked, FormatError)):
        witness.cosign(journal.newest(), [VKEY], lambda *_: Extension(3, (bytes(32),), journal.newest()), NOON)


def test_the_proof_is_for_the_checkpoint_that_is_cosigned(tmp_path: Path, witness: Desk) -> None:
    journal = grown(tmp_path / "one", range(3))
    witness.cosign(journal.newest(), [VKEY], unasked, NOON)
    grown(tmp_path / "one", range(3, 6))
    forged = grown(tmp_path / "two", range(10, 16))
    # The proof is a good one, for the honest log; the checkpoint on offer is another one of the same size.
    with pytest.raises((LogForked, FormatError)):
        witness.cosign(forged.newest(), [VKEY], proving(journal), NOON)


def test_an_unknown_log_and_one_by_another_key_are_not_cosigned(tmp_path: Path, witness: Desk) -> None:
    journal = grown(tmp_path, range(3))
    with pytest.raises(TrustError):
        witness.cosign(journal.newest(), [], unasked, NOON)
    with pytest.raises(TrustError):
        witness.cosign(sign(Checkpoint(ORIGIN, 3, bytes(32)), witness.signer), [VKEY], unasked, NOON)
    assert witness.seen(ORIGIN) is None


def test_there_is_one_witness_in_a_folder(tmp_path: Path, witness: Desk) -> None:
    assert desk(tmp_path / "witness", None).vkey == witness.vkey
    with pytest.raises(JobError):
        begin(tmp_path / "witness", "w.example/2", None)
    with pytest.raises(JobError, match="--name"):
        desk(tmp_path / "elsewhere", None)
    with pytest.raises(FormatError):
        begin(tmp_path / "third", "two words", None)
