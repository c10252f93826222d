"""``muniment keys``: the archive's two keys, which lie outside of it."""

import os
from pathlib import Path

import click

from muniment.cli import Room, echo_json, json_option, passphrase_options, read_passphrase, tell

__all__ = ["keys"]


@click.group()
def keys() -> None:
    """List, export and back up the archive's keys."""


@keys.command("list")
@json_option
@click.pass_obj
def list_keys(room: Room, *, as_json: bool) -> None:
    """Say which keys there are, what each is for, and where it lies."""
    from muniment.report.words import safe
    from muniment.seal.keys import KeyRole, export, needs_passphrase, path

    archive = room.archive
    found = [
        {
            "role": role.value,
            "keyid": key.keyid,
            "algorithm": key.algorithm.value,
            "file": str(path(archive.keys, role)),
            "encrypted": needs_passphrase(archive.keys, role),
        }
        for role, key in export(archive.keys).items()
    ]
    if as_json:
        echo_json({"schema": "muniment.keys/1", "origin": archive.origin, "keys": found, "exit": 0})
        return
    purpose = {KeyRole.OPERATOR: "seals statements", KeyRole.LOG: "signs checkpoints"}
    for each in found:
        guard = "encrypted" if each["encrypted"] else "not encrypted"
        click.echo(f"{each['role']:<9} {purpose[KeyRole(str(each['role']))]:<18} {each['algorithm']}, {guard}")
        click.echo(f"          {each['keyid']}")
        click.echo(f"          {safe(each['file'])}")


@keys.command()
@json_option
@click.pass_obj
def export(room: Room, *, as_json: bool) -> None:
    """Print the public keys in PEM; nothing here is secret."""
    from muniment.seal.keys import export as exported

    found = exported(room.archive.keys)
    if as_json:
        echo_json(
            {
                "schema": "muniment.exported/1",
                "keys": {role.value: key.pem for role, key in found.items()},
                "exit": 0,
            }
        )
        return
    for role, key in found.items():
        click.echo(f"# {role.value} {key.keyid}\n{key.pem}", nl=False)


@keys.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--backup-passphrase-file", type=click.Path(path_type=Path), help="Read the copy's passphrase from here.")
@passphrase_options
@click.pass_obj
def backup(
    room: Room,
    file: Path,
    backup_passphrase_file: Path | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
) -> None:
    """Copy both private keys into FILE, encrypted under a passphrase; FILE must not exist."""
    from muniment.report.words import safe
    from muniment.seal import keys as stored

    folder = room.archive.keys
    unlock = read_passphrase(
        passphrase_file,
        passphrase_fd,
        needed=stored.needs_passphrase(folder, stored.KeyRole.OPERATOR),
        what="The passphrase of the archive's keys",
    )
    what = "A passphrase for the copy (or --backup-passphrase-file)"
    secret = read_passphrase(backup_passphrase_file, None, needed=True, what=what)
    stored.backup(folder, file.absolute(), secret or b"", unlock=unlock)
    click.echo(f"Both keys are in {safe(os.fspath(file))}, encrypted.")
    tell("Keep it on another disk, and the passphrase apart from it. Without the passphrase the copy is worthless.")


@keys.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--backup-passphrase-file", type=click.Path(path_type=Path), help="Read the copy's passphrase from here.")
@click.pass_obj
def restore(room: Room, file: Path, backup_passphrase_file: Path | None) -> None:
    """Bring both private keys of this archive back from the copy FILE; they keep the passphrase of the copy."""
    from muniment.report.words import safe
    from muniment.seal import keys as stored

    what = "The passphrase of the copy (or --backup-passphrase-file)"
    secret = read_passphrase(backup_passphrase_file, None, needed=True, what=what)
    folder = room.archive.keys
    found = stored.restore(file.absolute(), folder, secret or b"")
    click.echo(f"{' and '.join(role.value for role in found)} key are back in {safe(os.fspath(folder))}, encrypted.")
