"""A disk that is really full, or read-only: the command line says so, loses nothing, and goes on when there is room."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from browsing import Reply, Site, pages
from commands import of_site
from conftest import times
from muniment import layout, sample
from small_disk import SmallDisk, small_disk

SIZE = times(12, 64) << 20  # a soak keeps more captures
WHOLE = 1_600_000  # about what a capture of the sample takes, with the index


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with small_disk(tmp_path / "disk", SIZE) as made:
            assert made.run("init", "case", "--operator", "Desk 1").status == 0
            yield made
    except OSError as refused:
        pytest.skip(f"{refused}: needs root, or a system that lets users mount memory")


def taken(site: sample.Site) -> list[str]:
    """Return the arguments by which the sample is captured though the disk is nearly full."""
    return ["capture", *of_site(site, cited=0), "--min-free", "0B"]


@pytest.mark.timeout(0)
def test_a_disk_that_fills_up_ends_the_capture_and_loses_nothing_that_was_committed(
    disk: SmallDisk, site: sample.Site
) -> None:
    arguments = taken(site)
    committed = [disk.run(*arguments, "--json", below="case").json["id"]]
    chance = random.Random(13)  # noqa: S311 - the same amounts of room in every run
    refused = 0
    for number in range(times(3, 30)):
        room = (0, WHOLE // 2, WHOLE // 8)[number] if number < 3 else chance.randrange(WHOLE)
        disk.leave(room)
        done = disk.run(*arguments, "--json", below="case")
        assert done.status in {74, 3}, (room, done)
        assert "Traceback" not in done.err
        if done.status == 74:
            refused += 1
            assert "make room" in done.err
            assert done.out == ""
        else:
            committed.append(done.json["id"])  # the evidence found room, the index perhaps not
        verified = disk.run("verify", "--json", below="case")
        assert not [each for each in verified.json["findings"] if each["verdict"] == "fail"], room
        disk.make_room()
        recovered = disk.run("recover", "--json", below="case")
        assert recovered.status == 0, recovered.err
        assert disk.run("verify", "--json", below="case").status == 0
    assert refused >= 3
    assert disk.run("index", "rebuild", below="case").status == 0
    listed = {each["id"] for each in disk.run("list", "--json", "--limit", "0", below="case").json["captures"]}
    assert listed >= set(committed)
    assert disk.run(*arguments, "--json", below="case").status == 3


def test_on_a_disk_that_is_read_only_nothing_is_captured_and_everything_can_be_read(
    disk: SmallDisk, site: sample.Site
) -> None:
    arguments = taken(site)
    committed = disk.run(*arguments, "--json", below="case").json["id"]
    disk.mount("ro")
    refused = disk.run(*arguments, below="case")
    assert (refused.status, "read only" in refused.err) == (74, True)
    assert "Traceback" not in refused.err
    assert disk.run("verify", below="case").status == 0
    assert committed in {each["id"] for each in disk.run("list", "--json", below="case").json["captures"]}
    assert disk.run("search", "market", "--json", below="case").json["found"]
    assert disk.run("show", committed, below="case").status == 0
    assert disk.run("index", "check", below="case").status == 0
    assert disk.run("recover", below="case").status == 0
    (disk.seen / "case" / str(layout.WORK) / "lock").stat()
    disk.mount("rw")
    assert disk.run(*arguments, below="case").status == 3


def test_a_disk_that_fills_up_while_a_film_comes_ends_the_capture_and_what_came_is_kept(disk: SmallDisk) -> None:
    pieces = 24
    lines = "".join(f"#EXTINF:2,\n{number}.ts\n" for number in range(pieces))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n{lines}#EXT-X-ENDLIST\n".encode()
    noise = random.Random(5).randbytes(1 << 20)  # noqa: S311 - more of it than the disk has room for
    route = {f"/film/{number}.ts": Reply(b"G" + noise, {"Content-Type": "video/mp2t"}) for number in range(pieces)}
    route["/film/list.m3u8"] = Reply(playlist, {"Content-Type": "application/vnd.apple.mpegurl"})
    made = Site(pages({"/": "<!doctype html><h1>Film</h1><video src=/film/list.m3u8></video>", **route}))
    try:
        rest = ["--resolve", "localhost=127.0.0.1", "--no-dns", "--allow-net", "127.0.0.0/8", "--delay", "0s"]
        done = disk.run("capture", made.url(), *rest, "--min-free", "0B", below="case")
        asked = {path for _, _, path in made.asked}
    finally:
        made.close()
    assert "/film/0.ts" in asked
    assert len(asked) < pieces
    assert (done.status, "make room" in done.err) == (74, True), done.err
    assert "Traceback" not in done.err
    recovered = disk.run("recover", below="case")
    assert recovered.status == 0, recovered.err
    assert disk.run("verify", "--payloads", below="case").status == 0
    assert [path.name for path in (disk.seen / "case" / "work").rglob("*") if path.is_file()] == ["lock"]
