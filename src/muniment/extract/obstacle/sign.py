"""One sign of an obstacle: of what, how it was recognised, what stands there, how much it weighs."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from muniment.extract.charset import printable
from muniment.model import Reason

__all__ = ["Obstacle", "Weight", "quoted"]

_QUOTED: Final = 240
_AROUND: Final = 60
_SPACE: Final = re.compile(r"\s+")


class Weight(StrEnum):
    """What a sign does: NOTE is kept and changes nothing; VERDICT is a failed attempt, and the capture's verdict."""

    NOTE = "note"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands in the way (``reason``), how it shows (``signal``), and the octets that say so (``evidence``).

    ``evidence`` is quoted from the page or its answer, white space collapsed, at most 240 characters.
    """

    reason: Reason
    signal: str
    evidence: str
    weight: Weight


def quoted(text: str, start: int = 0, end: int | None = None) -> str:
    """Return what stands in *text* from *start* to *end*, with a little around it, as evidence."""
    end = len(text) if end is None else end
    piece = text[max(0, start - _AROUND) : min(end, start + _QUOTED) + _AROUND]
    return printable(_SPACE.sub(" ", piece).strip())[:_QUOTED]
