"""What images, videos and sounds are by their own octets: sniffed, measured, sealed as metadata, never an error."""

import gzip
import io
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from conftest import SampleCapture, make_archive, make_desk
from hostile import Served, answer, routing
from muniment import durable, layout, manifest
from muniment.capture import commit
from muniment.extract import media_facts
from muniment.extract.picture import dimensions
from muniment.extract.sniff import media_type
from muniment.message.url import Url
from muniment.model import Kind, Reason, Record, Role
from muniment.rules import Limits, Rules
from muniment.warc import metadata, reader

NOTE = b"\0" * 60_000  # a photograph's own notes, such as a thumbnail


def picture(kind: str, size: tuple[int, int] = (317, 41), **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (200, 30, 9)).save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


PICTURES = {
    "image/png": picture("PNG"),
    "image/gif": picture("GIF"),
    "image/bmp": picture("BMP"),
    "image/jpeg": picture("JPEG"),
    "image/webp": picture("WEBP"),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_known_by_its_octets_and_states_its_size(kind: str) -> None:
    assert media_type(PICTURES[kind]) == kind
    assert dimensions(PICTURES[kind], kind) == (317, 41)


@pytest.mark.parametrize(
    "octets",
    [
        picture("JPEG", progressive=True),
        picture("JPEG", exif=b"Exif\0\0" + NOTE),
        picture("JPEG", comment=NOTE),
        PICTURES["image/jpeg"][:2] + b"\xff\xff\xff" + PICTURES["image/jpeg"][2:],
    ],
    ids=["progressive", "exif", "comment", "fill"],
)
def test_a_jpeg_states_its_size_behind_whatever_stands_before_it(octets: bytes) -> None:
    assert dimensions(octets, media_type(octets)) == (317, 41)


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"exif": b"Exif\0\0" + NOTE[:64]}], ids=["lossless", "extended"]
)
def test_each_of_the_three_forms_of_webp_states_its_size(options: dict[str, object]) -> None:
    octets = picture("WEBP", **options)
    assert dimensions(octets, media_type(octets)) == (317, 41)


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_that_is_cut_before_its_size_states_none(kind: str) -> None:
    assert all(dimensions(PICTURES[kind][:at], kind) in {None, (317, 41)} for at in range(40))
    assert dimensions(PICTURES[kind][:8], kind) is None


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypisom\0\0\2\0", "video/mp4"),
        (b"\0\0\0\x20ftypM4A \0\0\2\0", "audio/mp4"),
        (b"\0\0\0\x20ftypavif\0\0\2\0", "image/avif"),
        (b"\0\0\0\x18stypmsdh", "video/mp4"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\xf7\x81\1\x42\x82\x84webm", "video/webm"),
        (b"G" + bytes(187) + b"G" + bytes(187), "video/mp2t"),
        (b"OggS\0\2", "application/ogg"),
        (b"ID3\4\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wave"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "application/vnd.apple.mpegurl"),
        (b"%PDF-1.7", "application/pdf"),
        (b"  <!doctype html><title>No picture</title>", "text/html"),
        (b"\xef\xbb\xbf<html >", "text/html"),
        ("<html >".encode("utf-16"), "text/html"),
        (b'<?xml version="1.0"?><svg xmlns="x">', "image/svg+xml"),
        (b"<svg viewBox='0 0 1 1'>", "image/svg+xml"),
        (b"<?xml version='1.0'?><rss>", "text/xml"),
        (b"<pre>", "text/plain"),
        (b"Not Found", "text/plain"),
        (b"\x01\x02\x03", "application/octet-stream"),
        (b"", ""),
    ],
)
def test_octets_show_what_they_are(head: bytes, kind: str) -> None:
    assert media_type(head) == kind


@given(st.binary(max_size=300), st.sampled_from([*PICTURES.values(), b"RIFF1234WEBP", b"BM", b"\xff\xd8"]))
def test_no_octets_are_an_error(noise: bytes, begin: bytes) -> None:
    for head in (noise, begin[: len(noise) % 64] + noise, begin + noise):
        said = media_facts.encode(media_facts.looked_into(head, "image/png"))
        assert said["v"] == 1
        assert all(value >= 1 for key, value in said.items() if key in {"width", "height"})


def facts(root: Path, capture: str) -> dict[str, tuple[Record, dict[str, object]]]:
    """Return the media facts of *capture* with the record that they are about, by its URL."""
    first, *rest = (root / str(layout.manifest(capture))).read_bytes().removesuffix(b"\n").split(b"\n")
    assert manifest.decode_description(first, "line 0").extractors["media"] == media_facts.EXTRACTOR
    lines = [manifest.decode_record(line, "line") for line in rest]
    known = {line.record_id: line for line in lines}
    found = {}
    for line in lines:
        if line.kind is Kind.METADATA and line.role is Role.DERIVED:
            with durable.opened(root / str(layout.evidence(capture)) / line.position.file) as stream:
                block = io.BytesIO()
                reader.block(stream, line.position, block)
            said = metadata.decode(block.getvalue(), "w")
            if said["type"] == "media":
                found[line.url] = (known[line.parent], said)
    return found


def test_every_picture_video_and_sound_of_the_sample_has_its_facts_sealed(sample_capture: SampleCapture) -> None:
    found = facts(sample_capture.archive.root, sample_capture.id)
    seen = {about.role for about, _ in found.values()}
    assert seen >= {Role.IMAGE, Role.VIDEO, Role.AUDIO}
    bodies = {f"{each.host}{each.target}": each.body for each in sample_capture.served if each.status == 200}
    for url, (about, said) in found.items():
        assert about.outcome is Reason.OK
        assert said["declared"] == about.media_type
        # What IANA calls an icon has another name in the standard of sniffing.
        assert said["sniffed"] == {"image/vnd.microsoft.icon": "image/x-icon"}.get(about.media_type, about.media_type)
        if str(said["sniffed"]) in PICTURES:
            with Image.open(io.BytesIO(bodies[url.partition("//")[2]])) as image:
                assert (said["width"], said["height"]) == image.size


def test_what_is_something_else_than_its_server_says_is_stated_as_both(tmp_path: Path) -> None:
    page = b"<title>T</title><img src=/a.jpg><img src=/b.jpg><img src=/c.svg><img src=/gone.png>"
    drawing = b"<svg viewBox='0 0 1 1'>" + b"<g/>" * 200_000 + b"</svg>"
    pages = {
        "/": answer(page, "200 OK", "Content-Type: text/html"),
        "/a.jpg": answer(PICTURES["image/png"], "200 OK", "Content-Type: Image/JPEG; q=1"),
        "/b.jpg": answer(b"<html >Sorry</html>", "200 OK", "Content-Type: image/jpeg"),
        "/c.svg": answer(gzip.compress(drawing), "200 OK", "Content-Type: image/svg+xml", "Content-Encoding: gzip"),
        "/gone.png": answer(b"no", "404 Not Found", "Content-Type: image/png"),
    }
    with Served(routing(pages.__getitem__)) as served:
        rules = Rules(
            allow_net=("127.0.0.0/8",), resolve=("site.example=127.0.0.1",), dns=False, limits=Limits(delay=0)
        )
        archive = make_archive(tmp_path)
        url = Url.parse(served.url())
        done = commit.capture(url, make_desk(archive, rules), stop=threading.Event(), said=lambda *_: None)
    told = {url.rpartition("/")[2]: said for url, (_, said) in facts(archive.root, done.id).items()}
    assert set(told) == {"a.jpg", "b.jpg", "c.svg"}
    assert (told["a.jpg"]["declared"], told["a.jpg"]["sniffed"]) == ("image/jpeg", "image/png")
    assert (told["a.jpg"]["width"], told["a.jpg"]["height"]) == (317, 41)
    assert (told["b.jpg"]["declared"], told["b.jpg"]["sniffed"]) == ("image/jpeg", "text/html")
    assert (told["c.svg"]["sniffed"], told["c.svg"]["notes"]) == ("image/svg+xml", [])
