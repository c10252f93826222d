"""``muniment renew``: old tokens under new ones, before the certificates behind them end."""

from typing import Any

import click

from muniment.cli import Room, echo_json, json_option, passphrase_options, read_passphrase, tell
from muniment.cli.stamp import believed, network_options, stamped_document, status_of, told, wanted

__all__ = ["renew"]

_SECONDS = 30.0


@click.command()
@click.option("--digest", type=click.Choice(["sha512"]), help="List everything that was sealed by this digest, too.")
@network_options
@passphrase_options
@json_option
@click.pass_obj
def renew(room: Room, /, *, digest: str | None, as_json: bool, **options: Any) -> int:
    """Seal a list of all time-stamp tokens, log it, and have the newest checkpoint stamped anew.

    Do it before the certificates behind the old tokens end (`muniment verify --at DATE` and `muniment doctor` say
    when), with an authority whose own certificate lasts. Exit status as of `muniment stamp`.
    """
    from muniment.capture import renewal
    from muniment.capture.sealing import Clock, signers
    from muniment.capture.stamping import Terms
    from muniment.report.words import safe
    from muniment.rules import Rules
    from muniment.seal.keys import KeyRole, needs_passphrase

    archive = room.archive
    asked = wanted(archive, options)
    held = signers(
        archive,
        read_passphrase(
            options["passphrase_file"],
            options["passphrase_fd"],
            needed=needs_passphrase(archive.keys, KeyRole.OPERATOR),
            what="The passphrase of the archive's keys",
        ),
    )
    rules = Rules(allow_net=options["allow_net"], resolve=options["resolve"], dns=not options["no_dns"])
    done = renewal.renew(archive, held, asked, Terms(rules, Clock(), _SECONDS), digest)
    believed(room, archive, asked)
    status = status_of(done.stamped)
    if as_json:
        echo_json(
            {
                "schema": "muniment.renewed/1",
                "event": done.event,
                "size": done.size,
                "lists": [{"file": path, "entries": number} for path, number in done.lists],
                "stamps": [stamped_document(each) for each in done.stamped],
                "exit": status,
            }
        )
        return status
    click.echo(f"Renewal {done.event} is sealed and logged.")
    for path, number in done.lists:
        click.echo(f"listed   {number:,} files in {safe(path)}")
    for each in done.stamped:
        told(each)
    if status:
        tell("\nThe renewal counts when it is stamped, before the old certificates end: run `muniment stamp` again.")
    return status
