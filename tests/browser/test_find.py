"""Which program is taken for the browser, and how one that is not fit is told."""

from pathlib import Path

import pytest

from browsing import program
from muniment.fetch.browser.find import OLDEST, find


def made(folder: Path, name: str, script: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("echo Mozilla Firefox 140.0", "is no Chromium: asked for its version it said 'Mozilla Firefox 140.0'"),
        ("exit 3", "said nothing (exit 3)"),
        ("echo Chromium 90.0.4430.212", f"is version 90.0.4430.212; {OLDEST} or newer is needed"),
        ("exec /snap/bin/chromium", "is a snap"),
    ],
    ids=["another-program", "silent", "too-old", "snap"],
)
def test_a_program_that_is_not_fit_says_why(tmp_path: Path, script: str, word: str) -> None:
    path = made(tmp_path, "chromium", script)
    for environment in ({"MUNIMENT_BROWSER": path}, {"PATH": str(tmp_path)}):
        [found] = find(environment)
        assert not found.fit
        assert found.path == path
        assert word in found.unfit


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    [found] = find({"MUNIMENT_BROWSER": str(tmp_path / "none")})
    assert found.unfit == "is no program that can be started"


def test_the_first_fit_program_comes_first_and_the_others_stay_named(tmp_path: Path) -> None:
    made(tmp_path, "chromium", "exit 1")
    made(tmp_path, "google-chrome", "echo Google Chrome 156.0.8078.108")
    found = find({"PATH": str(tmp_path)})
    assert [(Path(each.path).name, each.fit) for each in found] == [("google-chrome", True), ("chromium", False)]
    assert found[0].version == "156.0.8078.108"


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path) -> None:
    assert [each for each in find({"PATH": str(tmp_path)}) if each.path.startswith(str(tmp_path))] == []


def test_the_browser_of_this_machine_tells_its_version() -> None:
    assert int(program().version.partition(".")[0]) >= OLDEST
