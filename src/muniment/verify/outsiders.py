"""What a packet holds beside records: time-stamps over its checkpoints, witnesses, and events of custody."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath

from muniment import layout, manifest
from muniment.digest import Digest
from muniment.errors import FormatError, MunimentError, TrustError
from muniment.log.cosignature import cosignatures
from muniment.log.leaf import Leaf, LeafType, leaf_type
from muniment.log.note import Checkpoint, unverified_checkpoint
from muniment.log.proof import SUFFIX, Proof
from muniment.manifest import Event, Statement
from muniment.model import Check, Verdict
from muniment.seal import dsse
from muniment.verify.checks import Scope, finding, judged
from muniment.verify.files import content
from muniment.verify.logs import Logs, Place
from muniment.verify.statements import Sealed, agree, read_event
from muniment.verify.times import Stamp, Times, check_time, check_token

__all__ = ["check_custody_told", "check_outsiders", "read_tokens"]


def read_tokens(scope: Scope, capture: str, paths: Sequence[str]) -> Logs:
    """Check the tokens over the checkpoint of *capture*; return what its proof says of the log, with the times proved.

    What the proof says is not verified here, nor is the checkpoint.
    """
    logs = Logs()
    over = PurePosixPath(capture, "checkpoint")
    with suppress(MunimentError):  # whatever is wrong with these three is named by the checks of their own
        checkpoint = unverified_checkpoint(content(scope, over), over)
        proof = Proof.decode(content(scope, f"{capture}/statement{SUFFIX}"))
        sealed = Digest.of_bytes(content(scope, f"{capture}/statement.dsse.json"))
        leaf = Leaf(LeafType.CAPTURE, capture, sealed)
        logs.places[capture].append(Place(checkpoint.origin, proof.index, leaf))
        _tokens(scope, logs.times, Stamp(checkpoint.origin, checkpoint.size, f"{capture}/stamps", over), paths)
        logs.proved_by = logs.times.proved_by
    return logs


def check_outsiders(scope: Scope, capture: str, said: Statement, logs: Logs, paths: Sequence[str]) -> None:
    """Check what :func:`read_tokens` found of *logs* against the statement *said*, and all else that others signed."""
    places = logs.places[capture]
    if not places:
        return
    opening = PurePosixPath(capture, "opening.checkpoint")
    if str(opening) in paths:
        octets = scope.findings.attempt(Check.FILE, str(opening), lambda: content(scope, opening))
        if octets is not None:
            quoted = [("checkpoint that the statement quotes", said.opening.checkpoint, Digest.of_bytes(octets))]
            agree(scope, Check.OPENING, str(opening), quoted)
        place = said.opening
        _tokens(scope, logs.times, Stamp(place.origin, place.size, f"{capture}/opening.stamps", opening), paths)
    check_time(scope, logs.times, said, f"{capture}/statement.dsse.json", (places[0].origin, places[0].index))
    over = PurePosixPath(capture, "checkpoint")
    _witnesses(scope, capture, unverified_checkpoint(content(scope, over), over), paths)


def check_custody_told(scope: Scope, capture: str, statement: Digest, logs: Logs, paths: Sequence[str]) -> None:
    """Check each event of custody in the packet: its seal, its leaf, and that it is about this very *statement*.

    *logs* is what :func:`read_tokens` found: a time that it proves of a checkpoint holds for events under the same one.
    """
    folder = f"{capture}/events/"
    names = {path.removeprefix(folder).partition(".")[0] for path in paths if path.startswith(folder)}
    for name in sorted(each for each in names if layout.is_event(each)):
        path = PurePosixPath(capture, "events", f"{name}.dsse.json")
        _place(scope, capture, logs, path)
        sealed = read_event(scope, logs, name, path)
        if sealed is None:
            continue
        said = sealed.unverified
        scope.findings.add(finding(Check.LOG_ENTRY_EVENT, str(path), partial(_entered, scope, name, sealed)))
        if said is not None:
            about = dict(said.subjects).get(str(layout.statement(capture)), "none")
            pairs = [("event", name, said.id), ("statement that it is about", statement, about)]
            agree(scope, Check.EVENT, str(path), pairs)


def _place(scope: Scope, capture: str, logs: Logs, path: PurePosixPath) -> None:
    """Enter into *logs* where the event *path* lies, if its proof carries the checkpoint that was stamped."""
    name = path.name.removesuffix(".dsse.json")
    if not logs.places[capture]:
        return
    with suppress(MunimentError):  # named by the checks of its seal and of its leaf
        sealed = content(scope, path)
        proof = Proof.decode(content(scope, path.with_name(name + SUFFIX)))
        if proof.checkpoint == content(scope, f"{capture}/checkpoint"):
            event = manifest.decode_event(dsse.unverified_payload(sealed), path)
            leaf = Leaf(leaf_type(event.type), name, Digest.of_bytes(sealed))
            logs.places[name].append(Place(logs.places[capture][0].origin, proof.index, leaf))


def _entered(scope: Scope, name: str, sealed: Sealed[Event]) -> str:
    where = sealed.path.replace(".dsse.json", SUFFIX)
    proof = Proof.decode(content(scope, where), where)
    kind = leaf_type(sealed.unverified.type) if sealed.unverified else LeafType.EVENT
    checkpoint = proof.verify(Leaf(kind, name, sealed.digest).encode(), scope.trust.logs, where)
    return f"leaf {proof.index} of {checkpoint.size:,} in the log {checkpoint.origin}, whose key signed the root"


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
