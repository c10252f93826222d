"""The index: what was captured, as SQLite tables for questions; derived, never evidence, deleted without loss.

The only door to sqlite3 and sqlite_utils. ``rows`` are the values that go in and come out, ``schema`` the tables and
their migrations, ``store`` the file: opened for questions or for one writer, refused when it is damaged or newer.
"""

from muniment.index.rows import CaptureRow, FailureRow, LinkRow, ResourceRow, Rows
from muniment.index.store import Index, created, reading, writing

__all__ = [
    "CaptureRow",
    "FailureRow",
    "Index",
    "LinkRow",
    "ResourceRow",
    "Rows",
    "created",
    "reading",
    "writing",
]
