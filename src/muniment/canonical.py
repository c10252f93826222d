"""The one JSON that is hashed or signed, and its strict reading.

Bytes are RFC 8785 for the values that are allowed here: objects with ASCII keys, arrays, strings without lone
surrogates, integers of a magnitude below 2**53, true, false, null; no floats. Reading refuses whatever two readers
could understand differently. Nothing here re-serialises what is verified: verification uses the bytes as stored.
"""

import base64
import binascii
import json
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeVar

from muniment.digest import Digest
from muniment.errors import FormatError

__all__ = ["LARGEST", "Fields", "decode", "decode_base64", "encode", "encode_base64", "salt"]

LARGEST: Final = 2**53 - 1
"""The greatest integer that every reader of JSON holds exactly (RFC 8785 3.2.2.3, RFC 7493 2.2)."""
_DEPTH: Final = 32
_SALT: Final = 16
_VERSION: Final = 1

Choice = TypeVar("Choice", bound=StrEnum)


def encode(value: object) -> bytes:
    """Return the canonical bytes of *value*; the same value gives the same bytes for ever.

    Raises FormatError for a value that the form does not allow.
    """
    _allow(value, "canonical JSON", 0)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def decode(content: bytes, where: object) -> Any:
    """Return the value that *content* writes in JSON, refusing everything ambiguous.

    Duplicate keys, floats, NaN, numbers from 2**53, a byte order mark, trailing data, invalid UTF-8, lone
    surrogates, keys that are not ASCII and nesting beyond 32 raise FormatError naming *where*.
    """
    if content.startswith(b"\xef\xbb\xbf"):
        raise FormatError(where, expected="JSON without a byte order mark", found="one")
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=lambda pairs: _once(pairs, where),
            parse_float=lambda text: _refuse(where, "an integer", text),
            parse_constant=lambda text: _refuse(where, "JSON", text),
        )
    except UnicodeDecodeError as broken:
        raise FormatError(where, expected="UTF-8", found=f"byte {broken.start} is not") from None
    except RecursionError:
        raise FormatError(where, expected=f"nesting of at most {_DEPTH}", found="deeper nesting") from None
    except ValueError as broken:  # JSONDecodeError, and integers of more than 4,300 digits
        raise FormatError(where, expected="one JSON value", found=str(broken)) from None
    _allow(value, where, 0)
    return value


def encode_base64(content: bytes) -> str:
    """Return *content* in standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(content).decode("ascii")


def decode_base64(text: str, where: object) -> bytes:
    """Return the bytes that *text* writes in standard base64; text that would not be written again is refused."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError(where, expected="base64", found=repr(text[:60])) from None
    # RFC 4648 section 3.5: unused bits may differ, and Python accepts that; evidence has one spelling only.
    if encode_base64(content) != text:
        raise FormatError(where, expected="canonical base64", found=repr(text[-8:]))
    return content


def salt(text: str, where: object) -> bytes:
    """Return the 16 octets that *text* writes in lowercase hex."""
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != _SALT or octets.hex() != text:
        raise FormatError(where, expected="a salt of 32 lowercase hex digits", found=repr(text)[:60])
    return octets


def _once(pairs: list[tuple[str, Any]], where: object) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise FormatError(where, expected="each key once", found=f"{key[:60]!r} twice")
            seen.add(key)
    return found


def _refuse(where: object, expected: str, found: str) -> NoReturn:
    raise FormatError(where, expected=expected, found=found[:60])


def _allow(value: object, where: object, depth: int) -> None:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not key.isascii():
                _refuse(where, "ASCII keys", repr(key)[:60])
        value = list(value.values())
    if not isinstance(value, list | tuple):
        _allow_scalar(value, where)
        return
    if depth == _DEPTH:
        _refuse(where, f"nesting of at most {_DEPTH}", "deeper nesting")
    for each in value:
        if type(each) is not str or not each.isascii():  # most of what is read is such text, which is always allowed
            _allow(each, where, depth + 1)


def _allow_scalar(value: object, where: object) -> None:
    match value:
        case None | bool():
            pass
        case str():
            if not value.isascii() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
                _refuse(where, "Unicode text", "a lone surrogate")
        case int():
            if abs(value) > LARGEST:
                _refuse(where, "integers below 2^53", str(value)[:60])
        case _:
            _refuse(where, "null, true, false, an integer, text, an array or an object", type(value).__name__)


class Fields:
    """An object of decoded JSON whose fields are taken one by one; what is left at the end is a FormatError."""

    def __init__(self, content: bytes | dict[str, Any], where: object) -> None:
        self.where = where
        self.content = content if isinstance(content, bytes) else b""
        found = decode(content, where) if isinstance(content, bytes) else content
        if not isinstance(found, dict):
            raise FormatError(where, expected="a JSON object", found=type(found).__name__)
        self.rest: dict[str, Any] = dict(found)
        if self.rest.get("v") is not None:
            self.constant("v", _VERSION)

    def take(self, name: str, kind: type, default: Any = None) -> Any:
        """Take the value of *name*, which is of *kind*; *default* where it may be missing."""
        value = self.rest.pop(name, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise FormatError(self.where, expected=f"{name} as {kind.__name__}", found=repr(value)[:80])
        return value

    def constant(self, name: str, value: object) -> None:
        """Take *name*, which can only be *value*."""
        found = self.rest.pop(name, None)
        if found != value or type(found) is not type(value):
            raise FormatError(self.where, expected=f"{name} {value!r}", found=repr(found)[:80])

    def number(self, name: str) -> int:
        """Take *name*, an integer from 0."""
        value: int = self.take(name, int)
        if value < 0:
            raise FormatError(self.where, expected=f"{name} not below 0", found=str(value))
        return value

    def choice(self, name: str, kind: type[Choice]) -> Choice:
        """Take *name*, a member of the closed table *kind*."""
        value = self.take(name, str)
        try:
            return kind(value)
        except ValueError:
            raise FormatError(self.where, expected=f"a {name} of the closed table", found=repr(value)[:60]) from None

    def digest(self, name: str) -> Digest:
        """Take *name*, a labelled digest."""
        return Digest.parse(self.take(name, str), self.where)

    def salt(self) -> bytes:
        """Take ``salt``: 16 octets as lowercase hex."""
        return salt(self.take("salt", str), self.where)

    def nested(self, name: str, *, version: bool = False) -> "Fields":
        """Take *name*, an object of its own; with *version* it must carry ``v``."""
        inner = self.take(name, dict)
        if version and "v" not in inner:
            raise FormatError(self.where, expected=f"{name} with a version v", found="none")
        return Fields(inner, self.where)

    def finish(self, canonical_bytes: bytes, content: bytes | None = None) -> None:
        """Refuse fields that nobody took, and bytes that would not be written again: one value, one spelling."""
        if self.rest:
            raise FormatError(self.where, expected="known fields only", found=", ".join(sorted(self.rest))[:80])
        if canonical_bytes != (self.content if content is None else content):
            raise FormatError(self.where, expected="canonical JSON", found="another spelling of the same value")
