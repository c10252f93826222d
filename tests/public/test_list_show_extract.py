"""An archivist lists captures, looks at one, takes payloads out, and makes the index anew: by the commands alone."""

import contextlib
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import Ran, muniment
from conftest import SampleCapture

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def _copied(sample_capture: SampleCapture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("listing") / "case"
    shutil.copytree(sample_capture.archive.root, root)
    for each in root.glob("index.db*"):
        each.unlink()
    return root


@pytest.fixture
def root(_copied: Path, tmp_path: Path) -> Path:
    """Return a copy of an archive that holds one capture of the sample article, and no index."""
    shutil.copytree(_copied, tmp_path / "case")
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


def evidence(root: Path) -> dict[str, str]:
    """Return the digest of every file of the evidence."""
    return {
        str(each.relative_to(root)): hashlib.sha256(each.read_bytes()).hexdigest()
        for part in ("archive", "manifests")
        for each in (root / part).rglob("*")
        if each.is_file()
    }


def dump(root: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(root / "index.db")) as plain:
        return list(plain.iterdump())


def test_list_makes_a_missing_index_and_says_so(run: Run, sample_capture: SampleCapture) -> None:
    first, second = run("list"), run("list")
    assert "index.db is missing" in first.err
    assert second.err == ""
    assert first.out == second.out
    assert sample_capture.id in first.out
    assert "Eleven minutes at the Orvesk grain market" in first.out
    assert first.out.splitlines()[-1] == f"Next: muniment show {sample_capture.id}"


def test_list_as_json_is_one_document(run: Run, sample_capture: SampleCapture) -> None:
    document = run("list", "--json").json
    assert (document["schema"], document["total"]) == ("muniment.list/1", 1)
    (only,) = document["captures"]
    assert (only["id"], only["url"]) == (sample_capture.id, sample_capture.site.url)
    assert only["missing"] == 2
    assert only["unverified"] == 1


def test_show_names_what_was_got_what_is_missing_and_where_it_lies(run: Run, root: Path, sample_capture: Any) -> None:
    told = run("show", sample_capture.id).out
    assert sample_capture.site.url in told
    assert "video (2)" in told
    assert "TLS not verified: expired" in told
    assert "http-4xx 404" in told
    assert "Links on its pages: " in told
    for line in told.splitlines():
        if line.startswith(("  WARC ", "  sealed ")):
            assert (root / line.split()[1]).is_file()
    assert told.splitlines()[-1] == f"Next: muniment extract {sample_capture.id} --role video --out DIR"


def test_show_as_json_is_the_document_of_the_capture(run: Run, root: Path, sample_capture: SampleCapture) -> None:
    document = run("show", sample_capture.id, "--json").json
    assert list(document)[:4] == ["schema", "id", "url", "opened"]
    assert document["schema"] == "muniment.capture/1"
    assert document["exit"] == 3
    (warc,) = document["warcs"]
    assert hashlib.sha256((root / warc["file"]).read_bytes()).hexdigest() == warc["sha256"]
    assert {each["role"] for each in document["missing"]} == {"image", "cited"}


def test_show_takes_the_unique_beginning_of_an_id(run: Run, sample_capture: SampleCapture) -> None:
    whole = run("show", sample_capture.id, "--json").out
    assert run("show", sample_capture.id[:4], "--json").out == whole


@pytest.mark.parametrize("wrong", ["19990101T000000Z-aaaaaa", "%", "../../etc", "' OR 1=1 --", "\x1b[31m"])
def test_an_id_that_is_none_is_refused_in_one_sentence(run: Run, wrong: str) -> None:
    refused = run("show", wrong, status=2)
    assert "no capture has an id that begins so" in refused.err
    assert "\x1b" not in refused.err


def test_videos_come_out_as_the_server_sent_them(run: Run, root: Path, sample_capture: SampleCapture) -> None:
    told = run("extract", sample_capture.id, "--role", "video", "--out", "videos").out
    note = json.loads((root / "videos" / "extracted.json").read_text())
    assert len(note["files"]) == 2
    served = {f"https://{each.host}{each.target}": each.body for each in sample_capture.served}
    for each in note["files"]:
        octets = (root / "videos" / each["file"]).read_bytes()
        assert each["file"].endswith(".mp4")
        assert f"sha256:{hashlib.sha256(octets).hexdigest()}" == each["payload"] == each["content"]
        assert octets == served[each["url"]]
        assert each["file"] in told
        assert (root / each["warc"]).is_file()


def test_everything_comes_out_and_the_evidence_stays_as_it_was(run: Run, root: Path, sample_capture: Any) -> None:
    before = evidence(root)
    document = run("extract", sample_capture.id, "--out", "all", "--json").json
    for each in document["files"]:
        octets = (root / "all" / each["file"]).read_bytes()
        assert f"sha256:{hashlib.sha256(octets).hexdigest()}" == each["content"]
    assert {each["role"] for each in document["files"]} >= {"article", "image", "video", "audio", "style", "font"}
    assert evidence(root) == before


def test_the_page_comes_out_decoded_or_as_it_was_stored(run: Run, root: Path, sample_capture: SampleCapture) -> None:
    run("extract", sample_capture.id, "--url", sample_capture.site.url, "--out", "read")
    run("extract", sample_capture.id, "--url", sample_capture.site.url, "--out", "kept", "--as-stored")
    (read,) = (root / "read").glob("*.html")
    assert b"<title>Eleven minutes" in read.read_bytes()
    note = json.loads((root / "kept" / "extracted.json").read_text())["files"][0]
    kept = (root / "kept" / note["file"]).read_bytes()
    assert f"sha256:{hashlib.sha256(kept).hexdigest()}" == note["payload"]


def test_extract_refuses_to_overwrite_and_to_add_to_the_evidence(run: Run, root: Path, sample_capture: Any) -> None:
    run("extract", sample_capture.id, "--role", "audio", "--out", "out")
    assert "never overwritten" in run("extract", sample_capture.id, "--role", "audio", "--out", "out", status=2).err
    before = evidence(root)
    refused = run("extract", sample_capture.id, "--role", "audio", "--out", "archive/out", status=2)
    assert "nothing is ever added" in refused.err
    assert evidence(root) == before


def test_a_damaged_payload_is_named_and_not_handed_out(run: Run, root: Path, sample_capture: SampleCapture) -> None:
    document = run("show", sample_capture.id, "--json").json
    video = next(each for each in document["resources"] if each["role"] == "video")
    path = root / document["warcs"][0]["file"]
    path.chmod(0o644)
    octets = bytearray(path.read_bytes())
    octets[video["offset"] + 5000] ^= 4
    path.write_bytes(bytes(octets))
    told = run("extract", sample_capture.id, "--role", "video", "--out", "videos", status=1)
    assert video["url"] in told.err
    assert f"at {video['offset']}" in told.err
    assert "muniment verify" in told.err
    assert len(list((root / "videos").glob("*.mp4"))) == 1


def test_a_rebuilt_index_is_the_same_index(run: Run, root: Path) -> None:
    run("list")
    grown = dump(root)
    (root / "index.db").unlink()
    told = run("index", "rebuild").out
    assert "captures: 1" in told
    assert dump(root) == grown


@pytest.mark.parametrize("harm", [b"", b"rubbish" * 4000])
def test_a_damaged_index_is_refused_and_rebuilt(run: Run, root: Path, sample_capture: Any, harm: bytes) -> None:
    run("list")
    grown = dump(root)
    (root / "index.db").write_bytes(harm)
    refused = run("list", status=74)
    assert "`muniment index rebuild`" in refused.err
    assert run("show", sample_capture.id, "--json").out  # needs no index
    run("index", "rebuild")
    assert dump(root) == grown


def test_a_rebuild_names_the_capture_that_it_could_not_read(run: Run, root: Path, sample_capture: Any) -> None:
    (manifest,) = (root / "manifests").glob(f"*/*/*/{sample_capture.id}/manifest.jsonl")
    manifest.chmod(0o644)
    manifest.write_bytes(manifest.read_bytes()[:-100])
    done = run("index", "rebuild", status=3)
    assert f"{sample_capture.id}/manifest.jsonl" in done.err
    assert "muniment verify" in done.out


def test_an_empty_archive_says_what_to_do_next(run: Run, root: Path, tmp_path: Path) -> None:
    run("init", tmp_path / "empty", "--operator", "Desk 1")
    assert run("--archive", tmp_path / "empty", "list").out == "No captures yet. Next: muniment capture URL\n"
    assert run("--archive", tmp_path / "empty", "list", "--json").json["captures"] == []
    assert root.is_dir()
