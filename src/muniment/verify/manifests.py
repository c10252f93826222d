"""Manifests: every line read strictly, and followed to the record that it speaks of."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from muniment import layout, manifest
from muniment.canonical import LARGEST
from muniment.digest import Digest
from muniment.errors import FormatError, StoreError
from muniment.log.tree import Frontier, leaf_hash
from muniment.manifest import Description
from muniment.model import Check, Finding, Kind, Record, State, Verdict
from muniment.verify.checks import Scope, judged
from muniment.verify.files import Digested, digested
from muniment.verify.records import Evidence

__all__ = ["Lines", "check_manifest"]

_LONGEST_LINE: Final = 1 << 20
_WHOLE: Final = frozenset({State.COMPLETE, State.FETCHED})


@dataclass(slots=True)
class Lines:
    """What the lines of a manifest add up to."""

    description: Description | None = None
    number: int = 0
    records: int = 0
    attempts: int = 0
    size: int = 0
    length: int = 0
    failed: bool = False
    frontier: Frontier = field(default_factory=Frontier)
    digest: Digest | None = None
    peers: Counter[tuple[str, str]] = field(default_factory=Counter)
    verified_peers: int = 0


def check_manifest(scope: Scope, capture: str, sealed: dict[str, Digest | None], *, cut: bool) -> Lines | None:
    """Check the manifest of *capture* and its WARC files; *sealed* are the digests of its files, where known.

    *cut* says that a crash cut the capture short. Returns what the lines add up to, None where there is no manifest.
    """
    path = str(layout.manifest(capture))
    claims = {path, str(layout.context(capture))}
    torn = {name: digest for name, digest in sealed.items() if layout.is_torn(PurePosixPath(name), capture)}
    warcs = {name: digest for name, digest in sealed.items() if name not in claims and name not in torn}
    for name, digest in torn.items():
        _check_torn(scope, name, digest)
    try:
        with digested(scope, path) as stream:
            evidence = Evidence(scope, capture, warcs, lines=True, cut=cut)
            lines = _read_lines(scope, path, stream, evidence)
            evidence.finish()
    except StoreError as failure:
        scope.findings.accounted.add(path)
        scope.findings.add(judged(Check.FILE, path, failure))
        Evidence(scope, capture, warcs, lines=False).finish()
        return None
    if not lines.failed:
        detail = f"{lines.number:,} lines, complete and well-formed"
        scope.findings.note(Check.MANIFEST, path, Verdict.PASS, detail)
    expected = sealed.get(path)
    if expected is not None and lines.digest is not None:
        scope.findings.digest(path, expected, lines.digest)
        if expected != lines.digest:
            detail = "The manifest is not the sealed one; its lines were used all the same, to say where damage lies."
            scope.findings.note(Check.MANIFEST, path, Verdict.FAIL, detail)
    _note_peers(scope, path, lines)
    _note_verdict(scope, path, lines)
    return lines


def _check_torn(scope: Scope, path: str, sealed: Digest | None) -> None:
    try:
        with digested(scope, path) as stream:
            stream.rest()
            scope.findings.digest(path, sealed, stream.digest())
    except StoreError as failure:
        scope.findings.accounted.add(path)
        scope.findings.add(judged(Check.FILE, path, failure))


def _read_lines(scope: Scope, path: str, stream: Digested, evidence: Evidence) -> Lines:
    lines = Lines()
    for number, raw in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b"")):
        lines.number += 1
        lines.frontier.push(leaf_hash(raw.removesuffix(b"\n")))
        try:
            _take_line(f"{path} line {number + 1}", number, raw, lines, evidence)
        except FormatError as failure:
            lines.failed = True
            scope.findings.add(judged(Check.MANIFEST, failure.where, failure))
    if not lines.number:
        lines.failed = True
        error = FormatError(path, expected="a line about the capture", found="an empty file")
        scope.findings.add(judged(Check.MANIFEST, path, error))
    if (most := max(lines.size, lines.length)) > LARGEST:
        lines.failed = True
        error = FormatError(path, expected="sizes and lengths of less than 2**53 in all", found=str(most))
        scope.findings.add(judged(Check.MANIFEST, path, error))
    lines.digest = stream.digest()
    return lines


def _take_line(where: str, number: int, raw: bytes, lines: Lines, evidence: Evidence) -> None:
    if not raw.endswith(b"\n"):
        raise FormatError(where, expected="a line that ends in LF", found="one that is cut short or too long")
    if not number:
        lines.description = manifest.decode_description(raw[:-1], where)
        return
    line = manifest.decode_record(raw[:-1], where)
    lines.attempts += line.kind is Kind.ATTEMPT
    lines.records += line.kind is not Kind.ATTEMPT
    lines.size += line.size
    lines.length += line.position.length
    _count_peer(line, lines)
    evidence.take(line)
    if line.n != number:
        raise FormatError(where, expected=f"n {number}: lines are numbered from 0", found=str(line.n))


def _count_peer(line: Record, lines: Lines) -> None:
    if line.kind is Kind.RESPONSE and line.tls not in {"", "none"}:
        if line.tls == "ok":
            lines.verified_peers += 1
        else:
            # Not by urllib.parse: what a line holds need not be a URL, and it raises for some texts.
            host = line.url.partition("//")[2].partition("/")[0]
            lines.peers[host, line.tls] += 1


def _note_peers(scope: Scope, path: str, lines: Lines) -> None:
    for (host, reason), number in sorted(lines.peers.items()):
        detail = (
            f"{number:,} answer{'s' if number > 1 else ''} came over TLS from a server that could not be verified "
            f"({reason}): who answered is not known."
        )
        scope.findings.note(Check.TLS_PEERS, f"{path}: {host}", Verdict.ABSENT, detail)
    if lines.verified_peers and not lines.peers:
        detail = f"answers over TLS: {lines.verified_peers:,}, each from a server that was verified at capture"
        scope.findings.note(Check.TLS_PEERS, path, Verdict.PASS, detail)


def _note_verdict(scope: Scope, path: str, lines: Lines) -> None:
    if lines.description is None:
        return
    found = lines.description
    detail = f"The capture of {found.seed} is {found.verdict.value}: {found.recorded:,} of {found.asked:,} resources."
    verdict = Verdict.PASS if found.verdict in _WHOLE else Verdict.ABSENT
    scope.findings.add(Finding(Check.CAPTURE_VERDICT, path, verdict, detail))
