"""Captures and the records in them found by words, host, digest and the like: what is asked, and what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from muniment import manifest
from muniment.errors import FormatError, JobError
from muniment.index.entry import Worded, worded
from muniment.index.folding import phrases
from muniment.index.passages import Passage, passage
from muniment.model import Reason, Role, State

__all__ = ["CONSIDERED", "Answer", "Found", "Query", "search"]

CONSIDERED: Final = 2000
"""Of more records that match, the last entered are ranked, so that a word of every page costs no more than another."""
_MOST_PHRASES: Final = 64

# Every clause is a constant, put together by what is asked; whatever a user wrote is bound.
_WORDS_ALONE: Final = """SELECT rowid AS id, bm25(words, 8.0, 4.0, 1.0, 2.0) AS score
FROM words WHERE words MATCH :words ORDER BY rowid DESC LIMIT :considered"""
_WORDS_AND: Final = """SELECT words.rowid AS id, bm25(words, 8.0, 4.0, 1.0, 2.0) AS score
FROM words CROSS JOIN texts t ON t.id = words.rowid CROSS JOIN records r ON r.capture = t.capture AND r.n = t.n
CROSS JOIN captures c ON c.id = t.capture WHERE words MATCH :words"""
_BY_WORDS: Final = " ORDER BY words.rowid DESC LIMIT :considered"
_NO_WORDS: Final = """SELECT r.rowid AS place, 0.0 AS score
FROM records r JOIN captures c ON c.id = r.capture WHERE r.outcome IS NOT NULL"""
_BY_AGE: Final = " ORDER BY r.capture DESC, r.n DESC LIMIT :considered"
_LAST_WORD: Final = " AND EXISTS (SELECT 1 FROM texts t WHERE t.capture = r.capture AND t.n = r.n)"
_CLAUSES: Final[Mapping[str, str]] = {
    "since": " AND c.opened >= :since",
    "until": " AND c.opened < :until",
    "verdict": " AND c.verdict = :verdict",
    "role": " AND r.role = :role",
    "reason": " AND r.outcome = :reason",
    "host": """ AND r.host IN (SELECT host FROM hosts
  WHERE backwards = :host OR (backwards >= :host || '.' AND backwards < :host || '/'))""",
    "digest": """ AND r.rowid IN (
  SELECT rowid FROM records WHERE payload >= :digest AND payload < :digest || 'g'
  UNION ALL SELECT rowid FROM records WHERE content >= :digest AND content < :digest || 'g' AND content <> payload
  UNION ALL SELECT rowid FROM records WHERE role = 'article' AND outcome IS NOT NULL AND capture IN (
    SELECT id FROM captures WHERE statement >= :digest AND statement < :digest || 'g'
    UNION ALL SELECT capture FROM warcs WHERE sha256 >= :digest AND sha256 < :digest || 'g'))""",
}
_TOLD: Final = """SELECT c.id AS capture, c.seed, c.title, c.opened, c.verdict, r.n, r.url, r.role, r.status, r.outcome,
  r.media_type, r.size, r.payload, r.record_id, w.file, r.offset, t.id AS text
FROM records r JOIN captures c ON c.id = r.capture JOIN warcs w ON w.capture = r.capture AND w.n = r.warc
LEFT JOIN texts t ON t.capture = r.capture AND t.n = r.n WHERE """


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: all conditions that are given hold for the record that is found, or for its capture.

    ``words`` are as the user typed them. ``host`` is in ASCII; hosts below it are found too. ``since`` and ``until``
    (exclusive) bound the opening of the capture. ``digest`` is the beginning of a labelled digest, of a payload or its
    decoded content, or of the statement or a WARC file of the capture, whose article is found then.
    """

    words: str = ""
    host: str = ""
    since: datetime | None = None
    until: datetime | None = None
    verdict: State | None = None
    role: Role | None = None
    reason: Reason | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A record that matches, in its capture, and the passage in which words were found (None where none were asked)."""

    capture: str
    seed: str
    title: str
    opened: str
    verdict: str
    n: int
    url: str
    role: str | None
    status: int | None
    outcome: str | None
    media_type: str | None
    size: int | None
    payload: str | None
    record_id: str
    file: str
    offset: int
    passage: Passage | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The best records, best first, and how many matched: ``matches`` stops at CONSIDERED."""

    found: tuple[Found, ...]
    matches: int


def search(db: Database, query: Query, limit: int) -> Answer:
    """Return the *limit* records that match *query* best; without words the newest captures' ones.

    Words must all be there, anywhere in title, authors, text or URL of one record, and nothing in them is an operator.
    Words without a letter or digit match nothing. JobError for more than 64 words.
    """
    wanted = phrases(query.words)
    if len(wanted) > _MOST_PHRASES:
        raise JobError(f"the search has {len(wanted)} words; ask for at most {_MOST_PHRASES}")
    if query.words and not wanted:
        return Answer((), 0)
    bound: dict[str, Any] = {**_bound(query), "considered": CONSIDERED}
    clauses = "".join(_CLAUSES[name] for name in bound if name in _CLAUSES)
    if wanted:
        bound["words"] = " AND ".join('"' + " ".join(each) + '"' for each in wanted)
        asked = _WORDS_AND + clauses + _BY_WORDS if clauses else _WORDS_ALONE
        told = _TOLD + "t.id = ?"
    else:
        asked = _NO_WORDS + clauses + ("" if query.digest else _LAST_WORD) + _BY_AGE
        told = _TOLD + "r.rowid = ?"
    candidates = db.execute(asked, bound).fetchall()
    best = sorted(candidates, key=lambda each: each[1])[:limit]  # of equal ones the newer, as they came
    return Answer(tuple(_found(db, told, number, wanted) for number, _ in best), len(candidates))


def _bound(query: Query) -> dict[str, object]:
    labels = query.host.split(".")
    given: dict[str, object] = {
        "host": query.host if ":" in query.host else ".".join(reversed(labels)),
        "since": query.since and manifest.timestamp(query.since),
        "until": query.until and manifest.timestamp(query.until),
        "verdict": query.verdict and query.verdict.value,
        "role": query.role and query.role.value,
        "reason": query.reason and query.reason.value,
        "digest": query.digest,
    }
    return {name: value for name, value in given.items() if value}


def _found(db: Database, told: str, number: int, wanted: tuple[tuple[str, ...], ...]) -> Found:
    held = next(iter(db.query(told, [number])), None)
    if held is None:
        raise FormatError("words", expected="a record for each entry", found=f"none for {number}")
    text = held.pop("text")
    shown = None
    if wanted and text is not None:
        shown = next((_passage(each, wanted) for each in worded(db.conn, text, text)), None)
    return Found(**{**held, "url": held["url"] or ""}, passage=shown)


def _passage(page: Worded, wanted: tuple[tuple[str, ...], ...]) -> Passage | None:
    fields = (("text", page.text), ("title", page.title), ("byline", page.byline), ("url", page.url))
    return next((found for name, text in fields if (found := passage(name, text, wanted))), None)
