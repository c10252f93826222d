"""The second edition from the command line: served until Ctrl-C, by the line that captures it; or told what lacks."""

import os
import shlex
import signal
import subprocess
from pathlib import Path

from commands import command, muniment


def test_the_second_edition_is_served_with_the_line_that_captures_it(tmp_path: Path) -> None:
    assert muniment("init", "case", "--name", "case", "--operator", "Desk 1", cwd=tmp_path).status == 0
    serving = subprocess.Popen(
        command("demo", "serve", "--edition", "2"), cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert serving.stdout is not None
        while not (line := serving.stdout.readline()).startswith("muniment capture "):
            assert line
        arguments = shlex.split(line)[2:]
        captured = muniment(
            "capture", *arguments, "--engine", "static", "--delay", "0s", "--json", cwd=tmp_path / "case"
        )
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=30) == 0
    # Without its scripts the article is a shell: its own page, and what that names.
    assert captured.status == 3, captured.err
    assert captured.json["verdict"] == "partial"
    assert "empty" in {each["reason"] for each in captured.json["missing"] if each["url"] == captured.json["url"]}
    got = {each["url"]: each["status"] for each in captured.json["resources"]}
    assert got["https://today.courier.example/valley/2025/03/one-year"] == 200
    assert got["https://pictures.courier.example/fonts/lenna-display.woff2"] == 200
    assert not [url for url in got if "/v2/" in url or "social.example" in url]


def test_without_its_libraries_the_second_edition_says_how_to_get_them(tmp_path: Path) -> None:
    (tmp_path / "h2").mkdir()
    (tmp_path / "h2" / "__init__.py").write_text("raise ModuleNotFoundError('not here', name='h2')")
    ran = muniment("demo", "serve", "--edition", "2", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert ran.status == 2
    assert "the second edition needs h2, which is not installed: pip install 'muniment[demo]'" in ran.err
