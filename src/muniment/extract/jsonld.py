"""What the structured data of a page (JSON-LD, schema.org) says about its images, videos and sounds."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from muniment.errors import FormatError
from muniment.extract.media import role_of
from muniment.model import Role

__all__ = ["references"]

_MAX_BLOCK: Final = 1 << 20
_MAX_DEPTH: Final = 32
_NAMED: Final = {"ImageObject": Role.IMAGE, "VideoObject": Role.VIDEO, "AudioObject": Role.AUDIO}
# Properties of schema.org whose value, where it is text, is the URL of such a thing.
_VALUES: Final = {
    "image": Role.IMAGE,
    "thumbnail": Role.IMAGE,
    "thumbnailUrl": Role.IMAGE,
    "logo": Role.IMAGE,
    "embedUrl": Role.EMBED,
    "video": Role.VIDEO,
    "audio": Role.AUDIO,
}
_TYPE: Final = re.compile(r"[A-Za-z]{1,40}\Z")


def references(block: str) -> Iterator[tuple[str, Role, str]]:
    """Yield URL, role and source of every media reference in *block*, in its order.

    Raises FormatError where the block is longer than 1 MiB or is no JSON. What is nested deeper than 32 levels is
    not read; whether the URLs lead anywhere is not known.
    """
    if len(block) > _MAX_BLOCK:
        raise FormatError("the JSON-LD of the page", expected=f"at most {_MAX_BLOCK} characters", found=str(len(block)))
    try:
        document = json.loads(block, strict=False)
    # json raises ValueError for what is no JSON and for numbers of thousands of digits, RecursionError for nesting.
    except (ValueError, RecursionError) as broken:
        raise FormatError("the JSON-LD of the page", expected="JSON", found=str(broken)) from None
    yield from _walk(document, "", "Thing", 0)


def _walk(value: Any, key: str, kind: str, depth: int) -> Iterator[tuple[str, Role, str]]:
    """Yield the references in *value*, the value of *key* in an object of type *kind*."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        inner = _kind(value.get("@type"))
        # An image without a type is an ImageObject: WordPress and many others leave it out.
        if inner == "Thing" and key in ("image", "thumbnail", "logo"):
            inner = "ImageObject"
        for name, member in value.items():
            yield from _walk(member, name, inner, depth + 1)
    elif isinstance(value, list):
        for member in value:
            yield from _walk(member, key, kind, depth + 1)
    elif isinstance(value, str) and (role := _role(value, key, kind)):
        yield value, role, f"json-ld:{kind}.{key}"


def _role(value: str, key: str, kind: str) -> Role | None:
    if key in _VALUES:
        # "video": "https://…/watch?v=1" is a page that plays it; only a file is the video itself.
        role = _VALUES[key]
        return role if role in (Role.IMAGE, Role.EMBED) else role_of(value) or Role.EMBED
    if key == "contentUrl":
        return _NAMED.get(kind) or role_of(value) or Role.OTHER
    if key == "url" and kind in _NAMED:
        return Role.IMAGE if kind == "ImageObject" else role_of(value)
    return None


def _kind(types: Any) -> str:
    """Return the type of an object: the media type among several, else the first that is a plain word."""
    named = [each for each in (types if isinstance(types, list) else [types]) if isinstance(each, str)]
    named = [word for each in named if _TYPE.match(word := each.rpartition("/")[2])]
    return next((each for each in named if each in _NAMED), named[0] if named else "Thing")
