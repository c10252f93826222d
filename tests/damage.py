"""Documents damaged as attackers and disks damage them: bits, cuts, copies, numbers, lengths, a format's own words.

Everything follows from a name and a number, so that an input that did harm is made again by whoever reads of it.
"""

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["LARGEST", "damaged"]

LARGEST: Final = 64 << 10
"""The most octets of a damaged document: floods have tests of their own, damage wants many tries."""

# Where readers have their limits: 7 to 64 bits, 2**53, the digits that Python refuses, what is no number after all.
_NUMBERS: Final = (
    b"0", b"-1", b"00", b"1", b"127", b"128", b"255", b"256", b"65535", b"65536", b"2147483648", b"4294967296",
    b"9007199254740992", b"9223372036854775808", b"18446744073709551616", b"9" * 400, b"9" * 5000, b"1e999", b"1.5",
    b"NaN", b"0x10", b"ffffffffffffffff", b"\xd9\xa3", b"+5", b" 5", b"5_0",
)  # fmt: skip
_OCTETS: Final = (
    b"\0", b"\r", b"\n", b"\r\n\r\n", b"\xff", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xe2\x80\xae", b"\xf4\x90\x80\x80", b"\x1f\x8b", b"\x1b[2J", b" ", b"\t", b"\x7f", b"\xc2\x85", b"\xe2\x80\xa8",
)  # fmt: skip
_NUMBER: Final = re.compile(rb"[0-9]+")
_WORD: Final = re.compile(rb"[A-Za-z0-9_.:/+=-]{2,}")

Change = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def damaged(name: str, number: int, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Return input *number* of the parser *name*: the *seeds* as they are come first, then damaged ones for ever.

    *words* are the format's own: what its grammar is made of.
    """
    if number < len(seeds):
        return seeds[number]
    chance = random.Random(f"{name} {number}")  # noqa: S311 - the same damage in every run
    document = chance.choice(seeds)
    # One change finds what a rule forgot, several what rules forget together.
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        change = chance.choice(_CHANGES)
        document = change(document, chance, (*seeds, *words) if change is _splice else words)[:LARGEST]
    return document


def _stretch(document: bytes, chance: random.Random) -> tuple[int, int]:
    begin = chance.randint(0, len(document))
    return begin, min(len(document), begin + chance.choice((0, 1, 1, 2, 4, 8, 16, 64, 256)))


def _flip(document: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    if not document:
        return b"\x01"
    changed = bytearray(document)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(document: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    begin, end = _stretch(document, chance)
    return document[:begin] + chance.randbytes(end - begin) + document[end:]


def _take_out(document: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    begin, end = _stretch(document, chance)
    return document[:begin] + document[end:]


def _cut(document: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return document[: chance.randint(0, len(document))]


def _double(document: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    begin, end = _stretch(document, chance)
    return document[:end] + document[begin:end] * chance.choice((1, 1, 2, 40, 2000)) + document[end:]


def _move(document: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    begin, end = _stretch(document, chance)
    rest = document[:begin] + document[end:]
    place = chance.randint(0, len(rest))
    return rest[:place] + document[begin:end] + rest[place:]


def _insert(document: bytes, chance: random.Random, words: Sequence[bytes]) -> bytes:
    place = chance.randint(0, len(document))
    piece = chance.choice(words if words and chance.random() < 0.7 else _OCTETS)
    return document[:place] + piece * chance.choice((1, 1, 1, 2, 60, 3000)) + document[place:]


def _splice(document: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    begin, end = _stretch(document, chance)
    other = chance.choice(others)
    first, last = _stretch(other, chance)
    return document[:begin] + other[first : last if chance.random() < 0.5 else len(other)] + document[end:]


def _replace(pattern: re.Pattern[bytes], document: bytes, chance: random.Random, by: Sequence[bytes]) -> bytes:
    found = list(pattern.finditer(document))
    if not found or not by:
        return _flip(document, chance, by)
    match = chance.choice(found)
    return document[: match.start()] + chance.choice(by) + document[match.end() :]


def _number(document: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return _replace(_NUMBER, document, chance, _NUMBERS)


def _word(document: bytes, chance: random.Random, words: Sequence[bytes]) -> bytes:
    own = chance.choice(_WORD.findall(document) or [b""])
    return _replace(_WORD, document, chance, (*words, own, own.swapcase(), own[:1], b""))


def _length(document: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Write a binary number of one of the usual widths where a length may stand."""
    width = chance.choice((1, 2, 4, 8))
    value = chance.choice((0, 1, 2, len(document), 1 << 8 * width - 1, (1 << 8 * width) - 1)) % (1 << 8 * width)
    place = chance.randint(0, len(document))
    return document[:place] + value.to_bytes(width, chance.choice(("big", "little"))) + document[place + width :]


_CHANGES: Final[tuple[Change, ...]] = (
    _flip, _flip, _overwrite, _take_out, _cut, _double, _move, _insert, _insert, _splice, _number, _word, _word,
    _length,
)  # fmt: skip
