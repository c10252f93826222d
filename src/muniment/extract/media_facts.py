"""What an image, a video or a sound is by its own octets, beside what its server declared: never merged; pure."""

from dataclasses import dataclass
from typing import Any, Final

from muniment.extract.media_claims import Claim
from muniment.extract.phash import ALGORITHM
from muniment.extract.picture import dimensions
from muniment.extract.probing import Stream
from muniment.extract.sniff import media_type

__all__ = ["EXTRACTOR", "LOOKED_INTO", "Hash", "Media", "encode", "looked_into"]

EXTRACTOR: Final = "muniment.media/2"
LOOKED_INTO: Final = 256 << 10
"""The octets of a body that are looked into: a photograph's own notes may stand before its size."""


@dataclass(frozen=True, slots=True)
class Hash:
    """A perceptual hash, 16 hexadecimal digits: of a picture, or of a film's key frame *at* so many milliseconds."""

    hash: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """The type that was declared (without parameters), the one that the octets show, and what is known beyond them.

    Either type is empty where there is none; width and height in pixels, as stored, are None where they are not told.
    ``size`` counts the octets of the content, ``milliseconds`` is how long it plays. ``claims`` and ``xmp`` (the
    beginning of a packet of ``xmp_size`` octets) are what the file says of itself. ``c2pa`` is None where it is not
    known whether there is a manifest store. ``readers`` are the programs that looked, with their versions; ``notes``
    say what could not be looked at, and why.
    """

    declared: str
    sniffed: str
    dimensions: tuple[int, int] | None
    notes: tuple[str, ...] = ()
    size: int | None = None
    milliseconds: int | None = None
    streams: tuple[Stream, ...] = ()
    claims: tuple[Claim, ...] = ()
    xmp: str = ""
    xmp_size: int = 0
    c2pa: bool | None = None
    hashes: tuple[Hash, ...] = ()
    readers: tuple[str, ...] = ()


def looked_into(head: bytes, declared: str, *, fault: str = "") -> Media:
    """Return what *head*, the first octets of a body without its codings, shows; *fault* says why there are no more."""
    sniffed = media_type(head)
    return Media(declared, sniffed, dimensions(head, sniffed), (fault,) if fault else ())


def encode(media: Media) -> dict[str, Any]:
    """Return *media* as the JSON object of a metadata record."""
    width, height = media.dimensions or (None, None)
    said = {
        "v": 1,
        "type": "media",
        "extractor": EXTRACTOR,
        "declared": media.declared,
        "sniffed": media.sniffed,
        "width": width,
        "height": height,
        "size": media.size,
        "milliseconds": media.milliseconds,
        "streams": [_stream(each) for each in media.streams] or None,
        "assertions": [
            {"field": each.field, "value": each.value, "raw": each.raw, "source": each.source} for each in media.claims
        ]
        or None,
        "xmp": media.xmp or None,
        "xmp_size": media.xmp_size or None,
        "c2pa": media.c2pa,
        "hash_algorithm": ALGORITHM if media.hashes else None,
        "hashes": [{"hash": each.hash} | ({} if each.at is None else {"at": each.at}) for each in media.hashes] or None,
        "readers": list(media.readers) or None,
        "notes": list(media.notes),
    }
    return {key: value for key, value in said.items() if value is not None}


def _stream(stream: Stream) -> dict[str, Any]:
    said = {
        "kind": stream.kind,
        "codec": stream.codec,
        "profile": stream.profile,
        "width": stream.width,
        "height": stream.height,
        "frame_rate": stream.frame_rate,
        "sample_rate": stream.sample_rate,
        "channels": stream.channels,
        "language": stream.language,
    }
    return {key: value for key, value in said.items() if value not in {None, ""}}
