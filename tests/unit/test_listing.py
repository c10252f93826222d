"""What the web wrote is shown to people without harm: titles, URLs, media types on a terminal."""

import json
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner

from captures import SEED, Step, answer, captured, desk, link, page, response
from muniment.capture import commit
from muniment.cli import muniment
from muniment.errors import JobError
from muniment.model import Role

ATTACKS = [
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "line one\nmuniment: PASS everything verified\r\nNext: rm -rf",
    "[bold red]markup[/bold red] [link=https://x.example]x[/link] :skull:",
    "\u202egnp.exe\u2066\u200b",
    "\x9b31m\x85\u2028",
    "=cmd|' /C calc'!A0",
    "",
]


def shown(folder: Path, title: str, *arguments: str) -> str:
    made = desk(folder)
    steps = [
        Step(
            answer(SEED, page(), tls="\x1b\x07expired"),
            Role.ARTICLE,
            title=title,
            links=[link(title or "x")],
        ),
        Step(answer(SEED + "/2", response(b"", "Content-Type: text/\x1b\x07red")), Role.IMAGE, 0),
    ]
    capture = captured(made, steps)
    root = str(made.archive.root)
    done = CliRunner().invoke(
        muniment, ["--archive", root, *(each.replace("ID", capture) for each in arguments)], standalone_mode=False
    )
    assert done.exception is None, done.exception
    return done.output


def harmless(text: str) -> bool:
    # Controls, invisible format characters, surrogates, line and paragraph separators; joiners are letters' business.
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return all(letter in "\n\u200c\u200d" or unicodedata.category(letter) not in hidden for letter in text)


@pytest.mark.parametrize("title", ATTACKS)
@pytest.mark.parametrize("arguments", [["list"], ["show", "ID"]])
def test_no_letter_from_the_web_reaches_the_terminal_as_a_command(
    tmp_path: Path, title: str, arguments: list[str]
) -> None:
    output = shown(tmp_path, title, *arguments)
    assert harmless(output)
    assert not any(line.startswith(("muniment: PASS", "Next: rm")) for line in output.splitlines())


def test_what_looks_like_markup_is_shown_as_it_is_written(tmp_path: Path) -> None:
    assert ATTACKS[2] in shown(tmp_path, ATTACKS[2], "list")


@pytest.mark.parametrize("title", ATTACKS)
def test_json_holds_the_title_exactly_and_no_letter_that_a_terminal_obeys(tmp_path: Path, title: str) -> None:
    output = shown(tmp_path, title, "show", "ID", "--json")
    assert json.loads(output)["article"]["title"] == title
    assert output.isascii()
    assert harmless(output)


def test_naughty_strings_are_shown_without_harm(tmp_path: Path, corpus: Path) -> None:
    naughty = [str(each) for each in json.loads((corpus / "blns" / "blns.json").read_bytes())]
    made = desk(tmp_path)
    wanted = [each for each in naughty if "\x00" not in each]
    for title in ["\n".join(wanted[start : start + 100])[:4096] for start in range(0, len(wanted), 100)]:
        captured(made, [Step(answer(SEED, page()), Role.ARTICLE, title=title, links=[])])
    done = CliRunner().invoke(muniment, ["--archive", str(made.archive.root), "list"], standalone_mode=False)
    assert done.exception is None
    assert harmless(done.output)


def test_no_url_is_broken_where_the_output_is_no_terminal(tmp_path: Path) -> None:
    made = desk(tmp_path)
    seed = SEED + "?" + "x" * 900
    captured(made, [Step(answer(seed, page()), Role.ARTICLE, links=[])], seed=seed)
    done = CliRunner().invoke(muniment, ["--archive", str(made.archive.root), "list"], standalone_mode=False)
    assert seed in done.output
    assert all(line == line.rstrip() for line in done.output.splitlines())


def test_a_capture_that_the_index_lacks_is_reported_by_list(tmp_path: Path) -> None:
    made = desk(tmp_path)
    arguments = ["--archive", str(made.archive.root), "list"]
    assert "not in the index" not in CliRunner().invoke(muniment, arguments, standalone_mode=False).output
    capture = captured(made, [Step(answer(SEED, page()), Role.ARTICLE, links=[])])
    told = CliRunner().invoke(muniment, arguments, standalone_mode=False).output
    assert f"not in the index; run `muniment index rebuild`: {capture}" in told


def refused(made: commit.Desk, text: str) -> str:
    arguments = ["--archive", str(made.archive.root), "show", text]
    with pytest.raises(JobError) as failure:
        CliRunner().invoke(muniment, arguments, standalone_mode=False, catch_exceptions=False)
    return str(failure.value)


def test_a_beginning_that_several_captures_share_is_refused_with_their_ids(tmp_path: Path) -> None:
    made = desk(tmp_path)
    ids = [captured(made, [Step(answer(SEED, page()), Role.ARTICLE, links=[])]) for _ in range(2)]
    told = refused(made, "2")
    assert all(each in told for each in ids)
    assert "write more of the id" in told


def test_a_capture_that_was_opened_and_never_sealed_is_told_apart_from_none(tmp_path: Path) -> None:
    made = desk(tmp_path)
    with commit.draft(made, SEED) as begun:
        assert "was opened and is not sealed" in refused(made, begun.id)
    assert "no capture has an id" in refused(made, "29991231T000000Z-aaaaaa")
