"""Readers and the one writer of the index: nobody who searches is ever told that the database is locked."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from archives import Made, begun, captured
from commands import muniment
from conftest import times
from muniment import catalogue, layout
from muniment.errors import MunimentError
from muniment.index import Query, reading

CAPTURES = times(12, 200)
REBUILDS = times(6, 100)

# Asks again and again, each time with an index opened anew, until its standard input ends; tells what it saw.
READER = """
import sys, threading
from pathlib import Path
from muniment.index import Query, reading
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
seen = set()
print("ready", flush=True)
while not ended.is_set():
    with reading(Path(sys.argv[1])) as index:
        listed = len(index.captures(1000))
        found = index.search(Query(words="market"), 1000)
        seen.add((listed, len(found.found)))
        assert len({each.capture for each in found.found}) >= listed, (listed, found)
print(sorted(seen))
"""


@contextmanager
def readers(index: Path, number: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Let *number* processes ask *index* while the block runs; none of them may have met an error."""
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(index)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(number)
    ]  # fmt: skip
    for each in asking:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    try:
        yield asking
    finally:
        said = [each.communicate() for each in asking]
    assert [(each.returncode, err) for each, (_, err) in zip(asking, said, strict=True)] == [(0, "")] * number
    assert all(len(out) > len("[]\n") for out, _ in said)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    made = captured(begun(tmp_path), "a")
    catalogue.add(made.root, made.captures[0])
    return made


@pytest.mark.timeout(0)
def test_readers_are_answered_while_captures_are_entered_and_the_index_is_made_anew(made: Made) -> None:
    index = made.path(layout.INDEX)
    with readers(index, 2):
        for number in range(CAPTURES):
            made = captured(made, f"{number}")
            catalogue.add(made.root, made.captures[-1])
            if number % (CAPTURES // REBUILDS) == 0:
                assert catalogue.rebuild(made.root, index, lambda _: None).problems == ()
    with reading(index) as found:
        assert found.total() == CAPTURES + 1


def test_a_reader_in_the_middle_of_a_question_holds_up_no_writer_and_sees_one_moment(made: Made) -> None:
    index = made.path(layout.INDEX)
    with closing(sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True)) as asking:
        asking.execute("BEGIN")
        before = asking.execute("SELECT id FROM captures").fetchall()
        made = captured(made, "b")
        catalogue.add(made.root, made.captures[-1])
        assert catalogue.rebuild(made.root, index, lambda _: None).counts["captures"] == 2
        assert asking.execute("SELECT id FROM captures").fetchall() == before
        asking.rollback()
        assert len(asking.execute("SELECT id FROM captures").fetchall()) == 2


def test_a_writer_in_the_middle_of_writing_holds_up_no_reader(made: Made) -> None:
    index = made.path(layout.INDEX)
    with closing(sqlite3.connect(index)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("DELETE FROM links")
        with reading(index) as found:
            assert found.total() == 1
            assert found.search(Query(words="market"), 10).found
        home = {"MUNIMENT_HOME": str(made.home)}
        assert muniment("search", "market", "--json", cwd=made.root, **home).json["found"]
        assert muniment("list", "--json", cwd=made.root, **home).json["captures"]
        assert muniment("show", made.captures[0], cwd=made.root, **home).status == 0
        writing.rollback()


def test_a_change_waits_for_whoever_holds_the_file_for_a_moment(made: Made) -> None:
    failed: list[MunimentError] = []

    def enter() -> None:
        try:
            catalogue.add(made.root, made.captures[0])
        except MunimentError as failure:
            failed.append(failure)

    with closing(sqlite3.connect(made.path(layout.INDEX), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        entering = threading.Thread(target=enter)
        entering.start()
        entering.join(0.5)
        assert (entering.is_alive(), failed) == (True, [])
        other.execute("ROLLBACK")
        entering.join(60)
    assert (entering.is_alive(), failed) == (False, [])
