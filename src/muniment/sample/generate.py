"""Make the pictures, fonts, film, sound and paper of the sample article: ``python -m muniment.sample.generate DIR``.

For the project's developers: needs the extra ``sample`` and ffmpeg with libx264. What is written by hand (HTML, CSS,
SVG, ...) lies in DIR already and is only listed. ``GENERATED.json`` names the digest of every asset, what made it, and
the versions of those tools: with the same versions the same bytes come out. Nothing is read but this package and DIR.
"""

import hashlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import brotlicffi
import fontTools
import PIL
from PIL import Image

from muniment import durable
from muniment.errors import JobError
from muniment.sample import drawing, emblems
from muniment.sample.bulletin import bulletin
from muniment.sample.lettering import typeface

__all__ = ["EVERYWHERE", "EXACT", "LISTING", "X264", "digests", "ffmpeg", "generate", "jpeg", "made", "png", "tools"]

LISTING: Final = "GENERATED.json"
EVERYWHERE: Final = "muniment"  # what is made by this package alone is the same on every machine
_UNLISTED: Final = {LISTING, "README.md"}

_Encoding = Callable[[Image.Image], bytes]
_Painting = Callable[[tuple[int, int]], Image.Image]

_COURIER: Final = "courier.example"
_POST: Final = "post.social.example"
_OUTLETS: Final = "outlets.example"

_FILM: Final = (640, 360)
_GATE_VIEW: Final = (1400, 420)
_YARD_VIEW: Final = (720, 420)
X264: Final = ("-c:v", "libx264", "-preset", "medium", "-profile:v", "main", "-pix_fmt", "yuv420p")
EXACT: Final = ("-threads", "1", "-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1")
_AAC: Final = ("-c:a", "aac", "-ac", "1", "-ar", "44100")


def tools() -> dict[str, str]:
    """Return the versions of the tools on which the bytes of the assets depend.

    Raises JobError when ffmpeg is not there.
    """
    try:
        told = subprocess.run(["ffmpeg", "-version"], capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as failure:
        raise JobError(f"ffmpeg could not be run ({failure}); install it, the films of the sample need it") from failure
    return {
        "pillow": PIL.__version__,
        "fonttools": f"{fontTools.version}, brotlicffi {brotlicffi.__version__}",
        "ffmpeg": f"{told.split()[2]}, pillow {PIL.__version__}",
    }


def _saved(picture: Image.Image, kind: str, **settings: Any) -> bytes:
    made = io.BytesIO()
    picture.save(made, kind, **settings)
    return made.getvalue()


def jpeg(picture: Image.Image) -> bytes:
    """Return *picture* as JPEG."""
    return _saved(picture, "JPEG", quality=74, optimize=True, progressive=True)


def _webp(picture: Image.Image) -> bytes:
    return _saved(picture, "WEBP", quality=84, method=6)


def png(picture: Image.Image) -> bytes:
    """Return *picture* as PNG."""
    return _saved(picture, "PNG", optimize=True)


def ffmpeg(arguments: tuple[str, ...], name: str, picture: bytes = b"") -> dict[str, bytes]:
    """Return every file that ffmpeg writes, by its path; it is fed with *picture*, and its output is called *name*."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["ffmpeg", "-hide_banner", "-loglevel", "error", *arguments, *EXACT, name]
        ran = subprocess.run(command, input=picture, capture_output=True, check=False, cwd=folder)
        if ran.returncode:
            raise JobError(f"ffmpeg could not make {name}: {ran.stderr.decode(errors='replace').strip()}")
        files = (path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _ffmpeg(arguments: tuple[str, ...], suffix: str, picture: bytes = b"") -> bytes:
    [only] = ffmpeg(arguments, f"made{suffix}", picture).values()
    return only


def _film(still: Image.Image, view: str, sound: str, seconds: int) -> bytes:
    """Return *seconds* of a hand-held camera's *view* over *still* (a filter of ffmpeg), with *sound* from lavfi."""
    still_repeated = (
        f"loop=loop=-1:size=1:start=0,setpts=N/(25*TB),{view},noise=alls=9:allf=t:all_seed=7,format=yuv420p"
    )
    return _ffmpeg(
        (
            *("-f", "image2pipe", "-c:v", "png", "-framerate", "25", "-i", "pipe:0"),
            *("-f", "lavfi", "-i", sound, "-vf", still_repeated, "-t", str(seconds), "-r", "25"),
            *X264, "-crf", "25", *_AAC, "-b:a", "48k", "-movflags", "+faststart",
        ),
        ".mp4",
        png(still),
    )  # fmt: skip


def _north_gate() -> bytes:
    across = "(iw-640)*(0.5-0.5*cos(PI*min(t/6.5\\,1)))+6*sin(t*3.1)*sin(t*1.7)"
    view = f"crop={_FILM[0]}:{_FILM[1]}:x='max(0\\,min(iw-640\\,{across}))':y='30+7*sin(t*2.3)+4*sin(t*5.9)'"
    wind = "anoisesrc=color=brown:amplitude=0.12:seed=4417:sample_rate=44100"
    return _film(drawing.north_gate(_GATE_VIEW), view, wind, 8)


def _yard() -> bytes:
    shake = "if(lt(t\\,3)\\,1\\,1+7*exp(-(t-3)))"
    view = (
        f"crop={_FILM[0]}:{_FILM[1]}:x='40+4*{shake}*sin(t*13)':y='30+3*{shake}*sin(t*17)',"
        "fade=t=out:st=3.1:d=4.5:color=0xb9ae9c"
    )
    noise = "anoisesrc=color=brown:amplitude=0.2:seed=4423:sample_rate=44100"
    return _film(drawing.grain_yard(_YARD_VIEW), view, noise, 8)


def _bell() -> bytes:
    """Return eleven strokes of a bell: five partials, each with a decay of its own."""
    partials = ((0.22, 196.0, 0.9), (0.20, 392.0, 1.3), (0.12, 466.2, 1.8), (0.10, 587.3, 2.2), (0.08, 784.0, 3.0))
    tones = "+".join(f"{loud}*exp(-{decay}*mod(t,1.6))*sin(2*PI*{tone}*mod(t,1.6))" for loud, tone, decay in partials)
    return _ffmpeg(("-f", "lavfi", "-i", f"aevalsrc='{tones}':s=44100:d=17.6", *_AAC, "-b:a", "64k"), ".m4a")


def _icon(picture: Image.Image) -> bytes:
    return _saved(picture, "ICO", sizes=[picture.size])


def _gate_poster(view: Image.Image) -> bytes:
    return jpeg(view.crop((700, 30, 700 + _FILM[0], 30 + _FILM[1])))


def _yard_poster(view: Image.Image) -> bytes:
    return jpeg(view.crop((40, 30, 40 + _FILM[0], 30 + _FILM[1])))


# path, how it is encoded, what is painted, how large
_PICTURES: Final[tuple[tuple[str, _Encoding, _Painting, tuple[int, int]], ...]] = (
    (f"{_COURIER}/img/market-hall-480.jpg", jpeg, drawing.market_hall, (480, 270)),
    (f"{_COURIER}/img/market-hall-800.jpg", jpeg, drawing.market_hall, (800, 450)),
    (f"{_COURIER}/img/market-hall-1200.jpg", jpeg, drawing.market_hall, (1200, 675)),
    (f"{_COURIER}/img/market-hall-800.webp", _webp, drawing.market_hall, (800, 450)),
    (f"{_COURIER}/img/market-hall-1200.webp", _webp, drawing.market_hall, (1200, 675)),
    (f"{_COURIER}/img/bridge-480.jpg", jpeg, drawing.bridge, (480, 270)),
    (f"{_COURIER}/img/bridge-960.jpg", jpeg, drawing.bridge, (960, 540)),
    (f"{_COURIER}/img/lenna at dusk.jpg", jpeg, drawing.dusk, (640, 427)),
    (f"{_COURIER}/img/vigil.jpg", jpeg, drawing.vigil, (1120, 490)),
    (f"{_COURIER}/img/share-1200.jpg", jpeg, drawing.market_hall, (1200, 630)),
    (f"{_COURIER}/img/share-square.jpg", jpeg, drawing.market_hall, (600, 600)),
    (f"{_COURIER}/img/byline-orel.webp", _webp, emblems.portrait, (112, 112)),
    (f"{_COURIER}/img/paper.png", png, emblems.grey_paper, (128, 128)),
    (f"{_COURIER}/img/touch-icon.png", png, emblems.touch_icon, (180, 180)),
    (f"{_COURIER}/favicon.ico", _icon, emblems.touch_icon, (32, 32)),
    (f"{_POST}/avatars/mira.png", png, emblems.threshold, (80, 80)),
    (f"{_POST}/avatars/grainhouse.png", png, emblems.sheaf, (80, 80)),
    (f"{_POST}/media/4417-poster.jpg", _gate_poster, drawing.north_gate, _GATE_VIEW),
    (f"{_POST}/media/4423-poster.jpg", _yard_poster, drawing.grain_yard, _YARD_VIEW),
    (f"{_OUTLETS}/radio-sael/mast.jpg", jpeg, drawing.mast, (720, 405)),
    (f"{_OUTLETS}/evening-ledger/front.jpg", jpeg, drawing.front_page, (420, 560)),
)


def _picture(encoding: _Encoding, painting: _Painting, size: tuple[int, int]) -> bytes:
    return encoding(painting(size))


def made() -> dict[str, tuple[str, Callable[[], bytes]]]:
    """Return for every asset that is generated the tool that its bytes depend on, and what makes it."""
    return {
        **{
            path: ("pillow", partial(_picture, encoding, painting, size))
            for path, encoding, painting, size in _PICTURES
        },
        f"{_COURIER}/fonts/lenna-display.woff2": ("fonttools", partial(typeface, "woff2")),
        f"{_COURIER}/fonts/lenna-display.woff": ("fonttools", partial(typeface, "woff")),
        f"{_COURIER}/documents/orvesk-bulletin-14.pdf": (EVERYWHERE, bulletin),
        f"{_POST}/media/4417-north-gate.mp4": ("ffmpeg", _north_gate),
        f"{_POST}/media/4423-yard.mp4": ("ffmpeg", _yard),
        "static.courier.example/audio/chapel-bell.m4a": ("ffmpeg", _bell),
    }


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256, in hexadecimal, of every asset below *folder* by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in _UNLISTED
    }


def generate(folder: Path, recipes: dict[str, tuple[str, Callable[[], bytes]]]) -> None:
    """Make what *recipes* make below *folder*, and list all that lies there."""
    for path, (_tool, make) in recipes.items():
        target = folder / path
        durable.folder(target.parent)
        durable.replace(target, make())
    files = {
        path: {"sha256": digest, "by": recipes[path][0] if path in recipes else "hand"}
        for path, digest in digests(folder).items()
    }
    listing = json.dumps({"tools": tools(), "files": files}, indent=1, sort_keys=True) + "\n"
    durable.replace(folder / LISTING, listing.encode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m muniment.sample.generate DIR   (DIR: src/muniment/sample/assets)")
    try:
        generate(Path(sys.argv[1]), made())
    except JobError as failure:
        sys.exit(str(failure))
