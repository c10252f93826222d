"""A capture of hostile pages and answers ends by itself, in bounded memory, and gets what its neighbours ask for."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bombs
import hostile
from commands import muniment
from muniment.extract import from_html

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the most memory that a process had")

MEBI = 1 << 20
# Of 256 MiB over base, the child that reads main texts may take 112 for one page (tests/unit/test_article.py).
OWN_SHARE = 128 * MEBI
# Its own account of its most memory: that of the system counts what the process was before it became this program.
SCRIPT = """
import atexit, pathlib, re, sys
def told():
    found = re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())
    pathlib.Path(most).write_text(found[1])
most = sys.argv.pop(1)
atexit.register(told)
from muniment.cli.__main__ import main
main()
"""
PIECES = {
    "nested": "<div>",
    "formatting": "<p><b><i><u>",
    "paragraphs": "<p>x",
    "tables": "<table><tr><td>x",
    "images": '<img src="">',
    "attributes": "<b " + " ".join(f"a{n}=1" for n in range(400)) + ">",
    "drawings": "<svg><title>",
    "comments": "<!-- x -->",
    "entities": "&amp;",
    "escapes": "<",
    "styles": '<i style="background:url()">',
    "documents": '<iframe srcdoc="<b>">x</iframe>',
    "titles": "<title>",
    "json": "<script type=application/ld+json>" + "[" * 9_000 + "</script>",
    "lists": '<script type=application/ld+json>[{"a":{}}]</script>',
    "beyond": "\U0001f600",
}
SIZE = 3 * MEBI // 4
PAGES = {name: piece * (SIZE // len(piece.encode())) for name, piece in PIECES.items()} | {
    # What is opened here is opened again in each paragraph: a million nodes in a tree.
    "reopened": "<p>" + "".join(f"<b a={n}>" for n in range(300)) + "</p>" + "<p>x" * 3_000,
}


def captured(folder: Path, script: hostile.Script, *flags: str) -> tuple[Any, int]:
    """Capture what *script* serves; return the account of it and the most memory of the capture's own process."""
    muniment("init", folder / "archive", "--operator", "Desk", cwd=folder)
    most = folder / "most"
    with hostile.Served(script) as served:
        rules = ["--allow-net", "127.0.0.0/8", "--no-dns", "--resolve", f"site.example=127.0.0.1:{served.port}"]
        command = ["--archive", str(folder / "archive"), "capture", served.url(), "--delay", "0s", "--json", *rules]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(most), *command, *flags],
            env=os.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        served.faults.clear()
    assert done.returncode in (0, 3), done.stderr[-1000:]
    return json.loads(done.stdout), int(most.read_text()) * 1024


def got(told: Any) -> set[str]:
    return {each["url"].rpartition("/")[2] for each in told["resources"] if each["outcome"] == "ok"}


def reasons(told: Any) -> dict[str, str]:
    return {each["url"].rpartition("/")[2]: each["reason"] for each in told["missing"]}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Return what the capture of a page of nothing takes."""
    folder = tmp_path_factory.mktemp("base")
    os.environ["MUNIMENT_HOME"] = str(folder / "home")
    return captured(folder, bombs.CASES["trivial"].script)[1]


def test_hostile_pages_side_by_side_exhaust_nothing_and_each_gets_its_image(base: int, tmp_path: Path) -> None:
    def page(name: str) -> bytes:
        return bombs.html(f'<meta charset=utf-8><img src="/{name}.png">{PAGES[name]}'.encode())

    def answered(target: str) -> bytes:
        name = target.strip("/")
        if name in PAGES:
            return page(name)
        if name:
            return hostile.answer(bombs.IMAGE, "200 OK", "Content-Type: image/png")
        return bombs.html("".join(f"<iframe src={each}></iframe>" for each in PAGES).encode())

    told, most = captured(tmp_path, hostile.routing(answered))
    assert got(told) >= {f"{name}.png" for name in PAGES}
    assert most - base < OWN_SHARE


def drip(talk: hostile.Talk) -> None:
    while True:
        talk.send(b"x")
        time.sleep(0.05)  # the harm itself: no condition of the test's


def talking(head: bytes, then: Callable[[hostile.Talk], None] = hostile.Talk.until_closed) -> hostile.Script:
    def script(talk: hostile.Talk) -> None:
        talk.send(head)
        then(talk)
        raise hostile.Gone

    return script


ANSWERS: dict[str, tuple[hostile.Script, str]] = {
    "gzip": (lambda talk: talk.send(bombs.coded("gzip", lambda: bombs.gzip_bomb(256 * MEBI), "image/png")()), ""),
    "br": (lambda talk: talk.send(bombs.coded("br", lambda: bombs.brotli_bomb(256 * MEBI), "image/png")()), ""),
    "zstd": (lambda talk: talk.send(bombs.coded("zstd", lambda: bombs.zstd_bomb(256 * MEBI), "image/png")()), ""),
    "fifty": (lambda talk: talk.send(bombs.CASES["codings-50"].page()), ""),
    "redirect": (bombs.looped(lambda: bombs.gzip_bomb(256 * MEBI), "Content-Encoding: gzip"), ""),
    "endless": (bombs.CASES["endless-body"].bad, "truncated-length"),
    "huge": (bombs.CASES["body-10-gb"].bad, "truncated-length"),
    "drip": (talking(bombs.OK + b"Content-Length: 100000\r\n\r\n", drip), "truncated-time"),
    "drip-of-head": (talking(bombs.OK, drip), "truncated-time"),
    "head": (bombs.CASES["head-10-mb"].bad, "not-http"),
    "heads": (bombs.CASES["heads-100000"].bad, "not-http"),
    "interim": (bombs.CASES["interim-flood"].bad, "not-http"),
    "extensions": (bombs.CASES["chunk-extensions"].bad, "truncated-disconnect"),
    "size": (bombs.CASES["chunk-size-endless"].bad, "truncated-disconnect"),
    "trailers": (bombs.CASES["trailers-endless"].bad, "truncated-disconnect"),
}


def test_hostile_answers_side_by_side_end_with_their_reasons_and_harm_no_neighbour(base: int, tmp_path: Path) -> None:
    def script(talk: hostile.Talk) -> None:
        while True:
            name = talk.request().split(b" ")[1].decode().strip("/")
            if name in ANSWERS:
                ANSWERS[name][0](talk)
            elif name:
                talk.send(hostile.answer(bombs.IMAGE, "200 OK", "Content-Type: image/png"))
            else:
                talk.send(bombs.html("".join(f"<img src={each}><img src={each}.png>" for each in ANSWERS).encode()))

    limits = ("--max-resource-bytes", "8MB", "--max-resource-time", "3s", "--max-redirects", "2")
    told, most = captured(tmp_path, script, *limits)
    assert got(told) >= {f"{name}.png" for name in ANSWERS}
    # On a machine that is busy enough, any of them ends by its time.
    ended = reasons(told)
    assert [name for name, (_, why) in ANSWERS.items() if why and ended.get(name) not in (why, "truncated-time")] == []
    assert most - base < OWN_SHARE


def test_a_page_of_very_many_links_makes_no_such_number_of_records(base: int, tmp_path: Path) -> None:
    page = bombs.numbered('<img src="/i%d">', 3_000).page()
    good = hostile.answer(bombs.IMAGE, "200 OK", "Content-Type: image/png")
    told, most = captured(
        tmp_path, hostile.routing(lambda target: page if target == "/" else good), "--max-resources", "10"
    )
    assert "good.png" in got(told)
    listed = [each for each in told["missing"] if each["rule"] == "max-resources"]
    assert len(listed) == 2_001
    assert most - base < OWN_SHARE


@pytest.mark.parametrize("flat", [False, True], ids=["as a tree", "tag by tag"])
def test_a_page_that_is_read_too_late_says_what_was_not_looked_into(flat: bool) -> None:  # noqa: FBT001

    body = b"<img src=a.png>" + b"<br>" * (40_000 if flat else 1)
    found = from_html(body, "http://site.example/", charset=None, remaining=lambda: -3.0)
    assert (found.links, found.unread) == ((), "max-time")
    in_time = from_html(body, "http://site.example/", charset=None, remaining=lambda: 1.0)
    assert (len(in_time.links), in_time.unread) == (1, "")
