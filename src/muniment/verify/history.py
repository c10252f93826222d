"""Who held a capture and when, as far as sealed events tell; what they do not tell is named as a gap."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from muniment import layout, manifest
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.log.leaf import LeafType
from muniment.model import Check, EventType, Verdict
from muniment.verify.checks import Happened, Kept, Scope
from muniment.verify.custody import Paper
from muniment.verify.logs import Logs

__all__ = ["Gap", "History", "Holder", "Step", "history", "note_custody"]

_UNKNOWN: Final = "somebody whom you do not trust"
_SUCCESS: Final = "success"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who held the capture from ``since`` until ``until``; None is until now."""

    name: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to the capture; ``by`` is who is believed to have sealed that it did, else empty."""

    at: datetime
    what: str
    by: str
    agents: tuple[tuple[str, str], ...]
    outcome: str
    note: str
    event: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A time about which nothing is told, and why; ``breaks`` says that somebody else may have held it then."""

    since: datetime
    until: datetime | None
    detail: str
    breaks: bool


@dataclass(frozen=True, slots=True)
class History:
    """The custody of one capture: holders, steps and gaps, each in the order of time."""

    capture: str
    holders: tuple[Holder, ...]
    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...]

    @property
    def is_unbroken(self) -> bool:
        """Whether each moment since sealing has a holder whom a seal that is believed names."""
        return not any(gap.breaks for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class _Closed:
    """A transfer: who gave to whom when, and, where it was accepted, who took it when."""

    event: str
    sender: str
    to: str
    at: datetime
    taken: datetime | None = None
    by: str = ""


def note_custody(scope: Scope, logs: Logs, papers: Mapping[str, Paper]) -> None:
    """Keep a finding about the custody of each capture that changed hands, or of which events leave a gap."""
    concerned = _by_capture(scope, logs, papers)
    for capture, events in sorted(concerned.items()):
        told = _told(capture, scope.findings.captures[capture], events, papers)
        if not told.is_unbroken:
            broken = "; ".join(gap.detail for gap in told.gaps if gap.breaks)
            scope.findings.note(Check.CUSTODY, capture, Verdict.ABSENT, f"Custody has gaps: {broken}.")
        elif len(told.holders) > 1:
            detail = f"held by {' then '.join(holder.name for holder in told.holders)}, each change sealed by both"
            scope.findings.note(Check.CUSTODY, capture, Verdict.PASS, detail)


def history(scope: Scope, logs: Logs, papers: Mapping[str, Paper], capture: str) -> History:
    """Return the custody of *capture*, whose statement was checked; FormatError where it has none."""
    kept = scope.findings.captures.get(capture)
    if kept is None:
        raise FormatError(capture, expected="a capture with a sealed statement", found="none")
    return _told(capture, kept, _by_capture(scope, logs, papers).get(capture, []), papers)


def _by_capture(scope: Scope, logs: Logs, papers: Mapping[str, Paper]) -> dict[str, list[Happened]]:
    statements = {(kept.path, kept.digest): capture for capture, kept in scope.findings.captures.items()}
    found: dict[str, list[Happened]] = {}
    for happened in scope.findings.events:
        for capture in _captures(scope, logs, papers, happened, statements):
            found.setdefault(capture, []).append(happened)
    return found


def _captures(
    scope: Scope,
    logs: Logs,
    papers: Mapping[str, Paper],
    happened: Happened,
    statements: Mapping[tuple[str, Digest], str],
) -> set[str]:
    subjects = set(happened.event.subjects)
    if paper := papers.get(happened.event.id):
        subjects |= set(paper.event.subjects)
    found = {statements[subject] for subject in subjects if subject in statements}
    for name, _ in subjects:
        found |= _covered(scope, logs, PurePosixPath(name))
    return found


def _covered(scope: Scope, logs: Logs, path: PurePosixPath) -> set[str]:
    """Return the captures that the checkpoint file *path* commits to; none for another path."""
    origin = path.parts[len(layout.logs().parts)] if len(path.parts) == len(layout.logs().parts) + 3 else ""
    if origin not in logs.sizes or not path.name.isdigit() or path != layout.checkpoint_at(origin, int(path.name)):
        return set()
    return {
        capture
        for capture in scope.findings.captures
        for place in logs.of(capture, LeafType.CAPTURE)
        if place.origin == origin and place.index < int(path.name)
    }


def _told(capture: str, kept: Kept, events: Sequence[Happened], papers: Mapping[str, Paper]) -> History:
    ordered = sorted(events, key=lambda each: each.event.at)
    closed = _transfers(kept, ordered, papers)
    return History(
        capture,
        tuple(_holders(kept, closed)),
        tuple(_steps(kept, ordered)),
        tuple(sorted(_gaps(kept, ordered, closed), key=lambda gap: gap.since)),
    )


def _steps(kept: Kept, ordered: Sequence[Happened]) -> Iterator[Step]:
    yield Step(kept.opened, "opened", kept.by, (), _SUCCESS, "", "")
    yield Step(kept.closed, "captured and sealed", kept.by, (), _SUCCESS, "", "")
    for each in ordered:
        event = each.event
        agents = tuple((agent.name, agent.role) for agent in event.agents)
        by = each.by.name if each.by else ""
        yield Step(event.at, event.type.value, by, agents, event.outcome, event.note, event.id)


def _transfers(kept: Kept, ordered: Sequence[Happened], papers: Mapping[str, Paper]) -> tuple[_Closed, ...]:
    capture = (kept.path, kept.digest)
    found: dict[str, _Closed] = {}
    for each in ordered:
        if each.event.type is EventType.TRANSFER:
            sender = each.by.name if each.by else _UNKNOWN
            to = str(each.event.detail.get("to", ""))
            found[each.event.id] = _Closed(each.event.id, sender, to, each.event.at)
    for each in ordered:
        paper = papers.get(each.event.id)
        if paper is None:
            continue
        if paper.event.type is EventType.TRANSFER:  # with the receiver: his own event accepts
            sender = paper.by.name if paper.by else ""
            by = each.by.name if each.by and paper.by else ""
            to = str(paper.event.detail.get("to", ""))
            said = _Closed(paper.event.id, sender or _UNKNOWN, to, paper.event.at)
            if capture in each.event.subjects:
                said = replace(said, taken=each.event.at, by=by)
        elif (own := found.get(paper.said.transfer)) and capture in paper.event.subjects:
            said = _Closed(own.event, own.sender, own.to, own.at, paper.event.at, paper.by.name if paper.by else "")
        else:
            continue
        found[said.event] = said
    return tuple(sorted(found.values(), key=lambda each: each.at))


def _holders(kept: Kept, closed: Sequence[_Closed]) -> Iterator[Holder]:
    name, since = kept.by or _UNKNOWN, kept.opened
    for each in closed:
        yield Holder(name, since, each.at)
        name = each.by or f"{_UNKNOWN if each.taken else 'nobody who said so'} (meant for {each.to!r})"
        since = each.taken or each.at
    yield Holder(name, since)


def _gaps(kept: Kept, ordered: Sequence[Happened], closed: Sequence[_Closed]) -> Iterator[Gap]:
    if not kept.by:
        yield Gap(kept.opened, kept.closed, "who sealed the capture is nobody whom you trust", breaks=True)
    for each in ordered:
        if each.by is None:
            detail = f"the {each.event.type} {each.event.id} is told by nobody whom you trust"
            yield Gap(each.event.at, None, detail, breaks=True)
    for transfer in closed:
        yield _in_transit(transfer)
    checks = [each.event for each in ordered if each.event.type is EventType.FIXITY_CHECK]
    if not checks:
        yield Gap(kept.closed, None, "no fixity check is recorded since it was sealed", breaks=False)
    else:
        detail = "no fixity check is recorded between sealing and the first one"
        yield Gap(kept.closed, checks[0].at, detail, breaks=False)
    for check in checks:
        if check.outcome != _SUCCESS:
            detail = f"the fixity check {check.id} did not pass: {check.outcome}"
            yield Gap(check.at, None, detail, breaks=True)


def _in_transit(each: _Closed) -> Gap:
    at = manifest.timestamp(each.at)
    if each.taken is None:
        detail = f"nobody accepted the transfer {each.event} to {each.to!r} of {at}"
        return Gap(each.at, None, detail, breaks=True)
    if not each.by:
        detail = f"who accepted the transfer {each.event} to {each.to!r} is nobody whom you trust"
        return Gap(each.at, each.taken, detail, breaks=True)
    if each.by == each.sender:
        detail = f"the transfer {each.event} to {each.to!r} was accepted by its own sender"
        return Gap(each.at, each.taken, detail, breaks=True)
    if each.taken < each.at:
        detail = f"the transfer {each.event} was accepted before it was made, by the clocks of the two"
        return Gap(each.taken, each.at, detail, breaks=True)
    return Gap(each.at, each.taken, f"on its way from {each.sender!r} to {each.by!r}", breaks=False)
