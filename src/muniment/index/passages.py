"""Where the words that were asked for stand on a page: one passage of it, and the places of the words in that; pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from muniment.index.folding import folded, tokens

__all__ = ["Passage", "passage"]

_LENGTH: Final = 160
_BEFORE: Final = 60
_BLOCK: Final = re.compile(r"\S.{0,600}(?!\S)|\S+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a page's ``field`` (title, byline, text or url) and where in it the words lie: begin and end of each.

    The part is as it stood there, white space aside, and cut at both ends; ``marks`` count its characters.
    """

    field: str
    text: str
    marks: tuple[tuple[int, int], ...]


def passage(field: str, text: str, phrases: Sequence[Sequence[str]]) -> Passage | None:
    """Return the first passage of *text* that holds one of *phrases* (tokens that follow each other), or None.

    A phrase that begins in one block of some 600 characters and ends in the next is overlooked: then None.
    """
    wanted = [f" {' '.join(each)} " for each in phrases]
    for block in _BLOCK.findall(text):
        held = f" {folded(block)} "
        if any(each in held for each in wanted) and (found := list(_places(list(tokens(block)), phrases))):
            return _cut(field, block, found)
    return None


def _places(found: list[tuple[str, int, int]], phrases: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    words = [token for token, _, _ in found]
    for at in range(len(words)):
        longest = max((len(each) for each in phrases if words[at : at + len(each)] == list(each)), default=0)
        if longest:
            yield found[at][1], found[at + longest - 1][2]


def _cut(field: str, block: str, places: list[tuple[int, int]]) -> Passage:
    begin = max(0, places[0][0] - _BEFORE)
    if begin:
        begin = max(block.rfind(" ", 0, places[0][0] - _BEFORE // 2), begin)
    end = min(len(block), max(begin + _LENGTH, places[0][1]))
    marks: list[tuple[int, int]] = []
    for first, last in places:
        if last > end:
            break
        if marks and first - begin <= marks[-1][1]:
            marks[-1] = (marks[-1][0], max(marks[-1][1], last - begin))
        else:
            marks.append((first - begin, last - begin))
    # White space becomes single characters that do not move what follows, so that the marks stay where they are.
    return Passage(field, re.sub(r"\s", " ", block[begin:end]), tuple(marks))
