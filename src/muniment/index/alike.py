"""The same picture, film or file found again across captures: by its digests, and by perceptual hashes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlite_utils import Database

from muniment.errors import FormatError, JobError
from muniment.index import numbers
from muniment.index.searching import Found, told
from muniment.message.url import Url

__all__ = ["NEAR", "Alike", "Likeness", "like", "named"]

NEAR: Final = 8
"""How many of the 64 bits of two hashes may differ for their pictures to be called alike."""
_UUID: Final = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_LINE: Final = re.compile(r"([0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}):([0-9]{1,8})")
_BY_ID: Final = "SELECT capture, n FROM records WHERE record_digits = substr(?1, -8) AND record_id = ?1"
_BY_LINE: Final = (
    "SELECT c.number, r.n FROM captures c JOIN records r ON r.capture = c.number WHERE c.id = ? AND r.n = ?"
)
# The newest answer of a URL, one that came whole before one that was cut.
_BY_URL: Final = """SELECT r.capture, r.n FROM urls u JOIN records r ON r.url = u.number
WHERE u.url = ? AND r.kind IN ('response', 'resource', 'conversion') AND r.size > 0
ORDER BY r.capture DESC, r.outcome = 'ok' DESC, r.n DESC LIMIT 1"""
# A request, and facts, are about an answer, which is meant.
_ABOUT: Final = """SELECT coalesce(exchange, CASE kind WHEN 'metadata' THEN parent END, n) FROM records
WHERE capture = ? AND n = ?"""
_ID: Final = "SELECT id FROM captures WHERE number = ?"
_DIGESTS: Final = "SELECT size, payload, content FROM records WHERE capture = ? AND n = ?"
_SAME: Final = """SELECT capture, n FROM records WHERE payload_digits = substr(?1, 8, 8) AND payload = ?1
UNION SELECT capture, n FROM records WHERE content_digits = substr(?1, 8, 8) AND content = ?1"""
_OWN: Final = "SELECT hash FROM hashes WHERE capture = ? AND n = ? ORDER BY place"
_HASHES: Final = "SELECT capture, n, hash FROM hashes"


@dataclass(frozen=True, slots=True)
class Alike:
    """A record that is like the one that was asked for.

    It is the ``same`` where its octets are, with or without their codings. ``distance`` is how many of 64 bits differ
    between the two hashes that are nearest, None where none is near; ``frames`` counts its hashes that are near: 1 for
    a picture, of a film its key frames.
    """

    found: Found
    same: bool
    distance: int | None
    frames: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is like ``record``, of which ``hashes`` perceptual hashes are known: the same first, then the nearest.

    ``matches`` counts all, of which ``alike`` are the first.
    """

    record: Found
    hashes: int
    alike: tuple[Alike, ...]
    matches: int


def like(db: Database, record: str, within: int, limit: int) -> Likeness:
    """Return the *limit* records most like *record*.

    It is named by its id, by its capture and line (``20241210T093012Z-k7f3qa:17``), or by its URL, whose newest answer
    is meant.

    Pictures and key frames are alike where at most *within* bits of their hashes differ. JobError for a record that is
    not there or holds nothing.
    """
    place = _place(db, record)
    size, *digests = db.execute(_DIGESTS, place).fetchone()
    if not size:
        raise JobError(f"{record}: this record holds no payload that anything could be like")
    same = {tuple(each) for digest in digests if digest for each in db.execute(_SAME, (digest,))}
    own = [int(digits, 16) for (digits,) in db.execute(_OWN, place)]
    near: dict[tuple[int, int], tuple[int, int]] = {}
    for where, distance in _near(db, own, within):
        nearest, frames = near.get(where, (distance, 0))
        near[where] = min(nearest, distance), frames + 1
    # Of equal ones the newest first: captures are numbered as they came.
    ordered = sorted((same | near.keys()) - {place}, reverse=True)
    ordered.sort(key=lambda each: (each not in same, near.get(each, (within, 0))[0], -near.get(each, (0, 0))[1]))
    return Likeness(
        record=told(db, numbers.document(*place)),
        hashes=len(own),
        alike=tuple(
            Alike(told(db, numbers.document(*each)), each in same, *near.get(each, (None, 0)))
            for each in ordered[:limit]
        ),
        matches=len(ordered),
    )


def _near(db: Database, own: list[int], within: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Give the place of each hash that is near one of its *own*, and how far from the nearest of these it is."""
    for capture, n, digits in db.execute(_HASHES) if own else ():
        hashed = int(digits, 16)
        distance = min((each ^ hashed).bit_count() for each in own)
        if distance <= within:
            yield (capture, n), distance


def named(db: Database, record: str) -> tuple[str, int]:
    """Return the capture and the line of the record that *record* names, as :func:`like` reads it."""
    capture, n = _named(db, record)
    (id_,) = db.execute(_ID, (capture,)).fetchone()
    return str(id_), n


def _place(db: Database, record: str) -> tuple[int, int]:
    """Return the number of the capture and the line of the answer that *record* names, or that it is about."""
    found = _named(db, record)
    (n,) = db.execute(_ABOUT, found).fetchone()
    return found[0], int(n)


def _named(db: Database, record: str) -> tuple[int, int]:
    found = None
    if by_id := _UUID.fullmatch(record.strip()):
        found = db.execute(_BY_ID, (f"urn:uuid:{by_id[1].lower()}",)).fetchone()
    elif line := _LINE.fullmatch(record.strip()):
        found = db.execute(_BY_LINE, (line[1], int(line[2]))).fetchone()
    elif "://" in record and not _unwritable(record):
        found = next((held for each in _spellings(record) if (held := db.execute(_BY_URL, (each,)).fetchone())), None)
    else:
        raise JobError(
            f"{record[:80]!a} names no record: expected its id, urn:uuid:…, its capture and line, "
            "20241210T093012Z-k7f3qa:17, as `muniment search --role image` tells them, or its URL"
        )
    if found is None:
        raise JobError(f"{record}: no capture in the index holds this record; see `muniment search --role image`")
    return int(found[0]), int(found[1])


def _spellings(url: str) -> tuple[str, ...]:
    # A person may write a URL otherwise than in the normal form in which it was asked for.
    try:
        return url, Url.parse(url).href
    except FormatError:
        return (url,)


def _unwritable(text: str) -> bool:
    """Say whether *text* holds what no encoding writes, so that nothing could be asked for it."""
    return any("\ud800" <= each <= "\udfff" for each in text)
