"""Witnesses: whose cosignatures lie beside a log's checkpoints, how far they reach, and whether they are enough."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from muniment import layout
from muniment.errors import FormatError, MunimentError, StoreError, TrustError
from muniment.log import note
from muniment.log.cosignature import Cosignature, cosignatures
from muniment.model import Check, Verdict
from muniment.verify.checks import Scope, judged
from muniment.verify.earlier import Leaves
from muniment.verify.files import content

__all__ = ["check_witnesses", "cosigned"]


def cosigned(there: Iterable[str], origin: str) -> tuple[str, ...]:
    """Return those of the files *there* that lie where cosignatures on checkpoints of the log *origin* do."""
    folder = layout.checkpoint_at(origin, 1).parent
    return tuple(
        path
        for path in there
        if (above := PurePosixPath(path).parent).parent == folder
        and above.suffix == ".cosig"
        and above.stem.isdecimal()
        and above == layout.cosignatures(origin, int(above.stem))
        and PurePosixPath(path).suffix == ".cosig"
    )


def check_witnesses(scope: Scope, kept: Leaves, paths: Iterable[str]) -> None:
    """Check the cosignatures in *paths* on the log *kept*; count the trusted witnesses, and ask for as many as needed.

    A cosignature on a checkpoint covers every leaf below its size. It says that the witness saw the log so, and
    nothing about what the leaves stand for.
    """
    reach: dict[str, Cosignature] = {}
    read = {path: found for path in paths if (found := _read(scope, path)) is not None}
    kept.prepare(checkpoint.size for checkpoint, _ in read.values())
    for path, (checkpoint, octets) in sorted(read.items()):
        for name, made in _known(scope, kept, path, checkpoint, octets):
            if name not in reach or reach[name].checkpoint.size < made.checkpoint.size:
                reach[name] = made
    scope.findings.witnesses[kept.origin] = {name: made.checkpoint.size for name, made in reach.items()}
    _count(scope, kept, reach)


def _read(scope: Scope, path: str) -> tuple[note.Checkpoint, bytes] | None:
    def checkpoint() -> tuple[note.Checkpoint, bytes]:
        octets = content(scope, path)
        return note.unverified_checkpoint(octets, path), octets

    return scope.findings.attempt(Check.WITNESSES, path, checkpoint)


def _known(
    scope: Scope, kept: Leaves, path: str, checkpoint: note.Checkpoint, octets: bytes
) -> Iterable[tuple[str, Cosignature]]:
    names = {each.key: each.name for each in scope.trust.witnesses}
    try:
        lines = note.unverified_note(octets, path).lines
        size = int(PurePosixPath(path).parent.stem)
        if (checkpoint.origin, checkpoint.size, len(lines)) != (kept.origin, size, 1):
            found = f"{len(lines)} on {checkpoint.origin!r} at {checkpoint.size}"
            raise FormatError(path, expected=f"one cosignature on {kept.origin} at {size} leaves", found=found)
        made = cosignatures(octets, names, path)
        if not made:
            detail = f"By a witness whom your trust does not name: {lines[0][0]!r}, key id {lines[0][1].hex()}."
            scope.findings.note(Check.WITNESSES, path, Verdict.ABSENT, detail)
            return
        kept.extend(checkpoint, path)
    except (MunimentError, StoreError) as failure:
        scope.findings.add(judged(Check.WITNESSES, path, failure))
        return
    for each in made:
        name = names[each.key]
        at = f"{each.at:%Y-%m-%dT%H:%M:%SZ}"
        detail = f"{name!r} saw this log with {checkpoint.size:,} leaves and says that it was at {at}"
        scope.findings.note(Check.WITNESSES, path, Verdict.PASS, detail)
        yield name, each


def _count(scope: Scope, kept: Leaves, reach: dict[str, Cosignature]) -> None:
    trust, size = scope.trust, len(kept.leaves)
    folder = str(layout.log(kept.origin))
    if not trust.witnesses:
        if scope.outside.strict:
            scope.findings.note(Check.WITNESSES, folder, scope.lacking, "Your trust names no witness.")
        return
    sizes = sorted((made.checkpoint.size for made in reach.values()), reverse=True)
    named = f"{len(reach)} of {len(trust.witnesses)} trusted witnesses saw this log"
    if needed := trust.witnesses_needed:
        covered = sizes[needed - 1] if len(sizes) >= needed else 0
        if covered < size:
            short = f"of its {size:,} leaves {covered:,} were seen by the {needed} that your trust needs"
            unknown = TrustError(f"{folder}: {named}; {short}. Ask the witnesses to cosign the newest checkpoint")
            scope.findings.add(judged(Check.WITNESSES, folder, unknown))
            return
        verdict, detail = Verdict.PASS, f"{named} with all of its {size:,} leaves; {needed} needed"
    elif sizes:
        verdict, detail = Verdict.PASS, f"{named}, the furthest {sizes[0]:,} of its {size:,} leaves; none needed"
    else:
        verdict, detail = scope.lacking, f"{named}; none is needed by your trust."
    scope.findings.note(Check.WITNESSES, folder, verdict, detail)
