"""The index as a file: what is refused, what readers and the writer see, what SQLite says of it."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.digest import Digest
from muniment.errors import ArchiveLocked, StoreError
from muniment.index import (
    ArticleRow,
    AssertionRow,
    CaptureRow,
    ConnectionRow,
    FailureRow,
    HashRow,
    LinkRow,
    MediaRow,
    Query,
    RecordRow,
    ResourceRow,
    Rows,
    TextRow,
    WarcRow,
    created,
    older,
    reading,
    schema,
    store,
    supplant,
    writing,
)
from muniment.index.readable import TABLES
from muniment.model import Kind, Reason, Role, State

MOMENT = datetime(2024, 12, 10, 9, 30, 12, 7, tzinfo=UTC)
SOME = Digest.of_bytes(b"some")
ID = "20241210T093012Z-aaaaaa"
ANSWER = "urn:uuid:6f9619ff-8b86-4011-b42d-00cf4fc964ff"
FACTS = "urn:uuid:0a1b2c3d-4e5f-4a6b-8c7d-8e9fa0b1c2d3"
HOSTILE = "https://x.example/'; DROP TABLE captures; --?q=\"%_*\x00]"


def capture_row(identity: str = ID, title: str = "Title") -> CaptureRow:
    return CaptureRow(
        id=identity, seed="https://x.example/", title=title, opened=MOMENT, closed=MOMENT, engine="static",
        verdict=State.PARTIAL, job="", asked=2, recorded=1, origin="case.aaaaaa", leaf=1, statement=SOME, records=1,
        attempts=0, resources=1, missing=1, unverified=0, stored=10, received=5,
    )  # fmt: skip


def rows(identity: str = ID, url: str = "https://x.example/", title: str = "Title", text: str = "Some words") -> Rows:
    record = RecordRow(
        capture=identity, n=1, kind=Kind.RESPONSE, record_id=ANSWER, exchange=None, url=url, date=MOMENT,
        role=Role.ARTICLE, status=200, media_type="text/html", parent=None, warc=0, offset=0, length=10,
        payload=SOME, content=None, size=5, connection="c1", truncated=None, outcome=Reason.OK, answer=True, final=None,
    )  # fmt: skip
    facts = replace(
        record, n=2, kind=Kind.METADATA, record_id=FACTS, exchange=1, url=None, date=None,
        payload=None, role=None, parent=1, outcome=None, answer=None,
    )  # fmt: skip
    return Rows(
        capture=capture_row(identity, title),
        warcs=[WarcRow(identity, 0, "f-00000.warc.gz", SOME, 20, 2)],
        connections=[
            ConnectionRow(identity, "c1", "x.example", "192.0.2.7", 443, "ok", "", "", "", SOME, None, "signed")
        ],
        records=[record, facts],
        links=[LinkRow(identity, 2, 0, 1, url, Role.IMAGE, "requisite", "img[src]")],
        failures=[FailureRow(identity, 1, url, None, Reason.DNS, "", "no such name", retryable=True, record_id=ANSWER)],
        articles=[ArticleRow(identity, 1, url, Role.ARTICLE, title, "muniment.article/1", "trafilatura/2", len(text))],
        assertions=[AssertionRow(identity, 1, 0, "headline", title, title, "meta:og:title")],
        media=[MediaRow(identity, 1, "image/jpeg", 640, 480, None, "", None, "muniment.media/2")],
        hashes=[HashRow(identity, 1, 0, None, "0123456789abcdef")],
        texts=[TextRow(1, text)],
    )


def resource_row(url: str = "https://x.example/") -> ResourceRow:
    """Return the row that the view gives of what ``rows`` holds."""
    return ResourceRow(
        ID, 1, url, Role.ARTICLE, 200, Reason.OK, "text/html", 5, SOME, None, "ok", ANSWER, "", "f-00000.warc.gz",
        url,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of an index with one capture."""
    with created(tmp_path / "index.db") as index:
        index.replace(rows())
    return tmp_path / "index.db"


def test_rows_come_out_as_they_went_in(path: Path) -> None:
    with reading(path) as index:
        assert index.captures(10) == [rows().capture]
        assert index.resources(ID) == [resource_row()]
        assert index.links(ID) == list(rows().links)
        assert index.failures(ID) == list(rows().failures)
        assert index.links_by_kind(ID) == {"requisite": 1}
        assert index.total() == 1
        assert index.counts() == {name: 2 if name == "records" else 1 for name in TABLES}


@pytest.mark.parametrize(
    ("table", "shape"),
    [
        ("captures", CaptureRow),
        ("warcs", WarcRow),
        ("connections", ConnectionRow),
        ("records", RecordRow),
        ("links", LinkRow),
        ("failures", FailureRow),
        ("articles", ArticleRow),
        ("assertions", AssertionRow),
        ("media", MediaRow),
        ("hashes", HashRow),
    ],
)
def test_a_table_is_read_by_the_names_of_the_fields_of_its_row_in_order(path: Path, table: str, shape: type) -> None:
    with contextlib.closing(sqlite3.connect(path)) as plain:
        columns = [str(each[0]) for each in plain.execute(TABLES[table].sql).description]
    assert [name for name in columns if name != "words"] == [each.name for each in fields(shape)]


def test_sqlite_itself_finds_the_file_sound(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert plain.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_views_answer_what_broke_why_and_what_was_captured_twice(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as plain:
        assert plain.execute("SELECT capture, page, url, reason FROM broken_links").fetchall() == [
            (ID, "https://x.example/", "https://x.example/", "dns")
        ]
        assert plain.execute("SELECT reason, retryable, failures, captures FROM failures_by_reason").fetchall() == [
            ("dns", 1, 1, 1)
        ]
        assert plain.execute("SELECT * FROM same_payload").fetchall() == []
    with writing(path) as index:
        index.replace(rows("20250101T000000Z-aaaaaa"))
    with contextlib.closing(sqlite3.connect(path)) as plain:
        assert plain.execute("SELECT payload, records, captures, urls FROM same_payload").fetchall() == [
            (str(SOME), 2, 2, 1)
        ]


def test_a_capture_that_is_entered_twice_is_held_once(path: Path) -> None:
    with writing(path) as index:
        index.replace(rows(title="Another"))
        assert index.counts()["records"] == 2
        assert [each.title for each in index.captures(5)] == ["Another"]
        assert [each.title for each in index.search(Query(words="another"), 5).found] == ["Another"]
        assert index.search(Query(words="title"), 5).found == ()


def test_what_is_taken_out_leaves_no_word_and_no_host(path: Path) -> None:
    with writing(path) as index:
        other = rows(url="https://y.example/", title="Another", text="Other matters")
        index.replace(other)
    with contextlib.closing(sqlite3.connect(path)) as plain:
        plain.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, words, row)")
        terms = {str(term) for (term,) in plain.execute("SELECT term FROM temp.terms")}
        assert terms == {"another", "other", "matters", "https", "y", "example"}
        assert plain.execute("SELECT host FROM hosts").fetchall() == [("y.example",)]


def test_rows_that_break_a_reference_leave_nothing_behind(path: Path) -> None:
    broken = replace(rows("20250101T000000Z-aaaaaa"), records=[], texts=[])
    with writing(path) as index, pytest.raises(StoreError):
        index.replace(broken)
    with reading(path) as index:
        assert index.captures(10) == [rows().capture]


def test_sql_in_a_url_is_text(path: Path) -> None:
    with writing(path) as index:
        index.replace(rows(url=HOSTILE, title=HOSTILE))
    with reading(path) as index:
        assert [each.url for each in index.resources(ID)] == [HOSTILE]
        assert [each.final for each in index.resources(ID)] == [HOSTILE]
        assert [each.url for each in index.search(Query(words=HOSTILE), 5).found] == [HOSTILE]
        assert [each.title for each in index.captures(1)] == [HOSTILE]
        assert index.resources("' OR 1=1 --") == []


@pytest.mark.parametrize("prefix", ["%", "_", "2024%", "' OR '1'='1", "20241210T093012Z-aaaaab", "\x00", "*"])
def test_no_letter_of_a_prefix_is_a_wildcard(path: Path, prefix: str) -> None:
    with reading(path) as index:
        assert index.ids(prefix) == []


def test_captures_are_found_by_the_beginning_of_their_id_and_listed_newest_first(path: Path) -> None:
    later = "20251210T093012Z-aaaaaa"
    with writing(path) as index:
        index.replace(rows(later))
        assert index.ids("2024") == [ID]
        assert index.ids("20") == [ID, later]
        assert [each.id for each in index.captures(10)] == [later, ID]
        assert [each.id for each in index.captures(1)] == [later]


def test_a_reader_goes_on_while_the_writer_writes(path: Path) -> None:
    with reading(path) as reader, writing(path) as writer:
        writer.replace(rows("20251210T093012Z-aaaaaa"))
        assert len(reader.captures(10)) == 2


def test_a_reader_cannot_write(path: Path) -> None:
    with reading(path) as index, pytest.raises(StoreError):
        index.replace(rows())


def test_a_second_writer_is_told_to_wait(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PATIENCE", 0.05)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with writing(path) as index, pytest.raises(ArchiveLocked):
            index.replace(rows())


@pytest.mark.parametrize("opened", [reading, writing])
def test_nothing_that_a_file_holds_can_act(path: Path, opened: Callable[[Path], Any]) -> None:
    with opened(path) as index:
        connection = index._db.conn
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError, match="too many attached"):
            connection.execute("ATTACH ':memory:' AS other")


def test_an_index_is_never_created_over_something(path: Path) -> None:
    with pytest.raises(StoreError, match="never overwritten"), created(path):
        pass


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to be read as one" * 50)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def scribbled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(bytes(content))


def somebody_elses(path: Path) -> None:
    path.unlink()
    executed(path, "CREATE TABLE captures (id TEXT)")


def of_an_older_muniment(path: Path) -> None:
    executed(path, "PRAGMA user_version = 1")


def newer(path: Path) -> None:
    executed(path, "PRAGMA user_version = 99")


def with_a_trigger(path: Path) -> None:
    executed(path, "CREATE TRIGGER planted AFTER INSERT ON captures BEGIN DELETE FROM captures; END")


def with_a_view(path: Path) -> None:
    executed(path, "CREATE VIEW planted AS SELECT load_extension('x')")


def with_a_table_less(path: Path) -> None:
    executed(path, "DROP TABLE failures")


def with_a_digest_that_is_none(path: Path) -> None:
    executed(path, "UPDATE captures SET statement_octets = x'00'")


def with_a_word_of_its_own(path: Path) -> None:
    executed(path, "UPDATE captures SET verdict = 'verified'")


def executed(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as plain:
        plain.execute(sql)
        plain.commit()


def asked(path: Path) -> None:
    with reading(path) as index:
        index.captures(10)
        index.resources(ID)


@pytest.mark.parametrize(
    "harm",
    [
        garbage,
        cut,
        emptied,
        scribbled,
        somebody_elses,
        newer,
        of_an_older_muniment,
        with_a_trigger,
        with_a_view,
        with_a_table_less,
        with_a_digest_that_is_none,
        with_a_word_of_its_own,
        Path.unlink,
    ],
)
def test_an_index_that_cannot_be_used_is_refused_in_one_sentence(path: Path, harm: Callable[[Path], None]) -> None:
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    harm(path)
    with pytest.raises(StoreError) as refused:
        asked(path)
    assert "`muniment index rebuild`" in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_database_of_something_else_is_told_apart_from_a_damaged_index(path: Path) -> None:
    somebody_elses(path)
    with pytest.raises(StoreError, match="not an index of muniment"):
        asked(path)


def test_a_new_index_takes_the_place_of_one_that_is_read_and_of_no_other_file(path: Path, tmp_path: Path) -> None:
    with created(tmp_path / "new.db") as index:
        index.replace(rows(title="Newer"))
    with reading(path) as reader:
        assert supplant(tmp_path / "new.db", path)
        assert [each.title for each in reader.captures(5)] == ["Newer"]
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    garbage(path)
    before = path.read_bytes()
    assert not supplant(tmp_path / "new.db", path)
    assert path.read_bytes() == before
    assert not supplant(tmp_path / "new.db", tmp_path / "absent.db")
    assert not (tmp_path / "absent.db").exists()


def test_a_new_index_does_not_wait_for_ever_for_another_writer(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_PATIENCE", 0.05)
    with created(tmp_path / "new.db"):
        pass
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ArchiveLocked):
            supplant(tmp_path / "new.db", path)


def test_only_an_index_of_ours_with_a_smaller_version_is_an_older_one(path: Path) -> None:
    assert not older(path)
    newer(path)
    assert not older(path)
    of_an_older_muniment(path)
    assert older(path)
    somebody_elses(path)
    assert not older(path)
    garbage(path)
    assert not older(path)


def test_words_that_cannot_be_unpacked_are_damage_and_no_traceback(path: Path) -> None:
    executed(path, "UPDATE texts SET text = X'00'")
    with reading(path) as index, pytest.raises(StoreError, match="damaged"):
        index.search(Query(words="words"), 5)


def test_two_indexes_are_compared_row_by_row(path: Path, tmp_path: Path) -> None:
    with created(tmp_path / "other.db") as index:
        index.replace(rows())
        index.replace(rows("20250101T000000Z-aaaaaa"))
    with reading(path) as one, reading(tmp_path / "other.db") as other:
        assert one.differences(one, 9).counts == {}
        found = one.differences(other, 3)
    assert found.counts == {
        "captures": 1, "warcs": 1, "connections": 1, "records": 2, "links": 1, "failures": 1, "articles": 1,
        "assertions": 1, "media": 1, "hashes": 1, "texts": 1, "words": 12,
    }  # fmt: skip
    assert [(each.table, each.key, each.column) for each in found.differences] == [
        ("captures", "20250101T000000Z-aaaaaa", ""),
        ("warcs", "20250101T000000Z-aaaaaa/0", ""),
        ("connections", "20250101T000000Z-aaaaaa/c1", ""),
    ]


def test_a_symbolic_link_is_not_followed(path: Path) -> None:
    other = path.with_name("other.db")
    path.rename(other)
    path.symlink_to(other)
    with pytest.raises(StoreError, match="symbolic link"), writing(path):
        pass


def test_questions_are_answered_where_nothing_can_be_written() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "index.db"
        with created(path) as index:
            index.replace(rows())
        path.parent.chmod(0o555)
        own = os.geteuid()
        if own == 0:
            os.seteuid(65534)  # root writes wherever it likes, so that nobody asks
        try:
            with pytest.raises(PermissionError):
                (path.parent / "a").touch()
            with reading(path) as index:
                assert len(index.captures(10)) == 1
        finally:
            os.seteuid(own)
            path.parent.chmod(0o755)
