"""Films in pieces: got whole through the same door as everything else, put together, and told as what they are."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from warcio.archiveiterator import ArchiveIterator

import films
from browsing import HTML, Reply, Site, pages
from commands import Ran, command, muniment
from hostile import Authority, Served, answer, routing
from muniment.capture.footage import Candidate, _judged, candidates
from muniment.digest import Digest
from muniment.extract import film
from muniment.fetch.media.download import Downloaded
from muniment.model import Kind, Position, Reason, Record, Role
from muniment.warc import metadata

PAGE = "<!doctype html><title>Films</title><h1>Two films</h1>"
FILM = '<video controls><source src="{}"></video>'
LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
HLS = {"Content-Type": "application/vnd.apple.mpegurl"}
NOW = datetime(2025, 3, 11, 9, 0, tzinfo=UTC)
PATIENCE = 90


@contextmanager
def site(route: Mapping[str, str | Reply], *play: str) -> Iterator[Site]:
    made = Site(pages({"/": PAGE + "".join(FILM.format(each) for each in play), **route}))
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive whose captures are made by the static engine."""

    root: Path

    def arguments(self, made: Site, *more: str) -> list[str]:
        rest = ["--resolve", "localhost=127.0.0.1", "--no-dns", "--allow-net", "127.0.0.0/8", "--delay", "0s"]
        return ["capture", made.url("/"), *rest, "--engine", "static", "--json", *more]

    def capture(self, made: Site, *more: str) -> Ran:
        done = muniment(*self.arguments(made, *more), cwd=self.root)
        assert "Traceback" not in done.err
        return done

    def records(self, kind: str) -> list[tuple[Any, bytes]]:
        """Return header and block of every record of *kind*, as a stranger reads them."""
        found: list[tuple[Any, bytes]] = []
        for path in sorted(self.root.glob("archive/**/*.warc.gz")):
            with path.open("rb") as file:
                every = ArchiveIterator(file, no_record_parse=True)
                found += [(each.rec_headers, each.raw_stream.read()) for each in every if each.rec_type == kind]
        return found

    def said(self, kind: str) -> list[dict[str, Any]]:
        """Return every metadata document of type *kind*."""
        return [said for _, block in self.records("metadata") if (said := metadata.decode(block, "w"))["type"] == kind]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    root = tmp_path / "archive"
    root.mkdir()
    assert muniment("init", ".", "--name", "test", "--operator", "Test desk", cwd=root).status == 0
    return Archive(root)


def test_a_film_with_its_sound_apart_and_encrypted_is_one_file_that_names_every_piece_it_was_made_from(
    archive: Archive,
) -> None:
    files = films.made("apart")
    with site(films.replies(files), "/film/master.m3u8") as made:
        done = archive.capture(made)
        served = {path.removeprefix("/film/") for _, _, path in made.asked if path.startswith("/film/")}
    assert done.status == 0, done.err
    assert done.json["verdict"] == "fetched"
    assert served >= set(files)
    [(head, content)] = archive.records("conversion")
    assert films.streams(content) == {"h264": 4.0, "aac": 4.0}
    assert list(films.streams(content)) == ["h264", "aac"]
    [said] = archive.said("conversion")
    ids = {header.get_header("WARC-Record-ID").strip("<>"): header for header, _ in archive.records("response")}
    source = ids[head.get_header("WARC-Refers-To").strip("<>")]
    assert source.get_header("WARC-Target-URI").endswith("/film/master.m3u8")
    listed = {each["url"].rpartition("/")[2] for each in said["made_from"]}
    assert listed == set(files)
    assert {each["record_id"] for each in said["made_from"]} <= set(ids)
    assert said["missing"] == []
    assert said["tool"].startswith("yt-dlp ")
    assert "-protocol_whitelist" in said["muxer_arguments"]
    assert str(archive.root.parent) not in json.dumps(said)
    blocks = [block for _, block in archive.records("response")]
    assert all(any(block.endswith(content) for block in blocks) for content in files.values())
    [details] = [block for header, block in archive.records("resource")]
    assert json.loads(details)["extractor"] == "generic"
    assert str(archive.root.parent).encode() not in details
    assert [path.name for path in (archive.root / "work").rglob("*") if path.is_file()] == ["lock"]
    assert muniment("verify", "--payloads", cwd=archive.root).status == 0
    out = archive.root / "out"
    assert muniment("extract", done.json["id"], "--role", "video", "--out", out, cwd=archive.root).status == 0
    [taken] = out.glob("*-film-*.mp4")
    assert taken.read_bytes() == content
    assert re.search(r"made .*1 film", muniment("show", done.json["id"], cwd=archive.root).out)


def test_of_several_heights_the_best_is_taken_or_the_one_that_was_asked_for(archive: Archive) -> None:
    with site(films.replies(films.made("heights")), "/film/master.m3u8") as made:
        assert archive.capture(made).status == 0
        assert archive.capture(made, "--max-height", "100").status == 0
        assert archive.capture(made, "--video", "none").status == 0
    details = [json.loads(block)["height"] for _, block in archive.records("resource")]
    assert details == [180, 90]
    assert len(archive.records("conversion")) == 2


def test_a_piece_that_is_gone_is_listed_and_the_capture_is_partial_though_a_film_could_be_made(
    archive: Archive,
) -> None:
    files = dict(films.made("heights"))
    [gone] = [name for name in files if name.startswith("form1") and name.endswith("2.m4s")]
    del files[gone]
    with site(films.replies(files), "/film/master.m3u8") as made:
        done = archive.capture(made)
        url = made.url(f"/film/{gone}")
    assert done.status == 3
    assert done.json["missing"][0]["url"] == url
    [said] = archive.said("conversion")
    assert [each["url"] for each in said["missing"]] == [url]


def test_pieces_at_addresses_that_are_not_allowed_are_refused_and_listed(archive: Archive) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as canary:
        canary.settimeout(0)
        places = ("http://10.0.0.1/", "http://169.254.169.254/latest/", f"http://[::1]:{canary.getsockname()[1]}/")
        route = {f"/film/{n}.m3u8": Reply(LIST.format(f"{place}a.ts").encode(), HLS) for n, place in enumerate(places)}
        with site(route, *route) as made:
            done = archive.capture(made, "--allow-net", "127.0.0.1/32")
        with pytest.raises(BlockingIOError):
            canary.accept()
    assert done.json["verdict"] == "partial"
    refused = {each["url"] for each in done.json["missing"] if each["reason"] == "blocked-address"}
    assert {"10.0.0.1", "169.254.169.254", "[::1]"} <= {urlsplit(url).netloc.rpartition(":")[0] for url in refused}
    assert archive.records("conversion") == []


def test_a_playlist_that_names_files_of_this_machine_reads_none(archive: Archive, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(b"G" + b"the archivist's own words" * 40)
    schemes = ("file://{}", "concat:{}", "subfile,,start,0,end,20,,:{}", "{}")
    lists = {f"/film/{n}.m3u8": LIST.format(each.format(secret)) for n, each in enumerate(schemes)}
    route = {path: Reply(text.encode(), HLS) for path, text in lists.items()}
    with site(route, *route) as made:
        archive.capture(made)
    assert len(archive.said("exchange")) > len(schemes)
    for kind in ("conversion", "response", "resource"):
        assert all(b"own words" not in block for _, block in archive.records(kind))


def test_a_piece_that_is_a_list_of_files_is_never_read_as_one_by_ffmpeg(archive: Archive, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(films.made("whole")["film.mp4"])
    pieces = [LIST.format(secret).encode(), f"ffconcat version 1.0\nfile '{secret}'\n".encode()]
    route = {f"/film/{n}.ts": Reply(piece, {"Content-Type": "video/mp2t"}) for n, piece in enumerate(pieces)}
    lists = {f"/film/{n}.m3u8": Reply(LIST.format(f"{n}.ts").encode(), HLS) for n in range(len(pieces))}
    with site(route | lists, *lists) as made:
        archive.capture(made)
    assert sorted(kept for _, kept in archive.records("conversion")) == sorted(pieces)
    assert all("could not make a film" in said["not_muxed"] for said in archive.said("conversion"))


def test_what_the_archivist_has_configured_for_yt_dlp_does_not_reach_a_capture(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trapped"
    for place in (".config/yt-dlp/config", ".yt-dlp/config", "yt-dlp.conf", ".config/yt-dlp.conf"):
        path = tmp_path / "desk" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"--exec 'touch {trap}'\n--skip-download\n", encoding="ascii")
        (archive.root / Path(place).name).write_text(path.read_text(encoding="ascii"), encoding="ascii")
    monkeypatch.setenv("HOME", str(tmp_path / "desk"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "desk" / ".config"))
    with site(films.replies(films.made("heights")), "/film/master.m3u8") as made:
        done = archive.capture(made)
    assert done.status == 0
    assert len(archive.records("conversion")) == 1
    assert not trap.exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("ERROR: [twitter] 17: No video could be found in this tweet", Reason.EMPTY),
        ("ERROR: [generic] x: No video formats found!; please report this issue", Reason.ENGINE_CRASH),
        ("ERROR: [youtube] x: Sign in to confirm that you are not a bot", Reason.LOGIN),
        ("says that there is nothing there to play: it said nothing", Reason.ENGINE_CRASH),
    ],
)
def test_a_post_is_without_a_film_only_where_that_is_said_in_so_many_words(words: str, reason: Reason) -> None:
    post = Candidate("https://post.example/17", "urn:uuid:1", "", playlist=False)
    came = Downloaded((), (), Reason.EMPTY, words)
    assert _judged(post, came, [])[0] is reason
    if reason is Reason.EMPTY:
        assert _judged(replace(post, playlist=True), came, [])[0] is Reason.ENGINE_CRASH


def test_a_live_stream_is_not_waited_for(archive: Archive) -> None:
    files = {name: content.replace(b"#EXT-X-ENDLIST", b"") for name, content in films.made("heights").items()}
    with site(films.replies(files), "/film/master.m3u8") as made:
        done = archive.capture(made)
        asked = {path for _, _, path in made.asked}
    assert not any(path.endswith(".m4s") for path in asked)
    assert [(each["reason"], "it is live" in each["detail"]) for each in done.json["missing"]] == [
        ("out-of-scope", True)
    ]


def never(_: str, target: str) -> Reply:
    """Answer a page whose film never comes."""
    if target == "/":
        return Reply((PAGE + FILM.format("/film/list.m3u8")).encode(), HTML)
    if target.endswith(".m3u8"):
        playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfirst.ts\n#EXTINF:2,\nsecond.ts\n#EXT-X-ENDLIST\n"
        return Reply(playlist.encode(), HLS)
    return Reply(b"G" * 1880, {"Content-Type": "video/mp2t"}, hold=True)


@pytest.fixture
def silent() -> Iterator[Site]:
    made = Site(never)
    yield made
    made.close()


def test_a_film_that_never_comes_ends_with_the_time_of_the_capture_and_is_listed(
    archive: Archive, silent: Site
) -> None:
    done = archive.capture(silent, "--max-time", "8s")
    assert done.status == 3
    reasons = {each["url"].rpartition("/")[2]: each["reason"] for each in done.json["missing"]}
    # Whichever is cut first, the connection or the program that holds it; a slow machine never asks for it.
    assert reasons.pop("first.ts", "interrupted") in {"truncated-time", "interrupted"}
    assert reasons == {"list.m3u8": "limit-time"}
    assert archive.records("conversion") == []
    assert muniment("verify", cwd=archive.root).status == 0


def child_of(process: int, name: bytes) -> int | None:
    """Return the process below *process* whose command line holds *name*."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
            if parent == process and name in (path / "cmdline").read_bytes():
                return int(path.name)
        except OSError:
            continue
    return None


def awaited(condition: Callable[[], Any]) -> Any:
    """Return what *condition* gives as soon as it gives something."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if found := condition():
            return found
        threading.Event().wait(0.02)
    raise AssertionError("it never came to that")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found by /proc")
@pytest.mark.parametrize("whom", ["yt-dlp", "muniment", "ctrl-c"])
def test_whoever_dies_while_a_film_comes_what_came_is_kept_and_listed(
    archive: Archive, silent: Site, whom: str
) -> None:
    with subprocess.Popen(
        command(*archive.arguments(silent)), cwd=archive.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        awaited(lambda: ("GET", "localhost", "/film/first.ts") in silent.asked)
        helper = awaited(lambda: child_of(running.pid, b"yt_dlp"))
        if whom == "yt-dlp":
            os.kill(helper, signal.SIGKILL)
        elif whom == "muniment":
            running.kill()
        else:
            running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
    assert b"Traceback" not in err
    awaited(lambda: not Path(f"/proc/{helper}").exists())
    if whom == "muniment":
        assert muniment("recover", cwd=archive.root).status == 0
        assert not list(archive.root.glob("work/**/keys*"))
        assert not list(archive.root.glob("work/browsers/*"))
    else:
        document = json.loads(out)
        reasons = {each["url"].rpartition("/")[2]: each["reason"] for each in document["missing"]}
        assert reasons["first.ts"] in {"interrupted", "truncated-disconnect"}
        assert reasons["list.m3u8"] == ("engine-crash" if whom == "yt-dlp" else "interrupted")
        assert document["verdict"] == ("partial" if whom == "yt-dlp" else "interrupted")
    assert muniment("verify", cwd=archive.root).status == 0


def line(n: int, url: str, role: Role, **changes: Any) -> Record:
    nothing = Digest.of_bytes(b"")
    made = Record(
        n, Kind.RESPONSE, b"", f"urn:uuid:{n}", url, NOW, Position("x", 0, 1, nothing), nothing, 10, role, 200
    )
    return replace(made, **{"outcome": Reason.OK, **changes})


def test_what_may_lead_to_films_is_found_in_the_lines_of_a_capture_once_each_in_their_order() -> None:
    page, post = "https://news.example/", "https://post.example/embed/1"
    lines = [
        line(1, page, Role.ARTICLE, media_type="text/html"),
        line(2, post, Role.EMBED, media_type="text/html", parent="urn:uuid:1"),
        line(3, "https://a.example/master.m3u8?key=1", Role.OTHER, media_type="text/plain", parent="urn:uuid:2"),
        line(4, "https://a.example/list", Role.VIDEO, media_type="application/dash+xml", parent="urn:uuid:1"),
        line(5, "https://a.example/list", Role.VIDEO, media_type="application/dash+xml", parent="urn:uuid:1"),
        line(6, "https://a.example/gone.m3u8", Role.VIDEO, status=404, outcome=Reason.HTTP_4XX),
        line(7, "https://a.example/part.m3u8", Role.VIDEO, kind=Kind.REQUEST),
        line(8, "https://tube.example/watch", Role.VIDEO, media_type="text/html", parent="urn:uuid:1"),
        line(9, "https://dead.example/embed", Role.EMBED, kind=Kind.ATTEMPT, status=None, parent="urn:uuid:1"),
        line(10, "https://a.example/film.mp4", Role.VIDEO, media_type="video/mp4", parent="urn:uuid:1"),
    ]
    pages_, playlists = candidates(lines)
    assert [each.url for each in pages_] == [
        page,
        post,
        "https://tube.example/watch",
        "https://dead.example/embed",
    ]
    assert [(each.url, each.referer, each.record_id) for each in playlists] == [
        ("https://a.example/master.m3u8?key=1", post, "urn:uuid:3"),
        ("https://a.example/list", page, "urn:uuid:4"),
    ]


def test_what_a_site_says_of_a_film_is_asserted_with_its_source_and_what_yt_dlp_made_up_is_not() -> None:
    details = {
        "extractor_key": "Mast",
        "title": "Search at the market hall",
        "uploader": "@reader",
        "timestamp": 1741683600,
        "upload_date": "20250311",
        "webpage_url": "https://mast.example/@reader/1",
        "description": ["not", "a", "text"],
        "modified_timestamp": 1e300,
    }
    found = film.from_details(details, "https://mast.example/@reader/1")
    assert [(each.field, each.value, each.source) for each in found.assertions] == [
        ("headline", "Search at the market hall", "yt-dlp:title"),
        ("byline", "@reader", "yt-dlp:uploader"),
        ("canonical-url", "https://mast.example/@reader/1", "yt-dlp:webpage_url"),
        ("published", "2025-03-11T09:00:00Z", "yt-dlp:timestamp"),
        ("published", "2025-03-11", "yt-dlp:upload_date"),
    ]
    assert film.from_details(details | {"extractor_key": "Generic"}, "https://a.example/").assertions == ()


def test_the_film_that_was_put_together_is_looked_into_and_its_pieces_are_not(archive: Archive) -> None:
    with site(films.replies(films.made("apart")), "/film/master.m3u8") as made:
        assert archive.capture(made).status == 0
    [(head, _)] = archive.records("conversion")
    name = head.get_header("WARC-Record-ID").strip("<>")
    found = muniment("search", "--like", name, "--json", cwd=archive.root).json
    assert found["like"]["hashes"] == 4  # a key frame each second
    [looked] = [said for said in archive.said("media") if said.get("streams")]
    assert [each["codec"] for each in looked["streams"]] == ["h264", "aac"]
    assert looked["milliseconds"] in range(3950, 4100)


POST = "https://streamable.com/e/moo9"
SAYS = {
    "status": 2,
    "title": "Search at the market hall",
    "description": "Filmed from the bridge.",
    "owner": {"user_name": "reader17"},
    "date_added": 1741683600.5,
    "thumbnail_url": "//cdn.streamable.com/thumb.png",
    "files": {"mp4": {"url": "//cdn.streamable.com/film.mp4", "width": 320, "height": 180}},
}


@pytest.mark.parametrize("trusted", [True, False])
def test_the_post_of_a_site_that_is_known_is_asked_for_by_its_own_interface_and_what_it_says_is_asserted(
    archive: Archive, tmp_path: Path, *, trusted: bool
) -> None:
    film_file = films.made("whole")["film.mp4"]
    parts = {
        "/": answer(f"<h1>News</h1><iframe src={POST}></iframe>".encode(), "200 OK", "Content-Type: text/html"),
        "/e/moo9": answer(b"<h1>a player</h1>", "200 OK", "Content-Type: text/html"),
        "/videos/moo9": answer(json.dumps(SAYS).encode(), "200 OK", "Content-Type: application/json"),
        "/film.mp4": answer(film_file, "200 OK", "Content-Type: video/mp4"),
        "/thumb.png": answer(b"\x89PNG\r\n\x1a\n", "200 OK", "Content-Type: image/png"),
    }
    authority = Authority()
    hosts = ("news.example", "streamable.com", "ajax.streamable.com", "cdn.streamable.com")
    script = routing(lambda target: parts.get(target, answer(b"", "404 Not Found")))
    with Served(script, tls=authority.context(*hosts)) as served:
        names = [part for each in hosts for part in ("--resolve", f"{each}=127.0.0.1:{served.port}")]
        trust = ["--ca-file", authority.file(tmp_path)] if trusted else ["--tls", "strict"]
        rest = ["--no-dns", "--allow-net", "127.0.0.0/8", "--delay", "0s", "--engine", "static", "--json"]
        done = muniment("capture", "https://news.example/", *names, *trust, *rest, cwd=archive.root)
    assert "Traceback" not in done.err
    if not trusted:
        assert done.json["verdict"] == "failed"
        assert archive.records("resource") == []
        return
    assert done.json["verdict"] == "fetched"
    # One answer holds the whole film, so nothing was made of it.
    assert archive.records("conversion") == []
    [(head, details)] = archive.records("resource")
    assert head.get_header("WARC-Target-URI") == "urn:details:https://cdn.streamable.com/film.mp4"
    assert json.loads(details)["uploader"] == "reader17"
    [asserted] = [each for each in archive.said("article") if each["extractor"] == film.EXTRACTOR]
    told = {(each["field"], each["value"]) for each in asserted["assertions"]}
    assert told >= {
        ("headline", "Search at the market hall"),
        ("byline", "reader17"),
        ("published", "2025-03-11T09:00:00Z"),
        ("description", "Filmed from the bridge."),
    }
    tls = {each["url"]: each["tls"] for each in done.json["resources"]}
    assert tls["https://cdn.streamable.com/film.mp4"] == tls["https://ajax.streamable.com/videos/moo9"] == "ok"
    assert "https://cdn.streamable.com/thumb.png" in tls
    assert muniment("verify", "--payloads", cwd=archive.root).status == 0


def test_a_post_whose_film_is_not_given_is_listed_with_the_words_of_yt_dlp(archive: Archive, tmp_path: Path) -> None:
    authority = Authority()
    answers = {"/videos/none": {**SAYS, "files": {}}, "/videos/shut": {"status": 1}}
    hosts = ("news.example", "streamable.com", "ajax.streamable.com")

    def route(target: str) -> bytes:
        if target == "/":
            frames = "".join(f"<iframe src=https://streamable.com/e/{each}></iframe>" for each in ("none", "shut"))
            return answer(f"<h1>News</h1>{frames}".encode(), "200 OK", "Content-Type: text/html")
        if target in answers:
            return answer(json.dumps(answers[target]).encode(), "200 OK", "Content-Type: application/json")
        return answer(b"<h1>a player</h1>", "200 OK", "Content-Type: text/html")

    with Served(routing(route), tls=authority.context(*hosts)) as served:
        names = [part for each in hosts for part in ("--resolve", f"{each}=127.0.0.1:{served.port}")]
        rest = ["--ca-file", authority.file(tmp_path), "--no-dns", "--allow-net", "127.0.0.0/8", "--delay", "0s"]
        done = muniment(
            "capture", "https://news.example/", *names, *rest, "--engine", "static", "--json", cwd=archive.root
        )
    reasons = {each["url"].rpartition("/")[2]: (each["reason"], each["detail"]) for each in done.json["missing"]}
    # It may be that yt-dlp does not understand the site any more, so that is not taken for a post without a film.
    assert [reasons[each][0] for each in ("none", "shut")] == ["engine-crash", "engine-crash"]
    assert "No video formats found" in reasons["none"][1]
    assert "currently unavailable" in reasons["shut"][1]
    assert done.json["verdict"] == "partial"


def test_a_piece_without_an_octet_is_a_gap_in_the_film_and_excuses_nothing(archive: Archive) -> None:
    files = dict(films.made("heights"))
    [empty] = [name for name in files if name.startswith("form1") and name.endswith("2.m4s")]
    files[empty] = b""
    with site(films.replies(files), "/film/master.m3u8") as made:
        done = archive.capture(made)
    assert (done.status, done.json["verdict"]) == (3, "partial")


def test_a_capture_that_is_interrupted_before_its_films_says_that_and_nothing_of_a_tool(archive: Archive) -> None:
    route = {"/": f"{PAGE}<img src=/slow.png>", "/slow.png": Reply(b"", {"Content-Type": "image/png"}, hold=True)}
    made = Site(pages(route))
    with subprocess.Popen(
        command(*archive.arguments(made)), cwd=archive.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        awaited(lambda: ("GET", "localhost", "/slow.png") in made.asked)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=PATIENCE)
    made.close()
    document = json.loads(out)
    assert document["verdict"] == "interrupted"
    assert {each["reason"] for each in document["missing"]} <= {"interrupted", "truncated-time", "truncated-disconnect"}
    assert not any("yt-dlp" in each["detail"] for each in document["missing"])
