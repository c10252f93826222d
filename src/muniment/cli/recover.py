"""``muniment recover``: finish what a crash left of captures, as far as it can be finished."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from muniment.cli import Room, echo_json, json_option, passphrase_options, read_passphrase, tell

if TYPE_CHECKING:
    from muniment.capture.archive import Archive
    from muniment.capture.recovery import Recovered
    from muniment.capture.sealing import Signers

__all__ = ["recover", "recovered", "tell_unfinished"]


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say which captures a crash left unfinished.")
@passphrase_options
@json_option
@click.pass_obj
def recover(
    room: Room, /, *, dry_run: bool, passphrase_file: Path | None, passphrase_fd: int | None, as_json: bool
) -> int:
    """Seal what a crash left of captures, as interrupted; set aside what is torn. Fetches nothing, loses nothing."""
    from muniment.capture import events
    from muniment.capture.recovery import Recovered, unfinished
    from muniment.capture.sealing import signers
    from muniment.report.words import safe
    from muniment.seal.keys import is_locked

    archive = room.archive
    waiting, unlogged = unfinished(archive), events.unlogged(archive)
    if dry_run:
        done = [Recovered(capture, "was begun and never closed") for capture in waiting]
        finished = [(event, "was being recorded") for event in unlogged]
    else:
        needed = bool(waiting or unlogged) and is_locked(archive.keys)
        what = "The passphrase of the archive's keys"
        passphrase = read_passphrase(passphrase_file, passphrase_fd, needed=needed, what=what)
        held = signers(archive, passphrase) if waiting or unlogged else None
        finished = list(events.finish(archive, held, unlogged)) if held else []
        done = recovered(archive, held, waiting) if held else []
    if as_json:
        told = [{"event": event, "detail": detail} for event, detail in finished]
        captures = [asdict(each) for each in done]
        echo_json({"schema": "muniment.recover/1", "captures": captures, "events": told, "exit": 0})
        return 0
    for event, detail in finished:
        click.echo(f"{event}  {safe(detail)}")
    for each in done:
        aside = f"; {each.set_aside:,} octets set aside" if each.set_aside else ""
        click.echo(f"{each.capture}  {safe(each.detail)}{aside}")
    if not done and not finished:
        click.echo("Nothing needs recovery.")
    elif dry_run:
        tell("Next: muniment recover")
    else:
        tell("Next: muniment verify")
    return 0


def recovered(archive: "Archive", held: "Signers", captures: Iterable[str]) -> "list[Recovered]":
    """Recover *captures* and put what was sealed into the index."""
    from muniment import catalogue
    from muniment.capture.recovery import recover as finish
    from muniment.errors import MunimentError
    from muniment.report.words import safe

    done = list(finish(archive, held, tuple(captures), datetime.now(UTC)))
    for each in done:
        if not archive.statement(each.capture).exists():
            continue
        try:
            catalogue.add(archive.root, each.capture)
        except MunimentError as failure:
            tell(f"{each.capture} is not in the index: {safe(str(failure))}\nRun: muniment index rebuild")
    return done


def tell_unfinished(root: Path) -> None:
    """Say on standard error which captures of the archive at *root* a crash left; for commands that mend nothing."""
    from muniment.capture.recovery import left_open

    waiting = left_open(root)
    if waiting:
        tell(f"{len(waiting)} capture(s) were cut short: {', '.join(waiting[:5])}. Run: muniment recover")
