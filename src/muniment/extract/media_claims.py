"""What a picture or a film says of itself, by Exif or its container's tags, as assertions with their sources; pure.

Nobody vouches for them: whoever made or passed on the file wrote what they liked, and most platforms take them out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from muniment.extract.dates import instant_or_day

__all__ = ["Claim", "of_container", "of_exif"]

_FIELDS: Final = {
    "ImageDescription": "description", "Make": "camera-maker", "Model": "camera", "Software": "software",
    "Artist": "creator", "Copyright": "copyright", "ImageUniqueID": "unique-id", "CameraOwnerName": "camera-owner",
    "BodySerialNumber": "camera-serial", "LensMake": "lens-maker", "LensModel": "lens", "GPSDateStamp": "gps-day",
    "Orientation": "orientation",
}  # fmt: skip
# Each date with the tag that has its offset from UTC, where the camera knew one.
_DATES: Final = {
    "DateTimeOriginal": ("taken", "OffsetTimeOriginal"),
    "DateTimeDigitized": ("digitized", "OffsetTimeDigitized"),
    "DateTime": ("changed", "OffsetTime"),
}
_CONTAINER: Final = {
    "creation_time": "created", "date": "created", "com.apple.quicktime.creationdate": "taken", "title": "title",
    "artist": "creator", "author": "creator", "copyright": "copyright", "comment": "comment",
    "description": "description", "synopsis": "description", "encoder": "software", "location": "position",
    "location-eng": "position", "com.apple.quicktime.location.iso6709": "position", "make": "camera-maker",
    "com.apple.quicktime.make": "camera-maker", "model": "camera", "com.apple.quicktime.model": "camera",
    "com.apple.quicktime.software": "software", "com.android.version": "software", "album": "album",
}  # fmt: skip
_DAYS: Final = frozenset({"created", "taken"})
_MINUTE: Final = Decimal(60)
_STEP: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a file claims of itself: ``raw`` as it stands there, ``value`` the same for reading, and where.

    ``value`` is empty where ``raw`` cannot be read in one way only: a date is RFC 3339 with the zone as written, or the
    day alone; a position is latitude and longitude in degrees.
    """

    field: str
    value: str
    raw: str
    source: str


def of_exif(notes: Iterable[tuple[str, str]]) -> tuple[Claim, ...]:
    """Return what the Exif tags *notes* (names and texts) say."""
    held = dict(notes)
    return (*_dates(held), *_plain(held), *_position(held))


def of_container(tags: Iterable[tuple[str, str]]) -> tuple[Claim, ...]:
    """Return what the *tags* of a film's or a sound's container say; where no field is known for one it is ``tag``."""
    found = []
    for name, raw in tags:
        field = _CONTAINER.get(name.lower(), "")
        value = instant_or_day(raw) if field in _DAYS else " ".join(raw.split())
        found.append(Claim(field or "tag", value, raw, f"container:{name}"))
    return tuple(found)


def _dates(held: Mapping[str, str]) -> Iterator[Claim]:
    for name, (field, offset) in _DATES.items():
        if raw := held.get(name):
            day, _, time = raw.partition(" ")
            written = f"{day.replace(':', '-')}T{time}{held.get(offset, '')}" if time else day.replace(":", "-")
            yield Claim(field, instant_or_day(written), f"{raw} {held.get(offset, '')}".strip(), f"exif:{name}")


def _plain(held: Mapping[str, str]) -> Iterator[Claim]:
    for name, field in _FIELDS.items():
        if raw := held.get(name):
            yield Claim(field, " ".join(raw.split()), raw, f"exif:{name}")


def _position(held: Mapping[str, str]) -> Iterator[Claim]:
    """Give where the picture says that it was taken, as degrees north and east."""
    sides = [held.get(f"GPS{each}{of}", "") for each in ("Latitude", "Longitude") for of in ("", "Ref")]
    if not (sides[0] and sides[2]):
        return
    degrees = _degrees(sides[0], sides[1], "NS", 90), _degrees(sides[2], sides[3], "EW", 180)
    value = "" if None in degrees else f"{degrees[0]},{degrees[1]}"
    yield Claim("position", value, f"{sides[0]} {sides[1]}, {sides[2]} {sides[3]}", "exif:GPSLatitude,GPSLongitude")


def _degrees(fractions: str, side: str, sides: str, most: int) -> Decimal | None:
    """Return degrees, minutes and seconds, three fractions as Exif writes them, as one number; None for others."""
    parts = [_quotient(each) for each in fractions.split()]
    known = [each for each in parts if each is not None]
    if len(known) != 3 or len(parts) != 3 or side not in sides or not side:
        return None
    degrees = known[0] + known[1] / _MINUTE + known[2] / _MINUTE / _MINUTE
    if not 0 <= degrees <= most:
        return None
    return (degrees if side == sides[0] else -degrees).quantize(_STEP)


def _quotient(fraction: str) -> Decimal | None:
    over, _, under = fraction.partition("/")
    try:
        found = Decimal(over) / Decimal(under or "1")
    except ArithmeticError:
        return None
    return found if found.is_finite() else None
