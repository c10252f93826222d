"""Measures what the tunnel and its decoder cost: a large answer, a whole page, several browsers, several captures.

    python benchmarks/browser.py tunnel [MIB [PAIRS]]     one answer (512 MiB): seconds against direct, memory
    python benchmarks/browser.py page [PAIRS [AT_ONCE]]   a page of 121 answers in Chromium: alone, through the tunnel,
                                                          through warcprox where .venv-judges has it
    python benchmarks/browser.py captures [AT_ONCE]       the sample's second edition captured once, and several times

Servers, programs and browsers are processes of their own, all on 127.0.0.1. The ways are taken in turn, a round of each
after the other, and compared within the round: what else the machine does meanwhile bears on all of them. Printed are
medians of the rounds, of seconds by the clock and of their ratios to the first way.
"""

import base64
import contextlib
import hashlib
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import trustme
from carrying import passage, say
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import loopback_only
from browsing import program
from commands import command
from muniment.fetch.browser import flags
from muniment.fetch.browser.flags import Settings
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page, Patience
from muniment.sample import second

MEBI: Final = 1 << 20
SITE: Final = "127.0.0.2"
"""Where the site is: warcprox refuses to connect to 127.0.0.1."""
PIECE: Final = os.urandom(MEBI)
IMAGES: Final = 120
IMAGE: Final = 24 << 10
WARCPROX: Final = Path(__file__).parents[1] / ".venv-judges" / "bin" / "warcprox"
CONNECT: Final = b"CONNECT %s:%d HTTP/1.1\r\n\r\n"
UNPROVED: Final = ssl._create_unverified_context  # noqa: SLF001 - nothing here is about trust


class Child:
    """A program of this folder in a process of its own, which now and then says a line of JSON."""

    def __init__(self, script: str, *arguments: object) -> None:
        inner = [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]
        self._running = subprocess.Popen(inner, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._running.pid

    def said(self) -> Any:
        """Return the next thing that it says."""
        line = self._running.stdout.readline() if self._running.stdout else ""
        if not line:
            raise RuntimeError(f"{self._running.args} ended with {self._running.wait()}")
        return json.loads(line)

    def go(self) -> None:
        """Let it go on."""
        if self._running.stdin:
            self._running.stdin.write("\n")
            self._running.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._running.stdin:
            self._running.stdin.close()
        self._running.wait()


# Inner commands: each waits for lines on stdin and ends with it.


class Answers(BaseHTTPRequestHandler):
    """/large/N is N MiB, / a page of images, anything else an image, new each time."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer."""
        if self.path.startswith("/large/"):
            pieces = int(self.path.removeprefix("/large/"))
            self._head("application/octet-stream", pieces * MEBI)
            for _ in range(pieces):
                self.wfile.write(PIECE)
            return
        images = "".join(f"<img src=/{number}.svg>" for number in range(IMAGES))
        page, image = (
            f"<!doctype html><title>page</title>{images}",
            f"<svg xmlns='http://www.w3.org/2000/svg'><!--{self.path}",
        )
        body = page.encode() if self.path == "/" else (image.ljust(IMAGE - 9, ".") + "--></svg>").encode()
        self._head("text/html" if self.path == "/" else "image/svg+xml", len(body))
        self.wfile.write(body)

    def _head(self, media_type: str, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serving() -> None:
    """Inner command: a site with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(SITE).configure_cert(context)
    server = ThreadingHTTPServer((SITE, 0), Answers)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(port=server.server_address[1])
    sys.stdin.read()


def looking(way: str, url: str, keys: str, folder: str) -> None:
    """Inner command: a browser that opens *url* by *way*; say how long that took until its load event, and all."""
    # Alone it has to find the site without a proxy; the rule is the same on every way.
    flags.ALWAYS = tuple(
        replace(each, text=each.text.replace("EXCLUDE 127.0.0.1", "EXCLUDE 127.0.0.*")) for each in flags.ALWAYS
    )
    with contextlib.ExitStack() as stack:
        own = Path(folder, "own")
        own.mkdir(parents=True)
        log = Path(folder, "keys")
        proxy = "" if way == "alone" else way
        closing = contextlib.ExitStack()
        if way == "tunnel":
            opened = closing.enter_context(passage(Path(folder, "route")))
            proxy, log = f"socks5://127.0.0.1:{opened.port}", opened.keys
        settings = Settings(proxy=proxy, allowed_keys=tuple(keys.split(",")))
        with closing, Browser(program(), own, log, settings) as browser:
            page = Page(browser, ends=time.monotonic() + 200, patience=Patience(load=120, settle=0))
            say(ready=True)
            sys.stdin.readline()
            began = time.monotonic()
            said = page.open(url)
            loaded = time.monotonic() - began
            page.quiet(5)
            whole = [each.url for each in page.ledger.all() if each.status == 200 and not each.failure]
            if not said.loaded or len(whole) <= IMAGES:
                raise RuntimeError(f"{way}: {said}; {len(whole)} answers came")
            stack.callback(say, seconds=loaded)
    sys.stdin.read()


INNER: Final = {"serving": serving, "looking": looking}


# What is measured


def key_of(port: int, through: int = 0) -> str:
    """Return the digest of the key of the site at *port*, as Chromium takes it; by the proxy at *through*."""
    with socket.create_connection(("127.0.0.1", through) if through else (SITE, port)) as line:
        if through:
            line.sendall(CONNECT % (SITE.encode(), port))
            line.recv(4096)
        with UNPROVED().wrap_socket(line, server_hostname=SITE) as shown:
            certificate = x509.load_der_x509_certificate(shown.getpeercert(binary_form=True) or b"")
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


def got(port: int, mebi: int, through: int = 0, keys: str = "") -> float:
    """Get the large answer and return the seconds that it took."""
    context = UNPROVED()
    if keys:
        context.keylog_filename = keys
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", through) if through else (SITE, port)) as line:
        if through:
            line.sendall(CONNECT % (SITE.encode(), port))
            line.recv(4096)
        with context.wrap_socket(line, server_hostname=SITE) as talk:
            talk.sendall(b"GET /large/%d HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n" % mebi)
            held, size = bytearray(1 << 18), 0
            while count := talk.recv_into(held):
                size += count
    if size < mebi * MEBI:
        raise RuntimeError(f"{size} octets came of {mebi} MiB")
    return time.monotonic() - began


def most(number: int) -> int:
    """Return the most octets that the process *number* ever had in memory."""
    lines = Path(f"/proc/{number}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10


def used(number: int) -> float:
    """Return the CPU seconds of the process *number*."""
    fields = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spread(name: str, values: list[float], unit: str = "s") -> str:
    """Return the median of *values*, with the least and the most."""
    return f"{name:<34} {statistics.median(values):8.2f} {unit:<4} ({min(values):.2f} to {max(values):.2f})"


@contextlib.contextmanager
def warcprox(folder: Path) -> Iterator[tuple[int, int]]:
    """Start warcprox as it comes, without gzip; yields its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    given = [WARCPROX, "-b", "127.0.0.1", "-p", str(port), "-d", folder / "warcs", "--quiet"]
    given += [
        "-c",
        folder / "ca.pem",
        "--certs-dir",
        folder / "certs",
        "-j",
        "/dev/null",
        "--stats-db-file",
        "/dev/null",
    ]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([*map(str, given)], cwd=folder, stdout=log, stderr=log)
        try:
            ends = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if running.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError((folder / "log").read_text())
                time.sleep(0.05)
            yield port, running.pid
        finally:
            running.terminate()
            running.wait(30)


def tunnel(mebi: int = 512, pairs: int = 5) -> None:
    """Get one large answer directly, through tunnel and decoder, and through warcprox, in turn."""
    took: dict[str, list[float]] = {"direct": [], "tunnel": [], "tunnel, until decoded": []}
    memory, cpu, beside = [], [], [0.0, 0.0]
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(Child("browser.py", "serving")).said()["port"]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        other = stack.enter_context(warcprox(folder)) if WARCPROX.exists() else None
        got(port, min(mebi, 64))
        for number in range(pairs):
            took["direct"].append(got(port, mebi))
            with Child("carrying.py", folder / f"route{number}") as way:
                at = way.said()
                began = time.monotonic()
                took["tunnel"].append(got(port, mebi, at["port"], at["keys"]))
                heard = way.said()
                took["tunnel, until decoded"].append(time.monotonic() - began)
                if not heard["whole"] or heard["size"] < mebi * MEBI:
                    raise RuntimeError(heard)
                memory.append([most(each) / MEBI for each in (way.pid, at["reader"])])
                cpu.append([used(each) for each in (way.pid, at["reader"])])
            if other:
                took.setdefault("warcprox", []).append(got(port, mebi, other[0]))
                beside = [most(other[1]) / MEBI, used(other[1]) / pairs]
    print(f"{mebi} MiB in one answer over TLS 1.3, {pairs} rounds")
    ratios(took)
    for at, what in enumerate(("tunnel", "decoder")):
        print(spread(f"memory of the {what}, at most", [each[at] for each in memory], "MiB"))
        print(spread(f"processor time of the {what}", [each[at] for each in cpu]))
    print(spread("memory of both", [sum(each) for each in memory], "MiB"))
    if other:
        print(f"warcprox: {beside[0]:.0f} MiB at most, {beside[1]:.1f} s of processor time a round")


def ratios(took: dict[str, list[float]]) -> None:
    """Print the seconds of each way, and how they compare with the first within each round."""
    (first, base), *others = took.items()
    print(spread(first, base))
    for name, seconds in others:
        print(spread(name, seconds))
        print(spread(f"{name} / {first}", [one / other for one, other in zip(seconds, base, strict=True)], ""))


def looked(way: str, url: str, keys: str, at_once: int) -> float:
    """Open *url* in *at_once* browsers at the same moment; return the seconds until the last has it."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        browsers = [
            stack.enter_context(Child("browser.py", "looking", way, url, keys, Path(name, str(n))))
            for n in range(at_once)
        ]
        for each in browsers:
            each.said()
        for each in browsers:
            each.go()
        return max(float(each.said()["seconds"]) for each in browsers)


def page(pairs: int = 7, at_once: int = 1) -> None:
    """Open a page in Chromium alone, through the tunnel, and through warcprox, in turn."""
    took: dict[str, list[float]] = {"alone": [], "tunnel": []}
    with Child("browser.py", "serving") as site, tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        port = site.said()["port"]
        url, keys, ways = f"https://{SITE}:{port}/", key_of(port), {"alone": "alone", "tunnel": "tunnel"}
        if WARCPROX.exists():
            other, _ = stack.enter_context(warcprox(Path(name)))
            took["warcprox"], ways["warcprox"] = [], f"http://127.0.0.1:{other}"
            keys += "," + key_of(port, other)
        for _ in range(pairs):
            for each, way in ways.items():
                took[each].append(looked(way, url, keys, at_once))
    print(f"a page of {IMAGES + 1} answers, {IMAGES * IMAGE / MEBI:.1f} MiB, {at_once} at once, {pairs} rounds")
    ratios(took)


def captured(folder: Path, site: second.Site, at_once: int) -> float:
    """Capture the second edition *at_once* times into one archive; return the seconds until the last is sealed."""
    home = {**os.environ, "MUNIMENT_HOME": str(folder / "home"), "MUNIMENT_BROWSER": program().path}
    resolved = [part for each in site.resolve for part in ("--resolve", each)]
    rest = ["--no-dns", "--allow-net", "127.0.0.0/8", "--ca-file", str(site.ca_file), "--delay", "0s", "--quiet"]
    asked = command("--archive", folder / "case", "capture", site.url, "--engine", "browser", *resolved, *rest)
    began = time.monotonic()
    running = [subprocess.Popen(asked, env=home, stdout=subprocess.DEVNULL) for _ in range(at_once)]
    if {each.wait() for each in running} - {0, 3}:
        raise RuntimeError("a capture failed")
    return time.monotonic() - began


def captures(at_once: int = 4) -> None:
    """Whole captures by the browser: one, then several at once, in one archive."""
    with tempfile.TemporaryDirectory() as name, second.serve(Path(name, "site")) as site:
        folder = Path(name)
        home = {**os.environ, "MUNIMENT_HOME": str(folder / "home")}
        made = command("init", folder / "case", "--operator", "Desk")
        subprocess.run(made, env=home, check=True, capture_output=True)
        one, several = captured(folder, site, 1), captured(folder, site, at_once)
    print(f"whole captures of the second edition: 1 in {one:.1f} s, {at_once} at once in {several:.1f} s")
    print(f"{at_once} at once take {several / one:.2f} times as long as one")


def main(words: list[str]) -> None:
    """Measure what the first of *words* names, with the numbers behind it."""
    outer = {"tunnel": tunnel, "page": page, "captures": captures}
    match words:
        case [name, *rest] if name in INNER:
            INNER[name](*rest)
        case [name, *rest] if name in outer:
            with loopback_only.alone():
                outer[name](*map(int, rest))
        case _:
            print(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
