"""pywb and ReplayWeb.page show what was captured: headline, text, pictures, fonts, posts, and videos that play."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import loopback_only
from browsing import program
from commands import command, muniment
from muniment import sample
from muniment.sample import second
from replaying import PROXY, Look, Seen, keys, opened, pywb, replay_web_page

pytestmark = pytest.mark.timeout(300)
FIRST = "https://courier.example/valley/2024/03/orvesk-grain-market"
SECOND = "https://today.courier.example/valley/2025/03/one-year"
LAZY = ("map.svg", "bridge-960.jpg", "market-hall-800.jpg")
HOSTS = [f"{each}.courier.example" for each in ("today", "api", "pictures", "media", "live", "attic")]
HOSTS += ["post.social.example", "clips.tern.example", "count.audience.example"]


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Run the programs of others, and the browser that looks at them, where loopback is all there is."""
    with loopback_only.alone():
        yield


def captured(edition: ModuleType, engine: str, temporary: Path) -> Path:
    """Return the WARC file of a capture of *edition*, made once in a run of all tests, whichever process asks."""
    shared = temporary.parent if os.environ.get("PYTEST_XDIST_WORKER") else temporary
    folder = shared / f"replayed-{engine}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            folder.mkdir()
            _capture(edition, engine, folder)
    [warc] = folder.glob("case/archive/*/*/*/*/*.warc.gz")
    return warc


def _capture(edition: ModuleType, engine: str, folder: Path) -> None:
    home = {"MUNIMENT_HOME": str(folder / "home")}
    if engine == "browser":
        home["MUNIMENT_BROWSER"] = program().path
    with edition.serve(folder / "site") as site:
        assert muniment("init", "case", "--name", "case", "--operator", "Desk", cwd=folder, **home).status == 0
        resolved = [part for each in site.resolve for part in ("--resolve", each)]
        rest = ["--no-dns", "--allow-net", "127.0.0.0/8", "--ca-file", str(site.ca_file), "--delay", "0s", "--quiet"]
        asked = [site.url, "--cited", "1", "--engine", engine, *resolved, *rest]
        surroundings = {**os.environ, **home}
        done = subprocess.run(
            command("capture", *asked), cwd=folder / "case", env=surroundings, capture_output=True, check=False
        )
    assert done.returncode == 3, done.stderr  # something of each edition cannot be got, on purpose


@pytest.fixture
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program()  # skips before anything is begun
    return captured(sample, "static", tmp_path_factory.getbasetemp())


@pytest.fixture
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program()
    return captured(second, "browser", tmp_path_factory.getbasetemp())


def shows_the_first_edition(look: Look) -> None:
    look.read(FIRST)
    article = look.drawn(FIRST, "byline-orel.webp", "market-hall-1200.webp", "map.svg", "lenna%20at%20dusk.jpg")
    assert article.headline == "Eleven minutes at the Orvesk grain market"
    assert "Two videos, a siren log and the bell of a chapel" in article.text
    assert "Lenna Display" in article.fonts
    assert article.plays == (("audio", 0),)
    for number, who in (("4417", "Mira K."), ("4423", "The Grain House")):
        post = look.seen(f"https://post.social.example/embed/{number}")
        assert who in post.text
        assert post.plays == (("video", 640),), post


def test_pywb_shows_the_first_edition(first: Path, tmp_path: Path) -> None:
    with (
        pywb(tmp_path / "pywb", first) as port,
        opened(tmp_path / "look", f"http://127.0.0.1:{port}/case/{FIRST}") as look,
    ):
        shows_the_first_edition(look)
        look.picture("pywb-first", 5000)


def test_replay_web_page_shows_the_first_edition(first: Path, tmp_path: Path) -> None:
    with replay_web_page(first, FIRST) as address, opened(tmp_path / "look", address) as look:
        shows_the_first_edition(look)
        look.picture("replaywebpage-first", 5000)


def post(look: Look, url: str, who: str) -> None:
    seen = look.seen(url)
    assert who in seen.text
    assert seen.plays == (("video", 640),), seen


def headline_and_text(article: Seen) -> None:
    assert article.headline == "One year after the eleven minutes"
    for words in ("The hall was opened again in November.", "The first recording was made from the north gate"):
        assert words in article.text


def test_pywb_as_a_proxy_shows_all_of_the_second_edition(new: Path, tmp_path: Path) -> None:
    with pywb(tmp_path / "pywb", new, PROXY) as port:
        proxy = {"proxy": f"http://127.0.0.1:{port}", "allowed_keys": keys(port, HOSTS)}
        with opened(tmp_path / "look", SECOND, **proxy) as look:
            look.read(SECOND)
            article = look.drawn(SECOND, "hall-mended-960.jpg", "byline-orel.webp", "weigh-book.jpg", *LAZY)
            headline_and_text(article)
            # The second half comes when the reader is near the end of the first, the edition from the service worker.
            assert "The weighmaster writes with a pencil" in article.text
            assert "Edition of Sunday 9 March 2025" in article.text
            assert "Lenna Display" in article.fonts
            assert (article.plays, article.stands) == ((("audio", 0), ("video", 960)), ())
            post(look, "https://post.social.example/embed/4417", "Mira K.")
            post(look, "https://clips.tern.example/embed/4423", "The Grain House")
            look.picture("pywb-second")


def test_replay_web_page_shows_headline_text_and_a_video_of_the_second_edition(new: Path, tmp_path: Path) -> None:
    with replay_web_page(new, SECOND) as address, opened(tmp_path / "look", address) as look:
        look.read(SECOND)
        article = look.drawn(SECOND, *LAZY)
        headline_and_text(article)
        assert ("video", 960) in article.plays, article
        post(look, "https://post.social.example/embed/4417", "Mira K.")
        look.picture("replaywebpage-second", 8000)
