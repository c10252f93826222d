"""``muniment custody``: what happens to captures after they were sealed, and in whose hands they were."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from muniment.cli import Room, echo_json, json_option, passphrase_options, read_file, read_passphrase, tell

if TYPE_CHECKING:
    from muniment.capture.archive import Archive
    from muniment.capture.sealing import Signers
    from muniment.manifest import Agent
    from muniment.verify.history import History

__all__ = ["custody"]

_EVENTS: Final = (
    "ingestion",
    "fixity-check",
    "replication",
    "transfer",
    "access",
    "disclosure",
    "redaction",
    "deaccession",
    "deletion",
    "legal-hold",
)


@click.group()
def custody() -> None:
    """Record what happens to captures, and show who held them when."""


@custody.command()
@click.argument("captures", nargs=-1, required=True, metavar="ID...")
@click.option("--event", "kind", type=click.Choice(_EVENTS), required=True, help="What happened.")
@click.option("--agent", "names", multiple=True, help="Who had a part in it; repeat it, each with its --role.")
@click.option("--role", "roles", multiple=True, help="Which part; the first belongs to the first --agent, and so on.")
@click.option("--to", default="", help="To whom a transfer or a replication goes.")
@click.option("--lifts", default="", metavar="EVENT", help="Which legal hold is lifted; without it one is placed.")
@click.option("--outcome", default="success", help="How it ended, if not well.")
@click.option("--note", default="", help="Your own words; they are sealed and stay.")
@passphrase_options
@json_option
@click.pass_obj
def record(room: Room, /, captures: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Seal into the log that something happened to the captures ID….

    A deletion is only told: the files are then removed by whoever may, and `muniment verify` says who told of it.
    """
    from muniment.capture.custody import Deed
    from muniment.capture.custody import record as recorded
    from muniment.model import EventType

    archive = room.archive
    deed = Deed(
        type=EventType(options["kind"].replace("-", " ")),
        agents=_agents(options["names"], options["roles"]),
        to=options["to"],
        lifts=options["lifts"],
        outcome=options["outcome"],
        note=options["note"],
    )
    held = _signers(archive, options["passphrase_file"], options["passphrase_fd"])
    event = recorded(archive, held, deed, captures, datetime.now(UTC))
    _tell_recorded(archive, event.id, as_json=as_json)
    if as_json:
        return
    if deed.type is EventType.TRANSFER:
        tell("Send that file with the copy. The receiver runs: muniment custody accept FILE")
        tell("and sends you back what it names; with that you run the same. Until then the transfer is a gap.")
    if deed.type is EventType.DELETION:
        tell("Nothing was removed. These are the files that the event tells of:")
        for name, _ in event.subjects:
            if name.startswith("archive/"):
                click.echo(name)


@custody.command()
@click.argument("file", type=click.Path(path_type=Path))
@passphrase_options
@json_option
@click.pass_obj
def accept(
    room: Room, /, file: Path, *, passphrase_file: Path | None, passphrase_fd: int | None, as_json: bool
) -> None:
    """Accept the transfer of which FILE tells: the sender's sealed transfer, or the receiver's sealed acceptance.

    The receiver runs it in the archive that now holds the captures, the sender in the one that sent them.
    """
    from muniment.capture.custody import accept as accepted
    from muniment.manifest import decode_event
    from muniment.model import EventType
    from muniment.seal import dsse

    archive = room.archive
    paper = read_file(file)
    held = _signers(archive, passphrase_file, passphrase_fd)
    event = accepted(archive, held, paper, datetime.now(UTC))
    _tell_recorded(archive, event.id, as_json=as_json)
    if as_json:
        return
    said = decode_event(dsse.unverified_payload(paper, file), file)
    if said.type is EventType.TRANSFER:
        missing = len(said.subjects) - (len(event.subjects) - 1)
        if missing:
            tell(f"Not accepted, because they are not in this archive: {missing} of {len(said.subjects)} captures.")
        tell("Send that file back to the sender, who runs: muniment custody accept FILE")
    tell("Whose seal the paper bears is for `muniment verify` to say, by your trust.toml.")


@custody.command()
@click.argument("capture", metavar="ID")
@click.option(
    "--trust", "trust_file", type=click.Path(path_type=Path), help="Whom to believe; otherwise your own trust.toml."
)
@json_option
@click.pass_obj
def show(room: Room, /, capture: str, *, trust_file: Path | None, as_json: bool) -> int:
    """Say who held the capture ID when, as sealed events tell, and name the gaps.

    Only seals, log and events are looked at, not the WARC files. Exit status: 0 no gap in which somebody else could
    have held it; 1 a seal, the log or an event failed; 4 there is such a gap.
    """
    from muniment.report import words
    from muniment.verify.custodians import held_by
    from muniment.verify.trust import Trust, read

    own = room.home / "trust.toml"
    trust = Trust.nobody() if trust_file is None and not own.exists() else read(trust_file or own)
    found, failures = held_by(room.root, trust, capture)
    status = 1 if failures else 0 if found.is_unbroken else 4
    if as_json:
        echo_json(_document(found, len(failures), status))
        return status
    for line in _lines(found):
        click.echo(words.safe(line))
    for failure in failures:
        click.echo(words.safe(f"FAIL {failure.subject}: {failure.detail}"))
    if failures:
        tell("Next: muniment verify")
    return status


def _agents(names: tuple[str, ...], roles: tuple[str, ...]) -> "tuple[Agent, ...]":
    from muniment.errors import JobError
    from muniment.manifest import Agent

    if len(names) != len(roles):
        raise JobError(f"{len(names)} --agent and {len(roles)} --role: each agent has one role")
    return tuple(Agent(name, role) for name, role in zip(names, roles, strict=True))


def _signers(archive: "Archive", file: Path | None, descriptor: int | None) -> "Signers":
    from muniment.capture.sealing import signers
    from muniment.seal.keys import is_locked

    what = "The passphrase of the archive's keys"
    return signers(archive, read_passphrase(file, descriptor, needed=is_locked(archive.keys), what=what))


def _tell_recorded(archive: "Archive", event: str, *, as_json: bool) -> None:
    from muniment import layout
    from muniment.report.words import safe

    path = layout.event(event)
    if as_json:
        echo_json({"schema": "muniment.recorded/1", "event": event, "file": str(path), "exit": 0})
        return
    click.echo(f"{event} is in the log: {safe(str(archive.path(path)))}")


def _lines(found: "History") -> list[str]:
    lines = ["held by"]
    lines += [f"  {_time(each.since)}  to {_time(each.until)}  {each.name}" for each in found.holders]
    lines.append("what happened")
    for step in found.steps:
        agents = ", ".join(f"{name} ({role})" for name, role in step.agents)
        by = f"sealed by {step.by!r}" if step.by else "sealed by nobody whom you trust"
        ended = "" if step.outcome == "success" else f"; outcome: {step.outcome}"
        parts = [part for part in (step.what + ended, agents, by, step.note, step.event) if part]
        lines.append(f"  {_time(step.at)}  {'; '.join(parts)}")
    lines.append("gaps" if found.gaps else "no gaps")
    for gap in found.gaps:
        mark = "GAP " if gap.breaks else "note"
        lines.append(f"  {mark}  {_time(gap.since)} to {_time(gap.until)}: {gap.detail}")
    lines.append("The times are the clocks of those who sealed; time-stamps confirm them, where there are any.")
    return lines


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if moment else "now"


def _document(found: "History", failures: int, status: int) -> dict[str, Any]:
    def plain(value: Any) -> dict[str, Any]:
        from muniment.manifest import timestamp

        return {name: timestamp(each) if isinstance(each, datetime) else each for name, each in asdict(value).items()}

    steps = []
    for step in found.steps:
        agents = [{"name": name, "role": role} for name, role in step.agents]
        steps.append({**plain(step), "agents": agents})
    return {
        "schema": "muniment.custody/1",
        "id": found.capture,
        "holders": [plain(each) for each in found.holders],
        "events": steps,
        "gaps": [plain(each) for each in found.gaps],
        "unbroken": found.is_unbroken,
        "failures": failures,
        "exit": status,
    }
