"""What others have seen of a log, held against its leaves: remembered here, kept outside, cosigned by witnesses.

A checkpoint that somebody keeps is what an insider with every key cannot take back: the log has to begin with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from muniment import layout
from muniment.errors import FormatError, LogForked, MunimentError, TrustError
from muniment.log import note, tree
from muniment.log.cosignature import cosignatures
from muniment.model import Check, Verdict
from muniment.verify.checks import Scope, finding, judged
from muniment.verify.trust import Trust

__all__ = ["Leaves", "compare_against", "compare_remembered"]


@dataclass(slots=True)
class Leaves:
    """The leaves of the log *origin* as far as they can be read; *damaged* says that they are not all as they were."""

    origin: str
    leaves: Sequence[bytes]
    damaged: bool = False
    _roots: dict[int, bytes] = field(default_factory=dict)

    def prepare(self, sizes: Iterable[int]) -> None:
        """Compute the roots at all *sizes* in one pass, so that none of them costs one of its own."""
        wanted = set(sizes) - self._roots.keys()
        frontier = tree.Frontier()
        for leaf in self.leaves if wanted else ():
            frontier.push(tree.leaf_hash(leaf))
            if frontier.size in wanted:
                self._roots[frontier.size] = frontier.root()

    def extend(self, seen: note.Checkpoint, where: object) -> str:
        """Say that the log begins with what was *seen* of it; LogForked where it does not.

        TrustError where leaves are damaged, so that nobody can tell.
        """
        if len(self.leaves) < seen.size and not self.damaged:
            raise LogForked(where, expected=f"at least {seen.size} leaves", found=f"{len(self.leaves)}")
        if self.damaged:
            raise TrustError(f"{where}: leaves are damaged, so the log could not be compared with what was seen of it")
        if not seen.size:
            raise FormatError(where, expected="a checkpoint of at least one leaf", found="one of none")
        self.prepare([seen.size])
        root = self._roots[seen.size]
        if root != seen.root:
            raise LogForked(where, expected=f"the root {seen.root.hex()} at {seen.size} leaves", found=root.hex())
        return f"{len(self.leaves):,} leaves extend the {seen.size:,}"


def compare_remembered(scope: Scope, kept: Leaves, remembered: bytes | None) -> None:
    """Hold the log against the newest checkpoint that this machine has seen of it."""
    folder = str(layout.log(kept.origin))
    if remembered is None:
        detail = "This machine has not seen this log before, so an older copy could not be told from the newest one."
        if kept.leaves:
            scope.findings.note(Check.ROLLBACK, folder, Verdict.ABSENT, detail)
        return

    def extended() -> str:
        seen = note.open_checkpoint(remembered, scope.trust.logs, folder)
        if seen.origin != kept.origin:
            raise FormatError(
                folder, expected=f"a remembered checkpoint of {kept.origin}", found=f"one of {seen.origin}"
            )
        return f"{kept.extend(seen, folder)} that this machine has seen"

    scope.findings.add(finding(Check.ROLLBACK, folder, extended))


def compare_against(scope: Scope, kept: Leaves) -> None:
    """Hold the log against each old checkpoint of it that the verifier brought along."""
    for name, content in scope.outside.against:
        try:
            if note.unverified_checkpoint(content, name).origin != kept.origin:
                continue
            seen, by = _vouched(content, scope.trust, name)
            detail = f"{kept.extend(seen, name)} of {name}, signed by {by}"
        except TrustError as unknown:
            scope.findings.add(judged(Check.AGAINST, name, _undecided(kept, content, name, unknown)))
        except MunimentError as failure:
            scope.findings.add(judged(Check.AGAINST, name, failure))
        else:
            scope.findings.note(Check.AGAINST, name, Verdict.PASS, detail)
            scope.findings.kept[kept.origin] = max(scope.findings.kept.get(kept.origin, 0), seen.size)


def _vouched(content: bytes, trust: Trust, name: str) -> tuple[note.Checkpoint, str]:
    # A witness who is trusted vouches for what was shown, even where the log's key is not known.
    try:
        return note.open_checkpoint(content, trust.logs, name), "the log"
    except TrustError:
        held = {each.key: each.name for each in trust.witnesses}
        found = cosignatures(content, held, name)
        if not found:
            raise
        return found[0].checkpoint, f"the witness {held[found[0].key]!r}"


def _undecided(kept: Leaves, content: bytes, name: str, unknown: TrustError) -> TrustError:
    try:
        kept.extend(note.unverified_checkpoint(content, name), name)
    except (LogForked, FormatError):
        return TrustError(f"{unknown}. The log here does not begin with what it says: find out who signed it")
    except TrustError:
        return unknown
    return TrustError(f"{unknown}. What it says agrees with the log here")
