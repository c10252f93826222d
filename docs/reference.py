# ruff: noqa: INP001
"""Writes docs/reference.md from the commands themselves; with ``--check`` says whether it is current.

The same program gives the same page, whatever the terminal, the user or the machine.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from muniment import durable
from muniment.cli import muniment

PAGE: Final = Path(__file__).with_name("reference.md")
_BEGINNING: Final = """\
# Command reference

<!-- Written by docs/reference.py from the program itself: change the program, then run `make docs`. -->

Every command understands `--help`. `--archive DIR` stands before the command: `muniment --archive DIR verify`. Results
go to standard output, progress to standard error. `NO_COLOR` turns colours off.

## Exit status

| status | meaning |
|---|---|
| 0 | everything asked for is done, every check passed |
| 1 | a check failed, or nothing was got |
| 2 | usage, configuration, keys or a file from a person |
| 3 | partial: something was not got, or a TLS server was not verified |
| 4 | unverifiable: nothing failed, but a required check could not be made |
| 69 | a service is not available |
| 70 | a bug in muniment |
| 74 | the disk failed or is full |
| 75 | another process holds the archive's lock |
| 130 | interrupted |

## Environment

| variable | meaning |
|---|---|
| `MUNIMENT_ARCHIVE` | the archive's folder, as `--archive` |
| `MUNIMENT_HOME` | the folder of keys, trust and remembered checkpoints |
| `NO_COLOR` | print no colours |
"""


def page() -> str:
    """Return the whole page."""
    return _BEGINNING + "".join(_told(muniment, click.Context(muniment, info_name="muniment")))


def _told(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"\n## {context.command_path}\n\n"
    usage = " ".join(["$ " + context.command_path, *command.collect_usage_pieces(context)])
    yield f"    {usage.removeprefix('$ ')}\n\n"
    yield f"{_text(command.help or '')}\n"
    rows = [row for parameter in command.get_params(context) if (row := _row(parameter))]
    if rows:
        yield "\n| option | meaning |\n|---|---|\n"
        yield from rows
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _told(inner, click.Context(inner, info_name=name, parent=context))


def _row(parameter: click.Parameter) -> str:
    # Put together here, because releases of click word this differently.
    if not isinstance(parameter, click.Option) or parameter.hidden or "--help" in parameter.opts:
        return ""
    names = ", ".join(sorted(parameter.opts, key=len))
    value = "" if parameter.is_flag else f" {parameter.metavar or _kind(parameter.type)}"
    notes = [
        *(["required"] if parameter.required else []),
        *(["may be repeated"] if parameter.multiple else []),
        *([f"default: {parameter.default}"] if parameter.show_default else []),
    ]
    said = f" [{', '.join(notes)}]" if notes else ""
    return f"| `{_cell(names + value)}` | {_cell(parameter.help or '')}{said} |\n"


def _kind(kind: Any) -> str:
    if isinstance(kind, click.Choice):
        return "|".join(str(getattr(each, "value", each)) for each in kind.choices)
    if isinstance(kind, click.IntRange):
        return f"{kind.min}…{kind.max}" if kind.max is not None else f"NUMBER from {kind.min}"
    return {"integer": "NUMBER"}.get(kind.name, str(kind.name).upper())


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def _text(text: str) -> str:
    return inspect.cleandoc(text).replace("\b\n", "")


def main() -> int:
    """Write the page, or compare it; 1 where it is not current."""
    wanted = page()
    if sys.argv[1:] == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted:
            return 0
        click.echo(f"{PAGE.name} is not what the commands say; run: python docs/reference.py", err=True)
        return 1
    durable.replace(PAGE, wanted.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
