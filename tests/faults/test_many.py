"""Many captures at once on one archive: none waits for another's servers, and a killed one holds nothing up."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands import command, muniment
from conftest import times
from hostile import Served, Talk, answer, routing
from muniment import durable, layout

PROCESSES = times(4, 8)
KILLED = times(1, 3)
URLS = times(40, 200)
LINUX = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks at processes through /proc")


def page(images: int, text: str = "Two people were killed at the market. ") -> bytes:
    pictures = "".join(f'<img src="/{number}.png">' for number in range(images))
    return answer(f"<!DOCTYPE html><title>Market</title><article><p>{text * 9}</p>{pictures}".encode(), "200 OK", HTML)


HTML = "Content-Type: text/html"
PICTURE = answer(b"\x89PNG\r\n\x1a\n" + bytes(900), "200 OK", "Content-Type: image/png")


def taken(served: Served, path: str = "/") -> list[str]:
    """Return the arguments by which a page of *served* is captured and nothing else can be reached."""
    rest = ["--no-dns", "--allow-net", "127.0.0.0/8", "--delay", "0s", "--json"]
    return ["capture", served.url(path), "--resolve", "site.example=127.0.0.1", *rest]


@contextmanager
def running(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start ``muniment`` with *arguments*; it is gone when the block ends."""
    with subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    assert muniment("init", "case", "--operator", "Desk 1", cwd=tmp_path).status == 0
    return tmp_path / "case"


def children(process: int) -> list[int]:
    """Return the processes that *process* has started and that live."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    except (FileNotFoundError, ProcessLookupError):  # it ended, or a thread of it
        pass
    return found


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_reading(process: int) -> bool:
    """Say whether *process* has come so far as to load a parser, which the reader does behind all its precautions."""
    try:
        return "lxml" in Path(f"/proc/{process}/maps").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False


def awaited(condition: threading.Event) -> None:
    assert condition.wait(60)


class Doomed(threading.Thread):
    """Kills *process* by SIGKILL behind some lines of its progress; ``orphans`` are the processes it left."""

    def __init__(self, process: subprocess.Popen[str], lines: int) -> None:
        super().__init__()
        self._process = process
        self._lines = lines
        self.orphans: list[int] = []

    def run(self) -> None:
        assert self._process.stderr is not None
        for _ in range(self._lines):
            if not self._process.stderr.readline():
                break
        self.orphans = children(self._process.pid)
        self._process.kill()


@LINUX
@pytest.mark.timeout(0)
def test_of_many_captures_at_once_some_are_killed_and_all_others_commit(archive: Path) -> None:
    chance = random.Random(17)  # noqa: S311 - the same moments in every run
    killed = threading.Event()

    def route(target: str) -> bytes:
        if target == f"/{URLS - 1}.png":
            awaited(killed)  # so that none of the doomed comes to its end before
        return page(URLS) if target == "/" else PICTURE

    with Served(routing(route)) as served:
        processes = [
            subprocess.Popen(
                command(*taken(served)), cwd=archive, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if number < KILLED else subprocess.DEVNULL, text=True,
            )
            for number in range(PROCESSES)
        ]  # fmt: skip
        doomed = [Doomed(process, chance.randrange(1, URLS)) for process in processes[:KILLED]]
        for each in doomed:
            each.start()
        for each in doomed:
            each.join()
        killed.set()
        said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [-signal.SIGKILL] * KILLED + [0] * (PROCESSES - KILLED)
    committed = {json.loads(each)["id"] for each in said[KILLED:]}
    assert len(committed) == PROCESSES - KILLED
    while any(lives(each) for one in doomed for each in one.orphans):  # the test's time limit ends this
        time.sleep(0.01)
    left = muniment("recover", "--dry-run", "--json", cwd=archive).json["captures"]
    assert {each["capture"] for each in left}.isdisjoint(committed)
    assert muniment("recover", cwd=archive).status == 0
    assert muniment("verify", cwd=archive).status == 0
    assert muniment("index", "check", cwd=archive).status == 0
    listed = {each["id"]: each for each in muniment("list", "--json", "--limit", "0", cwd=archive).json["captures"]}
    assert all(listed[each]["verdict"] == "fetched" for each in committed)
    assert len(listed) - len(committed) <= KILLED
    assert muniment("index", "rebuild", cwd=archive).status == 0
    assert muniment("index", "check", cwd=archive).status == 0


def test_a_capture_that_waits_for_a_slow_server_holds_up_no_other(archive: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def script(talk: Talk) -> None:
        while True:
            target = talk.request().split(b" ")[1]
            if target == b"/slow.png":
                asked.set()
                awaited(go_on)
            pages = {b"/": page(3), b"/slow": answer(b'<title>S</title><img src="/slow.png">', "200 OK", HTML)}
            talk.send(pages.get(target, PICTURE))

    with Served(script) as served, running(*taken(served, "/slow"), cwd=archive) as slow:
        awaited(asked)
        (held,) = (archive / layout.WORK / "captures").glob("*.lock")
        assert durable.held(held)
        quick = muniment(*taken(served), cwd=archive)
        assert quick.status == 0, quick.err
        assert muniment("verify", quick.json["id"], cwd=archive).status == 0
        assert muniment("recover", "--json", cwd=archive).json["captures"] == []
        assert muniment("search", "market", "--json", cwd=archive).json["found"]
        assert (slow.poll(), durable.held(held)) == (None, True), "it was still at it while all this was done"
        go_on.set()
        out, err = slow.communicate()
        assert slow.returncode == 0, err
    both = {quick.json["id"], json.loads(out)["id"]}
    assert {each["id"] for each in muniment("list", "--json", cwd=archive).json["captures"]} == both
    assert muniment("verify", cwd=archive).status == 0


@LINUX
def test_the_reader_of_a_killed_capture_holds_no_lock_and_ends_with_it(archive: Path) -> None:
    heavy = page(0, "<p>Two people were <b>killed</b> at the market.</p>" * 7000)
    with Served(routing(lambda target: heavy if target == "/" else page(0))) as served:
        with running(*taken(served), cwd=archive) as capture:
            while not (readers := [each for each in children(capture.pid) if is_reading(each)]):
                time.sleep(0.005)  # the test's time limit ends this
                assert capture.poll() is None, "it never read the article"
            os.kill(readers[0], signal.SIGSTOP)  # so it does not end by itself
            (lock,) = (archive / layout.WORK / "captures").glob("*.lock")
            assert durable.held(lock)
            capture.kill()
            capture.wait()
            assert not durable.held(lock)
            while any(map(lives, readers)):
                time.sleep(0.005)
        again = muniment(*taken(served, "/light"), "--quiet", cwd=archive)
        assert again.status == 0, again.err
        assert lock.stem in again.err, "the next capture says what it recovered"
    assert muniment("verify", cwd=archive).status == 0
