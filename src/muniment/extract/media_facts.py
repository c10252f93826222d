"""What an image, a video or a sound is by its own octets, beside what its server declared: never merged; pure."""

from dataclasses import dataclass
from typing import Any, Final

from muniment.extract.picture import dimensions
from muniment.extract.sniff import media_type

__all__ = ["EXTRACTOR", "LOOKED_INTO", "Media", "encode", "looked_into"]

EXTRACTOR: Final = "muniment.media/1"
LOOKED_INTO: Final = 256 << 10
"""The octets of a body that are looked into: a photograph's own notes may stand before its size."""


@dataclass(frozen=True, slots=True)
class Media:
    """The type that was declared (without parameters) and the one that the octets show, and the picture's own size.

    Either type is empty where there is none; width and height in pixels, as stored, are None where they are not told.
    """

    declared: str
    sniffed: str
    dimensions: tuple[int, int] | None
    notes: tuple[str, ...] = ()


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
        "notes": list(media.notes),
    }
    return {key: value for key, value in said.items() if value is not None}
