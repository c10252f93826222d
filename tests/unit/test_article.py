"""What a page says of itself as an article: an example for each mechanism, the reader's limits, the record."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import rfc8785

from conftest import SampleCapture, make_archive, make_desk
from hostile import Served, answer, sending
from muniment import layout, manifest
from muniment.capture import commit
from muniment.errors import FormatError
from muniment.extract import EXTRACTOR as LINKS
from muniment.extract import article, media_facts, obstacle, reading
from muniment.extract.article import Article, Field, encode, from_html
from muniment.extract.dates import instant_or_day
from muniment.message.url import Url
from muniment.model import Kind, Record
from muniment.rules import Limits, Rules
from muniment.sample import contents
from muniment.warc import metadata, reader

PAGE = "https://news.example/2024/story.html"
HEAVY = "<p>x"
PARAGRAPH = "<p>The market opened at seven, and by a quarter to eight forty carts had been weighed and paid for.</p>"


def no_time() -> float:
    """Leave the main text unread, which most of these tests do not need."""
    return 0.0


def told(html: str) -> list[tuple[str, str, str, str]]:
    """Return field, value, raw text and source of what *html* says, trafilatura not asked."""
    found = from_html(html.encode(), PAGE, charset="utf-8", remaining=no_time)
    return [(one.field.value, one.value, one.raw, one.source) for one in found.assertions]


def block(value: object) -> str:
    return f"<script type=application/ld+json>{json.dumps(value)}</script>"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2024-03-12T07:41:12+01:00", "2024-03-12T07:41:12+01:00"),
        ("2024-03-12T07:41:12.50+0100", "2024-03-12T07:41:12.50+01:00"),
        ("2024-03-12t07:41z", "2024-03-12T07:41:00Z"),
        ("20240312T074112Z", "2024-03-12T07:41:12Z"),
        ("2024-03-12T07:41:12-00:00", "2024-03-12T07:41:12-00:00"),
        ("2024-03-12 07:41:12", "2024-03-12"),
        ("2024-03-12T25:41:12Z", "2024-03-12"),
        ("2024-03-12T07:41:12+2400", "2024-03-12"),
        ("Tue, 12 Mar 2024 07:41:12 GMT", "2024-03-12T07:41:12Z"),
        ("Tue, 12 Mar 2024 07:41:12 -0500", "2024-03-12T07:41:12-05:00"),
        ("Tue Mar 12 2024 07:41:12 GMT+0100 (CET)", "2024-03-12T07:41:12+01:00"),
        ("Tue, 12 Mar 2024 07:41:12 EST", "2024-03-12"),
        ("1710229272", "2024-03-12T07:41:12Z"),
        ("1710229272000", "2024-03-12T07:41:12Z"),
        ("Updated March 12th, 2024 at 9.40 a.m.", "2024-03-12"),
        ("Published 11 March 2024 · Updated 12 March 2024", "2024-03-11"),
        ("12. März 2024", "2024-03-12"),
        ("mardi 12 mars 2024 à 9h", "2024-03-12"),
        ("12 de marzo de 2024", "2024-03-12"),
        ("12 марта 2024, 10:30", "2024-03-12"),
        ("١٢ مارس ٢٠٢٤", "2024-03-12"),
        ("2024年3月12日", "2024-03-12"),
        ("12.03.2024", "2024-03-12"),
        ("13/04/2024", "2024-04-13"),
        ("04/13/2024", "2024-04-13"),
        ("04/04/2024", "2024-04-04"),
        ("03/04/2024", ""),
        ("2024-02-30", ""),
        ("3 hours ago", ""),
        ("12 May", ""),
        ("12345678901234", ""),
    ],
)
def test_a_date_keeps_its_zone_as_written_or_is_a_day_or_is_not_read(raw: str, value: str) -> None:
    assert instant_or_day(raw) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"@type": "NewsArticle", "headline": "A &amp;  B"},
         [("headline", "A & B", "A &amp;  B", "json-ld:NewsArticle.headline")]),
        ({"@graph": [{"@type": "WebPage", "name": "A"}, {"@type": "Person", "name": "B"}]},
         [("headline", "A", "A", "json-ld:WebPage.name")]),
        ([[{"@type": ["Thing", "http://schema.org/BlogPosting"], "schema:headline": "A"}]],
         [("headline", "A", "A", "json-ld:BlogPosting.headline")]),
        ({"@type": "Article", "author": [{"@type": "Person", "name": "A"}, "B", {"url": "https://a.example/"}]},
         [("byline", "A", "A", "json-ld:Article.author.name"), ("byline", "B", "B", "json-ld:Article.author")]),
        ({"@graph": [{"@type": "Article", "author": {"@id": "#a"}}, {"@type": "Person", "@id": "#a", "name": "A"}]},
         [("byline", "A", "A", "json-ld:Article.author.name")]),
        ({"@type": "Article", "publisher": {"name": {"@value": "A"}}, "inLanguage": {"alternateName": "fr_fr"}},
         [("publisher", "A", "A", "json-ld:Article.publisher.name.@value"),
          ("language", "fr-FR", "fr_fr", "json-ld:Article.inLanguage.alternateName")]),
        ({"@type": "Article", "mainEntityOfPage": {"@type": "WebPage", "@id": "/a"}, "articleSection": ["A", "B"]},
         [("canonical-url", "https://news.example/a", "/a", "json-ld:Article.mainEntityOfPage.@id"),
          ("section", "A", "A", "json-ld:Article.articleSection"),
          ("section", "B", "B", "json-ld:Article.articleSection")]),
        ({"@type": "WebSite", "name": "A"}, [("publisher", "A", "A", "json-ld:WebSite.name")]),
        ({"@type": "Article", "datePublished": 1710229272},
         [("published", "2024-03-12T07:41:12Z", "1710229272", "json-ld:Article.datePublished")]),
        ({"@type": "Article", "dateModified": "soon"}, [("modified", "", "soon", "json-ld:Article.dateModified")]),
        ({"@type": "VideoObject", "name": "A", "uploadDate": "2024-03-09"}, []),
        ({"@type": "Article", "hasPart": {"@type": "Article", "headline": "A"}, "comment": {"author": "B"}}, []),
        ({"@type": "Article", "headline": {"a": 1.5, "b": None}, "author": True, "datePublished": 1.5}, []),
    ],
)  # fmt: skip
def test_json_ld_says_what_stands_in_the_objects_of_the_page(
    value: object, expected: list[tuple[str, str, str, str]]
) -> None:
    assert told(block(value)) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<html lang=de-ch>", [("language", "de-CH", "de-ch", "html:lang")]),
        ("<title> A\n B </title>", [("headline", "A B", "A\n B", "html:title")]),
        ("<svg><title>A</title></svg>", []),
        ("<h1>A <b>b</b></h1>", [("headline", "A b", "A b", "html:h1")]),
        ("<meta property=og:title content=A><meta name=og:title content=A>",
         [("headline", "A", "A", "meta:og:title")]),
        ("<meta name=DC.Creator content='Par  A B'>", [("byline", "A B", "Par  A B", "meta:dc.creator")]),
        ("<meta property=article:author content=https://social.example/a>", []),
        ("<meta http-equiv=Content-Language content=EN>", [("language", "en", "EN", "meta:content-language")]),
        ("<meta name=citation_publication_date content=2024/03/12>",
         [("published", "2024-03-12", "2024/03/12", "meta:citation_publication_date")]),
        ("<meta name=parsely-section content=A>", [("section", "A", "A", "meta:parsely-section")]),
        ("<meta name=viewport content=A>", []),
        ("<link rel='x Canonical' href=/a#b>",
         [("canonical-url", "https://news.example/a", "/a#b", "html:link[rel=canonical]")]),
        ("<link rel=canonical href=http://[>", [("canonical-url", "", "http://[", "html:link[rel=canonical]")]),
        ("<time datetime=2024-03-12>Tuesday</time>",
         [("published", "2024-03-12", "2024-03-12", "html:time[datetime]"), ("published", "", "Tuesday", "html:time")]),
        ("<time class=entry-updated datetime=2024-03-12></time>",
         [("modified", "2024-03-12", "2024-03-12", "html:time[datetime]")]),
        ("<aside><time datetime=2024-03-12></time><h1>A</h1></aside>", []),
        ("<ol class=comment-list><li class=comment><time datetime=2024-03-12></time></ol>", []),
        ("<span class=post-date>12. März 2024</span>", [("published", "2024-03-12", "12. März 2024", "html:.date")]),
        ("<span class=date>soon</span>", []),
        ("<p class=byline>By A</p>", [("byline", "A", "By A", "html:.byline")]),
        ("<a rel=author href=/a>Von Anna Huber</a>",
         [("byline", "Anna Huber", "Von Anna Huber", "html:[rel=author]")]),
        ("<a rel=author>Von der Leyen</a>", [("byline", "Von der Leyen", "Von der Leyen", "html:[rel=author]")]),
        (("<div itemscope itemtype=http://schema.org/NewsArticle><b itemprop=headline>A</b>"
          "<i itemprop=author itemscope itemtype=http://schema.org/Person><u itemprop=name>B</u></i>"
          "<meta itemprop=datePublished content=2024-03-12T07:00:00-03:00></div>"),
         [("headline", "A", "A", "microdata:NewsArticle.headline"),
          ("byline", "B", "B", "microdata:NewsArticle.author.name"),
          ("published", "2024-03-12T07:00:00-03:00", "2024-03-12T07:00:00-03:00",
           "microdata:NewsArticle.datePublished")]),
        ("<div itemscope itemtype=http://schema.org/UserComments><b itemprop=creator>A</b></div>", []),
        ("<body class='has-sidebar nav'><h1>A</h1>", [("headline", "A", "A", "html:h1")]),
    ],
)  # fmt: skip
def test_markup_says_what_its_elements_meta_fields_and_classes_say(
    html: str, expected: list[tuple[str, str, str, str]]
) -> None:
    assert told(html) == expected


def test_json_ld_that_is_no_json_is_noted_and_the_rest_is_read() -> None:
    html = "<script type=application/ld+json>{'a'</script>" + block({"@type": "Article", "headline": "A"})
    html += "<script type=application/ld+json>" + "[" * 100_000 + "</script>"
    html += '<script type="application/ld+json">//<![CDATA[\n{"@type":"Report","name":"B"}\n//]]></script>'
    found = from_html(html.encode(), PAGE, charset="utf-8", remaining=no_time)
    assert [one.value for one in found.assertions] == ["A", "B"]
    assert "2 blocks of JSON-LD could not be read" in found.notes


def test_what_a_page_says_too_often_is_bounded_and_counted() -> None:
    html = "".join(f"<meta name=author content='A {n}'>" for n in range(1_000)) + f"<title>{'x' * 100_000}</title>"
    found = from_html(html.encode(), PAGE, charset="utf-8", remaining=no_time)
    assert [one.field for one in found.assertions].count(Field.BYLINE) == 16
    assert max(len(one.raw) for one in found.assertions) == 2_048
    assert "984 assertions beyond the bounds were left out" in found.notes


def test_the_sample_s_three_dates_of_publication_and_of_change_are_all_kept() -> None:
    page = resources.files("muniment.sample").joinpath("assets/courier.example/article.html").read_bytes()
    found = from_html(page, contents.ARTICLE, charset="utf-8")
    dates = {(one.source, one.value) for one in found.assertions if one.field in (Field.PUBLISHED, Field.MODIFIED)}
    assert dates >= {
        ("json-ld:NewsArticle.datePublished", "2024-03-10T22:47:00Z"),
        ("meta:article:published_time", "2024-03-11T00:47:00+02:00"),
        ("html:.dates", "2024-03-11"),
        ("json-ld:NewsArticle.dateModified", "2024-03-12T08:05:00+02:00"),
        ("meta:article:modified_time", "2024-03-12T06:35:00Z"),
        ("html:time[datetime]", "2024-03-12T09:40:00+02:00"),
    }
    assert "Nineteen people died." in found.text
    assert found == from_html(page, contents.ARTICLE, charset="utf-8")


def test_the_text_is_read_with_its_standfirst_and_without_readers_comments() -> None:
    lead = "Nineteen people died when the roof of the grain market came down on Saturday."
    html = f"<meta name=description content='{lead[:60]}…'><header><h2>{lead}</h2></header><article>{PARAGRAPH * 6}"
    html += "</article><div id=comments class=comment-list><p>First! I have never read such a thing before.</p></div>"
    found = from_html(html.encode(), PAGE, charset="utf-8")
    assert found.text.startswith(lead)
    assert found.text.count(lead) == 1
    assert "quarter to eight" in found.text
    assert "First!" not in found.text
    assert found.text_source.startswith("trafilatura/2")


@pytest.mark.parametrize("charset", [None, "utf-8"])
def test_text_without_a_named_encoding_is_read_as_the_utf_8_that_it_is(charset: str | None) -> None:
    found = from_html("<title>Взрыв</title>".encode(), PAGE, charset=charset, remaining=no_time)
    assert found.assertions[0].value == "Взрыв"
    assert any("well-formed UTF-8" in note for note in found.notes) == (charset is None)


def test_a_page_at_no_absolute_url_is_refused() -> None:
    with pytest.raises(FormatError):
        from_html(b"", "story.html", charset=None)


def test_a_page_whose_time_is_over_keeps_its_assertions_and_says_so() -> None:
    found = from_html(b"<title>A</title>", PAGE, charset=None, remaining=no_time)
    assert (found.text, found.text_source) == ("", "")
    assert found.notes == ("the main text could not be read: the time of the capture was over",)
    assert found.assertions[0].value == "A"


def test_a_reading_is_cut_off_when_the_caller_has_no_more_time() -> None:
    began = time.monotonic()
    read = reading.read("<p><a href=/1>x</a>" * 26_000, PAGE, lambda: began + 0.2 - time.monotonic())
    assert time.monotonic() - began < 10
    assert read.text == ""
    assert "its time was over" in read.notes[0]


def test_a_reader_at_its_limit_of_cpu_time_leaves_a_note() -> None:
    # The child takes what its parent leaves it where that is less than its own limit.
    script = (
        "import resource, sys\n"
        "from muniment.extract import reading\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (3, 3))\n"
        "reading._HEAVY_GROWTH = 4 << 30\n"
        f"print(*reading.read({HEAVY!r} * 2_000_000, 'https://news.example/', lambda: 60.0).notes)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "the main text could not be read: its reader ended with signal" in done.stdout, done.stderr[-500:]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the address space is bounded, at 1 GiB")
@pytest.mark.parametrize(("count", "said"), [(100_000, "ended with status"), (1_000_000, "lxml parsing failed")])
def test_a_reader_at_its_limit_of_memory_leaves_a_note_though_its_parsers_say_nothing(count: int, said: str) -> None:
    read = reading.read(HEAVY * count, PAGE, lambda: 60.0)
    assert (read.text, read.claims, read.reader) == ("", (), "")
    assert said in read.notes[0]
    assert "limit" in read.notes[0]


def test_the_reader_has_no_environment_no_socket_and_no_process_of_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.2)
        script = (
            "import ctypes, os, runpy, socket, subprocess, sys\n"
            f"reader = runpy.run_path({str(reading._CHILD)!r})\n"
            "reader['_leave_the_network']()\n"
            "sys.addaudithook(reader['_refuse'])\n"
            "attempts = [lambda: socket.create_connection(('127.0.0.1', int(sys.argv[1])), 1),\n"
            "            lambda: socket.getaddrinfo('localhost', 80),\n"
            "            lambda: subprocess.run(['true']), lambda: os.system('true')]\n"
            "for attempt in attempts:\n"
            "    try:\n"
            "        attempt()\n"
            "    except OSError as refused:\n"
            "        print('refused')\n"
        )
        port = str(canary.getsockname()[1])
        done = subprocess.run([sys.executable, "-c", script, port], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["refused"] * 4
        with pytest.raises(TimeoutError):
            canary.accept()


@pytest.fixture
def reader_of_a_living_parent(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a process that holds a lock's file and reads a heavy page; give it and its reader."""
    # With memory enough for a minute's work, which the limits of a reader do not leave to any page.
    script = (
        "from muniment.extract import reading; reading._HEAVY_GROWTH = 1 << 30;"
        f"reading.read({HEAVY!r} * 2_000_000, 'a:', lambda: 60.0)"
    )
    with (tmp_path / "lock").open("wb") as lock:
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, pass_fds=(lock.fileno(),), stdout=subprocess.DEVNULL) as parent:
            until = time.monotonic() + 20
            children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
            while not (found := children.read_text(encoding="ascii").split()) and time.monotonic() < until:
                time.sleep(0.02)
            yield parent, int(found[0])
            parent.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_a_reader_ends_when_its_parent_is_killed(
    reader_of_a_living_parent: tuple[subprocess.Popen[bytes], int],
) -> None:
    parent, child = reader_of_a_living_parent
    assert _lives(child)
    parent.kill()
    until = time.monotonic() + 10
    while _lives(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _lives(child)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_a_reader_inherits_no_lock_and_no_environment(
    reader_of_a_living_parent: tuple[subprocess.Popen[bytes], int],
) -> None:
    parent, child = reader_of_a_living_parent
    until = time.monotonic() + 10
    while (environment := _proc(child, "environ")) == _proc(parent.pid, "environ") and time.monotonic() < until:
        time.sleep(0.02)  # between fork and exec it is still a copy of its parent
    assert environment == b""
    assert any(name.endswith("/lock") for name in _open_files(parent.pid))
    assert not any(name.endswith("/lock") for name in _open_files(child))


def _proc(number: int, file: str) -> bytes:
    return Path(f"/proc/{number}/{file}").read_bytes()


def _open_files(number: int) -> list[str]:
    found = []
    for link in Path(f"/proc/{number}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            found.append(str(link.readlink()))
    return found


def _lives(child: int) -> bool:
    try:
        return _proc(child, "stat").rpartition(b")")[2].split()[0] != b"Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_record_is_canonical_json_and_names_its_extractor() -> None:
    found = from_html(b"<title>A\x00&#xD800;</title>" + PARAGRAPH.encode() * 5, PAGE, charset="utf-8")
    record = encode(found)
    assert rfc8785.dumps(record)
    assert (record["v"], record["type"], record["extractor"]) == (1, "article", article.EXTRACTOR)
    assert set(record) == {"v", "type", "extractor", "assertions", "text", "text_source", "notes"}
    assert encode(Article())["assertions"] == []


def test_a_capture_seals_an_article_for_its_seed_and_each_cited_page_and_for_no_embed(
    sample_capture: SampleCapture,
) -> None:
    where, capture = sample_capture.archive, sample_capture.id
    first, *rest = where.path(layout.manifest(capture)).read_bytes().splitlines()
    lines = {line.record_id: line for line in (manifest.decode_record(each, "manifest") for each in rest)}
    named = manifest.decode_description(first, "manifest").extractors
    assert named == {
        "article": article.EXTRACTOR,
        "links": LINKS,
        "media": media_facts.EXTRACTOR,
        "obstacle": obstacle.EXTRACTOR,
    }
    told: dict[str, list[str]] = {"article": [], "links": []}
    about: dict[str, list[str]] = {"article": [], "links": []}
    for line in lines.values():
        if line.kind is Kind.METADATA:
            said = _said(where.path(layout.evidence(capture) / line.position.file), line)
            if said["type"] in told:
                told[said["type"]].append(line.url)
                about[said["type"]].append(line.parent)
    pages = {
        line.url: line.record_id
        for line in lines.values()
        if line.kind is Kind.RESPONSE and line.status == 200 and line.role.value in ("article", "cited")
    }
    assert contents.ARTICLE in pages
    assert sorted(told["article"]) == sorted(pages)
    assert set(about["article"]) == set(pages.values())
    assert len(told["links"]) > len(told["article"])


@pytest.mark.parametrize("stopped", [False, True], ids=["max-time", "interrupted"])
def test_a_page_that_is_heavy_to_read_delays_its_capture_by_seconds_and_is_kept(tmp_path: Path, stopped: bool) -> None:  # noqa: FBT001
    archive, stop = make_archive(tmp_path), threading.Event()
    page = answer(b"<title>A</title>" + HEAVY.encode() * 250_000, "200 OK", "Content-Type: text/html")
    with Served(sending(page)) as served:
        rules = Rules(
            limits=Limits(delay=0, max_time=120.0 if stopped else 6.0),
            allow_net=("127.0.0.0/8",),
            resolve=(f"site.example=127.0.0.1:{served.port}",),
            dns=False,
        )
        began = time.monotonic()
        done = commit.capture(
            Url.parse(served.url()),
            make_desk(archive, rules),
            stop=stop,
            said=lambda *_: stop.set() if stopped else None,
        )
    assert time.monotonic() - began < 40
    _, *rest = archive.path(layout.manifest(done.id)).read_bytes().splitlines()
    lines = [manifest.decode_record(each, "manifest") for each in rest]
    said = [_said(archive.path(layout.evidence(done.id) / line.position.file), line) for line in lines[-1:]]
    assert [each["type"] for each in said] == ["article"]
    assert said[0]["text"] == ""
    assert "the main text could not be read" in str(said[0]["notes"])
    assert any(line.kind is Kind.RESPONSE and line.status == 200 for line in lines)


def _said(path: Path, line: Record) -> dict[str, object]:
    held = bytearray()
    with path.open("rb") as stream:
        place = line.position
        reader.record_at(stream, place.offset, place.length, file=str(path), into=lambda _: held.extend)
    found: dict[str, object] = metadata.decode(bytes(held), "w")
    return found
