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
    at = re.search(r" - at `\$\.?([^`]*)`$", wrong)
    where = at[1] if at else ""
    number = _line(content, f"{where}.{unknown[1]}".lstrip(".") if unknown else where)
    place = f"{path}, line {number}" if number else str(path)
    if unknown is None:
        return f"{place}: {wrong}"
    table = re.sub(r"\[[0-9]+\]", "", where)
    return f"{place}: unknown key {unknown[1]!r}; {_hint(unknown[1], table, kind)}"


def _line(content: str, wanted: str) -> int:
    """Return the number of the line of *content* that begins *wanted*, such as ``log[0].origin``; 0 where none does."""
    table = ""
    times: dict[str, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        match = re.match(r"(\[*)([\w\s.\"'-]+)[\]=]", line.strip())
        if match is None:
            continue
        key = re.sub(r"[\s\"']", "", match[2])
        if match[1] == "[[":
            times[key] = times.get(key, -1) + 1
            key = f"{key}[{times[key]}]"
        if match[1]:
            table = key
        else:
            key = f"{table}.{key}".lstrip(".")
        if re.match(rf"{re.escape(wanted)}(?:$|[.[])", key):
            return number
    return 0


def _hint(key: str, where: str, kind: type) -> str:
    """Return what to write instead of *key*, which the table *where* does not know: near at hand first."""
    known = list(_keys(kind))
    here = sorted(name for table, name, _ in known if table == where)
    if close := difflib.get_close_matches(key, here, n=1):
        return f"did you mean {close[0]!r}?"
    close = difflib.get_close_matches(key, sorted({name for _, name, _ in known}), n=1)
    for table, name, header in known if close else ():
        if name == close[0]:
            spelling = header or (f"{name} in [{table}]" if table else f"{name} above the first table")
            return f"did you mean {spelling}, outside of [{where}]?" if where else f"did you mean {spelling}?"
    return f"known are: {', '.join(here)}"


def _keys(kind: Any, table: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield each key of *kind*: the table that it stands in, its name, and the header that begins it as a table."""
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        path = f"{table}.{name}".lstrip(".")
        inner = [each for each in (field.type, *getattr(field.type, "__args__", ())) if _is_table(each)]
        header = "" if not inner else f"[{path}]" if inner[0] is field.type else f"[[{path}]]"
        yield table, name, header
        for each in inner:
            yield from _keys(each, path)


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def text(value: str) -> str:
    """Return *value* written as a TOML basic string, quotes included."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda letter: f"\\u{ord(letter[0]):04x}", escaped) + '"'
