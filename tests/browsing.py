"""Sites on loopback for a real browser, the way to them through the tunnel, and one browser to look at them with."""

import contextlib
import datetime as dt
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

import pytest

import hostile
from muniment.fetch.browser.artefacts import Studio
from muniment.fetch.browser.find import Candidate, find
from muniment.fetch.browser.flags import Settings
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page, Patience
from muniment.fetch.dial import Surroundings
from muniment.fetch.tunnel import Refusal, Tunnel
from muniment.rules import Limits, Rules

HTML = {"Content-Type": "text/html; charset=utf-8"}
SCRIPT = {"Content-Type": "text/javascript"}
HOSTS = ("localhost", "other.example", "third.example", "post.third.example")
"""Names of the sites; a browser takes localhost for safe, so that service workers run there without TLS."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a site answers: a body, fields, a status; ``hold`` keeps the connection open without an end."""

    body: bytes = b""
    fields: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    hold: bool = False


Route = Callable[[str, str], Reply]


class Site:
    """A server at 127.0.0.1 which answers by *route* (of host and target), and keeps what it was asked for."""

    def __init__(self, route: Route) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._closing = threading.Event()
        answers = type("Answers", (_Answers,), {"site": self, "route": staticmethod(route), "closing": self._closing})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str = "/", host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Answers(BaseHTTPRequestHandler):
    """One connection to a Site."""

    protocol_version = "HTTP/1.1"
    site: Site
    route: Route
    closing: threading.Event

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError):
            super().handle_one_request()
            return
        self.close_connection = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._answer

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        host = self.headers["Host"].partition(":")[0]
        self.site.asked.append((self.command, host, self.path))
        reply = type(self).route(host, self.path)
        self.send_response(reply.status)
        for name, value in {"Cache-Control": "no-store", **reply.fields}.items():
            self.send_header(name, value)
        if not reply.hold:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        if reply.hold:
            self.wfile.flush()
            self.closing.wait()
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@functools.cache
def chromium() -> Candidate | None:
    return next((each for each in _looked() if each.fit), None)


def _looked() -> tuple[Candidate, ...]:
    """Look as on any machine; captures of other tests are told that there is no browser (conftest)."""
    return find({name: value for name, value in os.environ.items() if name != "MUNIMENT_BROWSER"})


def program() -> Candidate:
    """Return the browser of this machine; the test is skipped where there is none."""
    found = chromium()
    if found is None:
        pytest.skip("there is no Chromium here: " + "; ".join(f"{each.path} {each.unfit}" for each in _looked()))
    return found


def pages(route: Mapping[str, str | Reply]) -> Route:
    """Return a route that knows the pages of *route*, by path or by host and path, and nothing else."""

    def found(host: str, target: str) -> Reply:
        path = target.partition("?")[0]
        known = route.get(host + path, route.get(path))
        if known is None:
            return Reply(b"no such page", {"Content-Type": "text/plain"}, 404)
        return Reply(known.encode(), HTML) if isinstance(known, str) else known

    return found


class Way:
    """A tunnel that leads to *ports* on loopback under every name of ``HOSTS``, and nowhere else."""

    def __init__(self, folder: Path) -> None:
        self.refused: list[Refusal] = []
        self._folder = folder
        rules = Rules(
            allow_net=("127.0.0.1/32",),
            resolve=tuple(f"{host}=127.0.0.1" for host in HOSTS),
            dns=False,
            limits=Limits(delay=0, per_host=64),
        )
        around = Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC))
        self.tunnel = Tunnel(rules, around, self._spool, self.refused.append, ends=time.monotonic() + 600)

    @property
    def proxy(self) -> str:
        return f"socks5://127.0.0.1:{self.tunnel.port}"

    def _spool(self, connection: str) -> BinaryIO:
        return (self._folder / f"{connection}.spool").open("xb", buffering=0)


@contextlib.contextmanager
def browser(folder: Path, **changes: object) -> Iterator[tuple[Browser, Way]]:
    """Start a browser whose only way is a tunnel of its own."""
    for name in ("own", "spools"):
        (folder / name).mkdir()
    way = Way(folder / "spools")
    try:
        settings = Settings(**{"proxy": way.proxy, **changes})  # type: ignore[arg-type]
        with Browser(program(), folder / "own", folder / "keys", settings) as started:
            yield started, way
    finally:
        way.tunnel.close()


@dataclass(frozen=True, slots=True)
class Look:
    """One page in one browser that can reach one site and nothing else."""

    site: Site
    browser: Browser
    way: Way
    page: Page

    def studio(self) -> Studio:
        return Studio(self.browser, self.page, lambda: dt.datetime.now(dt.UTC))


HASTE = Patience(load=4, settle=3, quiet=0.3, script=3)


@contextlib.contextmanager
def look(folder: Path, route: Route, *, seconds: float = 60, **changes: object) -> Iterator[Look]:
    """Serve *route* and start a browser for it; ``PORT`` in a page is the site's port."""
    program()  # skips before anything is begun

    def with_port(host: str, target: str) -> Reply:
        reply = route(host, target)
        return replace(reply, body=reply.body.replace(b"PORT", str(site.port).encode()))

    site = Site(with_port)
    try:
        with browser(folder, **changes) as (started, way):
            page = Page(started, ends=time.monotonic() + seconds, patience=HASTE)
            yield Look(site, started, way, page)
    finally:
        site.close()
