"""The leaves of the archive's log: hashes of sealed files, no URL and no name, so that a log can be published.

A leaf is canonical JSON of at most 1 KiB. Leaves lie in entry bundles (C2SP tlog-tiles, "Log entries"): one after
the other, each led by its length as a big-endian uint16.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from muniment import canonical
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.model import EventType

__all__ = ["LARGEST", "Leaf", "LeafType", "bundle", "leaf_type", "unbundle"]

LARGEST: Final = 1024
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,200}")
_NAMES: Final = ("id", "sha256", "type", "v")


class LeafType(StrEnum):
    """What was sealed."""

    OPEN = "open"
    CAPTURE = "capture"
    ABANDONED = "abandoned"
    EVENT = "event"
    KEY = "key"
    RENEWAL = "renewal"
    RETRACT = "retract"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf: what was sealed, the id of the capture or event, the SHA-256 of the sealed file as it is stored."""

    type: LeafType
    id: str
    digest: Digest

    def encode(self) -> bytes:
        """Return the bytes that the log hashes; FormatError for an id or a digest that a leaf cannot hold."""
        if not _ID.fullmatch(self.id) or self.digest.algorithm != "sha256":
            raise FormatError("leaf", expected="a plain id and a SHA-256 digest", found=f"{self.id[:80]!r}")
        return canonical.encode({"v": 1, "type": self.type.value, "id": self.id, "sha256": self.digest.hex})

    @classmethod
    def decode(cls, content: bytes, where: object = "leaf") -> Self:
        """Return the leaf that *content* writes; FormatError for anything that encode would not write again."""
        if len(content) > LARGEST:
            raise FormatError(where, expected=f"a leaf of at most {LARGEST} octets", found=str(len(content)))
        value = canonical.decode(content, where)
        if not isinstance(value, dict) or tuple(sorted(value)) != _NAMES or value["v"] != 1:
            raise FormatError(where, expected="a leaf with v 1, type, id and sha256", found=repr(content[:80]))
        texts = (value["type"], value["id"], value["sha256"])
        if not all(isinstance(text, str) for text in texts) or value["type"] not in list(LeafType):
            raise FormatError(where, expected=f"a type of {', '.join(LeafType)}", found=repr(value["type"])[:80])
        if not _ID.fullmatch(value["id"]):
            raise FormatError(where, expected="an id of letters, digits and ._:-", found=repr(value["id"][:80]))
        leaf = cls(LeafType(value["type"]), value["id"], Digest.parse_hex(value["sha256"], where))
        if leaf.encode() != content:
            raise FormatError(where, expected="a leaf in canonical JSON", found=repr(content[:80]))
        return leaf


def leaf_type(event: EventType) -> LeafType:
    """Return the type of the leaf of an *event* of that type."""
    return {EventType.KEY_EVENT: LeafType.KEY, EventType.RENEWAL: LeafType.RENEWAL}.get(event, LeafType.EVENT)


def bundle(leaves: Iterable[bytes]) -> bytes:
    """Return *leaves* one after the other, each with its length before it."""
    return b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)


def unbundle(content: bytes, where: object) -> tuple[bytes, ...]:
    """Return the leaves of the entry bundle *content*; FormatError where it ends within one."""
    leaves: list[bytes] = []
    position = 0
    while position < len(content):
        length = int.from_bytes(content[position : position + 2])
        begin = position + 2
        position = begin + length
        if position > len(content) or not 0 < length <= LARGEST:
            found = f"entry {len(leaves)} of {length} octets, {max(len(content) - begin, 0)} of them there"
            raise FormatError(where, expected=f"whole entries of 1 to {LARGEST} octets", found=found)
        leaves.append(content[begin:position])
    return tuple(leaves)
