"""Captures shown again by programs of others, pywb and ReplayWeb.page, and looked at by a browser without a network."""

import base64
import contextlib
import datetime as dt
import hashlib
import io
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from browsing import HTML, SCRIPT, Reply, Site, pages, program
from muniment.fetch.browser import consent
from muniment.fetch.browser.artefacts import Studio
from muniment.fetch.browser.flags import Settings
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page, Patience
from muniment.fetch.browser.world import Frame

JUDGES = Path(__file__).parents[1] / ".venv-judges"
PROXY = "proxy:\n  coll: case\n  enable_banner: false\n  enable_content_rewrite: false\n"
"""How pywb is told to hand out what was recorded as it is, under its own URLs (docs/replay.md)."""
_PATIENCE = Patience(load=30, settle=8, quiet=0.4, script=20)
_SEEN = """async () => {
  const media = [...document.querySelectorAll("video, audio")];
  const advances = (each) => new Promise((done) => {
    const from = each.currentTime;
    const look = () => each.currentTime > from + 0.3 && done(each.currentTime - from);
    each.addEventListener("timeupdate", look);
    setTimeout(() => done(each.currentTime - from), 8000);
  });
  const played = await Promise.all(media.map(advances));
  return {
    headline: document.querySelector("h1")?.innerText ?? "",
    text: document.body?.innerText ?? "",
    fonts: [...document.fonts].filter((each) => each.status === "loaded").map((each) => each.family),
    media: media.map((each, at) => [each.localName, each.videoWidth ?? 0, played[at]]),
  };
}"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a document shows: its headline, its text, fonts that were loaded.

    ``plays`` has the kind and the width of each video and sound of which time passes, ``stands`` of those where it
    does not.
    """

    headline: str
    text: str
    fonts: tuple[str, ...]
    plays: tuple[tuple[str, int], ...]
    stands: tuple[tuple[str, int], ...]


@contextlib.contextmanager
def pywb(folder: Path, warc: Path, settings: str = "") -> Iterator[int]:
    """Let pywb serve *warc*, and nothing else, as the collection ``case``; yields its port on 127.0.0.1."""
    programs = [JUDGES / "bin" / name for name in ("wb-manager", "wayback")]
    if not all(each.exists() for each in programs):
        pytest.skip("pywb is not installed in .venv-judges; `make test` does that where it can")
    manager, wayback = programs
    folder.mkdir()
    for command in (["init", "case"], ["add", "case", str(warc)]):
        subprocess.run([manager, *command], cwd=folder, check=True, capture_output=True)
    if settings:
        (folder / "config.yaml").write_text(settings, encoding="ascii")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with (folder / "pywb.log").open("wb") as log:
        running = subprocess.Popen([wayback, "-b", "127.0.0.1", "-p", str(port)], cwd=folder, stdout=log, stderr=log)
        try:
            while not _answers(port):
                assert running.poll() is None, (folder / "pywb.log").read_text()
            yield port
        finally:
            running.terminate()
            running.wait(20)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        time.sleep(0.05)
        return False
    return True


def keys(port: int, hosts: list[str]) -> tuple[str, ...]:
    """Return the digests of the keys that the proxy at *port* shows for *hosts*, as Chromium takes them."""
    unproved = ssl.create_default_context()
    unproved.check_hostname, unproved.verify_mode = False, ssl.CERT_NONE
    found = []
    for host in hosts:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            line.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
            assert b" 200 " in line.recv(4096)
            with unproved.wrap_socket(line, server_hostname=host) as shown:
                certificate = x509.load_der_x509_certificate(shown.getpeercert(binary_form=True) or b"")
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found.append(base64.b64encode(hashlib.sha256(key).digest()).decode())
    return tuple(found)


@contextlib.contextmanager
def replay_web_page(warc: Path, url: str) -> Iterator[str]:
    """Serve ReplayWeb.page with *warc* open at *url*; yields the address to look at."""
    package = JUDGES / "replaywebpage"
    if not (package / "sw.js").exists():
        pytest.skip("ReplayWeb.page is not in .venv-judges; `make test` gets it where npm is")
    element = f'<replay-web-page source="/case.warc.gz" url="{url}" embed="replayonly" replayBase="/replay/">'
    style = "<style>html, body { margin: 0; height: 100% } replay-web-page { display: block; height: 100% }</style>"
    route = {
        "/": Reply(f'<!doctype html>{style}<script src="/ui.js"></script>{element}</replay-web-page>'.encode(), HTML),
        "/ui.js": Reply((package / "ui.js").read_bytes(), SCRIPT),
        "/replay/sw.js": Reply((package / "sw.js").read_bytes(), SCRIPT),
        "/case.warc.gz": Reply(warc.read_bytes(), {"Content-Type": "application/gzip"}),
    }
    site = Site(pages(route))
    try:
        yield site.url(host="127.0.0.1")
    finally:
        site.close()


@contextlib.contextmanager
def opened(folder: Path, url: str, **settings: Any) -> Iterator["Look"]:
    """Open *url* in a browser that reaches loopback alone, or only what *settings* names as its proxy."""
    folder.mkdir()
    (folder / "own").mkdir()
    with Browser(program(), folder / "own", folder / "keys", Settings(**settings)) as browser:
        page = Page(browser, ends=time.monotonic() + 200, patience=_PATIENCE)
        said = page.open(url)
        assert said.loaded, said
        yield Look(browser, page, folder)


@dataclass(frozen=True, slots=True)
class Look:
    """A page in a browser, as somebody who looks at a replay has it before them."""

    browser: Browser
    page: Page
    folder: Path

    def frame(self, ending: str) -> Frame:
        """Wait for the document whose URL ends in *ending*, and until it shows some text."""
        found: list[Frame] = []

        def there() -> bool:
            found[:] = [each for each in self.page.frames() if each.url.endswith(ending)]
            return bool(found) and bool(self._asked(found[-1], "() => document.body?.innerText.trim() ?? ''"))

        self._until(there, f"a document {ending} with text")
        return found[-1]

    def read(self, ending: str) -> None:
        """Agree to the wall where there is one, scroll the document *ending* to its end, play what can be played."""
        self._until(lambda: bool(self.frame(ending)), "the article")
        wall = consent.find(self.page)
        if wall is not None:
            assert consent.answer(self.page, wall, consent.Choice.ACCEPT).gone
        at = {"more": True}
        while at["more"]:
            at = self.page.run("scroll.js", "step", self.frame(ending))
            self.page.quiet(2)
        for each in self.page.frames():
            self.page.run("media.js", 20, each)
        self.page.quiet()

    def seen(self, ending: str) -> Seen:
        """Return what the document *ending* shows."""
        told = self._asked(self.frame(ending), _SEEN)
        media = [(kind, width, seconds > 0.2) for kind, width, seconds in told.pop("media")]
        return Seen(
            **{**told, "fonts": tuple(told["fonts"])},
            plays=tuple((kind, width) for kind, width, moved in media if moved),
            stands=tuple((kind, width) for kind, width, moved in media if not moved),
        )

    def drawn(self, ending: str, *names: str) -> Seen:
        """Return what the document *ending* shows once the images *names* are drawn in it."""
        script = "() => [...document.images].filter((each) => each.naturalWidth > 1).map((each) => each.currentSrc)"
        missing = set(names)

        def all_drawn() -> bool:
            urls = self._asked(self.frame(ending), script)
            missing.difference_update(url.partition("?")[0].rpartition("/")[2] for url in urls)
            return not missing

        self._until(all_drawn, f"images {names}")
        return self.seen(ending)

    def picture(self, name: str, height: int = 900) -> bytes:
        """Return the page as PNG; kept in the folder that MUNIMENT_PICTURES names, for eyes."""
        self.page.resize(1280, height)
        self.page.quiet()
        drawn, dated = io.BytesIO(), io.BytesIO()
        Studio(self.browser, self.page, lambda: dt.datetime.now(dt.UTC)).screenshots(drawn, dated)
        folder = Path(os.environ.get("MUNIMENT_PICTURES") or self.folder)
        (folder / f"{name}.png").write_bytes(drawn.getvalue())
        return drawn.getvalue()

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < ends, f"{what} did not come: {[each.url for each in self.page.frames()]}"
            self.page.quiet(0.5)

    def _asked(self, frame: Frame, script: str) -> Any:
        world = {"frameId": frame.id, "worldName": "replaying"}
        known = self.page.devtools.ask("Page.createIsolatedWorld", world, session=frame.session, seconds=20)
        call = {"functionDeclaration": script, "executionContextId": known["executionContextId"]}
        call |= {"awaitPromise": True, "returnByValue": True}
        answer = self.page.devtools.ask("Runtime.callFunctionOn", call, session=frame.session, seconds=30)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")
