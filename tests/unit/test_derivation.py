"""Rows read ahead by other processes: the same ones in the same order, whatever becomes of those processes."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from captures import captured, desk, eventful
from muniment import durable, layout
from muniment.catalogue import claims, derivation
from muniment.catalogue.derivation import Derived

CAPTURES = 7
DAMAGED = 3
STARTED = """
import sys, time
from pathlib import Path
from muniment.catalogue import claims, derivation
root = Path(sys.argv[1])
found = derivation.ahead(root, claims.committed(root, claims.origins(root)[0]), 1, print)
next(found)
print(found.gi_frame.f_locals["readers"][0]._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an archive of seven captures, the manifest of one of which is damaged."""
    where = desk(tmp_path_factory.mktemp("several"))
    ids = [captured(where, eventful(f"https://{number}.example")) for number in range(CAPTURES)]
    path = where.archive.root / layout.manifest(ids[DAMAGED])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"example", b"exbmple", 1))
    return where.archive.root


def places(root: Path) -> list[claims.Place]:
    (origin,) = claims.origins(root)
    return list(claims.committed(root, origin))


def spelt(found: list[Derived]) -> list[bytes]:
    """Return what was derived in a form in which lists and tuples are equal."""
    return [msgspec.msgpack.encode(each) for each in found]


def here(root: Path) -> list[Derived]:
    return list(derivation.derived(root, places(root), pytest.fail))


def process(found: Generator[Derived, None, None], number: int) -> "subprocess.Popen[bytes]":
    """Return the reading process *number* of those that *found* has started."""
    assert found.gi_frame is not None
    started: subprocess.Popen[bytes] = found.gi_frame.f_locals["readers"][number]._process
    return started


@pytest.mark.parametrize("processes", [1, 2, 3, CAPTURES + 1])
def test_captures_that_others_read_ahead_give_the_same_rows_in_the_same_order(root: Path, processes: int) -> None:
    found = list(derivation.ahead(root, places(root), processes, pytest.fail))
    assert [each.capture for each in found] == [each.leaf.id for each in places(root)]
    assert [each.rows is None for each in found] == [number == DAMAGED for number in range(CAPTURES)]
    assert "manifest.jsonl" in found[DAMAGED].problems[0]
    assert spelt(found) == spelt(here(root))


@pytest.mark.parametrize("dies", [signal.SIGKILL, signal.SIGTERM])
def test_a_reading_process_that_is_killed_loses_no_capture_and_is_told_of(root: Path, dies: signal.Signals) -> None:
    told: list[str] = []
    running = derivation.ahead(root, places(root), 2, told.append)
    found = [next(running)]  # of seven captures five were asked for, and the last will be asked of the first process
    lost = process(running, 0)
    lost.send_signal(dies)
    lost.wait()
    found += running
    assert spelt(found) == spelt(here(root))
    assert [f"status {-dies}" in each for each in told] == [True]


@pytest.mark.parametrize("program", ["/bin/false", "/no/such/python"])
def test_processes_that_cannot_even_begin_lose_no_capture(
    root: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    told: list[str] = []
    found = list(derivation.ahead(root, places(root), 2, told.append))
    assert spelt(found) == spelt(here(root))
    assert len(told) == 2


def test_a_reading_process_ends_when_whoever_asked_asks_no_more(root: Path) -> None:
    running = derivation.ahead(root, places(root), 2, pytest.fail)
    next(running)
    started = [process(running, number) for number in range(2)]
    assert [each.poll() for each in started] == [None, None]
    running.close()
    assert None not in [each.poll() for each in started]


def test_a_reading_process_ends_with_a_parent_that_is_killed(root: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTED, root], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        reader = os.pidfd_open(int(parent.stdout.readline()))
        assert not select.select([reader], [], [], 0)[0]
        parent.kill()
        ended, _, _ = select.select([reader], [], [], 60)
        assert ended
    os.close(reader)


def test_a_reading_process_inherits_no_lock(root: Path) -> None:
    lock = root / layout.archive_lock()
    with durable.locked(lock):
        running = derivation.ahead(root, places(root), 1, pytest.fail)
        next(running)
    assert process(running, 0).poll() is None
    assert not durable.held(lock)
    running.close()
