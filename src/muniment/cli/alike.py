"""``muniment search --like RECORD``: the same picture, film or file found again across captures."""

from typing import TYPE_CHECKING, Any, Final

import click

from muniment.cli import Room, echo_json, tell
from muniment.cli.recover import tell_unfinished

if TYPE_CHECKING:
    from muniment.index import Alike, Likeness

__all__ = ["search_like"]

_SCHEMA: Final = "muniment.search/1"
_WHAT_IT_IS: Final = "A likeness is a hint: look at both. It says nothing about which was there first."


def search_like(room: Room, record: str, within: int | None, limit: int, *, as_json: bool) -> int:
    """Print what is like *record*, the same octets first, then the nearest pictures."""
    from muniment import catalogue
    from muniment.index import NEAR

    root, bound = room.root, NEAR if within is None else within
    tell_unfinished(root)
    with catalogue.consulted(root, _told) as opened:
        found = opened.like(record, bound, limit)
        unlisted = catalogue.unlisted(root, opened)
    if unlisted:
        _told(f"{len(unlisted)} committed captures are not in the index; run `muniment index rebuild`: {unlisted[0]}")
    if as_json:
        echo_json(_document(found, record, bound))
    else:
        _print(found, bound)
    return 0


def _document(found: "Likeness", record: str, bound: int) -> dict[str, Any]:
    from muniment.cli.search import told_of

    return {
        "schema": _SCHEMA,
        "query": {"words": "", "like": record, "within": bound},
        "like": told_of(found.record) | {"hashes": found.hashes},
        "matches": found.matches,
        "more": False,
        "found": [
            told_of(each.found) | {"same": each.same, "distance": each.distance, "frames": each.frames}
            for each in found.alike
        ],
        "exit": 0,
    }


def _print(found: "Likeness", bound: int) -> None:
    from muniment.report.words import safe

    asked = found.record
    click.echo(f"Like {safe(asked.url)}  ({asked.capture}:{asked.n})")
    if not found.hashes:
        click.echo(
            "No perceptual hash of it was sealed, so only the same octets are looked for "
            "(docs/same-picture.md says why that may be)."
        )
    if not found.alike:
        near = f", or a picture of which at most {bound} of 64 bits differ" if found.hashes else ""
        click.echo(f"Nothing else holds the same octets{near}.")
        click.echo("Next: muniment list")
        return
    for each in found.alike:
        click.echo(f"{each.found.capture}:{each.found.n}  {_how(each)}  {safe(each.found.title or each.found.seed)}")
        click.echo(f"    {safe(each.found.url)}  ({safe(each.found.role or 'other')})")
    if found.matches > len(found.alike):
        click.echo(f"{len(found.alike):,} of {found.matches:,} are shown; --limit shows more.")
    if any(not each.same for each in found.alike):
        click.echo(_WHAT_IT_IS)
    first = found.alike[0].found
    click.echo(f"Next: muniment extract {first.capture} --record {first.record_id} --out DIR")


def _how(each: "Alike") -> str:
    if each.same:
        return "the same octets"
    frames = f", {each.frames} key frames" if each.frames > 1 else ""
    return f"{each.distance} of 64 bits differ{'s' if each.distance == 1 else ''}{frames}"


def _told(sentence: str) -> None:
    from muniment.report.words import safe

    tell(f"muniment: {safe(sentence)}")
