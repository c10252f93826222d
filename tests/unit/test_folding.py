"""One folding of text and query: what is the same word however it is written, and what is a word of its own."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muniment.index.folding import folded, phrases, tokens
from muniment.index.passages import passage

SAME = [
    ("préfet", "prefet"),
    ("PRÉFET", unicodedata.normalize("NFD", "préfet")),
    ("Взрыв", "взрыв"),
    ("ёлка", "Елка"),
    ("Київ", "киів"),
    ("غَزَّة", "غزة"),
    ("غـــزة", "غزه"),
    ("أحمد", "احمد"),
    ("إسرائيل", "اسراييل"),
    ("آب", "اب"),
    ("ٱلله", "الله"),
    ("مستشفى", "مستشفي"),
    ("کتاب", "كتاب"),
    ("٢٠٢٤", "2024"),
    ("۲۰۲۴", "2024"),
    ("می\u200cگ", "میگ"),
    ("שָׁלוֹם", "שלום"),
    ("straße", "STRASSE"),
    ("ΟΔΟΣ", "οδος"),
    ("İstanbul", "istanbul"),
    ("\uff26\uff55ll", "full"),
    ("ﬁn", "fin"),
    ("ｶﾞ", "ガ"),
    ("ガ", unicodedata.normalize("NFD", "ガ")),
    ("서울", unicodedata.normalize("NFD", "서울")),
    ("soft\u00adhyphen", "softhyphen"),
    ("Łódź", "lodz"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_people_write_either_way_is_one_word(one: str, other: str) -> None:
    assert folded(one) == folded(other) != ""
    assert " " not in folded(one) or ord(one[0]) > 0x1100


@pytest.mark.parametrize(
    ("one", "other"), [("か", "が"), ("كتب", "قتل"), ("北", "京"), ("mine", "mines"), ("दिन", "दान")]
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_each_character_of_a_script_without_spaces_is_a_token_of_its_own() -> None:
    assert folded("北京市2024年iPhone手机") == "北 京 市 2024 年 iphone 手 机"
    assert folded("カタカナと서울") == "カ タ カ ナ と 서 울"


def test_a_query_is_words_and_never_operators() -> None:
    assert phrases('"North Gate" NEAR(a b, 2) title:x* -y ^z {u} 北京') == (
        ("north",), ("gate",), ("near", "a"), ("b",), ("2",), ("title", "x"), ("y",), ("z",), ("u",), ("北", "京"),
    )  # fmt: skip
    assert phrases("news.example/a") == (("news", "example", "a"),)
    assert phrases('* "" () \x00 ☠') == ()


@given(st.text())
@example("\u0640")
@example("\ud800")
@example("ﷺ")
def test_what_is_folded_holds_nothing_but_tokens_and_is_its_own_folding(text: str) -> None:
    found = folded(text)
    assert found == " ".join(found.split(" ")).strip()
    assert all(letter == " " or unicodedata.category(letter)[0] in "LNM" for letter in found)
    assert found == folded(found)


@given(st.text(), st.text())
def test_a_text_after_a_space_folds_as_it_does_alone(one: str, other: str) -> None:
    assert folded(f"{one} {other}").split() == folded(one).split() + folded(other).split()


@given(st.text())
def test_tokens_name_places_of_the_text_that_fold_to_them(text: str) -> None:
    end = 0
    for token, first, last in tokens(text):
        assert end <= first or ord(text[first]) > 0x7F  # one sign may be several tokens, at one place
        assert token in folded(text[first:last]).split() or not text.isascii()
        end = last
    assert end <= len(text)


def test_a_passage_is_a_part_of_the_text_with_the_words_marked() -> None:
    text = "nothing here\n" * 200 + "Yesterday the PRÉFET of 北京 spoke, and the préfet left. " + "tail " * 300
    found = passage("text", text, phrases("prefet 北京"))
    assert found is not None
    assert [found.text[first:last] for first, last in found.marks] == ["PRÉFET", "北京", "préfet"]
    assert len(found.text) <= 161
    assert "\n" not in found.text


def test_marks_that_meet_are_one() -> None:
    found = passage("title", "北京北京", phrases("北京 京北"))
    assert found is not None
    assert found.marks == ((0, 4),)


def test_a_text_without_the_words_gives_no_passage() -> None:
    assert passage("text", "the market of Orvesk", phrases("gate")) is None
    assert passage("text", "", phrases("gate")) is None


LETTERS = {
    "\u0671\u0672\u0673\u0675\u0623\u0625\u0622": "\u0627" * 7,
    "\u0649\u06cc\u06d2\u06d0": "\u064a" * 4,
    "\u0629\u06c1\u06c3\u06be\u06d5": "\u0647" * 5,
    "\u06a9x\u0621x\u0640x": "\u0643xxx",
    "\u0142\u00f8\u0111\u0127\u0167\u0131\u00e6\u0153\u00f0\u00fe": "lodhtiaeoedth",
    "\u0141\u00d8\u0110\u0126\u0166I\u00c6\u0152\u00d0\u00de": "lodhtiaeoedth",
    "\u0491\u0490": "\u0433\u0433",
    "a\u200bb\u200cc": "a bc",
    "x\u0915\u093ey": "x\u0915\u093ey",
    "1\u00bd\u2167": "11 2viii",
}


@pytest.mark.parametrize("written", LETTERS, ids=ascii)
def test_every_letter_that_is_written_either_way_has_its_likeness(written: str) -> None:
    assert folded(written) == LETTERS[written]


# The first and the last letter of each block, and of some the letters beside it that belong to words.
ALONE = (
    "\u3005\u3007\u3021\u3029\u3041\u30fe\u3105\u312f\u3131\u318e\u31a0\u31bf\u31f0\u31ff\u3400\u4dbf\u4e00\u9fff"
    "\ua960\ua97c\u1100\u11ff\uac00\ud7fb\uf900\ufad9\U0001b000\U0001b167\U00020000\U0003134a"
)
WITHIN = "\u10ff\u1200\u31ef\ua000\ua95f\ua982\ufb00\U0001b170"


@pytest.mark.parametrize("letter", ALONE, ids=ascii)
def test_the_edges_of_each_block_without_spaces_are_tokens_of_their_own(letter: str) -> None:
    before, alone, after = folded(f"a{letter}b").split(" ")
    assert (before, len(alone), after) == ("a", 1, "b")


@pytest.mark.parametrize("letter", WITHIN, ids=ascii)
def test_a_letter_beside_such_a_block_is_part_of_its_word(letter: str) -> None:
    assert len(folded(f"a{letter}b").split(" ")) <= 2
    assert (folded(f"a{letter}b")[0], folded(f"a{letter}b")[-1]) == ("a", "b")


def test_tokens_have_the_places_of_their_signs() -> None:
    text = "a\u0301b  \u5317x\u0301, \u00ady\u00ad!"
    assert list(tokens(text)) == [("ab", 0, 3), ("\u5317", 5, 6), ("x", 6, 8), ("y", 11, 13)]
    assert list(tokens("")) == []
    assert list(tokens("\u0301a")) == [("a", 1, 2)]
    assert list(tokens("\u33a5")) == [("m3", 0, 1)]
    assert list(tokens("\u3300")) == [("\u30a2", 0, 1), ("\u30d1", 0, 1), ("\u30fc", 0, 1), ("\u30c8", 0, 1)]
