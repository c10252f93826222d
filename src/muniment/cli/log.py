"""``muniment log``: the archive's append-only log."""

import click

from muniment.cli import Room, echo_json, json_option, tell

__all__ = ["log"]


@click.group()
def log() -> None:
    """Look at the archive's append-only log."""


@log.command()
@json_option
@click.pass_obj
def checkpoint(room: Room, *, as_json: bool) -> None:
    """Print the newest checkpoint: the signed size and root of the log.

    Whoever keeps these lines outside of this machine can show later that nothing before them was rewritten.
    """
    from muniment.errors import JobError
    from muniment.log.journal import Journal
    from muniment.log.note import unverified_checkpoint
    from muniment.report.words import safe

    archive = room.archive
    journal = Journal(archive.root, archive.origin)
    if not journal.sizes():
        raise JobError(f"{archive.root}: the log is empty; capture something first")
    signed = journal.newest()
    shown = unverified_checkpoint(signed, journal.folder)  # whatever else lies there is not printed
    if as_json:
        echo_json(
            {
                "schema": "muniment.checkpoint/1",
                "origin": archive.origin,
                "size": shown.size,
                "root": shown.root.hex(),
                "note": signed.decode(),
                "exit": 0,
            }
        )
        return
    for line in signed.decode().removesuffix("\n").split("\n"):
        click.echo(safe(line))
    tell("\nKeep these lines where nobody who can write to this archive can change them: a mail, a printed page.")
