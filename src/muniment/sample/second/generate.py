"""Make the pictures and films of the second edition: ``python -m muniment.sample.second.generate DIR``.

For the project's developers, like :mod:`muniment.sample.generate`, which says what is needed and what is written down.
"""

import functools
import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from muniment.errors import JobError
from muniment.sample import drawing
from muniment.sample.generate import X264, ffmpeg, generate, jpeg, png
from muniment.sample.second.drawing import hall_mended, weigh_book

__all__ = ["made"]

_PICTURES: Final = "pictures.courier.example/img"
_SCANS: Final = "media.courier.example/scans"
_FILM: Final = "media.courier.example/film"
_HLS: Final = "post.social.example/video/4417"
_DASH: Final = "clips.tern.example/v/4423"

_SECONDS: Final = 8
_PART: Final = 2
_RATE: Final = 25
_TURN: Final = 6

_STREAMED: Final = (*X264, "-crf", "23", "-g", str(_PART * _RATE), "-sc_threshold", "0", "-an")
_TWICE: Final = ("-map", "0:v", "-map", "0:v", "-s:v:1", "320x180")
_HLS_FILES: Final = tuple(
    f"{name}/{file}"
    for number, name in enumerate(("360", "180"))
    for file in ("index.m3u8", f"init_{number}.mp4", *(f"seg-{at}.m4s" for at in range(_SECONDS // _PART)))
)
_DASH_FILES: Final = (
    "manifest.mpd",
    *(f"init-{number}.mp4" for number in range(2)),
    *(f"part-{number}-{at}.m4s" for number in range(2) for at in range(1, _SECONDS // _PART + 1)),
)


def _shown(view: str, seconds: int) -> tuple[str, ...]:
    """Return the arguments that make ffmpeg show a still picture through *view*, a filter, for so many *seconds*."""
    repeated = f"loop=loop=-1:size=1:start=0,setpts=N/({_RATE}*TB),{view},noise=alls=5:allf=t:all_seed=7,format=yuv420p"
    still = ("-f", "image2pipe", "-c:v", "png", "-framerate", str(_RATE), "-i", "pipe:0")
    return (*still, "-vf", repeated, "-t", str(seconds), "-r", str(_RATE))


@functools.cache
def _hls() -> dict[str, bytes]:
    across = "(iw-640)*(0.5-0.5*cos(PI*min(t/6.5\\,1)))+6*sin(t*3.1)*sin(t*1.7)"
    view = f"crop=640:360:x='max(0\\,min(iw-640\\,{across}))':y='30+7*sin(t*2.3)+4*sin(t*5.9)'"
    form = (
        *("-f", "hls", "-hls_time", str(_PART), "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"),
        *("-hls_fmp4_init_filename", "init.mp4", "-hls_flags", "+independent_segments"),
        *("-hls_segment_filename", "%v/seg-%d.m4s", "-var_stream_map", "v:0,name:360 v:1,name:180"),
    )
    still = png(drawing.north_gate((1400, 420)))
    return ffmpeg((*_shown(view, _SECONDS), *_TWICE, *_STREAMED, *form), "%v/index.m3u8", still)


@functools.cache
def _dash() -> dict[str, bytes]:
    shake = "if(lt(t\\,3)\\,1\\,1+7*exp(-(t-3)))"
    view = f"crop=640:360:x='40+4*{shake}*sin(t*13)':y='30+3*{shake}*sin(t*17)',fade=t=out:st=3.1:d=4.5:color=0xb9ae9c"
    form = (
        *("-f", "dash", "-seg_duration", str(_PART), "-use_template", "1", "-use_timeline", "0"),
        *("-init_seg_name", "init-$RepresentationID$.mp4"),
        *("-media_seg_name", "part-$RepresentationID$-$Number$.m4s"),
    )
    still = png(drawing.grain_yard((720, 420)))
    return ffmpeg((*_shown(view, _SECONDS), *_TWICE, *_STREAMED, *form), "manifest.mpd", still)


def _vigil() -> bytes:
    """Return six seconds that end as they begin, as :mod:`muniment.sample.second.film` needs them."""
    view = (
        f"crop=960:408:x='240+190*sin(2*PI*t/{_TURN})':y='116+70*sin(4*PI*t/{_TURN})',"
        f"eq=brightness='0.018*sin(14*PI*t/{_TURN})+0.012*sin(22*PI*t/{_TURN})':eval=frame"
    )
    coded = (*X264, "-crf", "25", "-bf", "0", "-g", "75", "-sc_threshold", "0", "-an", "-movflags", "+faststart")
    [film] = ffmpeg((*_shown(view, _TURN), *coded), "vigil.mp4", png(drawing.vigil((1440, 640)))).values()
    return film


def _picture(painting: Callable[[tuple[int, int]], Image.Image], size: tuple[int, int]) -> bytes:
    return jpeg(painting(size))


def _scan() -> bytes:
    """Return a picture whose lines come one after the other, so that the half of it is its upper half."""
    scanned = io.BytesIO()
    weigh_book((960, 640)).save(scanned, "JPEG", quality=74, optimize=True)
    return scanned.getvalue()


def _of(files: Callable[[], dict[str, bytes]], name: str) -> bytes:
    return files()[name]


def made() -> dict[str, tuple[str, Callable[[], bytes]]]:
    """Return for every asset that is generated the tool that its bytes depend on, and what makes it."""
    return {
        **{
            f"{_PICTURES}/hall-mended-{width}.jpg": ("pillow", partial(_picture, hall_mended, (width, width * 5 // 8)))
            for width in (640, 960, 1440)
        },
        f"{_SCANS}/weigh-book.jpg": ("pillow", _scan),
        f"{_FILM}/vigil-loop.mp4": ("ffmpeg", _vigil),
        **{f"{_HLS}/{name}": ("ffmpeg", partial(_of, _hls, name)) for name in _HLS_FILES},
        **{f"{_DASH}/{name}": ("ffmpeg", partial(_of, _dash, name)) for name in _DASH_FILES},
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m muniment.sample.second.generate DIR   (DIR: src/muniment/sample/second/assets)")
    try:
        generate(Path(sys.argv[1]), made())
    except JobError as failure:
        sys.exit(str(failure))
