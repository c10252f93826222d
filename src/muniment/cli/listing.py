"""``muniment list``, ``show`` and ``extract``: what was captured, and how to have it in one's hands."""

import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from muniment.cli import Room, echo_json, json_option, tell
from muniment.cli.recover import tell_unfinished
from muniment.model import Role

if TYPE_CHECKING:
    from muniment.index import CaptureRow

__all__ = ["captured", "extract", "list_captures", "print_account", "show"]

_SCHEMA: Final = "muniment.list/1"
_MOST_MISSING: Final = 20
_NO_TERMINAL: Final = 10_000
_VERIFIED: Final = frozenset({"", "none", "ok"})


@click.command("list")
@click.option(
    "--limit", type=click.IntRange(0), default=50, show_default=True, help="Show this many, newest first; 0: all."
)
@json_option
@click.pass_obj
def list_captures(room: Room, /, limit: int, *, as_json: bool) -> int:
    """List the archive's captures, newest first."""
    from muniment import catalogue

    tell_unfinished(room.root)
    with catalogue.consulted(room.root, _told) as opened:
        rows = opened.captures(limit or -1)
        total = opened.total()
        unlisted = catalogue.unlisted(room.root, opened)
    if unlisted:
        _told(f"{len(unlisted)} committed captures are not in the index; run `muniment index rebuild`: {unlisted[0]}")
    if as_json:
        seen = {origin: catalogue.anchors(room.root, origin) for origin in {row.origin for row in rows}}
        listed = [_listed(row) | {"anchored": seen[row.origin].of(row.leaf).value} for row in rows]
        echo_json({"schema": _SCHEMA, "total": total, "captures": listed})
    elif not rows:
        click.echo("No captures yet. Next: muniment capture URL")
    else:
        _print_table(rows)
        if len(rows) < total:
            click.echo(f"{total - len(rows):,} older ones are not shown; --limit 0 shows all.")
        click.echo(f"Next: muniment show {rows[0].id}")
    return 0


@click.command()
@click.argument("capture", metavar="ID")
@json_option
@click.pass_obj
def show(room: Room, /, capture: str, *, as_json: bool) -> int:
    """Show one capture: what was got, what is missing and why, where its files lie. ID may be the unique start of one.

    Nothing is verified here: that is what `muniment verify` does.
    """
    from muniment import catalogue
    from muniment.errors import StoreError

    root = room.root
    tell_unfinished(root)
    wanted = captured(root, capture)
    document = catalogue.account(root, wanted)
    if as_json:
        echo_json(document)
        return 0
    _print_summary(document)
    _print_resources(document)
    try:
        with catalogue.consulted(root, _told) as opened:
            links = opened.links_by_kind(wanted)
    except StoreError as failure:
        _told(str(failure))
    else:
        click.echo("\nLinks on its pages: " + (", ".join(f"{n:,} {kind}" for kind, n in links.items()) or "none"))
    click.echo(f"Next: muniment extract {wanted} --role video --out DIR")
    return 0


@click.command()
@click.argument("capture", metavar="ID")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="Only payloads of this role.",
)
@click.option("--url", "urls", multiple=True, help="Only the payload of this URL.")
@click.option("--record", "record_ids", multiple=True, metavar="URN", help="Only the payload of this record.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder to copy into.")
@click.option("--as-stored", is_flag=True, help="Keep gzip, brotli and other content codings on.")
@json_option
@click.pass_obj
def extract(room: Room, /, capture: str, *, out: Path, as_stored: bool, as_json: bool, **chosen: Any) -> int:
    """Copy payloads of a capture into DIR, checked against what was sealed, with a note of their origin beside them."""
    from muniment import catalogue
    from muniment.report.words import safe

    root = room.root
    tell_unfinished(root)
    choice = catalogue.Choice(**chosen, stored=as_stored)
    found = catalogue.extract(root, captured(root, capture), choice, out)
    for problem in found.problems:
        _told(f"not kept: {problem}")
    if as_json:
        echo_json(found.document)
    else:
        for each in found.document["files"]:
            cut = f"  cut ({each['truncated']})" if each["truncated"] else ""
            flag = "" if each["tls"] in _VERIFIED else f"  TLS not verified: {safe(each['tls'])}"
            coded = "" if each["decoded"] or each["payload"] == each["content"] else "  content coding kept"
            click.echo(f"{safe(out / each['file'])}  {safe(each['url'])}{cut}{flag}{coded}")
        click.echo(f"Where each came from, and its digests: {safe(out / 'extracted.json')}")
        click.echo("Next: muniment verify")
    return 1 if found.problems else 0


def captured(root: Path, text: str) -> str:
    """Return the id of the one committed capture that *text* begins; JobError when there is none, or several."""
    from muniment import catalogue, layout
    from muniment.errors import FormatError, JobError

    try:
        if (root / layout.statement(text)).is_file():
            return text
        begun = (root / layout.claims(text)).is_dir()
    except FormatError:
        begun = False
    if not text.isascii():  # no id is so, and the index could not even be asked for what no encoding holds
        raise JobError(f"{text}: no capture has an id that begins so; see `muniment list`")
    if begun:
        raise JobError(
            f"{text}: was opened and is not sealed: it is being captured, or was cut off; see muniment verify"
        )
    with catalogue.consulted(root, _told) as opened:
        found = opened.ids(text)
    if len(found) == 1:
        return found[0]
    if found:
        raise JobError(f"{text}: begins several captures: {', '.join(found[:5])}; write more of the id")
    raise JobError(f"{text}: no capture has an id that begins so; see `muniment list`")


def _told(sentence: str) -> None:
    from muniment.report.words import safe

    tell(f"muniment: {safe(sentence)}")


def _listed(row: "CaptureRow") -> dict[str, Any]:
    from muniment import manifest

    return {
        "id": row.id,
        "url": row.seed,
        "title": row.title,
        "opened": manifest.timestamp(row.opened),
        "closed": manifest.timestamp(row.closed),
        "verdict": row.verdict.value,
        "engine": row.engine,
        "job": row.job,
        "resources": row.resources,
        "missing": row.missing,
        "unverified": row.unverified,
        "records": row.records,
        "attempts": row.attempts,
        "size": row.stored,
        "received": row.received,
        "statement": str(row.statement),
        "log": {"origin": row.origin, "index": row.leaf},
    }


def _print_table(rows: "list[CaptureRow]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from muniment.report.words import safe

    # Into a file or a pipe the lines are long, so that no URL is broken; Text, because a str would be read as markup.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _NO_TERMINAL, highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in ("ID", "OPENED (UTC)", "VERDICT"):
        table.add_column(name, no_wrap=True)
    for name in ("GOT", "MISSING", "SIZE"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("URL AND TITLE", overflow="fold")
    for row in rows:
        flag = "  TLS not verified" if row.unverified else ""
        cells = (row.id, f"{row.opened:%Y-%m-%d %H:%M}", row.verdict.value, row.resources, row.missing)
        named = f"{safe(row.seed)}{flag}" + (f"\n{safe(row.title)}" if row.title else "")
        table.add_row(*(Text(str(each)) for each in cells), Text(_spoken(row.stored)), Text(named))
    with console.capture() as written:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in written.get().splitlines()))


_ANCHORS: Final = {
    "absent": "anchored: absent, nobody outside has seen it",
    "pending": "anchored: pending, a time-stamp was asked for and has not come",
    "stamped": "anchored: stamped",
    "witnessed": "anchored: witnessed",
}


def print_account(document: dict[str, Any]) -> None:
    """Print what the account *document* of a capture amounts to, and what to do next."""
    _print_summary(document)
    click.echo("Next: muniment verify")


def _print_summary(document: dict[str, Any]) -> None:
    from muniment.report.words import safe

    title = document["article"].get("title", "")
    lines = [
        f"{document['id']}  {document['verdict']}",
        *([f"  title    {safe(title)}"] if title else []),
        f"  URL      {safe(document['url'])}",
        *_hosts(document),
        f"  opened   {document['opened']}, closed {document['closed']}, engine {safe(document['engine'])}",
        *(f"  WARC     {safe(each['file'])}  ({_spoken(each['size'])})" for each in document["warcs"]),
        f"  sealed   {document['statement']['file']}",
        f"           sha256 {document['statement']['sha256']}, by key "
        + ", ".join(f"{each[:16]}…" for each in document["statement"]["signed_by"]),
        f"  log      {document['log']['origin']}, leaf {document['log']['index']}; " + _ANCHORS[document["anchored"]],
        *(f"  unread   {safe(each)}" for each in document.get("problems", ())),
        *_roles(document),
        *_reckoned(document),
        *_by_hand(document),
        *_artefacts(document),
        *_missing(document),
        *_peers(document),
    ]
    click.echo("\n".join(lines))


def _hosts(document: dict[str, Any]) -> list[str]:
    """Return a line for each host that is not written in plain ASCII: its letters, their script, and a warning."""
    from muniment.errors import FormatError
    from muniment.message.url import Url, spoken
    from muniment.report.words import safe

    urls = [document["url"], *(each["url"] for kind in ("resources", "missing") for each in document[kind])]
    hosts: dict[str, None] = {}
    for url in urls:
        with suppress(FormatError):  # what is no URL leads to no host
            hosts |= {Url.parse(url).host: None} if "xn--" in url else {}
    told = [f"  host     {safe(spoken(host))}" for host in hosts if spoken(host) != host]
    more = [f"  host     … and {len(told) - _MOST_MISSING:,} more"] if len(told) > _MOST_MISSING else []
    return [*told[:_MOST_MISSING], *more]


def _roles(document: dict[str, Any]) -> list[str]:
    numbers: Counter[str] = Counter()
    octets: Counter[str] = Counter()
    for each in document["resources"]:
        if each["outcome"] == "ok":
            numbers[each["role"]] += 1
            octets[each["role"]] += each["size"]
    told = ", ".join(f"{number:,} {role} ({_spoken(octets[role])})" for role, number in numbers.most_common())
    return [f"  got      {told or 'nothing'}"]


def _reckoned(document: dict[str, Any]) -> list[str]:
    found = document.get("reckoning")
    if not found:
        return []
    lacking = found["asked"] - found["recorded"]
    words = f"the browser asked for {found['asked']:,}, {found['recorded']:,} recorded"
    words += f", {lacking:,} failed in it" if lacking else ", none is missing"
    words += f"; {found['unreported']:,} more crossed the wire untold" if found["unreported"] else ""
    lines = [f"  reckoned {words}"]
    if lacking and document["verdict"] == "partial":
        lines.append("           (what was got later by other means is not missing, but the page was shown without it)")
    return lines


def _by_hand(document: dict[str, Any]) -> list[str]:
    acted = document.get("by_hand")
    if not acted:
        return []
    return [f"  by hand  from {acted['began']} to {acted['ended']}; {acted['requests']:,} requests were made meanwhile"]


def _artefacts(document: dict[str, Any]) -> list[str]:
    # What is converted are films, put together of their pieces.
    made = ("film" if each["kind"] == "conversion" else each["role"] or "other" for each in document["artefacts"])
    numbers = Counter(made)
    told = ", ".join(f"{number:,} {role}" for role, number in numbers.most_common())
    return [f"  made     {told}"] if told else []


def _cut(document: dict[str, Any]) -> str:
    """Say that an interrupted capture cannot list what it had not come to yet."""
    cut_short = document["verdict"] == "interrupted"
    return "; it was cut short, and what it had not come to yet is not listed" if cut_short else ""


def _missing(document: dict[str, Any]) -> list[str]:
    from muniment.model import OBSTACLES
    from muniment.report.words import safe

    missing = document["missing"]
    if not missing:
        return [f"  missing  nothing that was asked for{_cut(document)}"]
    lines = [f"  missing  {len(missing):,} not got whole{_cut(document)}"]
    for each in missing[:_MOST_MISSING]:
        why = each["reason"] + (f" {each['status']}" if each["status"] else "")
        rule = f" (limit {safe(each['rule'])})" if each["rule"] else ""
        again = "" if not each["retryable"] else ", may be tried again"
        lines.append(f"    {why:<20} {each['role'] or 'other':<9} {safe(each['url'])}{rule}{again}")
        # What stands before a page is shown by what it says: whoever reads it judges whether it does.
        if each["reason"] in OBSTACLES and each["role"] == "other":
            lines.append(f"      {safe(each['detail'])}")
    if len(missing) > _MOST_MISSING:
        lines.append(f"    … and {len(missing) - _MOST_MISSING:,} more; --json lists all of them")
    return lines


def _peers(document: dict[str, Any]) -> list[str]:
    from muniment.report.words import safe

    found = [each for each in document["resources"] if each["tls"] not in _VERIFIED]
    lines = [f"  TLS      not verified for {len(found):,} of {len(document['resources']):,} answers"] if found else []
    lines += [
        f"    {safe(each['tls']):<20} {each['role'] or 'other':<9} {safe(each['url'])}"
        for each in found[:_MOST_MISSING]
    ]
    return lines


def _print_resources(document: dict[str, Any]) -> None:
    from muniment.report.words import safe

    by_role: dict[str, list[dict[str, Any]]] = {}
    for each in document["resources"]:
        by_role.setdefault(each["role"] or "other", []).append(each)
    for role, found in by_role.items():
        click.echo(f"\n{role} ({len(found):,})")
        for each in found:
            outcome = "" if each["outcome"] in {"ok", "redirect"} else f"  {each['outcome']}"
            flag = "" if each["tls"] in _VERIFIED else f"  TLS not verified: {safe(each['tls'])}"
            led = f" -> {safe(each['final'])}" if each["final"] != each["url"] else ""
            kind = safe(each["media_type"] or "no media type")
            click.echo(
                f"  {each['status'] or '':>4} {each['size']:>13,}  {kind:<26} {safe(each['url'])}{led}{outcome}{flag}"
            )


def _spoken(octets: int) -> str:
    """Return *octets* rounded to a unit that people read."""
    value = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
