"""The two sealed statements about a capture: whose seal they bear, and whether they agree with all around them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final, Generic, TypeVar

from muniment import layout, manifest
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, NotInLog, TrustError
from muniment.log.leaf import LeafType
from muniment.manifest import Event, LogPlace, Opening, Statement
from muniment.model import Check, Verdict
from muniment.seal import dsse
from muniment.verify.checks import Scope, finding, judged
from muniment.verify.files import content
from muniment.verify.logs import Logs, Place
from muniment.verify.trust import Operator

__all__ = ["Sealed", "agree", "check_entry", "check_opening_place", "read_event", "read_opening", "read_statement"]

Value = TypeVar("Value", Opening, Statement, Event)

_NAMES: Final = {LeafType.OPEN: "opening", LeafType.CAPTURE: "statement"}


@dataclass(frozen=True, slots=True)
class Sealed(Generic[Value]):
    """A sealed file as it was read: its digest, and what it says, whether or not its seal is good; None if nothing.

    ``operator`` is who is believed to have sealed it, None where nobody is.
    """

    path: str
    digest: Digest
    unverified: Value | None
    operator: Operator | None = None


def read_opening(scope: Scope, logs: Logs, capture: str) -> Sealed[Opening] | None:
    """Read and check open.dsse.json of *capture*; None where there is none, which is then a finding."""
    path = layout.opening(capture)
    kind = _Kind((Check.OPENING_SIGNATURE, Check.OPENING), manifest.decode_opening, lambda it: it.opened)
    return _read(scope, logs, path, capture, kind)


def read_statement(scope: Scope, logs: Logs, capture: str, path: PurePosixPath) -> Sealed[Statement] | None:
    """Read and check the statement of *capture* at *path*; None where there is none, which is then a finding."""
    kind = _Kind((Check.STATEMENT_SIGNATURE, Check.STATEMENT), manifest.decode_statement, lambda it: it.closed)
    return _read(scope, logs, path, capture, kind)


def read_event(scope: Scope, logs: Logs, event: str, path: PurePosixPath) -> Sealed[Event] | None:
    """Read and check the sealed *event* at *path*; None where there is none, which is then a finding."""
    kind = _Kind((Check.EVENT_SIGNATURE, Check.EVENT), manifest.decode_event, lambda it: it.at)
    return _read(scope, logs, path, event, kind)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Value]):
    """One kind of sealed file: the checks of its seal and of what it says, how it is read, the time it claims."""

    checks: tuple[Check, Check]
    decode: Callable[[bytes, object], Value]
    moment: Callable[[Value], datetime]


def _read(scope: Scope, logs: Logs, path: PurePosixPath, name: str, kind: _Kind[Value]) -> Sealed[Value] | None:
    where = str(path)
    seal, says = kind.checks
    sealed = scope.findings.attempt(Check.FILE, where, lambda: content(scope, path))
    if sealed is None:
        return None
    payload = scope.findings.attempt(seal, where, lambda: dsse.unverified_payload(sealed, where))
    digest = Digest.of_bytes(sealed)
    if payload is None:
        return Sealed(where, digest, None)
    unverified = scope.findings.attempt(says, where, lambda: kind.decode(payload, where))
    believed: list[Operator] = []

    def opened() -> str:
        found = dsse.open(sealed, scope.trust.keys, manifest.PAYLOAD_TYPE, where)
        if unverified is None:
            return f"sealed by the key {found.signers[0].keyid[:16]}…"
        operator = scope.trust.vouch(found, kind.moment(unverified), where, logs.proved(name, digest))
        believed.append(operator)
        scope.findings.signers.add(operator.name)
        extra = f"; {len(found.unknown)} further signatures by unknown keys say nothing" if found.unknown else ""
        return f"sealed by {operator.name!r} with the key {operator.key.keyid[:16]}…{extra}"

    scope.findings.add(finding(seal, where, opened))
    return Sealed(where, digest, unverified, believed[0] if believed else None)


def agree(scope: Scope, check: Check, subject: str, pairs: Iterable[tuple[str, Any, Any]]) -> None:
    """Keep a finding for each of *pairs* (what, expected, found) that differs; one that passes where none does."""
    differ = 0
    number = 0
    for what, expected, found in pairs:
        number += 1
        if expected != found:
            differ += 1
            error = IntegrityError(f"{subject}, {what}", expected=str(expected), found=str(found))
            scope.findings.add(judged(check, subject, error))
    if not differ:
        scope.findings.note(check, subject, Verdict.PASS, f"agrees with what is around it in {number} respects")


def check_entry(scope: Scope, logs: Logs, capture: str, kind: LeafType, sealed: Sealed[Value]) -> Place | None:
    """Check that the sealed file is, once, the leaf of *kind* that a log holds of *capture*; return its place."""
    check = Check.LOG_ENTRY_OPENING if kind is LeafType.OPEN else Check.LOG_ENTRY_CAPTURE
    places = logs.of(capture, kind)
    entry = next((place for place in places if place.leaf.digest == sealed.digest), None)

    def entered() -> str:
        if logs.damaged and (entry is None or len(places) != 1):
            raise TrustError(f"{sealed.path}: not to be found among the leaves of the log, some of which are damaged")
        if not places:
            raise NotInLog(sealed.path, expected=f"a leaf for this {_NAMES[kind]}", found="none in any log here")
        if entry is None:
            raise NotInLog(
                f"{sealed.path}, leaf {places[0].index} of {places[0].origin} names another one",
                expected=str(places[0].leaf.digest),
                found=str(sealed.digest),
            )
        if len(places) > 1:
            numbers = ", ".join(f"{place.index} of {place.origin}" for place in places)
            raise NotInLog(sealed.path, expected=f"one leaf for this {_NAMES[kind]}", found=f"leaves {numbers}")
        return f"leaf {entry.index} of {entry.origin}, which holds {logs.sizes[entry.origin]:,}"

    scope.findings.add(finding(check, sealed.path, entered))
    return entry


def check_opening_place(scope: Scope, statement: Sealed[Statement], opening: Sealed[Opening], entry: Place) -> None:
    """Check what the statement quotes of its opening: the sealed file, its leaf, and the checkpoint over it."""
    if statement.unverified is None:
        return
    quoted = statement.unverified.opening
    agree(
        scope,
        Check.OPENING,
        opening.path,
        [
            ("digest of the opening that the statement quotes", quoted.sealed, opening.digest),
            ("log of the opening that the statement quotes", quoted.origin, entry.origin),
            ("leaf of the opening that the statement quotes", quoted.index, entry.index),
            ("checkpoint that the statement quotes", quoted.checkpoint, _checkpoint(scope, quoted)),
        ],
    )


def _checkpoint(scope: Scope, quoted: LogPlace) -> Digest | str:
    if quoted.size <= quoted.index:
        return f"one of {quoted.size} leaves, which does not cover leaf {quoted.index}"
    try:
        path = layout.checkpoint_at(quoted.origin, quoted.size)
    except FormatError as wrong:
        return str(wrong)
    found = scope.findings.attempt(Check.CHECKPOINT, str(path), lambda: content(scope, path))
    return "none: the file is missing" if found is None else Digest.of_bytes(found)
