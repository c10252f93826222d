"""What the index keeps short is read as it was sealed, found by its indexes, and gone with the last that names it."""

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha384, sha512
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment import manifest
from muniment.digest import Digest
from muniment.errors import FormatError, StoreError
from muniment.index import (
    ArticleRow,
    CaptureRow,
    ConnectionRow,
    FailureRow,
    LinkRow,
    Query,
    RecordRow,
    Rows,
    WarcRow,
    created,
    numbers,
    reading,
    searching,
    writing,
)
from muniment.model import Kind, Reason, Role, State

TOLD = Path(__file__).parents[2] / "docs" / "tables.md"
MOMENT = datetime(2024, 12, 10, 9, 30, 12, 7, tzinfo=UTC)
FIRST, SECOND = "20241210T093012Z-aaaaaa", "20250101T000000Z-bbbbbb"
PAYLOAD, CONTENT, STATEMENT, FILE = (Digest.of_bytes(each) for each in (b"payload", b"content", b"statement", b"file"))


def record(capture: str, n: int, url: str, **other: Any) -> RecordRow:
    known: dict[str, Any] = {
        "capture": capture, "n": n, "kind": Kind.RESPONSE, "exchange": None, "url": url, "date": MOMENT,
        "record_id": f"urn:uuid:{UUID(int=n + (1 << 100) * len(url))}", "role": Role.IMAGE, "status": 200,
        "media_type": "image/jpeg", "parent": None, "warc": 0, "offset": 0, "length": 10, "payload": PAYLOAD,
        "content": PAYLOAD, "size": 5, "connection": "c1", "truncated": None, "outcome": Reason.OK, "answer": True,
        "final": None,
    }  # fmt: skip
    return RecordRow(**(known | other))


def rows(identity: str, records: list[RecordRow], links: tuple[str, ...] = ()) -> Rows:
    return Rows(
        capture=CaptureRow(
            id=identity, seed="https://a.example/", title="", opened=MOMENT, closed=MOMENT, engine="static",
            verdict=State.FETCHED, job="", asked=1, recorded=1, origin="case.aaaaaa", leaf=1, statement=STATEMENT,
            records=1, attempts=0, resources=1, missing=0, unverified=0, stored=10, received=5,
        ),
        warcs=[WarcRow(identity, 0, "f-00000.warc.gz", FILE, 20, 2)],
        connections=[ConnectionRow(identity, "c1", "a.example", "192.0.2.7", 443, "ok", "", "", "", None, None, None)],
        records=records,
        links=[LinkRow(identity, 1, at, 1, url, Role.CITED, "link", "a") for at, url in enumerate(links)],
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of an index of two captures that share a host, a URL and a media type."""
    with created(tmp_path / "index.db") as index:
        index.replace(
            rows(
                FIRST,
                [
                    record(FIRST, 1, "https://a.example/one", role=Role.ARTICLE, content=CONTENT),
                    record(FIRST, 2, "https://only.example/", media_type="font/woff2", final="https://led.example/to"),
                ],
                ("https://linked.example/", "https://a.example/shared"),
            )
        )
        index.replace(rows(SECOND, [record(SECOND, 1, "https://a.example/shared", payload=CONTENT)]))
    return tmp_path / "index.db"


def asked(path: Path, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as plain:
        return plain.execute(sql).fetchall()


def texts(path: Path, table: str, column: str) -> set[str]:
    return {text for (text,) in asked(path, f"SELECT {column} FROM {table}")}  # noqa: S608 - names of this test


def test_captures_that_came_in_another_order_have_other_numbers_and_are_the_same_rows(tmp_path: Path) -> None:
    both = [
        rows(FIRST, [record(FIRST, 1, "https://a.example/")], ("https://b.example/",)),
        rows(SECOND, [record(SECOND, 1, "https://b.example/", media_type="text/css")], ("https://a.example/",)),
    ]
    for name, order in (("one.db", both), ("other.db", both[::-1])):
        with created(tmp_path / name) as index:
            for each in order:
                index.replace(each)
    for table in ("urls", "hosts", "media_types", "captures"):
        numbered = [asked(tmp_path / name, f"SELECT * FROM {table}") for name in ("one.db", "other.db")]  # noqa: S608
        assert numbered[0] != numbered[1]
    with reading(tmp_path / "one.db") as one, reading(tmp_path / "other.db") as other:
        assert one.differences(other, 9).counts == {}


def test_what_only_a_capture_named_goes_with_it_and_what_another_names_stays(path: Path) -> None:
    assert texts(path, "hosts", "host") == {"a.example", "only.example", "led.example", "linked.example"}
    with writing(path) as index:
        index.replace(rows(FIRST, [record(FIRST, 1, "https://new.example/")]))
    assert texts(path, "urls", "url") == {"https://a.example/shared", "https://new.example/"}
    assert texts(path, "hosts", "host") == {"a.example", "new.example"}
    assert texts(path, "media_types", "media_type") == {"image/jpeg"}


def test_what_a_capture_named_goes_too_where_it_is_entered_twice_into_an_index_that_is_made(tmp_path: Path) -> None:
    with created(tmp_path / "index.db") as index:
        index.replace(rows(FIRST, [record(FIRST, 1, "https://old.example/", media_type="font/woff2")]))
        index.replace(rows(FIRST, [record(FIRST, 1, "https://new.example/")]))
    assert texts(tmp_path / "index.db", "hosts", "host") == {"new.example"}
    assert texts(tmp_path / "index.db", "media_types", "media_type") == {"image/jpeg"}


@pytest.mark.parametrize("named", ["records", "final", "links", "failures", "articles"])
def test_a_url_stays_as_long_as_anything_names_it(path: Path, named: str) -> None:
    url = "https://a.example/one"
    other = rows("20260101T000000Z-cccccc", [record("20260101T000000Z-cccccc", 1, "https://a.example/x")])
    failure = FailureRow(other.capture.id, 1, url, None, Reason.DNS, "", "", retryable=True, record_id="")
    article = ArticleRow(other.capture.id, 1, url, None, "", "", "", 0)
    naming = {
        "records": replace(other, records=[record(other.capture.id, 1, url)]),
        "final": replace(other, records=[record(other.capture.id, 1, "https://a.example/x", final=url)]),
        "links": replace(other, links=[LinkRow(other.capture.id, 1, 0, 1, url, None, "link", "a")]),
        "failures": replace(other, failures=[failure]),
        "articles": replace(other, articles=[article]),
    }
    with writing(path) as index:
        index.replace(naming[named])
        index.replace(rows(FIRST, [record(FIRST, 1, "https://new.example/")]))
    assert url in texts(path, "urls", "url")
    assert "https://linked.example/" not in texts(path, "urls", "url")


def test_a_replaced_capture_that_breaks_a_reference_keeps_what_it_named(path: Path) -> None:
    before = texts(path, "urls", "url")
    broken = replace(rows(FIRST, [record(FIRST, 1, "https://new.example/", warc=7)]))
    with writing(path) as index, pytest.raises(StoreError):
        index.replace(broken)
    assert texts(path, "urls", "url") == before


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 63, 64])
@pytest.mark.parametrize(
    ("digest", "urls"),
    [
        (PAYLOAD, {"https://a.example/one", "https://only.example/", "https://a.example/shared"}),
        (CONTENT, {"https://a.example/one", "https://a.example/shared"}),
        (STATEMENT, {"https://a.example/one"}),
        (FILE, {"https://a.example/one"}),
    ],
    ids=["payload", "content", "statement", "file"],
)
def test_any_beginning_of_a_digest_finds_it_and_another_does_not(
    path: Path, digest: Digest, urls: set[str], length: int
) -> None:
    beginning = digest.hex[:length]
    other = beginning[:-1] + ("0" if beginning[-1] != "0" else "1")
    with reading(path) as index:
        assert {each.url for each in index.search(Query(digest=f"sha256:{beginning}"), 9).found} == urls
        assert not {each.url for each in index.search(Query(digest=f"sha256:{other}"), 9).found} & urls
        assert index.search(Query(digest=f"sha512:{beginning}"), 9).found == ()


def test_ids_and_digests_are_read_as_they_were_sealed(path: Path) -> None:
    assert asked(path, "SELECT record_id, payload, content FROM records ORDER BY capture, n") == [
        (record(FIRST, 1, "https://a.example/one").record_id, str(PAYLOAD), str(CONTENT)),
        (record(FIRST, 2, "https://only.example/").record_id, str(PAYLOAD), str(PAYLOAD)),
        (record(SECOND, 1, "https://a.example/shared").record_id, str(CONTENT), str(PAYLOAD)),
    ]
    assert asked(path, "SELECT DISTINCT statement, sha256 FROM captures JOIN warcs") == [(str(STATEMENT), str(FILE))]
    assert asked(path, "SELECT chain FROM connections LIMIT 1") == [(None,)]


@pytest.mark.parametrize("payload", [None, Digest("sha384", sha384().digest()), Digest("sha512", sha512().digest())])
@pytest.mark.parametrize("content", [None, CONTENT, Digest("sha512", sha512(b"c").digest())])
def test_a_digest_tells_its_algorithm_and_none_is_none(
    tmp_path: Path, payload: Digest | None, content: Digest | None
) -> None:
    with created(tmp_path / "index.db") as index:
        index.replace(rows(FIRST, [record(FIRST, 1, "https://a.example/", payload=payload, content=content)]))
    with reading(tmp_path / "index.db") as index:
        (found,) = index.resources(FIRST)
    assert (found.payload, found.content) == (payload, content)


@pytest.mark.parametrize(
    "wrong",
    [
        {"payload": Digest("sha1", bytes(20))},
        {"payload": Digest("sha256", bytes(31))},
        {"record_id": "urn:uuid:1"},
        {"record_id": "https://x.example/"},
    ],
)
def test_what_could_not_be_read_again_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(StoreError), created(tmp_path / "index.db") as index:
        index.replace(rows(FIRST, [record(FIRST, 1, "https://a.example/", **wrong)]))


MOMENTS = [
    MOMENT,
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1),
    datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, 999_999, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.uuids(), st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - made aware
def test_every_id_and_every_moment_is_read_as_it_was_written(tmp_path: Path, identity: UUID, moment: datetime) -> None:
    path = tmp_path / "index.db"
    path.unlink(missing_ok=True)
    every = [
        record(FIRST, n, "https://a.example/", date=each, record_id=f"urn:uuid:{identity if n else UUID(int=1)}")
        for n, each in enumerate([*MOMENTS, moment])
    ]
    with created(path) as index:
        index.replace(rows(FIRST, every))
    assert asked(path, "SELECT date, record_id FROM records ORDER BY n") == [
        (manifest.timestamp(each.date or moment), each.record_id) for each in every
    ]


def test_a_url_that_names_no_host_has_none_and_many_of_one_site_have_the_same(tmp_path: Path) -> None:
    long = "a." * 300 + "example"
    urls = [
        "about:invalid", "mailto:a@a.example", "https://b.example:8443/a", "http://b.example/b?https://c.example/",
        f"https://{long}/", "https://[::1]:8080/", "https://a b/",
    ]  # fmt: skip
    with created(tmp_path / "index.db") as index:
        index.replace(rows(FIRST, [record(FIRST, n, url) for n, url in enumerate(urls)]))
    found = asked(tmp_path / "index.db", "SELECT u.url, h.host FROM urls u LEFT JOIN hosts h ON h.number = u.host")
    assert found == list(zip(urls, [None, None, "b.example", "b.example", long, "::1", None], strict=True))


def test_a_manifest_of_more_lines_than_can_be_told_apart_is_refused() -> None:
    assert numbers.place(numbers.document(7, (1 << 24) - 1)) == (7, (1 << 24) - 1)
    with pytest.raises(FormatError, match="lines"):
        numbers.document(7, 1 << 24)


def questions() -> Iterator[tuple[str, str]]:
    """Give the ready questions of Datasette, those of the documentation and those of a search, each by a name."""
    for at, sql in enumerate(re.findall("```sql\n(.*?)```", TOLD.read_text(encoding="utf-8"), re.DOTALL)):
        yield f"docs {at}", sql
    described = json.loads(files("muniment.index").joinpath("datasette.json").read_text(encoding="utf-8"))
    for name, query in described["databases"]["index"]["queries"].items():
        yield name, query["sql"]
    nothing = dict.fromkeys((*searching._CLAUSES, "words"))
    for name in ("host", "digest"):
        yield f"search by {name}", searching._question(nothing | {name: "a"})
        yield f"search by words and {name}", searching._question(nothing | {name: "a", "words": "a"})
        yield f"search by {name} and role", searching._question(nothing | {name: "a", "role": "a"})


BOUND = dict.fromkeys(
    ("words", "host", "url", "digest", "digits", "hash", "record_id", "role", "reason", "verdict", "since", "until"),
    "a",
) | {"considered": 1}


@pytest.mark.parametrize(("name", "sql"), list(questions()), ids=lambda text: text if len(text) < 40 else "")
def test_a_ready_question_looks_nothing_through_that_an_index_could_find(path: Path, name: str, sql: str) -> None:
    with reading(path) as index:
        assert index._db.conn.execute("PRAGMA trusted_schema").fetchone() == (0,)
        plan = [str(each[3]) for each in index._db.conn.execute("EXPLAIN QUERY PLAN " + sql, BOUND)]
    through = {each.split(" ")[1] for each in plan if each.startswith("SCAN ")}
    # Claims and failures are looked through capture by capture, newest first; what was found before is in memory.
    small = {"words", "w", "k", "hosted", "digested", "snippet_of"}
    allowed = {"claims_that_differ": {"s", "c"}, "to_try_again": {"c"}, "unverified_servers": {"c"}}
    assert through - small <= allowed.get(name, set()), plan
