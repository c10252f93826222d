"""Films that tests make, seconds long: in one piece, in pieces, with sound apart, encrypted."""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from browsing import Reply

_PICTURES = ("-f", "lavfi", "-i", "testsrc=size=320x180:rate=10:duration=4")
_SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:duration=4")
_CODED = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "10", "-c:a", "aac", "-threads", "1")
_PIECES = ("-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", "-master_pl_name", "master.m3u8")
FORMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "whole": (*_PICTURES, *_SOUND, *_CODED, "-movflags", "+faststart", "film.mp4"),
        # Sound apart, everything encrypted with AES-128 (RFC 8216 4.3.2.4, 4.3.4.1).
        "apart": (
            *_PICTURES,
            *_SOUND,
            *("-map", "0:v", "-map", "1:a", *_CODED, *_PIECES),
            *("-hls_key_info_file", "key-info", "-var_stream_map", "a:0,agroup:sound v:0,agroup:sound", "form%v.m3u8"),
        ),
        # Two heights; segments of fragmented mp4 with an initialisation segment each (RFC 8216 3.3).
        "heights": (
            *_PICTURES,
            *(
                "-map",
                "0:v",
                "-map",
                "0:v",
                *_CODED,
                "-filter:v:0",
                "scale=160:90",
                "-b:v:0",
                "80k",
                "-b:v:1",
                "200k",
                *_PIECES,
            ),
            *("-hls_segment_type", "fmp4", "-var_stream_map", "v:0 v:1", "form%v.m3u8"),
        ),
    }
)


_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
}


def made(form: str) -> Mapping[str, bytes]:
    """Return the files of a film of *form* by their names; the test is skipped where there is no ffmpeg."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg here; `make test` installs it where it may")
    return _made(form)


@functools.cache
def _made(form: str) -> Mapping[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "enc.key").write_bytes(bytes(range(16)))
        Path(folder, "key-info").write_text("enc.key\nenc.key\n", encoding="ascii")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *FORMS[form]], cwd=folder, check=True, timeout=60)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != "key-info"}


def streams(film: bytes) -> dict[str, float]:
    """Return the codecs of *film* with how many seconds each lasts, as ffprobe finds them."""
    ask = ("-show_entries", "stream=codec_name,duration", "-of", "csv=p=0")
    with tempfile.NamedTemporaryFile() as file:
        file.write(film)
        file.flush()
        told = subprocess.run(["ffprobe", "-v", "error", *ask, file.name], capture_output=True, check=True, text=True)
    return {name: round(float(length), 1) for name, length in (line.split(",")[:2] for line in told.stdout.split())}


def replies(files: Mapping[str, bytes], folder: str = "/film/") -> dict[str, Reply]:
    """Return the answers of a server that has *files* in *folder*."""
    kinds = {name: _TYPES.get(Path(name).suffix, "application/octet-stream") for name in files}
    return {folder + name: Reply(content, {"Content-Type": kinds[name]}) for name, content in files.items()}
