"""One folding of text and query, so that words are found however they are written; pure.

Words come out as *tokens* between single spaces, and nothing else is left: SQLite's tokenizer only has to split at
spaces. Compatibility forms, case, accents, Arabic vowel signs, tatweel, the forms of alef, hamza, ya and ta marbuta,
and the digits of all scripts are one; each Han, kana and hangul character is a token of its own, because those scripts
put no spaces between words. Not promised: stems (``market`` does not find ``markets``), synonyms, other spellings.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

__all__ = ["folded", "phrases", "tokens"]

# Letters that Unicode does not decompose, and that people write either way; Persian and Urdu letters by their Arabic
# likeness, because keyboards decide which of them is typed.
_LIKE: Final = {
    "\u0671": "\u0627", "\u0672": "\u0627", "\u0673": "\u0627",  # alef wasla and alef with a wavy hamza: alef
    "\u0649": "\u064a", "\u06cc": "\u064a", "\u06d2": "\u064a", "\u06d0": "\u064a",  # alef maqsura, Farsi yeh: ya
    "\u0629": "\u0647", "\u06c1": "\u0647", "\u06c3": "\u0647", "\u06be": "\u0647", "\u06d5": "\u0647",  # to ha
    "\u06a9": "\u0643", "\u0621": "", "\u0674": "", "\u0640": "",  # keheh: kaf; lone and high hamza, tatweel: nothing
    "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th",
    "\u0491": "\u0433",  # the Ukrainian ghe with upturn
}  # fmt: skip
# Han, kana, bopomofo and hangul, with the supplementary planes of Han.
_ALONE: Final = (
    (0x3005, 0x3007), (0x3021, 0x3029), (0x3041, 0x30FF), (0x3105, 0x312F),
    (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97C), (0x1100, 0x11FF),
    (0xAC00, 0xD7FB), (0xF900, 0xFAFF), (0x1B000, 0x1B16F), (0x20000, 0x323AF),
)  # fmt: skip
_ZERO_WIDTH_SPACE: Final = "\u200b"
_CHUNK: Final = re.compile(r"\S+")


def folded(text: str) -> str:
    """Return the tokens of *text*, in order, with one space between; empty where it holds no letter and no digit."""
    return " ".join(_normal(text).translate(_TABLE).split())


def phrases(query: str) -> tuple[tuple[str, ...], ...]:
    """Return what *query* asks for: for each word that white space bounds, the tokens that must follow each other.

    No letter of it is an operator: quotes, ``*``, ``NEAR(`` and ``title:`` are dropped or are words like others.
    """
    found = (tuple(folded(chunk).split()) for chunk in _CHUNK.findall(query))
    return tuple(dict.fromkeys(each for each in found if each))


def tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Give each token of *text* with the place where it begins and the one where it ends, in characters of *text*.

    What a character becomes beside another one (a letter and a sign that Unicode would compose) is not considered:
    good for marking words in a short passage, not for indexing.
    """
    held, begin, end = "", 0, 0
    for at, letter in enumerate(text):
        piece = _normal(letter).translate(_TABLE)
        if piece.startswith(" "):
            if held:
                yield held, begin, end
                held = ""
            for each in piece.split():
                yield each, at, at + 1
        elif piece:
            begin = begin if held else at
            held, end = held + piece, at + 1
        elif held:
            end = at + 1  # a sign that belongs to the letter before it
    if held:
        yield held, begin, end


def _normal(text: str) -> str:
    # Unicode 3.13, toNFKC_Casefold, without the removal of ignorable characters, which the table does.
    return text if text.isascii() else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class _Table(dict[int, str]):
    """What each character becomes: found once, kept; ``str.translate`` asks for what it lacks."""

    def __missing__(self, code: int) -> str:
        self[code] = became = _became(chr(code))
        return became


def _became(letter: str) -> str:
    if unicodedata.category(letter)[0] in "LN" and any(first <= ord(letter) <= last for first, last in _ALONE):
        return f" {letter} "
    # Cyrillic й, Arabic أ and é all come apart here into a letter and a sign that is dropped.
    return "".join(_part(each) for each in unicodedata.normalize("NFKD", letter.casefold()))


def _part(letter: str) -> str:
    if letter in _LIKE:
        return _LIKE[letter]
    # Signs that stack on a letter have a combining class; the vowels of Indic scripts have none and are kept.
    if unicodedata.combining(letter):
        return ""
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    if category[0] in "LNM":
        return letter
    return "" if category == "Cf" and letter != _ZERO_WIDTH_SPACE else " "


_TABLE: Final = _Table()
