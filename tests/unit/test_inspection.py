"""What media are, say of themselves and look like; and hostile ones, which harm nobody and are told as they are."""

import contextlib
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from muniment.confined import Bounds, Ran, run
from muniment.extract import c2pa, inspection, looking, media_claims, media_facts, probing
from muniment.extract.lying import Lying
from muniment.extract.media_facts import Media
from muniment.extract.phash import distance, perceptual_hash
from pictures import FFMPEG, clip, octets, scene

C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def unhurried() -> float:
    return 60.0


@contextlib.contextmanager
def lying(folder: Path, content: bytes, before: bytes = b"") -> Iterator[Lying]:
    """Lay *content* into a file, behind other octets and before others."""
    path = folder / "lying"
    path.write_bytes(before + content + before)
    with path.open("rb") as file:
        yield Lying(file.fileno(), len(before), len(content))


def inspect(folder: Path, content: bytes, before: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Media:
    with lying(folder, content, before) as found:
        return inspection.inspected(media_facts.looked_into(content[:4096], "image/jpeg"), found, unhurried)


def only_hash(media: Media) -> str:
    (found,) = media.hashes
    return found.hash


# -- perceptual hashes


def reference(grey: bytes) -> int:
    """Return the DCT hash as Zauner and imagehash define it, in floating point and without the allowance for noise."""
    side = 32
    low = [
        sum(
            grey[y * side + x]
            * math.cos(math.pi * v * (2 * y + 1) / (2 * side))
            * math.cos(math.pi * u * (2 * x + 1) / (2 * side))
            for y in range(side)
            for x in range(side)
        )
        for v in range(8)
        for u in range(8)
    ]
    ordered = sorted(low)
    return int("".join("1" if each > (ordered[31] + ordered[32]) / 2 else "0" for each in low), 2)


@pytest.mark.parametrize("seed", range(4))
def test_the_hash_is_the_one_that_the_field_knows(seed: int) -> None:
    grey = scene(seed).convert("L").resize((32, 32), Image.Resampling.LANCZOS).tobytes()
    # But for frequencies that are as good as the median, which the allowance for noise puts below it.
    assert (reference(grey) ^ int(perceptual_hash(grey), 16)).bit_count() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_picture_in_another_format_smaller_and_worse_is_near(tmp_path: Path, kind: str) -> None:
    options = {"quality": 30} if kind in {"JPEG", "WEBP", "AVIF"} else {}
    one = only_hash(inspect(tmp_path, octets(scene(1), quality=95)))
    other = only_hash(inspect(tmp_path, octets(scene(1, (200, 150)), kind, **options)))
    assert distance(one, other) <= 4


def test_other_pictures_are_far(tmp_path: Path) -> None:
    found = [only_hash(inspect(tmp_path, octets(scene(seed)))) for seed in range(12)]
    assert min(distance(one, other) for n, one in enumerate(found) for other in found[:n]) > 12


def test_a_symmetrical_drawing_is_near_itself_in_spite_of_the_noise_of_compression(tmp_path: Path) -> None:
    drawing = Image.radial_gradient("L").convert("RGB")
    one = only_hash(inspect(tmp_path, octets(drawing, "PNG")))
    assert distance(one, only_hash(inspect(tmp_path, octets(drawing.resize((128, 128)), quality=30)))) <= 8


def test_a_large_jpeg_that_is_decoded_small_is_near_the_same_picture(tmp_path: Path) -> None:
    large = inspect(tmp_path, octets(scene(3, (6000, 4500)), quality=80))
    assert large.dimensions == (6000, 4500)
    assert distance(only_hash(large), only_hash(inspect(tmp_path, octets(scene(3))))) <= 2


@pytest.mark.parametrize("turned", range(1, 9))
def test_a_picture_is_hashed_as_it_is_seen(tmp_path: Path, turned: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = scene(5).transpose(undo[turned]) if turned in undo else scene(5)
    exif = Image.Exif()
    exif[274] = turned
    seen = only_hash(inspect(tmp_path, octets(stored, exif=exif)))
    assert distance(seen, only_hash(inspect(tmp_path, octets(scene(5))))) <= 2


@pytest.mark.parametrize("image", [Image.new("RGB", (1, 1)), Image.new("RGB", (300, 200), "white")])
def test_a_picture_of_one_shade_has_no_hash_and_says_so(tmp_path: Path, image: Image.Image) -> None:
    seen = inspect(tmp_path, octets(image, "GIF"))
    assert not seen.hashes
    assert "one shade" in seen.notes[-1]


# -- what a picture says of itself


def noted_picture() -> bytes:
    exif = Image.Exif()
    exif[271], exif[272], exif[315] = "Lenna", "Lenna  One", "A. Orel"
    exif[306] = "2024:03:12 09:00:00"
    private = exif.get_ifd(0x8769)
    private[36867], private[36881] = "2024:03:12 07:41:12", "+01:00"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "S", (50.0, 27.0, 1.5), "E", (30.0, 31.0, 24.0)
    return octets(scene(1), exif=exif, xmp=b"<x:xmpmeta><dc:creator>Orel</dc:creator></x:xmpmeta>")


def test_what_a_picture_says_of_itself_is_kept_as_its_claim_with_its_source(tmp_path: Path) -> None:
    seen = inspect(tmp_path, noted_picture())
    told = {each.field: (each.value, each.raw, each.source) for each in seen.claims}
    assert told["taken"] == ("2024-03-12T07:41:12+01:00", "2024:03:12 07:41:12 +01:00", "exif:DateTimeOriginal")
    assert told["changed"] == ("2024-03-12", "2024:03:12 09:00:00", "exif:DateTime")
    assert told["camera"] == ("Lenna One", "Lenna  One", "exif:Model")
    assert told["creator"][0] == "A. Orel"
    assert told["position"] == (
        "-50.450417,30.523333", "50/1 27/1 3/2 S, 30/1 31/1 24/1 E", "exif:GPSLatitude,GPSLongitude",
    )  # fmt: skip
    assert seen.xmp == "<x:xmpmeta><dc:creator>Orel</dc:creator></x:xmpmeta>"
    assert seen.readers[0].startswith("Pillow/")


def test_a_long_xmp_packet_is_cut_and_its_length_told(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x>" + "a" * 200_000)
    for content in (octets(scene(1), "PNG", pnginfo=text), octets(scene(1), "WEBP", xmp=b"<x>" + b"a" * 200_000)):
        seen = inspect(tmp_path, content)
        assert (len(seen.xmp), seen.xmp_size) == (65_536, 200_003)


@given(st.lists(st.tuples(st.sampled_from([
    "GPSLatitude", "GPSLatitudeRef", "GPSLongitude", "GPSLongitudeRef", "DateTimeOriginal", "Make",
]), st.sampled_from(["1/0 1/1 1/1", "nan 1 1", "9e999999/1 1/1 1/1", "91/1 0/1 0/1", "S", "E", "", "2024:13:45 x"])
    | st.text(max_size=40))))  # fmt: skip
def test_no_notes_are_an_error(notes: list[tuple[str, str]]) -> None:
    for each in (*media_claims.of_exif(notes), *media_claims.of_container(notes)):
        assert each.source


# -- C2PA


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def with_c2pa(kind: str) -> tuple[bytes, bytes, str]:
    """Return a file without and with a manifest store, as C2PA 2.1 appendix A puts it there, and its type."""
    jumbf = box(b"jumb", box(b"jumd", b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0"))
    if kind == "JPEG":
        plain = octets(scene(1))
        body = b"JP\0\1\0\0\0\1" + jumbf
        return plain, plain[:2] + b"\xff\xeb" + struct.pack(">H", 2 + len(body)) + body + plain[2:], "image/jpeg"
    if kind == "PNG":
        plain = octets(scene(1), "PNG")
        chunk = struct.pack(">I", len(jumbf)) + b"caBX" + jumbf + struct.pack(">I", zlib.crc32(b"caBX" + jumbf))
        return plain, plain[:33] + chunk + plain[33:], "image/png"
    if kind == "WEBP":
        plain = octets(scene(1), "WEBP")
        chunk = b"C2PA" + struct.pack("<I", len(jumbf)) + jumbf + b"\0" * (len(jumbf) % 2)
        return plain, plain[:4] + struct.pack("<I", len(plain) + len(chunk) - 8) + plain[8:] + chunk, "image/webp"
    plain = box(b"ftyp", b"isom\0\0\2\0") + box(b"moov", b"x" * 99) + box(b"mdat", b"y" * 99)
    return plain, plain[:16] + box(b"uuid", C2PA_UUID + bytes(4) + b"manifest\0" + jumbf) + plain[16:], "video/mp4"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "MP4"])
def test_content_credentials_are_seen_where_they_are_and_only_there(tmp_path: Path, kind: str) -> None:
    plain, signed, media_type = with_c2pa(kind)
    with lying(tmp_path, plain, b"xyz") as found:
        assert c2pa.present(found, media_type) is False
    with lying(tmp_path, signed, b"xyz") as found:
        assert c2pa.present(found, media_type) is True
        assert c2pa.present(found, "image/gif") is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "MP4"])
def test_a_file_that_is_cut_is_never_said_to_have_none(tmp_path: Path, kind: str) -> None:
    plain, _, media_type = with_c2pa(kind)
    for length in range(12, min(len(plain), 3000), 7):
        with lying(tmp_path, plain) as found:
            said = c2pa.present(Lying(found.descriptor, 0, length, whole=False), media_type)
            assert said is None or kind == "JPEG"  # whose scan no segment follows


@given(st.binary(max_size=200), st.sampled_from(["image/jpeg", "image/png", "image/webp", "video/mp4"]))
def test_no_octets_make_the_search_for_credentials_fail_or_last(noise: bytes, media_type: str) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(noise)
        file.flush()
        assert c2pa.present(Lying(file.fileno(), 0, len(noise)), media_type) in {True, False, None}


# -- hostile pictures


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of so many pixels in a few octets for each million of them."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width * 4)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def claiming(width: int, height: int) -> bytes:
    small = bytearray(octets(scene(1), "PNG"))
    small[16:24] = struct.pack(">II", width, height)
    small[29:33] = struct.pack(">I", zlib.crc32(small[12:29]))
    return bytes(small)


ENDLESS_GIF: Final = octets(Image.new("P", (9, 9)), "GIF")[:-2] + b"\xff" + b"\xaa" * 400_000
HOSTILE: Final = {
    "a bomb beyond the limit": (lambda: bomb(6000, 6000), "million pixels"),
    "a size that nobody has memory for": (lambda: claiming(2**31 - 1, 2**31 - 1), "million pixels"),
    "a size that the octets do not fill": (lambda: claiming(5000, 5000), "OSError"),
    "a jpeg that is cut": (lambda: octets(scene(1))[:9000], "truncated"),
    "a png that is cut": (lambda: octets(scene(1), "PNG")[:900], ""),
    "no picture behind its name": (lambda: b"\xff\xd8\xff" + b"\0" * 5000, "UnidentifiedImageError"),
    "text that inflates": (lambda: claiming(2, 2)[:33] + text_bomb() + claiming(2, 2)[33:], ""),
}  # fmt: skip


def text_bomb() -> bytes:
    body = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(200 << 20), 9)
    return struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_costs_little_and_is_told_as_what_it_is(tmp_path: Path, name: str) -> None:
    made, why = HOSTILE[name]
    began = time.monotonic()
    seen = inspect(tmp_path, made())
    assert time.monotonic() - began < 30
    assert not seen.hashes
    assert why in seen.notes[-1]
    # The next picture is seen as ever.
    assert len(inspect(tmp_path, octets(scene(1))).hashes) == 1


def test_a_gif_without_an_end_is_read_as_far_as_its_first_frame(tmp_path: Path) -> None:
    frames = octets(scene(1), "GIF", save_all=True, append_images=[scene(n) for n in range(2, 40)], loop=0)
    seen = inspect(tmp_path, frames[:-1] * 3)
    assert distance(only_hash(seen), only_hash(inspect(tmp_path, octets(scene(1))))) <= 4
    assert media_facts.encode(inspect(tmp_path, ENDLESS_GIF))["notes"]


def test_memory_that_a_picture_wants_beyond_its_limit_is_refused_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_GROWTH", 24 << 20)
    monkeypatch.setattr(looking, "_CHILDREN", looking._Children())
    seen = inspect(tmp_path, bomb(5000, 5000))
    assert "memory" in seen.notes[-1]
    assert len(inspect(tmp_path, octets(scene(1))).hashes) == 1


def child_of(children: looking._Children) -> subprocess.Popen[bytes]:
    (child,) = children._idle
    return child._process


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> looking._Children:
    """Return children of this test's own, one of them started."""
    made = looking._Children()
    monkeypatch.setattr(looking, "_CHILDREN", made)
    assert inspect(tmp_path, octets(scene(1))).hashes
    return made


def test_one_child_looks_at_many_pictures(tmp_path: Path, children: looking._Children) -> None:
    first = child_of(children).pid
    for seed in range(5):
        inspect(tmp_path, octets(scene(seed)))
    assert child_of(children).pid == first


def test_a_child_that_was_killed_is_replaced(tmp_path: Path, children: looking._Children) -> None:
    gone = child_of(children)
    gone.kill()
    gone.wait()
    assert inspect(tmp_path, octets(scene(2))).hashes
    assert child_of(children).pid != gone.pid


def test_a_child_that_hangs_is_ended_when_its_time_is_over_and_replaced(
    tmp_path: Path, children: looking._Children
) -> None:
    hanging = child_of(children)
    os.kill(hanging.pid, signal.SIGSTOP)
    ends = time.monotonic() + 0.5
    content = octets(scene(2))
    with lying(tmp_path, content) as found:
        seen = looking.look(found, "image/jpeg", lambda: ends - time.monotonic())
    assert "time was over" in seen.fault
    assert hanging.poll() == -signal.SIGKILL
    assert inspect(tmp_path, content).hashes


def test_pictures_are_looked_at_by_many_threads_at_once(tmp_path: Path, children: looking._Children) -> None:
    content = [octets(scene(seed)) for seed in range(8)]
    found: list[tuple[int, str]] = []

    def look(seed: int) -> None:
        folder = tmp_path / str(seed)
        folder.mkdir()
        found.append((seed, only_hash(inspect(folder, content[seed]))))

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == [(seed, only_hash(inspect(tmp_path, content[seed]))) for seed in range(8)]
    assert len(children._idle) <= 2


def test_a_child_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(octets(scene(1), "PNG"))
    program = """
import os, sys
from muniment.extract import looking
from muniment.extract.lying import Lying
file = open(sys.argv[1], "rb")
assert looking.look(Lying(file.fileno(), 0, os.fstat(file.fileno()).st_size), "image/png", lambda: 60.0).grey
print(looking._CHILDREN._idle[0]._process.pid, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "p.png"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not Path(f"/proc/{child}").exists() or b"\0" not in Path(f"/proc/{child}/cmdline").read_bytes()


def test_without_pillow_the_facts_say_that_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking.importlib.util, "find_spec", lambda _: None)
    seen = inspect(tmp_path, octets(scene(1)))
    assert not seen.hashes
    assert seen.dimensions == (640, 480)
    assert "extra `media`" in seen.notes[-1]


# -- films


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    options = ("-c:a", "aac", "-metadata", "title=At the gate", "-metadata", "creation_time=2024-03-12T07:41:12Z")
    return clip(tmp_path_factory.mktemp("film"), "f.mp4", *[scene(n) for n in range(4)], options=options)


@FFMPEG
def test_a_film_is_known_by_duration_streams_and_key_frames(tmp_path: Path, film: bytes) -> None:
    seen = inspect(tmp_path, film)
    assert (seen.sniffed, seen.dimensions, seen.milliseconds) == ("video/mp4", (640, 480), 4000)
    assert [(each.kind, each.channels) for each in seen.streams] == [("video", None), ("audio", 1)]
    assert [each.at for each in seen.hashes] == [0, 1000, 2000, 3000]
    for number, each in enumerate(seen.hashes):
        assert distance(each.hash, only_hash(inspect(tmp_path, octets(scene(number))))) <= 4
    told = {each.field: each.value for each in seen.claims}
    assert (told["title"], told["created"]) == ("At the gate", "2024-03-12T07:41:12.000000Z")
    assert seen.readers[0].startswith("ffprobe/")
    assert seen.notes == ()


@FFMPEG
def test_of_many_key_frames_sixteen_are_taken_all_along_the_film(tmp_path: Path) -> None:
    content = clip(tmp_path, "f.mp4", *[scene(n) for n in range(40)], options=("-c:a", "aac"))
    times = [each.at or 0 for each in inspect(tmp_path, content).hashes]
    assert len(times) <= 16
    assert times[-1] > 30_000


@FFMPEG
@pytest.mark.parametrize("name", ["f.webm", "f.mkv", "f.avi", "f.mov", "f.flv"])
def test_each_container_is_read(tmp_path: Path, name: str) -> None:
    seen = inspect(tmp_path, clip(tmp_path, name, scene(1), scene(2)))
    assert seen.notes == ()
    assert len(seen.hashes) == 2
    assert seen.milliseconds in range(1000, 2200)


@FFMPEG
@pytest.mark.parametrize("name", ["f.mp3", "f.m4a", "f.ogg", "f.wav", "f.flac"])
def test_each_sound_is_read(tmp_path: Path, name: str) -> None:
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=440:duration=2", name]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    seen = inspect(tmp_path, (tmp_path / name).read_bytes())
    assert seen.notes == ()
    assert [each.kind for each in seen.streams] == ["audio"]
    assert seen.milliseconds in range(1900, 2200)


@FFMPEG
def test_the_cover_of_a_sound_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "cover.jpg").write_bytes(octets(scene(1)))
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=440:duration=2", "-i", "cover.jpg"]
    command += ["-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic", "f.mp3"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    seen = inspect(tmp_path, (tmp_path / "f.mp3").read_bytes())
    assert {each.kind for each in seen.streams} == {"audio", "cover"}
    assert (seen.hashes, seen.dimensions, seen.notes) == ((), None, ())


@FFMPEG
def test_tags_of_the_same_name_are_no_reason_to_know_nothing(tmp_path: Path) -> None:
    sound = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=440:duration=1", "-metadata", "artist=A"]
    subprocess.run([*sound, "-metadata", 'zrtist="B\n\x7f', "f.mkv"], cwd=tmp_path, check=True, timeout=60)
    seen = inspect(tmp_path, (tmp_path / "f.mkv").read_bytes().replace(b"ZRTIST", b"ARTIST"))
    assert seen.milliseconds in range(900, 1200)
    assert [each.field for each in seen.claims if each.raw in {"A", '"B\n\x7f'}]


def test_a_segment_of_a_film_is_not_looked_into_and_says_so(tmp_path: Path) -> None:
    assert "segment" in inspect(tmp_path, box(b"styp", b"msdh\0\0\0\0") + box(b"moof", b"x" * 99)).notes[-1]


def test_without_ffprobe_the_facts_say_that_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    seen = inspect(tmp_path, box(b"ftyp", b"isom\0\0\2\0") + box(b"mdat", b"x" * 99))
    assert "ffprobe is not installed" in seen.notes[-1]


# -- hostile films


class Canary:
    """A listener on loopback that nobody may ever reach."""

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def sang(self, wait: float = 0.0) -> bool:
        self._socket.settimeout(wait)
        try:
            self._socket.accept()[0].close()
        except OSError:
            return False
        return True


def lists(port: int, secret: Path) -> dict[str, bytes]:
    """Return lists of files that ffmpeg would follow, if it were let, to the canary and to a *secret* film."""
    there = f"http://127.0.0.1:{port}/x.ts"
    return {
        "m3u8-http": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{there}\n#EXT-X-ENDLIST\n".encode(),
        "m3u8-file": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode(),
        "concat-http": f"ffconcat version 1.0\nfile '{there}'\n".encode(),
        "concat-file": f"ffconcat version 1.0\nfile '{secret}'\n".encode(),
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
        "dash": b'<?xml version="1.0"?><MPD type="static"><Period><AdaptationSet mimeType="video/mp4">'
        + f"<Representation id='1'><BaseURL>{there}</BaseURL></Representation></AdaptationSet></Period></MPD>".encode(),
    }  # fmt: skip


@FFMPEG
@pytest.mark.parametrize("name", ["m3u8-http", "m3u8-file", "concat-http", "concat-file", "sdp", "dash"])
def test_a_list_of_files_is_never_followed_whatever_it_is_taken_for(tmp_path: Path, film: bytes, name: str) -> None:
    (tmp_path / "secret.mp4").write_bytes(film)
    with Canary() as canary:
        content = lists(canary.port, tmp_path / "secret.mp4")[name]
        seen = inspect(tmp_path, content)
        assert (seen.streams, seen.hashes) == ((), ())
        for media_type in probing.FORMATS:  # were the sniffing ever wrong
            with lying(tmp_path, content) as found:
                streams = probing.probe(found, media_type, unhurried).streams
                assert not {"h264", "aac"} & {each.codec for each in streams}  # a demuxer of sounds takes anything
                assert probing.key_frames(found, media_type, 1000, unhurried)[0] == ()
        assert not canary.sang()


@FFMPEG
def test_the_canary_sings_where_ffprobe_is_not_held_back(tmp_path: Path) -> None:
    with Canary() as canary:
        (tmp_path / "x.m3u8").write_bytes(lists(canary.port, tmp_path)["m3u8-http"])
        command = ["ffprobe", "-v", "quiet", "-protocol_whitelist", "file,http,tcp", tmp_path / "x.m3u8"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as free:
            assert canary.sang(20)
            free.kill()


def referring(film: bytes, path: bytes) -> bytes:
    """Return the mp4 *film* without its frames, which it says are in the file *path* (QuickTime's alias)."""
    # QuickTime File Format, "Data reference atoms": type 2 of an alias is a path from the root.
    alias = bytes(10) + b"\0" * 28 + bytes(12) + b"\x01x" + bytes(62) + bytes(16) + struct.pack(">HH", 0, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(path) + len(path) % 2) + path + b"\0" * (len(path) % 2) + b"\xff\xff\0\0"
    references = box(b"dref", bytes(4) + struct.pack(">I", 1) + box(b"alis", bytes(4) + alias))

    def rebuilt(octets: bytes) -> bytes:
        found = b""
        while octets:
            size, kind = struct.unpack(">I4s", octets[:8])
            body = octets[8:size]
            inner = rebuilt(body) if kind in {b"moov", b"trak", b"mdia", b"minf", b"dinf"} else body
            inner = bytes(len(inner)) if kind == b"mdat" else inner
            found += references if kind == b"dref" else box(kind, inner)
            octets = octets[size:]
        return found

    return rebuilt(film)


@FFMPEG
def test_an_mp4_whose_frames_lie_elsewhere_opens_nothing(tmp_path: Path, film: bytes) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(film)
    with Canary() as canary:
        for target in (f"http://127.0.0.1:{canary.port}/x", str(secret)):
            seen = inspect(tmp_path, referring(film, target.encode()))
            assert (seen.sniffed, seen.hashes) == ("video/mp4", ())
        assert not canary.sang()
    # The reference is one that ffprobe follows where it is let.
    (tmp_path / "refers.mp4").write_bytes(referring(film, str(secret).encode()))
    command = ["ffprobe", "-v", "error", "-enable_drefs", "1", "-use_absolute_path", "1", "-count_frames"]
    command += ["-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", "refers.mp4"]
    free = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert int(free.stdout) > 0


@FFMPEG
def test_a_film_that_is_cut_or_damaged_is_no_error(tmp_path: Path, film: bytes) -> None:
    for content in (film[: len(film) // 2], film[:60], film[:40] + bytes(5000), film.replace(b"avc1", b"zzzz")):
        assert media_facts.encode(inspect(tmp_path, content))["sniffed"] == "video/mp4"


# -- the limits themselves


def alone(program: str, folder: Path, **limits: Any) -> Ran:
    bounds = Bounds(**{"seconds": 10, "answer": 1000, "alone": True, **limits})
    return run([sys.executable, "-I", "-S", "-c", program], folder, bounds)


def test_a_program_that_is_alone_reaches_nobody(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only where namespaces are allowed")
    with Canary() as canary:
        program = f"import socket; socket.create_connection(('127.0.0.1', {canary.port}), 5)"
        assert alone(program, tmp_path).status == 1
        assert not canary.sang()
        assert run([sys.executable, "-c", program], tmp_path, Bounds()).status == 0
        assert canary.sang(5)


def test_a_program_that_is_alone_ends_with_who_wanted_it() -> None:
    program = """
import sys
from pathlib import Path
from muniment.confined import Bounds, run
run([sys.executable, "-c", "import time; time.sleep(60)"], Path("/"), Bounds(alone=True))
"""
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        until = time.monotonic() + 20
        while not (found := children.read_text().split()) and time.monotonic() < until:
            time.sleep(0.01)
        child = Path(f"/proc/{found[0]}")
        while b"sleep" not in (child / "cmdline").read_bytes() and time.monotonic() < until:
            time.sleep(0.01)
        while b"confined" in (child / "cmdline").read_bytes() and time.monotonic() < until:
            time.sleep(0.01)
        parent.kill()
    while child.exists() and (child / "cmdline").read_bytes() and time.monotonic() < until:
        time.sleep(0.01)
    assert not child.exists() or not (child / "cmdline").read_bytes()


def test_patience_is_used_up_and_comes_back_slowly() -> None:
    now = [0.0]
    patience = inspection.Patience(60, 10, lambda: now[0])
    patience.use(70)
    assert patience.remaining() == -10
    now[0] = 200
    assert patience.remaining() == 10
    now[0] = 99_999
    assert patience.remaining() == 60


def test_what_there_is_no_time_for_is_not_looked_into_and_says_so(tmp_path: Path) -> None:
    content = octets(scene(1))
    with lying(tmp_path, content) as found:
        seen = inspection.inspected(media_facts.looked_into(content, "image/jpeg"), found, lambda: 0.0)
    assert not seen.hashes
    assert "time" in seen.notes[-1]
