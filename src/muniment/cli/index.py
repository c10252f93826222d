"""``muniment index``: the derived tables made anew, held against the evidence, measured, and opened in Datasette."""

import sys
from dataclasses import asdict
from typing import Final

import click

from muniment.cli import Room, echo_json, json_option, tell

__all__ = ["index"]

_MOST: Final = 100


@click.group()
def index() -> None:
    """Look after the index, which is derived from archive/ and manifests/ and may be deleted at any time."""


@index.command()
@json_option
@click.pass_obj
def rebuild(room: Room, /, *, as_json: bool) -> int:
    """Make the index anew from archive/ and manifests/ alone; readers may go on meanwhile."""
    from muniment import catalogue, layout

    root = room.root
    shown = sys.stderr.isatty() and not as_json
    done = catalogue.rebuild(root, root / layout.INDEX, tell if shown else lambda _: None)
    _tell_problems(done.problems)
    exit_status = 3 if done.problems else 0
    if as_json:
        echo_json(
            {
                "schema": "muniment.rebuilt/1",
                "counts": done.counts,
                "problems": list(done.problems),
                "exit": exit_status,
            }
        )
    else:
        click.echo("Index rebuilt. " + _counted(done.counts))
        if done.problems:
            click.echo(f"{len(done.problems):,} could not be read; muniment verify tells where the damage is.")
        click.echo("Next: muniment verify" if done.problems else "Next: muniment list")
    return exit_status


@index.command()
@json_option
@click.pass_obj
def check(room: Room, /, *, as_json: bool) -> int:
    """Derive everything anew, aside, and name each row in which the index differs. Nothing is repaired.

    Says nothing about the evidence: that is what `muniment verify` does. Needs room for a second index in the system's
    folder for temporary files.
    """
    from muniment import catalogue, layout
    from muniment.report.words import safe

    root = room.root
    shown = sys.stderr.isatty() and not as_json
    done = catalogue.check(root, root / layout.INDEX, tell if shown else lambda _: None, _MOST)
    _tell_problems(done.problems)
    total = sum(done.comparison.counts.values())
    exit_status = 1 if total else 3 if done.problems else 0
    if as_json:
        echo_json(
            {
                "schema": "muniment.checked/1",
                "equal": not total,
                "differences": [asdict(each) for each in done.comparison.differences],
                "differing": done.comparison.counts,
                "counts": done.counts,
                "problems": list(done.problems),
                "exit": exit_status,
            }
        )
        return exit_status
    for each in done.comparison.differences:
        where = f"{each.table} {safe(each.key)}" + (f", {each.column}" if each.column else "")
        click.echo(f"{where}: expected {safe(each.expected)}, found {safe(each.found)}")
    if total > len(done.comparison.differences):
        click.echo(f"… and {total - len(done.comparison.differences):,} more")
    if total:
        click.echo(f"The index differs from the evidence in {total:,} places: {_counted(done.comparison.counts)}")
        click.echo("Next: muniment index rebuild")
    else:
        click.echo(f"The index is what the evidence gives. {_counted(done.counts)}")
        click.echo("Next: muniment verify" if done.problems else "Next: muniment search WORDS")
    return exit_status


@index.command()
@json_option
@click.pass_obj
def stats(room: Room, /, *, as_json: bool) -> int:
    """Say how many rows the index holds and how large it is, with and without its full text."""
    from muniment import catalogue

    with catalogue.consulted(room.root, _told) as opened:
        size = opened.size()
    records = size.counts["records"]
    without = max(size.octets - size.of_full_text, 0)
    if as_json:
        echo_json(
            {
                "schema": "muniment.stats/1",
                "version": size.version,
                "counts": size.counts,
                "octets": size.octets,
                "octets_of_full_text": size.of_full_text,
                "octets_a_record": without // records if records else 0,
                "exit": 0,
            }
        )
        return 0
    for name, number in size.counts.items():
        click.echo(f"{name:<12} {number:>14,}")
    click.echo(f"{'octets':<12} {size.octets:>14,}  of which full text {size.of_full_text:,}")
    if records:
        click.echo(f"{'a record':<12} {without // records:>14,}  octets without full text")
    click.echo(f"{'version':<12} {size.version:>14}")
    click.echo("Next: muniment index check")
    return 0


@index.command()
def datasette() -> int:
    """Print the metadata with which Datasette shows the index: titles, labels, facets, and questions ready to be asked.

    Write it into a file, and hand that to Datasette beside the index.
    """
    from importlib.resources import files

    click.echo(files("muniment.index").joinpath("datasette.json").read_text(encoding="utf-8"), nl=False)
    tell("Next: datasette index.db --metadata FILE")
    return 0


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {number:,}" for name, number in counts.items())


def _tell_problems(problems: tuple[str, ...]) -> None:
    for problem in problems:
        _told(problem)


def _told(sentence: str) -> None:
    from muniment.report.words import safe

    tell(f"muniment: {safe(sentence)}")
