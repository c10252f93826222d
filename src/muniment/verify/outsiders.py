"""What others said of the checkpoint in a packet: time-stamps over it and over that of the opening, and witnesses."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from muniment.digest import Digest
from muniment.errors import FormatError, MunimentError, TrustError
from muniment.log.cosignature import cosignatures
from muniment.log.note import Checkpoint, unverified_checkpoint
from muniment.manifest import Statement
from muniment.model import Check, Verdict
from muniment.verify.checks import Scope, judged
from muniment.verify.files import content
from muniment.verify.statements import agree
from muniment.verify.times import Stamp, Times, check_time, check_token

__all__ = ["check_outsiders"]


def check_outsiders(scope: Scope, capture: str, said: Statement, index: int, paths: Sequence[str]) -> None:
    """Check all that others signed about the statement *said*, which is leaf *index*, in the packet's files *paths*."""
    over = PurePosixPath(capture, "checkpoint")
    try:
        signed = content(scope, over)
        checkpoint = unverified_checkpoint(signed, over)
    except MunimentError:
        return  # named already: without a checkpoint there is nothing that anybody could have signed
    times = Times()
    _tokens(scope, times, Stamp(checkpoint.origin, checkpoint.size, f"{capture}/stamps", over), paths)
    opening = PurePosixPath(capture, "opening.checkpoint")
    if str(opening) in paths:
        octets = scope.findings.attempt(Check.FILE, str(opening), lambda: content(scope, opening))
        if octets is not None:
            quoted = [("checkpoint that the statement quotes", said.opening.checkpoint, Digest.of_bytes(octets))]
            agree(scope, Check.OPENING, str(opening), quoted)
        place = said.opening
        _tokens(scope, times, Stamp(place.origin, place.size, f"{capture}/opening.stamps", opening), paths)
    check_time(scope, times, said, f"{capture}/statement.dsse.json", (checkpoint.origin, index))
    _witnesses(scope, capture, checkpoint, paths)


def _tokens(scope: Scope, times: Times, folder: Stamp, paths: Sequence[str]) -> None:
    """Check every token in the folder that *folder* names, and enter what it proves into *times*."""
    for path in (each for each in paths if each.startswith(f"{folder.path}/") and each.endswith(".tsr")):
        beside = {str(PurePosixPath(path).with_suffix(ending)) for ending in (".tsr", ".tsq", ".pem")}
        scope.findings.accounted |= beside & set(paths)
        stamp = Stamp(folder.origin, folder.size, path, folder.over)
        times.there[folder.origin, folder.size].add(PurePosixPath(path).stem.rpartition("-")[2])
        times.proofs += check_token(scope, stamp, paths)


def _witnesses(scope: Scope, capture: str, checkpoint: Checkpoint, paths: Sequence[str]) -> None:
    names = {each.key: each.name for each in scope.trust.witnesses}
    seen = set()
    for path in (each for each in paths if each.startswith(f"{capture}/cosignatures/")):
        try:
            octets = content(scope, path)
            if unverified_checkpoint(octets, path) != checkpoint:
                raise FormatError(path, expected="a cosignature on the checkpoint beside it", found="one on another")
            made = cosignatures(octets, names, path)
        except MunimentError as failure:
            scope.findings.add(judged(Check.WITNESSES, path, failure))
            continue
        for each in made:
            seen.add(names[each.key])
            detail = f"{names[each.key]!r} saw this log with {checkpoint.size:,} leaves and cosigned it"
            scope.findings.note(Check.WITNESSES, path, Verdict.PASS, detail)
        if not made:
            detail = "By a witness whom your trust does not name."
            scope.findings.note(Check.WITNESSES, path, Verdict.ABSENT, detail)
    where, needed = f"{capture}/checkpoint", scope.trust.witnesses_needed
    if len(seen) < needed:
        short = TrustError(f"{where}: {len(seen)} trusted witnesses cosigned it, and your trust needs {needed}")
        scope.findings.add(judged(Check.WITNESSES, where, short))
