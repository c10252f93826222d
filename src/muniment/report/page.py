"""The report as one self-contained HTML file: no script, nothing fetched, fit to be printed and filed.

Every text passes through ``_text``, which escapes it for HTML after control characters were made visible. The
page's own policy forbids everything but its one style sheet, named by digest, so that an escape that was forgotten
would still run nothing and send nothing.
"""

import base64
import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from muniment.model import Check, Finding, Verdict
from muniment.report.words import HEADLINES, STATES, counted, grouped, number, of_verdict, safe
from muniment.verification import Said, Verification

__all__ = ["Occasion", "render"]

_STYLE: Final = """
:root { --ink: #1d2126; --soft: #59616b; --line: #d5d9de; --pass: #1d6b3e; --fail: #a3201d; --unverifiable: #8a5a00;
  --absent: #45505c; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f5f6; color: var(--ink); font: 15px/1.5 Georgia, "Liberation Serif", serif; }
main { max-width: 56rem; margin: 2rem auto; padding: 2.5rem 3rem 3rem; border: 1px solid var(--line);
  background: #fff; }
header p { margin: .2rem 0; color: var(--soft); }
.kind { font: 600 12px/1.4 "Liberation Sans", Arial, sans-serif; letter-spacing: .12em; text-transform: uppercase; }
h1 { margin: .3rem 0 1.2rem; font-size: 1.55rem; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-size: 1.12rem; }
h3 { margin: 1.2rem 0 .4rem; font: 600 14px/1.4 "Liberation Sans", Arial, sans-serif; }
.verdict { margin: 0 0 1.4rem; padding: 1rem 1.2rem; border-left: 6px solid; background: #f7f8f9; }
.verdict strong { display: block; font: 700 1.5rem/1.2 "Liberation Sans", Arial, sans-serif; letter-spacing: .04em; }
.pass { border-left-color: var(--pass); } .pass > strong, h2.pass { color: var(--pass); }
.fail { border-left-color: var(--fail); } .fail > strong, h2.fail { color: var(--fail); }
.unverifiable { border-left-color: var(--unverifiable); }
.unverifiable > strong, h2.unverifiable { color: var(--unverifiable); }
.absent { border-left-color: var(--absent); } h2.absent { color: var(--absent); }
h2.pass, h2.fail, h2.unverifiable, h2.absent { border-bottom-color: currentColor; }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
article { margin: .6rem 0; padding: .6rem .9rem; border: 1px solid var(--line); border-left-width: 4px;
  break-inside: avoid; }
article p { margin: .2rem 0 .4rem; }
code { font: 12.5px/1.5 "Liberation Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
article dl { grid-template-columns: 5.5rem 1fr; font-size: 14px; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th, td { padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; } .number { text-align: right; white-space: nowrap; }
.words { margin-top: 1.4rem; } .words th { width: 12rem; white-space: nowrap; }
.words .state { width: 6.5rem; font: 600 13px/1.6 "Liberation Sans", Arial, sans-serif; }
.words .pass .state { color: var(--pass); } .words .fail .state { color: var(--fail); }
.words .unverifiable .state { color: var(--unverifiable); } .words .absent .state { color: var(--absent); }
ul { margin: .4rem 0; padding-left: 1.2rem; } li { margin: .3rem 0; }
.both { display: grid; grid-template-columns: 1fr 1fr; gap: 0 2.5rem; }
.both > * { min-width: 0; overflow-wrap: anywhere; }
footer { margin-top: 2.4rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: 13px; }
@media (max-width: 46rem) { main { margin: 0; padding: 1.2rem; border: 0; } .both { grid-template-columns: 1fr; } }
@page { size: A4; margin: 18mm 16mm 20mm; }
@media print { body { background: #fff; font-size: 10.5pt; } main { max-width: none; margin: 0; padding: 0; border: 0; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
  .verdict { background: none; border: 1px solid; border-left-width: 6px; } }
"""

_MOST_FILES: Final = 1000
_SECTIONS: Final = (
    (Verdict.FAIL, "Failed"),
    (Verdict.UNVERIFIABLE, "Could not be checked"),
    (Verdict.ABSENT, "Noted"),
)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Around a verification: what was verified (as the user named it), when (aware), by which version of muniment."""

    archive: str
    at: datetime
    version: str


def render(verification: Verification, occasion: Occasion) -> str:
    """Return the whole page. The time on it is this machine's clock and proves nothing."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"{HEADLINES[verification.verdict][0]}: {_text(occasion.archive)}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{_body(verification, occasion)}</main>\n</body>\n</html>\n"
    )


def _text(text: object) -> str:
    return html.escape(safe(text), quote=True)


def _body(verification: Verification, occasion: Occasion) -> str:
    word, sentence = HEADLINES[verification.verdict]
    at = f"{occasion.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    parts = [
        f'<header><p class="kind">Verification report</p>\n<h1>{_text(occasion.archive)}</h1></header>\n',
        f'<div class="verdict {verification.verdict.value}"><strong>{word}</strong> {_text(sentence)}</div>\n',
        "<dl>\n",
        f"<dt>Looked at</dt><dd>{_text(counted(verification.counts))}</dd>\n",
        f"<dt>Trust</dt><dd>{_text(verification.trust)}</dd>\n",
        f"<dt>Verified</dt><dd>{_text(at)}, by the clock of the machine that verified</dd>\n",
        "</dl>\n",
        _words(verification.words),
    ]
    for verdict, title in _SECTIONS:
        parts.append(_section(title, of_verdict(verification, verdict), verdict))
    parts.append(_passed(of_verdict(verification, Verdict.PASS)))
    parts.append(_sentences("Not checked", verification.not_checked))
    parts.append(_digests(verification))
    proves = _sentences("Proves", verification.proves) + _sentences("Does not prove", verification.does_not_prove)
    parts.append(f'<div class="both">{proves}</div>\n')
    parts.append(
        f"<footer>Made by muniment {_text(occasion.version)}. This page is a copy of what was found, not evidence: "
        "anybody can run the same verification on the same files.</footer>\n"
    )
    return "".join(parts)


def _words(words: Sequence[Said]) -> str:
    rows = "".join(
        f'<tr class="{each.state.value}"><th scope="row">{_text(each.label)}</th><td class="state">'
        f"{_text(STATES[each.state])}</td><td>{_text(each.sentence)}</td></tr>\n"
        for each in words
    )
    return f'<table class="words"><tbody>{rows}</tbody></table>\n' if rows else ""


def _section(title: str, findings: Sequence[Finding], verdict: Verdict) -> str:
    if not findings:
        return ""
    parts = [f'<h2 class="{verdict.value}">{title} ({number(len(findings))})</h2>\n']
    for check, group in grouped(findings):
        parts.append(f"<h3>{_text(check)}</h3>\n")
        parts += [_finding(each) for each in group]
    return "".join(parts)


def _finding(finding: Finding) -> str:
    facts = "".join(
        f"<dt>{name}</dt><dd><code>{_text(value)}</code></dd>"
        for name, value in (("expected", finding.expected), ("found", finding.found))
        if value
    )
    listed = f"<dl>{facts}</dl>" if facts else ""
    return (
        f'<article class="{finding.verdict.value}"><code>{_text(finding.subject)}</code>'
        f"<p>{_text(finding.detail)}</p>{listed}</article>\n"
    )


def _passed(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    rows = "".join(
        f'<tr><td>{_text(check)}</td><td class="number">{number(len(group))}</td><td>{_text(_alike(group))}</td></tr>\n'
        for check, group in grouped(findings)
    )
    return (
        f'<h2 class="pass">Checked and passed</h2>\n<table><thead><tr><th>Check</th><th class="number">'
        f"Subjects</th><th>What was found</th></tr></thead>\n<tbody>{rows}</tbody></table>\n"
    )


def _digests(verification: Verification) -> str:
    """Return the sealed files that passed with their digests, so that the page says which octets it is about."""
    files = [each for each in of_verdict(verification, Verdict.PASS) if each.check is Check.FILE_DIGEST]
    if not files:
        return ""
    rows = "".join(
        f"<tr><td><code>{_text(each.subject)}</code></td><td><code>{_text(each.found)}</code></td></tr>\n"
        for each in files[:_MOST_FILES]
    )
    more = f"<p>… and {number(len(files) - _MOST_FILES)} more.</p>" if len(files) > _MOST_FILES else ""
    return (
        "<section><h2>Files that this is about</h2>\n<table><thead><tr><th>File</th><th>Digest</th></tr></thead>\n"
        f"<tbody>{rows}</tbody></table>{more}</section>\n"
    )


def _alike(group: Sequence[Finding]) -> str:
    details = {each.detail for each in group}
    return details.pop() if len(details) == 1 else ""


def _sentences(title: str, sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{_text(each)}</li>\n" for each in sentences)
    return f"<section><h2>{_text(title)}</h2>\n<ul>{items}</ul></section>\n"
