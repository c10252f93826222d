"""The town's bulletin: a PDF of two pages, written byte by byte.

Only for :mod:`muniment.sample.generate`. The file uses the fonts that every reader has (ISO 32000-1, 9.6.2.2) and no
compression, so that it is the same on every machine and can be read with a text editor.
"""

from typing import Final

__all__ = ["bulletin"]

_PAGE: Final = (595, 842)  # A4 in points
_NAMES: Final = (
    "Alder Brisk, 61", "Anneke Vorst-Lay, 34", "Bero Tamm, 19", "Casimir Oule, 52", "Dalia Oule, 49",
    "Edrik Sand, 27", "Fenna Halloran-Vey, 8", "Goran Teld, 44", "Halla Teld, 40", "Ivo Marsk, 70",
    "Jonna Perrel, 31, nurse", "Kester Wain, 23", "Lio Wain, 21", "Marit Ansgar-Dole, 57", "Nils Ferro-Bay, 66",
    "Oda Lindqvar, 38, nurse", "Piet Sarrow, 45, driver", "Runa Stell, 29", "Tobin Yarrel, 16",
)  # fmt: skip
_FIRST: Final = (
    ("B", 22, "Bulletin no. 14"),
    ("R", 12, "The town of Orvesk, Tuesday 12 March 2024"),
    ("", 10, ""),
    ("R", 12, "On Saturday the ninth of March two shells fell on the grain market,"),
    ("R", 12, "the first at eight minutes to eight, the second at three minutes past."),
    ("R", 12, "The names on the next page are given with the consent of every family."),
    ("", 10, ""),
    ("R", 12, "The market is closed until the roof has been made safe. Whoever is owed"),
    ("R", 12, "for grain weighed on that morning is asked to bring the weighmaster's slip."),
    ("", 10, ""),
    ("R", 12, "The hall is open every evening from six until dark."),
    ("", 24, ""),
    ("I", 11, "Orvesk, its people and this bulletin are invented. The file is part of the"),
    ("I", 11, "sample article of muniment."),
)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _page(lines: tuple[tuple[str, int, str], ...]) -> bytes:
    """Return the content stream (ISO 32000-1, 9.4) that sets *lines* of (font, points, words) below one another."""
    operators = ["BT", f"72 {_PAGE[1] - 96} Td"]
    for font, size, words in lines:
        lead = round(size * 1.5)
        if words:
            operators.append(f"/{font} {size} Tf ({_escaped(words)}) Tj")
        operators.append(f"0 -{lead} Td")
    return "\n".join([*operators, "ET"]).encode("ascii")


def bulletin() -> bytes:
    """Return the PDF: header, numbered objects, cross-reference table, trailer (ISO 32000-1, 7.5)."""
    second = (("B", 16, "The dead of the ninth of March"), ("", 10, ""), *(("R", 12, name) for name in _NAMES))
    pages = (_page(_FIRST), _page(second))
    box = f"/MediaBox [0 0 {_PAGE[0]} {_PAGE[1]}] /Resources << /Font << /R 3 0 R /B 4 0 R /I 5 0 R >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) >>",
        f"<< /Type /Pages /Kids [6 0 R 8 0 R] /Count 2 {box} >>".encode(),
        *(
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{face} /Encoding /WinAnsiEncoding >>".encode()
            for face in ("Times-Roman", "Times-Bold", "Times-Italic")
        ),
    ]
    for number, content in enumerate(pages):
        objects.append(f"<< /Type /Page /Parent 2 0 R /Contents {7 + 2 * number} 0 R >>".encode())
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    objects.append(b"<< /Title (Bulletin no. 14 of the town of Orvesk) /CreationDate (D:20240312060000+02'00') >>")
    written = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    places = []
    for number, each in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return (
        written
        + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        + table
        + trailer % (len(objects) + 1, len(objects), len(written))
    )
