"""Measures the index: octets a record, look-ups, full text, and how fast rows are entered.

    python benchmarks/index.py rows 100000        rows of made-up captures straight into an index
    python benchmarks/index.py growth 100000 1000000 10000000        the same for each size, as a table

The same seed makes the same rows; nothing is sent anywhere. Everything is written below a temporary folder. Times are
CPU seconds of this process, which another load on the machine changes little; waiting for the disk is not in them.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from muniment import layout
from muniment.digest import Digest
from muniment.index import (
    ArticleRow,
    AssertionRow,
    CaptureRow,
    ConnectionRow,
    LinkRow,
    Query,
    RecordRow,
    Rows,
    TextRow,
    WarcRow,
    created,
    reading,
)
from muniment.model import Kind, Reason, Role, State

START: Final = datetime(2024, 12, 10, 9, 30, tzinfo=UTC)
RESOURCES: Final = 66
"""Answers of a capture, each with its request and its facts: three records, as the recorder writes them."""
LINKS: Final = 100
WORDS: Final = 400
KEYS: Final = 20_000
"""Look-ups of each kind, of records that chance picks among all."""
PICKED: Final = """SELECT r.record_id, r.payload, u.url FROM records r JOIN urls u ON u.number = r.url
WHERE r.capture = ? AND r.n = ?"""
LOOK_UPS: Final = {
    "record id": """SELECT r.n, u.url, r.payload, w.file, r.offset, r.length
FROM records r JOIN warcs w ON w.capture = r.capture AND w.n = r.warc LEFT JOIN urls u ON u.number = r.url
WHERE r.record_digits = substr(:record_id, -8) AND r.record_id = :record_id""",
    "payload": """SELECT r.n, u.url, r.payload, w.file, r.offset, r.length
FROM records r JOIN warcs w ON w.capture = r.capture AND w.n = r.warc LEFT JOIN urls u ON u.number = r.url
WHERE r.payload_digits = substr(:payload, 8, 8) AND r.payload = :payload""",
    "URL": """SELECT r.n, u.url, r.payload, w.file, r.offset, r.length
FROM urls u JOIN records r ON r.url = u.number JOIN warcs w ON w.capture = r.capture AND w.n = r.warc
WHERE u.url = :url""",
}
"""What is asked by each key: the record with its URL, its payload's digest, and where it lies."""


def made(number: int, chance: random.Random, words: list[str]) -> Rows:
    """Return the rows of the made-up capture *number*."""
    opened = START + timedelta(minutes=number)
    capture = layout.capture_id(opened, sha256(b"%d" % number).digest())
    host = f"site{number % 997}.example"
    hosts = [host, f"cdn.{host}", "social.example"]
    url = f"https://{host}/2024/12/{'-'.join(chance.choices(words, k=6))}.html"
    title = " ".join(chance.choices(words, k=9))
    text = " ".join(chance.choices(words, k=WORDS))
    records = list(_records(capture, url, hosts, opened, chance))
    return Rows(
        capture=CaptureRow(
            capture, url, title, opened, opened + timedelta(seconds=40), "static", State.FETCHED, "", RESOURCES,
            RESOURCES, "case.aaaaaa", 2 * number + 1, Digest.of_bytes(capture.encode()), len(records), 0, RESOURCES, 0,
            0, 10**7, 10**7,
        ),
        warcs=[WarcRow(capture, 0, f"{layout.evidence(capture)}/{capture}-00000.warc.gz", None, 10**7, len(records))],
        connections=[
            ConnectionRow(
                capture, f"c{n}", each, "192.0.2.7", 443, "ok", "tls/1.3", "TLS_AES_128_GCM_SHA256", "http/1.1",
                Digest.of_bytes(each.encode()), "2024-12-10T09:30:12.000250Z", "signed",
            )
            for n, each in enumerate(hosts)
        ],
        records=records,
        links=[
            LinkRow(capture, 3, n, 1, f"https://{hosts[n % 3]}/{chance.getrandbits(40):x}", Role.CITED, "link", "a")
            for n in range(LINKS)
        ],
        articles=[ArticleRow(capture, 1, url, Role.ARTICLE, title, "muniment.article/1", "trafilatura/2.0", len(text))],
        assertions=[
            AssertionRow(capture, 1, n, name, title[:40], title[:40], f"meta:{name}")
            for n, name in enumerate(("headline", "byline", "published", "publisher", "language"))
        ],
        texts=[TextRow(1, text)],
    )  # fmt: skip


def _records(capture: str, url: str, hosts: list[str], opened: datetime, chance: random.Random) -> Iterator[RecordRow]:
    for each in range(RESOURCES):
        n = 3 * each + 1
        host = hosts[0] if not each else hosts[chance.randrange(3)]
        target = url if not each else f"https://{host}/assets/2024/{chance.getrandbits(64):016x}-photo-{each}.jpg"
        digests = [Digest.of_bytes(chance.randbytes(16)) for _ in range(2)]
        for kind in (Kind.RESPONSE, Kind.REQUEST, Kind.METADATA):
            whole = kind is Kind.RESPONSE
            uuid = f"{chance.getrandbits(128):032x}"
            yield RecordRow(
                capture=capture,
                n=n,
                kind=kind,
                record_id=f"urn:uuid:{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}",
                exchange=None if whole else 3 * each + 1,
                url=target if whole else None,
                date=opened if whole else None,
                role=(Role.IMAGE if each else Role.ARTICLE) if whole else None,
                status=200 if whole else None,
                media_type="image/jpeg" if whole else None,
                parent=1 if each else None,
                warc=0,
                offset=n * 90_000,
                length=89_000,
                payload=digests[0] if whole else None,
                content=digests[each % 2] if whole else None,
                size=88_000 if whole else None,
                connection=f"c{hosts.index(host)}",
                truncated=None,
                outcome=Reason.OK if whole else None,
                answer=True if whole else None,
                final=None,
            )
            n += 1


def vocabulary(chance: random.Random) -> list[str]:
    """Return words of a made-up language: few are frequent, as in every language."""
    letters = "abcdefghijklmnoprstuv"
    rare = ["".join(chance.choices(letters, k=chance.randint(3, 10))) for _ in range(20_000)]
    return rare + [each for at, each in enumerate(rare[:200], 1) for _ in range(40_000 // (at + 20))]


def measured(records: int, folder: Path) -> dict[str, str]:
    """Fill an index with about *records* records, and return what it costs and how fast it answers, by name."""
    chance = random.Random(1)  # noqa: S311 - made-up pages
    words = vocabulary(chance)
    number = max(1, records // (3 * RESOURCES))
    path = folder / "index.db"
    took = 0.0
    with created(path) as index:
        for at in range(number):
            each = made(at, chance, words)
            before = time.process_time()
            index.replace(each)
            took += time.process_time() - before
        last = time.process_time()
    took += time.process_time() - last
    with reading(path) as index:
        size = index.size()
    held, total = size.counts["records"], sum(size.counts.values())
    found = {
        "records": f"{held:,}",
        "rows": f"{total:,}",
        "octets a record without full text": f"{(size.octets - size.of_full_text) / held:.0f}",
        "octets a row without full text": f"{(size.octets - size.of_full_text) / total:.0f}",
        "octets of full text a record": f"{size.of_full_text / held:.0f}",
        "rows entered a second, words and indexes among it": f"{total / took:,.0f}",
    }
    return found | _look_ups(path) | _searches(path, words)


def _look_ups(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    chance = random.Random(2)  # noqa: S311 - likewise
    with reading(path) as index:
        connection = index._db.conn  # noqa: SLF001 - what is measured is the file
        (captures,) = connection.execute("SELECT max(number) FROM captures").fetchone()
        picked = ((chance.randint(1, captures), 3 * chance.randrange(RESOURCES) + 1) for _ in range(KEYS))
        keys = [
            dict(zip(("record_id", "payload", "url"), connection.execute(PICKED, each).fetchone(), strict=True))
            for each in picked
        ]
        for name, asked in LOOK_UPS.items():
            chance.shuffle(keys)
            begun = time.process_time()
            for each in keys:
                connection.execute(asked, each).fetchone()
            found[f"look-up by {name}"] = f"{(time.process_time() - begun) / KEYS * 1e6:.1f} µs"
    return found


def _searches(path: Path, words: list[str]) -> dict[str, str]:
    frequent, rare = words[20_000], words[15_000]
    queries = {
        "full text, rare word": Query(words=rare),
        "full text, frequent word": Query(words=frequent),
        "full text, two words": Query(words=f"{frequent} {words[19_000]}"),
        "frequent word on one host": Query(words=frequent, host="site5.example"),
        "all of one host": Query(host="site5.example"),
    }
    found: dict[str, str] = {}
    with reading(path) as index:
        for name, query in queries.items():
            matches = index.search(query, 20).matches
            took = _median(lambda query=query: index.search(query, 20), 20)  # type: ignore[misc]
            found[name] = f"{took * 1e3:.1f} ms ({matches:,})"
    return found


def growth(sizes: list[int]) -> None:
    """Print what each of *sizes* costs, side by side, as a table."""
    columns = []
    for records in sizes:
        with tempfile.TemporaryDirectory(prefix="muniment-bench-") as folder:
            columns.append(measured(records, Path(folder)))
    for at, name in enumerate(columns[0]):
        print("|", " | ".join((name, *(each[name] for each in columns))), "|")
        if not at:
            print("|---" * (len(columns) + 1) + "|")


def _median(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        begun = time.process_time()
        call()
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def main() -> None:
    """Measure what the arguments name."""
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as folder:
        match sys.argv[1:]:
            case ["rows", records]:
                for name, figure in measured(int(records), Path(folder)).items():
                    print(f"{name}: {figure}")
            case ["growth", *sizes] if sizes:
                growth([int(each) for each in sizes])
            case _:
                sys.exit(__doc__)


if __name__ == "__main__":
    main()
