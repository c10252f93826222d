"""Checkpoints handed out, and whom a trust file believes: the sheet, where new ones go, what is odd in a trust file."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import segno

from archives import Made, archive, begun, captured
from commands import muniment
from muniment import layout
from muniment.capture.checkpoints import send, send_to
from muniment.errors import JobError
from muniment.log.cosignature import WitnessKey
from muniment.log.note import VerifierKey
from muniment.report.sheet import sheet
from muniment.seal import SigningKey
from muniment.verify.oddities import believed, oddities
from muniment.verify.trust import Operator, Trust, Witness

NOTE = "case.abcdef\n4\n76s1/rpHcAo6h5p7r/jd+XXzK0zkAVwG7SwapZJncjU=\n\n— case.abcdef MSQLELAXCuU=\n"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
KEY = SigningKey.of_seed(b"k" * 32).public
OTHER = SigningKey.of_seed(b"o" * 32).public


def test_the_sheet_holds_every_line_and_the_code_of_exactly_these_octets() -> None:
    page = sheet(NOTE, "case.abcdef", 4, "Case <17>")
    (shown,) = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert html.unescape(shown) + "\n" == NOTE
    code = segno.make(NOTE, error="m", micro=False, encoding="utf-8")
    assert code.svg_inline(scale=4, border=4, omitsize=True) in page
    assert code.svg_inline(scale=4) != segno.make(NOTE + "x", error="m", encoding="utf-8").svg_inline(scale=4)
    assert "Case &lt;17&gt;" in page


def test_the_sheet_fetches_and_runs_nothing() -> None:
    page = sheet(NOTE, '"><script>alert(1)</script>', 4, "\u202e<img src=x>")
    assert "default-src 'none'" in page
    assert not re.search(r"<(script|img|link|iframe|object|a)\b|\bon[a-z]+=|style=|\u202e", page)
    assert re.findall(r"(?:src|href)=\S+", page.replace("src=x&gt;", "")) == []


def test_new_checkpoints_are_copied_to_a_folder_on_another_disk(tmp_path: Path) -> None:
    made = begun(tmp_path)
    disk = tmp_path / "second disk"
    send_to(made.root, made.home, str(disk))
    assert send(made.archive) == ""
    made = captured(made, "a")
    assert "is not there" in send(made.archive)
    disk.mkdir()
    for mark, size in (("b", 4), ("c", 6)):
        made = captured(made, mark)
        for _ in range(2):
            assert send(made.archive).endswith(f"{made.origin}-{size}.txt")
        copied = disk / f"{made.origin}-{size}.txt"
        assert copied.read_bytes() == made.path(layout.checkpoint_at(made.origin, size)).read_bytes()
    assert len(list(disk.iterdir())) == 2


def test_a_mail_and_a_page_are_told(tmp_path: Path) -> None:
    made = archive(tmp_path, "a")
    send_to(made.root, made.home, "mail")
    assert made.path(layout.checkpoint(made.origin)).read_text() in send(made.archive)
    with pytest.raises(JobError, match="says already"):
        send_to(made.root, made.home, "page")
    other = archive(tmp_path / "other", "a")
    send_to(other.root, other.home, "page")
    assert "--page" in send(other.archive)


def test_a_folder_within_the_archive_is_nowhere_else(tmp_path: Path) -> None:
    made = begun(tmp_path)
    with pytest.raises(JobError, match="within the archive"):
        send_to(made.root, made.home, str(made.root / "copies"))


def test_an_archive_that_was_begun_with_a_folder_sends_there_and_one_without_is_warned(tmp_path: Path) -> None:
    environment = {"MUNIMENT_HOME": str(tmp_path / "home")}
    done = muniment("init", "a", "--operator", "D", "--checkpoints-to", "copies", cwd=tmp_path, **environment)
    assert (done.status, "Nobody outside" in done.err) == (0, False)
    assert f'to = "{tmp_path / "copies"}"' in (tmp_path / "a" / "muniment.toml").read_text()
    done = muniment("init", "b", "--operator", "D", cwd=tmp_path, **environment)
    assert (done.status, "anchored: absent" in done.err) == (0, True)


def test_the_page_is_written_once(tmp_path: Path) -> None:
    made: Made = archive(tmp_path, "a")
    environment = {"MUNIMENT_HOME": str(made.home)}
    done = muniment("log", "checkpoint", "--page", tmp_path / "sheet.html", cwd=made.root, **environment)
    assert done.status == 0
    assert made.origin in (tmp_path / "sheet.html").read_text()
    assert muniment("log", "checkpoint", "--page", tmp_path / "sheet.html", cwd=made.root, **environment).status == 74


# trust check

SOUND = Trust("t", logs=(VerifierKey("case.a", KEY),), operators=(Operator("Desk 1", OTHER),))


def test_a_sound_trust_is_told_and_nothing_in_it_is_odd() -> None:
    assert oddities(SOUND, NOW) == ()
    assert len(believed(SOUND)) == 2
    assert len(oddities(Trust.nobody(), NOW)) == 2
    assert believed(Trust.nobody()) == ()


@pytest.mark.parametrize(
    ("operator", "told"),
    [
        (Operator("D", OTHER, until=NOW), "only until 2026-11-25"),
        (Operator("D", OTHER, since=NOW + timedelta(days=1)), "yet to come"),
        (Operator("D", OTHER, since=NOW, until=NOW - timedelta(days=9)), "until before from"),
        (Operator("D", OTHER, revoked=NOW - timedelta(days=9)), "revoked since 2026-11-16"),
        (Operator("D", KEY), "one hand can seal and log"),
    ],
)
def test_what_ran_out_or_cannot_be_is_odd(operator: Operator, told: str) -> None:
    assert [told in each for each in oddities(replace(SOUND, operators=(operator,)), NOW)] == [True]


def test_witnesses_who_are_nobody_outside_or_are_not_needed_are_odd() -> None:
    own = Witness("W", WitnessKey("w.example", KEY))
    found = oddities(replace(SOUND, witnesses=(own,)), NOW)
    assert ["nobody outside" in found[0], "needs none" in found[1]] == [True, True]
    stranger = Witness("W", WitnessKey("w.example", SigningKey.of_seed(b"w" * 32).public))
    assert oddities(replace(SOUND, witnesses=(stranger,), witnesses_needed=1), NOW) == ()


def test_trust_check_says_whom_a_file_believes(tmp_path: Path) -> None:
    made = archive(tmp_path, "a")
    environment = {"MUNIMENT_HOME": str(made.home)}
    done = muniment("trust", "check", cwd=made.root, **environment)
    assert (done.status, "Nothing in it is odd" in done.out) == (0, True)
    (tmp_path / "empty.toml").write_text("")
    done = muniment("trust", "check", tmp_path / "empty.toml", cwd=made.root, **environment)
    assert (done.status, done.out.count("Odd: ")) == (4, 2)
