"""What is to be said of a page that was got: the signs of every kind of obstacle, weighed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from muniment.extract.charset import decoded_html, printable
from muniment.extract.obstacle import absent, challenge, wall
from muniment.extract.obstacle.page import MANY, Page, Received, looked_at
from muniment.extract.obstacle.sign import Obstacle, Weight
from muniment.extract.tags import ONE_TREE
from muniment.model import Reason

__all__ = ["EXTRACTOR", "Judgement", "encode", "judged"]

#: The judge and its version, as every metadata record of an obstacle names it; raised when a page gives others.
EXTRACTOR: Final = "muniment.obstacle/1"

_KINDS: Final[tuple[Callable[[Page], Iterator[Obstacle]], ...]] = (
    challenge.signs,
    wall.login,
    wall.consent,
    absent.not_found,
    wall.paywall,
    absent.other_page,
    absent.shell,
)
_MOST: Final = 12


@dataclass(frozen=True, slots=True)
class Judgement:
    """The signs that were found, in the order of their gravity, and the ``players`` that name no file of their own.

    ``letters`` is how much text the page shows outside of its furniture; None where it could not be counted.
    """

    obstacles: tuple[Obstacle, ...] = ()
    players: tuple[str, ...] = ()
    letters: int | None = None

    def decisive(self) -> dict[Reason, Obstacle]:
        """Return for each reason that weighs the first sign of it; that a page is empty says nothing beside others."""
        found: dict[Reason, Obstacle] = {}
        for each in self.obstacles:
            if each.weight is Weight.VERDICT:
                found.setdefault(each.reason, each)
        if len(found) > 1:
            found.pop(Reason.EMPTY, None)
        return found


def judged(body: bytes, received: Received, *, charset: str | None) -> Judgement:
    """Return what stands between a reader and the page *body* (content decoded) that was *received*.

    *charset* is that of the HTTP field Content-Type. Any octets give a Judgement in bounded time. The signs are chosen
    so that those that weigh are hardly ever wrong. Not promised: that a page without any is no wall. It may be one in a
    language, or of a maker, that is not known here.
    """
    with ONE_TREE:
        page = looked_at(decoded_html(body, charset).text, received)
        found = [each for kind in _KINDS for each in islice(kind(page), _MOST)]
        return Judgement(tuple(found), tuple(absent.players(page)), None if page.letters == MANY else page.letters)


def encode(judgement: Judgement, received: Received) -> dict[str, Any]:
    """Return *judgement* as the JSON object of a metadata record; its strings hold neither NUL nor lone surrogates."""
    return {
        "v": 1,
        "type": "obstacle",
        "extractor": EXTRACTOR,
        "asked": printable(received.asked),
        "reached": printable(received.reached),
        "letters": judgement.letters,
        "signs": [
            {
                "reason": each.reason.value,
                "signal": each.signal,
                "evidence": each.evidence,
                "weight": each.weight.value,
            }
            for each in judgement.obstacles
        ],
        "players": list(judgement.players),
    }
