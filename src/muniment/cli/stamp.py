"""``muniment stamp``: tokens of time-stamping authorities over the log's newest checkpoint."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli import Room, echo_json, json_option, tell

if TYPE_CHECKING:
    from muniment.capture.archive import Archive
    from muniment.capture.stamping import Authority, Stamped

__all__ = ["ahead", "believed", "network_options", "stamp", "stamped_document", "status_of", "told", "wanted"]

_SECONDS = 30.0


def network_options(command: Any) -> Any:
    """Give *command* the options by which authorities are named and reached."""
    for option in reversed(
        (
            click.option(
                "--tsa", "urls", multiple=True, metavar="URL", help="Ask this authority, not those configured."
            ),
            click.option(
                "--tsa-root",
                "roots",
                multiple=True,
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="The root certificate (PEM) of the authority of each --tsa, in the same order.",
            ),
            click.option("--allow-net", multiple=True, metavar="CIDR", help="Open a private address range."),
            click.option("--resolve", multiple=True, metavar="HOST=ADDRESS[:PORT]", help="Answer a name without DNS."),
            click.option(
                "--no-dns", is_flag=True, help="Refuse every name outside --resolve, without sending anything."
            ),
        )
    ):
        command = option(command)
    return command


@click.command()
@network_options
@json_option
@click.pass_obj
def stamp(room: Room, /, *, as_json: bool, **options: Any) -> int:
    """Have time-stamping authorities sign the newest checkpoint of the log: all that it holds existed by then.

    Asks those that muniment.toml names under [[tsa]]; ask again where one was pending. Only the newest checkpoint is
    stamped: it holds everything before it, and an old one stamped now proves nothing more. Exit status 0: every
    authority gave a good token; 3: not every one; 1: none did.
    """
    from muniment.capture import stamping
    from muniment.capture.sealing import Clock
    from muniment.rules import Rules

    archive = room.archive
    asked = wanted(archive, options)
    size = stamping.newest(archive)
    rules = Rules(allow_net=options["allow_net"], resolve=options["resolve"], dns=not options["no_dns"])
    found = stamping.stamp(archive, asked, size, stamping.Terms(rules, Clock(), _SECONDS))
    believed(room, archive, asked)
    status = status_of(found)
    if as_json:
        echo_json(
            {
                "schema": "muniment.stamp/1",
                "origin": archive.origin,
                "size": size,
                "stamps": [stamped_document(each) for each in found],
                "pending_before": [stamped_document(each) for each in stamping.pending(archive) if each not in found],
                "exit": status,
            }
        )
        return status
    for each in found:
        told(each)
    if status == 0:
        tell("\nNext: hand over `muniment trust show`: it names the authorities by whose roots this is verified.")
    return status


def wanted(archive: "Archive", options: dict[str, Any]) -> tuple["Authority", ...]:
    """Return the authorities that the flags name, or else the settings; JobError where neither does."""
    from muniment.capture.archive import AuthorityTable
    from muniment.capture.stamping import authorities, authority
    from muniment.errors import JobError

    urls, roots = options["urls"], options["roots"]
    if len(urls) != len(roots):
        raise JobError("--tsa and --tsa-root come in pairs: without its root no answer of an authority can be verified")
    if urls:
        tables = [
            AuthorityTable(name=_name(url, number), url=url, root=str(root.absolute()))
            for number, (url, root) in enumerate(zip(urls, roots, strict=True), 1)
        ]
        return tuple(authority(each, archive.root) for each in tables)
    if found := authorities(archive):
        return found
    raise JobError(
        f"{archive.root}: muniment.toml names no time-stamping authority; write [[tsa]] with name, url and root into "
        "it, best two of different operators, or name one by --tsa and --tsa-root"
    )


def _name(url: str, number: int) -> str:
    """Return how files and reports call the authority at *url*, which is the *number*th that was named."""
    from muniment.errors import FormatError, JobError
    from muniment.message.url import Url

    try:
        host = Url.parse(url).host
    except FormatError as wrong:
        raise JobError(f"--tsa {url}: this is no URL: {wrong}") from None
    return host if number == 1 else f"{host} {number}"


def believed(room: Room, archive: "Archive", asked: tuple["Authority", ...]) -> None:
    """Put the roots of *asked* into the user's own trust where the archive's keys are the user's own, as init does."""
    from muniment.verify import trust

    path = room.home / "trust.toml"
    if archive.keys.is_dir() and path.is_file():
        trust.remember(path, "".join(trust.authority_lines(each.name, each.roots) for each in asked))


def status_of(found: tuple["Stamped", ...]) -> int:
    """Return the exit status that says how many of *found* are good tokens."""
    pending = sum(bool(each.pending) for each in found)
    return 0 if not pending else 1 if pending == len(found) else 3


def told(each: "Stamped") -> None:
    """Print what came of asking one authority."""
    from muniment.report.words import safe

    if each.at is None:
        click.echo(f"pending  {safe(each.authority)}: {safe(each.pending)}")
        return
    by = f"{each.at + each.accuracy:%Y-%m-%d %H:%M:%S}Z"
    click.echo(f"stamped  {safe(each.authority)}: checkpoint {each.size:,} existed by {by}")
    click.echo(f"         {safe(each.path)}")
    if (off := ahead(each)) is not None:
        click.echo(f"         its clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} this machine's")


def ahead(each: "Stamped") -> float | None:
    """Return by how many seconds the authority's clock is ahead of this machine's; None where that is not known.

    As exact as half the time that the answer took, and the authority's accuracy: most tell whole seconds.
    """
    if each.at is None or each.sent is None or each.received is None:
        return None
    return (each.at - each.sent - (each.received - each.sent) / 2).total_seconds()


def stamped_document(each: "Stamped") -> dict[str, Any]:
    """Return *each* as the JSON of several commands has it."""
    from muniment.manifest import timestamp

    return {
        "tsa": each.authority,
        "url": each.url,
        "size": each.size,
        "pending": each.pending or None,
        "file": each.path or None,
        "digest": str(each.digest) if each.digest else None,
        "time": timestamp(each.at) if each.at else None,
        "accuracy_seconds": each.accuracy.total_seconds() if each.at else None,
        "sent": timestamp(each.sent) if each.sent else None,
        "received": timestamp(each.received) if each.received else None,
        "server_date": timestamp(each.date) if each.date else None,
    }
