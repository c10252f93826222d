"""Pieces of pages for tests of obstacles: an article's text, and small stand-ins for what bars the way to one."""

import json
from pathlib import Path
from typing import Any, Final

from warcio.archiveiterator import ArchiveIterator

from muniment.warc import metadata

ROW: Final = "The council of Harrow Bridge met on Tuesday and heard three hours of testimony about the winter flood. "
LONG: Final = "".join(f"<p>{ROW * 3}</p>" for _ in range(8))
LEAD: Final = f"<p>{ROW}</p>"
FORM: Final = "<form method=post><input name=user><input type=password name=word><button>Log in</button></form>"
CHALLENGE: Final = "<p>Verify you are human by completing the action below.</p><div class=cf-turnstile></div>"


def ld(**said: object) -> str:
    """Return JSON-LD of an article that says so besides."""
    document = {"@context": "https://schema.org", "@type": "NewsArticle", "headline": "The long report", **said}
    return f'<script type="application/ld+json">{json.dumps(document)}</script>'


def obstacles(root: Path) -> list[dict[str, Any]]:
    """Return the metadata records of obstacles below *root*, as a stranger reads them."""
    found = []
    for path in sorted(root.glob("archive/**/*.warc.gz")):
        with path.open("rb") as file:
            blocks = (each.raw_stream.read() for each in ArchiveIterator(file) if each.rec_type == "metadata")
            found += [said for each in blocks if (said := metadata.decode(each, "w")).get("type") == "obstacle"]
    return found
