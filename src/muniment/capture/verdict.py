"""What may be said of a capture as a whole, from its lines alone: "complete" is earned, not assumed."""

from collections.abc import Collection, Sequence
from typing import Final

from muniment.catalogue import last_words
from muniment.model import Kind, Reason, Record, Role, State

__all__ = ["verdict"]

_REFUSED: Final = frozenset({401, 402, 403, 407, 429, 451})
_GONE: Final = frozenset({404, 410})
# Received whole and listed as missing, or outside of what the rules asked for: it changes no verdict.
_EXCUSED: Final = frozenset({Reason.OK, Reason.REDIRECT, Reason.OUT_OF_SCOPE, Reason.MALFORMED_URL, Reason.EMPTY})


def verdict(
    lines: Sequence[Record], *, interrupted: bool, reckoned: bool = False, endless: Collection[str] = ()
) -> State:
    """Return the verdict of a capture (DESIGN.md section 6).

    COMPLETE only where a browser's visit was *reckoned* up to its end: everything that it asked for is in the lines.
    Otherwise FETCHED at best: the static engine runs no script, and cannot know what would have been asked for besides.
    The answers *endless* have no end that could be missing; that they were cut is listed.
    """
    if interrupted:
        return State.INTERRUPTED
    words = last_words(lines)
    seed = next((line for line in reversed(words) if line.role is Role.ARTICLE), None)
    if seed is None or seed.kind is Kind.ATTEMPT:
        return State.FAILED
    if seed.status is not None and seed.status >= 400:
        return State.BLOCKED if seed.status in _REFUSED else State.FAILED
    # An answer without a body is no article, whatever its status says.
    if seed.size == 0 or any(not _excused(line) and line.record_id not in endless for line in words):
        return State.PARTIAL
    return State.COMPLETE if reckoned else State.FETCHED


def _excused(line: Record) -> bool:
    gone = line.status in _GONE and line.truncated is None and line.outcome is Reason.HTTP_4XX
    return gone or line.outcome in _EXCUSED
