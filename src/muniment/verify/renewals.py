"""Tokens that lapse: whether each was renewed while its authority's certificates were valid (RFC 4998, in plain files).

A token is renewed by a newer one over a checkpoint that holds a sealed renewal, whose list names the token by digest:
so the old token existed, as it is, while it could not yet be forged. That holds whoever sealed the renewal.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from muniment import layout
from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, IntegrityError, MunimentError
from muniment.model import Check, EventType, Verdict
from muniment.verify.checks import Depth, Happened, Scope, judged
from muniment.verify.files import content, digested
from muniment.verify.logs import Logs
from muniment.verify.times import Proof, Times, spoken

__all__ = ["check_renewals"]

_ALGORITHMS = ("sha256", "sha512")


@dataclass(frozen=True, slots=True)
class _Renewal:
    """A renewal that a log holds at leaf *index*: the files that its lists name, with their digests in hex."""

    origin: str
    index: int
    listed: Mapping[str, str]


def check_renewals(scope: Scope, logs: Logs, there: frozenset[str]) -> None:
    """Check every renewal's lists, and, where it is asked for a day, that no good token lapses by then unrenewed.

    Call it after the events were read.
    """
    happened = [each for each in scope.findings.events if each.event.type is EventType.RENEWAL]
    renewals = [renewal for each in happened if (renewal := _read(scope, each)) is not None]
    _note_lists_without_renewal(scope, there, {each.event.id for each in happened})
    if scope.outside.at is not None:
        _check_lapses(scope, logs.times, renewals, scope.outside.at)


def _read(scope: Scope, happened: Happened) -> _Renewal | None:
    """Return what the renewal *happened* lists; None where its lists are not what was sealed, which is a finding."""
    event = happened.event
    listed: dict[str, str] = {}
    sealed = dict(event.subjects)
    names = {str(layout.event_list(event.id, each)): each for each in _ALGORITHMS}
    for path in sorted(names.keys() & sealed.keys()):
        try:
            octets = content(scope, path)
            if (found := Digest.of_bytes(octets)) != sealed[path]:
                raise DigestMismatch(path, expected=str(sealed[path]), found=str(found))
            lines = _lines(octets, path, names[path])
            if names[path] == "sha256":
                listed |= lines
            elif scope.depth is Depth.PAYLOADS:
                _hold_against(scope, path, lines, names[path])
        except MunimentError as failure:
            scope.findings.add(judged(Check.TIME_LAPSE, path, failure))
            return None
        scope.findings.note(
            Check.TIME_LAPSE, path, Verdict.PASS, f"the {len(lines):,} files that were sealed are listed"
        )
    return _Renewal(happened.origin, happened.index, listed)


def _lines(octets: bytes, path: str, algorithm: str) -> dict[str, str]:
    """Return the files of a list in the form of sha256sum, with their digests; FormatError for anything else."""
    size = 2 * hashlib.new(algorithm).digest_size
    found: dict[str, str] = {}
    try:
        for line in octets.decode().splitlines(keepends=True):
            value, gap, name = line[:size], line[size : size + 2], line[size + 2 :].removesuffix("\n")
            is_hex = len(bytes.fromhex(value)) * 2 == size and value == value.lower()
            if not is_hex or gap != "  " or not name or not line.endswith("\n") or name in found:
                raise FormatError(path, expected="a digest, two blanks and a file, each once", found=repr(line[:200]))
            found[name] = value
    except ValueError as wrong:
        raise FormatError(path, expected="a list in the form of sha256sum", found=str(wrong)[:200]) from None
    return found


def _hold_against(scope: Scope, path: str, lines: Mapping[str, str], algorithm: str) -> None:
    """Raise IntegrityError where a file that the list *path* names is there and has another digest."""
    for name, expected in lines.items():
        if PurePosixPath(name).parts[:1] not in {("archive",), ("manifests",)} or ".." in PurePosixPath(name).parts:
            raise FormatError(path, expected="files below archive/ and manifests/", found=repr(name[:200]))
        if not (scope.root / name).exists():  # what is missing other checks name
            continue
        digester = hashlib.new(algorithm)
        with digested(scope, name) as stream:
            while chunk := stream.read(1 << 20):
                digester.update(chunk)
        if digester.hexdigest() != expected:
            raise IntegrityError(name, expected=f"{algorithm}:{expected}", found=f"{algorithm}:{digester.hexdigest()}")


def _note_lists_without_renewal(scope: Scope, there: frozenset[str], known: set[str]) -> None:
    for path in sorted(there - scope.findings.accounted):
        pure = PurePosixPath(path)
        name = pure.name.partition(".")[0]
        is_list = layout.is_event(name) and any(pure == layout.event_list(name, each) for each in _ALGORITHMS)
        if is_list and name not in known:
            scope.findings.accounted.add(path)
            detail = "A list whose renewal no log holds: it was cut short, and counts for nothing."
            scope.findings.note(Check.TIME_LAPSE, path, Verdict.ABSENT, detail)


def _check_lapses(scope: Scope, times: Times, renewals: list[_Renewal], at: datetime) -> None:
    lapsed = [each for each in times.proofs if each.proved.lapses <= at]
    renewed = _renewed(times.proofs, renewals, at)
    for each in lapsed:
        ends = f"The certificates behind it end at {spoken(each.proved.lapses)}"
        if (newer := renewed.get(each.path)) is not None:
            detail = f"{ends}; a token of {newer.proved.authority!r} shows that it existed by "
            detail += f"{spoken(newer.proved.latest)}, before that."
            scope.findings.note(Check.TIME_LAPSE, each.path, Verdict.PASS, detail)
            continue
        detail = (
            f"{ends}, and no token from before then covers a renewal that names it. It says what it said, but "
            "whoever holds that key later could have made it; renew it in time with `muniment renew`."
        )
        scope.findings.note(Check.TIME_LAPSE, each.path, Verdict.UNVERIFIABLE, detail)
    if times.proofs and not lapsed:
        until = min(each.proved.lapses for each in times.proofs)
        detail = f"none of {len(times.proofs):,} good tokens lapses by {spoken(at)}; the first does at {spoken(until)}"
        scope.findings.note(Check.TIME_LAPSE, "manifests/logs", Verdict.PASS, detail)


def _renewed(proofs: Sequence[Proof], renewals: Sequence[_Renewal], at: datetime) -> Mapping[str, Proof]:
    """Return, by path, the tokens that end by *at* and were renewed before they ended, each with what renewed it.

    Begins with the tokens that hold at *at*, and adds those that they renewed, as long as there are any.
    """
    holding = [each for each in proofs if each.proved.lapses > at]
    waiting = [each for each in proofs if each.proved.lapses <= at]
    found: dict[str, Proof] = {}
    while holding:
        added = []
        for renewal in renewals:
            covering = (each for each in holding if each.origin == renewal.origin and each.size > renewal.index)
            newer = min(covering, key=lambda each: each.proved.latest, default=None)
            for each in waiting if newer is not None else ():
                named = renewal.listed.get(each.path) == each.proved.token.digest.hex
                if newer is not None and named and newer.proved.latest < each.proved.lapses and each.path not in found:
                    found[each.path] = newer
                    added.append(each)
        holding, waiting = added, [each for each in waiting if each.path not in found]
    return found
