"""``muniment disclose``: chosen records for somebody else, with what verifies them and nothing of their siblings."""

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from muniment.cli import Room, echo_json, json_option, passphrase_options, tell
from muniment.cli.listing import captured
from muniment.cli.recording import Unlock, record_by_itself

if TYPE_CHECKING:
    from muniment.export import Disclosed, Wanted

__all__ = ["disclose"]

_SCHEMA: Final = "muniment.disclosed/1"
_NUMBERED: Final = re.compile(r"(?P<capture>[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}):(?P<n>[1-9][0-9]{0,15})")


@click.command()
@click.argument("records", metavar="RECORD…", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The new folder to make.")
@click.option("--bodies", is_flag=True, help="Payloads alone: withhold the request and the headers of every record.")
@click.option(
    "--expose",
    multiple=True,
    metavar="RECORD",
    help="Give this one of them out whole although it holds cookies, an authorisation or a password.",
)
@passphrase_options
@json_option
@click.pass_obj
def disclose(  # noqa: PLR0913 - one argument for each option
    room: Room,
    /,
    records: tuple[str, ...],
    *,
    out: Path,
    bodies: bool,
    expose: tuple[str, ...],
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> int:
    """Make the folder DIR a packet of each RECORD: what a recipient needs to verify it, and nothing of its siblings.

    RECORD is CAPTURE:N (N is its line in the manifest), its urn:uuid:…, or a URL, whose newest answer is meant.
    A record that holds cookies or an authorisation is given without request and headers, unless --expose names it.
    """
    from muniment.export import disclose as disclosed
    from muniment.report.words import safe

    root = room.root
    wanted = _wanted(room, (*records, *expose), expose, bodies=bodies)
    made = disclosed(root, wanted, out.absolute())
    _record(room, root, wanted, Unlock(passphrase_file, passphrase_fd))
    if as_json:
        echo_json(_document(made, out))
        return 0
    for each in made.given:
        how = "whole" if each.whole else f"its payload alone: {each.why}"
        click.echo(f"{each.capture}:{each.line.n}  {safe(each.line.url)}  ({how})")
    click.echo(f"The packet is in {safe(out)}; VERIFY.md there is for its recipient.")
    tell(
        "Send it, and apart from it, by another way, the lines of `muniment trust show`: without them nobody can tell "
        "your seal from a forger's.\nLook at every file first: a URL or a page can hold what nobody was to see."
    )
    click.echo(f"Next: muniment verify {safe(out)}")
    return 0


def _record(room: Room, root: Path, wanted: "list[Wanted]", unlock: Unlock) -> None:
    """Let the disclosure be recorded where the archive wants that: which lines were given out, and no URL."""
    from muniment.capture import custody
    from muniment.model import EventType

    lines = [{"capture": each.capture, "lines": list(each.numbers)} for each in wanted]
    deed = custody.Deed(EventType.DISCLOSURE, detail={"records": lines})
    captures = [each.capture for each in wanted]
    record_by_itself(room, root, unlock, lambda archive, keys, now: custody.record(archive, keys, deed, captures, now))


def _wanted(room: Room, records: tuple[str, ...], expose: tuple[str, ...], *, bodies: bool) -> "list[Wanted]":
    from muniment.export import Wanted

    places = {each: _place(room, each) for each in dict.fromkeys(records)}
    numbers: dict[str, list[int]] = defaultdict(list)
    for capture, n in dict.fromkeys(places.values()):
        numbers[capture].append(n)
    exposed = {places[each] for each in expose}
    return [
        Wanted(capture, tuple(sorted(found)), frozenset(n for n in found if (capture, n) in exposed), bodies)
        for capture, found in numbers.items()
    ]


def _place(room: Room, record: str) -> tuple[str, int]:
    """Return the capture and the number that *record* names; of a record id the index is asked, which only says where.

    What the index says is held against the manifest by whoever reads it.
    """
    from muniment import catalogue
    from muniment.report.words import safe

    if match := _NUMBERED.fullmatch(record):
        return captured(room.root, match["capture"]), int(match["n"])
    with catalogue.consulted(room.root, lambda sentence: tell(f"muniment: {safe(sentence)}")) as opened:
        return opened.named(record)


def _document(made: "Disclosed", out: Path) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "packet": str(out),
        "records": [
            {
                "capture": each.capture,
                "n": each.line.n,
                "record_id": each.line.record_id,
                "url": each.line.url,
                "whole": each.whole,
                "why": each.why,
                "files": list(each.files),
            }
            for each in made.given
        ],
        "statements": [str(each.sealed) for each in made.claims],
        "exit": 0,
    }
