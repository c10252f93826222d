"""What events of custody say besides (``detail``): to whom, which transfer is accepted by which paper, which hold.

Nothing is verified here, nor that the paper is what it claims to be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from muniment import canonical
from muniment.canonical import Fields
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.manifest.event import Event
from muniment.model import EventType

__all__ = ["Acceptance", "Hold", "acceptance", "hold", "receiver"]

_HOLDS: Final = ("placed", "lifted")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That a transfer was accepted: its id, the digest of its sealed file, and the *paper* that shows it.

    The paper is a sealed event of the other side, as text: with the receiver it is the sender's transfer, with the
    sender it is the receiver's acceptance.
    """

    transfer: str
    sealed: Digest
    paper: str

    def detail(self) -> Mapping[str, Any]:
        """Return the ``detail`` that says it."""
        return {"transfer": self.transfer, "sealed": str(self.sealed), "paper": self.paper}


@dataclass(frozen=True, slots=True)
class Hold:
    """That a legal hold is placed, or that the one of the event ``lifted`` is lifted."""

    lifted: str = ""

    def detail(self) -> Mapping[str, Any]:
        """Return the ``detail`` that says it."""
        return {"hold": "lifted", "placed": self.lifted} if self.lifted else {"hold": "placed"}


def acceptance(event: Event, where: object) -> Acceptance:
    """Return what the acceptance *event* says; FormatError for another detail than an acceptance has."""
    found = Fields(dict(event.detail), where)
    said = Acceptance(found.take("transfer", str), found.digest("sealed"), found.take("paper", str))
    _finish(found, said.detail(), event)
    return said


def hold(event: Event, where: object) -> Hold:
    """Return what the legal hold *event* says; FormatError for another detail than a hold has."""
    found = Fields(dict(event.detail), where)
    word = found.take("hold", str)
    lifted = found.take("placed", str, "")
    if word not in _HOLDS or (word == "lifted") != bool(lifted):
        raise FormatError(where, expected='hold "placed", or "lifted" and which was placed', found=word[:60])
    said = Hold(lifted)
    _finish(found, said.detail(), event)
    return said


def receiver(event: Event, where: object) -> str:
    """Return to whom the transfer or replication *event* goes; FormatError where it does not say it."""
    if event.type not in {EventType.TRANSFER, EventType.REPLICATION}:
        raise FormatError(where, expected="a transfer or a replication", found=event.type.value)
    found = Fields(dict(event.detail), where)
    name: str = found.take("to", str)
    _finish(found, {"to": name}, event)
    return name


def _finish(found: Fields, again: Mapping[str, Any], event: Event) -> None:
    found.finish(canonical.encode(dict(again)), canonical.encode(dict(event.detail)))
