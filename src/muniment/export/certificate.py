"""A draft of a certification in the manner of the Federal Rules of Evidence 902(13) and (14), its facts filled in.

Rule 902(13) is about a record that an electronic process or system made, 902(14) about data copied from a device, a
medium or a file, authenticated by digital identification; both ask for the certification of a qualified person that
complies with Rule 902(11) or (12). What only a person can say stays a blank. It is a text to begin with and no advice.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from muniment import layout, manifest
from muniment.catalogue import Claims
from muniment.model import Verdict
from muniment.verification import Verification

__all__ = ["Occasion", "certification"]

_BLANK: Final = "______________________"
_WIDTH: Final = 100
_TITLE: Final = "DRAFT. CERTIFICATION OF RECORDS OF AN ELECTRONIC PROCESS AND OF COPIED DATA"
_UNDER: Final = "in the manner of Federal Rules of Evidence 902(13) and 902(14)"
_NO_ADVICE: Final = (
    "This draft was made by a program. It is not legal advice, and it is not a certification until a qualified person "
    "has read it, has filled in every blank, has struck out or changed whatever that person cannot swear to, and has "
    "signed it. Other courts ask for other forms. Ask a lawyer."
)


@dataclass(frozen=True, slots=True)
class Occasion:
    """When the draft is made, by which version, and what verification found then, of this capture and its log."""

    at: datetime
    version: str
    verification: Verification


def certification(root: Path, claims: Claims, occasion: Occasion) -> str:
    """Return the draft about the capture of *claims* in the archive at *root*, as plain text of 100 columns."""
    statement, times = claims.statement, [each for each in occasion.verification.proves if "existed by" in each]
    text = (Path(__file__).parent / "certification.txt").read_text(encoding="utf-8")
    paragraphs = text.format(
        blank=_BLANK,
        tool=statement.tool,
        version=statement.version,
        day=_day(statement.opened),
        opened=_second(statement.opened),
        closed=_second(statement.closed),
        seed=_quoted(claims.description.seed),
        capture=claims.capture,
        records=statement.records,
        attempts=statement.attempts,
        verdict=_quoted(claims.description.verdict.value),
        index=claims.place.index,
        origin=_quoted(claims.place.origin),
        digests="\n".join(_digests(root, claims)),
        verified_day=_day(occasion.at),
        verified=_second(occasion.at),
        verifier=occasion.version,
        outcome=_outcome(occasion.verification),
        times="\n\n".join(times) or "No authority confirms these times by a time-stamp; they are the system's own.",
    ).split("\n\n")
    return "\n\n".join([f"{_TITLE}\n{_UNDER}", *map(_wrapped, (_NO_ADVICE, *paragraphs))]).rstrip("\n") + "\n"


def _digests(root: Path, claims: Claims) -> Iterator[str]:
    sealed = (str(layout.statement(claims.capture)), claims.sealed)
    for name, digest in (*claims.statement.subjects, sealed):
        path = root / name
        size = f"{path.stat().st_size:,} bytes" if path.is_file() else "NOT IN THE ARCHIVE ANY MORE"
        yield f"   {name} ({size})\n   {digest.hex}"


def _outcome(verification: Verification) -> str:
    if verification.verdict is Verdict.PASS:
        return "Every required check was made and passed."
    failed = sum(each.verdict is Verdict.FAIL for each in verification.findings)
    undecided = sum(each.verdict is Verdict.UNVERIFIABLE for each in verification.findings)
    return (
        f"IT DID NOT PASS: {failed:,} checks failed and {undecided:,} could not be decided. Do not sign this before "
        "that is cleared up (muniment verify)."
    )


def _wrapped(text: str) -> str:
    # Digests stand on lines of their own, to be copied.
    return text if text.startswith("   ") else textwrap.fill(text, _WIDTH, break_on_hyphens=False)


def _day(moment: datetime) -> str:
    return manifest.timestamp(moment)[:10]


def _second(moment: datetime) -> str:
    return manifest.timestamp(moment)[11:19]


def _quoted(text: str) -> str:
    # What came from the web must neither break a line nor draw a letter that is not there.
    shown = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)
    return f'"{shown}"'
