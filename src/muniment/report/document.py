"""The report that programs read: JSON of the schema ``muniment.verify/1``; fields are added to it, never changed."""

import json
from collections import Counter
from typing import Any, Final

from muniment.model import Finding, Verdict
from muniment.verification import Verification

__all__ = ["SCHEMA", "render"]

SCHEMA: Final = "muniment.verify/1"


def render(verification: Verification) -> str:
    """Return the whole document as one line of ASCII with a LF; hostile text is escaped by JSON itself."""
    document = {
        "schema": SCHEMA,
        "verdict": verification.verdict.value,
        "trust": verification.trust,
        "anchored": verification.anchored.value,
        "words": [
            {"word": each.word.value, "label": each.label, "state": each.state.value, "sentence": each.sentence}
            for each in verification.words
        ],
        "findings": [_finding(each) for each in verification.findings],
        "counts": dict(verification.counts) | _verdicts(verification),
        "not_checked": list(verification.not_checked),
        "proves": list(verification.proves),
        "does_not_prove": list(verification.does_not_prove),
        "exit": verification.exit,
    }
    return json.dumps(document, ensure_ascii=True) + "\n"


def _verdicts(verification: Verification) -> dict[str, int]:
    found = Counter(each.verdict for each in verification.findings)
    return {verdict.value: found[verdict] for verdict in Verdict}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check.value,
        "subject": finding.subject,
        "verdict": finding.verdict.value,
        "detail": finding.detail,
        "expected": finding.expected,
        "found": finding.found,
    }
