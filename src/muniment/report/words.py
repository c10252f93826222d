"""The words that all reports share: titles of checks, numbers, and text from outside made fit to be shown."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from muniment.model import Check, Finding, Verdict
from muniment.verification import Verification

__all__ = ["HEADLINES", "STATES", "TITLES", "counted", "grouped", "number", "of_verdict", "safe"]

_LONGEST: Final = 2000
# Joiners are letters' business in Persian, Hindi and emoji; every other invisible format character is shown.
_JOINERS: Final = frozenset("\u200c\u200d")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

TITLES: Final[Mapping[Check, str]] = {
    Check.FILE: "Files are there and can be read",
    Check.FILE_DIGEST: "Digest of each sealed file",
    Check.SUMS: "SHA256SUMS lists exactly what was sealed",
    Check.EXTRA_FILE: "No files that nothing accounts for",
    Check.STATEMENT_SIGNATURE: "Signature on each capture's statement",
    Check.OPENING_SIGNATURE: "Signature on each capture's opening",
    Check.STATEMENT: "Statements agree with opening, manifest and place",
    Check.OPENING: "Openings are well-formed and in their place",
    Check.MANIFEST: "Manifests are complete and well-formed",
    Check.MERKLE_ROOT: "Merkle root over each manifest's lines",
    Check.CONTEXT: "Contexts are well-formed",
    Check.RECORD: "Digest of each record",
    Check.MEMBER: "Digest of each record's stored bytes",
    Check.WARC_STRUCTURE: "Structure of the WARC files (ISO 28500)",
    Check.MANIFEST_WARC: "Manifest and WARC file hold the same records",
    Check.PAYLOAD: "Digest of each payload and its decoded content",
    Check.CHECKPOINT: "Signature on the log's checkpoints",
    Check.LOG_TREE: "Log rebuilt from its leaves",
    Check.LOG_FILES: "Every file of the log accounted for",
    Check.LOG_ENTRY_OPENING: "Openings are in the log",
    Check.LOG_ENTRY_CAPTURE: "Statements are in the log",
    Check.EVENT_SIGNATURE: "Signature on each event",
    Check.EVENT: "Events are well-formed and in their place",
    Check.LOG_ENTRY_EVENT: "Events are in the log",
    Check.KEY_EVENT: "Changes of keys are sealed as they must be",
    Check.CUSTODY: "Custody is told without gaps",
    Check.DELETION: "What was deleted, by which event",
    Check.OPEN_CAPTURES: "Captures that were opened were closed",
    Check.ROLLBACK: "Log extends what this machine has seen of it",
    Check.AGAINST: "Log extends the old checkpoints that somebody kept",
    Check.WITNESSES: "Cosignatures of witnesses",
    Check.PUBLIC_KEYS: "Public keys kept beside the evidence",
    Check.TIME_TOKEN: "Time-stamp tokens over the log's checkpoints",
    Check.TIME_PROVED: "Times that authorities confirm",
    Check.TIME_LAPSE: "Tokens whose certificates lapse are renewed",
    Check.ANCHORED: "Seen by somebody outside",
    Check.KEY_SEPARATION: "Operator's and log's keys kept apart",
    Check.TLS_PEERS: "Web servers were verified (TLS)",
    Check.HANDSHAKE: "The site's key signed the handshake (TLS)",
    Check.CAPTURE_VERDICT: "Captures are what their verdicts say",
}
"""What each check asks, in the order in which reports list them."""

HEADLINES: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.PASS: ("PASS", "Every required check was made and passed."),
    Verdict.FAIL: ("FAIL", "Something here is not what was sealed."),
    Verdict.UNVERIFIABLE: ("UNVERIFIABLE", "Nothing failed, but a required check could not be made."),
}
"""The word and the sentence for each overall verdict."""


STATES: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "yes",
    Verdict.FAIL: "NO",
    Verdict.UNVERIFIABLE: "undecided",
    Verdict.ABSENT: "none",
}
"""How each word that sums findings up stands."""


def safe(text: object) -> str:
    r"""Return *text* fit for one line of a terminal: what would move, colour, reorder, hide or forge is escaped.

    Control characters (C0, C1, DEL, so also ESC and every line break), BiDi controls, other invisible format
    characters, line and paragraph separators and lone surrogates become ``\x1b``, ``\u202e`` and so on. Letters of
    all scripts stay. What is longer than 2,000 characters is cut and says so.
    """
    written = str(text)
    if len(written) > _LONGEST:
        written = f"{written[:_LONGEST]}… ({len(written) - _LONGEST:,} more characters)"
    if written.isascii() and written.isprintable():
        return written
    return "".join(_shown(letter) for letter in written)


def _shown(letter: str) -> str:
    if letter in _JOINERS or unicodedata.category(letter) not in _HIDDEN:
        return letter
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: int) -> str:
    """Return *value* with its thousands set apart."""
    return f"{value:,}"


_COUNTED: Final = ("captures", "records", "attempts", "logs", "files", "bytes")
_SINGULARS: Final = {
    "attempts": "failed attempt",
    "bytes": "byte",
    "captures": "capture",
    "files": "file",
    "logs": "log",
    "records": "record",
}


def counted(counts: Mapping[str, int]) -> str:
    """Return *counts* as a phrase, largest things first: ``2 captures, 1 record``."""
    order = [*(name for name in _COUNTED if name in counts), *(name for name in counts if name not in _COUNTED)]
    return ", ".join(
        f"{number(counts[name])} {_SINGULARS.get(name, name)}{'' if counts[name] == 1 else 's'}" for name in order
    )


def of_verdict(verification: Verification, *verdicts: Verdict) -> tuple[Finding, ...]:
    """Return the findings with one of *verdicts*, in their order."""
    return tuple(finding for finding in verification.findings if finding.verdict in verdicts)


def grouped(findings: Sequence[Finding]) -> Sequence[tuple[str, tuple[Finding, ...]]]:
    """Return *findings* by their check's title, in the order of the table."""
    by_check: dict[Check, list[Finding]] = {}
    for finding in findings:
        by_check.setdefault(finding.check, []).append(finding)
    return tuple((title, tuple(by_check[check])) for check, title in TITLES.items() if check in by_check)
