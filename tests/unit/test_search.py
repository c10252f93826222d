"""What was captured is found again: by words of every script, host, digest and reason; whatever a user types."""

import contextlib
import gzip
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from captures import NOW, SEED, Step, answer, captured, desk, eventful, failure, link, links_fact, page, response
from muniment import canonical, catalogue, layout
from muniment.capture import commit
from muniment.capture.recorder import Fact
from muniment.cli import muniment
from muniment.digest import Digest
from muniment.errors import JobError, StoreError
from muniment.index import Answer, Found, Query, created, reading
from muniment.model import Reason, Role, State

GAZA = "انفجار في غَزَّة"
TEXTS = {
    "https://aljazeera.example/1": (GAZA, "قال مراسلنا إن الإنفجار وقع في مدينة غزة القديمة."),
    "https://pravda.example/2": ("Взрыв на рынке", "Взрыв прогремел утром, сообщил Фёдор."),
    "https://lemonde.example/3": ("Le préfet", "Le préfet de police s'est exprimé à Besançon."),
    "https://people.example/4": ("北京消息", "昨天在北京市发生了爆炸。"),
    "https://news.example/market": ("Eleven minutes at the market", "Two people were killed. NEAR the gate."),
}


def article(title: str, text: str, **said: str) -> dict[str, Any]:
    """Return the document of a metadata record of an article, as the extractor writes it."""
    claims = {"headline": title, "byline": "Jane Doe", "publisher": "The Gazette", **said}
    return {
        "v": 1,
        "type": "article",
        "extractor": "muniment.article/1",
        "assertions": [
            {"field": name, "value": value, "raw": f" {value} ", "source": f"meta:{name}"}
            for name, value in claims.items()
        ],
        "text": text,
        "text_source": "trafilatura/2.0",
        "notes": [],
    }


def captured_article(where: commit.Desk, url: str, said: dict[str, Any], title: str = "") -> str:
    """Capture one page with what its extractors said of it."""
    with commit.draft(where, url) as begun:
        about = begun.recorder.take(answer(url, page()), Role.ARTICLE, "")
        for each in (links_fact(title, [link(url + "/a.jpg")]), said):
            begun.recorder.state(Fact(url, about, canonical.encode(each), NOW))
        return commit.commit(begun, commit.Ending(1, 1, interrupted=False, root_store="")).id


@pytest.fixture(scope="module")
def _library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    made = desk(tmp_path_factory.mktemp("library"))
    root = made.archive.root
    ids = {url: captured_article(made, url, article(*said), said[0]) for url, said in TEXTS.items()}
    ids["eventful"] = captured(made, eventful())
    catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    return root, ids


@pytest.fixture
def library(_library: tuple[Path, dict[str, str]], tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Return a copy of an archive of articles in five scripts, and its captures by URL."""
    shutil.copytree(_library[0], tmp_path / "copy")
    return tmp_path / "copy", _library[1]


def asked(root: Path, words: str = "", **given: Any) -> Answer:
    with reading(root / layout.INDEX) as index:
        return index.search(Query(words=words, **given), 20)


def urls(answer: Answer) -> list[str]:
    return [each.url for each in answer.found]


def run(root: Path, *arguments: str) -> Any:
    return CliRunner().invoke(muniment, ["--archive", str(root), "search", *arguments], standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("غزة", "https://aljazeera.example/1"),
        ("غزه", "https://aljazeera.example/1"),
        ("غَزَّة الانفجار", "https://aljazeera.example/1"),
        ("Взрыв", "https://pravda.example/2"),
        ("ВЗРЫВ федор", "https://pravda.example/2"),
        ("préfet", "https://lemonde.example/3"),
        ("prefet BESANCON", "https://lemonde.example/3"),
        ("北京", "https://people.example/4"),
        ("北京市发生", "https://people.example/4"),
        ("killed market", "https://news.example/market"),
        ("pravda.example/2", "https://pravda.example/2"),
    ],
)
def test_a_word_finds_its_article_however_it_is_written(library: Any, words: str, url: str) -> None:
    root, ids = library
    answer = asked(root, words)
    assert urls(answer) == [url]
    (found,) = answer.found
    assert found.capture == ids[url]
    assert (root / found.file).is_file()


@pytest.mark.parametrize("words", ["京北", "市京", "marke", "killed взрыв", "غزو"])
def test_a_word_that_is_not_there_finds_nothing(library: Any, words: str) -> None:
    assert asked(library[0], words) == Answer((), 0)


def test_authors_and_publishers_are_found_and_headlines_rank_before_text(library: Any, tmp_path: Path) -> None:
    assert len(urls(asked(library[0], "jane gazette"))) == 5
    made = desk(tmp_path, "ranked")
    root = made.archive.root
    long = "Nothing else was said about it that day. " * 9
    captured_article(made, "https://a.example/", article("Another matter", f"A drone was seen. {long}"))
    captured_article(made, "https://b.example/", article("Drone over the gate", long))
    catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    assert urls(asked(root, "drone")) == ["https://b.example/", "https://a.example/"]


def test_the_passage_shows_the_words_as_they_stand_on_the_page(library: Any) -> None:
    (found,) = asked(library[0], "غزه").found
    assert found.passage is not None
    assert [found.passage.text[first:last] for first, last in found.passage.marks] == ["غزة"]
    (found,) = asked(library[0], "eleven").found
    assert found.passage is not None
    assert found.passage.field == "title"


def test_resources_and_failures_are_found_by_the_words_of_their_urls(library: Any) -> None:
    root, ids = library
    assert urls(asked(root, "b3.jpg")) == ["https://news.example/b3.jpg"]
    (found,) = asked(root, "late.mp4").found
    assert (found.capture, found.outcome, found.role) == (ids["eventful"], "limit-time", "video")


def test_a_host_is_found_with_all_below_it_and_no_other(tmp_path: Path) -> None:
    made = desk(tmp_path)
    hosts = ["bbc.example", "www.bbc.example", "notbbc.example", "bbc.example.org", "xn--mller-kva.example"]
    captured(made, [Step(answer(f"https://{host}/", page()), Role.CITED, links=[]) for host in hosts])
    root = made.archive.root
    catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    assert set(urls(asked(root, host="bbc.example"))) == {"https://bbc.example/", "https://www.bbc.example/"}
    document = json.loads(run(root, "--host", "Müller.example", "--json").output)
    assert [each["url"] for each in document["found"]] == ["https://xn--mller-kva.example/"]


def test_conditions_are_all_held(library: Any) -> None:
    root, ids = library
    assert set(urls(asked(root, role=Role.VIDEO))) == {"https://news.example/late.mp4"}
    assert set(urls(asked(root, reason=Reason.DNS))) == {"https://gone.example/"}
    assert asked(root, "gone", reason=Reason.HTTP_4XX).found == ()
    assert {each.capture for each in asked(root, verdict=State.PARTIAL).found} == {ids["eventful"]}
    assert urls(asked(root, "market", host="news.example", role=Role.ARTICLE)) == ["https://news.example/market"]


def test_dates_bound_the_opening_of_the_capture(library: Any) -> None:
    root, ids = library
    opened = layout.opened_at(ids["eventful"])
    assert asked(root, since=opened, role=Role.VIDEO).matches == 1
    assert asked(root, until=datetime(2020, 1, 1, tzinfo=UTC)).matches == 0
    today = f"{opened:%Y-%m-%d}"
    document = json.loads(
        run(root, "killed", "--since", today, "--until", f"{datetime.now(UTC):%Y-%m-%d}", "--json").output
    )
    assert document["matches"] == 1


def test_a_digest_finds_payload_content_statement_and_file(library: Any) -> None:
    root, ids = library
    with reading(root / layout.INDEX) as index:
        (row,) = [each for each in index.captures(99) if each.id == ids["eventful"]]
        image = next(each for each in index.resources(row.id) if each.url.endswith("b3.jpg"))
    found = asked(root, digest=str(image.payload))
    assert set(urls(found)) == {"https://news.example/a.jpg", "https://news.example/b3.jpg"}
    assert urls(asked(root, digest=str(row.statement)[:20])) == [SEED]
    warc = catalogue.account(root, row.id)["warcs"][0]["sha256"]
    assert urls(asked(root, digest=f"sha256:{warc}")) == [SEED]
    assert asked(root, digest="sha256:" + "0" * 64).found == ()
    assert json.loads(run(root, "--digest", image.payload.hex[:12].upper(), "--json").output)["matches"] == 2


def test_an_answer_that_was_coded_is_found_by_its_content_too(tmp_path: Path) -> None:
    made = desk(tmp_path)
    body = b"plain words"
    octets = response(gzip.compress(body), "Content-Encoding: gzip")
    captured(made, [Step(answer(SEED, octets), Role.ARTICLE, links=[])])
    root = made.archive.root
    catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    assert urls(asked(root, digest=str(Digest.of_bytes(body)))) == [SEED]


def test_an_index_that_grew_equals_a_rebuilt_one_also_after_an_entry_was_replaced(library: Any) -> None:
    root, ids = library
    (root / layout.INDEX).unlink()
    with created(root / layout.INDEX):
        pass
    for capture in (*ids.values(), ids["https://people.example/4"], ids["eventful"]):
        assert catalogue.add(root, capture) == ()
    done = catalogue.check(root, root / layout.INDEX, lambda _: None, 10)
    assert (done.comparison.counts, done.problems) == ({}, ())
    assert urls(asked(root, "北京")) == ["https://people.example/4"]


def test_facts_of_articles_become_rows_with_their_sources(library: Any) -> None:
    root, ids = library
    with contextlib.closing(sqlite3.connect(root / layout.INDEX)) as plain:
        url = "https://lemonde.example/3"
        (number, text_source, characters) = plain.execute(
            "SELECT a.n, a.text_source, a.characters FROM articles a JOIN urls u ON u.number = a.url WHERE u.url = ?",
            (url,),
        ).fetchone()
        assert (text_source, characters) == ("trafilatura/2.0", len(TEXTS[url][1]))
        claims = plain.execute(
            "SELECT s.field, s.value, s.raw, s.source FROM assertions s JOIN captures c ON c.number = s.capture "
            "WHERE c.id = ? AND s.page = ? ORDER BY s.place",
            (ids[url], number),
        ).fetchall()
        assert claims[0] == ("headline", "Le préfet", " Le préfet ", "meta:headline")
        connections = plain.execute(
            "SELECT s.id, s.host, s.address, s.port, s.tls FROM connections s JOIN captures c ON c.number = s.capture "
            "WHERE c.id = ? ORDER BY s.id",
            (ids["eventful"],),
        ).fetchall()
        assert ("c-expired", "news.example", "192.0.2.7", 443, "expired") in connections
        assert plain.execute("SELECT url, reason FROM broken_links").fetchall() == []
        (warc,) = plain.execute(
            "SELECT w.file FROM warcs w JOIN captures c ON c.number = w.capture WHERE c.id = ?", (ids["eventful"],)
        ).fetchone()
        assert (root / warc).is_file()


def test_an_article_of_a_shape_that_no_extractor_writes_is_named(tmp_path: Path) -> None:
    made = desk(tmp_path)
    root = made.archive.root
    for said in ({"v": 1, "type": "article", "assertions": [7], "text": ""}, {"v": 1, "type": "article", "text": 1}):
        captured_article(made, SEED, said)
    done = catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    assert len(done.problems) == 2
    assert all(SEED in each for each in done.problems)
    assert done.counts["captures"] == 2


OPERATORS = [
    '"', '""', '"unclosed', "NEAR(a b)", "NEAR(", "*", "a*", "title:x", "col:", "{a b}: c", "-", "+", "^a", "a AND",
    "OR", "NOT a", "AND OR NOT", "(", ")", "'; DROP TABLE captures; --", "\\", "%", "_", "?1", ":words", "\x00",
    "a\x00b",    "\ud800", "words MATCH 'x'", "rank:bm25", "a" * 100_000, "\u0627" * 10_000,
]  # fmt: skip


def schema_of(path: Path) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as plain:
        return plain.execute("SELECT * FROM sqlite_schema").fetchall()


@pytest.mark.parametrize("words", OPERATORS, ids=lambda text: ascii(text[:20]))
def test_nothing_that_is_typed_is_an_operator(library: Any, words: str) -> None:
    before = schema_of(library[0] / layout.INDEX)
    assert isinstance(asked(library[0], words), Answer)
    assert schema_of(library[0] / layout.INDEX) == before


def test_operators_are_words_of_the_page(library: Any) -> None:
    assert urls(asked(library[0], "NEAR gate")) == ["https://news.example/market"]
    assert urls(asked(library[0], "NEAR(gate")) == []  # the two do not follow each other there
    assert asked(library[0], "title:eleven").found == ()


def test_naughty_strings_find_or_do_not_find_and_change_nothing(library: Any, corpus: Path) -> None:
    root, _ = library
    naughty = [str(each) for each in json.loads((corpus / "blns" / "blns.json").read_bytes())]
    before = schema_of(root / layout.INDEX)
    with reading(root / layout.INDEX) as index:
        for each in naughty:
            with contextlib.suppress(JobError):  # some are longer than any search
                assert isinstance(index.search(Query(words=each), 5), Answer)
    for each in naughty[::9]:
        done = run(root, "--", each.replace("\x00", ""))
        assert done.exception is None or isinstance(done.exception, JobError), each
    assert schema_of(root / layout.INDEX) == before


def test_naughty_pages_are_found_by_their_words_and_shown_without_harm(tmp_path: Path) -> None:
    made = desk(tmp_path)
    root = made.archive.root
    attack = "\x1b[2Jred\x07 <b>bold</b> \u202eevil\nmuniment: PASS"
    captured_article(made, SEED, article(attack, attack), attack)
    catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    done = run(root, "bold")
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output
    assert "[bold]" in done.output
    assert not any(line.startswith("muniment: PASS") for line in done.output.splitlines())
    found = json.loads(run(root, "bold", "--json").output)["found"][0]["passage"]
    assert found["text"][slice(*found["marks"][0])] == "bold"


def test_too_many_words_are_refused_in_one_sentence(library: Any) -> None:
    with pytest.raises(JobError, match="at most 64"):
        asked(library[0], " ".join(str(number) for number in range(65)))
    assert asked(library[0], " ".join(["gate"] * 1000)).matches == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["--since", "yesterday"],
        ["--since", "2024-02-30"],
        ["--until", "20241210"],
        ["--until", "9999-12-31"],
        ["--since", "2024-12-10", "--until", "2024-12-09"],
        ["--digest", "sha256:xyz"],
        ["--digest", "abc"],
        ["--host", "a b"],
        ["--host", "news.example/path"],
        ["--host", "news.example:8080"],
        [],
        ["  "],
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(library: Any, wrong: list[str]) -> None:
    refused = run(library[0], *wrong)
    assert isinstance(refused.exception, JobError)
    assert "\n" not in str(refused.exception)


def test_of_very_many_matches_the_last_are_ranked_and_more_are_said_to_be(
    library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = library
    assert asked(root, "gazette").matches == 5
    monkeypatch.setattr("muniment.index.searching.CONSIDERED", 2)
    monkeypatch.setattr("muniment.index.CONSIDERED", 2)
    answer = asked(root, "gazette")
    assert answer.matches == 2
    assert {each.url for each in answer.found} == {"https://people.example/4", "https://news.example/market"}
    assert "2 or more are shown" in run(root, "gazette", "--limit", "1").output
    assert json.loads(run(root, "gazette", "--json").output)["more"] is True


def test_words_without_a_record_are_damage_that_a_rebuild_mends(library: Any) -> None:
    root, _ = library
    with contextlib.closing(sqlite3.connect(root / layout.INDEX)) as plain:
        plain.execute("INSERT INTO words (rowid, title, byline, text, url) VALUES (999999, 'planted', '', '', '')")
        plain.commit()
    with pytest.raises(StoreError, match="muniment index rebuild"):
        asked(root, "planted")
    catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    assert asked(root, "planted").matches == 0


def test_check_names_each_difference(library: Any) -> None:
    root, ids = library
    with contextlib.closing(sqlite3.connect(root / layout.INDEX)) as plain:
        plain.execute("UPDATE captures SET title = 'Forged' WHERE id = ?", (ids["eventful"],))
        plain.execute("DELETE FROM failures WHERE reason = 'dns'")
        plain.execute("INSERT INTO words (rowid, title, byline, text, url) VALUES (999999, 'planted', '', '', '')")
        plain.commit()
    done = CliRunner().invoke(muniment, ["--archive", str(root), "index", "check", "--json"], standalone_mode=False)
    assert done.return_value == 1
    document = json.loads(done.output)
    assert document["differing"] == {"captures": 1, "failures": 1, "words": 1}
    title, missing, word = document["differences"]
    assert (title["table"], title["key"], title["column"]) == ("captures", ids["eventful"], "title")
    assert (title["expected"], title["found"]) == ("Title of it", "Forged")
    assert (missing["table"], missing["expected"], missing["found"]) == ("failures", "a row", "no such row")
    assert (word["table"], word["key"]) == ("words", "planted")
    told = CliRunner().invoke(muniment, ["--archive", str(root), "index", "check"], standalone_mode=False).output
    assert f"captures {ids['eventful']}, title: expected Title of it, found Forged" in told


def test_an_index_of_an_older_muniment_is_made_anew_and_said_so(library: Any) -> None:
    root, ids = library
    with contextlib.closing(sqlite3.connect(root / layout.INDEX)) as plain:
        plain.execute("PRAGMA user_version = 1")
        plain.execute("DROP TABLE articles")
    sentences: list[str] = []
    with catalogue.consulted(root, sentences.append) as index:
        assert set(index.ids("")) == set(ids.values())
    assert "older muniment" in sentences[0]


def _readers(root: Path, stop: threading.Event, said: list[str]) -> Iterator[threading.Thread]:
    def read() -> None:
        while not stop.is_set():
            try:
                with reading(root / layout.INDEX) as index:
                    said.append(str(index.search(Query(words="prefet"), 5).matches))
            except StoreError as failure:
                said.append(str(failure))

    for _ in range(3):
        yield threading.Thread(target=read)


def test_readers_are_never_told_to_wait_while_the_index_grows_and_is_rebuilt(library: Any) -> None:
    root, ids = library
    stop = threading.Event()
    said: list[str] = []
    readers = list(_readers(root, stop, said))
    for each in readers:
        each.start()
    for _ in range(4):
        for capture in ids.values():
            catalogue.add(root, capture)
        catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    stop.set()
    for each in readers:
        each.join()
    assert set(said) == {"1"}


def test_a_failure_that_was_never_sent_has_no_host_and_is_found_all_the_same(tmp_path: Path) -> None:
    made = desk(tmp_path)
    captured(made, [Step(failure("about:invalid", Reason.MALFORMED_URL), Role.IMAGE)])
    root = made.archive.root
    catalogue.rebuild(root, root / layout.INDEX, lambda _: None)
    assert [type(each) for each in asked(root, reason=Reason.MALFORMED_URL).found] == [Found]
