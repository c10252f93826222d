"""Image candidates as ``srcset`` lists them (HTML 4.8.4.2.2)."""

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["candidates"]

_BEFORE: Final = re.compile(r"[ \t\n\f\r,]*")
_URL: Final = re.compile(r"[^ \t\n\f\r]+")


def candidates(srcset: str) -> Iterator[str]:
    """Yield the URL of every candidate in *srcset*, in order, whatever its descriptor says; linear in its length.

    A URL may hold commas (``data:``, image services), which is why splitting at commas would not do.
    """
    at = 0
    while True:
        at = _BEFORE.match(srcset, at).end()  # type: ignore[union-attr]  # it matches the empty text too
        found = _URL.match(srcset, at)
        if found is None:
            return
        at = found.end()
        bare = found[0].rstrip(",")
        if bare:
            yield bare
        if bare == found[0]:
            at = _after_descriptors(srcset, at)


def _after_descriptors(srcset: str, at: int) -> int:
    """Return where the next candidate begins: after the first comma outside parentheses."""
    inside = False
    for position in range(at, len(srcset)):
        character = srcset[position]
        if character == "(":
            inside = True
        elif character == ")":
            inside = False
        elif character == "," and not inside:
            return position + 1
    return len(srcset)
