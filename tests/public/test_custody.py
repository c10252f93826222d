"""Custody by the command line: recorded, handed over, accepted by both, shown with its gaps."""

import shutil
from dataclasses import replace
from pathlib import Path

import archives
from archives import Made
from commands import Ran, muniment
from muniment import layout


def run(made: Made, *arguments: str | Path, **environment: str) -> Ran:
    return muniment(
        "--archive", made.root, *arguments, cwd=made.root, **{"MUNIMENT_HOME": str(made.home), **environment}
    )


def told(made: Made, *arguments: str | Path, status: int = 0) -> dict[str, object]:
    ran = run(made, *arguments, "--json")
    assert ran.status == status, ran.err
    found: dict[str, object] = ran.json
    return found


def test_two_institutions_hand_a_capture_over(tmp_path: Path) -> None:
    sender = archives.archive(tmp_path / "here", "a")
    receiver = archives.begun(tmp_path / "there", "national")
    capture = sender.captures[0]
    for folder in (layout.log(sender.origin), layout.claims(capture), layout.evidence(capture)):
        shutil.copytree(sender.path(folder), receiver.path(folder))
    # Each gets the other's lines, apart from the archive; the receiver calls itself what it is called.
    lines = str(told(receiver, "trust", "show")["trust"]).replace('name = "Desk 1"', 'name = "National Archive"')
    with (sender.home / "trust.toml").open("a") as own:
        own.write("\n" + lines)
    sent = told(sender, "custody", "record", "--event", "transfer", "--to", "National Archive", capture)
    waiting = run(sender, "custody", "show", capture)
    assert waiting.status == 4
    assert "GAP" in waiting.out
    assert "nobody accepted the transfer" in waiting.out
    accepted = run(receiver, "custody", "accept", sender.root / str(sent["file"]))
    assert accepted.status == 0, accepted.err
    returned = accepted.out.rpartition(": ")[2].strip()
    told(sender, "custody", "accept", returned)
    shown = told(sender, "custody", "show", capture)
    assert [each["name"] for each in shown["holders"]] == ["Desk 1", "National Archive"]  # type: ignore[attr-defined]
    assert shown["unbroken"] is True
    assert run(sender, "verify").status == 0
    # By the receiver's trust alone the capture is sealed by a stranger.
    assert run(replace(receiver, captures=(capture,)), "custody", "show", capture).status == 4


def test_a_deletion_is_told_then_done_and_never_said_to_be_intact(tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "ab")
    hold = told(made, "custody", "record", "--event", "legal-hold", made.captures[0])
    assert run(made, "custody", "record", "--event", "deletion", made.captures[0]).status == 2
    told(made, "custody", "record", "--event", "legal-hold", "--lifts", str(hold["event"]), made.captures[0])
    ran = run(made, "custody", "record", "--event", "deletion", "--note", "order 12 C 34/26", made.captures[0])
    assert ran.status == 0, ran.err
    (name,) = [line for line in ran.out.splitlines() if line.startswith("archive/")]
    assert made.path(name) == made.warc()
    made.path(name).unlink()
    ran = run(made, "verify")
    assert ran.status == 0, ran.out
    assert "Not here: deleted, says the event" in " ".join(ran.out.split())


def test_an_agent_without_a_role_is_refused(tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "a")
    ran = run(made, "custody", "record", "--event", "access", "--agent", "Somebody", made.captures[0])
    assert ran.status == 2
    assert "1 --agent and 0 --role" in ran.err


def test_a_verification_records_itself_where_the_archive_says_so(tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "a")
    events = made.path(layout.events())
    assert run(made, "verify").status == 0
    assert not events.exists()
    with (made.root / "muniment.toml").open("a") as settings:
        settings.write("\n[custody]\nrecord = true\n")
    ran = run(made, "verify")
    assert ran.status == 0
    assert "Recorded as event-" in ran.err
    assert run(made, "verify", made.captures[0]).status == 0
    assert run(made, "verify", made.root).status == 0
    assert len(list(events.rglob("*.dsse.json"))) == 1
    shown = told(made, "custody", "show", made.captures[0])
    assert [each["what"] for each in shown["events"]][2:] == ["fixity check"]  # type: ignore[attr-defined]
    made.warc().chmod(0o644)
    made.warc().write_bytes(b"")
    assert run(made, "verify").status == 1
    told(made, "custody", "show", made.captures[0], status=4)
    # Somebody who has no keys verifies all the same, and is told.
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    shutil.copy(made.home / "trust.toml", stranger)
    ran = run(made, "verify", MUNIMENT_HOME=str(stranger))
    assert ran.status == 1
    assert "Not recorded: " in ran.err
