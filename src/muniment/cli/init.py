"""``muniment init``: a new archive, its keys outside of it, and the trust that daily use needs."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from muniment.cli import Room, json_option, passphrase_options

__all__ = ["init"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", help="What the archive is called; otherwise its folder's name.")
@click.option("--operator", required=True, help="On whose responsibility captures are made; a pseudonym will do.")
@click.option(
    "--checkpoints-to",
    "send_to",
    metavar="FOLDER|mail|page",
    help="Where new checkpoints go, so that somebody outside has them: a folder on another disk, a mail, a page.",
)
@click.option("--encrypt-keys", is_flag=True, help="Ask for a passphrase and encrypt the private keys under it.")
@click.option("--operator-signer", type=click.Path(path_type=Path), help="A TOML file that names who seals instead.")
@click.option("--log-signer", type=click.Path(path_type=Path), help="The same for the log's key (Ed25519).")
@passphrase_options
@json_option
@click.pass_obj
def init(room: Room, /, folder: Path, *, name: str | None, operator: str, as_json: bool, **options: Any) -> None:
    """Make FOLDER an archive: its settings, its log, and two keys that are kept outside of it."""
    from muniment.capture.archive import begin_with_keys
    from muniment.capture.checkpoints import send_to
    from muniment.cli import echo_json, read_file, read_passphrase, tell
    from muniment.report.words import safe
    from muniment.seal.keys import KeyRole
    from muniment.verify import trust

    passphrase = read_passphrase(
        options["passphrase_file"],
        options["passphrase_fd"],
        needed=options["encrypt_keys"],
        what="A passphrase for the new keys",
    )
    root = folder.absolute()
    named = {KeyRole.OPERATOR: options["operator_signer"], KeyRole.LOG: options["log_signer"]}
    programs = {role: read_file(file) for role, file in named.items() if file is not None}
    made = begin_with_keys(root, name or root.name, operator, room.home, passphrase, programs)
    lines = trust.lines(made.origin, made.vkey, operator, made.operator_key)
    trust.remember(room.home / "trust.toml", lines)
    to = options["send_to"] or ("" if as_json else _asked())
    if to:
        send_to(root, room.home, to)
    if as_json:
        echo_json(
            {
                "schema": "muniment.init/1",
                "archive": str(root),
                "origin": made.origin,
                "vkey": made.vkey,
                "keys": str(made.keys),
                "trust": lines,
                "exit": 0,
            }
        )
        return
    click.echo(f"Archive {safe(name or root.name)!s} is ready in {safe(str(root))}")
    click.echo(f"Its log is called {made.origin}")
    kept = "What signs is named" if programs else "Its two private keys lie"
    click.echo(f"{kept} in {safe(str(made.keys))}, outside of the archive.")
    tell(
        "\nIf the keys are lost, what was sealed stays verifiable, but nothing can be added to this archive any more.\n"
        "If somebody else gets them, they can seal in your name. So:\n"
        "    muniment keys backup FILE      keeps an encrypted copy; put it on another disk\n"
        "    muniment trust show            prints the lines by which others verify; hand them over early\n"
        f"{_WARNING if not to else ''}\n"
        f"Next: muniment --archive {safe(shlex.quote(str(folder)))} capture https://…"
    )


_WARNING = (
    "\nNobody outside will see this archive's log: whoever holds the keys could make all of it anew, and every report\n"
    'says "anchored: absent". Hand a checkpoint out after captures: muniment log checkpoint --page FILE\n'
)


def _asked() -> str:
    """Ask, on a terminal, where checkpoints are to be sent; an empty text where nobody answers."""
    if not sys.stdin.isatty():
        return ""
    told = (
        "\nSomebody outside should keep this log's checkpoints: they find out whoever rewrites it. Where should new\n"
        "ones go? A folder on another disk, or: mail (a text to send is printed), page (a page to print), none"
    )
    answer = str(click.prompt(told, default="none", err=True)).strip()
    return "" if answer == "none" else answer
