"""Measures how fast the index is made anew from an archive of whole captures that lies in the page cache.

    python benchmarks/rebuild.py make FOLDER 100     an archive of so many captures below FOLDER, which is not there yet
    python benchmarks/rebuild.py measure FOLDER      its index made anew five times, and the time of each part once

Each capture is made by the real write path: a page of 100 links with its article of 400 words, 66 answers of three
records each, three connections. The same seed makes the same pages; nothing is sent anywhere. Processor seconds are
those of this process and of its children; wall seconds are those of a clock, which another load on the machine changes.
"""

import contextlib
import io
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from captures import link, links_fact, response
from conftest import make_archive
from muniment import canonical, catalogue, layout
from muniment.capture import commit
from muniment.capture.recorder import Fact
from muniment.catalogue import claims, facts, renewal, rows
from muniment.index import created
from muniment.model import (
    Connection,
    Exchange,
    Framing,
    Look,
    Reason,
    Role,
)
from muniment.rules import Rules

START: Final = datetime(2024, 12, 10, 9, 30, tzinfo=UTC)
RESOURCES: Final = 66
LINKS: Final = 100
WORDS: Final = 400
TIMES: Final = 5


def exchange(url: str, body: bytes, media_type: str, made: Connection, at: datetime) -> Exchange:
    """Return an exchange that was answered 200 with *body*, with the times that a real one has."""
    octets = response(body, f"Content-Type: {media_type}", "Cache-Control: max-age=300")
    return Exchange(
        url=url,
        method="GET",
        started=at,
        reason=Reason.OK,
        detail="",
        connection=made,
        request=f"GET {url} HTTP/1.1\r\nHost: {made.host}\r\nAccept: */*\r\n\r\n".encode(),
        response=io.BytesIO(octets),
        response_size=len(octets),
        head_size=len(octets) - len(body),
        status=200,
        fields=(("Content-Type", media_type),),
        framing=Framing.LENGTH,
        times={"dns": 120, "connect": 900, "tls": 4100, "sent": 4200, "first": 31000, "last": 42000},
    )


def connection(number: int, host: str, chance: random.Random) -> Connection:
    """Return a connection to *host* with a chain of the size that is usual."""
    return Connection(
        id=f"c{number}",
        host=host,
        address="192.0.2.7",
        port=443,
        opened=START,
        look=Look(host, "system", ("192.0.2.7",), 800),
        tls="ok",
        tls_version="tls/1.3",
        cipher="TLS_AES_128_GCM_SHA256",
        alpn="http/1.1",
        chain=(chance.randbytes(1400), chance.randbytes(1200)),
    )


def article(title: str, text: str) -> dict[str, Any]:
    """Return the document of a metadata record of an article, as the extractor writes it."""
    names = ("headline", "byline", "published", "publisher", "language")
    return {
        "v": 1,
        "type": "article",
        "extractor": "muniment.article/1",
        "assertions": [{"field": name, "value": title, "raw": title, "source": f"meta:{name}"} for name in names],
        "text": text,
        "text_source": "trafilatura/2.0",
        "notes": [],
    }


def capture(desk: commit.Desk, number: int, chance: random.Random, words: list[str]) -> None:
    """Make the capture *number*: its page, the facts of that, and its images."""
    host = f"site{number % 997}.example"
    made = [connection(n, each, chance) for n, each in enumerate((host, f"cdn.{host}", "social.example"))]
    seed = f"https://{host}/2024/12/{'-'.join(chance.choices(words, k=6))}.html"
    images = [f"https://cdn.{host}/assets/2024/{chance.getrandbits(64):016x}.jpg" for _ in range(RESOURCES - 1)]
    found = [link(each) for each in images]
    found += [link(f"https://{host}/{n}.html", Role.CITED, "link") for n in range(LINKS - len(found))]
    title, text = (" ".join(chance.choices(words, k=each)) for each in (9, WORDS))
    at = START + timedelta(minutes=number)
    with commit.draft(desk, seed) as begun:
        page = begun.recorder.take(exchange(seed, text.encode(), "text/html", made[0], at), Role.ARTICLE, "")
        for said in (links_fact(title, found), article(title, text)):
            begun.recorder.state(Fact(seed, page, canonical.encode(said), at))
        for n, each in enumerate(images):
            at += timedelta(milliseconds=20)
            body = chance.randbytes(600)
            begun.recorder.take(exchange(each, body, "image/jpeg", made[1 + n % 2], at), Role.IMAGE, page)
        commit.commit(begun, commit.Ending(RESOURCES, RESOURCES, interrupted=False, root_store=""))


def make(folder: Path, number: int) -> None:
    """Make an archive of *number* captures below *folder*."""
    folder.mkdir()
    where = make_archive(folder, "case")
    desk = commit.Desk(where, commit.signers(where, None), Rules(), commit.Clock())
    chance = random.Random(1)  # noqa: S311 - made-up pages
    words = ["".join(chance.choices("abcdefghijklmnoprstuv", k=chance.randint(3, 10))) for _ in range(20_000)]
    for each in range(number):
        capture(desk, each, chance, words)


def processor() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


@contextlib.contextmanager
def timed(taken: list[float]) -> Iterator[None]:
    """Add to *taken* the processor seconds of what is done inside."""
    begun = processor()
    yield
    taken.append(processor() - begun)


def measure(folder: Path) -> None:
    """Make the index of the archive below *folder* anew, and take the time of each part."""
    root = folder / "case"
    walls, processors, total = [], [], 0
    for _ in range(TIMES):
        begun, used = time.perf_counter(), processor()
        done = catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
        walls.append(time.perf_counter() - begun)
        processors.append(processor() - used)
        total = sum(done.counts.values())
    print(f"{total:,} rows, {done.counts['captures']:,} captures, {len(done.problems)} problems")
    for name, taken in (("processor", processors), ("wall", walls)):
        middle = statistics.median(taken)
        print(f"{name}: {middle:.2f} s, {total / middle:,.0f} rows/s (the fastest {total / min(taken):,.0f})")
    parts(root, total)


def parts(root: Path, total: int) -> None:
    """Do what a rebuild does in one process, and print what each part of it takes."""
    found: dict[str, list[float]] = {"claims": [], "facts": [], "rows": [], "entering": []}
    path = root / f"{layout.INDEX}.parts"
    begun = processor()
    with created(path) as index:
        for place in renewal._places(root, []):  # noqa: SLF001 - what is measured is what it does
            with timed(found["claims"]):
                read = claims.read(root, place.leaf.id, place)
            with timed(found["facts"]):
                said = facts.gather(root, read.capture, read.records, facts.of_rows(read.records, rows.failures(read)))
            with timed(found["rows"]):
                derived = rows.rows(read, said)
            with timed(found["entering"]):
                index.replace(derived)
        ending = processor()
    now = processor()
    path.unlink()
    for name, seconds in (*((each, sum(taken)) for each, taken in found.items()), ("its end", now - ending)):
        print(f"  {name}: {seconds:.2f} s, {seconds / (now - begun):.0%}, {seconds / total * 1e6:.1f} µs a row")


def main() -> None:
    """Measure what the arguments name."""
    match sys.argv[1:]:
        case ["make", folder, number]:
            make(Path(folder), int(number))
        case ["measure", folder]:
            measure(Path(folder))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
