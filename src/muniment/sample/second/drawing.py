"""The pictures that only the second edition has, in the manner of :mod:`muniment.sample.drawing`."""

import random

from PIL import Image, ImageDraw, ImageFilter

from muniment.sample.drawing import TWICE, country, finished, ground, hall

__all__ = ["hall_mended", "weigh_book"]


def hall_mended(size: tuple[int, int]) -> Image.Image:
    """Paint the hall a year after, on a market day: new wood over the third bay, carts before it."""
    image = country(size, 101, (138, 170, 196), (228, 226, 216))
    width, height = image.size
    ground(image, 102, 0.74, (168, 158, 142))
    left, top, right, bottom = box = (width * 0.09, height * 0.3, width * 0.91, height * 0.78)
    hall(image, box)
    draw = ImageDraw.Draw(image)
    eaves, bay = top + (bottom - top) * 0.42, (right - left) / 7
    middle = left + 2.5 * bay
    draw.polygon(
        [
            (middle - bay * 0.52, top),
            (middle + bay * 0.5, top),
            (middle + bay * 0.58, eaves),
            (middle - bay * 0.6, eaves),
        ],
        fill=(206, 172, 122),
    )
    for board in range(1, 10):
        y = top + (eaves - top) * board / 10
        draw.line(
            (middle - bay * (0.52 + 0.008 * board), y, middle + bay * (0.5 + 0.008 * board), y),
            fill=(184, 148, 98),
            width=3,
        )
    chance = random.Random(103)  # noqa: S311
    for number in range(7):
        _cart(
            draw,
            width * (0.05 + 0.138 * number + chance.uniform(-0.02, 0.02)),
            height * chance.uniform(0.84, 0.93),
            width / 26,
        )
    for _ in range(34):
        x, y = chance.uniform(width * 0.06, width * 0.94), height * chance.uniform(0.785, 0.9)
        _person(
            draw,
            x,
            y,
            height * 0.045 * (y / height),
            chance.choice(((58, 60, 72), (92, 60, 50), (70, 78, 66), (48, 46, 48))),
        )
    return finished(image, 104, 0.04)


def _cart(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    draw.polygon(
        [
            (x - size, y - size * 0.62),
            (x + size, y - size * 0.62),
            (x + size * 0.84, y - size * 0.2),
            (x - size * 0.84, y - size * 0.2),
        ],
        fill=(104, 76, 50),
    )
    draw.pieslice((x - size * 0.8, y - size * 1.0, x + size * 0.8, y - size * 0.24), 180, 360, fill=(206, 184, 126))
    draw.line((x + size * 0.9, y - size * 0.4, x + size * 1.7, y - size * 0.16), fill=(84, 62, 44), width=5)
    draw.ellipse((x - size * 0.34, y - size * 0.5, x + size * 0.34, y + size * 0.18), outline=(52, 42, 36), width=6)


def _person(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, coat: tuple[int, int, int]) -> None:
    draw.rounded_rectangle((x - size * 0.26, y - size, x + size * 0.26, y), radius=size * 0.2, fill=coat)
    draw.ellipse((x - size * 0.17, y - size * 1.34, x + size * 0.17, y - size * 0.96), fill=(176, 142, 116))


def weigh_book(size: tuple[int, int]) -> Image.Image:
    """Paint a page of the weighmaster's book: ruled columns, and times and weights in pencil that nobody can read."""
    image = Image.new("RGB", (size[0] * TWICE, size[1] * TWICE), (238, 230, 208))
    width, height = image.size
    draw = ImageDraw.Draw(image)
    chance = random.Random(111)  # noqa: S311
    rows = 26
    for row in range(rows + 1):
        y = height * (0.1 + 0.86 * row / rows)
        draw.line((0, y, width, y), fill=(196, 206, 210), width=2)
    for column in (0.1, 0.24, 0.6, 0.78):
        draw.line((width * column, 0, width * column, height), fill=(204, 142, 132), width=3)
    draw.line((0, height * 0.1, width, height * 0.1), fill=(150, 120, 112), width=5)
    for row in range(-1, rows):
        y = height * (0.1 + 0.86 * (row + 0.76) / rows)
        for start, end in ((0.115, 0.2), (0.255, 0.33 + chance.random() * 0.22), (0.62, 0.7), (0.8, 0.9)):
            _scrawl(draw, chance, (width * start, width * end), y)
    shade = Image.linear_gradient("L").rotate(-90).resize((width // 6, height))
    dark = Image.new("RGB", (width // 6, height), (120, 104, 84))
    image.paste(
        Image.composite(
            dark, image.crop((0, 0, width // 6, height)), shade.point([level // 2 for level in range(256)])
        ),
        (0, 0),
    )
    return finished(image.filter(ImageFilter.GaussianBlur(0.8)), 112, 0.05)


def _scrawl(draw: ImageDraw.ImageDraw, chance: random.Random, across: tuple[float, float], y: float) -> None:
    x, points = across[0], []
    while x < across[1]:
        points.append((x, y + chance.uniform(-15, 4)))
        x += chance.uniform(5, 13)
    draw.line(points, fill=(86, 84, 88), width=3, joint="curve")
