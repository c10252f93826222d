"""The bytes of manifest lines and statements, and back (docs/formats.md, "Manifest" and "Statement").

Encoding is canonical and total: the same values give the same bytes for ever. Decoding is strict: a key that the
version does not know, a value of another type or shape, or a line that would be written otherwise is a FormatError.
Nothing is verified here; whoever decodes has opened the seal before, or says "unverified" in a name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from muniment import canonical
from muniment.canonical import Fields
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.model import LINE_HAS, LINE_LACKS, Kind, Position, Reason, Record, Role, State, Truncation

__all__ = [
    "CAPTURE_PREDICATE",
    "OPENING_PREDICATE",
    "PAYLOAD_TYPE",
    "STATEMENT_TYPE",
    "Description",
    "LogPlace",
    "Opening",
    "Recovery",
    "Statement",
    "decode_description",
    "decode_opening",
    "decode_record",
    "decode_statement",
    "encode_description",
    "encode_opening",
    "encode_record",
    "encode_statement",
    "instant",
    "seed_commitment",
    "sums",
    "timestamp",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
OPENING_PREDICATE: Final = "urn:uuid:0180ea6e-7459-4603-946f-79b59fc1e786"
CAPTURE_PREDICATE: Final = "urn:uuid:79ae0b38-fb49-411f-a948-4cfcd8e9dc04"

_VERSION: Final = 1
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Description:
    """Line 0: the capture as a whole. ``asked`` counts the URLs that were wanted, ``recorded`` those answered."""

    salt: bytes
    capture: str
    seed: str
    engine: str
    verdict: State
    asked: int
    recorded: int
    job: str = ""
    extractors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where the opening lies in the log: its leaf and the checkpoint that first covered it.

    ``sealed`` digests the file open.dsse.json, ``checkpoint`` the file checkpoints/<size>, ``tokens`` the time-stamp
    tokens over that file (none yet where no authority is configured).
    """

    origin: str
    index: int
    size: int
    sealed: Digest
    checkpoint: Digest
    tokens: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """What is sealed before the first packet: seed and effective rules, under a salt so that it can be disclosed."""

    capture: str
    opened: datetime
    salt: bytes
    seed: str
    rules: Mapping[str, Any]
    tool: str
    version: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is said of a capture that a crash cut short and that was sealed afterwards.

    ``gap_seconds`` lie between the last thing that was kept and the recovery, ``set_aside_bytes`` were no whole record
    and lie beside the files as ``….torn-<offset>``, ``by`` is the program that did it.
    """

    gap_seconds: int
    set_aside_bytes: int
    by: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What is sealed about a finished capture; commits to everything by digest and names no URL."""

    subjects: tuple[tuple[str, Digest], ...]
    capture: str
    opened: datetime
    closed: datetime
    tool: str
    version: str
    records: int
    attempts: int
    root: Digest
    opening: LogPlace
    recovered: Recovery | None = None


def timestamp(moment: datetime) -> str:
    """Return *moment* (aware) as RFC 3339 in UTC with microseconds, as WARC-Date allows (ISO 28500 5.4)."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def instant(text: str, where: object) -> datetime:
    """Return the moment that *text* writes in the form of :func:`timestamp`, or to the second."""
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise FormatError(where, expected="a UTC time like 2024-12-10T09:30:12.000000Z", found=repr(text[:60]))


def seed_commitment(salt: bytes, seed: str) -> Digest:
    """Return the digest by which an opening commits to its seed: SHA-256 of the salt's octets, then the URL."""
    return Digest.of((salt, seed.encode()))


def sums(subjects: Sequence[tuple[str, Digest]]) -> bytes:
    """Return SHA256SUMS: exactly *subjects*, in order, in the form that ``sha256sum -c`` reads."""
    return "".join(f"{digest.hex}  {name}\n" for name, digest in subjects).encode()


# Manifest lines.


def encode_description(description: Description) -> bytes:
    """Return line 0, without its LF."""
    line: dict[str, Any] = {
        "v": _VERSION,
        "n": 0,
        "kind": Kind.CAPTURE.value,
        "salt": description.salt.hex(),
        "capture": description.capture,
        "seed": description.seed,
        "engine": description.engine,
        "verdict": description.verdict.value,
        "asked": description.asked,
        "recorded": description.recorded,
        "extractors": dict(description.extractors),
    }
    if description.job:
        line["job"] = description.job
    return canonical.encode(line)


def decode_description(line: bytes, where: object) -> Description:
    """Return what line 0 says; *line* is without its LF."""
    found = Fields(line, where)
    found.constant("n", 0)
    found.constant("kind", Kind.CAPTURE.value)
    extractors = found.take("extractors", dict)
    if not all(isinstance(each, str) for each in extractors.values()):
        raise FormatError(where, expected="names and versions of extractors", found=repr(extractors)[:80])
    description = Description(
        salt=found.salt(),
        capture=found.take("capture", str),
        seed=found.take("seed", str),
        engine=found.take("engine", str),
        verdict=found.choice("verdict", State),
        asked=found.number("asked"),
        recorded=found.number("recorded"),
        job=found.take("job", str, ""),
        extractors=extractors,
    )
    found.finish(encode_description(description))
    return description


def encode_record(record: Record) -> bytes:
    """Return the line of *record*, without its LF; fields that say nothing are left out."""
    line: dict[str, Any] = {
        "v": _VERSION,
        "n": record.n,
        "kind": record.kind.value,
        "salt": record.salt.hex(),
        "record_id": record.record_id,
        "date": timestamp(record.date),
        "file": record.position.file,
        "offset": record.position.offset,
        "length": record.position.length,
        "member": str(record.position.member),
        "record": str(record.record),
        "size": record.size,
    }
    optional = {
        "url": record.url,
        "role": record.role,
        "status": record.status,
        "media_type": record.media_type,
        "parent": record.parent,
        "payload": record.payload,
        "content": record.content,
        "address": record.address,
        "connection": record.connection,
        "tls": record.tls,
        "chain": record.chain,
        "truncated": record.truncated,
        "outcome": record.outcome,
    }
    for name, value in optional.items():
        if value is not None and value != "":
            line[name] = value if isinstance(value, int) else str(value)
    return canonical.encode(line)


def decode_record(line: bytes, where: object) -> Record:
    """Return what a line below line 0 says; *line* is without its LF."""
    found = Fields(line, where)
    kind = found.choice("kind", Kind)
    if kind is Kind.CAPTURE:
        raise FormatError(where, expected="a record or an attempt", found="a second line of kind capture")
    lacking = LINE_HAS.get(kind, LINE_HAS[Kind.ATTEMPT] - {"outcome"}) - found.rest.keys()
    beyond = LINE_LACKS.get(kind, LINE_LACKS[Kind.ATTEMPT] | {"outcome"}) & found.rest.keys()
    if lacking or beyond:
        raise FormatError(
            where, expected=f"the fields of a {kind}", found=f"lacking {sorted(lacking)}, beyond {sorted(beyond)}"
        )
    record = Record(
        n=found.number("n"),
        kind=kind,
        salt=found.salt(),
        record_id=found.record_id("record_id"),
        url=found.take("url", str, ""),
        date=instant(found.take("date", str), where),
        position=Position(
            file=found.take("file", str),
            offset=found.number("offset"),
            length=found.number("length"),
            member=found.digest("member"),
        ),
        record=found.digest("record"),
        size=found.number("size"),
        role=found.choice("role", Role) if "role" in found.rest else None,
        status=found.number("status") if "status" in found.rest else None,
        media_type=found.take("media_type", str, ""),
        parent=found.record_id("parent") if "parent" in found.rest else "",
        payload=found.optional_digest("payload"),
        content=found.optional_digest("content"),
        address=found.take("address", str, ""),
        connection=found.take("connection", str, ""),
        tls=found.take("tls", str, ""),
        chain=found.optional_digest("chain"),
        truncated=found.choice("truncated", Truncation) if "truncated" in found.rest else None,
        outcome=found.choice("outcome", Reason) if "outcome" in found.rest else None,
    )
    found.finish(encode_record(record))
    return record


# Statements: in-toto Statement v1, sealed by seal.dsse.


def encode_opening(opening: Opening) -> bytes:
    """Return the statement that is sealed before the first packet."""
    predicate = {
        "v": _VERSION,
        "capture": opening.capture,
        "opened": timestamp(opening.opened),
        "salt": opening.salt.hex(),
        "seed": opening.seed,
        "rules": dict(opening.rules),
        "tool": {"name": opening.tool, "version": opening.version},
    }
    subjects = (("seed", seed_commitment(opening.salt, opening.seed)),)
    return _encode_statement(subjects, OPENING_PREDICATE, predicate)


def decode_opening(payload: bytes, where: object) -> Opening:
    """Return what the payload of an opened open.dsse.json says."""
    subjects, found = _decode_statement(payload, OPENING_PREDICATE, where)
    tool = found.nested("tool")
    opening = Opening(
        capture=found.take("capture", str),
        opened=instant(found.take("opened", str), where),
        salt=found.salt(),
        seed=found.take("seed", str),
        rules=found.take("rules", dict),
        tool=tool.take("name", str),
        version=tool.take("version", str),
    )
    if subjects != (("seed", seed_commitment(opening.salt, opening.seed)),):
        raise FormatError(where, expected="a subject that commits to the seed", found="another one")
    found.finish(encode_opening(opening), payload)
    return opening


def encode_statement(statement: Statement) -> bytes:
    """Return the statement about a finished capture."""
    opening = statement.opening
    predicate: dict[str, Any] = {
        "v": _VERSION,
        "capture": statement.capture,
        "opened": timestamp(statement.opened),
        "closed": timestamp(statement.closed),
        "tool": {"name": statement.tool, "version": statement.version},
        "records": statement.records,
        "attempts": statement.attempts,
        "root": str(statement.root),
        "opening": {
            "origin": opening.origin,
            "index": opening.index,
            "size": opening.size,
            "sealed": str(opening.sealed),
            "checkpoint": str(opening.checkpoint),
            "tokens": [str(each) for each in opening.tokens],
        },
    }
    if statement.recovered is not None:
        predicate["recovered"] = asdict(statement.recovered)
    return _encode_statement(statement.subjects, CAPTURE_PREDICATE, predicate)


def decode_statement(payload: bytes, where: object) -> Statement:
    """Return what the payload of an opened statement.dsse.json says."""
    subjects, found = _decode_statement(payload, CAPTURE_PREDICATE, where)
    tool, opening = found.nested("tool"), found.nested("opening")
    recovered = found.nested("recovered") if "recovered" in found.rest else None
    statement = Statement(
        subjects=subjects,
        capture=found.take("capture", str),
        opened=instant(found.take("opened", str), where),
        closed=instant(found.take("closed", str), where),
        tool=tool.take("name", str),
        version=tool.take("version", str),
        records=found.number("records"),
        attempts=found.number("attempts"),
        root=found.digest("root"),
        opening=LogPlace(
            origin=opening.take("origin", str),
            index=opening.number("index"),
            size=opening.number("size"),
            sealed=opening.digest("sealed"),
            checkpoint=opening.digest("checkpoint"),
            tokens=tuple(Digest.parse(str(each), where) for each in opening.take("tokens", list)),
        ),
        recovered=None
        if recovered is None
        else Recovery(
            gap_seconds=recovered.number("gap_seconds"),
            set_aside_bytes=recovered.number("set_aside_bytes"),
            by=recovered.take("by", str),
        ),
    )
    found.finish(encode_statement(statement), payload)
    return statement


def _encode_statement(subjects: Sequence[tuple[str, Digest]], kind: str, predicate: Mapping[str, Any]) -> bytes:
    return canonical.encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {digest.algorithm: digest.hex}} for name, digest in subjects],
            "predicateType": kind,
            "predicate": dict(predicate),
        }
    )


def _decode_statement(payload: bytes, kind: str, where: object) -> tuple[tuple[tuple[str, Digest], ...], Fields]:
    outer = Fields(payload, where)
    outer.constant("_type", STATEMENT_TYPE)
    outer.constant("predicateType", kind)
    subjects = []
    for each in outer.take("subject", list):
        match each:
            case {"name": str(name), "digest": {"sha256": str(value)}}:
                subjects.append((name, Digest.parse_hex(value, where)))
            case _:
                raise FormatError(where, expected="subjects with a name and a sha256 digest", found=repr(each)[:80])
    found = outer.nested("predicate", version=True)
    return tuple(subjects), found
