"""Custody is told by seals of both sides; what nobody sealed is a gap with a name; a deletion is told, never intact."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import archives
from archives import Made
from muniment import layout, manifest
from muniment.capture import custody, events
from muniment.capture.custody import Deed
from muniment.capture.sealing import Signers, signers
from muniment.digest import Digest
from muniment.errors import FormatError, JobError
from muniment.manifest import Agent, Event
from muniment.model import Check, EventType, Finding, Verdict
from muniment.seal import SigningKey, dsse
from muniment.verification import Verification, Word
from muniment.verify import Trust, verify
from muniment.verify.custodians import held_by
from muniment.verify.history import History

DAY = timedelta(days=1)
AT = datetime(2025, 2, 1, 9, 0, tzinfo=UTC)


def held(made: Made) -> Signers:
    return signers(made.archive, None)


def verified(made: Made, trust: Trust | None = None) -> Verification:
    return verify(made.root, made.trust if trust is None else trust, outside=made.outside)


def named(result: Verification, check: Check, verdict: Verdict) -> list[Finding]:
    return [each for each in result.findings if each.check is check and each.verdict is verdict]


def word(result: Verification, which: Word = Word.CUSTODY) -> tuple[Verdict, str]:
    said = next(each for each in result.words if each.word is which)
    return said.state, said.label


def told(made: Made, trust: Trust | None = None) -> History:
    found, failures = held_by(made.root, made.trust if trust is None else trust, made.captures[0])
    assert failures == ()
    return found


def recorded(made: Made, kind: EventType, at: datetime = AT, **deed: Any) -> Event:
    return custody.record(made.archive, held(made), Deed(kind, **deed), made.captures[:1], at)


def sealed(made: Made, event: Event) -> bytes:
    return made.path(layout.event(event.id)).read_bytes()


@pytest.fixture
def own(tmp_path: Path) -> Made:
    return archives.archive(tmp_path, "ab")


@dataclass(frozen=True)
class Pair:
    """A sender with two captures, and a receiver with an archive of his own that holds a copy of the first."""

    sender: Made
    receiver: Made
    trust: Trust


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    sender = archives.archive(tmp_path / "here", "ab")
    receiver = archives.begun(tmp_path / "there", "national")
    for folder in (layout.log(sender.origin), layout.claims(sender.captures[0]), layout.evidence(sender.captures[0])):
        shutil.copytree(sender.path(folder), receiver.path(folder))
    theirs = replace(receiver.trust.operators[0], name="National Archive")
    trust = replace(
        sender.trust,
        logs=(*sender.trust.logs, *receiver.trust.logs),
        operators=(*sender.trust.operators, theirs),
    )
    return Pair(sender, replace(receiver, captures=sender.captures[:1]), trust)


# A transfer, both ways.


def test_a_transfer_is_a_gap_until_the_receiver_seals_that_he_has_it(pair: Pair) -> None:
    sent = recorded(pair.sender, EventType.TRANSFER, to="National Archive")
    before = told(pair.sender, pair.trust)
    assert not before.is_unbroken
    assert [gap.detail for gap in before.gaps if gap.breaks] == [
        f"nobody accepted the transfer {sent.id} to 'National Archive' of 2025-02-01T09:00:00.000000Z"
    ]
    waiting = verified(pair.sender, pair.trust)
    assert waiting.verdict is Verdict.PASS
    assert len(named(waiting, Check.CUSTODY, Verdict.ABSENT)) == 1
    assert word(waiting) == (Verdict.ABSENT, "Custody has gaps")
    # The receiver accepts what he holds, and sends the sealed event back.
    taken = custody.accept(pair.receiver.archive, held(pair.receiver), sealed(pair.sender, sent), AT + DAY)
    custody.accept(pair.sender.archive, held(pair.sender), sealed(pair.receiver, taken), AT + 2 * DAY)
    after = told(pair.sender, pair.trust)
    assert after.is_unbroken
    assert [(holder.name, holder.since, holder.until) for holder in after.holders] == [
        ("Desk 1", after.steps[0].at, AT),
        ("National Archive", AT + DAY, None),
    ]
    (way,) = [gap for gap in after.gaps if gap.detail.startswith("on its way")]
    assert (way.since, way.until, way.breaks) == (AT, AT + DAY, False)
    result = verified(pair.sender, pair.trust)
    assert result.verdict is Verdict.PASS
    assert "held by Desk 1 then National Archive" in named(result, Check.CUSTODY, Verdict.PASS)[-1].detail
    assert word(result) == (Verdict.PASS, "Custody unbroken")
    # A gap in the custody of the other capture is not covered up by this one.
    custody.record(
        pair.sender.archive, held(pair.sender), Deed(EventType.TRANSFER, to="x"), pair.sender.captures[1:], AT
    )
    assert word(verified(pair.sender, pair.trust)) == (Verdict.ABSENT, "Custody has gaps")


def test_the_receivers_own_archive_tells_the_same(pair: Pair) -> None:
    sent = recorded(pair.sender, EventType.TRANSFER, to="National Archive")
    custody.accept(pair.receiver.archive, held(pair.receiver), sealed(pair.sender, sent), AT + DAY)
    found = told(pair.receiver, pair.trust)
    assert [holder.name for holder in found.holders] == ["Desk 1", "National Archive"]
    assert found.is_unbroken


def test_an_acceptance_by_somebody_whom_the_verifier_does_not_know_is_unverifiable(pair: Pair) -> None:
    sent = recorded(pair.sender, EventType.TRANSFER, to="National Archive")
    taken = custody.accept(pair.receiver.archive, held(pair.receiver), sealed(pair.sender, sent), AT + DAY)
    custody.accept(pair.sender.archive, held(pair.sender), sealed(pair.receiver, taken), AT + DAY)
    result = verified(pair.sender)
    assert result.verdict is Verdict.UNVERIFIABLE
    assert len(named(result, Check.CUSTODY, Verdict.UNVERIFIABLE)) == 1
    (gap,) = [each for each in told(pair.sender).gaps if each.breaks]
    assert "is nobody whom you trust" in gap.detail


def test_a_receiver_accepts_only_what_is_there(pair: Pair) -> None:
    both = custody.record(
        pair.sender.archive, held(pair.sender), Deed(EventType.TRANSFER, to="N"), pair.sender.captures, AT
    )
    taken = custody.accept(pair.receiver.archive, held(pair.receiver), sealed(pair.sender, both), AT + DAY)
    assert [name for name, _ in taken.subjects[1:]] == [str(layout.statement(pair.sender.captures[0]))]
    custody.accept(pair.sender.archive, held(pair.sender), sealed(pair.receiver, taken), AT + DAY)
    first, second = (held_by(pair.sender.root, pair.trust, each)[0] for each in pair.sender.captures)
    assert first.is_unbroken
    assert not second.is_unbroken
    empty = archives.begun(pair.sender.home.parent.parent / "elsewhere", "empty")
    with pytest.raises(JobError, match="Nothing of what was transferred is in this archive"):
        custody.accept(empty.archive, held(empty), sealed(pair.sender, both), AT)


def test_who_accepts_his_own_transfer_closes_no_gap(own: Made) -> None:
    sent = recorded(own, EventType.TRANSFER, to="Nobody Else")
    custody.accept(own.archive, held(own), sealed(own, sent), AT + DAY)
    assert any("accepted by its own sender" in gap.detail for gap in told(own).gaps if gap.breaks)


def test_what_is_no_paper_is_not_accepted(pair: Pair) -> None:
    access = recorded(pair.sender, EventType.ACCESS)
    sent = recorded(pair.sender, EventType.TRANSFER, to="N")
    taken = custody.accept(pair.receiver.archive, held(pair.receiver), sealed(pair.sender, sent), AT)
    for paper, error in (
        (b"{}", FormatError),
        (sealed(pair.sender, access), JobError),
        (sealed(pair.receiver, taken), JobError),
    ):
        with pytest.raises(error):
            custody.accept(pair.receiver.archive, held(pair.receiver), paper, AT)


# Papers that lie.


def lying(pair: Pair, changed: Callable[[Pair, Event], dict[str, Any]]) -> Verification:
    """Verify the sender's archive with an acceptance in it that the sender made up."""
    sent = recorded(pair.sender, EventType.TRANSFER, to="National Archive")
    taken = custody.accept(pair.receiver.archive, held(pair.receiver), sealed(pair.sender, sent), AT + DAY)
    paper = sealed(pair.receiver, taken)
    event = Event(
        id=events.new_id(AT),
        type=EventType.ACCEPTANCE,
        at=AT,
        agents=(Agent("Desk 1", "operator"),),
        subjects=((f"{taken.id}.dsse.json", Digest.of_bytes(paper)),),
        outcome="success",
        tool="t",
        version="0",
        detail=manifest.Acceptance(sent.id, Digest.of_bytes(sealed(pair.sender, sent)), paper.decode()).detail(),
    )
    events.record(pair.sender.archive, held(pair.sender), replace(event, **changed(pair, event)))
    return verified(pair.sender, pair.trust)


def _paper(event: Event, paper: bytes) -> dict[str, Any]:
    said = manifest.decode_event(dsse.unverified_payload(paper), "paper")
    return {
        "detail": {**event.detail, "paper": paper.decode()},
        "subjects": ((f"{said.id}.dsse.json", Digest.of_bytes(paper)),),
    }


def truthful(_: Pair, __: Event) -> dict[str, Any]:
    return {}


def resealed(_: Pair, event: Event) -> dict[str, Any]:
    payload = dsse.unverified_payload(str(event.detail["paper"]).encode())
    stranger = SigningKey.of_seed(b"s" * 32)
    envelope = dsse.seal(payload, manifest.PAYLOAD_TYPE, [stranger])
    return _paper(event, envelope)


def stripped(_: Pair, event: Event) -> dict[str, Any]:
    text = str(event.detail["paper"])
    return _paper(event, (text[: text.index('"signatures":[')] + '"signatures":[]}').encode())


def forged(_: Pair, event: Event) -> dict[str, Any]:
    # The keyid of the receiver over other words.
    text = str(event.detail["paper"])
    payload = dsse.unverified_payload(text.encode()).replace(b"success", b"failure")
    stranger = dsse.seal(payload, manifest.PAYLOAD_TYPE, [SigningKey.of_seed(b"s" * 32)]).decode()
    return _paper(event, (stranger[: stranger.index('"signatures":')] + text[text.index('"signatures":') :]).encode())


def of_another_transfer(pair: Pair, event: Event) -> dict[str, Any]:
    other = recorded(pair.sender, EventType.TRANSFER, to="National Archive")
    taken = custody.accept(pair.receiver.archive, held(pair.receiver), sealed(pair.sender, other), AT + DAY)
    return _paper(event, sealed(pair.receiver, taken))


def of_a_transfer_that_is_not_here(pair: Pair, event: Event) -> dict[str, Any]:
    sent = custody.record(
        pair.receiver.archive, held(pair.receiver), Deed(EventType.TRANSFER, to="x"), pair.receiver.captures, AT
    )
    taken = custody.accept(pair.receiver.archive, held(pair.receiver), sealed(pair.receiver, sent), AT)
    paper = sealed(pair.receiver, taken)
    detail = manifest.Acceptance(sent.id, Digest.of_bytes(sealed(pair.receiver, sent)), paper.decode()).detail()
    return {**_paper(event, paper), "detail": detail}


def with_another_subject(_: Pair, __: Event) -> dict[str, Any]:
    return {"subjects": (("event-x.dsse.json", Digest.of_bytes(b"x")),)}


def without_a_paper(_: Pair, event: Event) -> dict[str, Any]:
    return {"detail": {**event.detail, "paper": ""}}


def with_more(_: Pair, event: Event) -> dict[str, Any]:
    return {"detail": {**event.detail, "more": True}}


@pytest.mark.parametrize(
    ("lie", "verdict"),
    [
        (truthful, None),
        (resealed, Verdict.UNVERIFIABLE),
        (stripped, Verdict.FAIL),
        (forged, Verdict.FAIL),
        (of_another_transfer, Verdict.FAIL),
        (of_a_transfer_that_is_not_here, Verdict.FAIL),
        (with_another_subject, Verdict.FAIL),
        (without_a_paper, Verdict.FAIL),
        (with_more, Verdict.FAIL),
    ],
)
def test_a_paper_that_lies_closes_nothing(
    pair: Pair, lie: Callable[[Pair, Event], dict[str, Any]], verdict: Verdict | None
) -> None:
    result = lying(pair, lie)
    bad = {each.check: each.verdict for each in result.findings if each.verdict in {Verdict.FAIL, Verdict.UNVERIFIABLE}}
    assert bad == ({} if verdict is None else {Check.CUSTODY: verdict})


# Deletions and holds.


def delete(made: Made) -> None:
    made.warc().chmod(0o644)
    made.warc().unlink()


def test_a_deletion_that_was_told_is_noted_with_its_digests_and_nothing_of_it_passes(own: Made) -> None:
    digest = Digest.of_bytes(own.warc().read_bytes())
    event = recorded(own, EventType.DELETION, note="by order of the court")
    still = verified(own)
    assert still.verdict is Verdict.PASS
    assert word(still, Word.INTACT) == (Verdict.PASS, "Intact")
    assert "It is here, and is verified" in named(still, Check.DELETION, Verdict.ABSENT)[0].detail
    delete(own)
    result = verified(own)
    assert result.verdict is Verdict.PASS
    (noted,) = named(result, Check.DELETION, Verdict.ABSENT)
    assert (noted.expected, noted.found) == (str(digest), "no file")
    assert event.id in noted.detail
    assert noted.subject == own.warc().relative_to(own.root).as_posix()
    about = [each for each in result.findings if own.captures[0] in each.subject and each.subject.endswith(".warc.gz")]
    assert about == [noted]
    assert word(result, Word.INTACT) == (Verdict.ABSENT, "Intact but for what was deleted")
    assert any("that are here" in each for each in result.proves)
    assert any("What the deleted files held" in each for each in result.does_not_prove)


def test_a_file_that_is_gone_without_an_event_or_with_one_about_another_fails(own: Made) -> None:
    custody.record(own.archive, held(own), Deed(EventType.DELETION), own.captures[1:], AT)
    delete(own)
    assert verified(own).verdict is Verdict.FAIL


def test_a_file_that_was_replaced_after_its_deletion_was_told_fails(own: Made) -> None:
    recorded(own, EventType.DELETION)
    delete(own)
    own.warc().write_bytes(own.warc(1).read_bytes())
    assert named(verified(own), Check.FILE_DIGEST, Verdict.FAIL)


def test_a_deletion_told_by_a_stranger_is_unverifiable(own: Made) -> None:
    stranger = Signers(SigningKey.of_seed(b"s" * 32), held(own).log)
    custody.record(own.archive, stranger, Deed(EventType.DELETION), own.captures[:1], AT)
    delete(own)
    result = verified(own)
    assert result.verdict is Verdict.UNVERIFIABLE
    assert len(named(result, Check.DELETION, Verdict.UNVERIFIABLE)) == 1


def test_an_event_excuses_no_file_but_evidence(own: Made) -> None:
    path = layout.manifest(own.captures[0])
    event = recorded(own, EventType.ACCESS)
    wide = replace(
        event,
        id=events.new_id(AT),
        type=EventType.DELETION,
        subjects=((str(path), Digest.of_bytes(own.path(path).read_bytes())),),
    )
    events.record(own.archive, held(own), wide)
    own.path(path).unlink()
    assert verified(own).verdict is Verdict.FAIL


def test_a_legal_hold_forbids_a_deletion_until_it_is_lifted(own: Made) -> None:
    hold = recorded(own, EventType.LEGAL_HOLD)
    with pytest.raises(JobError, match=f"{hold.id}: a legal hold forbids it"):
        recorded(own, EventType.DELETION)
    custody.record(own.archive, held(own), Deed(EventType.DELETION), own.captures[1:], AT)
    with pytest.raises(JobError, match="places no legal hold"):
        recorded(own, EventType.LEGAL_HOLD, lifts="event-20250101T000000Z-aaaaaa")
    recorded(own, EventType.LEGAL_HOLD, lifts=hold.id)
    recorded(own, EventType.DELETION)
    delete(own)
    assert verified(own).verdict is Verdict.PASS


def test_a_deletion_that_somebody_forced_under_a_hold_excuses_nothing(own: Made) -> None:
    told_of = custody.deletable(own.archive, own.captures[0])
    hold = recorded(own, EventType.LEGAL_HOLD)
    forced = replace(
        hold, id=events.new_id(AT), type=EventType.DELETION, detail={}, subjects=(*hold.subjects, *told_of)
    )
    events.record(own.archive, held(own), forced)
    recorded(own, EventType.LEGAL_HOLD, lifts=hold.id)  # too late
    delete(own)
    result = verified(own)
    (failure,) = named(result, Check.CUSTODY, Verdict.FAIL)
    assert failure.found == f"the hold {hold.id}"
    assert named(result, Check.FILE, Verdict.FAIL)


# What is told, and what is not.


def test_the_time_until_the_first_fixity_check_is_named_and_a_check_of_the_archive_covers_its_captures(
    own: Made,
) -> None:
    (gap,) = told(own).gaps
    assert (gap.until, gap.breaks) == (None, False)
    custody.checked(own.archive, held(own), "success", {"verdict": "pass"}, AT)
    (gap,) = told(own).gaps
    assert gap.until == AT
    assert [step.what for step in told(own).steps] == ["opened", "captured and sealed", "fixity check"]
    later = archives.captured(own, "c")
    assert len(held_by(later.root, later.trust, later.captures[2])[0].steps) == 2
    custody.checked(own.archive, held(own), "fail", {"verdict": "fail"}, AT + DAY)
    assert any("did not pass: fail" in each.detail for each in told(own).gaps if each.breaks)


def test_events_and_captures_that_nobody_known_sealed_are_gaps(own: Made) -> None:
    recorded(own, EventType.ACCESS)
    found = told(own, replace(own.trust, operators=()))
    assert not found.is_unbroken
    assert len([gap for gap in found.gaps if gap.breaks]) == 2
    assert found.holders[0].name == "somebody whom you do not trust"


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        (EventType.TRANSFER, {}),
        (EventType.REPLICATION, {"to": 1}),
        (EventType.TRANSFER, {"to": "a", "more": 1}),
        (EventType.LEGAL_HOLD, {}),
        (EventType.LEGAL_HOLD, {"hold": "placed", "placed": "event-x"}),
        (EventType.LEGAL_HOLD, {"hold": "lifted"}),
        (EventType.LEGAL_HOLD, {"hold": "broken"}),
    ],
)
def test_events_that_do_not_say_what_their_type_says_fail(own: Made, kind: EventType, detail: dict[str, Any]) -> None:
    event = recorded(own, EventType.ACCESS)
    events.record(own.archive, held(own), replace(event, id=events.new_id(AT), type=kind, detail=detail))
    assert named(verified(own), Check.EVENT, Verdict.FAIL)


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (Deed(EventType.TRANSFER), "needs to whom"),
        (Deed(EventType.ACCESS, to="somebody"), "goes to nobody"),
    ],
)
def test_deeds_that_cannot_be_are_refused(own: Made, deed: Deed, said: str) -> None:
    with pytest.raises(JobError, match=said):
        custody.record(own.archive, held(own), deed, own.captures[:1], AT)
    with pytest.raises(JobError, match="no id of a capture"):
        custody.record(own.archive, held(own), Deed(EventType.ACCESS), ["../x"], AT)
    with pytest.raises(JobError, match="has no sealed statement"):
        custody.record(own.archive, held(own), Deed(EventType.ACCESS), ["20200101T000000Z-aaaaaa"], AT)
