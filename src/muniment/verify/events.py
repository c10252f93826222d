"""Events: each is sealed, well-formed, in its place, and held by a log exactly once as an event of its type."""

from pathlib import PurePosixPath
from typing import Final

from muniment import layout
from muniment.errors import IntegrityError, NotInLog, TrustError
from muniment.log.leaf import LeafType, leaf_type
from muniment.manifest import Event
from muniment.model import Check, Verdict
from muniment.verify.checks import Happened, Scope, finding
from muniment.verify.logs import Logs, Place
from muniment.verify.statements import Sealed, agree, read_event

__all__ = ["check_events"]

_TYPES: Final = frozenset({LeafType.EVENT, LeafType.KEY, LeafType.RENEWAL})


def check_events(scope: Scope, logs: Logs, there: frozenset[str]) -> None:
    """Check every event that a log names or that lies in *there*, and keep those that a log holds as they are."""
    logged = {name for name, places in logs.places.items() if any(place.leaf.type in _TYPES for place in places)}
    found = {name for path in there if (name := layout.event_named(PurePosixPath(path)))}
    for name in sorted(each for each in logged | found if layout.is_event(each)):
        path = _path(scope, name)
        sealed = read_event(scope, logs, name, path)
        if sealed is not None:
            _check(scope, logs, name, sealed)
        if path == layout.unlogged(name):
            detail = "A log holds it, and its file does not bear its final name yet: `muniment recover` finishes that."
            scope.findings.note(Check.LOG_ENTRY_EVENT, str(path), Verdict.ABSENT, detail)
    for left in sorted(there - scope.findings.accounted):
        name = layout.event_unfinished(PurePosixPath(left))
        if name is not None:
            scope.findings.accounted.add(left)
            if name not in logged or left != str(layout.unlogged(name)):
                _note_unlogged(scope, left)
    scope.findings.events.sort(key=lambda each: (each.origin, each.index))


def _path(scope: Scope, name: str) -> PurePosixPath:
    """Return where the sealed event *name* lies: finished, or still as a crash left it."""
    path, unlogged = layout.event(name), layout.unlogged(name)
    # It may be finished between one look and the next.
    looks = (path, unlogged, path)
    return next((each for each in looks if (scope.root / each).is_file()), path)


def _note_unlogged(scope: Scope, path: str) -> None:
    detail = (
        "Something that was to become an event, and that no log holds: it says nothing. If a crash left it, "
        "`muniment recover` logs it; if somebody put it there, it may be removed."
    )
    scope.findings.note(Check.LOG_ENTRY_EVENT, path, Verdict.ABSENT, detail)


def _check(scope: Scope, logs: Logs, name: str, sealed: Sealed[Event]) -> None:
    said = sealed.unverified
    entry = _check_entry(scope, logs, name, sealed)
    if said is None:
        return
    at = layout.opened_at(name.removeprefix("event-"))
    pairs = [("event", name, said.id), ("time, which its name carries", at, said.at.replace(microsecond=0))]
    agree(scope, Check.EVENT, sealed.path, pairs)
    if entry is not None and all(expected == found for _, expected, found in pairs):
        happened = Happened(said, sealed.path, sealed.digest, entry.origin, entry.index, sealed.operator)
        scope.findings.events.append(happened)


def _check_entry(scope: Scope, logs: Logs, name: str, sealed: Sealed[Event]) -> Place | None:
    places = logs.places.get(name, [])
    kept: list[Place] = []

    def entered() -> str:
        if logs.damaged and len(places) != 1:
            raise TrustError(f"{sealed.path}: not to be found among the leaves of the log, some of which are damaged")
        if len(places) != 1:
            numbers = ", ".join(f"{place.index} of {place.origin}" for place in places)
            raise NotInLog(
                sealed.path, expected="one leaf for this event", found=f"leaves {numbers}" if places else "none"
            )
        (place,) = places
        where = f"{sealed.path}, leaf {place.index} of {place.origin}"
        if place.leaf.digest != sealed.digest:
            raise NotInLog(f"{where} names another one", expected=str(place.leaf.digest), found=str(sealed.digest))
        if sealed.unverified is not None and place.leaf.type is not leaf_type(sealed.unverified.type):
            expected = f"a leaf of the type {leaf_type(sealed.unverified.type)}"
            raise IntegrityError(where, expected=expected, found=f"one of the type {place.leaf.type}")
        kept.append(place)
        return f"leaf {place.index} of {place.origin}, which holds {logs.sizes[place.origin]:,}"

    scope.findings.add(finding(Check.LOG_ENTRY_EVENT, sealed.path, entered))
    return kept[0] if kept else None
