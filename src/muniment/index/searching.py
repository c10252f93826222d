"""Captures and the records in them found by words, host, digest and the like: what is asked, and what is answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from muniment import manifest
from muniment.errors import FormatError, JobError
from muniment.index import numbers
from muniment.index.entry import Worded, worded
from muniment.index.folding import phrases
from muniment.index.passages import Passage, passage
from muniment.model import Reason, Role, State

__all__ = ["CONSIDERED", "Answer", "Found", "Query", "search", "told"]

CONSIDERED: Final = 2000
"""Of more records that match, the last entered are ranked, so that a word of every page costs no more than another."""
_MOST_PHRASES: Final = 64
_DIGITS: Final = 8

# Every clause is a constant, put together by what is asked; whatever a user wrote is bound. CROSS JOIN and + tell
# SQLite, which knows nothing of how often a word or a digest occurs, where to begin. Of a digest the first digits find
# the rows by indexes, which hold no more of it; then the whole of what was given is compared.
_GIVEN: Final = """WITH hosted (url) AS (SELECT number FROM urls WHERE host IN (SELECT number FROM hosts
  WHERE backwards = :host OR (backwards >= :host || '.' AND backwards < :host || '/'))),
digested (capture, n) AS (
  SELECT capture, n FROM records WHERE payload_digits >= :digits AND payload_digits < :digits || 'g'
    AND payload >= :digest AND payload < :digest || 'g'
  UNION SELECT capture, n FROM records WHERE content_digits >= :digits AND content_digits < :digits || 'g'
    AND content >= :digest AND content < :digest || 'g'
  UNION SELECT capture, n FROM records WHERE role = 'article' AND capture IN (
    SELECT number FROM captures WHERE statement >= :digest AND statement < :digest || 'g'
    UNION ALL SELECT capture FROM warcs WHERE sha256 >= :digest AND sha256 < :digest || 'g'))
"""
_WORDS_ALONE: Final = """SELECT rowid AS document, bm25(words, 8.0, 4.0, 1.0, 2.0) AS score
FROM words WHERE words MATCH :words ORDER BY rowid DESC LIMIT :considered"""
_WORDS_AND: Final = """SELECT words.rowid AS document, bm25(words, 8.0, 4.0, 1.0, 2.0) AS score
FROM words CROSS JOIN records r ON r.capture = words.rowid >> 24 AND r.n = words.rowid & 16777215
CROSS JOIN captures c ON c.number = r.capture WHERE words MATCH :words"""
_BY_WORDS: Final = " ORDER BY words.rowid DESC LIMIT :considered"
_NO_WORDS: Final = "SELECT r.capture << 24 | r.n AS document, 0.0 AS score FROM "
_FIRST: Final[Mapping[str, str]] = {
    "digest": """digested k CROSS JOIN records r ON r.capture = k.capture AND r.n = k.n
CROSS JOIN captures c ON c.number = r.capture WHERE r.outcome IS NOT NULL""",
    "host": """hosted k CROSS JOIN records r ON r.url = k.url
CROSS JOIN captures c ON c.number = r.capture WHERE r.outcome IS NOT NULL""",
    "": "captures c CROSS JOIN records r ON r.capture = c.number WHERE r.outcome IS NOT NULL",
}
_BY_AGE: Final = " ORDER BY c.id DESC, r.n DESC LIMIT :considered"
_LAST_WORD: Final = """ AND (r.answer = 1
  OR EXISTS (SELECT 1 FROM failures f WHERE f.capture = r.capture AND f.n = r.n))"""
_CLAUSES: Final[Mapping[str, str]] = {
    "since": " AND c.opened >= :since",
    "until": " AND c.opened < :until",
    "verdict": " AND c.verdict = :verdict",
    "role": " AND r.role = :role",
    "reason": " AND r.outcome = :reason",
    "host": " AND +r.url IN (SELECT url FROM hosted)",
    "digest": " AND (+r.capture, +r.n) IN (SELECT capture, n FROM digested)",
}
_TOLD: Final = """SELECT c.id AS capture, c.seed, c.title, c.opened, c.verdict, r.n, coalesce(u.url, '') AS url, r.role,
  r.status, r.outcome, m.media_type, r.size, r.payload, r.record_id, w.file, r.offset
FROM records r JOIN captures c ON c.number = r.capture JOIN warcs w ON w.capture = r.capture AND w.n = r.warc
LEFT JOIN urls u ON u.number = r.url LEFT JOIN media_types m ON m.number = r.media_type
WHERE r.capture = ? AND r.n = ?"""


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
    bound = _bound(query) | {"words": " AND ".join('"' + " ".join(each) + '"' for each in wanted)}
    candidates = db.execute(_question(bound), bound).fetchall()
    best = sorted(candidates, key=lambda each: each[1])[:limit]  # of equal ones the newer, as they came
    return Answer(tuple(told(db, number, wanted) for number, _ in best), len(candidates))


def _question(bound: Mapping[str, object]) -> str:
    """Return the SQL that answers with the document and the score of each record that matches what is *bound*."""
    clauses = {name: clause for name, clause in _CLAUSES.items() if bound[name]}
    if bound["words"]:
        return _GIVEN + _WORDS_AND + "".join(clauses.values()) + _BY_WORDS if clauses else _WORDS_ALONE
    # What narrows most is where to begin, and holds already then.
    first = next(name for name in _FIRST if not name or name in clauses)
    clauses.pop(first, None)
    last_word = "" if first == "digest" else _LAST_WORD
    return "".join((_GIVEN, _NO_WORDS, _FIRST[first], *clauses.values(), last_word, _BY_AGE))


def _bound(query: Query) -> dict[str, Any]:
    return {
        "host": numbers.backwards(query.host),
        "since": query.since and manifest.timestamp(query.since),
        "until": query.until and manifest.timestamp(query.until),
        "verdict": query.verdict and query.verdict.value,
        "role": query.role and query.role.value,
        "reason": query.reason and query.reason.value,
        "digest": query.digest,
        "digits": query.digest.partition(":")[2][:_DIGITS],
        "considered": CONSIDERED,
    }


def told(db: Database, document: int, wanted: tuple[tuple[str, ...], ...] = ()) -> Found:
    """Return the record with the number *document*, and the passage in which the words *wanted* stand."""
    capture, n = numbers.place(document)
    shown = _passage(worded(db.conn, capture, n), wanted) if wanted else None
    held = next(iter(db.query(_TOLD, [capture, n])), None)
    if held is None:
        raise FormatError("records", expected="a capture and a file for each", found=f"none for {capture}, line {n}")
    return Found(**held, passage=shown)


def _passage(page: Worded, wanted: tuple[tuple[str, ...], ...]) -> Passage | None:
    fields = (("text", page.text), ("title", page.title), ("byline", page.byline), ("url", page.url))
    return next((found for name, text in fields if (found := passage(name, text, wanted))), None)
