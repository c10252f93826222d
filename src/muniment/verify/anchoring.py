"""Whether anybody outside has seen a log: the question on which all that a log proves depends."""

from muniment import layout
from muniment.model import Check, Verdict
from muniment.verification import Anchor
from muniment.verify.checks import Scope
from muniment.verify.logs import Logs

__all__ = ["note_anchored"]


def note_anchored(scope: Scope, logs: Logs, only: str | None) -> Anchor:
    """Note for each log whether somebody outside has seen it as far as it matters; return the weakest of the answers.

    For the one capture *only* it matters as far as its leaves, else as far as all leaves. Asked after the checks of
    witnesses and time-stamps, whose findings decide it.
    """
    found = []
    for origin, size in sorted(logs.sizes.items()):
        wanted = size
        if only is not None:
            wanted = max((each.index + 1 for each in logs.places.get(only, ()) if each.origin == origin), default=0)
        if wanted:
            found.append(_note(scope, origin, wanted, size))
    order = list(Anchor)
    return min(found, key=order.index, default=Anchor.ABSENT)


def _note(scope: Scope, origin: str, wanted: int, size: int) -> Anchor:
    findings = scope.findings
    folder = str(layout.log(origin))
    witnessed = max(findings.witnesses.get(origin, {}).values(), default=0)
    stamped = findings.stamped.get(origin, 0)
    for anchor, covered, by in (
        (Anchor.WITNESSED, witnessed, "a witness whom you trust"),
        (Anchor.STAMPED, stamped, "a time-stamping authority whom you trust"),
    ):
        if covered >= wanted:
            detail = f"{anchor}: {by} was shown the log with {covered:,} of its {size:,} leaves."
            findings.note(Check.ANCHORED, folder, Verdict.PASS, detail)
            return anchor
    anchor = Anchor.PENDING if origin in scope.outside.pending else Anchor.ABSENT
    detail = _unseen(size, max(witnessed, stamped), findings.kept.get(origin, 0))
    detail += (
        " A time-stamp was asked for and has not come: `muniment stamp` asks again."
        if anchor is Anchor.PENDING
        else " Hand a checkpoint to somebody who keeps it."
    )
    findings.note(Check.ANCHORED, folder, scope.lacking, f"{anchor}: {detail}")
    return anchor


def _unseen(size: int, shown: int, kept: int) -> str:
    if kept > shown:
        whole = "no witness and no time-stamping authority was shown all of this log; whoever verifies it here knows "
        return whole + f"a checkpoint of {kept:,} of its {size:,} leaves that was kept apart, and others do not."
    if shown:
        whole = f"nobody outside is known to have seen more than {shown:,} of the {size:,} leaves of this log"
    else:
        whole = "nobody outside this machine has seen this log"
    return f"{whole}: whoever holds its key and this archive could have made all {'else' if shown else 'of it'} anew."
