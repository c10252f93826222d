"""The perceptual hash of a picture: 64 bits that stay nearly the same when it is scaled or compressed again; pure.

The DCT hash as the field uses it (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions",
and the package imagehash, ``phash``): of 32 by 32 grey values a two-dimensional DCT, of that the 8 by 8 lowest
frequencies, of each a bit that says whether it lies above their median; row by row, the first bit the highest. One
thing is added: above the median is what lies so by more than an eighth of a shade of grey. Drawings with an axis of
symmetry have dozens of frequencies that are nothing but noise, and without it each of these would be a bit by chance.
"""

import math
from typing import Final

__all__ = ["ALGORITHM", "BITS", "SIDE", "distance", "perceptual_hash"]

ALGORITHM: Final = "phash-dct-64"
"""The name of what :func:`perceptual_hash` makes, beside every hash that is sealed."""
SIDE: Final = 32
"""The width and height of the picture that is hashed, in pixels."""
BITS: Final = 64
_LOW: Final = 8
# A picture of one shade has no low frequencies but noise: its hash would be like that of others by chance.
_PLAIN: Final = 16
# An eighth of a shade: a wave of one shade gives a frequency of 32 * 32 / 4.
_NOISE: Final = 32 << 28
# Integers, so that every machine gives the same bits.
_COSINES: Final = tuple(
    tuple(round(math.cos(math.pi * k * (2 * n + 1) / (2 * SIDE)) * (1 << 14)) for n in range(SIDE)) for k in range(_LOW)
)


def perceptual_hash(grey: bytes) -> str:
    """Return the hash of *grey*, 32 rows of 32 octets, as 16 hexadecimal digits; empty where it is all but one shade.

    Not promised: that pictures with hashes that are near show the same, nor that the same thing photographed twice has
    hashes that are near.
    """
    if len(grey) != SIDE * SIDE or max(grey) - min(grey) < _PLAIN:
        return ""
    rows = [grey[at : at + SIDE] for at in range(0, len(grey), SIDE)]
    across = [[_product(cosine, row) for row in rows] for cosine in _COSINES]  # by frequency, then by row
    low = [_product(down, column) for down in _COSINES for column in across]
    ordered = sorted(low)
    middle = ordered[len(low) // 2 - 1] + ordered[len(low) // 2]
    bits = "".join("1" if 2 * each > middle + 2 * _NOISE else "0" for each in low)
    return f"{int(bits, 2):0{BITS // 4}x}"


def _product(cosine: tuple[int, ...], values: "bytes | list[int]") -> int:
    return sum(factor * value for factor, value in zip(cosine, values, strict=True))


def distance(one: str, other: str) -> int:
    """Return how many bits of two hashes differ (Hamming distance): 0 of 64 for the same."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
