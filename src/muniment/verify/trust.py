"""Whom we believe: trust.toml, which always comes from the verifier and never out of what is being verified.

A key in it says "what this key signed, that operator (that log) signed". A key that is found beside the evidence is
never trusted. Times in it are held against the times that statements claim, which are their signer's own.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Self, TypeVar

import msgspec
from cryptography import x509

from muniment import durable, settings, timestamp
from muniment.errors import FormatError, JobError, StoreError, TrustError
from muniment.log.cosignature import WitnessKey
from muniment.log.note import VerifierKey, Vkey
from muniment.seal.dsse import Opened
from muniment.seal.signing import Algorithm, PublicKey

__all__ = [
    "EMPTY",
    "Authority",
    "Operator",
    "Trust",
    "Witness",
    "add",
    "authority_lines",
    "bound",
    "lines",
    "operator_lines",
    "parse",
    "read",
    "remember",
]

EMPTY: Final = """\
# Whom `muniment verify` believes. Paste here the lines that an archive's staff gave you, apart from the archive;
# `muniment trust show` prints them there. Without any lines nothing is believed, and nothing passes.
"""

_Kind = TypeVar("_Kind", bound=Vkey)
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _LogTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    origin: str
    vkey: str


class _OperatorTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    key: str
    since: _Moment | None = msgspec.field(default=None, name="from")
    until: _Moment | None = None
    revoked: _Moment | None = None


class _AuthorityTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    root: str


class _WitnessTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    vkey: str


class _TrustFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    log: list[_LogTable] = []
    operator: list[_OperatorTable] = []
    tsa: list[_AuthorityTable] = []
    witness: list[_WitnessTable] = []
    witnesses_needed: int = 0
    max_stamp_delay: str = "24h"


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody whose seal is believed, for statements from ``since`` until before ``until`` and ``revoked``."""

    name: str
    key: PublicKey
    since: datetime | None = None
    until: datetime | None = None
    revoked: datetime | None = None

    def vouch(self, at: datetime, where: object, proved: datetime | None = None) -> None:
        """Return when this operator's key was to be believed at *at*; TrustError says why it was not.

        *at* is what the statement claims, *proved* the time by which a time-stamp that is believed shows that it was
        logged. Who holds a revoked key can claim any time, so what it sealed is believed only where it is proved to
        be older than the revocation. A key that was only retired (``until``) is believed for what claims to be older.
        """
        said = f"{where}: sealed by {self.name!r} at {_spoken(at)}, but trust.toml"
        if self.revoked is not None and at >= self.revoked:
            raise TrustError(f"{said} has that key revoked since {_spoken(self.revoked)}")
        if self.revoked is not None and (proved is None or proved >= self.revoked):
            shown = "no time-stamp shows" if proved is None else f"the time-stamp of {_spoken(proved)} does not show"
            raise TrustError(
                f"{said} has that key revoked since {_spoken(self.revoked)}, and {shown} that it was sealed before: "
                "whoever holds the key can claim any time"
            )
        if self.since is not None and at < self.since:
            raise TrustError(f"{said} believes that key only from {_spoken(self.since)}")
        if self.until is not None and at >= self.until:
            raise TrustError(f"{said} believes that key only until {_spoken(self.until)}")


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority: its name, and the certificates of its root; others among them complete a chain."""

    name: str
    roots: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody outside whose cosignature on a checkpoint counts: what reports call them, and their key."""

    name: str
    key: WitnessKey


@dataclass(frozen=True, slots=True)
class Trust:
    """What one verifier believes; ``whose`` says where it came from, for reports.

    ``max_stamp_delay`` is in seconds.
    """

    whose: str
    logs: tuple[VerifierKey, ...] = ()
    operators: tuple[Operator, ...] = ()
    authorities: tuple[Authority, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    witnesses_needed: int = 0
    max_stamp_delay: float = 86400

    @classmethod
    def nobody(cls) -> Self:
        """Return the trust of somebody who believes nobody: nothing signed can be decided by it."""
        return cls("nobody: no trust.toml was given")

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """The keys whose seals may be opened."""
        return tuple(operator.key for operator in self.operators)

    def vouch(self, opened: Opened, at: datetime, where: object, proved: datetime | None = None) -> Operator:
        """Return the operator who is believed to have sealed *opened* at *at*; TrustError when there is none.

        *proved* is the time by which a time-stamp shows that it was sealed, where one does.
        """
        held = {operator.key: operator for operator in self.operators}
        refusals = []
        for signer in opened.signers:
            if signer not in held:
                continue
            try:
                held[signer].vouch(at, where, proved)
            except TrustError as refusal:
                refusals.append(refusal)
            else:
                return held[signer]
        raise refusals[0] if refusals else TrustError(f"{where}: sealed by no operator whom trust.toml names")


def read(path: Path) -> Trust:
    """Return the trust that the file *path* writes; JobError names file, line and mistake."""
    try:
        with durable.opened(Path(os.path.realpath(path))) as stream:
            content = stream.read()
    except StoreError as failure:
        raise JobError(f"{failure}; name a trust.toml by --trust, or begin one with `muniment trust init`") from failure
    return parse(content, path)


def parse(content: bytes, path: Path) -> Trust:
    """Return the trust that *content* writes in TOML; *path* is its name in errors, and where its files lie."""
    found = settings.parse(content, _TrustFile, path)
    operators = tuple(_operator(each, f"{path}, operator {each.name!r}") for each in found.operator)
    if len({operator.key for operator in operators}) != len(operators):
        raise JobError(f"{path}: one key stands under two operators; keep the one that is right")
    return Trust(
        whose=str(path),
        logs=tuple(_log(each, f"{path}, log {each.origin!r}") for each in found.log),
        operators=operators,
        authorities=tuple(_authority(each, path) for each in found.tsa),
        witnesses=_witnesses(found, path),
        witnesses_needed=found.witnesses_needed,
        max_stamp_delay=settings.duration(found.max_stamp_delay),
    )


def lines(origin: str, vkey: str, operator: str, key: PublicKey, since: datetime | None = None) -> str:
    """Return the lines that make a verifier believe the log *origin* (by its *vkey*) and *operator* (by *key*)."""
    log = f"[[log]]\norigin = {settings.text(origin)}\nvkey = {settings.text(vkey)}\n"
    return log + operator_lines(operator, key, since)


def operator_lines(
    operator: str,
    key: PublicKey,
    since: datetime | None = None,
    until: datetime | None = None,
    revoked: datetime | None = None,
) -> str:
    """Return the lines that make a verifier believe *operator* by *key*, within the times that are given.

    An Ed25519 key is written as a vkey, on one line; others as PEM.
    """
    if key.algorithm is Algorithm.ED25519:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", operator).strip("-") or "operator"
        written = settings.text(str(VerifierKey(name, key)))
    else:
        written = f'"""\n{key.pem}"""'
    times = "".join(
        f"{name} = {_spoken(moment)}\n"
        for name, moment in (("from", since), ("until", until), ("revoked", revoked))
        if moment is not None
    )
    return f"[[operator]]\nname = {settings.text(operator)}\nkey = {written}\n{times}"


def authority_lines(name: str, roots: Iterable[x509.Certificate]) -> str:
    """Return the lines that make a verifier believe the time-stamping authority *name*, by its *roots*."""
    return f'[[tsa]]\nname = {settings.text(name)}\nroot = """\n{timestamp.pem(roots).decode()}"""\n'


def add(existing: str, added: str, path: Path) -> str:
    """Return *existing*, the text of the trust file *path*, with the tables of *added* that it lacks.

    What is there stays as it is, comments included. JobError when either is no trust file, or when a log of the
    same name is there with another key: that is for a person to decide.
    """
    there, new = parse(existing.encode(), path), parse(added.encode(), path)
    for log in new.logs:
        if any(log.name == each.name and log != each for each in there.logs):
            raise JobError(f"{path}: believes another key for the log {log.name!r} already; compare them by hand")
    tables = re.split(r"(?m)^(?=\[\[)", added)
    wanted = [table for table in tables if table and not _holds(there, parse(table.encode(), path))]
    if not wanted:
        return existing
    before = existing if not existing or existing.endswith("\n") else existing + "\n"
    return before + ("\n" if before else "") + "".join(wanted)


def bound(path: Path, key: PublicKey, field: str, moment: datetime) -> bool:
    """Write into the trust file *path* that *key* is believed ``until``, or ``revoked`` since, *moment*.

    Returns whether the file says so now; it does not where it holds no such key, or another time for it already.
    """
    if not path.exists():
        return False
    try:
        existing = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise JobError(f"{path}: could not be read: {failure}") from failure
    tables = re.split(r"(?m)^(?=\[\[)", existing)
    for number, table in enumerate(tables):
        if not table.startswith("[[operator]]"):
            continue
        (held,) = parse(table.encode(), path).operators
        if held.key == key and (said := getattr(held, field)) is not None:
            return bool(said <= moment)
        if held.key == key:
            head, _, rest = table.partition("\n")
            tables[number] = f"{head}\n{field} = {_spoken(moment)}\n{rest}"
            parse("".join(tables).encode(), path)
            durable.replace(path, "".join(tables).encode())
            return True
    return False


def remember(path: Path, added: str) -> None:
    """Put the lines *added* into the trust file *path*, which is made where there is none; JobError as in add."""
    try:
        existing = path.read_text(encoding="utf-8") if path.exists() else EMPTY
    except (OSError, UnicodeDecodeError) as failure:
        raise JobError(f"{path}: could not be read: {failure}") from failure
    text = add(existing, added, path)
    if text != existing or not path.exists():
        durable.private_folder(path.parent)
        durable.replace(path, text.encode())


def _holds(there: Trust, one: Trust) -> bool:
    has_keys = set(one.logs) <= set(there.logs) and set(one.keys) <= set(there.keys)
    return has_keys and set(one.authorities) <= set(there.authorities)


def _spoken(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _vkey(text: str, where: str, kind: type[_Kind]) -> _Kind:
    try:
        return kind.parse(text, where)
    except FormatError as wrong:
        raise JobError(f"{wrong}; copy the line again, whole") from None


def _log(table: _LogTable, where: str) -> VerifierKey:
    key = _vkey(table.vkey, where, VerifierKey)
    if key.name != table.origin:
        raise JobError(f"{where}: the origin is not the name that its vkey begins with, {key.name!r}")
    return key


def _witnesses(found: _TrustFile, path: Path) -> tuple[Witness, ...]:
    if not 0 <= found.witnesses_needed <= len(found.witness):
        raise JobError(f"{path}: witnesses_needed = {found.witnesses_needed}, but {len(found.witness)} are named")
    made = tuple(
        Witness(each.name, _vkey(each.vkey, f"{path}, witness {each.name!r}", WitnessKey)) for each in found.witness
    )
    # A cosignature does not commit to its witness's name: one key under two names would be counted twice.
    if len({each.key.public for each in made}) != len(made) or len({each.name for each in made}) != len(made):
        raise JobError(f"{path}: one witness, or the key of one, stands there twice; keep the one that is right")
    for each in made:
        if any(each.key.name == log.origin for log in found.log):
            raise JobError(f"{path}, witness {each.name!r}: a log is no witness of itself; name somebody outside")
    return made


def _operator(table: _OperatorTable, where: str) -> Operator:
    if not table.name.strip():
        raise JobError(f"{where}: an operator needs a name, by which reports call it")
    try:
        pem = table.key.lstrip().startswith("-----")
        key = PublicKey.parse_pem(table.key, where) if pem else VerifierKey.parse(table.key, where).public
    except FormatError as wrong:
        raise JobError(f"{wrong}; give a PEM public key or a vkey, whole") from None
    return Operator(table.name, key, table.since, table.until, table.revoked)


def _authority(table: _AuthorityTable, path: Path) -> Authority:
    where = f"{path}, tsa {table.name!r}"
    try:
        inline = "-----BEGIN" in table.root
        pem = table.root.encode() if inline else (path.parent / table.root).read_bytes()
        certificates = timestamp.certificates(pem, where)
    except (OSError, ValueError, FormatError) as wrong:
        raise JobError(f"{where}: root is neither a PEM certificate nor a file that holds one: {wrong}") from None
    if not any(each.issuer == each.subject for each in certificates):
        raise JobError(f"{where}: root holds no root certificate, one that its own subject issued")
    return Authority(table.name, certificates)
