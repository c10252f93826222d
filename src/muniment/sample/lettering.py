"""The display face of the sample newspaper: eleven capitals, drawn by rule and compass.

Only for :mod:`muniment.sample.generate`; fontTools is not needed to serve the sample. A letter is a tuple of closed
contours in font units (1000 to the em); an outline that turns the other way cuts a hole (non-zero winding).
"""

import io
import math
from typing import Final

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

__all__ = ["typeface"]

Point = tuple[int, int]
Contour = tuple[Point, ...]

_HEIGHT: Final = 700
_STEM: Final = 128
_HAIR: Final = 30
_SERIF: Final = 62
_EPOCH: Final = 3_771_619_200  # seconds since 1904, as `head` counts them: 2023-07-08; any constant would do


def _box(left: float, bottom: float, right: float, top: float) -> Contour:
    return tuple((round(x), round(y)) for x, y in ((left, bottom), (left, top), (right, top), (right, bottom)))


def _upright(left: float, width: float) -> tuple[Contour, ...]:
    """Return a stem from the line to the height of capitals, with a flat serif at either end."""
    right = left + width
    return (
        _box(left, 0, right, _HEIGHT),
        _box(left - _SERIF, 0, right + _SERIF, _HAIR),
        _box(left - _SERIF, _HEIGHT - _HAIR, right + _SERIF, _HEIGHT),
    )


def _bow(centre: tuple[float, float], radii: tuple[float, float], turn: tuple[float, float]) -> list[Point]:
    """Return points on an ellipse from one angle to another, in degrees, anticlockwise when they grow."""
    count = max(6, round(abs(turn[1] - turn[0]) / 6))
    angles = [math.radians(turn[0] + (turn[1] - turn[0]) * step / count) for step in range(count + 1)]
    return [
        (round(centre[0] + radii[0] * math.cos(angle)), round(centre[1] + radii[1] * math.sin(angle)))
        for angle in angles
    ]


def _ring(width: float, start: float, end: float) -> Contour:
    """Return the bow of O or C: thick at the sides, hairline above and below."""
    centre = (width / 2, _HEIGHT / 2)
    outer = _bow(centre, (width / 2, _HEIGHT / 2 + 12), (end, start))
    inner = _bow(centre, (width / 2 - _STEM, _HEIGHT / 2 + 12 - _HAIR), (start, end))
    return tuple(outer + inner)


def _slanted(low: float, high: float, thick: float) -> Contour:
    return tuple((round(x), y) for x, y in ((low, 0), (high, _HEIGHT), (high + thick, _HEIGHT), (low + thick, 0)))


def _letters() -> dict[str, tuple[int, tuple[Contour, ...]]]:
    """Return each letter's advance width and contours, with its left edge at 0."""
    foot = _box(0, 0, 420, _HAIR)
    arm = ((540, 0), (400, 0), (400, _HAIR), (500, 210), (530, 210))
    flag = ((520, _HEIGHT), (520, _HEIGHT - 180), (492, _HEIGHT - 180), (410, _HEIGHT - _HAIR), (400, _HEIGHT))
    bar = (
        _box(180, 340, 380, 340 + _HAIR),
        _box(356, 270, 386, 440),
    )
    bowl = (
        *_bow((300, 525), (215, 175), (90, -90)),
        *((150, 350), (150, 380)),
        *_bow((280, 525), (112, 145), (-90, 90)),
        *((150, 670), (150, 700)),
    )
    cup = (
        *((62, _HEIGHT), (62 + _STEM, _HEIGHT), (62 + _STEM, 240)),
        *_bow((344, 240), (154, 210), (180, 360)),
        *((498, _HEIGHT), (498 + _HAIR, _HEIGHT)),
        *_bow((295, 240), (233, 252), (0, -180)),
    )
    return {
        "A": (
            720,
            (
                _slanted(60, 330, _HAIR), _slanted(500, 300, _STEM + 14), _box(170, 210, 560, 240),
                _box(0, 0, 160, _HAIR), _box(440, 0, 710, _HAIR),
            ),
        ),
        "C": (
            640,
            (_ring(640, 42, 318), _box(530, 460, 560, 606), _box(530, 94, 560, 170)),
        ),
        "E": (580, (*_upright(62, _STEM), foot, arm, _box(0, _HEIGHT - _HAIR, 420, _HEIGHT), flag, *bar)),
        "H": (700, (*_upright(62, _STEM), *_upright(510, _STEM), _box(150, 340, 560, 370))),
        "I": (252, _upright(62, _STEM)),
        "L": (570, (*_upright(62, _STEM), foot, arm)),
        "N": (
            740,
            (
                _box(75, 0, 105, _HEIGHT), _box(0, 0, 180, _HAIR), _box(0, _HEIGHT - _HAIR, 190, _HEIGHT),
                ((60, _HEIGHT), (205, _HEIGHT), (665, 0), (560, 0)),
                _box(635, 0, 665, _HEIGHT), _box(555, _HEIGHT - _HAIR, 740, _HEIGHT),
            ),
        ),
        "O": (
            690,
            (
                tuple(_bow((345, 350), (345, 362), (360, 0))[:-1]),
                tuple(_bow((345, 350), (345 - _STEM, 362 - _HAIR), (0, 360))[:-1]),
            ),
        ),
        "R": (
            690,
            (*_upright(62, _STEM), bowl, ((300, 352), (420, 380), (600, _HAIR), (700, _HAIR), (700, 0), (510, 0))),
        ),
        "T": (
            640,
            (
                _box(256, 0, 256 + _STEM, _HEIGHT), _box(190, 0, 450, _HAIR), _box(20, _HEIGHT - _HAIR, 620, _HEIGHT),
                ((0, 500), (20, 700), (120, 700), (120, 672), (28, 500)),
                ((612, 500), (520, 672), (520, 700), (620, 700), (640, 500)),
            ),
        ),
        "U": (590, (cup, _box(0, _HEIGHT - _HAIR, 252, _HEIGHT), _box(430, _HEIGHT - _HAIR, 596, _HEIGHT))),
    }  # fmt: skip


def _clockwise(contour: Contour) -> Contour:
    area = sum(
        one[0] * other[1] - other[0] * one[1] for one, other in zip(contour, (*contour[1:], contour[0]), strict=True)
    )
    return contour if area < 0 else tuple(reversed(contour))


def _glyph(name: str, contours: tuple[Contour, ...], bearing: int) -> object:
    pen = TTGlyphPen(None)
    for number, contour in enumerate(contours):
        # TrueType fills clockwise outlines; the second one of O is its counter and turns the other way.
        turned = _clockwise(contour)
        points = tuple(reversed(turned)) if name == "O" and number == 1 else turned
        pen.moveTo((points[0][0] + bearing, points[0][1]))
        for x, y in points[1:]:
            pen.lineTo((x + bearing, y))
        pen.closePath()
    return pen.glyph()


def typeface(flavour: str) -> bytes:
    """Return the face as a web font of *flavour* ``woff`` or ``woff2``; the same bytes for the same fontTools."""
    bearing = 28
    letters = _letters()
    order = [".notdef", "space", *letters]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap({ord(" "): "space"} | {ord(letter): letter for letter in letters})
    glyphs = {letter: _glyph(letter, contours, bearing) for letter, (_width, contours) in letters.items()}
    empty = TTGlyphPen(None).glyph()
    builder.setupGlyf({".notdef": empty, "space": empty, **glyphs})
    advances = {letter: (width + 2 * bearing, bearing) for letter, (width, _contours) in letters.items()}
    builder.setupHorizontalMetrics({".notdef": (500, 0), "space": (300, 0), **advances})
    builder.setupHorizontalHeader(ascent=820, descent=-180)
    builder.setupNameTable({"familyName": "Lenna Display", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=820, sTypoDescender=-180, usWinAscent=820, usWinDescent=180, sCapHeight=_HEIGHT)
    builder.setupPost()
    builder.updateHead(created=_EPOCH, modified=_EPOCH)
    plain = io.BytesIO()
    builder.font.recalcTimestamp = False
    builder.save(plain)
    packed = TTFont(io.BytesIO(plain.getvalue()), recalcTimestamp=False)
    packed.flavor = flavour
    made = io.BytesIO()
    packed.save(made)
    return made.getvalue()
