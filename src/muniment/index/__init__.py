"""The index: what was captured, as SQLite tables for questions; derived, never evidence, deleted without loss.

The only door to sqlite3 and sqlite_utils. ``rows`` are the values that go in and come out, ``schema`` the tables and
their version, ``entry`` how rows come in, ``searching`` and ``folding`` how they are found again, ``comparison`` how
two indexes differ, ``store`` the file: opened for questions or for one writer, refused when it is damaged or newer.
"""

from muniment.index.alike import NEAR, Alike, Likeness
from muniment.index.comparison import Comparison, Difference
from muniment.index.passages import Passage
from muniment.index.rows import (
    ArticleRow,
    AssertionRow,
    CaptureRow,
    ConnectionRow,
    FailureRow,
    HashRow,
    LinkRow,
    MediaRow,
    RecordRow,
    ResourceRow,
    Rows,
    TextRow,
    WarcRow,
)
from muniment.index.searching import CONSIDERED, Answer, Found, Query
from muniment.index.store import Index, Size, created, older, reading, supplant, writing

__all__ = [
    "CONSIDERED",
    "NEAR",
    "Alike",
    "Answer",
    "ArticleRow",
    "AssertionRow",
    "CaptureRow",
    "Comparison",
    "ConnectionRow",
    "Difference",
    "FailureRow",
    "Found",
    "HashRow",
    "Index",
    "Likeness",
    "LinkRow",
    "MediaRow",
    "Passage",
    "Query",
    "RecordRow",
    "ResourceRow",
    "Rows",
    "Size",
    "TextRow",
    "WarcRow",
    "created",
    "older",
    "reading",
    "supplant",
    "writing",
]
