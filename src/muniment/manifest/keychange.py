"""What an event about a key says (``detail`` of a "key event"): that a key was succeeded, or is not to be believed.

Keys stand here as text; whether it is the text of a key is for whoever reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from muniment import canonical
from muniment.canonical import Fields
from muniment.errors import FormatError
from muniment.manifest.moment import instant, timestamp

__all__ = ["Change", "KeyChange", "decode_key_change", "encode_key_change"]


class Change(StrEnum):
    """What happened to a key."""

    ROTATION = "rotation"
    REVOCATION = "revocation"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A change of the operator's key ``key`` (PEM).

    A rotation names its ``successor`` (PEM) and is sealed by both. A revocation says ``since`` when somebody else may
    have held it.
    """

    change: Change
    key: str
    successor: str = ""
    since: datetime | None = None


def encode_key_change(change: KeyChange) -> dict[str, Any]:
    """Return the ``detail`` of the event that says *change*."""
    said: dict[str, Any] = {"change": change.change.value, "role": "operator", "key": change.key}
    if change.successor:
        said["successor"] = change.successor
    if change.since is not None:
        said["since"] = timestamp(change.since)
    return said


def decode_key_change(detail: Mapping[str, Any], where: object) -> KeyChange:
    """Return what the *detail* of a key event says; FormatError for anything that encode would not write."""
    found = Fields(dict(detail), where)
    found.constant("role", "operator")
    change = KeyChange(
        change=found.choice("change", Change),
        key=found.take("key", str),
        successor=found.take("successor", str, ""),
        since=instant(found.take("since", str), where) if "since" in found.rest else None,
    )
    rotation = change.change is Change.ROTATION
    if rotation != bool(change.successor) or rotation != (change.since is None):
        expected = "a successor where a key was rotated, and since when where one was revoked"
        raise FormatError(where, expected=expected, found=f"a {change.change} with {', '.join(sorted(detail))}")
    found.finish(canonical.encode(encode_key_change(change)), canonical.encode(dict(detail)))
    return change
