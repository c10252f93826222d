"""A checkpoint on one sheet of paper, to be filed outside of the house: its lines, and a QR code that holds them."""

import base64
import hashlib
import html
from typing import Final

import segno

from muniment.report.words import safe

__all__ = ["sheet"]

_STYLE: Final = """
@page { size: A4; margin: 20mm; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1d2126; font: 15px/1.5 Georgia, "Liberation Serif", serif; }
main { max-width: 44rem; margin: 2rem auto; padding: 0 1.5rem; }
p { margin: .7rem 0; }
.kind { font: 600 12px/1.4 "Liberation Sans", Arial, sans-serif; letter-spacing: .12em; text-transform: uppercase;
  color: #59616b; margin: 0; }
h1 { margin: .2rem 0 1rem; font-size: 1.6rem; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 1.6rem 0 .4rem; font-size: 1.05rem; }
pre { margin: 1rem 0; padding: .8rem 1rem; border: 1px solid #d5d9de; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 13px/1.6 "Liberation Mono", Menlo, Consolas, monospace; }
.code { text-align: center; break-inside: avoid; }
.code svg { width: 75mm; height: 75mm; }
ol { margin: .4rem 0; padding-left: 1.3rem; }
table { width: 100%; margin-top: 1.6rem; border-collapse: collapse; break-inside: avoid; }
th { width: 11rem; padding: .9rem 0 .3rem; text-align: left; font-weight: 400; color: #59616b; }
td { border-bottom: 1px solid #1d2126; }
code { font: 13px "Liberation Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
@media print { main { max-width: none; margin: 0; padding: 0; } }
"""


def sheet(note: str, origin: str, size: int, archive: str) -> str:
    """Return the page of the checkpoint *note* of the log *origin* at *size* leaves; *archive* is what people call it.

    Nothing on it is fetched or run, and it names no capture. The QR code holds the note, octet for octet.
    """
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    drawn = segno.make(note, error="m", micro=False, encoding="utf-8").svg_inline(scale=4, border=4, omitsize=True)
    lines = "\n".join(_text(line) for line in note.removesuffix("\n").split("\n"))
    blanks = "".join(f'<tr><th scope="row">{each}</th><td></td></tr>\n' for each in _BLANKS)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Checkpoint of {_text(origin)} at {size:,} entries</title>\n<style>{_STYLE}</style>\n</head>\n"
        f'<body>\n<main>\n<p class="kind">Checkpoint of the log of an archive</p>\n<h1>{_text(archive)}</h1>\n'
        f"<p>The log <code>{_text(origin)}</code> had <strong>{size:,}</strong> entries, and these lines commit to all "
        "of them. Keep this sheet where nobody who can write to the archive can change it: with a notary, in the files "
        "of another institution, in a safe. What begins with the dash is one line, however it is broken here.</p>\n"
        f'<pre>{lines}</pre>\n<div class="code">{drawn}</div>\n'
        f"<h2>Used later</h2>\n<ol>\n<li>Scan the code, or copy the lines, into a text file, such as "
        "<code>kept.txt</code>.</li>\n<li><code>muniment verify ARCHIVE --against kept.txt</code></li>\n</ol>\n"
        "<p>It fails when any entry that was in the log then was changed, taken out or put in since, whoever holds the "
        "keys. It says nothing about what was added later, nor whether what was captured is true.</p>\n"
        f"<table><tbody>\n{blanks}</tbody></table>\n</main>\n</body>\n</html>\n"
    )


_BLANKS: Final = ("Received on", "By (name)", "Signature")


def _text(text: object) -> str:
    return html.escape(safe(text), quote=True)
