"""``muniment log cosign`` and ``muniment log witness add``: one institution keeps what another's log looked like."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli import Room, passphrase_options, read_passphrase, tell

if TYPE_CHECKING:
    from muniment.log.consistency import Extension
    from muniment.log.note import Checkpoint
    from muniment.witness import Desk, Prove

__all__ = ["cosign", "witness"]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="At first use: the name under which you sign for ever, such as archive.example/w1.")
@click.option(
    "--log",
    "folder",
    type=click.Path(path_type=Path),
    help="The published log, or the archive, to take the proof from, where FILE holds none.",
)
@click.option(
    "--trust",
    "trust_file",
    type=click.Path(path_type=Path),
    help="The logs that you cosign; otherwise those of your own trust.toml.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="NEW", help="Write the cosignature into this new file.")
@passphrase_options
@click.pass_obj
def cosign(room: Room, /, file: Path, **options: Any) -> None:
    """Cosign another institution's log: FILE is its checkpoint, or what its `muniment log consistency` printed.

    You say by it: at this time the log looked so, and it still begins with all that I saw of it before. A log that does
    not is refused. Send back what is printed; they file it with `muniment log witness add`.
    """
    from muniment import durable
    from muniment.cli.verify import trust_of
    from muniment.report.words import safe

    offered, proof = _offer(file)
    logs = trust_of(room, options["trust_file"]).logs
    desk = _desk(room.home / "witness", options)
    given = desk.cosign(offered, logs, _prover(proof, options["folder"], file), datetime.now(UTC))
    if options["out"] is None:
        for line in given.cosignature.decode().removesuffix("\n").split("\n"):
            click.echo(safe(line))
    else:
        durable.create(options["out"].absolute(), given.cosignature, mode=0o644)
        click.echo(f"Written to {safe(str(options['out']))}")
    origin, size = given.checkpoint.origin, given.checkpoint.size
    if given.is_first:
        tell(f"\nYou have not seen the log {safe(origin)} before: from now on it must extend these {size:,} leaves.")
    else:
        tell(f"\nThe log {safe(origin)} extends what you saw of it before, and has {size:,} leaves now.")


@click.group()
def witness() -> None:
    """Keep what witnesses sign of this archive's log."""


@witness.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--trust",
    "trust_file",
    type=click.Path(path_type=Path),
    help="The witnesses whom you believe; otherwise those of your own trust.toml.",
)
@click.pass_obj
def add(room: Room, /, file: Path, *, trust_file: Path | None) -> None:
    """File the cosignature that a witness sent back, after checking it against the log and the witness's key."""
    from muniment import durable, layout
    from muniment.cli.notes import note_in
    from muniment.cli.verify import trust_of
    from muniment.errors import IntegrityError, TrustError
    from muniment.log import note
    from muniment.log.cosignature import cosignatures
    from muniment.log.stored import Stored
    from muniment.report.words import safe

    archive = room.archive
    stored = Stored(archive.root, archive.origin)
    content = note_in(file, stored.newest() if stored.sizes() else b"")
    claimed = note.unverified_checkpoint(content, file)
    if claimed.origin != archive.origin or claimed.size not in stored.sizes():
        found = f"one of {claimed.origin!r} at {claimed.size}"
        raise IntegrityError(file, expected=f"a checkpoint that {archive.origin} signed", found=found)
    ours = note.unverified_checkpoint(stored.checkpoint_at(claimed.size), stored.folder)
    if claimed != ours:
        raise IntegrityError(file, expected=f"the root {ours.root.hex()}", found=f"{claimed.root.hex()}: another log")
    trust = trust_of(room, trust_file)
    names = {each.key: each.name for each in trust.witnesses}
    made = cosignatures(content, names, file)
    if not made:
        raise TrustError(f"{file}: holds no cosignature by a witness whom your trust names; add its [[witness]] lines")
    folder = archive.path(layout.cosignatures(archive.origin, claimed.size))
    durable.folder(folder)
    for each in made:
        path = folder / f"{each.key.id.hex()}-{int(each.at.timestamp())}.cosig"
        if not path.exists():
            durable.create(path, each.file)
        click.echo(f"{names[each.key]} cosigned {claimed.size:,} leaves at {each.at:%Y-%m-%dT%H:%M:%SZ}: {safe(path)}")
    tell("Next: muniment verify")


def _offer(file: Path) -> "tuple[bytes, Extension | None]":
    """Return the checkpoint that *file* offers, and the proof where it holds one."""
    from muniment.cli.notes import note_in, read
    from muniment.errors import FormatError, JobError
    from muniment.log.consistency import Extension

    content = read(file)
    if not content.startswith(b"old "):
        return note_in(file), None
    try:
        proof = Extension.decode(content, file)
    except FormatError as wrong:
        raise JobError(f"{wrong}; give it whole, as `muniment log consistency` printed it") from None
    return proof.checkpoint, proof


def _prover(proof: "Extension | None", folder: Path | None, file: Path) -> "Prove":
    from muniment import layout
    from muniment.errors import JobError
    from muniment.log.stored import Stored

    def prove(seen: "Checkpoint", now: "Checkpoint") -> "Extension":
        if folder is not None:
            within = folder / str(layout.logs())
            stored = Stored(folder, now.origin) if within.is_dir() else Stored.at(folder, now.origin)
            return stored.extension(seen.size, proof.checkpoint if proof else _note(file))
        if proof is None or proof.old != seen.size:
            raise JobError(
                f"{file}: you saw {seen.size:,} leaves of {now.origin} before, so a proof from there is needed: ask "
                "for what `muniment log consistency --from OLD` prints for that size, or name their log by --log"
            )
        return proof

    return prove


def _note(file: Path) -> bytes:
    from muniment.cli.notes import note_in

    return note_in(file)


def _desk(folder: Path, options: dict[str, Any]) -> "Desk":
    from muniment import witness as witnesses
    from muniment.errors import JobError
    from muniment.report.words import safe
    from muniment.seal.keys import KeyRole, needs_passphrase

    is_new = not (folder / "name").exists()
    passphrase = read_passphrase(
        options["passphrase_file"],
        options["passphrase_fd"],
        needed=not is_new and needs_passphrase(folder, KeyRole.LOG),
        what="The passphrase of your witness key",
    )
    if not is_new:
        desk = witnesses.desk(folder, passphrase)
        if options["name"] not in {None, desk.name}:
            raise JobError(f"--name {options['name']}: you sign as {desk.name!r} already, and for ever")
        return desk
    if options["name"] is None:
        return witnesses.desk(folder, passphrase)  # which says what is needed
    desk = witnesses.begin(folder, options["name"], passphrase)
    tell(
        "Your witness key was made. Hand these lines to everybody who is to count your cosignatures:\n"
        f"[[witness]]\nname = {_quoted(desk.name)}\nvkey = {_quoted(str(desk.vkey))}\n"
        f"It lies in {safe(str(folder))}; whoever gets it can cosign in your name.\n"
    )
    return desk


def _quoted(text: str) -> str:
    from muniment import settings
    from muniment.report.words import safe

    return safe(settings.text(text))
