"""What may be said of a capture as a whole, from its lines alone: "complete" is earned, not assumed."""

from collections.abc import Collection, Sequence
from enum import Enum, auto
from typing import Final

from muniment.catalogue import last_words
from muniment.model import Kind, Reason, Record, Role, State

__all__ = ["Sight", "leads_nowhere", "verdict"]

_REFUSED: Final = frozenset({401, 402, 403, 407, 429, 451})
# What can make a page ask for nothing more.
_LEAVES: Final = frozenset({Role.IMAGE, Role.VIDEO, Role.AUDIO, Role.FONT, Role.TEXT})
_GONE: Final = frozenset({404, 410})
# Received whole and listed as missing, or outside of what the rules asked for: it changes no verdict.
_EXCUSED: Final = frozenset({Reason.OK, Reason.REDIRECT, Reason.OUT_OF_SCOPE, Reason.MALFORMED_URL, Reason.EMPTY})


class Sight(Enum):
    """What a browser saw of the page: NOTHING where there was none, LACKING where the page lacked something."""

    NOTHING = auto()
    LACKING = auto()
    ALL = auto()


def verdict(
    lines: Sequence[Record], *, interrupted: bool, sight: Sight = Sight.NOTHING, endless: Collection[str] = ()
) -> State:
    """Return the verdict of a capture (DESIGN.md section 6).

    COMPLETE only where a browser's visit came to its end and the page lacked nothing that could have led further: what
    was got afterwards by other means does not show what the page would have asked for with it. Otherwise FETCHED at
    best: the static engine runs no script, and cannot know what would have been asked for besides. The answers
    *endless* have no end that could be missing; that they were cut is listed.
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
    lacking = any(not _excused(line) and line.record_id not in endless for line in words)
    if seed.size == 0 or lacking or sight is Sight.LACKING:
        return State.PARTIAL
    return State.COMPLETE if sight is Sight.ALL else State.FETCHED


def leads_nowhere(role: Role, outcome: Reason, status: int | None) -> bool:
    """Whether a page that lacks this lacks nothing else: it is gone at its source, or could have led to nothing."""
    gone = status in _GONE and outcome is Reason.HTTP_4XX
    return gone or outcome in _EXCUSED or role in _LEAVES


def _excused(line: Record) -> bool:
    gone = line.status in _GONE and line.truncated is None and line.outcome is Reason.HTTP_4XX
    return gone or line.outcome in _EXCUSED
