"""Findings in words: for a terminal, as JSON, as one HTML page. Pure: values in, text out.

Nothing here decides anything; what verification found is only told. Text from outside never reaches a reader
unescaped.
"""

from muniment.report import document, page, terminal
from muniment.report.words import safe

__all__ = ["document", "page", "safe", "terminal"]
