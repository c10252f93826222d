"""The report for a person at a terminal: verdict first, then what failed and where, then what was checked."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from muniment.model import Finding, Verdict
from muniment.report.words import HEADLINES, STATES, counted, grouped, number, of_verdict, safe
from muniment.verification import Said, Verification

__all__ = ["coloured", "render"]

_WIDTH: Final = 110
_RESET: Final = "\x1b[0m"
_COLOURS: Final = {
    Verdict.PASS: "\x1b[1;32m",
    Verdict.FAIL: "\x1b[1;31m",
    Verdict.UNVERIFIABLE: "\x1b[1;33m",
    Verdict.ABSENT: "\x1b[1m",
}
_MOST: Final = 50


def coloured(environment: Mapping[str, str], *, terminal: bool) -> bool:
    """Say whether colours are wanted: on a terminal, unless NO_COLOR is set to anything (no-color.org)."""
    return terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def render(verification: Verification, *, archive: str, colour: bool) -> str:
    """Return the report on *archive* as lines of text; every text from outside is escaped."""
    return "\n".join(_lines(verification, archive, colour=colour)) + "\n"


def _lines(verification: Verification, archive: str, *, colour: bool) -> Iterator[str]:
    word, sentence = HEADLINES[verification.verdict]
    yield f"{_painted(word, verification.verdict, colour=colour)}  {safe(archive)}: {sentence}"
    yield from _wrapped(f"Looked at {counted(verification.counts)}.")
    yield from _wrapped(f"Decided by the trust of {safe(verification.trust)}.")
    yield from _words(verification.words, colour=colour)
    for verdict, title in (
        (Verdict.FAIL, "Failed"),
        (Verdict.UNVERIFIABLE, "Could not be checked"),
        (Verdict.ABSENT, "Noted"),
    ):
        yield from _section(title, of_verdict(verification, verdict), verdict, colour=colour)
    yield from _passed(of_verdict(verification, Verdict.PASS), colour=colour)
    yield from _sentences("Not checked", verification.not_checked)
    yield from _sentences("Proves", verification.proves)
    yield from _sentences("Does not prove", verification.does_not_prove)


def _words(words: Sequence[Said], *, colour: bool) -> Iterator[str]:
    """Give a line or more to each word: its state, what it reads like, and the sentence."""
    if words:
        yield ""
    width = max((len(safe(each.label)) for each in words), default=0)
    for each in words:
        state = f"{STATES[each.state]:<12}"
        first, *further = textwrap.wrap(safe(each.sentence), max(_WIDTH - width - 18, 40)) or [""]
        yield f"  {_painted(state, each.state, colour=colour)}  {safe(each.label):<{width}}  {first}"
        yield from (f"{'':{width + 18}}{line}" for line in further)


def _section(title: str, findings: Sequence[Finding], verdict: Verdict, *, colour: bool) -> Iterator[str]:
    if not findings:
        return
    yield ""
    yield _painted(f"{title} ({number(len(findings))})", verdict, colour=colour)
    left = _MOST
    for check, group in grouped(findings):
        yield f"  {check}"
        for finding in group[:left]:
            yield from _finding(finding)
        if len(group) > left:
            yield f"    … and {number(len(group) - left)} more; --json lists all of them"
        left = max(3, left - len(group))


def _finding(finding: Finding) -> Iterator[str]:
    # Subjects and digests are never wrapped: they are copied into other commands.
    yield f"    {safe(finding.subject)}"
    yield from _wrapped(safe(finding.detail), "      ")
    if finding.expected:
        yield f"      expected  {safe(finding.expected)}"
    if finding.found:
        yield f"      found     {safe(finding.found)}"


def _passed(findings: Sequence[Finding], *, colour: bool) -> Iterator[str]:
    if not findings:
        return
    yield ""
    yield _painted("Checked and passed", Verdict.PASS, colour=colour)
    for check, group in grouped(findings):
        what = safe(group[0].detail) if len(group) == 1 else f"{number(len(group))} passed"
        yield from _wrapped(f"{check}: {what}", "  ", "    ")


def _sentences(title: str, sentences: Sequence[str]) -> Iterator[str]:
    if not sentences:
        return
    yield ""
    yield title
    for sentence in sentences:
        yield from _wrapped(f"- {safe(sentence)}", "  ", "    ")


def _wrapped(text: str, indent: str = "", further: str | None = None) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _painted(text: str, verdict: Verdict, *, colour: bool) -> str:
    return f"{_COLOURS[verdict]}{text}{_RESET}" if colour else text
