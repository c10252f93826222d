"""Logs: derived again from their leaves, held against what was seen of them before, and what they say of captures."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from muniment import layout
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, MunimentError, StoreError, TrustError
from muniment.log import note, tree
from muniment.log.audit import Audited, audit
from muniment.log.journal import ENTRIES, WIDTH, Journal, Steady, covering
from muniment.log.leaf import Leaf, LeafType, unbundle
from muniment.model import Check, Finding, Verdict
from muniment.verify.checks import Scope, judged
from muniment.verify.earlier import Leaves, compare_against, compare_remembered
from muniment.verify.files import refuse_links
from muniment.verify.times import Times, read_times
from muniment.verify.witnesses import check_witnesses, cosigned

__all__ = ["Logs", "Place", "read_logs"]

_PATIENCE: Final = 20
_CAPTURES: Final = frozenset({LeafType.OPEN, LeafType.CAPTURE, LeafType.ABANDONED})
_EVENTS: Final = frozenset({LeafType.EVENT, LeafType.KEY, LeafType.RENEWAL})


@dataclass(frozen=True, slots=True)
class Place:
    """A leaf and where it lies."""

    origin: str
    index: int
    leaf: Leaf


def _unproved(_: str, __: int) -> datetime | None:
    return None


@dataclass(slots=True)
class Logs:
    """What the logs say: the places of the leaves by capture or event, sizes, roots, the origins with damaged leaves.

    ``proved_by`` gives the time by which a leaf was in its log, by origin and index, where a time-stamp that is
    believed shows one.

    ``times`` are what authorities say of their checkpoints.
    """

    places: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    sizes: dict[str, int] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    proved_by: Callable[[str, int], datetime | None] = _unproved
    times: Times = field(default_factory=Times)

    def of(self, capture: str, kind: LeafType) -> tuple[Place, ...]:
        """Return where the leaves of *kind* about *capture* lie."""
        return tuple(place for place in self.places.get(capture, ()) if place.leaf.type is kind)

    def proved(self, name: str, sealed: Digest) -> datetime | None:
        """Return the time by which a log held the file *sealed* of the capture or event *name*, where one is shown."""
        leaves = [place for place in self.places.get(name, ()) if place.leaf.digest == sealed]
        times = [self.proved_by(place.origin, place.index) for place in leaves]
        return min((time for time in times if time is not None), default=None)


def read_logs(scope: Scope, there: tuple[tuple[str, bool], ...]) -> Logs:
    """Audit every log of the archive, keep what is found, and return what the logs say."""
    found = Logs()
    origins = set(scope.outside.origins)
    below = layout.logs().parts
    for path, is_empty in there:
        parts = PurePosixPath(path).parts
        if parts[: len(below)] == below and len(parts) >= len(below) + 2 - is_empty:
            origin = parts[len(below)] if len(parts) > len(below) else ""
            if _is_origin(origin):
                if not layout.is_beside_log(PurePosixPath(*parts[len(below) + 1 :])):
                    scope.findings.accounted.add(path)
                origins.add(origin)
    seen = _seen(scope)
    for origin in sorted(origins | {each for each in seen if _is_origin(each)}):
        _read_log(scope, origin, found, cosigned((path for path, is_empty in there if not is_empty), origin))
    for origin in sorted(each for each in seen if not _is_origin(each)):
        compare_against(scope, Leaves(origin, ()))  # what no folder can be called is not here
    found.times = read_times(scope, there)
    found.proved_by = found.times.proved_by
    return found


def _seen(scope: Scope) -> set[str]:
    """Return the logs of which the verifier brought a checkpoint along: each of them ought to be here."""
    found = set()
    for name, content in scope.outside.against:
        with suppress(FormatError):  # whoever brought it has been told so
            found.add(note.unverified_checkpoint(content, name).origin)
    return found


def _is_origin(name: str) -> bool:
    try:
        layout.log(name)
    except FormatError:
        return False
    return True


def _read_log(scope: Scope, origin: str, found: Logs, beside: tuple[str, ...]) -> None:
    folder = str(layout.log(origin))
    # Before the log, which it must not be ahead of: a capture may be committed at any moment.
    remembered = scope.outside.remembered(origin)
    try:
        refuse_links(scope.root, f"{folder}/checkpoint")
    except StoreError as link:
        scope.findings.add(judged(Check.LOG_FILES, folder, link))
        _compare(scope, Leaves(origin, ()), remembered)
        return
    journal, results = _audited(scope, origin)
    for finding in _about(folder, results):
        scope.findings.add(finding)
    failed = {each.subject for each in results if each.error and not isinstance(each.error, TrustError)}
    _check_newest(scope, journal)
    _note_pending(scope, journal)
    leaves = _leaves(journal, found, failed)
    _note_exchanged(scope, journal)
    kept = Leaves(origin, leaves, damaged=origin in found.damaged)
    _compare(scope, kept, remembered)
    if leaves:
        check_witnesses(scope, kept, beside)
    for index, leaf in enumerate(leaves):
        _place(scope, origin, index, leaf, found)


def _compare(scope: Scope, kept: Leaves, remembered: bytes | None) -> None:
    compare_remembered(scope, kept, remembered)
    compare_against(scope, kept)


def _audited(scope: Scope, origin: str) -> tuple[Steady, tuple[Audited, ...]]:
    """Audit the log as it was at one moment; once more where it grew meanwhile, which would look like extra files."""
    for _ in range(_PATIENCE):
        journal = Steady(scope.root, origin)
        results = tuple(audit(journal, scope.trust.logs))
        if Journal(scope.root, origin).sizes() == journal.sizes():
            break
    return journal, results


def _check_newest(scope: Scope, journal: Steady) -> None:
    # The audit knows only sizes of which a checkpoint is there. That the newest one was lost, only its copy can tell.
    origin = journal.origin
    path = str(layout.checkpoint(origin))
    try:
        claimed = note.unverified_checkpoint(journal.read(PurePosixPath("checkpoint")), path)
    except MunimentError:  # named by the audit already, or not written yet
        return
    if claimed.origin != origin:
        error = IntegrityError(path, expected=f"a checkpoint of {origin}", found=f"one of {claimed.origin}")
        scope.findings.add(judged(Check.CHECKPOINT, path, error))
    elif claimed.size not in journal.sizes():
        lost = str(layout.checkpoint_at(origin, claimed.size))
        error = IntegrityError(lost, expected=f"the checkpoint that {path} is a copy of", found="none: it is missing")
        scope.findings.add(judged(Check.LOG_FILES, lost, error))


def _note_pending(scope: Scope, journal: Steady) -> None:
    with suppress(MunimentError):  # what is damaged is named by the audit
        if pending := journal.pending():
            where = str(layout.log(journal.origin))
            scope.findings.note(Check.LOG_FILES, where, Verdict.ABSENT, f"Noted: {pending.detail}.")


def _note_exchanged(scope: Scope, journal: Steady) -> None:
    for path in journal.exchanged:
        subject = str(layout.log(journal.origin) / path)
        error = IntegrityError(subject, expected="the same file whenever it is read", found="another one meanwhile")
        scope.findings.add(judged(Check.LOG_FILES, subject, error))


def _about(folder: str, results: tuple[Audited, ...]) -> Iterator[Finding]:
    passed: dict[Check, int] = defaultdict(int)
    unknown: list[Audited] = []
    for each in results:
        if each.error is None:
            passed[_check(folder, each)] += 1
        elif isinstance(each.error, TrustError):
            unknown.append(each)
        else:
            yield judged(_check(folder, each), each.subject, each.error)
    if unknown:
        last = unknown[-1]
        further = f"; so are {len(unknown) - 1:,} other checkpoints" if len(unknown) > 1 else ""
        yield judged(Check.CHECKPOINT, last.subject, TrustError(last.detail + further))
    words = {
        Check.CHECKPOINT: "{} checkpoints are signed by the log and are the roots over its leaves",
        Check.LOG_TREE: "{} tiles and entry bundles are what the leaves give",
        Check.LOG_FILES: "{} further files are accounted for",
    }
    for check, number in passed.items():
        yield Finding(check, folder, Verdict.PASS, words[check].format(f"{number:,}"))
    if results and not any(type(each.error) is IntegrityError for each in results):
        yield Finding(Check.LOG_FILES, folder, Verdict.PASS, f"each of {len(results):,} files belongs to the log")


def _check(folder: str, audited: Audited) -> Check:
    # The audit raises a plain IntegrityError for a file that is missing or extra, and for nothing else.
    if type(audited.error) is IntegrityError:
        return Check.LOG_FILES
    below = audited.subject.removeprefix(f"{folder}/")
    if below.startswith("checkpoint"):
        return Check.CHECKPOINT
    return Check.LOG_TREE if below.startswith("tile/") else Check.LOG_FILES


def _leaves(journal: Steady, found: Logs, failed: set[str]) -> list[bytes]:
    """Return the leaves as the entry bundles have them; those behind a bundle that cannot be read are left out."""
    origin = journal.origin
    folder = layout.log(origin)
    size = max(journal.sizes(), default=0)
    leaves: list[bytes] = []
    try:
        while len(leaves) < size:
            path = covering(ENTRIES, len(leaves), size)
            wanted = min(WIDTH, size - len(leaves))
            bundle = unbundle(journal.read(path), folder / path)
            if str(folder / path) in failed or len(bundle) != wanted:
                found.damaged.add(origin)
            leaves += bundle
            if len(bundle) != wanted:
                break
    except (FormatError, IntegrityError, StoreError):  # named already, or by the caller
        found.damaged.add(origin)
    if leaves:
        found.sizes[origin] = len(leaves)
        found.roots[origin] = tree.root(map(tree.leaf_hash, leaves)).hex()
    return leaves


def _place(scope: Scope, origin: str, index: int, octets: bytes, found: Logs) -> None:
    subject = f"{layout.log(origin)} leaf {index}"
    try:
        leaf = Leaf.decode(octets, subject)
    except FormatError as failure:
        found.damaged.add(origin)
        scope.findings.add(judged(Check.LOG_TREE, subject, failure))
        return
    found.places[leaf.id].append(Place(origin, index, leaf))
    for kinds, is_id, what in ((_CAPTURES, layout.is_capture, "a capture"), (_EVENTS, layout.is_event, "an event")):
        if leaf.type in kinds and not is_id(leaf.id):
            error = FormatError(subject, expected=f"the id of {what}", found=repr(leaf.id[:60]))
            scope.findings.add(judged(Check.LOG_TREE, subject, error))
    if leaf.type not in _CAPTURES | _EVENTS:
        detail = f"The leaf is about {leaf.type.value} {leaf.id}, which this version does not know how to verify."
        scope.findings.note(Check.LOG_TREE, subject, Verdict.UNVERIFIABLE, detail)
