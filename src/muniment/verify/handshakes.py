"""Whether the key of the certificate took part in each connection: its handshake held against what is recorded of it.

What was sealed may still be a lie. Evidence that is there is right or a failure. Evidence that is not there is noted:
whoever seals can leave it out, so that nothing follows from it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from muniment import canonical
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, MunimentError, Unsupported
from muniment.model import Check, Kind, Record, Role, Verdict
from muniment.tls import evidence
from muniment.tls.attribution import Claim, attributed, host_of, may_ask
from muniment.tls.evidence import Signed, Unsigned, Why
from muniment.verify.checks import Findings, Scope, judged
from muniment.warc import metadata

__all__ = ["Handshakes", "Said"]

_LARGEST: Final = 4 << 20
_HELD: Final = 64 << 20
"""Octets of certificates that are held of one capture; an honest one has a hundredth of it."""
_LISTED: Final = 20
_NO_TLS: Final = frozenset({"", "none"})
_UNNAMED: Final = "unnamed"
_SIGNED: Final = "signed"
_WHY: Final = {
    Why.RESUMED: "an earlier session was resumed. Such a handshake bears no signature: nothing shows to others that "
    "the site's key took part.",
    Why.STATIC_RSA: "the keys were agreed on by static RSA. The server signs nothing then: nothing shows to others "
    "that the site's key took part.",
}
_COVERED: Final = {
    "tls/1.3": "with all that was said in it, the host's name too",
    "tls/1.2": "which covers its randoms and ephemeral key, not the host's name",
}


class Said:
    """The block of a metadata record, as far as one about a connection may be long."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, octets: bytes) -> None:
        """Take the next octets of the block."""
        self._held += octets[: _LARGEST + 1 - len(self._held)]

    def facts(self, where: str) -> Any:
        """Return what the block says; None where that is no canonical JSON, and so is about no connection."""
        if len(self._held) > _LARGEST:
            return None
        try:
            return metadata.decode(bytes(self._held), where)
        except FormatError:
            return None


@dataclass(frozen=True, slots=True)
class _Met:
    """What the record of *line* tells of a connection; ``word`` is what it says of the handshake.

    ``first`` says that no record before it names the connection.
    """

    line: Record
    first: bool
    address: str
    tls: str
    word: str
    claim: Claim


@dataclass(slots=True)
class _Shaken:
    """A connection whose evidence is right; ``contradicted`` says that a line tells something else of it."""

    host: str
    address: str
    tls: str
    chain: Digest | None
    leaf: bytes
    detail: str
    verdict: Verdict
    contradicted: bool = False


class Handshakes:
    """The handshakes of one capture, as its records are read in their order; *subject* is its manifest."""

    def __init__(self, scope: Scope, subject: str) -> None:
        self._findings: Findings = scope.findings
        self._subject = subject
        self._last: _Met | None = None
        self._seen: set[str] = set()
        self._hosts: dict[str, str] = {}
        self._shaken: dict[str, _Shaken] = {}
        self._missed: set[str] = set()
        self._judged: set[str] = set()
        self._leaves: dict[bytes, bytes] = {}
        self._held = 0

    @staticmethod
    def wants(line: Record) -> bool:
        """Say whether the record of *line* may tell of a connection or of its handshake."""
        return line.kind is Kind.METADATA and line.role is Role.OTHER and bool(line.connection)

    def miss(self, line: Record) -> None:
        """Take note that the record of *line* could not be read, or is not the sealed one: that is named already."""
        self._last = None
        self._seen.add(line.connection)
        if self.wants(line):
            self._missed.add(line.connection)

    def take(self, line: Record, said: Said, subject: str) -> None:
        """Take the record of *line*, which lies at *subject*."""
        last, self._last = self._last, None
        if line.tls not in _NO_TLS:
            self._hosts.setdefault(line.connection or _UNNAMED, host_of(line.url))
        facts: Any = said.facts(subject) if self.wants(line) else None
        match facts:
            case {"type": "connection"}:
                self._last = _met(line, facts, first=line.connection not in self._seen)
            case {"type": "handshake"} if line.connection not in self._missed:
                self._judged.add(line.connection)
                self._attempt(line.connection, subject, lambda: self._judge(line, facts, last, subject))
        self._seen.add(line.connection)
        shaken = self._shaken.get(line.connection)
        if shaken is not None and not shaken.contradicted:
            self._attempt(line.connection, subject, lambda: _agree(line, shaken, subject))

    def finish(self) -> None:
        """Say what was found: of connections to one host that are alike together."""
        alike: dict[tuple[str, Verdict, str], list[str]] = defaultdict(list)
        for number, each in self._shaken.items():
            if not each.contradicted:
                alike[each.host, each.verdict, each.detail].append(number)
        for (host, verdict, detail), numbers in alike.items():
            self._note(verdict, f"{self._subject}: {host}", numbers, detail)
            self._findings.handshakes[verdict] += len(numbers)
        if without := [number for number in self._hosts if number not in self._judged | self._missed]:
            hosts = _listed(dict.fromkeys(self._hosts[number] for number in without))
            detail = f"no evidence of the handshake was kept ({hosts}): nothing shows that the site's key took part."
            self._note(Verdict.ABSENT, self._subject, without, detail)
            self._findings.handshakes[Verdict.ABSENT] += len(without)

    def _note(self, verdict: Verdict, subject: str, numbers: list[str], detail: str) -> None:
        many = f"{len(numbers):,} connections" if len(numbers) > 1 else "1 connection"
        self._findings.note(Check.HANDSHAKE, subject, verdict, f"{many} ({_listed(numbers)}): {detail}")

    def _attempt(self, number: str, subject: str, make: Callable[[], None]) -> None:
        try:
            make()
        except MunimentError as failure:
            self._findings.add(judged(Check.HANDSHAKE, subject, failure))
            if number in self._shaken:
                self._shaken[number].contradicted = True

    def _judge(self, line: Record, facts: dict[str, Any], last: _Met | None, subject: str) -> None:
        """Keep what the evidence of *line* shows of the connection *last*, whose record lies before it."""
        if facts.get("v") != 1 or facts["v"] is True:
            raise FormatError(subject, expected="v 1", found=repr(facts.get("v"))[:60])
        about = (line.connection, line.parent, facts.get("connection"))
        if last is None or about != (last.line.connection, last.line.record_id, last.line.connection):
            expected = "the record of the same connection just before it"
            raise IntegrityError(subject, expected=expected, found="another" if last else "none")
        if not last.first:
            expected = "the record of the connection before all others that name it"
            raise IntegrityError(subject, expected=expected, found="another before it")
        found = attributed(evidence.decode(canonical.encode(facts.get("evidence"))), last.claim)
        word = _SIGNED if isinstance(found, Signed) else found.why.value
        if last.word != word:
            where = f"{subject}, the connection's word for it"
            raise IntegrityError(where, expected=word, found=last.word or "none")
        self._refuse_again(found, subject)
        shaken = _Shaken(
            host=last.claim.host,
            address=last.address,
            tls=last.tls,
            chain=Digest.of(last.claim.chain) if last.claim.chain else None,
            leaf=self._leaf(found, subject),
            detail=_detail(found, last),
            # Whose key it is that signed was decided at capture, or not at all.
            verdict=Verdict.PASS if isinstance(found, Signed) and last.claim.verified else Verdict.ABSENT,
        )
        _agree(last.line, shaken, subject)
        self._shaken[line.connection] = shaken

    def _refuse_again(self, found: Signed | Unsigned, subject: str) -> None:
        facts = found.handshake
        # Both sides draw 32 octets by chance for each handshake (RFC 8446 4.1.2, 4.1.3): none comes twice.
        mark = hashlib.sha256(facts.client_random + facts.server_random).digest()[:16]
        if mark in self._findings.shaken:
            raise IntegrityError(subject, expected="a handshake of its own", found="that of another connection")
        self._findings.shaken.add(mark)

    def _leaf(self, found: Signed | Unsigned, subject: str) -> bytes:
        """Return the certificate whose key signed, held once for all connections that showed it."""
        leaf = found.handshake.chain[0] if found.handshake.chain else b""
        if leaf not in self._leaves:
            self._leaves[leaf] = leaf
            self._held += len(leaf)
        if self._held > _HELD:
            raise Unsupported(subject, expected=f"certificates of at most {_HELD:,} octets in all", found="more")
        return self._leaves[leaf]


def _met(line: Record, facts: dict[str, Any], *, first: bool) -> _Met | None:
    """Return the connection that *facts* describe; None where they are not as docs/formats.md has them."""
    match facts:
        case {
            "id": line.connection,
            "host": str(host),
            "address": str(address),
            "tls": str(tls),
            "tls_version": str(version),
            "cipher": str(cipher),
            "alpn": str(alpn),
            "chain": [*shown],
        }:
            try:
                chain = tuple(canonical.decode_base64(each, "chain") for each in shown)
            except (FormatError, TypeError):
                return None
            claim = Claim(host, tls == "ok", version, cipher, alpn, chain)
            return _Met(line, first, address, tls, str(facts.get("handshake", "")), claim)
    return None


def _agree(line: Record, shaken: _Shaken, subject: str) -> None:
    """Refuse a *line* that says of its connection what the evidence does not show of it."""
    pairs: tuple[tuple[str, object, object], ...] = (
        ("address", shaken.address, line.address),
        ("tls", shaken.tls, line.tls),
        ("chain", shaken.chain, line.chain),
    )
    for what, expected, found in pairs:
        if expected != found:
            where = f"{subject}, {what} in its line"
            raise IntegrityError(where, expected=str(expected or "none"), found=str(found or "none"))
    if shaken.leaf and not may_ask(line.url, shaken.host, shaken.leaf):
        where, expected = f"{subject}, host of its URL", f"{shaken.host}, or one that its certificate names"
        raise IntegrityError(where, expected=expected, found=host_of(line.url) or "none")


def _detail(found: Signed | Unsigned, met: _Met) -> str:
    if isinstance(found, Unsigned):
        return _WHY[found.why]
    facts = found.handshake
    signed = (
        f"the handshake is signed, {_COVERED[facts.version]} ({facts.version}, {found.scheme}), by whoever holds the "
        f"key of the certificate {Digest.of_bytes(facts.chain[0])}"
    )
    if not met.claim.verified:
        return f"{signed}. That was not accepted at capture ({met.tls}): whether it is the site's is not known."
    return f"{signed}, which was accepted for this host at capture. Neither what was sent over it nor when is signed."


def _listed(items: Iterable[str]) -> str:
    every = list(items)
    more = f" and {len(every) - _LISTED:,} more" if len(every) > _LISTED else ""
    return ", ".join(every[:_LISTED]) + more
