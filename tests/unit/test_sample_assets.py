"""The files of the sample article: all listed, all made again the same, all named in the books, none of them real."""

import hashlib
import html.parser
import json
import re
import shutil
from datetime import datetime
from importlib import resources
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

from muniment.sample.bulletin import bulletin
from muniment.sample.contents import CONTENTS

ASSETS = Path(str(resources.files("muniment.sample"))) / "assets"
LISTED = json.loads((ASSETS / "GENERATED.json").read_bytes())
FILES = {
    path.relative_to(ASSETS).as_posix(): path
    for path in sorted(ASSETS.rglob("*"))
    if path.is_file() and path.name not in ("README.md", "GENERATED.json")
}
PAGES = {asset.url: asset.file for asset in CONTENTS if asset.status == 200 and asset.file.endswith((".html", ".css"))}


def _in_style(text: str) -> list[str]:
    return re.findall(r"""(?:url\(\s*|@import\s+(?=['"]))['"]?([^'")\s]+)""", text)


class Addresses(html.parser.HTMLParser):
    """Every address that a page writes down; those of preconnect are hosts and not asked for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            text = value or ""
            if name in ("href", "src", "data-src", "poster", "cite") and ("rel", "preconnect") not in attrs:
                self.found.append(text)
            elif name in ("srcset", "data-srcset"):
                self.found += [candidate.split()[0] for candidate in text.split(",")]
            elif name == "style":
                self.found += _in_style(text)
            elif tag == "meta" and name == "content" and text.startswith("http"):
                self.found.append(text)

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.found += [each for each in re.findall(r'"(https?://[^"]+)"', data) if "schema.org" not in each]


def _addresses(url: str, file: str) -> set[str]:
    text = FILES[file].read_text("latin-1")
    found = _in_style(text) if file.endswith(".css") else Addresses(text).found
    return {
        urljoin(url, quote(each, safe="/:?=@%&")) for each in found if not each.startswith(("data:", "mailto:", "#"))
    }


def test_every_address_that_a_page_or_style_writes_has_an_answer_in_the_books() -> None:
    known = {asset.url for asset in CONTENTS}
    missing = {(url, each) for url, file in PAGES.items() for each in _addresses(url, file) if each not in known}
    assert missing == set()


def test_every_expected_url_is_written_somewhere_or_redirected_to() -> None:
    written = {each for url, file in PAGES.items() for each in _addresses(url, file)}
    ends = {
        urljoin(asset.url, dict(asset.fields).get("Location", "")) for asset in CONTENTS if asset.role == "redirect"
    }
    expected = {asset.url for asset in CONTENTS if asset.role and asset.role != "article"}
    assert expected - written - ends == set()


def test_every_url_stands_once_in_the_books_and_every_file_is_served() -> None:
    assert len({asset.url for asset in CONTENTS}) == len(CONTENTS)
    assert {asset.file for asset in CONTENTS} == set(FILES)


def test_no_text_of_the_sample_names_a_real_host() -> None:
    texts = [path.read_text("latin-1") for path in FILES.values() if path.suffix in (".html", ".css", ".svg", ".js")]
    named = {host for text in texts for host in re.findall(r"//([\w-]+(?:\.[\w-]+)+)", text)}
    assert {host for host in named if not host.endswith(".example")} == {"schema.org", "www.w3.org"}


def test_the_dates_of_the_article_disagree_as_they_do_in_the_field() -> None:
    text = FILES["courier.example/article.html"].read_text()
    facts = json.loads(text.partition('ld+json">')[2].partition("</script>")[0])
    meta = dict(re.findall(r'<meta property="article:(\w+)_time" content="([^"]+)">', text))
    shown = re.findall(r'<time datetime="([^"]+)"', text)
    assert datetime.fromisoformat(facts["datePublished"]) == datetime.fromisoformat(meta["published"])
    assert facts["datePublished"][:10] != meta["published"][:10]
    assert len({datetime.fromisoformat(each) for each in (facts["dateModified"], meta["modified"], *shown)}) == 3


@pytest.mark.parametrize("name", ["4417-north-gate", "4423-yard"])
def test_a_film_is_h264_and_can_be_played_before_all_of_it_is_there(name: str) -> None:
    film = FILES[f"post.social.example/media/{name}.mp4"].read_bytes()
    assert film[4:8] == b"ftyp"
    assert b"avc1" in film
    assert 0 < film.index(b"moov") < film.index(b"mdat")
    assert 200_000 < len(film) < 900_000


def test_every_asset_has_the_digest_that_is_listed_and_all_together_are_small() -> None:
    found = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in FILES.items()}
    assert found == {name: fact["sha256"] for name, fact in LISTED["files"].items()}
    assert sum(path.stat().st_size for path in FILES.values()) < 2_500_000


def test_the_bulletin_is_the_same_on_every_machine() -> None:
    assert bulletin() == FILES["courier.example/documents/orvesk-bulletin-14.pdf"].read_bytes()


def test_the_cross_references_of_the_bulletin_point_at_its_objects() -> None:
    paper = bulletin()
    table = int(paper.rpartition(b"startxref\n")[2].split()[0])
    assert paper[table:].startswith(b"xref\n")
    places = [int(each) for each in re.findall(rb"(\d{10}) 00000 n ", paper[table:])]
    assert len(places) == 10
    assert all(paper[place:].startswith(b"%d 0 obj" % number) for number, place in enumerate(places, start=1))
    assert all(
        int(size) == len(body)
        for size, body in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", paper, re.DOTALL)
    )


@pytest.mark.parametrize("tool", ["pillow", "fonttools", "ffmpeg"])
def test_generated_assets_come_out_the_same_with_the_tools_that_made_them(tool: str) -> None:
    pytest.importorskip("PIL", reason="the extra `sample` is not installed")
    pytest.importorskip("fontTools", reason="the extra `sample` is not installed")
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    from muniment.sample import generate  # noqa: PLC0415 (needs the extra)

    if generate.tools()[tool] != LISTED["tools"][tool]:
        pytest.skip(f"made with {LISTED['tools'][tool]}, here is {generate.tools()[tool]}")
    recipes = {path: make for path, (by, make) in generate.made().items() if by == tool}
    assert recipes
    assert [path for path, make in recipes.items() if make() != FILES[path].read_bytes()] == []
