"""The custody of one capture without its bytes: seals, log and events are verified, WARC files are not opened."""

from pathlib import Path

from muniment import layout
from muniment.errors import JobError
from muniment.model import Finding, Verdict
from muniment.verify.checks import Depth, Findings, Kept, Outside, Scope
from muniment.verify.custody import check_custody
from muniment.verify.events import check_events
from muniment.verify.files import listed
from muniment.verify.history import History, history
from muniment.verify.logs import read_logs
from muniment.verify.statements import read_statement
from muniment.verify.trust import Trust

__all__ = ["held_by"]


def held_by(root: Path, trust: Trust, capture: str) -> tuple[History, tuple[Finding, ...]]:
    """Return who held *capture* when, as *trust* believes, and what failed in doing so; JobError for no capture."""
    if not layout.is_capture(capture) or not (root / str(layout.statement(capture))).is_file():
        raise JobError(f"{capture}: there is no sealed capture of that name here; `muniment list` shows them")
    scope = Scope(root, trust, Outside(), Depth.RECORDS, Findings())
    there = listed(scope)
    logs = read_logs(scope, there)
    check_events(scope, logs, frozenset(path for path, is_empty in there if not is_empty))
    papers = check_custody(scope, logs)
    sealed = read_statement(scope, logs, capture, layout.statement(capture))
    failures = tuple(each for each in scope.findings.made if each.verdict is Verdict.FAIL)
    if sealed is None or (said := sealed.unverified) is None:
        raise JobError(f"{capture}: its statement cannot be read; run `muniment verify {capture}`")
    by = sealed.operator.name if sealed.operator else ""
    scope.findings.captures[capture] = Kept(sealed.path, sealed.digest, said.opened, said.closed, by)
    return history(scope, logs, papers, capture), failures
