"""The same picture or film is found again across captures, and no other; whatever coding or framing it came in."""

import contextlib
import gzip
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner

from captures import NOW, answer, desk, page, response
from conftest import make_archive, make_desk
from hostile import Served, routing
from hostile import answer as served_answer
from muniment import canonical, catalogue, layout
from muniment.capture import appraisal, commit
from muniment.capture.recorder import Fact
from muniment.cli import muniment
from muniment.errors import JobError
from muniment.extract import media_facts
from muniment.index import Likeness, created, reading, writing
from muniment.message.url import Url
from muniment.model import Role
from muniment.rules import Limits, Rules
from pictures import FFMPEG, clip, octets, scene

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "search-1.json"
URL = "https://news.example/"
JPEG = "Content-Type: image/jpeg"


def capture(root: Any, pages: dict[str, bytes]) -> str:
    """Capture a page that shows every one of *pages*, whole answers by their path, and return its id."""
    shown = "".join(f"<img src={path}>" for path in pages).encode()
    answers = {"/": served_answer(b"<title>T</title>" + shown, "200 OK", "Content-Type: text/html"), **pages}
    rules = Rules(allow_net=("127.0.0.0/8",), resolve=("site.example=127.0.0.1",), dns=False, limits=Limits(delay=0))
    with Served(routing(answers.__getitem__)) as served:
        where = make_desk(root, rules)
        return commit.capture(Url.parse(served.url()), where, stop=threading.Event(), said=lambda *_: None).id


def picture(content: bytes, *fields: str, kind: str = JPEG) -> bytes:
    return served_answer(content, "200 OK", kind, *fields)


def chunked(content: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (content[:999], content[999:])) + b"0\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def record(root: Path, capture: str, path: str) -> str:
    """Return the id of the answer of *path* in *capture*."""
    with reading(root / layout.INDEX) as index:
        return next(each.record_id for each in index.resources(capture) if each.url.partition(":")[2].endswith(path))


def like(root: Path, name: str, within: int = 8, limit: int = 50) -> Likeness:
    with reading(root / layout.INDEX) as index:
        return index.like(name, within, limit)


def paths(found: Likeness) -> list[str]:
    return [each.found.url.rpartition("/")[2] for each in found.alike]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return an archive of two captures that show one picture in many ways, and other ones, and the captures' ids."""
    folder = tmp_path_factory.mktemp("library")
    where = make_archive(folder)
    original = octets(scene(1), quality=92)
    ids = [
        capture(where, {"/original.jpg": picture(original), "/other.jpg": picture(octets(scene(2)))}),
        capture(
            where,
            {
                "/same.jpg": picture(original),
                "/zipped.jpg": picture(gzip.compress(original), "Content-Encoding: gzip"),
                "/chunked.jpg": chunked(original),
                "/small.jpg": picture(octets(scene(1, (160, 120)), quality=25)),
                "/small.webp": picture(
                    octets(scene(1, (320, 240)), "WEBP", quality=40), kind="Content-Type: image/webp"
                ),
                "/else.jpg": picture(octets(scene(3))),
                "/dot.gif": picture(b"GIF89a" + octets(scene(4, (1, 1)), "GIF")[6:], kind="Content-Type: image/gif"),
            },
        ),
    ]
    catalogue.rebuild(where.root, where.root / layout.INDEX, lambda _: None)
    return where.root, ids


def test_a_picture_is_found_recompressed_scaled_and_in_other_formats_and_no_other_is(
    library: tuple[Path, list[str]],
) -> None:
    root, (first, second) = library
    found = like(root, record(root, first, "/original.jpg"))
    assert set(paths(found)) == {"same.jpg", "zipped.jpg", "chunked.jpg", "small.jpg", "small.webp"}
    assert {each.found.capture for each in found.alike} == {second}
    assert [each.same for each in found.alike] == [True, True, True, False, False]
    distances = [each.distance for each in found.alike]
    assert distances == sorted(distances, key=lambda each: each or 0)


def test_from_any_of_them_the_original_is_found(library: tuple[Path, list[str]]) -> None:
    root, (first, second) = library
    for name in ("/small.jpg", "/small.webp", "/zipped.jpg", "/chunked.jpg"):
        found = like(root, record(root, second, name))
        assert "original.jpg" in paths(found)
        assert not {"other.jpg", "else.jpg", "dot.gif"} & set(paths(found))
    assert like(root, record(root, first, "/other.jpg")).alike == ()


def test_what_has_no_hash_is_found_by_its_octets_alone(library: tuple[Path, list[str]]) -> None:
    root, (_, second) = library
    found = like(root, record(root, second, "/dot.gif"))
    assert (found.hashes, found.alike) == (0, ())


def test_the_bound_is_the_callers(library: tuple[Path, list[str]]) -> None:
    root, (first, _) = library
    name = record(root, first, "/original.jpg")
    nearest = [each.distance or 0 for each in like(root, name, within=16).alike]
    for within in (0, 1, 2):
        assert len(like(root, name, within=within).alike) == sum(each <= within for each in nearest)
    assert [len(found.alike) for found in (like(root, name, limit=2), like(root, name, limit=1))] == [2, 1]
    assert like(root, name, limit=1).matches == 5


def test_an_index_that_grew_and_one_that_was_made_anew_are_the_same(library: tuple[Path, list[str]]) -> None:
    root, ids = library
    grown = root.parent / "grown.db"
    with created(grown):
        pass
    with writing(grown) as index:
        for each in (*ids, ids[0]):
            catalogue.catalogue(root, each, index)
    with reading(grown) as one, reading(root / layout.INDEX) as other:
        assert one.differences(other, 9).counts == {}
        assert one.counts()["hashes"] >= 7


def asked(root: Path, *arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(muniment, ["--archive", str(root), "search", *arguments], standalone_mode=False)
    assert (done.return_value or 0) == status if done.exception is None else isinstance(done.exception, JobError)
    return str(done.exception) if done.exception else done.stdout


def test_the_command_says_how_each_is_alike_and_what_to_do_next(library: tuple[Path, list[str]]) -> None:
    root, (first, second) = library
    n = next(each["n"] for each in json.loads(asked(root, "original", "--json"))["found"])
    assert f"{first}:{n}" in asked(root, "original")
    told = asked(root, "--like", f"{first}:{n}")
    assert told.count("the same octets") == 3
    assert told.count("of 64 bits differ") == 2
    assert f"muniment extract {second} --record urn:uuid:" in told
    assert "hint" in told


def test_the_json_keeps_its_schema(library: tuple[Path, list[str]]) -> None:
    root, (first, _) = library
    document = json.loads(asked(root, "--like", record(root, first, "/original.jpg"), "--json"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["like"]["url"].endswith("/original.jpg")
    assert (document["matches"], document["query"]["within"]) == (5, 8)
    assert [each["same"] for each in document["found"]] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--like", "x"], "names no record"),
        (["--like", "urn:uuid:00000000-0000-4000-8000-000000000000"], "no capture in the index holds"),
        (["--like", "20241210T093012Z-k7f3qa:17"], "no capture in the index holds"),
        (["--like", "20241210T093012Z-k7f3qa:99999999"], "no capture in the index holds"),
        (["--like", "\udcff"], "names no record"),
        (["--like", "https://\udcff/"], "names no record"),
        (["--like", "https://nowhere.example/a.jpg"], "no capture in the index holds"),
        (["--like", "https://[/"], "no capture in the index holds"),
        (["--like", "x", "words"], "stands alone"),
        (["--like", "x", "--role", "image"], "stands alone"),
        (["--within", "3", "words"], "goes with --like"),
    ],
)
def test_what_cannot_be_meant_is_told(library: tuple[Path, list[str]], arguments: list[str], why: str) -> None:
    assert why in asked(library[0], *arguments)


def test_a_request_and_the_facts_of_a_picture_mean_the_picture(library: tuple[Path, list[str]]) -> None:
    root, (first, _) = library
    found = like(root, record(root, first, "/original.jpg"))
    for n in range(found.record.n, found.record.n + 4):
        assert like(root, f"{first}:{n}").record == found.record


def test_a_url_means_its_newest_answer(library: tuple[Path, list[str]]) -> None:
    root, (first, second) = library
    with reading(root / layout.INDEX) as index:
        url = next(each.url for each in index.resources(first) if each.url.endswith("/original.jpg"))
    assert like(root, url).record == like(root, record(root, first, "/original.jpg")).record
    loud = url.replace("http://site", "HTTP://SITE")
    assert loud != url
    assert like(root, loud).record == like(root, url).record
    assert second


def test_what_holds_nothing_is_like_nothing_and_that_is_told(library: tuple[Path, list[str]]) -> None:
    root, (first, _) = library
    assert "no payload" in asked(root, "--like", f"{first}:1")


@FFMPEG
def test_a_film_is_found_by_its_key_frames_and_so_is_its_still(tmp_path: Path) -> None:
    where = make_archive(tmp_path)
    film = clip(tmp_path, "f.mp4", *[scene(n) for n in range(4)])
    later = clip(tmp_path, "g.webm", *[scene(n) for n in (2, 3, 8)], options=("-vf", "scale=320:240"))
    other = clip(tmp_path, "h.mp4", *[scene(n) for n in (20, 21)])
    video = "Content-Type: video/mp4"
    first = capture(where, {"/f.mp4": picture(film, kind=video), "/still.jpg": picture(octets(scene(2), quality=50))})
    second = capture(where, {"/g.webm": picture(later, kind=video), "/h.mp4": picture(other, kind=video)})
    catalogue.rebuild(where.root, where.root / layout.INDEX, lambda _: None)
    found = like(where.root, record(where.root, first, "/f.mp4"))
    assert set(paths(found)) == {"g.webm", "still.jpg"}
    frames = {each.found.url.rpartition("/")[2]: each.frames for each in found.alike}
    assert frames == {"g.webm": 2, "still.jpg": 1}
    assert like(where.root, record(where.root, second, "/h.mp4")).alike == ()


def sealed(root: Path, said: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Capture one picture with *said* as its media facts; return its record's id, and the problems of a rebuild."""
    made = desk(root)
    with commit.draft(made, URL) as begun:
        about = begun.recorder.take(answer(URL, page()), Role.IMAGE, "")
        begun.recorder.state(Fact(URL, about, canonical.encode(said), NOW))
        commit.commit(begun, commit.Ending(1, 1, interrupted=False, root_store=""))
    where = made.archive.root
    return about, catalogue.rebuild(where, where / layout.INDEX, lambda _: None).problems


def test_facts_of_an_older_muniment_have_no_hashes_and_are_no_problem(tmp_path: Path) -> None:
    old = {
        "v": 1,
        "type": "media",
        "extractor": "muniment.media/1",
        "declared": "",
        "sniffed": "image/png",
        "notes": [],
    }
    about, problems = sealed(tmp_path, old)
    assert problems == ()
    found = like(next(tmp_path.glob("*/muniment.toml")).parent, about)
    assert (found.hashes, found.alike) == (0, ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"hashes": [{"hash": "XYZ"}]}, {"hashes": [{"hash": "0" * 16, "at": "1"}]}, {"hashes": "no"}, {"width": -1},
        {"width": "1"}, {"c2pa": "yes"}, {"assertions": [{"field": "x"}]}, {"streams": 3}, {"milliseconds": True},
    ],
    ids=repr,
)  # fmt: skip
def test_facts_that_cannot_be_meant_are_a_problem_that_is_told(tmp_path: Path, wrong: dict[str, Any]) -> None:
    said = {"v": 1, "type": "media", "extractor": "x", "declared": "", "sniffed": "image/png", "notes": [], **wrong}
    _, problems = sealed(tmp_path, said)
    assert len(problems) == 1
    assert URL in problems[0]


def test_a_claim_of_a_picture_with_the_name_of_a_pages_own_leaves_no_words_behind(tmp_path: Path) -> None:
    claim = {"field": "headline", "value": "Orvesk", "raw": "Orvesk", "source": "exif:x"}
    said = {"v": 1, "type": "media", "sniffed": "image/png", "notes": [], "assertions": [claim]}
    about, problems = sealed(tmp_path, said)
    assert problems == ()
    root = next(tmp_path.glob("*/muniment.toml")).parent
    with writing(root / layout.INDEX) as index:
        (held,) = index.captures(9)
        catalogue.catalogue(root, held.id, index)
    checked = catalogue.check(root, root / layout.INDEX, lambda _: None, 9)
    assert checked.comparison.counts == {}
    assert about


# -- bodies


def facts_of(content: bytes, *fields: str, status: str = "200 OK") -> dict[str, Any]:
    exchange = answer("https://news.example/p.jpg", response(content, JPEG, *fields, status=status))
    with contextlib.closing(exchange.response):  # type: ignore[arg-type]
        seen = appraisal.media(exchange, Role.IMAGE)
    assert seen is not None
    return media_facts.encode(seen)


def test_a_part_from_the_middle_of_a_file_is_not_looked_into_and_says_so() -> None:
    content = octets(scene(1))
    part = facts_of(content, "Content-Range: bytes 5-9/99", status="206 Partial Content")
    assert "part of a file" in part["notes"][-1]
    assert "hashes" not in part
    begun = facts_of(content, f"Content-Range: bytes 0-{len(content) - 1}/99999", status="206 Partial Content")
    assert "first" in begun["notes"][0]
    assert len(begun["hashes"]) == 1
    assert "size" not in begun
    whole = facts_of(content, f"Content-Range: bytes 0-{len(content) - 1}/{len(content)}", status="206 Partial Content")
    assert (whole["size"], whole["notes"]) == (len(content), [])
    for odd in ("bytes 0-", "bytes */5", "", "bytes 0-1/x"):
        assert "part of a file" in facts_of(content, f"Content-Range: {odd}", status="206 Partial Content")["notes"][-1]


def test_a_body_on_disk_is_read_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muniment.scratch.nameless", None)  # nothing is written once more
    noise = octets(scene(1), "BMP") + bytes(2 << 20)
    path = tmp_path / "spool"
    path.write_bytes(response(noise, "Content-Type: image/bmp"))
    exchange = answer(URL, response(b"", "Content-Type: image/bmp"))
    with path.open("rb") as spool:
        seen = appraisal.media(replace(exchange, response=spool), Role.IMAGE)
    assert seen is not None
    assert (seen.size, len(seen.hashes)) == (len(noise), 1)
