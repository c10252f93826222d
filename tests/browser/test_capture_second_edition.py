"""The second edition captured: what its server sent is in the WARC, body for body, and what is missing was planted."""

import hashlib
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

from warcio.archiveiterator import ArchiveIterator

import films
from browsing import program
from commands import muniment
from muniment.message.entity import payload
from muniment.sample import second
from muniment.sample.second import Served, named


def bodies(root: Path) -> dict[tuple[str, str], list[bytes]]:
    """Return, by method and URL, the bodies of all answers in the WARC files of the archive *root*."""
    asked: dict[str, str] = {}
    answers: list[tuple[str, str, bytes]] = []
    for path in sorted(root.glob("archive/**/*.warc.gz")):
        with path.open("rb") as file:
            for each in ArchiveIterator(file, no_record_parse=True):
                field = each.rec_headers.get_header
                block = each.raw_stream.read()
                if each.rec_type == "request":
                    asked[field("WARC-Concurrent-To")] = block.partition(b" ")[0].decode()
                elif each.rec_type == "response":
                    body = b"".join(payload(io.BytesIO(block)))
                    answers.append((field("WARC-Record-ID"), field("WARC-Target-URI"), body))
    found: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for record_id, url, body in answers:
        found[asked[record_id], url.replace("wss://", "https://", 1)].append(body)
    return found


def lacks(served: Served, kept: list[bytes]) -> bool:
    """Whether none of *kept* is what was *served*, or the beginning of it where it did not come to its end."""
    if served.whole:
        return not any(hashlib.sha256(body).hexdigest() == served.sha256 for body in kept)
    return not any(
        len(body) <= served.size and hashlib.sha256(body).hexdigest() == served.sha256_of_first(len(body))
        for body in kept
    )


def arguments(site: second.Site) -> list[str]:
    resolved = [part for each in site.resolve for part in ("--resolve", each)]
    rest = ["--no-dns", "--allow-net", "127.0.0.0/8", "--ca-file", str(site.ca_file), "--delay", "0s", "--json"]
    return [site.url, "--cited", "1", *resolved, *rest]


def test_the_second_edition_comes_whole_and_what_is_missing_was_planted(tmp_path: Path) -> None:
    browser = program()
    root = tmp_path / "archive"
    root.mkdir()

    def run(*given: str | Path) -> Any:
        done = muniment(*given, cwd=root, MUNIMENT_BROWSER=browser.path)
        assert "Traceback" not in done.err
        return done

    assert run("init", ".", "--name", "test", "--operator", "Test desk").status == 0
    with second.serve(tmp_path / "site") as site:
        document = run("capture", *arguments(site)).json
        served = site.served()
    planted = {(each.url, each.reason) for each in site.planted}
    told = {(named(each["url"]), each["reason"]) for each in document["missing"]}
    told |= {(each["url"], each["tls"]) for each in document["resources"] if each["tls"] not in {"none", "ok"}}
    endless = {(url, "truncated-time") for url in {each.url for each in served if each.endless}}
    assert told == planted | {each for each in endless if not each[0].endswith("/readers")}
    kept = bodies(root)
    # What a WebSocket carried is in a record of its own, frame by frame.
    frames = [each for each in document["artefacts"] if each["url"].startswith("wss://")]
    assert len(frames) >= 1
    sent = [each for each in served if each.status != 101]
    assert [f"{each.method} {each.url}" for each in sent if lacks(each, kept[each.method, each.url])] == []
    assert document["verdict"] == "partial"  # three of what was planted are no 404
    made = [each for each in document["artefacts"] if each["url"].startswith("urn:film:")]
    out = tmp_path / "films"
    for each in made:
        assert (
            run("extract", document["id"], "--record", each["record_id"], "--out", out / each["record_id"][-8:]).status
            == 0
        )
    found = {path: films.streams(path.read_bytes()) for path in out.rglob("*.mp4")}
    assert list(found.values()) == [{"h264": 8.0}, {"h264": 8.0}]
    assert {each["url"] for each in made} == {
        "urn:film:https://post.social.example/video/4417/master.m3u8",
        "urn:film:https://clips.tern.example/v/4423/manifest.mpd",
    }
    assert run("verify", "--payloads").status == 0
