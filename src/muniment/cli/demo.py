"""``muniment demo``: the sample article on loopback, and the whole walk from capture to verification over it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli import Room, tell
from muniment.errors import JobError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from muniment.sample import Site, second

__all__ = ["arguments", "demo", "differences"]


@click.group()
def demo() -> None:
    """Try muniment on a sample article that this machine serves to itself."""


@demo.command("serve")
@click.option(
    "--port", type=click.IntRange(0, 65000), default=0, help="The first of four ports, or of ten; 0 takes free ones."
)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the authority's certificate is put.")
@click.option(
    "--edition",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="1 is a page; 2 is an application, which only a browser can show.",
)
@click.pass_obj
def serve(room: Room, *, port: int, folder: Path | None, edition: int) -> None:
    """Serve the sample article on loopback until Ctrl-C, and print the line that captures it."""
    from muniment.report.words import safe

    with _served(edition, (folder or room.home / "demo").absolute(), port) as site:
        click.echo("The sample article is served. In another terminal, inside an archive, run:\n")
        click.echo("muniment capture " + safe(" ".join(arguments(site))))
        tell("\nCtrl-C ends it.")
        _wait()


def _served(edition: int, folder: Path, port: int = 0) -> "AbstractContextManager[Site | second.Site]":
    """Serve that edition of the sample as long as the block lasts."""
    if edition == 1:
        from muniment.sample import serve

        return serve(folder, port=port)
    try:
        from muniment.sample.second import serve as serve_second
    except ModuleNotFoundError as missing:
        raise JobError(
            f"the second edition needs {missing.name}, which is not installed: pip install 'muniment[demo]'"
        ) from missing
    return serve_second(folder, port=port)


def _wait() -> None:
    import signal
    import threading

    # Handlers of our own, because whoever starts this in the background may have had Ctrl-C ignored.
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    ended.wait()


def arguments(site: "Site | second.Site") -> list[str]:
    """Return the arguments by which ``capture`` takes the sample, and reaches nothing else."""
    resolved = [part for each in site.resolve for part in ("--resolve", each)]
    return [site.url, "--cited", "1", *resolved, "--no-dns", "--allow-net", "127.0.0.0/8", "--ca-file",
            str(site.ca_file)]  # fmt: skip


@demo.command("run")
@click.option("--delay", default="0.2s", show_default=True, help="Pause between two requests to one host.")
@click.pass_obj
def run(room: Room, *, delay: str) -> int:
    """Make this folder an archive where it is none, capture the sample into it, verify, and compare with the plan.

    Uses keys of its own below work/, and succeeds only when exactly the failures that are planted are reported.
    """
    from muniment.report.words import safe
    from muniment.sample import serve as served

    root = (room.named or Path.cwd()).absolute()
    home = root / "work" / "demo-home"
    steps = _Steps(root, home)
    if not (root / "muniment.toml").exists():
        steps.run("init", ".", "--name", "demo", "--operator", "Demo desk")
    with served(home / "site") as site:
        captured = json.loads(steps.run("capture", *arguments(site), "--delay", delay, "--json", status=3))
        unplanned = differences(site, captured)
    steps.run("verify")
    steps.run("extract", captured["id"], "--role", "video", "--out", str(root / "demo" / captured["id"]))
    steps.run("list")
    click.echo(f"\nCaptured {len(captured['resources'])} resources; planted failures, all reported:")
    for planted in site.planted:
        click.echo(f"  {planted.reason:<22} {safe(planted.url)}\n{'':25}{safe(planted.words)}")
    for line in unplanned:
        click.echo(f"  NOT AS PLANNED: {safe(line)}")
    if unplanned:
        return 1
    click.echo("\nWhere to look:")
    for label, where in (
        ("the WARC file", captured["warcs"][0]["file"]),
        ("its manifest, context and sealed statement", str(Path(captured["statement"]["file"]).parent)),
        ("the log", f"manifests/logs/{captured['log']['origin']}"),
        ("both videos, taken out again", f"demo/{captured['id']}"),
        ("the whole account", f"muniment show {captured['id']}"),
    ):
        click.echo(f"  {label + ':':<44} {where}")
    click.echo(
        "\nThe demo has keys and trust of its own. To go on with it by hand, begin each line so:\n"
        f"  MUNIMENT_HOME={safe(os.path.relpath(home))} {safe(os.path.relpath(sys.argv[0]))} verify"
    )
    return 0


def differences(site: "Site", captured: dict[str, Any]) -> list[str]:
    """Return what the capture reports otherwise than it was planted, a line each."""
    planned = {(each.url, each.reason) for each in site.planted}
    reported = {(each["url"], each["reason"]) for each in captured["missing"]}
    reported |= {(each["url"], each["tls"]) for each in captured["resources"] if each["tls"] not in ("", "none", "ok")}
    fetched = {each["url"] for each in captured["resources"]} | {url for url, _ in reported}
    return [
        *(f"{url}: {reason} was planted and is not reported" for url, reason in sorted(planned - reported)),
        *(f"{url}: {reason} is reported and was not planted" for url, reason in sorted(reported - planned)),
        *(f"{url}: is part of the article and was not asked for" for url in sorted(set(site.expected_urls) - fetched)),
    ]


class _Steps:
    """The commands of the walk, run one after the other as a person would type them."""

    def __init__(self, root: Path, home: Path) -> None:
        self._root = root
        self._environment = {**os.environ, "MUNIMENT_HOME": str(home)}
        self._environment.pop("MUNIMENT_ARCHIVE", None)

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run one command, show it and what it prints, and return its standard output; end when it fails."""
        shown = [os.path.relpath(each, self._root) if each.startswith(str(self._root)) else each for each in arguments]
        click.echo(f"\n$ muniment {shlex.join(shown)}")
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-m", "muniment.cli", *arguments],
            cwd=self._root,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if "--json" not in arguments:
            click.echo(done.stdout, nl=False)
        if done.returncode != status:
            click.echo(f"The demo ends here: that command ended with {done.returncode} where {status} was due.")
            raise SystemExit(1)
        return done.stdout
