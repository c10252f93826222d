"""The few rules of DER (X.690) that tokens need besides what rfc3161-client reads: values and their order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from muniment.errors import FormatError

__all__ = [
    "INTEGER",
    "OCTETS",
    "OID",
    "SEQUENCE",
    "SET",
    "Value",
    "context",
    "members",
    "only",
    "ordered",
    "whole",
    "wrapped",
]

INTEGER: Final = 0x02
OCTETS: Final = 0x04
OID: Final = 0x06
SEQUENCE: Final = 0x30
SET: Final = 0x31


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its tag, its content, and all of its octets."""

    tag: int
    content: bytes
    octets: bytes


def context(number: int) -> int:
    """Return the tag ``[number]``, constructed."""
    return 0xA0 | number


def whole(octets: bytes, tag: int, where: object) -> Value:
    """Return the one value, with *tag*, that *octets* are; FormatError for anything else, or anything behind it."""
    found = tuple(members(octets, where))
    return only(found[0] if len(found) == 1 else None, tag, where)


def only(value: Value | None, tag: int, where: object) -> Value:
    """Return *value*, which must be there and have *tag*."""
    if value is None or value.tag != tag:
        found = "none, or several" if value is None else f"tag 0x{value.tag:02x}"
        raise FormatError(where, expected=f"one value with the tag 0x{tag:02x}", found=found)
    return value


def members(octets: bytes, where: object) -> Iterator[Value]:
    """Yield the values that follow one another in *octets*; tags of one octet, definite lengths, shortest form."""
    at = 0
    while at < len(octets):
        begin, (length, after) = at, _length(octets, at + 1, where)
        if octets[at] & 0x1F == 0x1F:
            raise FormatError(where, expected="tags below 31", found=f"0x{octets[at]:02x}")
        at = after + length
        if at > len(octets):
            raise FormatError(where, expected=f"a value of {length} octets", found=f"{len(octets) - after}")
        yield Value(octets[begin], octets[after:at], octets[begin:at])


def _length(octets: bytes, at: int, where: object) -> tuple[int, int]:
    """Return the length that stands at *at*, and where the content begins."""
    first = octets[at] if at < len(octets) else 0x80
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    written = octets[at + 1 : at + 1 + size]
    length = int.from_bytes(written, "big")
    if not 1 <= size <= 4 or len(written) != size or length < 0x80 or written[0] == 0:
        raise FormatError(where, expected="a definite length in its shortest form (DER)", found=written.hex() or "none")
    return length, at + 1 + size


def wrapped(tag: int, *contents: bytes) -> bytes:
    """Return the octets of a value with *tag* that holds *contents*, one after the other."""
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def ordered(values: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return *values*, each once, in the order in which DER writes a SET OF (X.690 11.6)."""
    return tuple(sorted(set(values)))
