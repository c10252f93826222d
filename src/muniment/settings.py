"""Files and values that people write: TOML read strictly, durations, sizes.

A mistake is a JobError with file, line where it can be found, and a suggestion for a misspelt key.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from muniment.errors import JobError

__all__ = ["duration", "parse", "read", "size", "spoken_duration", "spoken_size", "text"]

Settings = TypeVar("Settings", bound=msgspec.Struct)

_DURATIONS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY: Final = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def duration(text: str) -> float:
    """Return the seconds that *text* writes: ``20s``, ``15m``, ``2h``, ``0.2s``; JobError otherwise."""
    return _quantity(text, _DURATIONS, "a duration like 20s, 15m or 2h")


def size(text: str) -> int:
    """Return the octets that *text* writes: ``500MB``, ``2GiB``, ``1024B``; JobError otherwise."""
    return int(_quantity(text, _SIZES | _BINARY, "a size like 500MB or 2GiB"))


def spoken_duration(seconds: float) -> str:
    """Return *seconds* in the largest unit that writes them exactly, as :func:`duration` reads it."""
    for unit in ("h", "m", "s"):
        if seconds and seconds % _DURATIONS[unit] == 0:
            return f"{int(seconds // _DURATIONS[unit])}{unit}"
    return f"{round(seconds * 1000)}ms"


def spoken_size(octets: int) -> str:
    """Return *octets* in the largest unit that writes them exactly, as :func:`size` reads it."""
    for unit, factor in sorted((_BINARY | _SIZES).items(), key=lambda pair: -pair[1]):
        if octets and octets % factor == 0:
            return f"{octets // factor}{unit}"
    return f"{octets}B"


def _quantity(text: str, units: dict[str, Any], wanted: str) -> float:
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([A-Za-z]{1,3})", text.strip())
    if match is None or match[2] not in units:
        raise JobError(f"{text!r} is not {wanted}")
    return float(match[1]) * float(units[match[2]])


def read(path: Path, kind: type[Settings]) -> Settings:
    """Return the TOML file *path* as *kind*, a msgspec Struct that forbids unknown fields."""
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise JobError(f"{path}: could not be read: {failure.strerror}") from failure
    return parse(content, kind, path)


def parse(content: bytes, kind: type[Settings], path: Path) -> Settings:
    """Return what *content* writes in TOML as *kind*; *path* is its name in errors."""
    try:
        found = tomllib.loads(content.decode())
    except UnicodeDecodeError as broken:
        line = content[: broken.start].count(b"\n") + 1
        raise JobError(f"{path}, line {line}: is not UTF-8 text; save the file as UTF-8") from None
    except (ValueError, RecursionError) as broken:  # TOMLDecodeError, and integers of more than 4,300 digits
        raise JobError(f"{path}: is not TOML: {broken}") from None
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as wrong:
        raise JobError(_explain(path, content.decode(), str(wrong), kind)) from None


def _explain(path: Path, content: str, wrong: str, kind: type) -> str:
    unknown = re.search(r"unknown field `([^`]*)`", wrong)
    key = unknown[1] if unknown else next(iter(re.findall(r"\$(?:\[\.\.\.\])?[\w.\-\[\]]*?\.([\w-]+)`?$", wrong)), "")
    place = str(path)
    for number, line in enumerate(content.splitlines(), 1):
        if key and re.match(rf"\s*(?:\[+\s*)?\"?{re.escape(key)}\"?\s*[\]=.]", line):
            place = f"{path}, line {number}"
            break
    if unknown is None:
        return f"{place}: {wrong}"
    close = difflib.get_close_matches(key, sorted(set(_names(kind))), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known are: {', '.join(sorted(set(_names(kind))))}"
    return f"{place}: unknown key {key!r}{hint}"


def _names(kind: Any) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            yield field.encode_name
            yield from _names(field.type)
    for inner in getattr(kind, "__args__", ()):
        yield from _names(inner)


def text(value: str) -> str:
    """Return *value* written as a TOML basic string, quotes included."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda letter: f"\\u{ord(letter[0]):04x}", escaped) + '"'
