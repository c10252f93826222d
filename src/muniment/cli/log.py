"""``muniment log``: the archive's append-only log, and what others are shown of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from muniment.cli import Room, echo_json, json_option, tell
from muniment.cli.witness import cosign, witness

if TYPE_CHECKING:
    from muniment.capture.archive import Archive
    from muniment.log.stored import Stored

__all__ = ["log", "tell_checkpoint"]


@click.group()
def log() -> None:
    """Look at the archive's append-only log, show it to others, and cosign the logs of others."""


log.add_command(cosign)
log.add_command(witness)

_out = click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it into this new file.")


@log.command()
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a page to be printed into this new HTML file, with a QR code that holds the checkpoint.",
)
@json_option
@click.pass_obj
def checkpoint(room: Room, *, page: Path | None, as_json: bool) -> None:
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
    if page is not None:
        from muniment import durable
        from muniment.report.sheet import sheet

        written = sheet(signed.decode(), archive.origin, shown.size, archive.settings.archive.name)
        durable.create(page.absolute(), written.encode(), mode=0o644)
        tell(f"The page is in {safe(str(page))}: print it, and give it to somebody outside.")
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
    if page is not None:
        return
    for line in signed.decode().removesuffix("\n").split("\n"):
        click.echo(safe(line))
    tell("\nKeep these lines where nobody who can write to this archive can change them: a mail, a printed page.")


@log.command()
@click.argument("name", metavar="ID")
@click.option("--size", type=click.IntRange(1), help="At this committed size; otherwise at the newest one.")
@_out
@click.pass_obj
def prove(room: Room, /, name: str, *, size: int | None, out: Path | None) -> None:
    """Print the proof that the log holds the capture or event ID: a tlog-proof (C2SP) that anybody checks offline."""
    from dataclasses import replace

    from muniment.errors import JobError
    from muniment.log.cosignature import joined
    from muniment.log.note import unverified_checkpoint
    from muniment.log.publication import beside

    for stored in _logs(room.root):
        index = _leaf(stored, name)
        if index is not None:
            break
    else:
        raise JobError(f"{name}: no log here holds a capture or an event of that id; `muniment list` shows captures")
    proof = stored.prove(index, size)
    at = unverified_checkpoint(proof.checkpoint).size
    whole = replace(proof, checkpoint=joined(proof.checkpoint, beside(stored, at)))
    _hand_over(whole.encode(), out)
    tell(f"\nLeaf {index} of the log {stored.origin} at {at:,} leaves. Such files are called <name>.tlog-proof.")


@log.command()
@click.option(
    "--from",
    "old",
    type=click.Path(path_type=Path),
    required=True,
    metavar="OLD",
    help="A file with an older checkpoint of the log.",
)
@_out
@click.pass_obj
def consistency(room: Room, *, old: Path, out: Path | None) -> None:
    """Prove that the log extends an older checkpoint: print what a witness takes (C2SP tlog-witness)."""
    from muniment.cli.notes import note_in
    from muniment.cli.verify import trust_of
    from muniment.errors import JobError
    from muniment.log.note import open_checkpoint, unverified_checkpoint

    kept = note_in(old)
    origin = unverified_checkpoint(kept, old).origin
    stored = next((each for each in _logs(room.root) if each.origin == origin), None)
    if stored is None:
        raise JobError(f"{old}: is a checkpoint of the log {origin!r}, which is not here")
    seen = open_checkpoint(kept, trust_of(room, None).logs, old)
    proof = stored.extension(seen.size, stored.newest())
    proof.verify(seen, old)
    _hand_over(proof.encode(), out)
    size = unverified_checkpoint(proof.checkpoint).size
    tell(f"\nThe {size:,} leaves of {origin} begin with the {seen.size:,} of {old}: none of these was rewritten.")


@log.command()
@click.argument("to", metavar="DEST", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def publish(room: Room, /, to: Path, *, as_json: bool) -> None:
    """Copy the log into the folder DEST, for a web server, a git remote or a mirror to carry (C2SP tlog-tiles).

    It holds hashes only: no URL, no name, no content. Run it again after captures: what is there only grows.
    """
    from muniment.cli.verify import trust_of
    from muniment.errors import JobError
    from muniment.log import publication
    from muniment.log.stored import Stored
    from muniment.report.words import safe

    archive = room.archive
    place = to.absolute()
    if any(place.resolve().is_relative_to((archive.root / top).resolve()) for top in ("archive", "manifests", "work")):
        raise JobError(f"{to}: lies within the archive; name a folder outside of it")
    stored = Stored(archive.root, archive.origin)
    if not stored.sizes():
        raise JobError(f"{archive.root}: the log is empty; capture something first")
    done = publication.publish(stored, place, trust_of(room, None).logs)
    if as_json:
        echo_json(
            {
                "schema": "muniment.published/1",
                "origin": archive.origin,
                "folder": str(place),
                "size": done.size,
                "before": done.before,
                "files": done.files,
                "note": done.checkpoint.decode(),
                "exit": 0,
            }
        )
        return
    grown = f"from {done.before:,} to {done.size:,} leaves" if done.before else f"with {done.size:,} leaves"
    click.echo(f"The log {archive.origin} is published in {safe(str(to))} {grown}; {done.files:,} files are new.")
    tell("Next: tell others where it is, and ask somebody to keep checkpoints of it (`muniment log cosign`).")


def tell_checkpoint(archive: "Archive") -> None:
    """Send the newest checkpoint of *archive* where its settings say, and tell what was done."""
    from muniment.capture.checkpoints import send
    from muniment.report.words import safe

    for line in send(archive).splitlines():
        tell(safe(line))


def _logs(root: Path) -> "tuple[Stored, ...]":
    """Return the logs that lie in the archive at *root* and hold anything."""
    from muniment import layout
    from muniment.errors import FormatError
    from muniment.log.stored import Stored

    found = []
    folder = root / layout.logs()
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            stored = Stored(root, each.name)
        except FormatError:
            continue  # what could be no log is the business of `muniment verify`
        if stored.sizes():
            found.append(stored)
    return tuple(found)


def _leaf(stored: "Stored", name: str) -> int | None:
    """Return the index of the leaf that seals the capture or event *name* for good: the last one about it."""
    from muniment.log.leaf import Leaf

    mark = name.encode()
    found = None
    for index, octets in enumerate(stored.entries()):
        if mark in octets and Leaf.decode(octets, f"leaf {index} of {stored.origin}").id == name:
            found = index
    return found


def _hand_over(content: bytes, out: Path | None) -> None:
    from muniment import durable
    from muniment.report.words import safe

    if out is None:
        for line in content.decode().removesuffix("\n").split("\n"):
            click.echo(safe(line))
        return
    durable.create(out.absolute(), content, mode=0o644)
    click.echo(f"Written to {safe(str(out))}")
