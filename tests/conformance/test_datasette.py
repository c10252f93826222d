"""Datasette, in an environment of its own, opens the index as it is: tables, labels, views, and the ready questions."""

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from captures import captured, desk, eventful
from muniment import catalogue, layout

ROOT = Path(__file__).parents[2]
DATASETTE = ROOT / ".venv-judges" / "bin" / "datasette"
METADATA = ROOT / "src" / "muniment" / "index" / "datasette.json"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not DATASETTE.exists():
        pytest.skip("Datasette is not installed in .venv-judges; `make test` does that")
    made = desk(tmp_path_factory.mktemp("datasette"))
    captured(made, eventful())
    captured(made, eventful())
    path = made.archive.root / layout.INDEX
    catalogue.rebuild(made.archive.root, path, lambda _: None)
    return path


def got(index: Path, address: str) -> Any:
    """Return the JSON that Datasette answers to *address*, without opening any port."""
    command = [DATASETTE, "--get", address, "--metadata", METADATA, index]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=index.parent)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_every_table_and_view_opens_and_the_words_are_hidden(index: Path) -> None:
    held = got(index, "/index.json")
    shown = {each["name"] for each in held["tables"] if not each["hidden"]}
    assert shown == {
        "articles", "assertions", "captures", "connections", "failures", "hashes", "hosts", "links", "media",
        "media_types", "records", "urls", "warcs",
    }  # fmt: skip
    assert {each["name"] for each in held["views"]} == {
        "broken_links", "failures_by_reason", "resources", "same_payload",
    }  # fmt: skip
    assert len(held["queries"]) == 9


@pytest.mark.parametrize(
    "name", ["captures", "records", "resources", "failures", "links", "urls", "connections", "warcs"]
)
def test_rows_come_with_facets(index: Path, name: str) -> None:
    found = got(index, f"/index/{name}.json?_shape=objects")
    assert found["rows"]
    wanted = json.loads(METADATA.read_text())["databases"]["index"]["tables"][name].get("facets", [])
    assert set(found["facet_results"]) >= set(wanted)


def test_a_reference_is_shown_by_the_label_of_what_it_refers_to(index: Path) -> None:
    (capture, *_) = got(index, "/index/captures.json?_shape=objects")["rows"]
    found = got(index, f"/index/failures.json?_labels=on&_shape=objects&capture={capture['number']}")["rows"]
    assert {each["capture"]["label"] for each in found} == {capture["id"]}
    assert "https://gone.example/" in {each["url"]["label"] for each in found}
    found = got(index, "/index/records.json?_labels=on&_shape=objects&kind=response")["rows"]
    assert {"text/html", "image/jpeg"} <= {each["media_type"]["label"] for each in found if each["media_type"]}
    found = got(index, "/index/urls.json?_labels=on&_shape=objects")["rows"]
    assert {"news.example"} <= {each["host"]["label"] for each in found if each["host"]}


def test_facets_count_by_what_people_read(index: Path) -> None:
    facets = got(index, "/index/records.json")["facet_results"]
    assert {"text/html", "image/jpeg"} <= {each["label"] for each in facets["media_type"]["results"]}
    facets = got(index, "/index/urls.json")["facet_results"]
    assert "news.example" in {each["label"] for each in facets["host"]["results"]}
    facets = got(index, "/index/captures.json?_facet=statement")["facet_results"]
    assert all(each["value"].startswith("sha256:") for each in facets["statement"]["results"])


def test_digests_and_ids_are_read_and_asked_for_as_reports_print_them(index: Path) -> None:
    (image, *_) = got(index, "/index/resources.json?_shape=objects&media_type=image/jpeg")["rows"]
    found = got(index, f"/index/of_digest.json?digest={image['payload']}&_shape=objects")["rows"]
    assert image["url"] in {each["url"] for each in found}
    (found,) = got(index, f"/index/of_record_id.json?record_id={image['record_id']}&_shape=objects")["rows"]
    assert (found["payload"], found["url"]) == (image["payload"], image["url"])
    (found,) = got(index, f"/index/records.json?record_id={image['record_id']}&_shape=objects")["rows"]
    assert (found["payload"], found["content"]) == (image["payload"], image["content"])


def test_the_link_above_the_records_leaves_what_people_read(index: Path) -> None:
    told = json.loads(METADATA.read_text())["databases"]["index"]["tables"]["records"]["description_html"]
    link = html.unescape(re.findall('href="([^"]+)"', told)[0])
    (row, *_) = got(index, "/index/" + link.replace("records?", "records.json?_shape=objects&"))["rows"]
    assert {"record_id", "date", "payload", "content"} <= set(row)
    assert not [name for name in row if name.endswith(("_octets", "_digits", "_microseconds"))]


def test_the_views_answer(index: Path) -> None:
    reasons = got(index, "/index/failures_by_reason.json?_shape=objects")["rows"]
    assert {(each["reason"], each["captures"]) for each in reasons} == {("dns", 2), ("http-4xx", 2), ("limit-time", 2)}
    (image, *_) = got(index, "/index/same_payload.json?_shape=objects")["rows"]
    assert image["captures"] == 2


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("full_text", "words=title+of+it"),
        ("of_host", "host=news.example"),
        ("of_url", "url=https://gone.example/"),
        ("who_links_to", "url=https://news.example/cited"),
        ("to_try_again", ""),
        ("unverified_servers", ""),
    ],
)
def test_each_ready_question_has_an_answer(index: Path, query: str, parameters: str) -> None:
    assert got(index, f"/index/{query}.json?{parameters}&_shape=objects")["rows"]


@pytest.mark.parametrize("query", ["of_digest", "of_record_id", "claims_that_differ", "full_text"])
def test_a_question_about_nothing_is_answered_with_nothing(index: Path, query: str) -> None:
    hostile = "%22%29+OR+NEAR%28%2A"
    assert (
        got(index, f"/index/{query}.json?digest={hostile}&record_id={hostile}&words={hostile}&_shape=objects")["rows"]
        == []
    )
