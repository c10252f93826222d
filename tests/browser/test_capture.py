"""A capture in a real browser, as people make it: what was served is in the WARC, and nothing is missing untold."""

import io
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from warcio.archiveiterator import ArchiveIterator

import hostile
from browsing import Reply, Site, pages, program
from commands import command, muniment, of_site
from hostile import Served, answer, routing
from muniment import sample
from walls import CHALLENGE, FORM, LONG, obstacles

PAGE = """<!doctype html><title>Streams</title><p id=said>nothing yet</p><script>
new EventSource('/events').onmessage = event => { document.getElementById('said').textContent = event.data };
fetch('/never-ends', {method: 'POST', body: 'x'.repeat(3000)}).catch(() => 0);
new Image().src = 'http://gone.invalid/pixel.png';
new Image().src = '/absent.png';
</script>"""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive with a browser for its captures."""

    root: Path

    def run(self, *arguments: str | Path) -> Any:
        done = muniment(*arguments, cwd=self.root, MUNIMENT_BROWSER=program().path)
        assert "Traceback" not in done.err
        return done

    def records(self) -> list[tuple[str, str, bytes]]:
        """Return type, URL and block of every record, as a stranger reads them."""
        found = []
        for path in sorted(self.root.glob("archive/**/*.warc.gz")):
            with path.open("rb") as file:
                for each in ArchiveIterator(file, no_record_parse=True):
                    url = each.rec_headers.get_header("WARC-Target-URI") or ""
                    found.append((each.rec_type, url, each.raw_stream.read()))
        return found


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    program()
    root = tmp_path / "archive"
    root.mkdir()
    assert muniment("init", ".", "--name", "test", "--operator", "Test desk", cwd=root).status == 0
    return Archive(root)


def test_everything_that_the_sample_served_is_there_and_the_planted_failures_alone_are_missing(
    archive: Archive, tmp_path: Path
) -> None:
    with sample.serve(tmp_path / "site") as site:
        done = archive.run("capture", *of_site(site), "--json")
        served = site.served()
    assert done.status == 3
    document = done.json
    assert (document["engine"], document["verdict"]) == ("browser", "complete")
    planted = {(each.url, each.reason) for each in site.planted}
    told = {(each["url"], each["reason"]) for each in document["missing"]}
    told |= {(each["url"], each["tls"]) for each in document["resources"] if each["tls"] not in {"none", "ok"}}
    assert told == planted
    assert document["reckoning"]["asked"] - document["reckoning"]["recorded"] == 1  # the peer whose time is over
    blocks = Counter(block for kind, _, block in archive.records() if kind == "response")
    # What a page gave up half-way may be whole to the server: it lies in its system's hands. What came is kept.
    cut = [block for block in blocks if len(block) > 60_000]
    lacking = [
        each.target
        for each in served
        if not blocks[whole := each.head + each.body] and not any(whole.startswith(part) for part in cut)
    ]
    assert lacking == []
    roles = Counter(each["role"] for each in document["artefacts"])
    assert roles == {"screenshot": 2, "pdf": 1, "dom": 1, "text": 1, "other": 1}
    assert archive.run("verify", "--payloads").status == 0
    assert [path.name for path in (archive.root / "work").rglob("*") if path.is_file()] == ["lock"]

    shots = tmp_path / "shots"
    assert archive.run("extract", document["id"], "--role", "screenshot", "--role", "text", "--out", shots).status == 0
    pictures = [Image.open(path) for path in sorted(shots.glob("*.png"))]
    assert min(each.height for each in pictures) > 5000
    words = next(path for path in shots.glob("*-text-*") if path.suffix == ".txt").read_text(encoding="utf-8")
    assert "Eleven minutes at the Orvesk grain market" in words
    assert "I do not know yet who is under the roof" in words  # the embedded post, a document of another origin
    found = archive.run("search", "Orvesk", "--json")
    assert {each["capture"] for each in found.json["found"]} == {document["id"]}
    shown = archive.run("show", document["id"])
    assert "reckoned the browser asked for" in shown.out
    context = json.loads(next(archive.root.glob("manifests/**/context.json")).read_text(encoding="utf-8"))
    assert context["browser"]["product"].startswith("Chrome/")
    assert str(tmp_path) not in json.dumps(context["browser"])


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(
        pages(
            {
                "/": PAGE,
                "/events": Reply(b"data: hello\n\n", {"Content-Type": "text/event-stream"}, hold=True),
                "/never-ends": Reply(b"a part", {"Content-Type": "text/plain"}, hold=True),
            }
        )
    )
    yield made
    made.close()


def of(made: Site) -> list[str]:
    rest = ["--resolve", "localhost=127.0.0.1", "--no-dns", "--allow-net", "127.0.0.0/8", "--delay", "0s"]
    return ["capture", made.url("/"), *rest, "--engine", "browser"]


def test_streams_are_cut_and_marked_and_what_was_not_got_is_listed_with_its_reason(
    archive: Archive, site: Site
) -> None:
    done = archive.run(*of(site), "--json")
    document = done.json
    missing = {each["url"].removeprefix(site.url("")): each["reason"] for each in document["missing"]}
    assert missing == {
        "/events": "truncated-time",
        "/never-ends": "truncated-time",
        "http://gone.invalid/pixel.png": "dns",
        "/absent.png": "http-4xx",
        "/favicon.ico": "http-4xx",
    }
    assert document["verdict"] == "partial"
    responses = {url.removeprefix(site.url("")): block for kind, url, block in archive.records() if kind == "response"}
    assert responses["/events"].endswith(b"data: hello\n\n")
    assert responses["/never-ends"].endswith(b"a part")
    request = next(block for kind, url, block in archive.records() if kind == "request" and url.endswith("never-ends"))
    assert request.startswith(b"POST /never-ends HTTP/1.1\r\n")
    assert request.endswith(b"x" * 3000)
    assert archive.run("verify").status == 0


WALL = """<!doctype html><title>t</title><p>The article</p><div role=dialog aria-modal=true id=cookie-consent
style="position:fixed;inset:0;background:#fff"><p>We and our partners use cookies. Do you agree?</p>
<button onclick="this.closest('div').remove()">Accept all</button><button>Settings</button></div>"""


@pytest.mark.parametrize(("choice", "verdict"), [("accept", "complete"), ("nothing", "partial")])
def test_a_wall_that_still_stands_is_no_complete_capture(archive: Archive, choice: str, verdict: str) -> None:
    made = Site(pages({"/": WALL}))
    document = archive.run(*of(made), "--consent", choice, "--json").json
    made.close()
    assert [each["reason"] for each in document["missing"] if each["reason"] != "http-4xx"] == (
        [] if choice == "accept" else ["consent"]
    )
    assert document["verdict"] == verdict
    before = [each for each in document["artefacts"] if "Before" in each["url"]]
    assert len(before) == 2


def test_a_pdf_an_endless_redirect_and_a_file_to_download_are_each_told_as_what_they_are(archive: Archive) -> None:
    paper = Reply(b"%PDF-1.4\n" + b"x" * 50_000, {"Content-Type": "application/pdf"})
    loop = Reply(b"", {"Location": "/loop"}, 302)
    packed = Reply(b"PK" + b"x" * 50_000, {"Content-Type": "application/zip"})
    made = Site(pages({"/paper": paper, "/loop": loop, "/packed": packed}))
    told = {}
    for path in ("/paper", "/loop", "/packed"):
        document = archive.run("capture", made.url(path), *of(made)[2:], "--json").json
        told[path] = document["verdict"], [each["reason"] for each in document["missing"] if "icon" not in each["url"]]
    made.close()
    assert told == {
        "/paper": ("complete", []),
        "/loop": ("failed", ["limit-resources"]),
        "/packed": ("complete", []),
    }
    bodies = [block for kind, _, block in archive.records() if kind == "response"]
    for each in (paper, packed):
        assert sum(block.endswith(each.body) for block in bodies) == 1


def test_a_script_that_only_the_static_engine_could_get_does_not_make_a_capture_complete(archive: Archive) -> None:
    script = answer(b"document.title = 'shown'", "200 OK", "Content-Type: text/javascript")
    with Served(routing(lambda _: script), tls=hostile.Authority().context("other.example")) as refused:
        made = Site(
            pages(
                {"/": f"<!doctype html><title>t</title><script src={refused.url('/a.js', 'other.example')}></script>"}
            )
        )
        document = archive.run(*of(made), "--resolve", "other.example=127.0.0.1", "--json").json
        made.close()
    got = {each["url"]: each for each in document["resources"]}
    assert got[refused.url("/a.js", "other.example")]["tls"] == "unknown-authority"
    assert [each["url"] for each in document["missing"] if "other.example" in each["url"]] == []
    assert document["verdict"] == "partial"
    assert "the page was shown without it" in archive.run("show", document["id"]).out


def _children(parent: int) -> dict[int, str]:
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with io.StringIO(stat.read_text() if stat.exists() else "") as text:
            fields = text.read().rpartition(")")[2].split()
        if len(fields) > 1 and int(fields[1]) == parent:
            pid = int(stat.parent.name)
            found[pid] = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return found


def begun(archive: Archive, site: Site, *more: str) -> subprocess.Popen[str]:
    """Begin a capture and return when its page has asked for the stream that never ends."""
    running = subprocess.Popen(
        command(*of(site), *more),
        cwd=archive.root,
        env={**os.environ, "MUNIMENT_BROWSER": program().path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while ("GET", "localhost", "/events") not in site.asked and time.monotonic() < until:
        os.sched_yield()
    return running


@pytest.mark.parametrize("victim", ["chromium", "decoding"])
def test_whoever_is_killed_the_capture_is_sealed_with_what_there_was_and_says_so(
    archive: Archive, site: Site, victim: str
) -> None:
    with begun(archive, site, "--json") as running:
        pids = [pid for pid, line in _children(running.pid).items() if victim in line]
        assert pids
        for each in pids:
            os.kill(each, signal.SIGKILL)
        out, err = running.communicate(timeout=120)
    assert "Traceback" not in err
    document = json.loads(out)
    assert document["article"]["status"] == 200
    if victim == "chromium":
        assert document["verdict"] == "partial"
        assert [each for each in document["missing"] if each["reason"] == "engine-crash"]
    else:
        assert "/events" in " ".join(each["url"] for each in document["missing"])
    assert archive.run("verify").status == 0


def test_ctrl_c_seals_what_there_is_as_interrupted_and_leaves_no_key_behind(archive: Archive, site: Site) -> None:
    with begun(archive, site) as running:
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert archive.run("verify").status == 0
    assert [path.name for path in (archive.root / "work").rglob("*") if path.is_file()] == ["lock"]


def test_a_capture_that_is_killed_is_recovered_with_what_had_come_and_its_keys_are_removed(
    archive: Archive, site: Site
) -> None:
    with begun(archive, site) as running:
        left = _children(running.pid)
        running.kill()
        running.communicate(timeout=60)
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in left) and time.monotonic() < until:
        os.sched_yield()
    assert not [pid for pid in left if Path(f"/proc/{pid}").exists()], "a browser outlived its capture"
    assert list((archive.root / "work" / "browsers").rglob("keys"))
    assert archive.run("recover").status == 0
    assert not list((archive.root / "work" / "browsers").rglob("*"))
    assert archive.run("verify").status == 0


GATE = """<!doctype html><title>The long report</title><main id=m></main><script>
setTimeout(() => { document.getElementById('m').innerHTML = %s }, 50)</script>"""


@pytest.mark.parametrize(
    ("body", "verdict", "reasons"),
    [
        (CHALLENGE, "blocked", ["challenge"]),
        (f"<video></video>{LONG}", "partial", ["empty"]),
        (f"<div style='display:none'>{LONG}</div><p>You must log in to continue.</p>", "blocked", ["login"]),
        (f"<header>{FORM}</header>{LONG}", "complete", []),
    ],
    ids=["challenge", "player", "veiled", "article"],
)
def test_a_page_is_judged_as_it_was_rendered(archive: Archive, body: str, verdict: str, reasons: list[str]) -> None:
    made = Site(pages({"/": GATE % json.dumps(body).replace("</", "<\\/")}))
    document = archive.run(*of(made), "--json").json
    made.close()
    assert document["verdict"] == verdict
    assert [each["reason"] for each in document["missing"] if each["reason"] != "http-4xx"] == reasons
    assert len(obstacles(archive.root)) == len(reasons)
    assert {"screenshot", "dom", "text"} <= {each["role"] for each in document["artefacts"]}
    shown = archive.run("show", document["id"]).out
    assert all(sign["evidence"] in shown for each in obstacles(archive.root) for sign in each["signs"][:1])
