"""What ffprobe and ffmpeg find in a video or a sound: duration, streams, what it says of itself, its key frames.

Both are ordinary programs, used where they are installed. They are told which format to read, so that no playlist or
list of files is ever taken for a video, may open local files only, and run within limits (``confined``).
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from muniment import canonical
from muniment.confined import Bounds, Ran, run
from muniment.extract.charset import printable
from muniment.extract.lying import Lying
from muniment.extract.phash import SIDE

__all__ = ["FORMATS", "Frame", "Probed", "Stream", "key_frames", "probe"]

FORMATS: Final = {
    "video/mp4": "mov", "audio/mp4": "mov", "video/quicktime": "mov", "video/3gpp": "mov", "video/webm": "matroska",
    "video/x-matroska": "matroska", "video/avi": "avi", "video/x-flv": "flv", "application/ogg": "ogg",
    "audio/mpeg": "mp3", "audio/wave": "wav", "audio/aiff": "aiff", "audio/flac": "flac",
}  # fmt: skip
"""The sniffed types that are probed, with the one demuxer of ffmpeg that may read them."""
FRAMES: Final = 16
_SECONDS: Final = 15.0
_MEMORY: Final = 1 << 30
_MAX_COMPLAINT: Final = 200
_MAX_ANSWER: Final = 1 << 20
_MAX_TEXT: Final = 2048
_MAX_TAGS: Final = 64
_MAX_STREAMS: Final = 32
_KINDS: Final = frozenset({"video", "audio", "subtitle", "cover"})
_ENTRIES: Final = (
    "program_version=version:format=duration:format_tags:stream_tags=language:stream_disposition=attached_pic:"
    "stream=codec_type,codec_name,profile,width,height,avg_frame_rate,sample_rate,channels"
)
# ffmpeg's name of what names a file, or what every file of a format says.
_DULL: Final = frozenset({"major_brand", "minor_version", "compatible_brands", "handler_name", "vendor_id", "duration"})
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_WHOLE: Final = re.compile(r"[0-9]{1,12}")
_RATE: Final = re.compile(r"[0-9]{1,9}/[1-9][0-9]{0,8}")
_SHOWN: Final = re.compile(
    r"^\[Parsed_showinfo_[0-9]+ @ [^\]\n]*\] n: *[0-9]+ [^\n]*? pts_time:([0-9.]+) ", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: its ``kind`` (video, audio, subtitle, or the cover of a sound), codec, and what else is known of it.

    What is not known is None or empty.
    """

    kind: str
    codec: str
    profile: str = ""
    width: int | None = None
    height: int | None = None
    frame_rate: str = ""
    sample_rate: int | None = None
    channels: int | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class Probed:
    """What ffprobe found; ``tags`` are what the file says of itself, by name, ``reader`` names ffprobe."""

    milliseconds: int | None = None
    streams: tuple[Stream, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    reader: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One key frame: at which millisecond it is shown (None where that is not known), its 32 by 32 grey values."""

    at: int | None
    grey: bytes


def probe(lying: Lying, media_type: str, remaining: Callable[[], float]) -> Probed:
    """Return what ffprobe finds in the octets that are *lying* in a file; *media_type* is one of FORMATS.

    Any octets give Probed, within 15 seconds and *remaining*.
    """
    program = shutil.which("ffprobe")
    if program is None:
        return Probed(fault="ffprobe is not installed")
    command = [
        program, "-v", "error", "-hide_banner", *_only(media_type), "-probesize", "8M", "-analyzeduration", "10M",
        "-print_format", "json", "-show_entries", _ENTRIES, "-i", _address(lying),
    ]  # fmt: skip
    ran = _run(command, lying, remaining)
    if why := _why(ran):
        return Probed(fault=f"ffprobe {why}")
    try:
        return _probed(json.loads(ran.answer))
    except ValueError as wrong:
        return Probed(fault=printable(f"the answer of ffprobe cannot be read: {wrong}"))


def key_frames(
    lying: Lying, media_type: str, milliseconds: int | None, remaining: Callable[[], float]
) -> tuple[tuple[Frame, ...], str]:
    """Return at most 16 key frames of the first video stream, spread over *milliseconds*, and why there are not all."""
    program = shutil.which("ffmpeg")
    if program is None:
        return (), "ffmpeg is not installed"
    apart = (milliseconds or 0) / 1000 / FRAMES
    # The time of a frame is told before it is renumbered, which keeps ffmpeg from dropping or repeating any.
    filters = (
        rf"select=isnan(prev_selected_t)+gte(t-prev_selected_t\,{apart:.3f}),"
        f"scale={SIDE}:{SIDE}:flags=area,format=gray,sidedata=mode=delete,showinfo,setpts=N/(25*TB)"
    )
    command = [
        program, "-v", "info", "-nostdin", "-nostats", "-hide_banner", *_only(media_type), "-skip_frame", "nokey",
        "-threads", "1", "-i", _address(lying), "-map", "0:V:0", "-vf", filters, "-r", "25",
        "-frames:v", str(FRAMES), "-threads", "1", "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip
    ran = _run(command, lying, remaining)
    if why := _why(ran):
        return (), f"ffmpeg {why}"
    size = SIDE * SIDE
    greys = [ran.answer[at : at + size] for at in range(0, len(ran.answer) - size + 1, size)]
    times = [_milliseconds(each) for each in _SHOWN.findall(ran.complained)]
    known = times if len(times) == len(greys) else [None] * len(greys)
    return tuple(Frame(at, grey) for at, grey in zip(known, greys, strict=True)), ""


def _run(command: Sequence[str], lying: Lying, remaining: Callable[[], float]) -> Ran:
    """Let ffprobe or ffmpeg read: without the network, and without a file to write."""
    bounds = Bounds(_MEMORY, seconds=_SECONDS, answer=_MAX_ANSWER, inherited=(lying.descriptor,), alone=True)
    return run(command, Path("/"), bounds, stopped=lambda: remaining() <= 0)


def _why(ran: Ran) -> str:
    """Return why there is no answer to be used; empty where there is."""
    if ran.ended:
        return {"answer": "answered too much"}.get(ran.ended, "took longer than it may")
    if ran.status:
        said = printable(ran.complained.strip().rpartition("\n")[2])[:_MAX_COMPLAINT]
        return f"ended with status {ran.status}{': ' if said else ''}{said}"
    return ""


def _only(media_type: str) -> tuple[str, ...]:
    """Return the arguments that let one demuxer read, and nothing but parts of local files be opened."""
    demuxer = FORMATS[media_type]
    return "-protocol_whitelist", "subfile,file", "-format_whitelist", _NAMES.get(demuxer, demuxer), "-f", demuxer


# A whitelist holds names as ffmpeg lists them, whole.
_NAMES: Final = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}


def _address(lying: Lying) -> str:
    end = lying.start + lying.length
    return f"subfile,,start,{lying.start},end,{end},,:/dev/fd/{lying.descriptor}"


def _probed(said: Any) -> Probed:
    match said:
        case {"format": dict(container), "streams": [*streams]}:
            version = said.get("program_version")
            number = version.get("version") if isinstance(version, dict) else None
            found = tuple(_stream(each) for each in streams[:_MAX_STREAMS] if isinstance(each, dict))
            return Probed(
                milliseconds=_milliseconds(_text(container, "duration")),
                streams=tuple(each for each in found if each.kind in _KINDS),
                tags=_tags(container),
                reader=f"ffprobe/{printable(str(number or 'unknown'))[:80]}",
                fault="" if found else "ffprobe found no stream",
            )
        case _:
            return Probed(fault="ffprobe answered without a format and streams")


def _stream(said: Mapping[str, Any]) -> Stream:
    tags = said.get("tags")
    language = _text(tags, "language") if isinstance(tags, dict) else ""
    rate = _text(said, "avg_frame_rate")
    placed = said.get("disposition")
    return Stream(
        kind="cover" if isinstance(placed, dict) and placed.get("attached_pic") == 1 else _text(said, "codec_type"),
        codec=_text(said, "codec_name"),
        profile=_text(said, "profile"),
        width=_count(said, "width"),
        height=_count(said, "height"),
        frame_rate=rate if _RATE.fullmatch(rate) and not rate.startswith("0/") else "",
        sample_rate=_count(said, "sample_rate"),
        channels=_count(said, "channels"),
        language="" if language == "und" else language[:40],
    )


def _tags(container: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    tags = container.get("tags")
    if not isinstance(tags, dict):
        return ()
    named = ((printable(str(name))[:80], _text(tags, name)) for name in list(tags)[:_MAX_TAGS] if name not in _DULL)
    return tuple((name, text) for name, text in named if text)


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return printable(value.strip())[:_MAX_TEXT] if isinstance(value, str) else ""


def _count(said: Mapping[str, Any], name: str) -> int | None:
    value = said.get(name)
    number = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    return number if type(number) is int and 0 < number <= canonical.LARGEST else None


def _milliseconds(seconds: str) -> int | None:
    if not _NUMBER.fullmatch(seconds):
        return None
    try:
        return int(Decimal(seconds) * 1000)
    except InvalidOperation:
        return None
