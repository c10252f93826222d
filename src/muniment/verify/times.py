"""Trusted time: each token held against its checkpoint and its authority, and what that proves of each capture.

A token is judged at its own time (RFC 3161): its authority's certificates had to be valid then, not now. What lapsed
since, and was not renewed, is another check.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Final

from cryptography import x509

from muniment import layout, timestamp
from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, IntegrityError, TrustError
from muniment.manifest import LogPlace, Statement
from muniment.model import Check, Verdict
from muniment.timestamp import Proved
from muniment.verify.checks import Scope, finding, judged
from muniment.verify.files import content

__all__ = ["TOLERANCE", "Proof", "Stamp", "Times", "check_time", "check_token", "read_times"]

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clock that claimed a time and the authority's may lie apart before one contradicts the other."""

_KINDS: Final = (".tsr", ".tsq", ".pem")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A token where it lies, and the checkpoint that it is over: of which log, how many leaves, and in which file."""

    origin: str
    size: int
    path: str
    over: PurePosixPath


@dataclass(frozen=True, slots=True)
class Proof:
    """A good token: the log and the leaves of the checkpoint that it stamps, where it lies, and what it proves."""

    origin: str
    size: int
    path: str
    proved: Proved


@dataclass(slots=True)
class Times:
    """The good tokens, and the digests of all that are there, good or not, by log and size."""

    proofs: list[Proof] = field(default_factory=list)
    there: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    _earliest: dict[str, tuple[list[int], list[Proof]]] = field(default_factory=dict)
    _settled: int = 0

    def _settle(self) -> None:
        """Put the good tokens of each log in order: there may be a token for each capture, and each is asked for."""
        by_log: dict[str, list[Proof]] = defaultdict(list)
        for each in self.proofs:
            by_log[each.origin].append(each)
        for origin, proofs in by_log.items():
            proofs.sort(key=lambda each: each.size)
            best = list(accumulate(reversed(proofs), partial(min, key=lambda each: each.proved.latest)))
            self._earliest[origin] = [each.size for each in proofs], best[::-1]
        self._settled = len(self.proofs)

    def first(self, origin: str, index: int) -> Proof | None:
        """Return the good token that proves the earliest time of leaf *index* of the log *origin*; None without any."""
        if self._settled != len(self.proofs):
            self._settle()
        sizes, earliest = self._earliest.get(origin, ([], []))
        at = bisect_right(sizes, index)
        return earliest[at] if at < len(sizes) else None

    def proved_by(self, origin: str, index: int) -> datetime | None:
        """Return by when leaf *index* of the log *origin* existed, as authorities that are trusted say; None if none.

        That is the end of the interval that the token's accuracy leaves. Says nothing of a checkpoint's signature,
        nor that the leaf is what the checkpoint commits to: the log's own checks do.
        """
        proof = self.first(origin, index)
        return proof.proved.latest if proof else None

    def quoted(self, place: LogPlace) -> tuple[Proof, ...]:
        """Return the good tokens over the checkpoint *place* that it quotes."""
        wanted = {each.hex for each in place.tokens}
        if not wanted:
            return ()
        return tuple(
            each
            for each in self.proofs
            if (each.origin, each.size) == (place.origin, place.size) and each.proved.token.digest.hex in wanted
        )


def read_times(scope: Scope, there: tuple[tuple[str, bool], ...]) -> Times:
    """Check every token below a log's ``stamps/``, account for its files, and return what is good."""
    found = Times()
    files = {path for path, is_empty in there if not is_empty}
    for path in sorted(files):
        place = _place(path)
        if place is None:
            continue
        origin, size = place
        scope.findings.accounted.add(path)
        if path.endswith(".tsr"):
            found.there[origin, size].add(layout.token_digest(PurePosixPath(path).name))
            good = check_token(scope, Stamp(origin, size, path, layout.checkpoint_at(origin, size)), files)
            found.proofs += good
            if good:
                scope.findings.stamped[origin] = max(size, scope.findings.stamped.get(origin, 0))
        elif str(PurePosixPath(path).with_suffix(".tsr")) not in files:
            detail = "A request or a chain without its token: the stamp was cut short, and counts for nothing."
            scope.findings.note(Check.TIME_TOKEN, path, Verdict.ABSENT, detail)
            scope.findings.pending.add(origin)
    return found


def _place(path: str) -> tuple[str, int] | None:
    """Return the log and the size that the file *path* of a stamp is about; None for any other file."""
    parts = PurePosixPath(path).parts
    below = layout.logs().parts
    if parts[: len(below)] != below or len(parts) != len(below) + 4 or not layout.token_digest(parts[-1]):
        return None
    origin, size = parts[len(below)], parts[-2]
    try:
        is_one = size.isascii() and size.isdecimal() and PurePosixPath(path).parent == layout.stamps(origin, int(size))
    except (FormatError, ValueError):
        return None
    return (origin, int(size)) if is_one else None


def check_token(scope: Scope, stamp: Stamp, files: Collection[str]) -> list[Proof]:
    """Check the token that *stamp* names, with what lies beside it among *files*; return what it proves, or nothing."""
    proved: list[Proved] = []
    scope.findings.add(finding(Check.TIME_TOKEN, stamp.path, lambda: _said(scope, stamp, files, proved)))
    return [Proof(stamp.origin, stamp.size, stamp.path, each) for each in proved]


def _said(scope: Scope, stamp: Stamp, files: Collection[str], proved: list[Proved]) -> str:
    """Verify the token of *stamp*, put what it proves into *proved*, and return that in words."""
    path = stamp.path
    pure = PurePosixPath(path)
    octets = _small(scope, pure)
    digest = Digest.of_bytes(octets)
    if digest.hex != layout.token_digest(pure.name):
        raise DigestMismatch(path, expected=f"sha256:{layout.token_digest(pure.name)}", found=str(digest))
    chain, asked = pure.with_suffix(".pem"), pure.with_suffix(".tsq")
    # A chain beside the token is believed in nothing; one that is damaged can only lack what the token lacks.
    beside = timestamp.certificates(_small(scope, chain), chain) if str(chain) in files else ()
    token = timestamp.read(octets, path)
    request = timestamp.read_request(_small(scope, asked), asked) if str(asked) in files else None
    checkpoint = content(scope, stamp.over)
    found = _by_any(scope, token, checkpoint, beside)
    if request is not None and (request.nonce, request.imprint) != (token.nonce, token.imprint):
        raise IntegrityError(asked, expected="the request that this token answers", found="another one")
    proved.append(found)
    return (
        f"{found.authority!r} signed that the checkpoint of {stamp.size:,} leaves existed at {spoken(found.at)}"
        f"{_give_or_take(found.accuracy)}"
    )


def _by_any(scope: Scope, token: timestamp.Token, message: bytes, beside: Iterable[x509.Certificate]) -> Proved:
    """Return what *token* proves by the roots of the trusted authorities; what contradicts it is raised first."""
    beside = tuple(beside)
    roots = tuple(root for each in scope.trust.authorities for root in each.roots)
    if not roots:
        timestamp.over(token, message)
        raise TrustError(f"{token.where}: trust.toml names no time-stamping authority under [[tsa]]")
    return timestamp.verified(token, message, roots, beside=beside)


def _small(scope: Scope, path: PurePosixPath) -> bytes:
    octets = content(scope, path)
    if len(octets) > timestamp.LONGEST:
        raise FormatError(path, expected=f"at most {timestamp.LONGEST} octets", found=f"{len(octets)}")
    return octets


def check_time(scope: Scope, times: Times, said: Statement, path: str, place: tuple[str, int] | None) -> None:
    """Check what authorities prove of the statement *path*, which is the leaf *place* (log and index), if it is one.

    Passes where a token covers it and contradicts none of the times that it claims.
    """
    if place is None:
        return
    first = times.first(*place)
    try:
        since = _since(times, said, path)
        if first is None:
            scope.findings.note(Check.TIME_PROVED, path, scope.lacking, _unproved(times, place))
            return
        _refuse_contradiction(said, since, first, path)
        _refuse_late_opening(said, times, path)
        _refuse_late(said, first, scope.trust.max_stamp_delay, path)
    except (IntegrityError, TrustError) as failure:
        scope.findings.add(judged(Check.TIME_PROVED, path, failure))
    else:
        scope.findings.note(Check.TIME_PROVED, path, Verdict.PASS, sentence(since, first.proved.latest))


def sentence(since: datetime | None, until: datetime) -> str:
    """Return what is proved of bytes that were sealed after *since*, where that is known, and existed by *until*."""
    if since is None:
        return (
            f"The bytes existed by {spoken(until)}; nothing here proves when before that they were sealed, nor that "
            "they did not exist earlier."
        )
    return (
        f"Sealed between {spoken(since)} and {spoken(until)}. The bytes existed by {spoken(until)}; nothing here "
        f"proves that they did not exist before {spoken(since)}."
    )


def spoken(moment: datetime) -> str:
    """Return *moment* in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _since(times: Times, said: Statement, path: str) -> datetime | None:
    """Return after when the statement was sealed, as the tokens say that it quotes; IntegrityError for one missing.

    A statement that quotes a token was made after it; the newest of them says most.
    """
    place = said.opening
    for each in place.tokens:
        if each.hex not in times.there[place.origin, place.size]:
            raise IntegrityError(path, expected=f"the token {each} over its opening, which it quotes", found="none")
    return max((each.proved.at - each.proved.accuracy for each in times.quoted(place)), default=None)


def _refuse_contradiction(said: Statement, since: datetime | None, first: Proof, path: str) -> None:
    existed = first.proved.latest
    if said.closed > existed + TOLERANCE:
        raise IntegrityError(
            f"{path}, time of closing",
            expected=f"not later than {spoken(existed)}, when the statement existed already",
            found=f"{spoken(said.closed)}: post-dated, or by a wrong clock",
        )
    if since is not None and since > existed + TOLERANCE:
        raise IntegrityError(
            f"{path}, token over its opening",
            expected=f"one from before {spoken(existed)}, when the statement that quotes it existed already",
            found=spoken(since),
        )
    if since is not None and said.closed < since - TOLERANCE:
        raise IntegrityError(
            f"{path}, time of closing",
            expected=f"not before {spoken(since)}, the time of a token that it quotes",
            found=f"{spoken(said.closed)}: back-dated, or by a wrong clock",
        )


def _refuse_late_opening(said: Statement, times: Times, path: str) -> None:
    opened = times.first(said.opening.origin, said.opening.index)
    if opened is not None and said.opened > opened.proved.latest + TOLERANCE:
        raise IntegrityError(
            f"{path}, time of opening",
            expected=f"not later than {spoken(opened.proved.latest)}, when the opening existed already",
            found=f"{spoken(said.opened)}: post-dated, or by a wrong clock",
        )


def _refuse_late(said: Statement, first: Proof, accepted: float, path: str) -> None:
    existed = first.proved.latest
    if existed - said.closed > timedelta(seconds=accepted):
        raise TrustError(
            f"{path}: it existed by {spoken(existed)}, but claims to have been closed at {spoken(said.closed)}, which "
            "is longer before than your trust accepts (max_stamp_delay)"
        )


def _unproved(times: Times, place: tuple[str, int]) -> str:
    origin, index = place
    if any(name == origin and size > index for name, size in times.there):
        return "Tokens over it are there, but none that could be verified: see them."
    return "No time-stamp token covers it: when it was sealed, only the archive's own clock says."


def _give_or_take(accuracy: timedelta) -> str:
    return f", give or take {accuracy.total_seconds():g} s" if accuracy else ""
