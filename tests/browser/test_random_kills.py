"""kill -9 of whoever takes part in a capture in the browser, at random moments: what is sealed is true."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

import films
from browsing import Site, pages, program
from commands import command, muniment
from conftest import times

KILLS = times(2, 60)
PATIENCE = 120
PAGE = """<!doctype html><title>Films</title><h1>The list</h1><img src=/p.png><p id=said></p>
<video controls src="/film/master.m3u8"></video><script>
fetch('/film/master.m3u8').then(answer => answer.text()).then(text => { said.textContent = text.length });
new EventSource('/events');
</script>"""
VICTIMS = ("chromium", "muniment.fetch.decoding", "yt_dlp", "ffmpeg", "muniment")


def below(parent: int) -> dict[int, str]:
    """Return the processes below *parent* with their command lines."""
    found: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            above = int((path / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1])
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except (OSError, IndexError):
            continue
        found[int(path.name)] = above, line
    wanted = {parent}
    while more := {pid for pid, (above, _) in found.items() if above in wanted} - wanted:
        wanted |= more
    return {pid: found[pid][1] for pid in wanted - {parent}}


def killed(running: "subprocess.Popen[str]", victim: str, after: float) -> None:
    """Kill *victim* of a capture once it is there and *after* seconds have gone, if it is still there then."""
    if victim == "muniment":
        try:
            running.wait(after)
        except subprocess.TimeoutExpired:
            running.kill()
        return
    ends = time.monotonic() + PATIENCE
    while running.poll() is None and time.monotonic() < ends:
        pids = [pid for pid, line in below(running.pid).items() if victim in line]
        if pids:
            try:
                running.wait(after)
            except subprocess.TimeoutExpired:
                pids = [pid for pid, line in below(running.pid).items() if victim in line]
            for each in pids:
                try:
                    os.kill(each, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            return


@pytest.mark.timeout(0)
def test_whoever_is_killed_at_whatever_moment_what_is_sealed_verifies_and_nothing_is_left(tmp_path: Path) -> None:
    browser = program()
    assert muniment("init", "case", "--operator", "Desk 1", cwd=tmp_path).status == 0
    archive = tmp_path / "case"
    chance = random.Random(11)  # noqa: S311 - the same moments in every run
    made = Site(pages({"/": PAGE, **films.replies(films.made("heights"))}))
    rest = ["--resolve", "localhost=127.0.0.1", "--no-dns", "--allow-net", "127.0.0.0/8", "--delay", "0s", "--json"]
    environment = {**os.environ, "MUNIMENT_BROWSER": browser.path}
    try:
        for _ in range(KILLS):
            victim = chance.choice(VICTIMS)
            with subprocess.Popen(
                command("capture", made.url(), *rest),
                cwd=archive,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as running:
                killed(running, victim, chance.random() * (10 if victim == "muniment" else 4))
                left = below(running.pid)
                out, err = running.communicate(timeout=PATIENCE)
            assert "Traceback" not in err, err
            if victim != "muniment":
                document = json.loads(out)
                # Whoever was killed before its work was done has done less, and that is told.
                if document["verdict"] == "complete":
                    assert {each["role"] for each in document["artefacts"]} >= {"screenshot", "pdf", "dom", "text"}
                    assert document["reckoning"]["asked"] == document["reckoning"]["recorded"]
                    assert [each for each in document["artefacts"] if each["kind"] == "conversion"]
            ends = time.monotonic() + PATIENCE
            while any(Path(f"/proc/{pid}").exists() for pid in left) and time.monotonic() < ends:
                os.sched_yield()
            assert not [pid for pid in left if Path(f"/proc/{pid}").exists()], "something outlived its capture"
    finally:
        made.close()
    assert muniment("recover", cwd=archive).status == 0
    assert muniment("verify", "--payloads", cwd=archive).status == 0
    assert [path.name for path in (archive / "work").rglob("*") if path.is_file()] == ["lock"]
