"""Keys change hands in the open: sealed by both, logged, reported, and never trusted because an archive says so."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

import archives
from archives import Made
from commands import muniment
from muniment import manifest
from muniment.capture import events
from muniment.capture import keys as changed
from muniment.capture.commit import Ending, commit
from muniment.capture.sealing import Signers, signers
from muniment.digest import Digest
from muniment.errors import FormatError, JobError
from muniment.manifest import Change, Event, KeyChange
from muniment.model import Check, EventType, Finding, Verdict
from muniment.seal import SigningKey, keys
from muniment.verification import Verification
from muniment.verify import Trust, trust, verify
from muniment.verify.logs import Logs
from signing_programs import described

NEW = SigningKey.of_seed(b"n" * 32)
THIEF = SigningKey.of_seed(b"t" * 32)
DAY = timedelta(days=1)
_SINCE = "2024-01-01T00:00:00.000000Z"
LATER = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def own(tmp_path: Path) -> Made:
    return archives.archive(tmp_path, "a")


def held(made: Made) -> Signers:
    return signers(made.archive, None)


def verified(made: Made, believed: Trust | None = None) -> Verification:
    return verify(made.root, made.trust if believed is None else believed, outside=made.outside)


def named(result: Verification, check: Check, verdict: Verdict) -> list[Finding]:
    return [each for each in result.findings if each.check is check and each.verdict is verdict]


def key_event(made: Made, said: KeyChange, *, by: Signers, also: tuple[SigningKey, ...] = ()) -> Event:
    """Record a key event whoever seals it, as an attacker would."""
    event = Event(
        id=events.new_id(LATER),
        type=EventType.KEY_EVENT,
        at=LATER,
        agents=(),
        subjects=(("manifests/keys/x.pem", Digest.of_bytes(b"x")),),
        outcome="success",
        tool="t",
        version="0",
        detail=manifest.encode_key_change(said),
    )
    events.record(made.archive, by, event, also=also)
    return event


def test_a_rotation_is_sealed_by_both_keys_and_who_knows_the_old_one_only_is_told_of_the_new(
    own: Made,
) -> None:
    old = held(own)
    changed.rotate(own.archive, old, NEW, LATER)
    result = verified(own)
    assert result.verdict is Verdict.PASS
    (said,) = named(result, Check.KEY_EVENT, Verdict.ABSENT)
    assert "named the key" in said.detail
    assert NEW.public.keyid[:16] in said.detail
    with_new = replace(own.trust, operators=(*own.trust.operators, trust.Operator("Desk 1", NEW.public)))
    assert len(named(verified(own, with_new), Check.KEY_EVENT, Verdict.PASS)) == 1
    # What the new key seals is not believed because the old key named it.
    after = archives.Made(own.root, own.home, own.captures)
    events.record(
        own.archive, Signers(NEW, old.log), replace(key_template(), id=events.new_id(LATER + DAY), at=LATER + DAY)
    )
    assert verified(after).verdict is Verdict.UNVERIFIABLE
    assert verified(after, with_new).verdict is Verdict.PASS


def key_template() -> Event:
    return Event("", EventType.ACCESS, LATER, (), (), "success", "t", "0")


def test_asking_for_a_rotation_again_logs_it_once_and_a_key_that_was_used_is_never_taken_again(own: Made) -> None:
    old = held(own)
    first = changed.rotate(own.archive, old, NEW, LATER)
    assert changed.rotate(own.archive, old, NEW, LATER + DAY) == first
    with pytest.raises(JobError, match="is or was this operator's key"):
        changed.rotate(own.archive, Signers(NEW, old.log), old.operator, LATER + DAY)


def test_a_rotation_waits_for_captures_and_events_that_are_not_ended(own: Made) -> None:
    with archives.drafted(own, archives.article("b"), LATER), pytest.raises(JobError, match="is being captured"):
        changed.rotate(own.archive, held(own), NEW, LATER)
    with pytest.raises(JobError, match="run `muniment recover` with the present key first"):
        changed.rotate(own.archive, held(own), NEW, LATER)


@pytest.mark.parametrize("also", [(), (THIEF,)], ids=["one-seal", "another-seal"])
def test_a_rotation_that_the_new_key_did_not_seal_fails(own: Made, also: tuple[SigningKey, ...]) -> None:
    said = KeyChange(Change.ROTATION, held(own).operator.public.pem, successor=NEW.public.pem)
    key_event(own, said, by=held(own), also=also)
    (failure,) = named(verified(own), Check.KEY_EVENT, Verdict.FAIL)
    assert "the new key" in failure.expected


def test_a_rotation_that_the_old_key_did_not_seal_fails(own: Made) -> None:
    said = KeyChange(Change.ROTATION, NEW.public.pem, successor=THIEF.public.pem)
    key_event(own, said, by=held(own), also=(THIEF,))
    (failure,) = named(verified(own), Check.KEY_EVENT, Verdict.FAIL)
    assert "the old key" in failure.expected


def test_a_stranger_who_names_a_key_is_told_of_and_changes_no_trust(own: Made) -> None:
    said = KeyChange(Change.ROTATION, THIEF.public.pem, successor=NEW.public.pem)
    key_event(own, said, by=Signers(THIEF, held(own).log), also=(NEW,))
    result = verified(own)
    assert result.verdict is Verdict.UNVERIFIABLE
    assert "whom you do not trust" in named(result, Check.KEY_EVENT, Verdict.ABSENT)[0].detail


def test_a_revocation_that_the_verifiers_trust_does_not_have_is_unverifiable_until_it_has(own: Made) -> None:
    old = held(own)
    changed.rotate(own.archive, old, NEW, LATER)
    since = datetime(2024, 12, 1, tzinfo=UTC)
    said = KeyChange(Change.REVOCATION, old.operator.public.pem, since=since)
    with pytest.raises(JobError, match="the key in use"):
        changed.revoke(own.archive, old, said, "", LATER)
    changed.revoke(own.archive, Signers(NEW, old.log), said, "the laptop was stolen", LATER + DAY)
    both = (*own.trust.operators, trust.Operator("Desk 1", NEW.public))
    told = verified(own, replace(own.trust, operators=both))
    (doubt,) = named(told, Check.KEY_EVENT, Verdict.UNVERIFIABLE)
    assert "revoked = 2024-12-01T00:00:00" in doubt.detail
    stolen = replace(both[0], revoked=since)
    result = verified(own, replace(own.trust, operators=(stolen, both[1])))
    assert len(named(result, Check.KEY_EVENT, Verdict.UNVERIFIABLE)) == 0
    # The capture was sealed after that, or says so: no time-stamp shows otherwise.
    assert named(result, Check.STATEMENT_SIGNATURE, Verdict.UNVERIFIABLE)


def test_what_a_revoked_key_sealed_stays_good_where_a_time_stamp_shows_it_older(
    own: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = replace(own.trust.operators[0], revoked=LATER)
    believed = replace(own.trust, operators=(stolen,))
    assert verified(own, believed).verdict is Verdict.UNVERIFIABLE
    for stamped, verdict in ((LATER - DAY, Verdict.PASS), (LATER, Verdict.UNVERIFIABLE)):
        monkeypatch.setattr(Logs, "proved", lambda *_, at=stamped: at)
        assert verified(own, believed).verdict is verdict


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"change": "rotation", "role": "operator", "key": "k"},
        {"change": "rotation", "role": "log", "key": "k", "successor": "s"},
        {
            "change": "rotation",
            "role": "operator",
            "key": "k",
            "successor": "s",
            "since": _SINCE,
        },
        {"change": "revocation", "role": "operator", "key": "k", "successor": "s"},
        {"change": "revocation", "role": "operator", "key": "k", "since": "2024-01-01"},
        {"change": "revocation", "role": "operator", "key": "k", "since": "2024-01-01T00:00:00Z"},
        {"change": "revocation", "role": "operator", "key": 1, "since": _SINCE},
        {"change": "loss", "role": "operator", "key": "k", "since": _SINCE},
        {"change": "rotation", "role": "operator", "key": "k", "successor": "s", "more": 1},
    ],
)
def test_what_is_no_change_of_a_key_is_refused(detail: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        manifest.decode_key_change(detail, "it")


def test_the_line_of_keys_is_followed_from_the_present_one_and_no_stranger_gets_into_it(own: Made) -> None:
    old = held(own)
    changed.rotate(own.archive, old, NEW, LATER)
    key_event(own, KeyChange(Change.ROTATION, THIEF.public.pem, successor=NEW.public.pem), by=Signers(THIEF, old.log))
    key_event(own, KeyChange(Change.REVOCATION, NEW.public.pem, since=LATER), by=Signers(THIEF, old.log))
    line = changed.lineage(own.archive, NEW.public)
    assert [each.key for each in line] == [NEW.public, old.operator.public]
    assert [each.revoked for each in line] == [None, None]
    assert (line[0].since, line[1].until) == (LATER, LATER + timedelta(seconds=1))
    assert changed.lineage(own.archive, THIEF.public) == (changed.Reign(THIEF.public),)


# By the command line, whose clock is the real one.


def captured_now(made: Made) -> Made:
    with archives.drafted(made, archives.article("b"), datetime.now(UTC)) as capture:
        commit(capture, Ending(3, 2, interrupted=False, root_store=""))
    return made


def command(made: Made, *arguments: str | Path) -> dict[str, object]:
    ran = muniment("--archive", made.root, *arguments, "--json", cwd=made.root, MUNIMENT_HOME=str(made.home))
    assert ran.status == 0, ran.err
    found: dict[str, object] = ran.json
    name = str(found["schema"]).removeprefix("muniment.").replace("/", "-")
    schema = Path(__file__).parents[2] / "docs" / "schemas" / f"{name}.json"
    jsonschema.validate(found, json.loads(schema.read_text()))
    return found


def test_keys_are_rotated_and_revoked_and_the_users_own_trust_follows(own: Made) -> None:
    before = keys.public(own.archive.keys, keys.KeyRole.OPERATOR)
    rotated = command(own, "keys", "rotate")
    after = keys.public(own.archive.keys, keys.KeyRole.OPERATOR)
    assert (rotated["old"], rotated["new"]) == (before.keyid, after.keyid)
    assert before != after
    assert sorted(each.name for each in own.archive.keys.iterdir() if each.suffix == ".pem") == [
        "log.pem",
        "operator.pem",
    ]
    ran = muniment("verify", cwd=own.root, MUNIMENT_HOME=str(own.home))
    assert ran.status == 0, ran.out
    more = captured_now(own)
    assert verified(more).verdict is Verdict.PASS
    # Who gets the lines from us can verify all of it.
    shown = str(command(own, "trust", "show")["trust"])
    assert trust.parse(shown.encode(), Path("t")).keys == (after, before)
    assert verified(more, trust.parse(shown.encode(), Path("t"))).verdict is Verdict.PASS
    listed = command(own, "keys", "list")
    assert [each["keyid"] for each in listed["former"]] == [before.keyid]  # type: ignore[attr-defined]
    revoked = command(own, "keys", "revoke", "--since", "2024-12-24", "--reason", "a laptop was lost")
    assert revoked["keyid"] == before.keyid
    held = {each.key: each for each in own.trust.operators}
    assert held[before].revoked == datetime(2024, 12, 24, tzinfo=UTC)
    # The capture has no time-stamp, so what the lost key sealed is not decided any more.
    assert muniment("verify", cwd=own.root, MUNIMENT_HOME=str(own.home)).status == 4


def test_the_operator_goes_over_to_a_program_that_signs(own: Made, tmp_path: Path) -> None:
    file = tmp_path / "token.toml"
    file.write_bytes(described(tmp_path, "p-256"))
    command(own, "keys", "rotate", "--signer", file)
    assert not (own.archive.keys / "operator.pem").exists()
    more = captured_now(own)
    assert verified(more).verdict is Verdict.PASS
    assert {len(each.key.spki) for each in more.trust.operators} == {44, 91}


@pytest.mark.parametrize("came_to", ["the next key", "the event", "the trust"])
def test_a_rotation_that_was_cut_short_is_carried_on_by_asking_again(own: Made, came_to: str) -> None:
    old = held(own)
    successor = keys.prepare(own.archive.keys, None)
    if came_to != "the next key":
        changed.rotate(own.archive, old, successor, datetime.now(UTC))
    if came_to == "the trust":
        for each in reversed(changed.lineage(own.archive, successor.public)):
            trust.remember(own.home / "trust.toml", trust.operator_lines("Desk 1", each.key, each.since, each.until))
    rotated = command(own, "keys", "rotate")
    assert (rotated["old"], rotated["new"]) == (old.operator.public.keyid, successor.public.keyid)
    assert held(own).operator == successor
    assert {each.name for each in own.archive.keys.glob("*.pem")} == {"log.pem", "operator.pem"}
    result = verified(own)
    assert result.verdict is Verdict.PASS
    assert len(named(result, Check.KEY_EVENT, Verdict.PASS)) == 1


def test_a_locked_key_is_followed_by_a_locked_key(tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "a")
    for role in keys.KeyRole:
        keys.path(made.archive.keys, role).unlink()
    secret = tmp_path / "secret"
    secret.write_text("horse\n")
    new = tmp_path / "new"
    ran = muniment(
        "init", new, "--operator", "Desk 2", "--passphrase-file", secret, cwd=tmp_path, MUNIMENT_HOME=str(made.home)
    )
    assert ran.status == 0, ran.err
    locked = archives.Made(new, made.home, ())
    ran = muniment("--archive", new, "keys", "rotate", cwd=new, MUNIMENT_HOME=str(made.home))
    assert ran.status == 2
    command(locked, "keys", "rotate", "--passphrase-file", secret)
    assert keys.is_locked(locked.archive.keys)
    assert signers(locked.archive, b"horse").operator.public == keys.public(locked.archive.keys, keys.KeyRole.OPERATOR)
