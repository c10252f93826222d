"""``muniment trust``: whom a verifier believes."""

from pathlib import Path

import click

from muniment.cli import Room, echo_json, json_option, tell

__all__ = ["trust"]


@click.group()
def trust() -> None:
    """Show, hand over and set up the trust by which archives are verified."""


@trust.command("show")
@json_option
@click.pass_obj
def show(room: Room, *, as_json: bool) -> None:
    """Print the lines by which a recipient verifies this archive; hand them over apart from the archive."""
    from muniment.capture.keys import lineage
    from muniment.capture.stamping import authorities
    from muniment.log.note import VerifierKey
    from muniment.seal.keys import KeyRole, public
    from muniment.verify import trust as trusted

    archive = room.archive
    operator, vkey = archive.settings.archive.operator, VerifierKey(archive.origin, public(archive.keys, KeyRole.LOG))
    current, *former = lineage(archive, public(archive.keys, KeyRole.OPERATOR))
    lines = trusted.lines(archive.origin, str(vkey), operator, current.key, current.since)
    for each in former:
        lines += trusted.operator_lines(operator, each.key, each.since, each.until, each.revoked)
    # Those that this archive asks, and those whom its staff believes, because one was asked by `stamp --tsa`.
    own = room.home / "trust.toml"
    known = {each.roots: each.name for each in (trusted.read(own).authorities if own.is_file() else ())}
    known |= {each.roots: each.name for each in authorities(archive)}
    lines += "".join(trusted.authority_lines(name, roots) for roots, name in known.items())
    if as_json:
        echo_json({"schema": "muniment.trust/1", "trust": lines, "exit": 0})
        return
    click.echo(lines, nl=False)
    tell("\nThe recipient saves these lines as trust.toml and runs: muniment verify FOLDER --trust trust.toml")


@trust.command("init")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def init(room: Room, file: Path | None) -> None:
    """Begin an empty trust file (FILE, or your own) and say how lines come into it."""
    from muniment import durable
    from muniment.errors import JobError
    from muniment.report.words import safe
    from muniment.verify import trust as trusted

    path = (file or room.home / "trust.toml").absolute()
    if path.exists():
        raise JobError(f"{path}: is there already and is not overwritten; add lines to it with a text editor")
    if file is None:
        durable.private_folder(path.parent)
    durable.create(path, trusted.EMPTY.encode(), mode=0o644)
    click.echo(f"{safe(str(path))} is there and trusts nobody yet.")
    tell("Paste into it the lines that the archive's staff gave you (`muniment trust show` prints them there).")


@trust.command("check")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@json_option
@click.pass_obj
def check(room: Room, file: Path | None, *, as_json: bool) -> int:
    """Read a trust file (FILE, or your own), say whom it believes, and what in it is odd or has run out."""
    from datetime import UTC, datetime

    from muniment.report.words import safe
    from muniment.verify import trust as trusted
    from muniment.verify.oddities import believed, oddities

    path = file or room.home / "trust.toml"
    read = trusted.read(path)
    odd = oddities(read, datetime.now(UTC))
    if as_json:
        echo_json(
            {
                "schema": "muniment.trusted/1",
                "file": str(path),
                "believes": list(believed(read)),
                "odd": list(odd),
                "exit": 4 if odd else 0,
            }
        )
        return 4 if odd else 0
    click.echo(f"{safe(str(path))} believes:")
    for line in believed(read) or ("nobody",):
        click.echo(f"  {safe(line)}")
    for line in odd:
        click.echo(f"Odd: {safe(line)}")
    if not odd:
        click.echo("Nothing in it is odd.")
    return 4 if odd else 0
