"""An archivist finds a capture again, and checks and measures the index: by the commands alone."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from commands import Ran, muniment
from conftest import SampleCapture

Run = Callable[..., Ran]
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.fixture
def root(sample_capture: SampleCapture, tmp_path: Path) -> Path:
    """Return a copy of an archive that holds one capture of the sample article, and no index."""
    shutil.copytree(sample_capture.archive.root, tmp_path / "case", ignore=shutil.ignore_patterns("index.db*"))
    return tmp_path / "case"


@pytest.fixture
def run(root: Path) -> Run:
    """Return a function that runs muniment in the archive's folder and expects an exit status."""

    def expecting(*arguments: str | Path, status: int = 0) -> Ran:
        done = muniment(*arguments, cwd=root, NO_COLOR="1")
        assert done.status == status, done.err
        assert "Traceback" not in done.err
        return done

    return expecting


def valid(name: str, document: Any) -> Any:
    jsonschema.validate(document, json.loads((SCHEMAS / f"{name}.json").read_text()))
    assert document["schema"] == f"muniment.{name.replace('-', '/')}"
    return document


def test_a_word_of_the_headline_finds_the_capture(run: Run, sample_capture: SampleCapture) -> None:
    told = run("search", "ELEVEN minutes").out
    assert sample_capture.id in told
    assert "[Eleven] [minutes]" in told or "[Eleven minutes]" in told
    assert told.splitlines()[-1] == f"Next: muniment show {sample_capture.id}"


def test_search_as_json_keeps_its_schema(run: Run, sample_capture: SampleCapture) -> None:
    document = valid("search-1", run("search", "market", "--json").json)
    assert {each["capture"] for each in document["found"]} == {sample_capture.id}
    assert sample_capture.site.url in {each["url"] for each in document["found"]}
    assert all(each["passage"]["marks"] for each in document["found"])


def test_a_digest_a_role_and_a_reason_find_their_records(run: Run) -> None:
    videos = valid("search-1", run("search", "--role", "video", "--json").json)["found"]
    assert len(videos) == 2
    again = run("search", "--digest", videos[0]["payload"], "--json").json["found"]
    assert [each["record_id"] for each in again] == [videos[0]["record_id"]]
    missing = run("search", "--reason", "http-4xx", "--json").json["found"]
    assert {each["status"] for each in missing} == {404}
    assert all(each["passage"] is None for each in videos)


def test_what_is_nowhere_is_said_to_be_nowhere_and_is_no_error(run: Run) -> None:
    assert run("search", "zeppelin").out.startswith("Nothing was found.")
    assert run("search", '"NEAR(" *').out.startswith("Nothing was found.")
    assert valid("search-1", run("search", "zeppelin", "--json").json)["found"] == []


def test_nothing_to_look_for_and_a_date_that_is_none_are_usage_errors(run: Run) -> None:
    assert "nothing to look for" in run("search", status=2).err
    assert "2024-12-31" in run("search", "market", "--since", "last week", status=2).err


def test_check_finds_a_changed_row_and_a_rebuild_mends_it(run: Run, root: Path) -> None:
    run("index", "rebuild")
    before = (root / "index.db").read_bytes()
    assert valid("checked-1", run("index", "check", "--json").json)["equal"] is True
    assert "The index is what the evidence gives" in run("index", "check").out
    assert (root / "index.db").read_bytes() == before
    with contextlib.closing(sqlite3.connect(root / "index.db")) as plain:
        plain.execute("UPDATE records SET status = 200 WHERE status = 404")
        plain.commit()
    told = run("index", "check", status=1).out
    assert "status: expected 404, found 200" in told
    assert told.splitlines()[-1] == "Next: muniment index rebuild"
    assert valid("checked-1", run("index", "check", "--json", status=1).json)["equal"] is False
    run("index", "rebuild")
    assert run("index", "check").status == 0


def test_stats_say_how_large_the_index_is(run: Run) -> None:
    document = valid("stats-1", run("index", "stats", "--json").json)
    assert document["counts"]["captures"] == 1
    assert document["octets_a_record"] > 0
    assert "of which full text" in run("index", "stats").out


def test_metadata_for_datasette_is_json(run: Run) -> None:
    assert set(json.loads(run("index", "datasette").out)["databases"]) == {"index"}


@pytest.mark.parametrize("harm", [b"", b"rubbish" * 4000])
def test_a_damaged_index_is_refused_by_search_and_check_with_what_to_do(run: Run, root: Path, harm: bytes) -> None:
    run("list")
    (root / "index.db").write_bytes(harm)
    for command in (["search", "market"], ["index", "check"], ["index", "stats"]):
        assert "`muniment index rebuild`" in run(*command, status=74).err
    run("index", "rebuild")
    assert "Eleven" in run("search", "eleven").out


def test_an_index_of_a_newer_muniment_is_refused_with_what_to_do(run: Run, root: Path) -> None:
    run("list")
    with contextlib.closing(sqlite3.connect(root / "index.db")) as plain:
        plain.execute("PRAGMA user_version = 99")
    assert "newer muniment" in run("search", "market", status=74).err


def test_an_index_of_an_older_muniment_is_made_anew(run: Run, root: Path) -> None:
    run("list")
    with contextlib.closing(sqlite3.connect(root / "index.db")) as plain:
        plain.execute("PRAGMA user_version = 1")
    done = run("search", "eleven")
    assert "older muniment" in done.err
    assert "Eleven" in done.out
