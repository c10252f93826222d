"""What may be said of a capture as a whole, from its lines alone: "complete" is earned, not assumed."""

from collections.abc import Collection, Sequence
from enum import Enum, auto
from typing import Final

from muniment.catalogue import last_words
from muniment.model import OBSTACLES, Kind, Reason, Record, Role, State

__all__ = ["Sight", "leads_nowhere", "verdict"]

_REFUSED: Final = frozenset({401, 402, 403, 407, 429, 451})
# What can make a page ask for nothing more.
_LEAVES: Final = frozenset({Role.IMAGE, Role.VIDEO, Role.AUDIO, Role.FONT, Role.TEXT})
_BLOCKING: Final = frozenset({Reason.CHALLENGE, Reason.LOGIN})
_GONE: Final = frozenset({404, 410})
# Received whole and listed as missing, or outside of what the rules asked for: it changes no verdict. So does a page
# that is cited and says "not found", in whatever status.
_EXCUSED: Final = frozenset(
    {Reason.OK, Reason.REDIRECT, Reason.OUT_OF_SCOPE, Reason.MALFORMED_URL, Reason.EMPTY, Reason.SOFT_404}
)


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
    *endless* have no end that could be missing; that they were cut is listed. A test for robots or a login before the
    page is BLOCKED; what says that it is another page is WRONG_PAGE; what is paid for, asks for consent or shows
    nothing is PARTIAL.
    """
    if interrupted:
        return State.INTERRUPTED
    words = last_words(lines)
    seed = next((line for line in reversed(words) if line.role is Role.ARTICLE), None)
    if seed is None or seed.kind is Kind.ATTEMPT:
        return State.FAILED
    before = _before_the_page(lines, words)
    if instead := _came_instead(seed.status, before):
        return instead
    # An answer without a body is no article, whatever its status says.
    lacking = any(not _excused(line) and line.record_id not in endless for line in words)
    if seed.size == 0 or before or lacking or sight is Sight.LACKING:
        return State.PARTIAL
    return State.COMPLETE if sight is Sight.ALL else State.FETCHED


def leads_nowhere(role: Role, outcome: Reason, status: int | None) -> bool:
    """Whether a page that lacks this lacks nothing else: it is gone at its source, or could have led to nothing."""
    gone = status in _GONE and outcome is Reason.HTTP_4XX
    return gone or outcome in _EXCUSED or role in _LEAVES


def _came_instead(status: int | None, before: Collection[Reason]) -> State | None:
    """Return the verdict where something else came in place of the page; None where the page came."""
    if status in _REFUSED or not _BLOCKING.isdisjoint(before):
        return State.BLOCKED
    if status is not None and status >= 400:
        return State.FAILED
    return State.WRONG_PAGE if Reason.SOFT_404 in before else None


def _before_the_page(lines: Sequence[Record], words: Sequence[Record]) -> set[Reason]:
    """Return what stands between a reader and the page of the seed; of other pages it is as any failure of theirs."""
    pages = {line.record_id for line in lines if line.role is Role.ARTICLE}
    attempts = (line for line in words if line.kind is Kind.ATTEMPT and line.role is Role.OTHER)
    return {line.outcome for line in attempts if line.outcome and line.outcome in OBSTACLES and line.parent in pages}


def _excused(line: Record) -> bool:
    gone = line.status in _GONE and line.truncated is None and line.outcome is Reason.HTTP_4XX
    return gone or line.outcome in _EXCUSED
