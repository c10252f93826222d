"""Reports: the verdict first, everything named, nothing from outside ever unescaped."""

import html.parser
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from muniment.model import Check, Finding, Verdict
from muniment.report import document, page, safe, terminal
from muniment.report.words import TITLES
from muniment.verification import Anchor, Said, Verification, Word

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\r\nPASS  forged line\x9b31m\u202egnp.exe\u2028\ud800"
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
)
OCCASION = page.Occasion(HOSTILE, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "0.1.0")


def verification(verdict: Verdict, *findings: Finding) -> Verification:
    return Verification(
        verdict=verdict,
        trust=HOSTILE,
        findings=findings,
        counts={"captures": 1, "records": 1234, "bytes": 2},
        not_checked=(HOSTILE,),
        proves=(HOSTILE,),
        does_not_prove=(HOSTILE,),
    )


def failing() -> Verification:
    return verification(
        Verdict.FAIL,
        *(Finding(check, HOSTILE, verdict, HOSTILE, HOSTILE, HOSTILE) for check in Check for verdict in Verdict),
    )


# Text from outside.


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F)])
def test_no_control_or_direction_character_reaches_a_terminal(code: int) -> None:
    assert safe(f"a{chr(code)}b").startswith("a\\")
    assert chr(code) not in safe(f"a{chr(code)}b")


@pytest.mark.parametrize(
    "code", [0x200E, 0x200F, 0x061C, *range(0x2066, 0x206A), 0xFEFF, 0xAD, 0xD800, 0xDFFF, 0xE0041]
)
def test_no_invisible_or_broken_character_reaches_a_terminal(code: int) -> None:
    assert safe(chr(code)) in {f"\\x{code:02x}", f"\\u{code:04x}", f"\\U{code:08x}"}
    safe(chr(code)).encode("ascii")


@pytest.mark.parametrize("text", ["غزة", "北京", "می‌خواهم", "naïve", "👩‍👧", "a b", "C:\\x", "e\u0301"])
def test_letters_of_every_script_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


def test_text_without_end_is_cut_and_says_so() -> None:
    assert safe("a" * 5000) == "a" * 2000 + "… (3,000 more characters)"


def test_what_is_no_text_is_shown_as_text() -> None:
    assert safe(ValueError("a\nb")) == "a\\x0ab"


# The terminal.


@pytest.mark.parametrize("colour", [True, False])
def test_hostile_text_cannot_move_or_forge_a_line_of_the_report(*, colour: bool) -> None:
    text = terminal.render(failing(), archive=HOSTILE, colour=colour)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text) if colour else text
    assert all(letter.isprintable() for letter in plain.replace("\n", ""))
    assert not [line for line in plain.splitlines() if line.startswith("PASS")]
    assert ("\x1b" in text) == colour


def test_the_verdict_comes_first_and_each_failure_says_where_expected_and_found() -> None:
    failed = Finding(
        Check.RECORD, "archive/x.warc.gz at 18432", Verdict.FAIL, "Not what was sealed.", "sha256:aa", "sha256:bb"
    )
    lines = terminal.render(verification(Verdict.FAIL, failed), archive="case", colour=False).splitlines()
    assert lines[0] == "FAIL  case: Something here is not what was sealed."
    assert "Looked at 1 capture, 1,234 records, 2 bytes." in lines
    at = lines.index("    archive/x.warc.gz at 18432")
    assert lines[at + 1 : at + 4] == [
        "      Not what was sealed.",
        "      expected  sha256:aa",
        "      found     sha256:bb",
    ]


def test_every_kind_of_finding_has_its_place_and_the_two_lists_come_last() -> None:
    text = terminal.render(failing(), archive="case", colour=False)
    titles = [
        "Failed (",
        "Could not be checked (",
        "Noted (",
        "Checked and passed",
        "Not checked",
        "Proves",
        "Does not prove",
    ]
    places = [text.index(f"\n{title}") for title in titles]
    assert places == sorted(places)


def test_a_hundred_thousand_failures_make_no_endless_report() -> None:
    failed = Finding(Check.RECORD, "x", Verdict.FAIL, "y")
    text = terminal.render(verification(Verdict.FAIL, *[failed] * 100_000), archive="case", colour=False)
    assert len(text) < 10_000
    assert "99,950 more; --json lists all of them" in text


@pytest.mark.parametrize(
    ("environment", "tty", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(environment: dict[str, str], *, tty: bool, wanted: bool) -> None:
    assert terminal.coloured(environment, terminal=tty) == wanted


def test_every_check_has_a_title() -> None:
    assert set(TITLES) == set(Check)


# JSON.


def test_the_document_has_the_promised_fields_and_the_exit_status() -> None:
    for verdict, status in ((Verdict.PASS, 0), (Verdict.FAIL, 1), (Verdict.UNVERIFIABLE, 4)):
        found = json.loads(document.render(verification(verdict, *failing().findings[:1])))
        assert list(found) == [
            "schema", "verdict", "trust", "anchored", "words", "findings", "counts", "not_checked", "proves",
            "does_not_prove", "exit",
        ]  # fmt: skip
        assert (found["schema"], found["verdict"], found["exit"]) == ("muniment.verify/1", verdict.value, status)
        assert list(found["findings"][0]) == ["check", "subject", "verdict", "detail", "expected", "found"]
        assert found["findings"][0]["subject"] == HOSTILE
        counted = {"pass": 1, "fail": 0, "unverifiable": 0, "absent": 0}
        assert found["counts"] == {"captures": 1, "records": 1234, "bytes": 2} | counted


def test_the_document_is_one_line_of_ascii_whatever_it_holds() -> None:
    text = document.render(failing())
    assert text.isascii()
    assert text.count("\n") == 1
    assert "\x1b" not in text


# The page.


class _Reader(html.parser.HTMLParser):
    """Collects the elements and attributes of a page, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def test_a_page_holds_only_our_own_elements_and_nothing_that_runs_or_fetches() -> None:
    read = _Reader(page.render(failing(), OCCASION))
    ours = {
        "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "h3", "p", "div", "strong",
        "dl", "dt", "dd", "article", "code", "table", "thead", "tbody", "tr", "th", "td", "section", "ul", "li",
        "footer",
    }  # fmt: skip
    assert {tag for tag, _ in read.elements} == ours
    attributes = {name for _, attributes in read.elements for name in attributes}
    assert attributes == {"lang", "charset", "http-equiv", "content", "name", "class"}
    assert any("<script>alert(1)</script>" in each for each in read.shown)


def test_quotes_are_escaped_too_so_that_no_attribute_could_be_left() -> None:
    assert "&quot;&#x27;&amp;{{7*7}}" in page.render(failing(), OCCASION)


def test_a_pages_policy_allows_nothing_but_its_own_style() -> None:
    text = page.render(failing(), OCCASION)
    (policy,) = [each["content"] for tag, each in _Reader(text).elements if each.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_a_page_can_be_written_as_utf_8_and_shows_no_hidden_characters() -> None:
    text = page.render(failing(), OCCASION)
    text.encode("utf-8")
    assert all(letter.isprintable() for letter in text.replace("\n", ""))


def test_a_page_says_verdict_trust_and_time() -> None:
    text = page.render(verification(Verdict.UNVERIFIABLE), page.Occasion("case", OCCASION.at, "0.1.0"))
    shown = " ".join(_Reader(text).shown)
    assert "UNVERIFIABLE" in shown
    assert "2026-01-02 03:04:05 UTC" in shown
    assert "Does not prove" in shown


# The words.


def _worded() -> Verification:
    said = [
        Said(word, state, f"label {HOSTILE}", f"sentence of {word} {HOSTILE}")
        for word, state in zip(Word, [*Verdict, *Verdict], strict=False)
    ]
    return replace(verification(Verdict.PASS), words=tuple(said), anchored=Anchor.WITNESSED)


def test_every_report_begins_with_each_word_its_state_and_its_sentence() -> None:
    worded = _worded()
    told = json.loads(document.render(worded))
    assert (told["anchored"], [each["word"] for each in told["words"]]) == ("witnessed", list(Word))
    text = terminal.render(worded, archive="a", colour=False)
    shown = page.render(worded, OCCASION)
    for each in Word:
        assert f"sentence of {each}" in text
        assert f"sentence of {each}" in shown
    assert text.index("sentence of intact") < text.index("Does not prove")
    assert "<script" not in shown
    assert HOSTILE not in text
    assert HOSTILE not in shown
