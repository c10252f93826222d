"""``muniment certify``: a draft of a certification about a capture, its facts filled in."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from muniment.cli import Room, tell
from muniment.cli.listing import captured
from muniment.cli.verify import outside_of, trust_of

__all__ = ["certify"]


@click.command()
@click.argument("capture", metavar="ID")
@click.option(
    "--trust", "trust_file", type=click.Path(path_type=Path), help="Whom to believe; otherwise your own trust.toml."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there, not to the terminal.")
@click.pass_obj
def certify(room: Room, /, capture: str, *, trust_file: Path | None, out: Path | None) -> int:
    """Draft a certification about the capture ID, in the manner of FRE 902(13) and (14).

    The capture is verified first, and the draft says what was found. What only a person can swear to stays blank. It is
    a text to begin with: no certification until somebody qualified has read, completed and signed it, and no advice.
    """
    from muniment import __version__, catalogue, durable
    from muniment.errors import JobError
    from muniment.export import Occasion, certification
    from muniment.report.words import safe
    from muniment.verify import Depth, verify

    if out is not None and os.path.lexists(out):
        raise JobError(f"{out}: something is there already and is never overwritten; name a new file")
    root = room.root
    id_ = captured(root, capture)
    found = verify(root, trust_of(room, trust_file), only=id_, depth=Depth.PAYLOADS, outside=outside_of(room, root))
    text = certification(root, catalogue.read(root, id_), Occasion(datetime.now(UTC), __version__, found))
    if out is None:
        click.echo(text, nl=False)
    else:
        durable.create(out.absolute(), text.encode(), mode=0o644)
        click.echo(f"The draft is in {safe(out)}")
    tell("This is a draft, and no legal advice: every blank is for a qualified person to fill in.")
    return found.exit
