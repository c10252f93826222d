"""One capture: its sealed statements, its place in a log, its files, and whether all of them agree."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from muniment import canonical, durable, layout, manifest
from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, IntegrityError
from muniment.log.leaf import LeafType
from muniment.manifest import Description, Opening, Statement
from muniment.model import Check, Verdict
from muniment.verify.checks import Kept, Scope, finding, judged
from muniment.verify.custody import excused
from muniment.verify.files import content
from muniment.verify.logs import Logs
from muniment.verify.manifests import Lines, check_manifest
from muniment.verify.statements import (
    Sealed,
    agree,
    check_entry,
    check_opening_place,
    read_opening,
    read_statement,
)
from muniment.verify.times import check_time

__all__ = ["check_capture", "is_alive", "note_never_begun"]


def is_alive(scope: Scope, capture: str) -> bool:
    """Say whether a process of this machine is writing *capture* just now."""
    return durable.held(scope.root / layout.lock(capture))


def check_capture(scope: Scope, capture: str, logs: Logs, there: frozenset[str], *, alive: bool) -> None:
    """Make every check of *capture*; *there* are the archive's files, *alive* says that it was being made then."""
    closed = logs.of(capture, LeafType.CAPTURE)
    has_statement = str(layout.statement(capture)) in there
    if not closed and alive:
        detail = "The capture is being made now; it is verified when it is closed."
        scope.findings.note(Check.OPEN_CAPTURES, capture, Verdict.ABSENT, detail)
        return
    scope.findings.counts["captures"] += 1
    opening = read_opening(scope, logs, capture)
    entry = check_entry(scope, logs, capture, LeafType.OPEN, opening) if opening else None
    if opening is not None:
        _check_opening(scope, capture, opening)
    if not closed and not has_statement:
        _never_closed(scope, capture, logs, opening, there)
        return
    statement = read_statement(scope, logs, capture, layout.statement(capture))
    if statement is not None:
        if (said := statement.unverified) is not None:
            by = statement.operator.name if statement.operator else ""
            kept = Kept(statement.path, statement.digest, said.opened, said.closed, by)
            scope.findings.captures[capture] = kept
        _check_closing(scope, capture, logs, statement)
        if opening is not None and entry is not None:
            check_opening_place(scope, statement, opening, entry)
    _check_contents(scope, capture, opening, statement, there)


def note_never_begun(scope: Scope, capture: str) -> None:
    """Note a capture that has empty folders, and neither a file nor a leaf: undecided, because it may be two things.

    It hides nothing: whoever took the files and the leaves away can take the folders away, too. That a log was cut
    back is told by its checkpoints that others have seen.
    """
    detail = (
        "Its folders are empty, and no log here names it. Either it was cut short before its opening was sealed, and "
        "so before anything was fetched (then `muniment recover` removes the folders), or its files were taken away "
        "and the log was cut back."
    )
    scope.findings.note(Check.OPEN_CAPTURES, capture, Verdict.UNVERIFIABLE, detail)


def _check_opening(scope: Scope, capture: str, opening: Sealed[Opening]) -> None:
    if opening.unverified is not None:
        said = opening.unverified
        opened = layout.opened_at(capture)
        agree(
            scope,
            Check.OPENING,
            opening.path,
            [("capture", capture, said.capture), ("time of opening", opened, said.opened.replace(microsecond=0))],
        )


def _never_closed(
    scope: Scope, capture: str, logs: Logs, opening: Sealed[Opening] | None, there: frozenset[str]
) -> None:
    for place in logs.of(capture, LeafType.ABANDONED):
        if opening is not None and place.leaf.digest != opening.digest:
            where = f"leaf {place.index} of {place.origin}"
            error = DigestMismatch(where, expected=str(opening.digest), found=str(place.leaf.digest))
            scope.findings.add(judged(Check.OPEN_CAPTURES, opening.path, error))
            return
        detail = f"Opened, and given up before anything else was sealed (leaf {place.index} of {place.origin})."
        scope.findings.note(Check.OPEN_CAPTURES, capture, Verdict.ABSENT, detail)
        return
    detail = (
        "The capture was opened and never closed: nothing sealed says what it holds. If it was cut short, "
        "`muniment recover` seals what there is; files that were taken away cannot be told from files never written."
    )
    scope.findings.note(Check.OPEN_CAPTURES, capture, Verdict.UNVERIFIABLE, detail)
    folders = {str(layout.evidence(capture)), str(layout.claims(capture))}
    scope.findings.accounted.update(path for path in there if str(PurePosixPath(path).parent) in folders)


def _check_closing(scope: Scope, capture: str, logs: Logs, statement: Sealed[Statement]) -> None:
    closed, opened = logs.of(capture, LeafType.CAPTURE), logs.of(capture, LeafType.OPEN)
    if not closed and opened:
        detail = (
            "A statement is there, but no log holds it, only the capture's opening: it was cut short before it was "
            "committed (`muniment recover` finishes it), or the log was cut back."
        )
        scope.findings.note(Check.LOG_ENTRY_CAPTURE, statement.path, Verdict.UNVERIFIABLE, detail)
        return
    entry = check_entry(scope, logs, capture, LeafType.CAPTURE, statement)
    if statement.unverified is not None:
        place = (entry.origin, entry.index) if entry else None
        check_time(scope, logs.times, statement.unverified, statement.path, place)

    def closes() -> str:
        first = opened[0] if opened else None
        if entry and first and (entry.origin != first.origin or entry.index < first.index):
            expected = f"a closing behind leaf {first.index} of {first.origin}, which opened it"
            raise IntegrityError(statement.path, expected=expected, found=f"leaf {entry.index} of {entry.origin}")
        return "opened and closed"

    scope.findings.add(finding(Check.OPEN_CAPTURES, capture, closes))


def _check_contents(
    scope: Scope,
    capture: str,
    opening: Sealed[Opening] | None,
    statement: Sealed[Statement] | None,
    there: frozenset[str],
) -> None:
    said = statement.unverified if statement else None
    sealed = _subjects(scope, capture, said, there)
    _note_deletions(scope, capture, sealed, there)
    _check_sums(scope, capture, said)
    _check_context(scope, capture, sealed)
    cut = said is not None and said.recovered is not None
    lines = check_manifest(scope, capture, sealed, cut=cut)
    if lines is not None and said is not None and statement is not None:
        _check_statement(scope, capture, statement.path, said, lines)
    if opening is not None and opening.unverified is not None:
        began = opening.unverified
        pairs: list[tuple[str, Any, Any]] = []
        if lines is not None and lines.description is not None:
            pairs.append(("seed, which the opening commits to", began.seed, lines.description.seed))
        if said is not None:
            pairs.append(("time of opening", began.opened, said.opened))
        if pairs:
            agree(scope, Check.OPENING, opening.path, pairs)


def _subjects(scope: Scope, capture: str, said: Statement | None, there: frozenset[str]) -> dict[str, Digest | None]:
    """Return the files that the statement seals, with their digests; without one, those that are there, with none.

    A name that is not that of one of this capture's files is a finding and is never opened.
    """
    known = [str(layout.manifest(capture)), str(layout.context(capture))]
    if said is None:
        folder = layout.evidence(capture)
        warcs = sorted(each for each in there if PurePosixPath(each).parent == folder and each.endswith(".warc.gz"))
        return dict.fromkeys([*warcs, *known])
    found = [name for name, _ in said.subjects]
    # What a recovery set aside of a capture that a crash cut short is sealed, too, as bytes that are no record.
    torn = [name for name in found if said.recovered and layout.is_torn(PurePosixPath(name), capture)]
    number = max(len(said.subjects) - len(known) - len(torn), 0)
    expected = [*(str(layout.warc(capture, each)) for each in range(number)), *torn, *known]
    agree(
        scope,
        Check.STATEMENT,
        str(layout.statement(capture)),
        [("files that it seals", ", ".join(expected), ", ".join(found))],
    )
    allowed = set(expected)
    return {name: digest for name, digest in said.subjects if name in allowed}


def _note_deletions(scope: Scope, capture: str, sealed: dict[str, Digest | None], there: frozenset[str]) -> None:
    """Say which of the *sealed* files an event tells to be deleted; those that are gone are then looked for no more."""
    for name, digest in sealed.items():
        event = scope.findings.deletions.get((name, digest)) if digest else None
        if digest is None or event is None or PurePosixPath(name).parent != layout.evidence(capture):
            continue
        if name in there:
            detail = f"The event {event.event.id} says that this file was deleted. It is here, and is verified."
            scope.findings.note(Check.DELETION, name, Verdict.ABSENT, detail)
            continue
        scope.findings.gone.add(name)
        scope.findings.add(excused(event, name, digest))


def _check_sums(scope: Scope, capture: str, said: Statement | None) -> None:
    path = str(layout.sums(capture))
    found = scope.findings.attempt(Check.FILE, path, lambda: content(scope, path))
    if found is None:
        return
    if said is None:
        detail = "There is no statement to hold it against, so its sums prove nothing."
        scope.findings.note(Check.SUMS, path, Verdict.UNVERIFIABLE, detail)
        return
    wanted = manifest.sums(said.subjects)

    def equal() -> str:
        if found == wanted:
            return f"lists exactly the {len(said.subjects)} files that the statement seals"
        ours, theirs = wanted.split(b"\n"), found.split(b"\n")
        number = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), len(ours))
        raise IntegrityError(f"{path}, line {number + 1}", expected=_line(ours, number), found=_line(theirs, number))

    scope.findings.add(finding(Check.SUMS, path, equal))


def _line(lines: list[bytes], number: int) -> str:
    return lines[number].decode(errors="backslashreplace")[:300] or "nothing" if number < len(lines) else "nothing"


def _check_context(scope: Scope, capture: str, sealed: dict[str, Digest | None]) -> None:
    path = str(layout.context(capture))
    found = scope.findings.attempt(Check.FILE, path, lambda: content(scope, path))
    if found is None:
        return
    scope.findings.digest(path, sealed.get(path), Digest.of_bytes(found))

    def parsed() -> str:
        said = canonical.decode(found, path)
        if not isinstance(said, dict) or said.get("capture") != capture:
            raise FormatError(path, expected=f"the context of {capture}", found="that of another capture")
        if said.get("v") != 1 or said["v"] is True:
            raise FormatError(path, expected="v 1", found=repr(said.get("v"))[:60])
        if canonical.encode(said) + b"\n" != found:
            raise FormatError(path, expected="canonical JSON and one LF", found="another spelling of it")
        return "well-formed, and about this capture"

    scope.findings.add(finding(Check.CONTEXT, path, parsed))


def _check_statement(scope: Scope, capture: str, path: str, said: Statement, lines: Lines) -> None:
    about = lines.description
    _note_recovery(scope, path, said)
    agree(scope, Check.STATEMENT, path, _pairs(capture, said, lines, about))
    subject = str(layout.manifest(capture))

    def rooted() -> str:
        root = Digest("sha256", lines.frontier.root())
        if root != said.root:
            raise DigestMismatch(f"{subject}, Merkle root", expected=str(said.root), found=str(root))
        return f"the root over {lines.number:,} lines is the one that was sealed"

    scope.findings.add(finding(Check.MERKLE_ROOT, subject, rooted))


def _note_recovery(scope: Scope, path: str, said: Statement) -> None:
    if said.recovered is not None:
        found = said.recovered
        detail = (
            f"The capture was cut short and sealed afterwards by {found.by}: {found.gap_seconds:,} seconds lie between "
            f"the last record and the recovery, and {found.set_aside_bytes:,} bytes that are no whole record were set "
            "aside."
        )
        scope.findings.note(Check.CAPTURE_VERDICT, path, Verdict.ABSENT, detail)


def _pairs(capture: str, said: Statement, lines: Lines, about: Description | None) -> Iterator[tuple[str, Any, Any]]:
    yield "capture", capture, said.capture
    yield "time of opening, which the capture's name carries", layout.opened_at(capture), _second(said)
    yield "time of closing", True, said.closed >= said.opened
    yield "number of records", said.records, lines.records
    yield "number of attempts", said.attempts, lines.attempts
    if about is not None:
        yield "capture that the manifest describes", capture, about.capture
        yield "resources recorded, at most those asked for", True, about.recorded <= about.asked


def _second(said: Statement) -> Any:
    return said.opened.replace(microsecond=0)
