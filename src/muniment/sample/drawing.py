"""The pictures of the sample article, painted from seeds: the same seed gives the same picture.

Only for :mod:`muniment.sample.generate`; Pillow is not needed to serve the sample. Every picture is painted at twice
its size and scaled down, because Pillow draws without smoothing edges. The bytes of a JPEG, PNG or WebP made of one
depend on Pillow's version, which is therefore recorded beside them.
"""

import itertools
import random
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

__all__ = [
    "TWICE",
    "Colour",
    "arch",
    "bridge",
    "country",
    "dusk",
    "finished",
    "front_page",
    "gradient",
    "grain_yard",
    "ground",
    "hall",
    "market_hall",
    "mast",
    "north_gate",
    "vigil",
]

Colour = tuple[int, int, int]
Point = tuple[float, float]

TWICE: Final = 2
_DARK: Final = (38, 36, 34)


def gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """Return a picture of *size* that goes from *top* to *bottom*."""
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def _cloud(size: tuple[int, int], seed: int, cell: int) -> Image.Image:
    """Return smooth noise, 0 to 255, whose largest shapes are *cell* pixels wide."""
    chance = random.Random(seed)  # noqa: S311 (a picture, not a key)
    total = Image.new("L", size, 128)
    weight = 0.5
    while cell >= 4:
        grid = (size[0] // cell + 3, size[1] // cell + 3)
        layer = Image.frombytes("L", grid, chance.randbytes(grid[0] * grid[1])).resize(size, Image.Resampling.BICUBIC)
        total = Image.blend(total, layer, weight)
        cell //= 2
        weight *= 0.62
    return total


def _veil(image: Image.Image, colour: Colour, mask: Image.Image, strength: float) -> Image.Image:
    thin = mask.point([min(255, int(max(0, level - 90) * 1.6 * strength)) for level in range(256)])
    return Image.composite(Image.new("RGB", image.size, colour), image, thin)


def _ridge(width: int, seed: int, level: float, swing: float) -> list[Point]:
    """Return the skyline of a hill: midpoint displacement, from the left edge to the right one."""
    chance = random.Random(seed)  # noqa: S311
    heights = [level, level + swing * (chance.random() - 0.5), level]
    while len(heights) < width // 6:
        swing *= 0.55
        middle = [(one + other) / 2 + swing * (chance.random() - 0.5) for one, other in itertools.pairwise(heights)]
        heights = [height for pair in zip(heights, [*middle, heights[-1]], strict=True) for height in pair][:-1]
    step = width / (len(heights) - 1)
    return [(index * step, height) for index, height in enumerate(heights)]


def _hill(image: Image.Image, seed: int, shape: tuple[float, float], colour: Colour) -> None:
    width, height = image.size
    line = _ridge(width, seed, shape[0] * height, shape[1] * height)
    ImageDraw.Draw(image).polygon([*line, (width, height), (0, height)], fill=colour)


def finished(image: Image.Image, seed: int, grain: float = 0.05) -> Image.Image:
    """Scale *image* down to its size and lay the grain of newsprint over it."""
    small = image.resize((image.width // TWICE, image.height // TWICE), Image.Resampling.LANCZOS)
    noise = random.Random(seed).randbytes(small.width * small.height)  # noqa: S311
    texture = Image.frombytes("L", small.size, noise).filter(ImageFilter.GaussianBlur(0.7)).convert("RGB")
    return Image.blend(small, texture, grain)


def country(size: tuple[int, int], seed: int, top: Colour, bottom: Colour) -> Image.Image:
    """Return an empty landscape, twice *size*: sky, clouds and two ranges of hills."""
    image = gradient((size[0] * TWICE, size[1] * TWICE), top, bottom)
    image = _veil(image, tuple(min(255, part + 22) for part in top), _cloud(image.size, seed, image.width // 3), 0.7)  # type: ignore[arg-type]
    far = tuple((part * 3 + 90) // 4 - 18 for part in bottom)
    _hill(image, seed + 1, (0.56, 0.22), far)  # type: ignore[arg-type]
    _hill(image, seed + 2, (0.64, 0.13), tuple(part - 26 for part in far))  # type: ignore[arg-type]
    return image


def arch(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], colour: Colour) -> None:
    """Paint a round arch that fills *box*."""
    left, top, right, bottom = box
    rise = min((right - left) / 2, bottom - top)
    draw.rectangle((left, top + rise, right, bottom), fill=colour)
    draw.pieslice((left, top, right, top + 2 * rise), 180, 360, fill=colour)


def hall(image: Image.Image, box: tuple[float, float, float, float]) -> None:
    """Paint the hall of seven arches, its roof whole."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    height, bay = bottom - top, (right - left) / 7
    eaves = top + height * 0.42
    draw.polygon(
        [(left - bay * 0.25, eaves), (left + bay * 0.4, top), (right - bay * 0.4, top), (right + bay * 0.25, eaves)],
        fill=(92, 76, 66),
    )
    for course in range(1, 7):
        y = top + (eaves - top) * course / 7
        indent = bay * (0.4 - 0.65 * course / 7)
        draw.line((left + indent, y, right - indent, y), fill=(82, 67, 58), width=2)
    draw.rectangle((left, eaves, right, bottom), fill=(148, 136, 119))
    draw.rectangle(
        (left - bay * 0.1, eaves - height * 0.02, right + bay * 0.1, eaves + height * 0.03), fill=(112, 101, 88)
    )
    for number in range(7):
        x = left + number * bay
        arch(draw, (x + bay * 0.17, eaves + height * 0.12, x + bay * 0.83, bottom), _DARK)
        draw.line((x, eaves, x, bottom), fill=(128, 117, 102), width=3)


def _broken_hall(image: Image.Image, box: tuple[float, float, float, float]) -> None:
    """Paint the hall, its roof broken over the third bay."""
    hall(image, box)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    eaves, bay = top + (bottom - top) * 0.42, (right - left) / 7
    middle = left + 2.5 * bay
    torn = [
        (-0.62, 0.02),
        (-0.44, 0.3),
        (-0.5, 0.52),
        (-0.2, 0.66),
        (-0.26, 0.96),
        (0.1, 1.14),
        (0.24, 0.8),
        (0.5, 0.6),
        (0.38, 0.34),
        (0.58, 0.02),
    ]
    draw.polygon([(middle + across * bay, top - 3 + (eaves - top) * down) for across, down in torn], fill=(60, 54, 50))
    sky = image.getpixel((int(middle), max(0, int(top) - 12)))
    inner = [(middle + across * bay * 0.72, top - 6 + (eaves - top) * down * 0.8) for across, down in torn]
    draw.polygon(inner, fill=sky)
    for across in (-0.26, -0.02, 0.22):
        draw.line((middle + across * bay, top - 4, middle + (across - 0.07) * bay, eaves), fill=(58, 48, 42), width=6)


def ground(image: Image.Image, seed: int, horizon: float, colour: Colour) -> None:
    """Pave what lies below *horizon*."""
    width, height = image.size
    draw = ImageDraw.Draw(image)
    top = horizon * height
    floor = gradient((width, int(height - top) + 1), colour, tuple(part - 40 for part in colour))  # type: ignore[arg-type]
    image.paste(floor, (0, int(top)))
    chance = random.Random(seed)  # noqa: S311
    rows, depth = 9, height - top
    for row in range(rows):
        y = top + depth * (row / rows) ** 1.7
        draw.line((0, y, width, y + chance.uniform(-3, 3)), fill=tuple(part - 18 for part in colour), width=2)
    for column in range(-14, 15):
        x = width / 2 + column * width / 14
        draw.line((width / 2 + column * width / 30, top, x, height), fill=tuple(part - 14 for part in colour), width=1)


def _smoke(image: Image.Image, seed: int, centre: Point, reach: float) -> Image.Image:
    """Return *image* with a drift of dust that rises from *centre*."""
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    chance = random.Random(seed)  # noqa: S311
    for step in range(26):
        rise = step / 26
        radius = reach * (0.18 + rise * 0.5) * chance.uniform(0.7, 1.2)
        x = centre[0] + reach * (rise * 0.8 + chance.uniform(-0.16, 0.16))
        y = centre[1] - reach * 2.1 * rise
        draw.ellipse((x - radius, y - radius * 0.8, x + radius, y + radius * 0.8), fill=int(150 * (1 - rise * 0.75)))
    mask = mask.filter(ImageFilter.GaussianBlur(reach * 0.14))
    mottled = Image.composite(
        mask,
        Image.new("L", image.size, 0),
        _cloud(image.size, seed, max(16, int(reach))).point(lambda level: min(255, level + 70)),
    )
    return Image.composite(Image.new("RGB", image.size, (196, 188, 176)), image, mottled)


def _water(image: Image.Image, seed: int, horizon: float, colour: Colour) -> None:
    """Mirror what stands above *horizon* into a river below it."""
    width, height = image.size
    top = int(horizon * height)
    mirrored = image.crop((0, max(0, 2 * top - height), width, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirrored = mirrored.resize((width, height - top)).filter(ImageFilter.GaussianBlur(5))
    image.paste(Image.blend(mirrored, Image.new("RGB", mirrored.size, colour), 0.45), (0, top))
    draw = ImageDraw.Draw(image)
    chance = random.Random(seed)  # noqa: S311
    for _ in range(150):
        y = top + (height - top) * chance.random() ** 1.4
        x, length = chance.uniform(-60, width), chance.uniform(20, width / 7)
        draw.line(
            (x, y, x + length, y), fill=tuple(min(255, part + chance.randrange(8, 34)) for part in colour), width=1
        )


def market_hall(size: tuple[int, int]) -> Image.Image:
    """Paint the market hall under a low sky, two days after."""
    image = country(size, 11, (150, 156, 160), (206, 200, 188))
    width, height = image.size
    ground(image, 12, 0.76, (140, 132, 120))
    _broken_hall(image, (width * 0.13, height * 0.36, width * 0.87, height * 0.79))
    image = _smoke(image, 14, (width * 0.4, height * 0.4), width * 0.07)
    return finished(image, 13)


def bridge(size: tuple[int, int]) -> Image.Image:
    """Paint a stone bridge of three arches over a slow river."""
    image = country(size, 21, (166, 176, 180), (214, 210, 200))
    width, height = image.size
    draw = ImageDraw.Draw(image)
    sky = (190, 190, 182)
    deck = height * 0.5
    draw.polygon(
        [
            (0, deck + height * 0.05),
            (width * 0.5, deck - height * 0.03),
            (width, deck + height * 0.05),
            (width, height * 0.72),
            (0, height * 0.72),
        ],
        fill=(126, 117, 104),
    )
    draw.line(
        (0, deck + height * 0.05, width * 0.5, deck - height * 0.03, width, deck + height * 0.05),
        fill=(96, 88, 78),
        width=8,
    )
    for left in (0.1, 0.375, 0.65):
        arch(draw, (width * left, height * 0.54, width * (left + 0.25), height * 0.72), (84, 78, 70))
        arch(draw, (width * (left + 0.015), height * 0.557, width * (left + 0.235), height * 0.72), sky)
    _water(image, 22, 0.72, (120, 134, 138))
    return finished(image, 23)


def dusk(size: tuple[int, int]) -> Image.Image:
    """Paint the river at dusk, hills behind it."""
    image = country(size, 31, (88, 96, 116), (214, 168, 132))
    _hill(image, 35, (0.7, 0.06), (58, 54, 56))
    _water(image, 32, 0.74, (96, 88, 92))
    return finished(image, 33)


def vigil(size: tuple[int, int]) -> Image.Image:
    """Rows of small lights in a dark hall."""
    image = gradient((size[0] * TWICE, size[1] * TWICE), (22, 19, 18), (44, 33, 25))
    width, height = image.size
    draw = ImageDraw.Draw(image)
    for number in range(7):
        left = width * (0.04 + number * 0.135)
        arch(draw, (left, height * 0.1, left + width * 0.105, height * 0.52), (34, 31, 34))
    light = Image.new("L", image.size, 0)
    points = ImageDraw.Draw(light)
    chance = random.Random(41)  # noqa: S311
    for row in range(8):
        near = (row + 1) / 8
        for _ in range(int(46 - 30 * near)):
            x, y = chance.uniform(0, width), height * (0.5 + 0.44 * near**1.3) + chance.uniform(-8, 8)
            radius = 2 + 8 * near
            points.ellipse((x - radius, y - radius * 1.7, x + radius, y + radius * 1.7), fill=255)
    glow = light.filter(ImageFilter.GaussianBlur(26)).point(lambda level: min(255, level * 3))
    image = Image.composite(Image.new("RGB", image.size, (156, 92, 40)), image, glow)
    image = Image.composite(
        Image.new("RGB", image.size, (255, 226, 168)), image, light.filter(ImageFilter.GaussianBlur(2))
    )
    return finished(image, 42, 0.04)


def north_gate(size: tuple[int, int]) -> Image.Image:
    """Paint the wide view from the north gate over which the camera of the first video turns."""
    image = country(size, 51, (158, 164, 168), (202, 196, 186))
    width, height = image.size
    ground(image, 52, 0.74, (150, 142, 130))
    draw = ImageDraw.Draw(image)
    for left, top in ((0.0, 0.5), (0.09, 0.56), (0.2, 0.53), (0.31, 0.58)):
        draw.rectangle((width * left, height * top, width * (left + 0.085), height * 0.76), fill=(116, 108, 98))
        draw.polygon(
            [
                (width * (left - 0.008), height * top),
                (width * (left + 0.0425), height * (top - 0.1)),
                (width * (left + 0.093), height * top),
            ],
            fill=(84, 72, 64),
        )
        for pane in (0.015, 0.04, 0.062):
            draw.rectangle(
                (width * (left + pane), height * (top + 0.06), width * (left + pane + 0.009), height * (top + 0.13)),
                fill=(58, 56, 54),
            )
    _broken_hall(image, (width * 0.5, height * 0.4, width * 0.95, height * 0.78))
    image = _smoke(image, 54, (width * 0.66, height * 0.44), width * 0.07)
    return finished(image, 53, 0.03)


def grain_yard(size: tuple[int, int]) -> Image.Image:
    """Paint the yard of the grain house, a wall in front of it."""
    image = country(size, 61, (150, 152, 152), (196, 188, 176))
    width, height = image.size
    ground(image, 62, 0.72, (146, 134, 116))
    _broken_hall(image, (width * 0.2, height * 0.38, width * 0.62, height * 0.64))
    image = _smoke(image, 64, (width * 0.4, height * 0.42), width * 0.08)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width * 0.74, height * 0.14, width, height * 0.82), fill=(118, 96, 80))
    draw.polygon(
        [(width * 0.7, height * 0.16), (width * 0.87, 0), (width, 0), (width, height * 0.16)], fill=(70, 58, 50)
    )
    draw.rectangle((width * 0.82, height * 0.42, width * 0.92, height * 0.82), fill=(54, 45, 40))
    draw.rectangle((0, height * 0.66, width * 0.74, height * 0.86), fill=(128, 119, 105))
    chance = random.Random(65)  # noqa: S311
    for row in range(5):
        y = height * (0.66 + row * 0.04)
        draw.line((0, y, width * 0.74, y), fill=(106, 98, 86), width=3)
        for column in range(16):
            x = width * 0.74 * (column + (row % 2) / 2) / 16 + chance.uniform(-6, 6)
            draw.line((x, y, x, y + height * 0.04), fill=(106, 98, 86), width=3)
    return finished(image, 63, 0.03)


def mast(size: tuple[int, int]) -> Image.Image:
    """Paint the mast of a radio station on its hill."""
    image = country(size, 71, (140, 158, 176), (216, 214, 204))
    width, height = image.size
    _hill(image, 75, (0.78, 0.12), (70, 76, 68))
    draw = ImageDraw.Draw(image)
    foot, top, x = height * 0.8, height * 0.1, width * 0.56
    draw.line((x - 26, foot, x, top, x + 26, foot), fill=_DARK, width=6)
    for rung in range(12):
        y = top + (foot - top) * (rung + 1) / 13
        half = 26 * (rung + 1) / 13
        draw.line((x - half, y, x + half, y - 18), fill=_DARK, width=3)
    for reach in (-0.2, 0.2):
        draw.line((x, top + 60, x + width * reach, foot), fill=(80, 84, 88), width=2)
    draw.rectangle((x + 60, foot - 66, x + 190, foot + 16), fill=(96, 88, 80))
    return finished(image, 73)


def front_page(size: tuple[int, int]) -> Image.Image:
    """Paint a front page seen too small to be read."""
    width, height = size[0] * TWICE, size[1] * TWICE
    image = Image.new("RGB", (width, height), (247, 244, 236))
    draw = ImageDraw.Draw(image)
    draw.rectangle((width * 0.12, 50, width * 0.88, 110), fill=(34, 32, 30))
    draw.line((40, 150, width - 40, 150), fill=(60, 58, 54), width=4)
    draw.rectangle((40, 180, width - 40, 230), fill=(50, 48, 46))
    draw.rectangle((40, 246, width * 0.7, 286), fill=(50, 48, 46))
    image.paste(dusk((width // 4, height // 6)).resize((width // 2 - 64, height // 3)), (40, 320))
    chance = random.Random(81)  # noqa: S311
    for column in range(4):
        left = 40 + column * (width - 80) / 4
        y = 320 + (height // 3 + 30 if column < 2 else 0)
        while y < height - 50:
            draw.line(
                (left, y, left + (width - 80) / 4 - 24 - chance.choice((0, 0, 0, 0, 50)), y),
                fill=(150, 147, 140),
                width=5,
            )
            y += 13
    return finished(image, 82, 0.02)
