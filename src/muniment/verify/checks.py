"""One check, one finding: the only place where errors become findings."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Final, TypeVar

from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, MunimentError, StoreError, TrustError, Unsupported
from muniment.manifest import Event
from muniment.model import Check, Finding, Verdict
from muniment.verify.trust import Operator, Trust

__all__ = ["Depth", "Findings", "Happened", "Kept", "Outside", "Scope", "finding", "judged"]

Made = TypeVar("Made")


class Depth(Enum):
    """How far each record is read: RECORDS digests what was stored, PAYLOADS what it decodes to as well."""

    RECORDS = auto()
    PAYLOADS = auto()


def _nothing(_: str) -> bytes | None:
    return None


def _silent(_: str, __: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Outside:
    """What the caller knows and the archive cannot say of itself.

    ``remembered`` gives the newest checkpoint that this machine has seen of a log, by origin. ``origins`` are logs
    that ought to be here. ``against`` are old checkpoints that somebody kept, each with its name. ``strict`` says that
    what matters and is absent is not passed over. ``host_keys`` are the keyids whose private keys lie on this machine.
    ``progress`` is told each file's path and how many octets of it were read since the last time. ``at`` is the day for
    which it is asked which tokens have lapsed; None asks for none.
    """

    remembered: Callable[[str], bytes | None] = _nothing
    origins: tuple[str, ...] = ()
    against: tuple[tuple[str, bytes], ...] = ()
    strict: bool = False
    host_keys: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    progress: Callable[[str, int], None] = _silent
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that is what a log holds, at leaf *index* of *origin*: what it says, its file and that file's digest.

    ``by`` is the operator who is believed to have sealed it; None means that nobody whom the verifier trusts did, so
    that it is a claim by somebody unknown.
    """

    event: Event
    path: str
    digest: Digest
    origin: str
    index: int
    by: Operator | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A capture by its sealed statement: the file, its digest, when it was opened and closed, who is believed for it.

    ``by`` is empty where nobody is.
    """

    path: str
    digest: Digest
    opened: datetime
    closed: datetime
    by: str


@dataclass(slots=True)
class Findings:
    """The findings so far, in the order in which they were made, and what was gathered on the way.

    ``accounted`` are the files that some check owns, ``signers`` the operators whose seals were good, ``handshakes``
    the numbers of connections by what is shown of their handshakes, ``shaken`` marks of those that were seen,
    ``events`` the events that logs hold, by log and in its order,
    ``witnesses`` how many leaves of each log each trusted witness has seen, ``stamped`` how many of each log stand
    under a time-stamp that is believed, ``kept`` how many an old checkpoint covers that the verifier brought along,
    ``deletions`` the events that tell of a deletion by path and digest of the file, ``gone`` the paths of files that
    are not here because of one, ``captures`` those that have a statement,
    ``pending`` the logs of which a time-stamp was cut short.
    """

    made: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"captures": 0, "records": 0, "attempts": 0, "bytes": 0})
    accounted: set[str] = field(default_factory=set)
    signers: set[str] = field(default_factory=set)
    handshakes: Counter[Verdict] = field(default_factory=Counter)
    shaken: set[bytes] = field(default_factory=set)
    events: list[Happened] = field(default_factory=list)
    witnesses: dict[str, dict[str, int]] = field(default_factory=dict)
    stamped: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    deletions: dict[tuple[str, Digest], Happened] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    captures: dict[str, Kept] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)

    def add(self, made: Finding) -> None:
        """Keep *made*."""
        self.made.append(made)

    def note(self, check: Check, subject: str, verdict: Verdict, detail: str) -> None:
        """Keep a finding that needs no attempt."""
        self.made.append(Finding(check, subject, verdict, detail))

    def digest(self, path: str, sealed: Digest | None, found: Digest) -> None:
        """Hold what the file *path* digests to against what was *sealed*; nothing is said where that is not known."""
        if sealed is None:
            return
        same = sealed == found
        detail = "the file is, byte for byte, the one that was sealed" if same else _FAILURES[Check.FILE_DIGEST]
        verdict = Verdict.PASS if same else Verdict.FAIL
        self.made.append(Finding(Check.FILE_DIGEST, path, verdict, detail, str(sealed), str(found)))

    def attempt(self, check: Check, subject: str, make: Callable[[], Made]) -> Made | None:
        """Return what *make* returns, or None where it raised: then that is a finding."""
        try:
            return make()
        except MunimentError as failure:
            self.made.append(judged(check, subject, failure))
            return None

    def made_any(self, verdict: Verdict) -> bool:
        """Say whether any finding has *verdict*."""
        return any(each.verdict is verdict for each in self.made)


@dataclass(frozen=True, slots=True)
class Scope:
    """What every check needs: the archive's root, the verifier's trust, the outside, the depth, and the findings."""

    root: Path
    trust: Trust
    outside: Outside
    depth: Depth
    findings: Findings

    @property
    def lacking(self) -> Verdict:
        """The verdict on what matters and is simply not there: noted, or unverifiable where the verifier is strict."""
        return Verdict.UNVERIFIABLE if self.outside.strict else Verdict.ABSENT


def finding(check: Check, subject: str, attempt: Callable[[], str]) -> Finding:
    """Make one check and say what it found; a check never stops the others."""
    try:
        return Finding(check, subject, Verdict.PASS, attempt())
    except MunimentError as failure:
        return judged(check, subject, failure)


_FAILURES: Final[Mapping[Check, str]] = {
    Check.FILE_DIGEST: "The file is not the one that was sealed.",
    Check.SUMS: "SHA256SUMS does not list exactly what was sealed.",
    Check.STATEMENT_SIGNATURE: "The seal on the statement is missing, damaged or forged.",
    Check.OPENING_SIGNATURE: "The seal on the opening is missing, damaged or forged.",
    Check.STATEMENT: "The statement is malformed, or contradicts what lies around it.",
    Check.OPENING: "The opening is malformed, or contradicts what lies around it.",
    Check.MANIFEST: "The manifest is damaged or malformed.",
    Check.MERKLE_ROOT: "The lines of the manifest do not have the Merkle root that was sealed.",
    Check.CONTEXT: "The context is damaged or malformed.",
    Check.WARC_STRUCTURE: "The record is damaged or malformed.",
    Check.MANIFEST_WARC: "The WARC file and the manifest contradict each other.",
    Check.PAYLOAD: "The payload is not what its line in the manifest says.",
    Check.CHECKPOINT: "The checkpoint is not one that the log's key signed over these leaves.",
    Check.LOG_TREE: "This part of the log does not agree with the rest of it.",
    Check.LOG_FILES: "A file of the log is missing, or lies there without belonging to it.",
    Check.LOG_ENTRY_OPENING: "No log here holds exactly this opening, once.",
    Check.LOG_ENTRY_CAPTURE: "No log here holds exactly this statement, once.",
    Check.EVENT_SIGNATURE: "The seal on the event is missing, damaged or forged.",
    Check.EVENT: "The event is malformed, or contradicts what lies around it.",
    Check.LOG_ENTRY_EVENT: "No log here holds exactly this event, once, as an event of its type.",
    Check.KEY_EVENT: "The event about a key is not sealed as it must be, or says what cannot be.",
    Check.CUSTODY: "What is said of custody is forged, damaged, or contradicts itself.",
    Check.DELETION: "The event that should tell of the deletion does not excuse it.",
    Check.OPEN_CAPTURES: "The capture was not closed where it was opened.",
    Check.ROLLBACK: "The log is not the one that this machine has seen: rolled back, rewritten, or an older copy.",
    Check.AGAINST: "The log does not begin with what this old checkpoint says: rolled back, rewritten or forked.",
    Check.WITNESSES: "The cosignature is forged or damaged, or its witness saw another log.",
    Check.HANDSHAKE: "The evidence of the handshake is forged, damaged, or that of another connection.",
    Check.TIME_TOKEN: "The token does not prove a time of this checkpoint: damaged, forged, or over something else.",
    Check.TIME_PROVED: "The times that the statement claims contradict what authorities signed.",
    Check.TIME_LAPSE: "The renewal is not what was sealed.",
    Check.PUBLIC_KEYS: "The key file is damaged, or is not the key that you trust.",
}
"""What it means that a check failed, where the check does not say it more exactly itself."""

_UNREAD: Final[Mapping[type[BaseException], str]] = {
    FileNotFoundError: "The file is missing.",
    IsADirectoryError: "A folder is where a file should be.",
}


def judged(check: Check, subject: str, failure: MunimentError) -> Finding:
    """Return what *failure* means: damage and forgery fail, what no trust decides is unverifiable.

    A file that this user may not read is unverifiable, too. Any other error is a bug of ours and is raised again.
    """
    match failure:
        case Unsupported():
            detail = f"This version cannot check it: expected {failure.expected}, found {failure.found}."
            return Finding(check, subject, Verdict.UNVERIFIABLE, detail)
        case FormatError() | IntegrityError():
            sentence = _FAILURES.get(check, "This is not what was sealed.")
            if further := "" if subject.startswith(failure.where) else failure.where.removeprefix(subject):
                sentence = f"{sentence.removesuffix('.')} ({further.lstrip(', ')})."
            return Finding(check, subject, Verdict.FAIL, sentence, failure.expected, failure.found)
        case TrustError():
            detail = str(failure).removeprefix(f"{subject}: ")
            return Finding(check, subject, Verdict.UNVERIFIABLE, detail[:1].upper() + detail[1:])
        case StoreError():
            return _unread(check, subject, failure)
    raise failure


def _unread(check: Check, subject: str, failure: StoreError) -> Finding:
    cause = failure.__cause__
    if isinstance(cause, PermissionError):
        detail = "This user may not read the file; verify as one who may."
        return Finding(check, subject, Verdict.UNVERIFIABLE, detail)
    detail = next((text for kind, text in _UNREAD.items() if isinstance(cause, kind)), "The file could not be read.")
    return Finding(check, subject, Verdict.FAIL, detail, "a regular file", failure.what)
