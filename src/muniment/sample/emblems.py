"""The small pictures of the sample article: a likeness, signs, a tile of paper.

Only for :mod:`muniment.sample.generate`, like :mod:`muniment.sample.drawing`, in whose manner they are painted.
"""

import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from muniment.sample.drawing import TWICE, Colour, arch, finished, gradient

__all__ = ["grey_paper", "portrait", "sheaf", "threshold", "touch_icon"]


def portrait(size: tuple[int, int]) -> Image.Image:
    """Head and shoulders, without a face."""
    image = gradient((size[0] * TWICE, size[1] * TWICE), (196, 186, 170), (158, 146, 130))
    width, height = image.size
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.1, height * 0.66, width * 0.9, height * 1.5), fill=(72, 66, 62))
    draw.rectangle((width * 0.42, height * 0.52, width * 0.58, height * 0.72), fill=(120, 104, 90))
    draw.ellipse((width * 0.27, height * 0.14, width * 0.73, height * 0.6), fill=(58, 50, 46))
    draw.ellipse((width * 0.33, height * 0.22, width * 0.67, height * 0.64), fill=(138, 120, 104))
    return finished(image, 91, 0.04)


def _emblem(size: tuple[int, int], ground: Colour, paint: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    image = Image.new("RGB", (160, 160), ground)
    paint(ImageDraw.Draw(image))
    return image.resize(size, Image.Resampling.LANCZOS)


def threshold(size: tuple[int, int]) -> Image.Image:
    """Paint the picture of the first account: a gate."""

    def paint(draw: ImageDraw.ImageDraw) -> None:
        draw.rectangle((30, 40, 130, 160), fill=(214, 206, 192))
        arch(draw, (52, 62, 108, 160), (84, 110, 122))

    return _emblem(size, (84, 110, 122), paint)


def sheaf(size: tuple[int, int]) -> Image.Image:
    """Paint the picture of the second account: a sheaf of grain."""

    def paint(draw: ImageDraw.ImageDraw) -> None:
        for lean in (-44, -22, 0, 22, 44):
            draw.line((80, 140, 80 + lean, 40), fill=(236, 214, 160), width=6)
            draw.ellipse((70 + lean, 18, 90 + lean, 62), fill=(236, 214, 160))
        draw.rectangle((58, 96, 102, 108), fill=(122, 78, 44))

    return _emblem(size, (138, 104, 62), paint)


def grey_paper(size: tuple[int, int]) -> Image.Image:
    """Paint a tile of paper, four tones that differ by a hair."""
    noise = random.Random(95).randbytes(size[0] * size[1])  # noqa: S311
    tile = Image.frombytes("P", size, bytes(level // 64 for level in noise))
    tile.putpalette([250, 247, 241, 249, 246, 240, 251, 248, 242, 248, 245, 239])
    return tile


def touch_icon(size: tuple[int, int]) -> Image.Image:
    """Paint the newspaper's sign: a white L on black."""
    image = Image.new("RGB", (360, 360), (29, 27, 24))
    draw = ImageDraw.Draw(image)
    draw.rectangle((130, 72, 170, 280), fill=(250, 247, 241))
    draw.rectangle((100, 70, 200, 86), fill=(250, 247, 241))
    draw.polygon([(100, 288), (100, 272), (220, 272), (252, 214), (266, 214), (258, 288)], fill=(250, 247, 241))
    return image.resize(size, Image.Resampling.LANCZOS)
