"""VERIFY.md: one page that goes with every packet, for somebody who has never heard of muniment."""

import json
import textwrap
from typing import TYPE_CHECKING, Final

from muniment import manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from muniment.catalogue import Claims
    from muniment.export.packet import Disclosed, Given

__all__ = ["instructions"]

_WIDTH: Final = 120
_PAGE: Final = """\
# How to verify this folder

{what}

Whoever gave you this folder could have made all of it. So verify it, with a file that you get **by another way**, from
the archive's staff: `trust.toml`. It says whose keys you believe. The keys in the folder `keys` are here to be compared
with those, and prove nothing.

    sh verify.sh trust.toml            (openssl 3, sha256sum, xxd, coreutils; any Linux)
    python3 verify.py trust.toml       (Python 3.11 and openssl 3; does the same)

Both end with a word. `PASS`: every check was made and passed. `FAIL`: something here is not what was sealed; the lines
above say what. `UNVERIFIABLE`: nothing failed, but something could not be decided, for instance because your
`trust.toml` does not name a key. Neither program sends anything. They are text: read them, or have them read.

## What is here

{records}

## Who held it

As the archive sealed it, by its own clock; in `events`:

{custody}

## What it means when it passes

- The octets of these files are, one by one, those that the archive held when it sealed the capture, and the operator's
  key that you trust made the seal.
- The statement was entered in the archive's log, whose key signed the checkpoint. Whoever kept a checkpoint of this log
  can see whether it was rewritten since: ask the archive for a proof against yours (`muniment log consistency`).
- {time}

## What it does not mean

- That the web server sent this content: TLS leaves no proof of that which others could check. Sealing shows what the
  archive held. The remedy is a second, independent capture.
- That no other version was kept, or made and not kept; that what the page says is true; or that whoever it
  names wrote it.
- That these bytes did not exist before. The times in lines and statement are the archive's own clock.
- Anything about the records that are not here. Each capture has more; this folder shows nothing of them.

## By hand

For record `N` of a capture, in the capture's folder here:

1. `sha256sum records/N.payload*` gives the digest behind `"payload"` in `records/N.json`; `sha256sum records/N.warc.gz`
   that behind `"member"`. `gunzip -c records/N.warc.gz` shows the record: when, from where, what was answered.
2. `(printf '\\0'; cat records/N.json) | sha256sum` is where the path begins: each line of `records/N.path` is hashed
   with it, behind the octet 01, to its left or right as the bits of N say (RFC 9162, 2.1.3.2), up to `"root"` in the
   statement.
3. The statement is the base64 behind `"payload"` in `statement.dsse.json`. What is signed is
   `DSSEv1 28 application/vnd.in-toto+json LENGTH STATEMENT` (DSSE v1):
   `openssl pkeyutl -verify -pubin -inkey OPERATOR.pem -rawin -in SIGNED -sigfile SIGNATURE`.
4. `openssl ts -verify -in stamps/X.tsr -data checkpoint -CAfile ROOT.pem -untrusted stamps/X.pem -attime SECONDS`
   checks a time-stamp at its own time, which `openssl ts -reply -in stamps/X.tsr -text` shows.

All forms are written down in the file formats of muniment, "Packets"; a verifier can be made from that page alone.
"""


def instructions(found: "Disclosed", *, stamped: bool) -> str:
    """Return the page about what was *found* fit to be in a packet; *stamped* says that tokens are there."""
    what = (
        f"{_counted(len(found.given), 'record')} of {_counted(len(found.claims), 'capture')}, sealed by an archive of "
        f"web pages and of the media they rest on. The log of the archive is called {', '.join(_logs(found.claims))}."
    )
    time = (
        "By each time-stamp: the bytes existed by the time that it names, by the word of an authority outside."
        if stamped
        else "No time-stamp is here: when the seal was made, only the archive's own clock says."
    )
    return _PAGE.format(
        what=textwrap.fill(what, _WIDTH),
        records="\n".join(_record(each) for each in found.given),
        custody="\n".join(_custody(found)),
        time=textwrap.fill(time, _WIDTH, subsequent_indent="  "),
    )


def _custody(found: "Disclosed") -> "Iterator[str]":
    if not found.events:
        yield "No event of custody about these captures alone is in the archive's log."
    for event in found.events:
        agents = ", ".join(f"{json.dumps(each.name)} ({each.role})" for each in event.agents)
        yield f"- {manifest.timestamp(event.at)}: {event.type}, {agents}".replace("`", "'")
    if found.kept_back:
        yield f"- {_counted(len(found.kept_back), 'event')} more about other captures, too: ask the archive."


def _logs(claims: "Sequence[Claims]") -> list[str]:
    return sorted({f"`{each.place.origin}`" for each in claims})


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _record(given: "Given") -> str:
    line = given.line
    # In quotes and ASCII: nothing that comes from the web forms this page.
    url = json.dumps(line.url).replace("`", "\\u0060")
    whole = "the whole record" if given.whole else f"its payload alone ({given.why})"
    files = "".join(f"\n      {name}" for name in given.files)
    kind = f"{line.kind}, {line.role}" if line.role else f"{line.kind}"
    return f"- `{url}`, {kind}, {manifest.timestamp(line.date)}: {whole}\n{files}\n"
