"""Statements: what is sealed about an opening and about a finished capture (in-toto Statement v1, by seal.dsse)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from muniment import canonical
from muniment.canonical import Fields
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.manifest.moment import instant, timestamp

__all__ = [
    "CAPTURE_PREDICATE",
    "OPENING_PREDICATE",
    "PAYLOAD_TYPE",
    "STATEMENT_TYPE",
    "LogPlace",
    "Opening",
    "Recovery",
    "Statement",
    "decode_opening",
    "decode_sealed",
    "decode_statement",
    "encode_opening",
    "encode_sealed",
    "encode_statement",
    "seed_commitment",
    "sums",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
OPENING_PREDICATE: Final = "urn:uuid:0180ea6e-7459-4603-946f-79b59fc1e786"
CAPTURE_PREDICATE: Final = "urn:uuid:79ae0b38-fb49-411f-a948-4cfcd8e9dc04"

_VERSION: Final = 1


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


def seed_commitment(salt: bytes, seed: str) -> Digest:
    """Return the digest by which an opening commits to its seed: SHA-256 of the salt's octets, then the URL."""
    return Digest.of((salt, seed.encode()))


def sums(subjects: Sequence[tuple[str, Digest]]) -> bytes:
    """Return SHA256SUMS: exactly *subjects*, in order, in the form that ``sha256sum -c`` reads."""
    return "".join(f"{digest.hex}  {name}\n" for name, digest in subjects).encode()


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
    return encode_sealed(subjects, OPENING_PREDICATE, predicate)


def decode_opening(payload: bytes, where: object) -> Opening:
    """Return what the payload of an opened open.dsse.json says."""
    subjects, found = decode_sealed(payload, OPENING_PREDICATE, where)
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
    return encode_sealed(statement.subjects, CAPTURE_PREDICATE, predicate)


def decode_statement(payload: bytes, where: object) -> Statement:
    """Return what the payload of an opened statement.dsse.json says."""
    subjects, found = decode_sealed(payload, CAPTURE_PREDICATE, where)
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


def encode_sealed(subjects: Sequence[tuple[str, Digest]], kind: str, predicate: Mapping[str, Any]) -> bytes:
    """Return an in-toto statement: *predicate*, of the type *kind*, about *subjects* (name and digest)."""
    return canonical.encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {digest.algorithm: digest.hex}} for name, digest in subjects],
            "predicateType": kind,
            "predicate": dict(predicate),
        }
    )


def decode_sealed(payload: bytes, kind: str, where: object) -> tuple[tuple[tuple[str, Digest], ...], Fields]:
    """Return the subjects of an in-toto statement of the type *kind*, and its predicate, of which nothing is taken."""
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
