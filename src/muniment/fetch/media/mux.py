"""ffmpeg as a child process that puts the parts of a film into one file, without changing a picture or a sound.

The parts are what strangers made. So only formats that hold their own content are read, whatever a part claims to be:
none that names other files, such as playlists; and no protocol but that of local files.
"""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from muniment.confined import Bounds, Ran, run
from muniment.errors import FetchError
from muniment.model import Reason

__all__ = ["Muxed", "ffmpeg", "mux"]

_FORMATS: Final = "mov,mpegts,matroska,webm,mp3,aac,ogg,flac,wav,flv,avi"
_CONTAINERS: Final = (("mp4", "video/mp4"), ("matroska", "video/x-matroska"))
_MEMORY: Final = 1 << 30
_MARGIN: Final = 64 << 20
"""Octets by which a film may be longer than its parts together."""


@dataclass(frozen=True, slots=True)
class Muxed:
    """A film as one file: its media type, the tool, and its arguments without places of this machine."""

    path: Path
    media_type: str
    tool: str
    arguments: tuple[str, ...]


@cache
def ffmpeg() -> tuple[str, str]:
    """Return the path of ffmpeg and its name with its version; two empty texts where there is none."""
    path = shutil.which("ffmpeg") or ""
    if not path:
        return "", ""
    try:
        told = subprocess.run([path, "-version"], capture_output=True, timeout=30, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return "", ""
    return path, " ".join(told.stdout.decode("utf-8", "replace").split()[:3])


def mux(parts: Sequence[Path], folder: Path, seconds: float, stopped: Callable[[], bool]) -> Muxed:
    """Return the film of *parts* as a new file in *folder*; FetchError where ffmpeg cannot make one of them.

    It takes *seconds* at most. Streams are copied as they are, into mp4 where that can hold them, else into Matroska.
    """
    program, tool = ffmpeg()
    if not program:
        raise FetchError(Reason.ENGINE_CRASH, "ffmpeg is not installed; `muniment doctor` names the line")
    size = sum(each.stat().st_size for each in parts)
    bounds = Bounds(_MEMORY, size + _MARGIN, seconds=seconds)
    for container, media_type in _CONTAINERS:
        made = folder / f"film.{container}"
        arguments = tuple(_arguments(len(parts), container))
        places = {f"{{{number}}}": f"file:{each}" for number, each in enumerate(parts)} | {"{film}": f"file:{made}"}
        ran = run([program, *(places.get(each, each) for each in arguments)], folder, bounds, stopped=stopped)
        if not ran.status and not ran.ended:
            return Muxed(made, media_type, tool, arguments)
        if ran.ended:
            break
    raise FetchError(Reason.ENGINE_CRASH, f"{tool} could not make a film of its parts: {_why(ran, folder)}")


def _arguments(parts: int, container: str) -> list[str]:
    said = ["-nostdin", "-hide_banner", "-loglevel", "error", "-n"]
    for number in range(parts):
        said += ["-protocol_whitelist", "file", "-format_whitelist", _FORMATS, "-i", f"{{{number}}}"]
    # Pictures first: players take the first stream of either kind.
    for kind in ("v", "a"):
        for number in range(parts):
            said += ["-map", f"{number}:{kind}?"]
    # Without marks of the tool and the time: the same parts give the same film.
    return [*said, "-c", "copy", "-fflags", "+bitexact", "-f", container, "{film}"]


def _why(ran: Ran, folder: Path) -> str:
    if ran.ended:
        return {"time": "the time was over", "stopped": "the capture was interrupted"}.get(ran.ended, ran.ended)
    said = ran.complained.replace(str(folder), "…").strip().splitlines()
    return "; ".join(said[-3:])[:600] or f"it ended with status {ran.status}"
