"""From sealed captures to rows and back to payloads: the same rows each way, damage named, nothing elsewhere."""

import contextlib
import gzip
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import brotlicffi
import pytest

from captures import (
    SEED,
    Step,
    answer,
    captured,
    chunked,
    desk,
    eventful,
    failure,
    link,
    page,
    response,
    truncated,
)
from conftest import SampleCapture
from muniment import canonical, catalogue, layout, verify
from muniment.capture import commit
from muniment.catalogue import claims, facts, rows
from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, IntegrityError, JobError, NotInLog, StoreError
from muniment.index import reading, writing
from muniment.index.readable import TABLES
from muniment.model import Check, Exchange, Kind, Reason, Role, State, Verdict
from muniment.verify import trust

LONG = b"The same words again and again. " * 3000


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything in the tables of the index, by plain sqlite3, with words in place of numbers.

    Of the index of the words: each token with its record, column and place; how FTS5 packs them is its own affair.
    """
    with contextlib.closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
        names = [str(name) for (name,) in plain.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        assert {name for name in names if not name.startswith("words")} == set(TABLES)
        plain.execute("CREATE VIRTUAL TABLE temp.places USING fts5vocab(main, words, instance)")
        found = {name: plain.execute(readable.ordered()).fetchall() for name, readable in TABLES.items()}
        found["words"] = plain.execute(
            "SELECT i.id, doc & 16777215, term, col, offset "
            "FROM temp.places LEFT JOIN captures i ON i.number = doc >> 24 ORDER BY 1, 2, 3, 4, 5"
        ).fetchall()
        (unknown,) = plain.execute(
            "SELECT count(*) FROM temp.places WHERE doc NOT IN (SELECT capture << 24 | n FROM records)"
        ).fetchone()
        assert unknown == 0
        return found


def rebuilt(root: Path) -> catalogue.Rebuilt:
    return catalogue.rebuild(root, root / layout.INDEX, lambda _: None)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.fixture
def where(tmp_path: Path) -> commit.Desk:
    """Return the desk of an empty archive."""
    return desk(tmp_path)


@pytest.fixture(scope="module")
def _eventful(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("eventful")
    made = desk(folder)
    return made.archive.root, captured(made, eventful())


@pytest.fixture
def told(_eventful: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """Return a copy of an archive and its one capture in which much happens."""
    root, capture = _eventful
    shutil.copytree(root, tmp_path / "copy")
    return tmp_path / "copy", capture


def test_a_rebuilt_index_equals_one_that_grew(where: commit.Desk) -> None:
    root = where.archive.root
    for steps in (eventful(), [Step(failure(SEED, Reason.REFUSED), Role.ARTICLE)], eventful("https://two.example"), []):
        assert catalogue.add(root, captured(where, steps)) == ()
    grown = tables(root / layout.INDEX)
    assert [len(grown[name]) for name in ("captures", "failures", "links")] == [4, 7, 6]
    assert sum(1 for row in grown["records"] if row[-3]) == 12  # the last answers of their URLs
    (root / layout.INDEX).unlink()
    done = rebuilt(root)
    assert done.problems == ()
    assert done.counts == {name: len(grown[name]) for name in done.counts}
    assert tables(root / layout.INDEX) == grown


def test_a_rebuilt_index_of_a_real_capture_equals_one_that_grew(sample_capture: SampleCapture, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(sample_capture.archive.root, root)
    catalogue.add(root, sample_capture.id)
    grown = tables(root / layout.INDEX)
    rebuilt(root)
    assert tables(root / layout.INDEX) == grown
    assert grown["links"]


def test_the_order_in_which_captures_are_entered_changes_no_row(where: commit.Desk) -> None:
    root = where.archive.root
    ids = [captured(where, eventful(f"https://{number}.example")) for number in range(3)]
    rebuilt(root)
    with writing(root / layout.INDEX) as index:
        for each in reversed(ids):
            catalogue.catalogue(root, each, index)
    grown = {name: sorted(found, key=repr) for name, found in tables(root / layout.INDEX).items()}
    rebuilt(root)
    assert {name: sorted(found, key=repr) for name, found in tables(root / layout.INDEX).items()} == grown


def test_several_logs_lie_side_by_side_in_one_index(tmp_path: Path) -> None:
    first, second = desk(tmp_path, "institution"), desk(tmp_path, "laptop")
    ids = {captured(each, eventful()) for each in (first, second)}
    for part in ("archive", "manifests"):
        shutil.copytree(second.archive.root / part, first.archive.root / part, dirs_exist_ok=True)
    assert rebuilt(first.archive.root).problems == ()
    with reading(first.archive.root / layout.INDEX) as index:
        found = index.captures(10)
    assert {each.id for each in found} == ids
    assert {each.origin for each in found} == {first.archive.origin, second.archive.origin}


def test_a_url_that_failed_and_was_then_got_is_no_failure(told: tuple[Path, str]) -> None:
    root, capture = told
    catalogue.add(root, capture)
    with reading(root / layout.INDEX) as index:
        assert {each.url: (each.reason, each.rule, each.retryable) for each in index.failures(capture)} == {
            "https://news.example/c.jpg": (Reason.HTTP_4XX, "", False),
            "https://gone.example/": (Reason.DNS, "", True),
            "https://news.example/late.mp4": (Reason.LIMIT_TIME, "max-time", False),
        }
        assert [each.detail for each in index.failures(capture)][1] == "it failed: dns"
        assert {each.url: each.status for each in index.resources(capture)}["https://news.example/a.jpg"] == 200


def test_a_redirect_names_the_url_that_it_led_to_in_the_end(told: tuple[Path, str]) -> None:
    root, capture = told
    catalogue.add(root, capture)
    with reading(root / layout.INDEX) as index:
        final = {each.url: each.final for each in index.resources(capture)}
    assert final["https://news.example/b.jpg"] == "https://news.example/b3.jpg"
    assert final["https://news.example/b2.jpg"] == "https://news.example/b3.jpg"
    assert final["https://news.example/a.jpg"] == "https://news.example/a.jpg"


def test_an_article_is_found_though_a_redirect_of_something_else_leads_to_it_again(where: commit.Desk) -> None:
    moved = response(b"", "Location: /article", status="302 Found")
    steps = [
        Step(answer(SEED, page()), Role.ARTICLE, title="First", links=[]),
        Step(answer("https://news.example/old", moved, reason=Reason.REDIRECT), Role.REDIRECT, 0),
        Step(answer(SEED, page(b"<title>Again</title>")), Role.CITED, 1),
    ]
    document = catalogue.account(where.archive.root, captured(where, steps))
    assert document["article"]["title"] == "First"
    assert [each["role"] for each in document["resources"]] == ["article", "redirect", "cited"]


def test_links_are_rows_with_the_page_that_holds_them(told: tuple[Path, str]) -> None:
    root, capture = told
    catalogue.add(root, capture)
    with reading(root / layout.INDEX) as index:
        assert index.links_by_kind(capture) == {"citation": 1, "requisite": 2}
        article = next(each for each in index.resources(capture) if each.role is Role.ARTICLE)
        assert {each.page for each in index.links(capture)} == {article.n}
        assert [each.title for each in index.captures(1)] == ["Title of it"]


def test_the_account_is_the_document_that_others_rely_on(told: tuple[Path, str]) -> None:
    root, capture = told
    document = catalogue.account(root, capture)
    sealed = (root / layout.statement(capture)).read_bytes()
    assert document["schema"] == "muniment.capture/1"
    assert (document["id"], document["url"], document["engine"]) == (capture, SEED, "static")
    assert document["article"]["title"] == "Title of it"
    assert document["statement"]["sha256"] == Digest.of_bytes(sealed).hex
    assert document["log"] == {"origin": document["log"]["origin"], "index": 1, "size": 2}
    assert document["anchored"] == "absent"
    for each in document["warcs"]:
        stored = (root / each["file"]).read_bytes()
        assert (each["sha256"], each["size"]) == (Digest.of_bytes(stored).hex, len(stored))
    assert {each["url"]: (each["reason"], each["retryable"]) for each in document["missing"]} == {
        "https://news.example/c.jpg": ("http-4xx", False),
        "https://gone.example/": ("dns", True),
        "https://news.example/late.mp4": ("limit-time", False),
    }
    wanted = {"url", "role", "status", "outcome", "media_type", "size", "payload", "record_id", "file", "parent", "tls"}
    assert all(wanted <= set(each) for each in document["resources"])
    assert document["exit"] == 3
    assert json.loads(json.dumps(document)) == document
    assert "Desk 1" not in json.dumps(document)


@pytest.mark.parametrize(
    ("tls", "reason", "state", "expected"),
    [
        ("ok", None, State.FETCHED, 0),
        ("none", None, State.FETCHED, 0),
        ("expired", None, State.FETCHED, 3),
        ("ok", Reason.DNS, State.PARTIAL, 3),
        ("ok", None, State.INTERRUPTED, 130),
        ("expired", Reason.DNS, State.INTERRUPTED, 130),
    ],
)
def test_the_exit_status_says_how_a_capture_ended(
    where: commit.Desk, tls: str, reason: Reason | None, state: State, expected: int
) -> None:
    steps = [Step(answer(SEED, page(), tls=tls), Role.ARTICLE, links=[])]
    steps += [Step(failure("https://gone.example/", reason), Role.IMAGE, 0)] if reason else []
    capture = captured(where, steps, interrupted=state is State.INTERRUPTED)
    document = catalogue.account(where.archive.root, capture)
    assert (document["verdict"], document["exit"]) == (state, expected)


def test_a_seed_that_was_not_got_is_exit_1(where: commit.Desk) -> None:
    capture = captured(where, [Step(failure(SEED, Reason.TLS_HANDSHAKE), Role.ARTICLE)])
    document = catalogue.account(where.archive.root, capture)
    assert (document["exit"], document["article"], document["resources"]) == (1, {}, [])


def flip(path: Path, offset: int) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(bytes(content))


def line_of(root: Path, capture: str, kind: Kind, role: Role, parent_role: Role | None = None) -> Any:
    found = claims.read(root, capture)
    roles = {each.record_id: each.role for each in found.records}
    return next(
        each
        for each in found.records
        if (each.kind, each.role) == (kind, role) and (parent_role is None or roles[each.parent] is parent_role)
    )


def test_a_rebuild_reads_no_payload(told: tuple[Path, str]) -> None:
    root, capture = told
    rebuilt(root)
    before = tables(root / layout.INDEX)
    line = line_of(root, capture, Kind.RESPONSE, Role.ARTICLE)
    flip(root / layout.evidence(capture) / line.position.file, line.position.offset + 40)
    assert rebuilt(root).problems == ()
    assert tables(root / layout.INDEX) == before


def test_damaged_facts_are_named_with_file_offset_and_url_and_the_rest_is_entered(told: tuple[Path, str]) -> None:
    root, capture = told
    line = next(
        each for each in claims.read(root, capture).records if each.role is Role.DERIVED and not each.connection
    )
    flip(root / layout.evidence(capture) / line.position.file, line.position.offset + 60)
    done = rebuilt(root)
    assert len(done.problems) == 1
    assert f"{line.position.file} at {line.position.offset}" in done.problems[0]
    assert done.counts["captures"] == 1
    with reading(root / layout.INDEX) as index:
        assert len(index.resources(capture)) == 6


def test_damage_to_what_is_said_of_a_failure_is_named(told: tuple[Path, str]) -> None:
    root, capture = told
    found = claims.read(root, capture)
    (cut,) = [each for each in rows.failures(found) if each.url.endswith("/c.jpg")]
    (line,) = [each for each in found.records if each.parent == cut.record_id and each.kind is Kind.METADATA]
    flip(root / layout.evidence(capture) / line.position.file, line.position.offset + 60)
    (problem,) = rebuilt(root).problems
    assert f"{line.position.file} at {line.position.offset}" in problem


def test_damage_to_what_gives_no_row_is_found_by_verification_and_changes_no_row(told: tuple[Path, str]) -> None:
    root, capture = told
    rebuilt(root)
    before = tables(root / layout.INDEX)
    line = line_of(root, capture, Kind.METADATA, Role.DERIVED, Role.ARTICLE)
    flip(root / layout.evidence(capture) / line.position.file, line.position.offset + 60)
    assert rebuilt(root).problems == ()
    assert tables(root / layout.INDEX) == before
    found = verify.verify(root, trust.Trust.nobody()).findings
    failed = [each.subject for each in found if each.check is Check.WARC_STRUCTURE and each.verdict is Verdict.FAIL]
    assert any(line.record_id in each for each in failed), failed


def everything(root: Path, capture: str) -> tuple[Any, Any, int]:
    """Return the rows of *capture* by the facts that are wanted and by all facts, and how many facts are left out."""
    found = claims.read(root, capture)
    wanted = facts.of_rows(found.records, rows.failures(found))
    some = rows.rows(found, facts.gather(root, capture, found.records, wanted))
    return (
        some,
        rows.rows(found, facts.gather(root, capture, found.records)),
        sum(not wanted(each) for each in found.records),
    )


def odd() -> list[list[Step]]:
    """Return captures in which answers, facts and failures stand otherwise than in a good one."""
    links = [link("https://news.example/a.jpg")]
    page_of = partial(Step, role=Role.ARTICLE, title="T", links=links)
    unconnected = replace(answer(SEED, page()), connection=None)

    def late() -> Exchange:
        return answer(SEED, response(b"", status="503 Late"), reason=Reason.HTTP_5XX)

    return [
        [],
        [page_of(unconnected)],
        [page_of(truncated(answer(SEED, page())))],
        [Step(late(), Role.ARTICLE), page_of(answer(SEED, page()))],
        [page_of(answer(SEED, page())), Step(late(), Role.ARTICLE), page_of(failure(SEED, Reason.TIMEOUT, "max-time"))],
        [page_of(answer(SEED, page(b"a"))), page_of(answer(SEED, page(b"b")), parent=0)],
        [page_of(replace(answer(SEED, page()), request=b"")), Step(failure(SEED, Reason.DNS), Role.CITED)],
    ]


def test_what_is_not_read_gives_no_row(where: commit.Desk, sample_capture: SampleCapture) -> None:
    root = where.archive.root
    made = [(root, captured(where, steps)) for steps in (eventful(), *odd())]
    left = []
    for each in (*made, (sample_capture.archive.root, sample_capture.id)):
        some, every, left_out = everything(*each)
        assert some == every
        left.append(left_out)
    assert left[0] == 6  # of seven answers one is a failure
    assert left[2] == 0  # without a connection nothing tells them from the facts of a page
    assert left[-1] > 20


def test_a_missing_warc_file_is_named_and_the_capture_stays_listed(told: tuple[Path, str]) -> None:
    root, capture = told
    line = line_of(root, capture, Kind.RESPONSE, Role.ARTICLE)
    (root / layout.evidence(capture) / line.position.file).unlink()
    done = rebuilt(root)
    assert done.counts["captures"] == 1
    assert done.problems
    assert all(line.position.file in each for each in done.problems)


@pytest.mark.parametrize("name", ["statement", "manifest"])
@pytest.mark.parametrize("harm", ["flipped", "gone"])
def test_a_capture_whose_claims_are_damaged_is_named_and_the_others_are_entered(
    where: commit.Desk, name: str, harm: str
) -> None:
    root = where.archive.root
    bad, good = captured(where, eventful()), captured(where, whole())
    path = root / getattr(layout, name)(bad)
    if harm == "gone":
        path.unlink()
    else:
        flip(path, 300)
    done = rebuilt(root)
    assert [str(getattr(layout, name)(bad)) in each for each in done.problems] == [True]
    with reading(root / layout.INDEX) as index:
        assert [each.id for each in index.captures(10)] == [good]
    with pytest.raises((FormatError, IntegrityError, StoreError), match=path.name.replace(".", r"\.")):
        catalogue.account(root, bad)


def whole() -> list[Step]:
    return [Step(answer(SEED, page()), Role.ARTICLE, links=[])]


def rewritten(path: Path, before: bytes, after: bytes) -> Digest:
    """Put *after* for the first *before* in the file *path*, and return the digest of what it holds then."""
    path.chmod(0o644)
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after, 1))
    return Digest.of_bytes(path.read_bytes())


def test_a_manifest_that_was_rewritten_by_a_careful_hand_is_named(told: tuple[Path, str]) -> None:
    root, capture = told
    rewritten(root / layout.manifest(capture), b'"asked":9', b'"asked":8')
    done = rebuilt(root)
    assert ["manifest.jsonl" in each and "as it was sealed" in each for each in done.problems] == [True]
    assert done.counts["captures"] == 0


def test_a_statement_in_the_place_of_another_is_named(where: commit.Desk) -> None:
    root = where.archive.root
    first, second = captured(where, whole()), captured(where, whole())
    statement = root / layout.statement(first)
    statement.unlink()
    shutil.copy(root / layout.statement(second), statement)
    with pytest.raises(FormatError, match=f"the statement about {first}"):
        catalogue.account(root, first)


def test_lines_that_are_not_counted_through_are_refused(told: tuple[Path, str]) -> None:
    root, capture = told
    statement = claims.read(root, capture).statement
    path = root / layout.manifest(capture)
    digest = rewritten(path, b'"n":2,', b'"n":3,')
    lying = replace(statement, subjects=((str(layout.manifest(capture)), digest),))
    with pytest.raises(FormatError, match="line 2: expected n 2, found 3"):
        claims._manifest(root, lying)


@pytest.mark.parametrize("name", [b"size", b"length"])
def test_numbers_that_the_index_could_not_add_up_are_refused(told: tuple[Path, str], name: bytes) -> None:
    root, capture = told
    statement = claims.read(root, capture).statement
    path = root / layout.manifest(capture)
    for number in re.findall(rb'"%s":[0-9]+' % name, path.read_bytes())[:2]:
        digest = rewritten(path, number, b'"%s":%d' % (name, canonical.LARGEST))
    lying = replace(statement, subjects=((str(layout.manifest(capture)), digest),))
    with pytest.raises(FormatError, match=r"manifest\.jsonl: expected sizes and lengths of less than 2\*\*53 in all"):
        claims._manifest(root, lying)


def test_a_log_that_cannot_be_read_is_named(told: tuple[Path, str]) -> None:
    root, _ = told
    for bundle in (root / layout.logs()).rglob("entries/**/*"):
        if bundle.is_file():
            bundle.unlink()
    done = rebuilt(root)
    assert len(done.problems) == 1
    assert "entries" in done.problems[0]
    assert done.counts["captures"] == 0


def test_a_statement_that_no_log_holds_is_not_an_account(told: tuple[Path, str]) -> None:
    root, capture = told
    opening = claims.read(root, capture).statement.opening
    for size in (root / layout.checkpoint_at(opening.origin, 1)).parent.iterdir():
        if size.name != "1":
            size.unlink()
    with pytest.raises(NotInLog, match="statement"):
        catalogue.account(root, capture)


def test_a_rebuild_puts_a_whole_file_in_the_place_of_a_damaged_one(told: tuple[Path, str]) -> None:
    root, capture = told
    path = root / layout.INDEX
    path.write_bytes(b"rubbish" * 999)
    path.with_name("index.db-wal").write_bytes(b"rubbish" * 999)
    path.with_name("index.db.new").write_bytes(b"left by a crash")
    assert rebuilt(root).counts["captures"] == 1
    assert {each.name for each in root.glob("index.db*")} == {"index.db"}
    with reading(path) as index:
        assert index.ids("") == [capture]


def test_a_rebuild_that_fails_leaves_the_old_index_answering(
    told: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, capture = told
    rebuilt(root)

    def full(*_: object) -> None:
        raise StoreError("index.db", "no room")

    monkeypatch.setattr("muniment.catalogue.renewal.supplant", full)
    with pytest.raises(StoreError, match="no room"):
        rebuilt(root)
    assert {each.name for each in root.glob("index.db*")} == {"index.db"}
    with reading(root / layout.INDEX) as index:
        assert index.ids("") == [capture]


KILLED = """
import os, pkgutil, signal, sys
from pathlib import Path
from muniment import canonical, catalogue, layout, verify
place, _, name = sys.argv[2].rpartition(".")
setattr(pkgutil.resolve_name(place), name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
catalogue.rebuild(Path(sys.argv[1]), Path(sys.argv[1]) / layout.INDEX, lambda _: None)
"""


@pytest.mark.parametrize(
    "step",
    [
        "muniment.index.store.Index.replace",
        "muniment.index.store.Index.finish",
        "muniment.index.schema.index",
        "muniment.catalogue.renewal.supplant",
    ],
)
def test_a_rebuild_that_is_killed_leaves_an_index_that_answers(told: tuple[Path, str], step: str) -> None:
    root, capture = told
    rebuilt(root)
    before = tables(root / layout.INDEX)
    done = subprocess.run([sys.executable, "-c", KILLED, root, step], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with reading(root / layout.INDEX) as index:
        assert index.ids("") == [capture]
    assert rebuilt(root).problems == ()
    assert tables(root / layout.INDEX) == before
    assert {each.name for each in root.glob("index.db*")} == {"index.db"}


def test_captures_that_are_entered_at_once_are_all_entered(where: commit.Desk) -> None:
    root = where.archive.root
    ids = [captured(where, whole()) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda each: catalogue.add(root, each), ids)) == [()] * 6
    with reading(root / layout.INDEX) as index:
        assert index.ids("") == sorted(ids)


def test_a_reader_of_the_old_index_is_not_disturbed_by_a_rebuild(told: tuple[Path, str]) -> None:
    root, capture = told
    rebuilt(root)
    with reading(root / layout.INDEX) as index:
        rebuilt(root)
        assert index.ids("") == [capture]
        assert len(index.resources(capture)) == 6


def test_a_missing_index_is_made_anew_when_it_is_consulted_and_said_so(told: tuple[Path, str]) -> None:
    root, capture = told
    sentences: list[str] = []
    with catalogue.consulted(root, sentences.append) as index:
        assert index.ids("") == [capture]
    assert "made anew" in sentences[0]
    with catalogue.consulted(root, pytest.fail) as index:
        assert index.ids("") == [capture]


def test_a_capture_added_to_a_missing_index_brings_the_others_with_it(where: commit.Desk) -> None:
    first, second = captured(where, eventful()), captured(where, whole())
    catalogue.add(where.archive.root, second)
    with reading(where.archive.root / layout.INDEX) as index:
        assert index.ids("") == sorted([first, second])


def test_claims_that_were_read_once_serve_both_index_and_account(told: tuple[Path, str]) -> None:
    root, capture = told
    found = catalogue.read(root, capture)
    rebuilt(root)
    before = tables(root / layout.INDEX)
    assert catalogue.add(root, capture, found) == ()
    assert tables(root / layout.INDEX) == before
    assert catalogue.account(root, capture, found) == catalogue.account(root, capture)


def test_a_capture_that_was_committed_but_not_entered_is_noticed(where: commit.Desk) -> None:
    root = where.archive.root
    catalogue.add(root, captured(where, eventful()))
    with reading(root / layout.INDEX) as index:
        assert catalogue.unlisted(root, index) == []
        second = captured(where, whole())
        assert catalogue.unlisted(root, index) == [second]


# Payloads taken out.

BODIES = {
    "plain": (response(LONG), LONG),
    "gzip": (response(gzip.compress(LONG), "Content-Encoding: gzip"), LONG),
    "brotli": (response(brotlicffi.compress(LONG), "Content-Encoding: br"), LONG),
    "deflate": (response(zlib.compress(LONG), "Content-Encoding: deflate"), LONG),
    "chunked": (response(chunked(LONG), "Transfer-Encoding: chunked", length=False), LONG),
    "gzip-chunked": (
        response(chunked(gzip.compress(LONG)), "Content-Encoding: gzip", "Transfer-Encoding: chunked", length=False),
        LONG,
    ),
    "empty": (response(b""), b""),
    "until-closed": (response(LONG, length=False), LONG),
}


@pytest.mark.parametrize("case", BODIES)
def test_payloads_come_out_decoded_and_as_stored(where: commit.Desk, tmp_path: Path, case: str) -> None:
    octets, content = BODIES[case]
    root = where.archive.root
    capture = captured(where, [Step(answer(SEED, octets), Role.VIDEO)])
    decoded = catalogue.extract(root, capture, catalogue.Choice(), tmp_path / "decoded")
    stored = catalogue.extract(root, capture, catalogue.Choice(stored=True), tmp_path / "stored")
    (one,), (other,) = decoded.document["files"], stored.document["files"]
    assert (tmp_path / "decoded" / one["file"]).read_bytes() == content
    kept = (tmp_path / "stored" / other["file"]).read_bytes()
    assert str(Digest.of_bytes(kept)) == other["payload"]
    assert (gzip.decompress(kept) if "gzip" in case else content) == content
    assert str(Digest.of_bytes(content)) == one["content"]
    assert (one["decoded"], other["decoded"]) == (True, False)
    assert decoded.problems == stored.problems == ()


def test_a_body_that_was_cut_comes_out_as_far_as_it_came_and_says_so(where: commit.Desk, tmp_path: Path) -> None:
    half = response(b"0123456789", "Content-Type: video/mp4", "Content-Length: 99", length=False)
    cut = gzip.compress(LONG)[:100]
    coded = response(cut, "Content-Encoding: gzip", "Content-Length: 999", length=False)
    steps = [
        Step(truncated(answer(SEED, half)), Role.VIDEO),
        Step(truncated(answer(SEED + "2", coded)), Role.VIDEO),
    ]
    found = catalogue.extract(where.archive.root, captured(where, steps), catalogue.Choice(), tmp_path / "out")
    plain, packed = found.document["files"]
    assert (tmp_path / "out" / plain["file"]).read_bytes() == b"0123456789"
    assert (plain["truncated"], plain["decoded"]) == ("disconnect", True)
    assert (tmp_path / "out" / packed["file"]).read_bytes() == cut
    assert (packed["truncated"], packed["decoded"], packed["content"]) == ("disconnect", False, None)
    assert packed["file"].endswith(".bin")


def test_the_note_says_where_each_payload_came_from(told: tuple[Path, str], tmp_path: Path) -> None:
    root, capture = told
    found = catalogue.extract(root, capture, catalogue.Choice(roles=["image"]), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "extracted.json").read_bytes()) == found.document
    for each in found.document["files"]:
        assert {"url", "capture", "record_id", "warc", "offset", "payload", "content", "media_type", "date"} <= set(
            each
        )
        assert (root / each["warc"]).is_file()
    assert [each["url"] for each in found.document["files"]] == [
        "https://news.example/a.jpg",
        "https://news.example/b3.jpg",
    ]
    assert all(each["file"].endswith(".jpg") for each in found.document["files"])


def test_an_error_page_comes_out_only_when_it_is_named(told: tuple[Path, str], tmp_path: Path) -> None:
    root, capture = told
    refused = "https://news.example/c.jpg"
    everything = catalogue.extract(root, capture, catalogue.Choice(), tmp_path / "all")
    assert refused not in {each["url"] for each in everything.document["files"]}
    spelt = refused.replace("news.example", "NEWS.example:443") + "#top"
    named = catalogue.extract(root, capture, catalogue.Choice(urls=[spelt]), tmp_path / "one")
    assert [each["status"] for each in named.document["files"]] == [404]
    late = next(each for each in claims.read(root, capture).answers() if each.status == 503)
    tried = catalogue.extract(root, capture, catalogue.Choice(record_ids=[late.record_id]), tmp_path / "tried")
    assert [each["status"] for each in tried.document["files"]] == [503]


def test_what_is_not_there_cannot_be_taken_out(told: tuple[Path, str], tmp_path: Path) -> None:
    root, capture = told
    with pytest.raises(JobError, match="roles article, image"):
        catalogue.extract(root, capture, catalogue.Choice(roles=["audio"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_payload_that_is_not_what_was_sealed_is_not_kept(told: tuple[Path, str], tmp_path: Path) -> None:
    root, capture = told
    line = line_of(root, capture, Kind.RESPONSE, Role.ARTICLE)
    flip(root / layout.evidence(capture) / line.position.file, line.position.offset + 300)
    found = catalogue.extract(root, capture, catalogue.Choice(), tmp_path / "out")
    assert len(found.problems) == 1
    assert f"{line.position.file} at {line.position.offset}" in found.problems[0]
    assert {each["role"] for each in found.document["files"]} == {"image"}
    assert {each.name for each in (tmp_path / "out").iterdir()} == {
        "extracted.json",
        *(each["file"] for each in found.document["files"]),
    }


def test_a_line_that_lies_about_the_content_is_found_while_copying(
    told: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, capture = told
    honest = claims.read(root, capture)
    lying = tuple(replace(each, content=Digest.of_bytes(b"other")) for each in honest.records)
    monkeypatch.setattr("muniment.catalogue.payloads.read", lambda *_: replace(honest, records=lying))
    found = catalogue.extract(root, capture, catalogue.Choice(roles=["article"]), tmp_path / "out")
    assert len(found.problems) == 1
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["extracted.json"]


def test_a_line_cannot_have_another_file_read(
    told: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, capture = told
    honest = claims.read(root, capture)
    shutil.copy(next((root / layout.evidence(capture)).iterdir()), tmp_path / "outside.warc.gz")
    place = f"{'../' * 5}../outside.warc.gz"
    assert (root / layout.evidence(capture) / place).is_file()
    astray = tuple(replace(each, position=replace(each.position, file=place)) for each in honest.records)
    monkeypatch.setattr("muniment.catalogue.payloads.read", lambda *_: replace(honest, records=astray))
    found = catalogue.extract(root, capture, catalogue.Choice(roles=["article"]), tmp_path / "out")
    assert found.document["files"] == []
    assert "plain file name" in found.problems[0]


def test_nothing_is_ever_overwritten(told: tuple[Path, str], tmp_path: Path) -> None:
    root, capture = told
    catalogue.extract(root, capture, catalogue.Choice(), tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(JobError, match="never overwritten"):
        catalogue.extract(root, capture, catalogue.Choice(), tmp_path / "out")
    (tmp_path / "out" / "extracted.json").unlink()
    with pytest.raises(JobError, match="never overwritten"):
        catalogue.extract(root, capture, catalogue.Choice(), tmp_path / "out")
    del before["extracted.json"]
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("inside", ["archive", "manifests/x", "work", "archive/../manifests/2024", "link/x"])
def test_nothing_is_ever_added_to_the_evidence(told: tuple[Path, str], inside: str) -> None:
    root, capture = told
    (root / "link").symlink_to(root / "archive")
    before = tree(root)
    with pytest.raises(JobError, match="nothing is ever added"):
        catalogue.extract(root, capture, catalogue.Choice(), root / inside)
    assert tree(root) == before


HOSTILE_TYPES = [
    "../../../etc/passwd",
    "video/mp4/../../x",
    "image/x-desktop",
    "text/x-sh;../",
    "application/x-msdownload",
]


def test_no_name_from_the_web_becomes_the_name_of_a_file(where: commit.Desk, tmp_path: Path) -> None:
    root = where.archive.root
    urls = [
        "https://news.example/..%2f..%2fetc%2fpasswd",
        "https://news.example/%2e%2e/%2e%2e/x.desktop",
        "https://news.example/CON",
        "https://news.example/a%00b.exe",
        "https://news.example/" + "x" * 3000,
    ]
    steps = [
        Step(
            answer(
                url,
                response(
                    url.encode(),
                    f"Content-Type: {media_type}",
                    'Content-Disposition: attachment; filename="../../../../evil.sh"',
                ),
            ),
            Role.DOCUMENT,
        )
        for url, media_type in zip(urls, HOSTILE_TYPES, strict=True)
    ]
    capture = captured(where, steps)
    before = tree(tmp_path)
    found = catalogue.extract(root, capture, catalogue.Choice(), tmp_path / "out")
    made = set(tree(tmp_path)) - set(before)
    assert made == {"out/extracted.json", *(f"out/{each['file']}" for each in found.document["files"])}
    for number, each in enumerate(found.document["files"], 1):
        assert each["file"] == f"{number:02d}-document-{each['content'][7:19]}.bin"
    assert {name: content for name, content in tree(tmp_path).items() if name in before} == before


def test_a_manifest_cannot_lead_out_of_its_folder(told: tuple[Path, str]) -> None:
    root, capture = told
    line = line_of(root, capture, Kind.METADATA, Role.DERIVED)
    for name in ("../x", "/etc/passwd", "a\\b", "..", ""):
        astray = replace(line, position=replace(line.position, file=name))
        found = facts.gather(root, capture, [astray])
        assert len(found.problems) == 1
        assert "plain file name" in found.problems[0]


def test_facts_that_are_not_what_was_sealed_are_not_believed(told: tuple[Path, str]) -> None:
    root, capture = told
    line = line_of(root, capture, Kind.METADATA, Role.DERIVED, Role.ARTICLE)
    found = facts.gather(root, capture, [replace(line, record=Digest.of_bytes(b"other"))])
    assert (found.pages, found.rules) == ((), {})
    assert ["as it was sealed" in each and line.url in each for each in found.problems] == [True]


def test_facts_that_are_too_large_are_named_and_not_held(
    told: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, capture = told
    monkeypatch.setattr(facts, "_LARGEST", 10)
    found = facts.gather(root, capture, claims.read(root, capture).records)
    assert found.pages == ()
    assert all("at most 10 octets" in each for each in found.problems)
    assert found.problems


def test_facts_of_a_shape_that_no_extractor_writes_are_named(where: commit.Desk) -> None:
    steps = [Step(answer(SEED, page()), Role.ARTICLE, links=[{"url": 7}]), *later_facts()]
    capture = captured(where, steps)
    done = rebuilt(where.archive.root)
    assert len(done.problems) == 1
    assert SEED in done.problems[0]
    with reading(where.archive.root / layout.INDEX) as index:
        assert [each.url for each in index.links(capture)] == ["https://news.example/x"]


def later_facts() -> list[Step]:
    return [Step(answer(SEED + "/2", page()), Role.CITED, links=[link("https://news.example/x")])]


@pytest.fixture(scope="session")
def naughty(corpus: Path) -> list[str]:
    """Return the strings of the big list of naughty strings."""
    return [str(each) for each in json.loads((corpus / "blns" / "blns.json").read_bytes())]


def test_naughty_strings_in_titles_and_urls_are_stored_and_come_back(where: commit.Desk, naughty: list[str]) -> None:
    root = where.archive.root
    usable = [each for each in naughty if "\x00" not in each]
    steps = [
        Step(answer(f"https://news.example/?q={quote(each)}", page()), Role.CITED, title=each, links=[link(each)])
        for each in usable
    ]
    capture = captured(where, steps)
    assert catalogue.add(root, capture) == ()
    grown = tables(root / layout.INDEX)
    with reading(root / layout.INDEX) as index:
        assert [each.url for each in index.links(capture)] == usable
    rebuilt(root)
    assert tables(root / layout.INDEX) == grown


def test_a_digest_that_differs_between_log_and_statement_stops_the_account(told: tuple[Path, str]) -> None:
    root, capture = told
    found = claims.read(root, capture)
    wrong = replace(found.place, leaf=replace(found.place.leaf, digest=Digest.of_bytes(b"another")))
    with pytest.raises(DigestMismatch, match="as the log has it"):
        claims.read(root, capture, wrong)


def test_rows_of_the_same_claims_are_the_same_rows(told: tuple[Path, str]) -> None:
    root, capture = told
    found = claims.read(root, capture)
    gathered = facts.gather(root, capture, found.records)
    assert rows.rows(found, gathered) == rows.rows(found, facts.gather(root, capture, found.records))
