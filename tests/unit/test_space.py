"""A capture pauses before the disk is full, goes on when there is room, and ends in time where there is none."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import hostile
from archives import tree
from commands import muniment, of_site
from conftest import loopback_rules, make_archive, make_desk
from hostile import Served, answer
from muniment import layout, manifest, sample
from muniment.capture import commit
from muniment.capture.archive import Archive
from muniment.capture.space import Space
from muniment.errors import FetchError, StoreError
from muniment.message.url import Url
from muniment.model import (
    Exchange,
    Reason,
    Record,
    Role,
    State,
    Truncation,
)
from muniment.rules import Limits, Rules

FLOOR = 100 << 20


class Disk:
    """A disk whose free octets a test sets: what statvfs(2) would answer."""

    def __init__(self, free: int) -> None:
        self.free = free

    def statvfs(self, _path: object) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=self.free, f_frsize=1)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    found = Disk(10 * FLOOR)
    monkeypatch.setattr(os, "statvfs", found.statvfs)
    return found


def limits(**changed: float) -> Limits:
    return Limits(**{"delay": 0, "min_free": FLOOR} | changed)  # type: ignore[arg-type]


def own(**changed: float) -> Rules:
    """Return rules by which a server of the test's own can be reached and nothing else."""
    return Rules(allow_net=("127.0.0.0/8",), dns=False, resolve=("site.example=127.0.0.1",), limits=limits(**changed))


def captured(
    archive: Archive, rules: Rules, url: str, *, said: Callable[[], object], told: Callable[[str], object],
    stop: threading.Event | None = None,
) -> tuple[manifest.Description, list[Record]]:  # fmt: skip
    def hear(_exchange: Exchange, _role: Role) -> None:
        said()

    done = commit.capture(
        Url.parse(url), make_desk(archive, rules), stop=stop or threading.Event(), said=hear, told=told
    )
    first, *rest = archive.path(layout.manifest(done.id)).read_bytes().removesuffix(b"\n").split(b"\n")
    return manifest.decode_description(first, "line 0"), [manifest.decode_record(line, "line") for line in rest]


def test_a_capture_that_runs_out_of_room_pauses_and_goes_on_by_itself(
    site: sample.Site, tmp_path: Path, disk: Disk
) -> None:
    heard: list[str] = []

    def fills() -> None:
        if not heard:
            disk.free = FLOOR - 1

    def told(sentence: str) -> None:
        heard.append(sentence)
        disk.free = 10 * FLOOR

    archive = make_archive(tmp_path)
    description, records = captured(archive, loopback_rules(site, limits=limits()), site.url, said=fills, told=told)
    assert description.verdict is State.FETCHED
    assert not [line for line in records if line.outcome in {Reason.LIMIT_TIME, Reason.INTERRUPTED}]
    assert len(heard) == 2
    assert heard[0].startswith("Paused: 104 MB are left")
    assert "--min-free" in heard[0]
    assert heard[1].startswith("Going on")


def test_a_disk_that_stays_full_ends_the_capture_in_time_with_what_was_got(
    site: sample.Site, tmp_path: Path, disk: Disk
) -> None:
    heard: list[str] = []

    def fills() -> None:
        disk.free = 0

    rules = loopback_rules(site, limits=limits(max_time=5.0))
    description, records = captured(make_archive(tmp_path), rules, site.url, said=fills, told=heard.append)
    assert description.verdict is State.PARTIAL
    assert [line.status for line in records if line.role is Role.ARTICLE and line.outcome is Reason.OK] == [200]
    assert len([line for line in records if line.outcome is Reason.LIMIT_TIME]) > 10
    assert len(heard) == 1


def test_what_was_not_fetched_for_lack_of_room_says_so(site: sample.Site, tmp_path: Path, disk: Disk) -> None:
    details: list[str] = []

    def said(exchange: Exchange, _role: Role) -> None:
        disk.free = 0
        if exchange.reason is Reason.LIMIT_TIME:
            details.append(exchange.detail)

    desk = make_desk(make_archive(tmp_path), loopback_rules(site, limits=limits(max_time=5.0)))
    commit.capture(Url.parse(site.url), desk, stop=threading.Event(), said=said)
    assert set(details) == {"not fetched: until the end the disk of the archive had less than 100MiB free (min-free)"}


def test_an_interruption_ends_a_pause(site: sample.Site, tmp_path: Path, disk: Disk) -> None:
    stop = threading.Event()

    def fills() -> None:
        disk.free = 0

    rules = loopback_rules(site, limits=limits(max_time=100.0))
    archive = make_archive(tmp_path)
    description, records = captured(
        archive, rules, site.url, said=fills, told=lambda _: stop.set(), stop=stop
    )  # fmt: skip
    assert description.verdict is State.INTERRUPTED
    assert [line for line in records if line.outcome is Reason.INTERRUPTED]


@pytest.mark.parametrize("comes_back", [True, False], ids=["room-comes-back", "room-stays-away"])
def test_a_body_on_its_way_waits_for_room_and_is_cut_where_none_comes(
    tmp_path: Path, disk: Disk, *, comes_back: bool
) -> None:
    body = bytes(range(256)) * (1 << 15)
    paused = threading.Event()

    def serve(talk: hostile.Talk) -> None:
        talk.request()
        octets = answer(body, "200 OK", "Content-Type: image/png")
        sent = 1 << 16
        talk.send(octets[:sent])
        disk.free = 0
        while sent < 7 << 20 and not paused.wait(0.02):
            talk.send(octets[sent : sent + (1 << 16)])
            sent += 1 << 16
        talk.send(octets[sent:])

    def told(sentence: str) -> None:
        if comes_back and sentence.startswith("Paused"):
            disk.free = 10 * FLOOR
        paused.set()

    with Served(serve) as served:
        rules = own(max_resource_time=100.0 if comes_back else 1.5)
        _, records = captured(make_archive(tmp_path), rules, served.url(), said=lambda: None, told=told)
    [line] = [line for line in records if line.outcome is not None]
    assert line.truncated is (None if comes_back else Truncation.TIME)
    assert (line.size == len(body)) == comes_back
    assert line.size >= 1 << 16


def test_a_capture_does_not_begin_where_there_is_too_little_room(site: sample.Site, tmp_path: Path, disk: Disk) -> None:
    archive = make_archive(tmp_path)
    before = tree(archive.root)
    disk.free = FLOOR - 1
    desk = make_desk(archive, loopback_rules(site, limits=limits()))
    with pytest.raises(StoreError, match=r"only 104 MB are free .* keeps 100MiB free; make room"):
        commit.capture(Url.parse(site.url), desk, stop=threading.Event(), said=lambda *_: None)
    assert tree(archive.root) == before
    disk.free = 2 * FLOOR
    commit.capture(Url.parse(site.url), desk, stop=threading.Event(), said=lambda *_: None)


def test_the_command_refuses_to_begin_with_exit_74_and_says_what_to_do(site: sample.Site, tmp_path: Path) -> None:
    assert muniment("init", "case", "--operator", "Desk 1", cwd=tmp_path).status == 0
    done = muniment("capture", *of_site(site), "--min-free", "900TB", cwd=tmp_path / "case")
    assert done.status == 74
    assert "make room" in done.err
    assert "900TB" in done.err


def test_what_was_received_and_is_not_written_yet_counts_as_used(tmp_path: Path, disk: Disk) -> None:
    space = Space(tmp_path, FLOOR, lambda: 0.0, lambda _: None)
    disk.free = 3 * FLOOR
    space.owed = lambda: 2 * FLOOR
    space.wait(0.0)
    owing = Space(tmp_path, FLOOR, lambda: 0.0, lambda _: None)
    owing.owed = lambda: 2 * FLOOR + 1
    with pytest.raises(FetchError, match="less than 100MiB free"):
        owing.wait(0.0)


def test_a_body_is_not_received_where_its_copy_in_the_warc_would_find_no_room(tmp_path: Path, disk: Disk) -> None:
    heard: list[str] = []

    def told(sentence: str) -> None:
        heard.append(sentence)
        disk.free = 10 * FLOOR

    disk.free = FLOOR + (6 << 20)
    with Served(hostile.sending(answer(bytes(8 << 20), "200 OK", "Content-Type: image/png"))) as served:
        rules = own()
        _, records = captured(make_archive(tmp_path), rules, served.url(), said=lambda: None, told=told)
    assert heard[0].startswith("Paused")
    assert [line.size for line in records if line.outcome is Reason.OK] == [8 << 20]


def test_what_is_in_the_warc_is_owed_no_more(tmp_path: Path, disk: Disk) -> None:
    disk.free = FLOOR + (6 << 20)
    page = b"<title>T</title>" + b"".join(b"<img src=/%d.png>" % number for number in range(3))
    images = {f"/{number}.png": answer(bytes(5 << 20), "200 OK", "Content-Type: image/png") for number in range(3)}
    pages = {"/": answer(page, "200 OK", "Content-Type: text/html"), **images}
    with Served(hostile.routing(pages.__getitem__)) as served:
        rules = own(per_host=1, max_time=60.0)
        archive = make_archive(tmp_path)
        description, _ = captured(archive, rules, served.url(), said=lambda: None, told=lambda _: None)
    assert description.verdict is State.FETCHED


def test_a_floor_of_nothing_never_pauses(tmp_path: Path, disk: Disk) -> None:
    space = Space(tmp_path, 0, lambda: 0.0, lambda _: None)
    disk.free = 0
    space.owed = lambda: FLOOR
    space.wait(0.0)
