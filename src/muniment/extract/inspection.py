"""A media file looked into as far as its kind allows: a picture by Pillow, a film or a sound by ffprobe and ffmpeg."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from muniment.extract import c2pa, looking, media_claims, probing
from muniment.extract.lying import Lying
from muniment.extract.media_facts import Hash, Media
from muniment.extract.phash import perceptual_hash

__all__ = ["Patience", "inspected"]

# ISO/IEC 23009-1, RFC 8216 3: a segment of a film cannot be read without its beginning, or is one of hundreds.
_SEGMENTS: Final = (b"styp", b"moof", b"sidx")
_ELSEWHERE: Final = "a segment of a film: the film that is made of them is looked into, not each of them"
_PLAIN: Final = "no perceptual hash: it is of one shade, as pixels that count readers are"


class Patience:
    """The seconds that may be spent on media whose callers set no end, so that hostile files cannot stop a capture.

    There are *most* of them; what was used comes back, a second for each *slowness* that pass.
    """

    def __init__(self, most: float, slowness: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = self._left = most
        self._slowness = slowness
        self._monotonic = monotonic
        self._at = monotonic()
        self._changing = threading.Lock()

    def remaining(self) -> float:
        """Return how many seconds are left."""
        with self._changing:
            now = self._monotonic()
            self._left = min(self._most, self._left + (now - self._at) / self._slowness)
            self._at = now
            return self._left

    def use(self, seconds: float) -> None:
        """Count *seconds* as used."""
        with self._changing:
            self._left -= seconds


def inspected(media: Media, lying: Lying, remaining: Callable[[], float]) -> Media:
    """Return *media*, of which the first octets are known, with what the whole content shows, *lying* in a file.

    What cannot be found out is left out, and a note says why; any octets give a Media, within some 30 seconds and the
    *remaining* ones.
    """
    known = replace(media, size=lying.length if lying.whole else None, c2pa=c2pa.present(lying, media.sniffed))
    if not lying.whole:
        known = _noted(known, f"only its first {lying.length:,} octets were looked into")
    if remaining() <= 0:
        return _noted(known, "it was not looked into: the time for that was used up")
    if media.sniffed in looking.FORMATS:
        return _picture(known, lying, remaining)
    if media.sniffed == "video/mp2t" or (media.sniffed == "video/mp4" and lying.read(4, 4) in _SEGMENTS):
        return _noted(known, _ELSEWHERE)
    return _film(known, lying, remaining) if media.sniffed in probing.FORMATS else known


def _picture(media: Media, lying: Lying, remaining: Callable[[], float]) -> Media:
    seen = looking.look(lying, media.sniffed, remaining)
    found = perceptual_hash(seen.grey) if seen.grey else ""
    known = replace(
        media,
        dimensions=media.dimensions or seen.size,
        claims=media_claims.of_exif(seen.notes),
        xmp=seen.xmp,
        xmp_size=seen.xmp_size,
        hashes=(Hash(found),) if found else (),
        readers=(seen.reader,) if seen.reader else (),
    )
    if seen.fault:
        return _noted(known, f"the picture was not looked at, or not all of it: {seen.fault}")
    return known if found else _noted(known, _PLAIN)


def _film(media: Media, lying: Lying, remaining: Callable[[], float]) -> Media:
    told = probing.probe(lying, media.sniffed, remaining)
    shown = next((each for each in told.streams if each.kind == "video" and each.width and each.height), None)
    known = replace(
        media,
        dimensions=(shown.width or 0, shown.height or 0) if shown else media.dimensions,
        milliseconds=told.milliseconds,
        streams=told.streams,
        claims=media_claims.of_container(told.tags),
        readers=(told.reader,) if told.reader else (),
    )
    if told.fault:
        return _noted(known, f"duration and codecs were not found out: {told.fault}")
    if shown is None:
        return known
    frames, fault = probing.key_frames(lying, media.sniffed, told.milliseconds, remaining)
    hashes = (Hash(perceptual_hash(each.grey), each.at) for each in frames)
    known = replace(known, hashes=tuple(each for each in hashes if each.hash))
    return _noted(known, f"its key frames were not looked at: {fault}") if fault else known


def _noted(media: Media, note: str) -> Media:
    return replace(media, notes=(*media.notes, note))
