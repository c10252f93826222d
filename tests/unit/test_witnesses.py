"""What others keep of a log: old checkpoints, cosignatures, thresholds, and the insider who holds every key."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archives import Made, archive, captured
from muniment import durable, layout
from muniment.log import Journal
from muniment.log.cosignature import WitnessKey, cosign
from muniment.log.note import Checkpoint, VerifierKey, open_checkpoint, sign
from muniment.model import Check, Finding, Verdict
from muniment.seal import SigningKey
from muniment.verification import Anchor, Verification, Word
from muniment.verify import Trust, verify
from muniment.verify.trust import Witness

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SIGNERS = [SigningKey.of_seed(name.ljust(32, b".")) for name in (b"one", b"two", b"three")]
WITNESSES = tuple(
    Witness(f"Institution {n}", WitnessKey(f"witness.example/{n}", each.public)) for n, each in enumerate(SIGNERS)
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return archive(tmp_path_factory.mktemp("sealed"), "ab")


@pytest.fixture
def made(sealed: Made, tmp_path: Path) -> Made:
    return sealed.copied(tmp_path / "case-017")


def trust(made: Made, needed: int = 0, witnesses: tuple[Witness, ...] = WITNESSES) -> Trust:
    return replace(made.trust, witnesses=witnesses, witnesses_needed=needed)


def verified(
    made: Made,
    believed: Trust | None = None,
    *,
    against: tuple[bytes, ...] = (),
    strict: bool = False,
    only: str | None = None,
) -> Verification:
    kept = tuple((f"old-{n}", each) for n, each in enumerate(against))
    outside = replace(made.outside, against=kept, strict=strict)
    return verify(made.root, believed or made.trust, outside=outside, only=only)


def of(result: Verification, check: Check, *verdicts: Verdict) -> list[Finding]:
    return [each for each in result.findings if each.check is check and (not verdicts or each.verdict in verdicts)]


def old(made: Made, size: int) -> bytes:
    return made.path(layout.checkpoint_at(made.origin, size)).read_bytes()


def cosigned(made: Made, number: int, size: int, note: bytes | None = None) -> Path:
    """File the cosignature of witness *number* on the checkpoint at *size*, or on *note*, and return where."""
    key = WITNESSES[number].key
    path = made.path(layout.cosignatures(made.origin, size)) / f"{key.id.hex()}-{int(NOON.timestamp())}.cosig"
    durable.folder(path.parent)
    durable.create(path, cosign(note or old(made, size), key.name, SIGNERS[number], NOON))
    return path


def word(result: Verification, wanted: Word) -> Verdict:
    return next(each.state for each in result.words if each.word is wanted)


def reseal(made: Made) -> Made:
    """Do what an insider with every key can do: make the archive anew, with another first capture."""
    home = made.home
    shutil.rmtree(made.root / "archive")
    shutil.rmtree(made.root / str(layout.claims(made.captures[0])).split("/")[0] / "2024")
    shutil.rmtree(made.root / str(layout.log(made.origin)))
    made.archive.remembered.unlink()
    durable.folder(made.root / "archive")
    durable.folder(made.root / str(layout.log(made.origin)))
    again = replace(made, captures=(), home=home)
    return captured(captured(again, "z"), "b")


# Old checkpoints


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_log_that_begins_with_the_old_checkpoint_passes(made: Made, size: int) -> None:
    result = verified(made, against=(old(made, size),))
    assert result.verdict is Verdict.PASS
    assert [each.subject for each in of(result, Check.AGAINST, Verdict.PASS)] == ["old-0"]
    assert word(result, Word.COMPLETE) is Verdict.PASS
    assert any(f"first {size}" in each for each in result.proves)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_an_insider_who_rewrites_and_reseals_everything_is_found_by_one_old_checkpoint(
    tmp_path: Path, size: int
) -> None:
    made = archive(tmp_path, "ab")
    kept = old(made, size)
    forged = reseal(made)
    # Without anything from outside the forgery is perfect: that is why checkpoints are handed out.
    assert verified(forged).verdict is Verdict.PASS
    assert word(verified(forged), Word.ANCHORED) is Verdict.ABSENT
    result = verified(forged, against=(kept,))
    assert result.verdict is Verdict.FAIL
    assert [each.check for each in result.findings if each.verdict is Verdict.FAIL] == [Check.AGAINST]
    assert word(result, Word.COMPLETE) is Verdict.FAIL
    assert word(result, Word.INTACT) is Verdict.PASS


def test_a_log_that_was_cut_back_fails_against_what_it_was(tmp_path: Path) -> None:
    made = archive(tmp_path, "a")
    before = made.copied(tmp_path / "older")
    later = captured(made, "b")
    kept = old(later, 4)
    result = verified(replace(before, home=later.home), against=(kept,))
    (finding,) = of(result, Check.AGAINST)
    assert (finding.verdict, finding.expected, finding.found) == (Verdict.FAIL, "at least 4 leaves", "2")


def test_an_old_checkpoint_by_an_unknown_key_decides_nothing(made: Made) -> None:
    stranger = sign(open_checkpoint(old(made, 2), made.trust.logs), SIGNERS[0])
    result = verified(made, against=(stranger,))
    assert result.verdict is Verdict.UNVERIFIABLE
    assert "agrees with the log here" in of(result, Check.AGAINST)[0].detail
    other = sign(Checkpoint(made.origin, 2, bytes(32)), SIGNERS[0])
    assert "does not begin with" in of(verified(made, against=(other,)), Check.AGAINST, Verdict.UNVERIFIABLE)[0].detail


def test_an_old_checkpoint_of_a_log_that_is_not_here_fails(made: Made) -> None:
    for origin in ("another.abcdef", "example.com/log"):
        elsewhere = sign(Checkpoint(origin, 7, bytes(32)), SIGNERS[0])
        believed = replace(made.trust, logs=(*made.trust.logs, VerifierKey(origin, SIGNERS[0].public)))
        (finding,) = of(verified(made, believed, against=(elsewhere,)), Check.AGAINST)
        assert (finding.verdict, finding.found) == (Verdict.FAIL, "0")
        assert of(verified(made, against=(elsewhere,)), Check.AGAINST)[0].verdict is Verdict.UNVERIFIABLE


def test_a_witness_vouches_for_an_old_checkpoint_of_a_log_whose_key_is_not_known(made: Made) -> None:
    believed = replace(trust(made), logs=())
    kept = cosign(old(made, 3), WITNESSES[0].key.name, SIGNERS[0], NOON)
    (finding,) = of(verified(made, believed, against=(kept,)), Check.AGAINST)
    assert (finding.verdict, "'Institution 0'" in finding.detail) == (Verdict.PASS, True)
    forked = cosign(sign(Checkpoint(made.origin, 3, bytes(32)), SIGNERS[2]), WITNESSES[0].key.name, SIGNERS[0], NOON)
    assert of(verified(made, believed, against=(forked,)), Check.AGAINST)[0].verdict is Verdict.FAIL


def test_a_damaged_old_checkpoint_is_not_passed_over(made: Made) -> None:
    broken = old(made, 3).replace(b"\n3\n", b"\n2\n")
    assert of(verified(made, against=(broken, old(made, 2))), Check.AGAINST)[0].verdict is Verdict.FAIL


def test_damaged_leaves_prevent_the_comparison_and_say_so(made: Made) -> None:
    path = made.path(layout.log(made.origin) / "tile/entries/000.p/4")
    path.write_bytes(path.read_bytes()[:-5])
    result = verified(made, against=(old(made, 3),))
    assert of(result, Check.AGAINST)[0].verdict is Verdict.UNVERIFIABLE
    assert result.verdict is Verdict.FAIL


# Witnesses


def test_cosignatures_are_counted_by_witness_and_by_what_they_cover(made: Made) -> None:
    for number, size in ((0, 4), (1, 2), (1, 4), (2, 3)):
        cosigned(made, number, size)
    result = verified(made, trust(made, 2))
    assert result.verdict is Verdict.PASS
    assert result.anchored is Anchor.WITNESSED
    assert "3 of 3 trusted witnesses" in next(each.sentence for each in result.words if each.word is Word.WITNESSED)
    assert len(of(result, Check.WITNESSES, Verdict.PASS)) == 5
    short = verified(made, trust(made, 3))
    assert short.verdict is Verdict.UNVERIFIABLE
    assert "3 were seen by the 3" in of(short, Check.WITNESSES, Verdict.UNVERIFIABLE)[0].detail


def test_one_witness_who_signs_twice_is_one(made: Made) -> None:
    cosigned(made, 0, 4)
    key = WITNESSES[0].key
    path = made.path(layout.cosignatures(made.origin, 4)) / "again.cosig"
    durable.create(path, cosign(old(made, 4), key.name, SIGNERS[0], NOON.replace(hour=13)))
    assert verified(made, trust(made, 1)).verdict is Verdict.PASS
    assert verified(made, trust(made, 2)).verdict is Verdict.UNVERIFIABLE


def test_too_few_witnesses_are_unverifiable_and_none_are_noted(made: Made) -> None:
    assert verified(made, trust(made, 1)).verdict is Verdict.UNVERIFIABLE
    result = verified(made, trust(made))
    assert result.verdict is Verdict.PASS
    assert word(result, Word.WITNESSED) is Verdict.ABSENT
    assert result.anchored is Anchor.ABSENT


def test_an_unknown_witness_is_noted_and_counts_for_nothing(made: Made) -> None:
    cosigned(made, 2, 4)
    result = verified(made, trust(made, 0, WITNESSES[:2]))
    assert "'witness.example/2'" in of(result, Check.WITNESSES, Verdict.ABSENT)[0].detail
    assert (result.verdict, result.anchored) == (Verdict.PASS, Anchor.ABSENT)
    assert verified(made, trust(made, 1, WITNESSES[:2])).verdict is Verdict.UNVERIFIABLE


def test_a_forged_cosignature_fails(made: Made) -> None:
    path = cosigned(made, 0, 4)
    content = path.read_bytes()
    at = content.rindex(b" ") + 20
    path.chmod(0o644)
    path.write_bytes(content[:at] + (b"A" if content[at : at + 1] != b"A" else b"B") + content[at + 1 :])
    assert of(verified(made, trust(made)), Check.WITNESSES, Verdict.FAIL)
    path.write_bytes(content.replace(b"witness.example/0", b"witness.example/9"))
    assert of(verified(made, trust(made)), Check.WITNESSES, Verdict.FAIL)


def test_a_witness_who_saw_another_log_of_that_name_proves_the_fork(made: Made) -> None:
    forked = sign(Checkpoint(made.origin, 4, bytes(32)), SIGNERS[2])
    cosigned(made, 0, 4, forked)
    (finding,) = of(verified(made, trust(made)), Check.WITNESSES, Verdict.FAIL)
    assert finding.expected.startswith("the root " + "00" * 32)


def test_a_witness_who_saw_more_than_there_is_proves_the_rollback(made: Made) -> None:
    cosigned(made, 0, 9, sign(Checkpoint(made.origin, 9, bytes(32)), SIGNERS[2]))
    (finding,) = of(verified(made, trust(made)), Check.WITNESSES, Verdict.FAIL)
    assert (finding.expected, finding.found) == ("at least 9 leaves", "4")


def test_a_cosignature_under_another_size_or_with_further_lines_fails(made: Made) -> None:
    path = cosigned(made, 0, 3)
    elsewhere = made.path(layout.cosignatures(made.origin, 4)) / path.name
    durable.folder(elsewhere.parent)
    shutil.move(path, elsewhere)
    assert of(verified(made, trust(made)), Check.WITNESSES, Verdict.FAIL)
    elsewhere.chmod(0o644)
    elsewhere.write_bytes(old(made, 4))
    assert of(verified(made, trust(made)), Check.WITNESSES, Verdict.ABSENT)
    elsewhere.write_bytes(old(made, 4) * 2)
    assert of(verified(made, trust(made)), Check.WITNESSES, Verdict.FAIL)


def test_what_else_lies_beside_checkpoints_is_an_extra_file(made: Made) -> None:
    folder = made.path(layout.cosignatures(made.origin, 4))
    durable.folder(folder)
    durable.create(folder / "readme.txt", b"hello")
    (finding,) = of(verified(made, trust(made)), Check.EXTRA_FILE)
    assert (finding.verdict, finding.subject) == (Verdict.FAIL, str((folder / "readme.txt").relative_to(made.root)))


def test_a_capture_is_anchored_as_far_as_its_own_leaves(made: Made) -> None:
    cosigned(made, 0, 2)
    assert verified(made, trust(made)).anchored is Anchor.ABSENT
    assert verified(made, trust(made), only=made.captures[0]).anchored is Anchor.WITNESSED
    assert verified(made, trust(made), only=made.captures[1]).anchored is Anchor.ABSENT


def test_a_strict_verifier_does_not_pass_over_what_is_absent(made: Made) -> None:
    for believed in (made.trust, trust(made)):
        result = verified(made, believed, strict=True)
        assert result.verdict is Verdict.UNVERIFIABLE
        assert word(result, Word.WITNESSED) is Verdict.UNVERIFIABLE
        assert word(result, Word.ANCHORED) is Verdict.UNVERIFIABLE
    assert verified(made, strict=False).verdict is Verdict.PASS


def test_the_log_goes_on_beside_cosignatures(tmp_path: Path) -> None:
    made = archive(tmp_path, "a")
    cosigned(made, 0, 2)
    later = captured(made, "b")
    assert verified(later, trust(later)).verdict is Verdict.PASS
    assert Journal(later.root, later.origin).sizes() == (1, 2, 3, 4)


def test_every_word_is_there_in_its_order_with_a_sentence(made: Made) -> None:
    result = verified(made)
    assert [each.word for each in result.words] == list(Word)
    assert all(each.label and each.sentence for each in result.words)


def test_words_say_who_is_unknown_and_what_is_broken(made: Made) -> None:
    unknown = verified(made, Trust.nobody())
    labels = {each.word: each.label for each in unknown.words}
    assert labels[Word.SIGNED] == "Signed by unknown"
    assert word(unknown, Word.INTACT) is Verdict.PASS
    made.warc().write_bytes(made.warc().read_bytes()[:-1] + b"x")
    broken = verified(made)
    assert word(broken, Word.INTACT) is Verdict.FAIL
    assert word(broken, Word.SIGNED) is Verdict.PASS
