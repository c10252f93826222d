"""The command line: arguments in, exit status out. A file per command; each imports its work inside the command."""

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from muniment.capture.archive import Archive

__all__ = ["Room", "echo_json", "json_option", "muniment", "passphrase_options", "read_file", "read_passphrase", "tell"]

_COMMANDS: Final = {
    "init": "muniment.cli.init:init",
    "capture": "muniment.cli.capture:capture",
    "verify": "muniment.cli.verify:verify",
    "list": "muniment.cli.listing:list_captures",
    "show": "muniment.cli.listing:show",
    "search": "muniment.cli.search:search",
    "extract": "muniment.cli.listing:extract",
    "index": "muniment.cli.index:index",
    "disclose": "muniment.cli.disclose:disclose",
    "certify": "muniment.cli.certify:certify",
    "stamp": "muniment.cli.stamp:stamp",
    "renew": "muniment.cli.renew:renew",
    "recover": "muniment.cli.recover:recover",
    "log": "muniment.cli.log:log",
    "trust": "muniment.cli.trust:trust",
    "keys": "muniment.cli.keys:keys",
    "custody": "muniment.cli.custody:custody",
    "doctor": "muniment.cli.doctor:doctor",
    "demo": "muniment.cli.demo:demo",
}
_LONGEST_PASSPHRASE: Final = 4096

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(slots=True)
class Room:
    """Where a command works: the archive that was named or is found upwards, and the user's own folder."""

    named: Path | None

    @property
    def home(self) -> Path:
        """The user's folder of keys, trust and remembered checkpoints: MUNIMENT_HOME, else the platform's."""
        if named := os.environ.get("MUNIMENT_HOME"):
            return Path(named).expanduser().absolute()
        if sys.platform == "darwin":
            return Path("~/Library/Application Support/muniment").expanduser()
        return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "muniment"

    @property
    def root(self) -> Path:
        """The archive's root; JobError when there is none."""
        from muniment.capture.archive import found
        from muniment.errors import JobError

        if self.named is None:
            return found(Path.cwd())
        if not self.named.is_dir():
            raise JobError(f"{self.named}: there is no such folder; make an archive with `muniment init {self.named}`")
        return found(self.named.absolute()) if not (self.named / "muniment.toml").is_file() else self.named.absolute()

    @property
    def archive(self) -> "Archive":
        """The archive, its settings read."""
        from muniment.capture.archive import opened

        return opened(self.root, self.home)


class _Lazy(click.Group):
    """A group that imports a command's module when the command is wanted: `muniment --help` loads none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        target = _COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, name = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--archive",
    "archive",
    type=click.Path(path_type=Path),
    envvar="MUNIMENT_ARCHIVE",
    help="The archive's folder; otherwise the nearest muniment.toml upwards.",
)
@click.version_option(package_name="muniment", prog_name="muniment")
@click.pass_context
def muniment(ctx: click.Context, archive: Path | None) -> None:
    """Capture web articles and the media they rest on as evidence, and verify them years later.

    Results go to standard output, progress to standard error. Exit status: 0 done and checked, 1 a check failed or
    nothing was got, 2 usage or configuration, 3 partial, 4 unverifiable, 74 disk, 75 locked, 130 interrupted.
    """
    ctx.obj = Room(archive)


def json_option(command: Command) -> Command:
    """Give *command* the flag ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document for other programs.")(command)


def passphrase_options(command: Command) -> Command:
    """Give *command* the ways to bring a passphrase; never an argument, which every user of the machine could read."""
    command = click.option(
        "--passphrase-file", type=click.Path(path_type=Path), help="Read the keys' passphrase from this file."
    )(command)
    return click.option("--passphrase-fd", type=int, help="Read the keys' passphrase from this file descriptor.")(
        command
    )


def read_passphrase(file: Path | None, descriptor: int | None, *, needed: bool, what: str) -> bytes | None:
    """Return the passphrase from *file*, *descriptor* or, on a terminal, a prompt; None where there is none.

    A line end at its end is not part of it. JobError when it is *needed* and there is no way to get it.
    """
    from muniment.errors import JobError

    try:
        if file is not None:
            return file.read_bytes()[:_LONGEST_PASSPHRASE].rstrip(b"\r\n")
        if descriptor is not None:
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                return stream.read(_LONGEST_PASSPHRASE).rstrip(b"\r\n")
    except OSError as failure:
        raise JobError(f"{file or descriptor}: the passphrase could not be read: {failure.strerror}") from failure
    if not needed:
        return None
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, err=True)).encode()
    raise JobError(f"{what} is needed; give it by --passphrase-file or --passphrase-fd")


def read_file(path: Path) -> bytes:
    """Return what the small file *path* holds, which the user named; JobError where it cannot be read."""
    from muniment.errors import JobError

    try:
        return path.read_bytes()
    except OSError as failure:
        raise JobError(f"{path}: could not be read: {failure.strerror}") from failure


def tell(text: str) -> None:
    """Print *text*, which is ours and safe, on standard error: progress and notes, never results.

    Where nobody reads any more it is lost: a capture goes on though the terminal that watched it is gone.
    """
    with contextlib.suppress(BrokenPipeError):
        click.echo(text, err=True)


def echo_json(document: object) -> None:
    """Print *document* on standard output as one line of JSON that any program and any terminal can take."""
    click.echo(json.dumps(document, ensure_ascii=True, sort_keys=False))
