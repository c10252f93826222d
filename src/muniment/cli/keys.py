"""``muniment keys``: the archive's two keys, which lie outside of it."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from muniment.cli import Room, echo_json, json_option, passphrase_options, read_file, read_passphrase, tell

if TYPE_CHECKING:
    from muniment.capture.archive import Archive
    from muniment.capture.sealing import Signers
    from muniment.seal import PublicKey

__all__ = ["keys"]


@click.group()
def keys() -> None:
    """List, export, back up, change and revoke the archive's keys."""


@keys.command("list")
@json_option
@click.pass_obj
def list_keys(room: Room, *, as_json: bool) -> None:
    """Say which keys there are, what each is for, and where it lies."""
    from muniment.capture.keys import lineage
    from muniment.manifest import timestamp
    from muniment.report.words import safe
    from muniment.seal.keys import KeyRole, export, needs_passphrase, path

    archive = room.archive
    present = export(archive.keys)
    found = [
        {
            "role": role.value,
            "keyid": key.keyid,
            "algorithm": key.algorithm.value,
            "file": str(path(archive.keys, role)),
            "encrypted": needs_passphrase(archive.keys, role),
        }
        for role, key in present.items()
    ]
    reigns = lineage(archive, present[KeyRole.OPERATOR])[1:] if KeyRole.OPERATOR in present else ()
    former = [
        {
            "keyid": each.key.keyid,
            "until": timestamp(each.until) if each.until else "",
            "revoked": timestamp(each.revoked) if each.revoked else "",
        }
        for each in reigns
    ]
    if as_json:
        told = {"schema": "muniment.keys/1", "origin": archive.origin, "keys": found}
        echo_json({**told, "former": former, "exit": 0})
        return
    purpose = {KeyRole.OPERATOR: "seals statements", KeyRole.LOG: "signs checkpoints"}
    for each in found:
        guard = "encrypted" if each["encrypted"] else "not encrypted"
        if str(each["file"]).endswith(".toml"):
            guard = "kept by a program that signs"
        click.echo(f"{each['role']:<9} {purpose[KeyRole(str(each['role']))]:<18} {each['algorithm']}, {guard}")
        click.echo(f"          {each['keyid']}")
        click.echo(f"          {safe(each['file'])}")
    for old in former:
        ended = f"revoked since {old['revoked']}" if old["revoked"] else f"used until {old['until']}"
        click.echo(f"former    {ended}\n          {old['keyid']}")


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
        needed=stored.is_locked(folder),
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


@keys.command()
@click.option(
    "--signer",
    type=click.Path(path_type=Path),
    help="Let a program sign from now on: a TOML file with public-key, command and timeout.",
)
@click.option("--new-passphrase-file", type=click.Path(path_type=Path), help="Encrypt the new key under this one.")
@passphrase_options
@json_option
@click.pass_obj
def rotate(  # noqa: PLR0913 - one argument for each option
    room: Room,
    /,
    *,
    signer: Path | None,
    new_passphrase_file: Path | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Give the operator a new key, sealed into the log by the old one and the new one; the old private key is removed.

    What the old key sealed stays verifiable. The log's key stays: a log has one key for ever.
    """
    from muniment.capture import keys as changed
    from muniment.seal import Signer, command
    from muniment.seal import keys as stored

    archive = room.archive
    unlock = _passphrase(archive, passphrase_file, passphrase_fd)
    held = _signers(archive, unlock)
    changed.refuse_busy(archive)
    description = None if signer is None else read_file(signer)
    if signer is not None and description is not None:
        successor: Signer = command.parse(description, signer)
    else:
        what = "A passphrase for the new key"
        anew = read_passphrase(new_passphrase_file, None, needed=False, what=what)
        successor = stored.prepare(archive.keys, anew or (unlock if stored.is_locked(archive.keys) else None))
    event = changed.rotate(archive, held, successor, datetime.now(UTC))
    lines = _trusted(room, archive, successor.public)
    stored.supersede(archive.keys, description)
    if as_json:
        told = {"schema": "muniment.rotated/1", "event": event.id, "old": held.operator.public.keyid}
        echo_json({**told, "new": successor.public.keyid, "trust": lines, "exit": 0})
        return
    click.echo(f"The operator's key is {successor.public.keyid} from now on ({event.id}).")
    _hand_over(lines)
    if signer is None:
        tell("Back it up: muniment keys backup FILE. Older copies hold the old key, which signs nothing any more.")


@keys.command()
@click.argument("keyid", required=False)
@click.option("--since", required=True, help="Since when somebody else may have held it: 2026-11-01 or a UTC time.")
@click.option("--reason", default="", help="What happened, in your words; it is sealed and stays.")
@passphrase_options
@json_option
@click.pass_obj
def revoke(  # noqa: PLR0913 - one argument for each option
    room: Room,
    /,
    *,
    keyid: str | None,
    since: str,
    reason: str,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Say in the log that an old key of the operator may have been in other hands (KEYID, or the one before).

    What it sealed is then believed only where a time-stamp shows that it was sealed before.
    """
    from muniment.capture import keys as changed
    from muniment.manifest import Change, KeyChange

    archive = room.archive
    held = _signers(archive, _passphrase(archive, passphrase_file, passphrase_fd))
    key = _former(archive, held.operator.public, keyid)
    moment = _moment(since)
    change = KeyChange(Change.REVOCATION, key.pem, since=moment)
    event = changed.revoke(archive, held, change, reason, datetime.now(UTC))
    lines = _trusted(room, archive, held.operator.public)
    if as_json:
        told = {"schema": "muniment.revoked/1", "event": event.id, "keyid": key.keyid}
        echo_json({**told, "trust": lines, "exit": 0})
        return
    click.echo(f"The key {key.keyid} is revoked ({event.id}).")
    _hand_over(lines)


def _passphrase(archive: "Archive", file: Path | None, descriptor: int | None) -> bytes | None:
    from muniment.seal import keys as stored

    what = "The passphrase of the archive's keys"
    return read_passphrase(file, descriptor, needed=stored.is_locked(archive.keys), what=what)


def _signers(archive: "Archive", passphrase: bytes | None) -> "Signers":
    from muniment.capture.sealing import signers

    return signers(archive, passphrase)


def _former(archive: "Archive", current: "PublicKey", keyid: str | None) -> "PublicKey":
    from muniment.capture import keys as changed
    from muniment.errors import JobError

    former = [each.key for each in changed.lineage(archive, current)[1:]]
    found = [key for key in former if keyid is None or key.keyid.startswith(keyid)]
    if not found or (keyid is not None and len(found) > 1):
        known = ", ".join(key.keyid for key in former) or "there is none: run `muniment keys rotate` first"
        raise JobError(f"No such former key of the operator; known: {known}")
    return found[0]


def _moment(text: str) -> datetime:
    from muniment.errors import JobError

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise JobError(f"--since {text!r}: is no time; write 2026-11-01 or 2026-11-01T12:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _trusted(room: Room, archive: "Archive", current: "PublicKey") -> str:
    """Bring the user's own trust up to the operator's keys, and return the lines for everybody else's."""
    from muniment.capture import keys as changed
    from muniment.verify import trust

    path = room.home / "trust.toml"
    reigns = changed.lineage(archive, current)
    tables = []
    for each in reversed(reigns):
        name = archive.settings.archive.operator
        table = trust.operator_lines(name, each.key, each.since, each.until, each.revoked)
        tables.append(table)
        trust.remember(path, table)
        for field in ("until", "revoked"):
            moment = getattr(each, field)
            if moment is not None and not trust.bound(path, each.key, field, moment):
                tell(f"Your trust.toml says another {field} of the key {each.key.keyid[:16]}…: look at it by hand.")
    return "".join(tables)


def _hand_over(lines: str) -> None:
    tell("Your own trust.toml says so. Tell everybody who verifies this archive; their trust.toml needs these lines,")
    tell("in the place of those that they have of this operator:\n")
    click.echo(lines, nl=False)
