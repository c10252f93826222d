"""Every event is held against its seal, its name, its place and the log; every way of tampering with one is named."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import archives
from archives import Made
from disk import KilledError
from muniment import durable, layout, manifest
from muniment.capture import events, sealing
from muniment.capture.sealing import Signers, signers
from muniment.digest import Digest
from muniment.errors import TrustError
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.manifest import Agent, Event
from muniment.model import Check, EventType, Finding, Verdict
from muniment.seal import SigningKey, dsse
from muniment.verification import Verification
from muniment.verify import Trust, verify

AT = datetime(2025, 3, 1, 12, 0, 30, tzinfo=UTC)
STRANGER = SigningKey.of_seed(b"\x07" * 32)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Give an archive of one capture and two events that no test changes."""
    made = archives.archive(tmp_path_factory.mktemp("sealed"), "a")
    for kind in (EventType.ACCESS, EventType.REDACTION):
        happened(made, kind)
    return made


@pytest.fixture
def made(sealed: Made, tmp_path: Path) -> Made:
    """Give a copy of that archive to break."""
    return sealed.copied(tmp_path / "copy")


@pytest.fixture
def own(tmp_path: Path) -> Made:
    """Give an archive with a home of its own."""
    return archives.archive(tmp_path, "a")


def told(made: Made, kind: EventType = EventType.ACCESS, **changed: object) -> Event:
    statement = layout.statement(made.captures[0])
    event = Event(
        id=events.new_id(AT),
        type=kind,
        at=AT,
        agents=(Agent("Reading room", "reader"),),
        subjects=((str(statement), Digest.of_bytes(made.path(statement).read_bytes())),),
        outcome="success",
        tool="muniment",
        version="0",
    )
    return replace(event, **changed)  # type: ignore[arg-type]


def held(made: Made) -> Signers:
    return signers(made.archive, None)


def happened(made: Made, kind: EventType = EventType.ACCESS, **changed: object) -> Event:
    event = told(made, kind, **changed)
    events.record(made.archive, held(made), event)
    return event


def verified(made: Made, trust: Trust | None = None) -> Verification:
    return verify(made.root, made.trust if trust is None else trust, outside=made.outside)


def named(result: Verification, check: Check, verdict: Verdict = Verdict.FAIL) -> list[Finding]:
    return [each for each in result.findings if each.check is check and each.verdict is verdict]


def bad(result: Verification) -> set[Check]:
    return {each.check for each in result.findings if each.verdict in {Verdict.FAIL, Verdict.UNVERIFIABLE}}


def files(made: Made) -> list[Path]:
    return sorted(made.path(layout.events()).rglob("*.dsse.json"))


def test_events_that_were_recorded_pass_and_are_accounted_for(sealed: Made) -> None:
    result = verified(sealed)
    assert bad(result) == set()
    assert result.verdict is Verdict.PASS
    for check in (Check.EVENT, Check.EVENT_SIGNATURE, Check.LOG_ENTRY_EVENT):
        assert len(named(result, check, Verdict.PASS)) == 2
    assert "'Desk 1'" in named(result, Check.EVENT_SIGNATURE, Verdict.PASS)[0].detail


def test_events_sealed_by_an_unknown_key_are_unverifiable_and_never_fail(sealed: Made) -> None:
    result = verified(sealed, replace(sealed.trust, operators=()))
    assert len(named(result, Check.EVENT_SIGNATURE, Verdict.UNVERIFIABLE)) == 2
    assert result.verdict is Verdict.UNVERIFIABLE


def removed(made: Made) -> None:
    files(made)[0].unlink()


def swapped(made: Made) -> None:
    first, second = files(made)
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def renamed(made: Made) -> None:
    first, _ = files(made)
    first.rename(made.path(layout.event(events.new_id(AT))))


def replayed(made: Made) -> None:
    # The same sealed bytes, logged once more under another id.
    again = events.new_id(AT)
    shutil.copy(files(made)[0], made.path(layout.event(again)))
    leaf = Leaf(LeafType.EVENT, again, Digest.of_bytes(files(made)[0].read_bytes()))
    sealing.append(made.archive, held(made), leaf)


def doubled(made: Made) -> None:
    # The same event, logged twice.
    leaf = next(Leaf.decode(each) for each in Journal(made.root, made.origin).entries() if b'"event"' in each)
    sealing.append(made.archive, held(made), leaf)


def stripped(made: Made) -> None:
    first, _ = files(made)
    envelope = first.read_bytes()
    at = envelope.index(b'"signatures":[') + len(b'"signatures":[')
    first.write_bytes(envelope[:at] + b"]}")


def resealed(made: Made) -> None:
    # A stranger seals the same words; only the log holds against that.
    first, _ = files(made)
    payload = dsse.unverified_payload(first.read_bytes())
    first.write_bytes(dsse.seal(payload, manifest.PAYLOAD_TYPE, [STRANGER]))


def inserted(made: Made) -> None:
    # An event that the operator sealed and no log holds, under its final name.
    event = told(made)
    path = made.path(layout.event(event.id))
    path.write_bytes(dsse.seal(manifest.encode_event(event), manifest.PAYLOAD_TYPE, [held(made).operator]))


def back_dated(made: Made) -> None:
    happened(made, at=AT.replace(year=2020))


def mistyped(made: Made) -> None:
    # A key event that the log holds as any event.
    event = told(made, EventType.RENEWAL)
    path = made.path(layout.event(event.id))
    path.write_bytes(dsse.seal(manifest.encode_event(event), manifest.PAYLOAD_TYPE, [held(made).operator]))
    sealing.append(made.archive, held(made), Leaf(LeafType.EVENT, event.id, Digest.of_bytes(path.read_bytes())))


def as_statement(made: Made) -> None:
    # A capture's statement where an event should be: sealed, logged, and no event.
    path = made.path(layout.event(events.new_id(AT)))
    path.write_bytes(made.path(layout.statement(made.captures[0])).read_bytes())
    name = path.name.removesuffix(".dsse.json")
    sealing.append(made.archive, held(made), Leaf(LeafType.EVENT, name, Digest.of_bytes(path.read_bytes())))


def misplaced(made: Made) -> None:
    first, _ = files(made)
    elsewhere = made.path("manifests/events/2031/01")
    elsewhere.mkdir(parents=True)
    shutil.copy(first, elsewhere)


def named_like_a_capture(made: Made) -> None:
    sealing.append(made.archive, held(made), Leaf(LeafType.EVENT, made.captures[0], Digest.of_bytes(b"")))


@pytest.mark.parametrize(
    ("attack", "checks"),
    [
        (removed, {Check.FILE}),
        (swapped, {Check.EVENT, Check.LOG_ENTRY_EVENT}),
        (renamed, {Check.FILE, Check.EVENT, Check.LOG_ENTRY_EVENT}),
        (replayed, {Check.EVENT}),
        (doubled, {Check.LOG_ENTRY_EVENT}),
        (stripped, {Check.EVENT_SIGNATURE, Check.LOG_ENTRY_EVENT}),
        (resealed, {Check.EVENT_SIGNATURE, Check.LOG_ENTRY_EVENT}),
        (inserted, {Check.LOG_ENTRY_EVENT}),
        (back_dated, {Check.EVENT}),
        (mistyped, {Check.LOG_ENTRY_EVENT}),
        (as_statement, {Check.EVENT}),
        (misplaced, {Check.EXTRA_FILE}),
        (named_like_a_capture, {Check.LOG_TREE}),
    ],
)
def test_tampering_with_events_fails_for_that_reason(
    own: Made, attack: Callable[[Made], None], checks: set[Check]
) -> None:
    for _ in range(2):
        happened(own)
    for each in own.root.rglob("*"):
        each.chmod(0o755 if each.is_dir() else 0o644)
    attack(own)
    result = verified(own)
    assert result.verdict is Verdict.FAIL
    assert bad(result) == checks


class Stopped:
    """Lets the disk change so many times, then ends the process: before the change, or just after it."""

    def __init__(self, at: int, *, persisted: bool) -> None:
        self.at, self.persisted, self.count = at, persisted, 0

    def step(self, change: Callable[[], None]) -> None:
        self.count += 1
        if self.count >= self.at:
            if self.persisted and self.count == self.at:
                change()
            raise KilledError
        change()


@pytest.mark.parametrize("persisted", [False, True], ids=["lost", "kept-all-the-same"])
@pytest.mark.parametrize("at", range(1, 14))
def test_a_recording_that_is_killed_is_finished_once_or_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, *, persisted: bool
) -> None:
    made = archives.archive(tmp_path, "a")
    event, keys = told(made), held(made)
    stopped = Stopped(at, persisted=persisted)
    with monkeypatch.context() as patch:
        for name in ("create", "replace", "finish", "remove"):
            real = getattr(durable, name)
            patch.setattr(durable, name, lambda *a, real=real, **o: stopped.step(lambda: real(*a, **o)))
        try:
            events.record(made.archive, keys, event)
        except KilledError:
            killed = True
        else:
            killed = False
    before = verified(made)
    assert before.verdict is Verdict.PASS
    waiting = events.unlogged(made.archive)
    assert killed or not waiting
    list(events.finish(made.archive, keys, waiting))
    assert list(events.finish(made.archive, keys, events.unlogged(made.archive))) == []
    after = verified(made)
    assert after.verdict is Verdict.PASS
    assert not named(after, Check.LOG_ENTRY_EVENT, Verdict.ABSENT)
    leaves = [Leaf.decode(each) for each in Journal(made.root, made.origin).entries()]
    number = sum(leaf.type is LeafType.EVENT for leaf in leaves)
    assert number == len(files(made)) == len(named(after, Check.LOG_ENTRY_EVENT, Verdict.PASS))
    assert number or killed


def test_what_a_stranger_left_as_unlogged_says_nothing_and_is_not_logged_by_recovery(own: Made) -> None:
    event = told(own)
    path = own.path(layout.unlogged(event.id))
    path.parent.mkdir(parents=True)
    path.write_bytes(dsse.seal(manifest.encode_event(event), manifest.PAYLOAD_TYPE, [STRANGER]))
    result = verified(own)
    assert result.verdict is Verdict.PASS
    assert [each.subject for each in named(result, Check.LOG_ENTRY_EVENT, Verdict.ABSENT)] == [
        str(layout.unlogged(event.id))
    ]
    with pytest.raises(TrustError):
        list(events.finish(own.archive, held(own), events.unlogged(own.archive)))
