"""``muniment search``: a capture found by a word of its headline, a host, a digest, a reason."""

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from muniment.cli import Room, echo_json, json_option, tell
from muniment.cli.recover import tell_unfinished
from muniment.model import Reason, Role, State

if TYPE_CHECKING:
    from muniment.index import Answer, Found, Passage, Query

__all__ = ["search", "told_of"]

_SCHEMA: Final = "muniment.search/1"
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?Z")
_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")


@click.command()
@click.argument("words", default="")
@click.option("--host", default="", metavar="HOST", help="Only URLs of this host and of hosts below it.")
@click.option("--since", default="", metavar="DATE", help="Only captures opened then or later (2024-12-31, in UTC).")
@click.option("--until", default="", metavar="DATE", help="Only captures opened then or before; a day counts whole.")
@click.option("--verdict", type=click.Choice([each.value for each in State]), help="Only captures that ended so.")
@click.option("--role", type=click.Choice([each.value for each in Role]), help="Only what is this to its capture.")
@click.option("--reason", type=click.Choice([each.value for each in Reason]), help="Only URLs that ended so.")
@click.option(
    "--digest",
    default="",
    metavar="SHA256",
    help="Only this payload, statement or WARC file: sha256:… or the first digits (4 or more).",
)
@click.option(
    "--like",
    default="",
    metavar="RECORD",
    help="What is like this record (id, ID:LINE or URL): the same octets, or nearly the same picture.",
)
@click.option(
    "--within",
    type=click.IntRange(0, 16),
    default=None,
    help="With --like: call pictures alike whose hashes differ in so many of 64 bits at most.  [default: 8]",
)
@click.option("--limit", type=click.IntRange(1, 2000), default=20, show_default=True, help="Show this many.")
@json_option
@click.pass_obj
def search(room: Room, /, words: str, *, limit: int, as_json: bool, **asked: Any) -> int:
    """Find captures by WORDS in headline, authors, text or URL, and by what else is given; the best first.

    All words must be there; case, accents and vowel signs make no difference. No character in WORDS is an operator.

    With --like RECORD, which stands alone, find a picture, a film or a file again in all captures.
    """
    from muniment import catalogue
    from muniment.cli.alike import search_like
    from muniment.errors import JobError

    like, within = asked.pop("like"), asked.pop("within")
    if like:
        if words or any(asked.values()):
            raise JobError("--like stands alone: of the other options only --within, --limit and --json go with it")
        return search_like(room, like, within, limit, as_json=as_json)
    if within is not None:
        raise JobError("--within goes with --like RECORD; nothing says what it should be like")
    query = _query(words, **asked)
    if not words.strip() and not any(asked.values()):
        raise JobError("nothing to look for: give a word, or --host, --since, --digest or another option")
    root = room.root
    tell_unfinished(root)
    with catalogue.consulted(root, _told) as opened:
        answer = opened.search(query, limit)
        unlisted = catalogue.unlisted(root, opened)
    if unlisted:
        _told(f"{len(unlisted)} committed captures are not in the index; run `muniment index rebuild`: {unlisted[0]}")
    if as_json:
        echo_json(_document(words, asked, answer))
    else:
        _print(answer, words)
    return 0


def _query(words: str, **asked: Any) -> "Query":
    from muniment.errors import JobError
    from muniment.index import Query

    since, until = _moment(asked["since"], "--since"), _end(asked["until"])
    if since and until and since >= until:
        raise JobError(f"--since {asked['since']} lies after --until {asked['until']}; no capture is in between")
    digest = _DIGEST.fullmatch(asked["digest"].lower()) if asked["digest"] else None
    if asked["digest"] and digest is None:
        raise JobError(
            "--digest is not the beginning of a SHA-256 digest: expected sha256: and 4 to 64 digits 0-9 a-f, "
            f"found {asked['digest'][:80]!a}"
        )
    return Query(
        words=words,
        host=_host(asked["host"]),
        since=since,
        until=until,
        verdict=State(asked["verdict"]) if asked["verdict"] else None,
        role=Role(asked["role"]) if asked["role"] else None,
        reason=Reason(asked["reason"]) if asked["reason"] else None,
        digest=f"sha256:{digest[1]}" if digest else "",
    )


def _host(text: str) -> str:
    """Return the ASCII form of the host *text*, as URLs are kept; JobError for what is none."""
    from muniment.errors import FormatError, JobError
    from muniment.message.url import Url

    if not text:
        return ""
    try:
        url = Url.parse(f"https://{text}/")
    except FormatError as wrong:
        raise JobError(f"--host is not a host name: {wrong}") from wrong
    if url.target != "/" or url.port != 443:
        raise JobError(f"--host takes the name of a host alone, without port and path: {url.host}")
    return url.host


def _moment(text: str, option: str) -> datetime | None:
    """Return the moment that *text* names, a day by its beginning; JobError for what is no date."""
    from muniment.errors import JobError

    if not text:
        return None
    if _DAY.fullmatch(text) or _MOMENT.fullmatch(text):
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            pass  # the thirtieth of February
        else:
            return found.replace(tzinfo=UTC)
    raise JobError(f"{option} is no date: expected one like 2024-12-31 or 2024-12-31T09:30Z, found {text[:80]!a}")


def _end(text: str) -> datetime | None:
    """Return the first moment after *text*: the day after a day."""
    from muniment.errors import JobError

    found = _moment(text, "--until")
    try:
        return found and found + (timedelta(days=1) if _DAY.fullmatch(text) else timedelta(microseconds=1))
    except OverflowError:
        raise JobError(f"--until is no date that anything could lie before: {text[:80]!a}") from None


def _document(words: str, asked: dict[str, Any], answer: "Answer") -> dict[str, Any]:
    from muniment.index import CONSIDERED

    return {
        "schema": _SCHEMA,
        "query": {"words": words} | {name: value for name, value in asked.items() if value},
        "matches": answer.matches,
        "more": answer.matches >= CONSIDERED,
        "found": [told_of(each) for each in answer.found],
        "exit": 0,
    }


def told_of(each: "Found") -> dict[str, Any]:
    """Return the record that was found as the JSON tells it."""
    shown = each.passage
    return {
        "capture": each.capture,
        "url": each.url,
        "role": each.role,
        "status": each.status,
        "outcome": each.outcome,
        "media_type": each.media_type,
        "size": each.size,
        "payload": each.payload,
        "record_id": each.record_id,
        "n": each.n,
        "warc": each.file,
        "offset": each.offset,
        "seed": each.seed,
        "title": each.title,
        "opened": each.opened,
        "verdict": each.verdict,
        "passage": None if shown is None else {"field": shown.field, "text": shown.text, "marks": shown.marks},
    }


def _print(answer: "Answer", words: str) -> None:
    from muniment.index import CONSIDERED
    from muniment.report.words import safe

    if not answer.found:
        why = "" if not words.strip() else " Each word must be there; part of a word is not found."
        click.echo(f"Nothing was found.{why}")
        click.echo("Next: muniment list")
        return
    for each in answer.found:
        ended = f"{each.role or 'other'}, {each.outcome or 'recorded'}"
        click.echo(f"{each.capture}  {each.verdict}  {safe(each.title or each.seed)}")
        click.echo(f"    {safe(each.url)}  ({safe(ended)})  {each.capture}:{each.n}")
        if each.passage is not None and each.passage.field != "url":
            click.echo(f"    {each.passage.field}: {_marked(each.passage)}")
    if answer.matches > len(answer.found):
        number = f"{answer.matches:,}" + (" or more" if answer.matches >= CONSIDERED else "")
        click.echo(f"{len(answer.found):,} of {number} are shown; --limit shows more.")
    click.echo(f"Next: muniment show {answer.found[0].capture}")


def _marked(passage: "Passage") -> str:
    from muniment.report.words import safe

    pieces, end = [], 0
    for first, last in passage.marks:
        word = f"[{safe(passage.text[first:last])}]"
        shown = click.style(word, bold=True) if sys.stdout.isatty() and not _plain() else word
        pieces += [safe(passage.text[end:first]), shown]
        end = last
    return "".join((*pieces, safe(passage.text[end:])))


def _plain() -> bool:
    import os

    return bool(os.environ.get("NO_COLOR"))


def _told(sentence: str) -> None:
    from muniment.report.words import safe

    tell(f"muniment: {safe(sentence)}")
