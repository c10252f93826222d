"""What follows from findings, and what does not: the overall verdict and the sentences of every report."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from muniment.model import Check, Finding, Verdict
from muniment.verification import Anchor, Verification
from muniment.verify.checks import Depth, Findings, Scope
from muniment.verify.logs import Logs
from muniment.verify.words import said

__all__ = ["concluded", "overall"]

_FOUNDATIONS: Final = frozenset(
    {
        Check.STATEMENT_SIGNATURE,
        Check.OPENING_SIGNATURE,
        Check.STATEMENT,
        Check.CHECKPOINT,
        Check.LOG_TREE,
        Check.LOG_ENTRY_OPENING,
        Check.LOG_ENTRY_CAPTURE,
        Check.ROLLBACK,
    }
)
"""Where one of these fails it is not known what was sealed, and a digest that agrees says little."""

_FEW: Final = 3


def concluded(scope: Scope, captures: int, logs: Logs, only: str | None, anchored: Anchor) -> Verification:
    """Return the whole verification: fail before unverifiable before pass; nothing to verify is no pass."""
    findings = scope.findings
    if not captures and not logs.sizes and not findings.made_any(Verdict.FAIL):
        detail = "Nothing to verify: there is no capture and no log entry here. Is this the right folder?"
        findings.note(Check.FILE, "archive, manifests", Verdict.UNVERIFIABLE, detail)
    verdict = overall(findings.made)
    counts = findings.counts | {"logs": len(logs.sizes), "files": len(findings.accounted)}
    return Verification(
        verdict=verdict,
        trust=scope.trust.whose,
        findings=tuple(findings.made),
        counts=counts,
        not_checked=tuple(_not_checked(scope, only)),
        proves=tuple(_proves(scope, verdict, logs)),
        does_not_prove=tuple(_does_not_prove(findings, logs, anchored)),
        words=said(findings.made),
        anchored=anchored,
    )


def overall(made: list[Finding]) -> Verdict:
    """Return what *made* amounts to: fail before unverifiable before pass."""
    verdicts = {finding.verdict for finding in made}
    for verdict in (Verdict.FAIL, Verdict.UNVERIFIABLE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS


def _not_checked(scope: Scope, only: str | None) -> Iterator[str]:
    if scope.depth is Depth.RECORDS:
        yield (
            "Payload digests: every stored record was digested; what its body decodes to was not (ask for it with "
            "--payloads)."
        )
        if any(each.check is Check.TIME_LAPSE and each.subject.endswith(".sha512") for each in scope.findings.made):
            yield "The second digests that a renewal lists: they are held against the files with --payloads."
    if only is not None:
        yield "Other captures of this archive, and files that nothing accounts for."
    if scope.findings.handshakes:
        yield "Certificates of web servers: who issued them, and whether they were valid, is not judged again."
    yield "The index and the settings of the archive: they are no evidence, and verification never opens them."


def _proves(scope: Scope, verdict: Verdict, logs: Logs) -> Iterator[str]:
    failed = {finding.check for finding in scope.findings.made if finding.verdict is Verdict.FAIL}
    if failed:
        yield "That something was changed, lost or added since it was sealed, or never was what it claims to be."
        if not failed & _FOUNDATIONS:
            yield "The files whose digests passed are, byte for byte, those that were sealed."
        return
    if verdict is Verdict.UNVERIFIABLE:
        if scope.findings.counts["captures"]:
            yield (
                "Nothing that could be checked contradicts anything else. Whose it is, or whether it is whole, is not "
                "shown: see what could not be checked."
            )
        return
    names = sorted(scope.findings.signers)
    here = " that are here" if scope.findings.gone else ""
    yield (
        f"Every byte of the WARC files{here}, manifests and contexts is the byte that was sealed by a key of "
        f"{', '.join(repr(name) for name in names)}, whom you trust."
    )
    for origin, size in sorted(logs.sizes.items()):
        yield (
            f"The log {origin} is whole at {size:,} entries: none was taken out, put in or reordered since its key "
            f"signed that number with the root {logs.roots[origin]}, and each capture that it names is here."
        )
    yield from _times(scope.findings)
    if signed := scope.findings.handshakes[Verdict.PASS]:
        yield (
            f"In {signed:,} of {scope.findings.handshakes.total():,} connections over TLS whoever holds the key of the "
            "recorded certificate took part: that key signed the handshake."
        )
    if any(each.check is Check.ROLLBACK and each.verdict is Verdict.PASS for each in scope.findings.made):
        yield "The log continues what this machine has seen of it: no older copy was put back."
    yield from _seen(scope.findings)


def _seen(findings: Findings) -> Iterator[str]:
    for origin, size in sorted(findings.kept.items()):
        yield (
            f"The first {size:,} entries of the log {origin} are those of a checkpoint that was kept apart from it: "
            "none of them was rewritten since, whoever holds the keys."
        )
    for origin, seen in sorted(findings.witnesses.items()):
        if seen:
            shown = ", ".join(f"{name!r} ({size:,} entries)" for name, size in sorted(seen.items()))
            yield f"Witnesses whom you trust were shown this same log {origin}: {shown}."


def _times(findings: Findings) -> Iterator[str]:
    """Say what authorities prove: of a few captures each by itself, of more how many there are."""
    proved = [each for each in findings.made if each.check is Check.TIME_PROVED and each.verdict is Verdict.PASS]
    if len(proved) > _FEW:
        captures = findings.counts["captures"]
        yield (
            f"{len(proved):,} of {captures:,} captures existed by the times that authorities whom you trust signed; "
            "each is named with its time. Nothing here proves that their bytes did not exist before."
        )
        return
    for each in proved:
        yield f"{PurePosixPath(each.subject).parent.name}: {each.detail}"


def _untimed(findings: Findings) -> str:
    times = [each.verdict for each in findings.made if each.check is Check.TIME_PROVED]
    if times and all(each is Verdict.PASS for each in times):
        return (
            "That the clock of the time-stamping authorities was right, when within the proved bounds anything was "
            "captured, or when it was published: other times are the archive's own clock."
        )
    which = "any of the captures without a proved time" if Verdict.PASS in times else "anything"
    return (
        f"When {which} was captured, sealed or published: the times are the archive's own clock, and no time-stamping "
        "authority confirms them."
    )


def _does_not_prove(findings: Findings, logs: Logs, anchored: Anchor) -> Iterator[str]:
    made = findings.made
    yield (
        "That the web servers sent this content: TLS leaves no proof of content that others could check. Sealing "
        "shows what the archive held since it sealed."
    )
    if findings.handshakes[Verdict.PASS]:
        yield (
            "By the signature on a handshake: what was sent over that connection, or when. The capturing side holds "
            "the connection's keys and could have written any content. Nor that the certificate is the site's own: "
            "that was decided at capture."
        )
    yield (
        "That no other version was kept elsewhere, or made and not kept. The remedy is a second capture by somebody "
        "independent."
    )
    yield _untimed(findings)
    yield "That what the page says is true, or that whoever it names wrote it."
    noted = {finding.check for finding in made if finding.verdict is Verdict.ABSENT}
    if anchored in {Anchor.ABSENT, Anchor.PENDING}:
        yield from _rewritable(findings, logs)
    if Check.TLS_PEERS in noted:
        yield "Who answered for the servers that could not be verified (TLS); they are listed."
    if Check.HANDSHAKE in noted:
        yield "That the sites' own keys took part in the connections that are listed for want of a signed handshake."
    if findings.gone:
        yield "What the deleted files held: their digests are here, and nothing can be held against them any more."
    if Check.CAPTURE_VERDICT in noted:
        yield "Anything about resources that were not got; the captures with gaps are listed."


def _rewritable(findings: Findings, logs: Logs) -> Iterator[str]:
    for origin, size in sorted(logs.sizes.items()):
        shown = findings.witnesses.get(origin, {}).values()
        seen = max(findings.kept.get(origin, 0), findings.stamped.get(origin, 0), *shown)
        behind = f" behind its entry {seen:,}" if seen else " as a whole"
        if seen < size:
            yield (
                f"That the log {origin} was not made anew{behind} by whoever holds its keys: nobody outside this "
                "machine is known to have seen it."
            )
