"""Custody: which papers close which transfers, what holds forbid, which deletions excuse a file that is gone."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from muniment import manifest
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError
from muniment.manifest import Acceptance, Event
from muniment.model import Check, EventType, Finding, Verdict
from muniment.seal import dsse
from muniment.verify.checks import Happened, Scope, finding, judged
from muniment.verify.logs import Logs
from muniment.verify.trust import Operator

__all__ = ["Paper", "check_custody", "excused"]

_SENT: Final = frozenset({EventType.TRANSFER, EventType.REPLICATION})


@dataclass(frozen=True, slots=True)
class Paper:
    """A sealed event of the other side that closes a transfer: what it says and who is believed to have sealed it."""

    event: Event
    said: Acceptance
    by: Operator | None


def check_custody(scope: Scope, logs: Logs) -> dict[str, Paper]:
    """Check what events of custody say beside their seals; return the papers by the id of the event that keeps each.

    Deletions that no hold forbids are kept among the findings.
    """
    papers: dict[str, Paper] = {}
    for happened in scope.findings.events:
        event, where = happened.event, happened.path
        if event.type in _SENT:
            scope.findings.attempt(Check.EVENT, where, partial(manifest.receiver, event, where))
        elif event.type is EventType.LEGAL_HOLD:
            scope.findings.attempt(Check.EVENT, where, partial(manifest.hold, event, where))
        elif event.type is EventType.ACCEPTANCE:
            _check_acceptance(scope, logs, happened, papers)
    for happened in scope.findings.events:
        if happened.event.type is EventType.DELETION:
            _check_deletion(scope, happened)
    return papers


def _check_acceptance(scope: Scope, logs: Logs, happened: Happened, papers: dict[str, Paper]) -> None:
    where = happened.path
    said = scope.findings.attempt(Check.CUSTODY, where, partial(manifest.acceptance, happened.event, where))
    if said is None:
        return
    sealed = said.paper.encode(errors="backslashreplace")
    inside = f"{where}, its paper"
    paper = scope.findings.attempt(Check.CUSTODY, where, lambda: _read(sealed, inside))
    if paper is None:
        return
    pair = finding(Check.CUSTODY, where, lambda: _paired(scope, happened, said, paper))
    scope.findings.add(pair)
    if pair.verdict is not Verdict.PASS:
        return
    believed: list[Operator] = []

    def opened() -> str:
        seal = dsse.open(sealed, scope.trust.keys, manifest.PAYLOAD_TYPE, inside)
        believed.append(scope.trust.vouch(seal, paper.at, inside, logs.proved(happened.event.id, happened.digest)))
        return f"the {paper.type} {paper.id} is sealed by {believed[0].name!r}"

    sealed_by = finding(Check.CUSTODY, inside, opened)
    scope.findings.add(sealed_by)
    if sealed_by.verdict is not Verdict.FAIL:
        papers[happened.event.id] = Paper(paper, said, believed[0] if believed else None)


def _read(sealed: bytes, where: str) -> Event:
    return manifest.decode_event(dsse.unverified_payload(sealed, where), where)


def _paired(scope: Scope, happened: Happened, said: Acceptance, paper: Event) -> str:
    where = happened.path
    digest = Digest.of_bytes(said.paper.encode())
    if (f"{paper.id}.dsse.json", digest) not in happened.event.subjects:
        raise IntegrityError(where, expected=f"the subject {paper.id}.dsse.json with {digest}", found="another")
    if paper.type is EventType.TRANSFER:
        if (paper.id, digest) != (said.transfer, said.sealed):
            raise IntegrityError(
                where, expected=f"the transfer {said.transfer}, {said.sealed}", found=f"{paper.id}, {digest}"
            )
        return f"accepts the transfer {paper.id}, exactly as it was sealed"
    other = manifest.acceptance(paper, f"{where}, its paper")
    if (other.transfer, other.sealed) != (said.transfer, said.sealed):
        expected = f"an acceptance of {said.transfer}, {said.sealed}"
        raise IntegrityError(where, expected=expected, found=f"one of {other.transfer}, {other.sealed}")
    own = next((each for each in scope.findings.events if each.event.id == said.transfer), None)
    if own is None or own.digest != said.sealed or own.event.type is not EventType.TRANSFER:
        raise IntegrityError(where, expected=f"the transfer {said.transfer} here, {said.sealed}", found="no such one")
    return f"the receiver accepted the transfer {said.transfer}, exactly as it was sealed here"


def _check_deletion(scope: Scope, happened: Happened) -> None:
    event = happened.event
    forbidden = [
        each.event.id
        for each in scope.findings.events
        if each.event.type is EventType.LEGAL_HOLD
        and set(each.event.subjects) & set(event.subjects)
        and _is_before(each, happened)
        and _holds(scope, each, happened)
    ]
    if forbidden:
        error = IntegrityError(
            happened.path, expected="no deletion under a legal hold", found=f"the hold {forbidden[0]}"
        )
        scope.findings.add(judged(Check.CUSTODY, happened.path, error))
        return
    for subject in event.subjects:
        scope.findings.deletions.setdefault(subject, happened)


def _holds(scope: Scope, placed: Happened, deletion: Happened) -> bool:
    """Say whether *placed* is a hold by somebody who is believed, that nobody who is believed lifted before."""
    try:
        said = manifest.hold(placed.event, placed.path)
    except FormatError:  # named already
        return False
    if said.lifted or placed.by is None:
        return False
    return not any(
        each.event.type is EventType.LEGAL_HOLD
        and each.by is not None
        and each.event.detail == {"hold": "lifted", "placed": placed.event.id}
        and _is_before(each, deletion)
        for each in scope.findings.events
    )


def _is_before(one: Happened, other: Happened) -> bool:
    # Within a log its order decides, which nobody chooses afterwards; between logs there are only the clocks.
    if one.origin == other.origin:
        return one.index < other.index
    return one.event.at < other.event.at


def excused(happened: Happened, path: str, digest: Digest) -> Finding:
    """Return the finding about the file *path* that is gone because of *happened*: never that it is intact."""
    event = happened.event
    told = f"Not here: deleted, says the event {event.id} of {manifest.timestamp(event.at)}"
    if happened.by is None:
        detail = f"{told}, which nobody whom you trust has sealed."
        return Finding(Check.DELETION, path, Verdict.UNVERIFIABLE, detail, str(digest), "no file")
    detail = f"{told}, sealed by {happened.by.name!r}. Its digests stay; its bytes cannot be verified any more."
    return Finding(Check.DELETION, path, Verdict.ABSENT, detail, str(digest), "no file")
