"""A packet verified: a few records of a capture, by the path from each to the statement that was sealed.

What lies in it comes from whoever sent it: nothing is followed out of the folder, no file is read that is longer than
what was sealed of it, and each file that nothing accounts for is named.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from muniment import layout, manifest
from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, IntegrityError
from muniment.log import tree
from muniment.log.leaf import Leaf, LeafType
from muniment.log.note import open_checkpoint, unverified_checkpoint
from muniment.log.proof import SUFFIX, Proof
from muniment.manifest import Statement
from muniment.model import Check, Record, Verdict
from muniment.verification import Verification, Word
from muniment.verify.checks import Depth, Findings, Outside, Scope, finding
from muniment.verify.conclusion import overall
from muniment.verify.files import content, digested, extra_files, listed
from muniment.verify.outsiders import check_custody_told, check_outsiders, read_tokens
from muniment.verify.records import check_alone
from muniment.verify.statements import Sealed, agree, read_statement
from muniment.verify.trust import Trust
from muniment.verify.words import said

__all__ = ["is_packet", "verify_packet"]

_FOR_PEOPLE: Final = frozenset({"VERIFY.md", "verify.sh", "verify.py"})
_KEYS: Final = re.compile(r"keys/[A-Za-z0-9.-]+\.(?:pem|vkey)")
_LINE: Final = re.compile(r"(?P<capture>[^/]+)/records/(?P<n>[1-9][0-9]{0,15})\.json")
_WORDS: Final = frozenset({Word.INTACT, Word.SIGNED, Word.TIME_PROVED, Word.WITNESSED})
"""What can be said of a packet: the rest of the log, and of the archive, is not in it."""
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_READABLE: Final = 64 << 20
_LONGEST_LINE: Final = 1 << 20
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Place:
    """One record of a packet: its line, where it and what belongs to it lie, and what to call it."""

    line: Record
    at: str
    subject: str


def is_packet(folder: Path) -> bool:
    """Say whether *folder* holds packets of captures instead of an archive."""
    return folder.is_dir() and any(layout.is_capture(each.parent.name) for each in folder.glob("*/statement.dsse.json"))


def verify_packet(packet: Path, trust: Trust) -> Verification:
    """Return what is found about the *packet*, a folder that ``muniment disclose`` made somewhere.

    Passes only when there is a record in it and everything about it was shown. Not checked is what a packet does not
    hold: the rest of the archive, and of its log.
    """
    scope = Scope(packet, trust, Outside(), Depth.PAYLOADS, Findings())
    there = listed(scope, tuple(sorted(each.name for each in packet.iterdir())))
    paths = [path for path, is_empty in there if not is_empty]
    scope.findings.accounted |= {path for path in paths if path in _FOR_PEOPLE or _KEYS.fullmatch(path)}
    captures = sorted({path.partition("/")[0] for path in paths if layout.is_capture(path.partition("/")[0])})
    for capture in captures:
        scope.findings.counts["captures"] += 1
        _check_capture(scope, capture, paths)
    extra_files(scope, there, frozenset())
    if not scope.findings.counts["records"] and not scope.findings.made_any(Verdict.FAIL):
        detail = "Nothing to verify: there is no record here. Is this the right folder?"
        scope.findings.note(Check.FILE, str(packet.name), Verdict.UNVERIFIABLE, detail)
    verdict = overall(scope.findings.made)
    return Verification(
        verdict=verdict,
        trust=trust.whose,
        findings=tuple(scope.findings.made),
        counts=scope.findings.counts | {"logs": 0, "files": len(scope.findings.accounted)},
        not_checked=("Everything else that the archive holds: a packet shows nothing of it.",),
        proves=tuple(_proves(scope, verdict)),
        words=tuple(each for each in said(scope.findings.made) if each.word in _WORDS),
        does_not_prove=tuple(_does_not_prove()),
    )


def _check_capture(scope: Scope, capture: str, paths: Sequence[str]) -> None:
    known = read_tokens(scope, capture, paths)
    statement = read_statement(scope, known, capture, PurePosixPath(capture, "statement.dsse.json"))
    if statement is None:
        return
    sealed = statement.unverified
    if sealed is not None:
        agree(scope, Check.STATEMENT, statement.path, [("capture", capture, sealed.capture)])
    _check_log(scope, capture, statement)
    if sealed is not None:
        check_outsiders(scope, capture, sealed, known, paths)
    check_custody_told(scope, capture, statement.digest, known, paths)
    matches = (_LINE.fullmatch(path) for path in paths)
    lines = sorted(int(match["n"]) for match in matches if match and match["capture"] == capture)
    if not lines:
        error = FormatError(capture, expected="at least one record", found="none")
        scope.findings.add(finding(Check.MANIFEST, capture, lambda: _raised(error)))
    for number in lines:
        at = f"{capture}/records/{number}"
        line = scope.findings.attempt(Check.MANIFEST, f"{at}.json", partial(_line, scope, at))
        if line is not None and sealed is not None:
            _check_record(scope, _Place(line, at, f"{capture}:{line.n} ({line.url})"), sealed, paths)


def _check_log(scope: Scope, capture: str, statement: Sealed[Statement]) -> None:
    """Check that the checkpoint commits to the statement, and that a log that is trusted signed it."""
    where, path = f"{capture}/checkpoint", f"{capture}/statement{SUFFIX}"
    note = scope.findings.attempt(Check.CHECKPOINT, where, lambda: content(scope, where))
    if note is None:
        return

    def signed() -> str:
        checkpoint = open_checkpoint(note, scope.trust.logs, where)
        return f"signed by the log {checkpoint.origin} at {checkpoint.size:,} entries"

    def entered() -> str:
        proof = Proof.decode(content(scope, path), path)
        if proof.checkpoint != note:
            raise IntegrityError(path, expected=f"a proof for the checkpoint {where}", found="one for another")
        claimed = unverified_checkpoint(note, where)
        leaf = Leaf(LeafType.CAPTURE, capture, statement.digest).encode()
        inclusion = tree.InclusionProof(proof.index, claimed.size, proof.hashes)
        tree.verify_inclusion(inclusion, tree.leaf_hash(leaf), claimed.root, path)
        return f"leaf {proof.index} of {claimed.size:,} under the root that the checkpoint names"

    scope.findings.add(finding(Check.CHECKPOINT, where, signed))
    scope.findings.add(finding(Check.LOG_ENTRY_CAPTURE, path, entered))


def _line(scope: Scope, at: str) -> Record:
    line = _bounded(scope, f"{at}.json", _LONGEST_LINE)
    record = manifest.decode_record(line, f"{at}.json")
    if str(record.n) != at.rpartition("/")[2]:
        raise IntegrityError(f"{at}.json", expected="the line of this number", found=f"line {record.n}")
    return record


def _check_record(scope: Scope, place: _Place, said: Statement, paths: Sequence[str]) -> None:
    size = said.records + said.attempts + 1

    def sealed() -> str:
        lines = _bounded(scope, f"{place.at}.path", _LONGEST_LINE).decode("ascii", "replace").split("\n")
        if lines.pop() or not all(_HASH.fullmatch(each) for each in lines):
            raise FormatError(f"{place.at}.path", expected="a hash in hex on each line", found="something else")
        path = tree.InclusionProof(place.line.n, size, tuple(map(bytes.fromhex, lines)))
        leaf = tree.leaf_hash(manifest.encode_record(place.line))
        tree.verify_inclusion(path, leaf, bytes.fromhex(said.root.hex), f"{place.at}.path")
        return f"its line is number {place.line.n} of the {size:,} that were sealed"

    scope.findings.add(finding(Check.MERKLE_ROOT, place.subject, sealed))
    files = [path for path in paths if path.startswith(f"{place.at}.")]
    shown = 0
    for path in files:
        kind = path.removeprefix(f"{place.at}.").partition(".")[0]
        if kind not in {"warc", "payload", "content"}:
            continue
        shown += 1
        scope.findings.accounted.add(path)
        _check_file(scope, place, path, kind)
    if not shown:
        error = FormatError(place.at, expected="the record, or its payload", found="neither")
        scope.findings.add(finding(Check.FILE, place.subject, lambda: _raised(error)))
    elif f"{place.at}.warc.gz" not in files:
        scope.findings.counts["records"] += 1
        detail = "Its request and headers are withheld: the payload alone is here."
        scope.findings.note(Check.WARC_STRUCTURE, place.subject, Verdict.ABSENT, detail)


def _check_file(scope: Scope, place: _Place, path: str, kind: str) -> None:
    line = place.line
    expected = {"warc": line.position.length, "payload": line.size}.get(kind)

    def measured() -> str:
        found = _size(scope, path)
        if (found > _READABLE) if expected is None else (found != expected):
            wanted = f"at most {_READABLE:,} octets" if expected is None else f"{expected:,} octets"
            raise DigestMismatch(path, expected=wanted, found=f"{found:,}")
        return f"{found:,} octets"

    right = finding(Check.FILE, path, measured)
    scope.findings.add(right)
    if right.verdict is not Verdict.PASS:
        return  # nobody reads ten gigabytes of zeros to see that they are not a page
    if kind == "warc":
        check_alone(scope, path, line)
        return
    sealed = line.payload if kind == "payload" else line.content

    def same() -> str:
        found = _digest(scope, path)
        if found != sealed:
            raise DigestMismatch(path, expected=str(sealed), found=str(found))
        return f"the {kind} is, byte for byte, the one that was sealed"

    scope.findings.add(finding(Check.PAYLOAD, path, same))


def _size(scope: Scope, path: str) -> int:
    with digested(scope, path):
        return (scope.root / path).lstat().st_size


def _digest(scope: Scope, path: str) -> Digest:
    with digested(scope, path) as stream:
        stream.rest()
        return stream.digest()


def _bounded(scope: Scope, path: str, most: int) -> bytes:
    with digested(scope, path) as stream:
        whole = stream.read(most + 1)
    if len(whole) > most:
        raise FormatError(path, expected=f"at most {most:,} octets", found="more")
    return whole


def _raised(error: FormatError) -> str:
    raise error


def _proves(scope: Scope, verdict: Verdict) -> Iterator[str]:
    if verdict is Verdict.FAIL:
        yield "That something here was changed, lost or added since it was sealed, or never was what it claims to be."
    elif verdict is Verdict.PASS:
        names = ", ".join(repr(name) for name in sorted(scope.findings.signers))
        yield (
            "Every byte of the records and payloads here is the byte that the archive held when it sealed them, by a "
            f"key of {names}, whom you trust; and the archive's log committed to that seal."
        )
        proved = [each for each in scope.findings.made if each.check is Check.TIME_PROVED]
        yield from (f"{each.subject}: {each.detail}" for each in proved if each.verdict is Verdict.PASS)


def _does_not_prove() -> Iterator[str]:
    yield (
        "That the web servers sent this content: TLS leaves no proof of content that others could check. Sealing "
        "shows what the archive held since it sealed."
    )
    yield "Anything about the records that are not here, nor that no other version was kept."
    yield (
        "That the log was not made anew as a whole by whoever holds its keys: hold its checkpoint against an older "
        "one that somebody kept."
    )
    yield "That what the page says is true, or that whoever it names wrote it."
