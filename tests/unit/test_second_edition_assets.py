"""The files of the second edition: all listed, all made again the same, all named in its books, none of them real."""

import hashlib
import json
import re
import shutil
from importlib import resources
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

from muniment.sample.second.asset import Speech
from muniment.sample.second.books import ARTICLE, CONTENTS, ORIGINS, PLANTED, expected
from muniment.sample.second.film import boxes

ROOT = Path(__file__).parents[2]
SAMPLE = Path(str(resources.files("muniment.sample")))
ASSETS = SAMPLE / "second" / "assets"
LISTED = json.loads((ASSETS / "GENERATED.json").read_bytes())
FILES = {
    path.relative_to(ASSETS).as_posix(): path
    for path in sorted(ASSETS.rglob("*"))
    if path.is_file() and path.name not in ("README.md", "GENERATED.json")
}
BOOKS = {asset.url: asset for asset in CONTENTS}
TEXTS = (".html", ".css", ".js", ".json")
HLS, DASH = "post.social.example/video/4417", "clips.tern.example/v/4423"


def text(file: str) -> str:
    return FILES[file].read_text()


def blocks(name: str) -> list[dict[str, object]]:
    return json.loads(text(f"api.courier.example/{name}.json"))["blocks"]  # type: ignore[no-any-return]


def test_every_address_that_is_written_out_has_an_answer_in_the_books_or_is_lost_on_purpose() -> None:
    known = {*BOOKS, *(each.url for each in PLANTED)}
    hosts = {asset.url.partition("://")[2].partition("/")[0] for asset in CONTENTS} | {"api.lantern.example"}
    for file in FILES:
        if not file.endswith(TEXTS):
            continue
        for url in re.findall(r"""["'(](https?://[^"'()\s${}]+)["')]""", text(file)):
            if not re.match(r"https?://(schema\.org|[\w.]+/?$|api\.courier\.example/v2$|[\w.]+/img$)", url):
                assert quote(url, safe="/:?=@%&") in known, (file, url)
        for host in re.findall(r"//([\w-]+(?:\.[\w-]+)+)", text(file)):
            assert host in {*hosts, "schema.org"}, (file, host)


def test_every_candidate_of_every_picture_of_the_story_has_an_answer() -> None:
    named = []
    waiting: list[object] = [json.loads(text(f"api.courier.example/story-{part}.json")) for part in (1, 2)]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
            if "widths" in each:
                named += [f"{each['name']}-{width}.jpg" for width in each["widths"]]
    assert len(named) == 5
    assert all(BOOKS[f"https://pictures.courier.example/img/{name}"].status == 200 for name in named)


def test_a_playlist_names_every_file_of_its_rendition_and_no_other() -> None:
    base = "https://post.social.example/video/4417/master.m3u8"
    named = {base}
    for rendition in (line for line in text(f"{HLS}/master.m3u8").splitlines() if not line.startswith("#")):
        playlist = urljoin(base, rendition)
        listed = text(f"{HLS}/{rendition}")
        parts = re.findall(r'^#EXT-X-MAP:URI="([^"]+)"$|^([^#].*)$', listed, re.MULTILINE)
        named |= {playlist, *(urljoin(playlist, first or other) for first, other in parts)}
        assert listed.rstrip().endswith("#EXT-X-ENDLIST")
    assert named == {url for url in BOOKS if "/video/4417/" in url}


def test_a_manifest_describes_every_file_of_both_representations() -> None:
    base = "https://clips.tern.example/v/4423/manifest.mpd"
    said = text(f"{DASH}/manifest.mpd")
    [first], [part] = set(re.findall(r'initialization="([^"]+)"', said)), set(re.findall(r'media="([^"]+)"', said))
    assert set(re.findall(r'(?:mediaPresentationDuration|startNumber)="([^"]+)"', said)) == {"PT8.0S", "1"}
    named = {base}
    for representation in re.findall(r'<Representation id="([^"]+)"', said):
        names = [first, *(part.replace("$Number$", str(number)) for number in range(1, 5))]
        named |= {urljoin(base, name.replace("$RepresentationID$", representation)) for name in names}
    assert named == {url for url in BOOKS if "/v/4423/" in url and not url.endswith("poster.jpg")}


@pytest.mark.parametrize("folder", [HLS, DASH])
def test_segments_are_fragmented_mp4_of_the_codec_that_is_told(folder: str) -> None:
    told = "master.m3u8" if folder == HLS else "manifest.mpd"
    codecs = re.findall(r'(?i)codecs="avc1\.([0-9a-f]{6})"', text(f"{folder}/{told}"))
    shown = []
    for file in (each for each in FILES if each.startswith(folder) and each.endswith((".mp4", ".m4s"))):
        kinds = [kind for kind, _contents in boxes(FILES[file].read_bytes())]
        if file.endswith(".m4s"):
            assert kinds[-2:] == [b"moof", b"mdat"]
        else:
            assert kinds == [b"ftyp", b"moov"]
            octets = FILES[file].read_bytes()
            at = octets.index(b"avcC") + 5  # ISO/IEC 14496-15, 5.3.3.1: profile, compatibility, level
            shown.append(octets[at : at + 3].hex())
    assert sorted(shown) == sorted(codecs)


def test_what_waits_for_consent_holds_both_posts_and_the_lost_one() -> None:
    waiting = [each["kind"] for each in blocks("story-1") if each.get("waits")]
    assert waiting == ["heading", "text", "post", "text", "post", "text", "lost"]
    assert {each["kind"] for each in blocks("story-2")} >= {
        "film",
        "sound",
        "picture",
        "pair",
        "quote",
        "paper",
        "folded",
    }


def test_every_url_stands_once_in_the_books_and_every_file_is_served() -> None:
    assert len(BOOKS) == len(CONTENTS)
    served = {asset.file for asset in CONTENTS if asset.file}
    assert {file for file in served if file.startswith("second/")} == {f"second/assets/{name}" for name in FILES}
    assert all((SAMPLE / file).is_file() for file in served)
    assert expected()[ARTICLE] == "article"


def test_the_documentation_lists_every_origin_and_everything_that_is_planted() -> None:
    page = (ROOT / "docs" / "sample.md").read_text()
    speaks = {Speech.H2: "HTTP/2, TLS 1.3", Speech.TLS12: "HTTP/1.1, TLS 1.2", Speech.PLAIN: "HTTP/1.1"}
    origins = [(f"http{'s' * (each.speech is not Speech.PLAIN)}://{each.host}", each.speech) for each in ORIGINS]
    rows = [(name, speaks.get(speech, "HTTP/1.1, TLS 1.3")) for name, speech in origins]
    assert re.findall(r"^\| `(https?://[^`]+)` \| (HTTP[^|]+) \|", page, re.MULTILINE) == rows
    planted = [(each.url, each.reason) for each in PLANTED]
    assert re.findall(r"^\| `(https?://[^`]+)` \| `([^`]+)` \|", page, re.MULTILINE) == planted


def test_every_asset_has_the_digest_that_is_listed_and_all_together_are_small() -> None:
    found = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in FILES.items()}
    assert found == {name: fact["sha256"] for name, fact in LISTED["files"].items()}
    assert sum(path.stat().st_size for path in FILES.values()) < 1_500_000


@pytest.mark.parametrize("tool", ["pillow", "ffmpeg"])
def test_generated_assets_come_out_the_same_with_the_tools_that_made_them(tool: str) -> None:
    pytest.importorskip("PIL", reason="the extra `sample` is not installed")
    pytest.importorskip("fontTools", reason="the extra `sample` is not installed")
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    from muniment.sample import generate  # noqa: PLC0415 (needs the extra)
    from muniment.sample.second.generate import made  # noqa: PLC0415

    if generate.tools()[tool] != LISTED["tools"][tool]:
        pytest.skip(f"made with {LISTED['tools'][tool]}, here is {generate.tools()[tool]}")
    recipes = {path: make for path, (by, make) in made().items() if by == tool}
    assert recipes
    assert [path for path, make in recipes.items() if make() != FILES[path].read_bytes()] == []
