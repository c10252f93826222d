"""The lines of a manifest: line 0 about the capture, then a line for each record and failed attempt.

The form of a line stands in one place, the structure that msgspec reads and writes it by. A line is read in three
steps, each of which refuses: its fields have their types and ranges; written again they are the same octets, which
rules out whatever else JSON allows (a key twice, another order, spaces, escapes, numbers spelt otherwise); and each
text is the one spelling of its value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec

from muniment import canonical
from muniment.canonical import LARGEST, Fields
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.manifest.moment import instant, timestamp
from muniment.model import Kind, Position, Reason, Record, Role, State, Truncation

__all__ = [
    "LINE_HAS",
    "LINE_LACKS",
    "Description",
    "decode_description",
    "decode_record",
    "encode_description",
    "encode_record",
]

_OF_RECORDS: Final = frozenset({"url", "role", "payload"})
_OF_ANSWERS: Final = frozenset({"status", "outcome", "truncated"})
LINE_HAS: Final = {
    Kind.RESPONSE: _OF_RECORDS | {"status", "outcome"},
    Kind.REQUEST: frozenset({"url", "role"}),
    Kind.ATTEMPT: _OF_RECORDS | {"outcome"},
    Kind.WARCINFO: frozenset({"payload"}),
}
"""What a line of each kind always has (docs/formats.md, "Manifest"); of kinds not named, the same as metadata."""
LINE_LACKS: Final = {
    Kind.RESPONSE: frozenset[str](),
    Kind.REQUEST: _OF_ANSWERS | {"payload", "content"},
    Kind.ATTEMPT: frozenset({"status", "truncated"}),
    Kind.WARCINFO: _OF_ANSWERS | {"url", "role", "parent"},
}
"""What a line of each kind never has."""

_VERSION: Final = 1
_ID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


_Number = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Moment = Annotated[str, msgspec.Meta(min_length=27, max_length=27)]


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, frozen=True, gc=False):
    """A line below line 0 as it is spelt; in alphabetical order, because it is written in that of its fields."""

    address: _Text | None = None
    chain: _Text | None = None
    connection: _Text | None = None
    content: _Text | None = None
    date: _Moment
    file: str
    kind: Kind
    length: _Number
    media_type: _Text | None = None
    member: str
    n: _Number
    offset: _Number
    outcome: Reason | None = None
    parent: _Text | None = None
    payload: _Text | None = None
    record: str
    record_id: str
    role: Role | None = None
    salt: str
    size: _Number
    status: _Number | None = None
    tls: _Text | None = None
    truncated: Truncation | None = None
    url: _Text | None = None
    v: Literal[1]


_FORM: Final = "a manifest line as docs/formats.md has it"
_READER: Final = msgspec.json.Decoder(_Line)
_WRITER: Final = msgspec.json.Encoder()
# A field that says nothing is left out, and one that is there says something: None and absent are one.
_OPTIONAL: Final = frozenset[str]().union(*LINE_HAS.values(), *LINE_LACKS.values())
_HAS: Final = {kind: LINE_HAS.get(kind, LINE_HAS[Kind.ATTEMPT] - {"outcome"}) for kind in Kind}
_LACKS: Final = {kind: LINE_LACKS.get(kind, LINE_LACKS[Kind.ATTEMPT] | {"outcome"}) for kind in Kind}


def encode_record(record: Record) -> bytes:
    """Return the line of *record*, without its LF; fields that say nothing are left out.

    Raises FormatError for text that is no Unicode and for numbers that no line can hold.
    """
    line = _Line(
        address=record.address or None,
        chain=_spelt(record.chain),
        connection=record.connection or None,
        content=_spelt(record.content),
        date=timestamp(record.date),
        file=record.position.file,
        kind=record.kind,
        length=record.position.length,
        media_type=record.media_type or None,
        member=str(record.position.member),
        n=record.n,
        offset=record.position.offset,
        outcome=record.outcome,
        parent=record.parent or None,
        payload=_spelt(record.payload),
        record=str(record.record),
        record_id=record.record_id,
        role=record.role,
        salt=record.salt.hex(),
        size=record.size,
        status=record.status,
        tls=record.tls or None,
        truncated=record.truncated,
        url=record.url or None,
        v=_VERSION,
    )
    try:
        written = _WRITER.encode(line)
        _READER.decode(written)  # nothing is written that could not be read
    except (msgspec.MsgspecError, UnicodeError) as refused:
        raise FormatError(f"the line of {record.record_id}", expected=_FORM, found=str(refused)[:120]) from None
    return written


def decode_record(line: bytes, where: object) -> Record:
    """Return what a line below line 0 says; *line* is without its LF."""
    try:
        said = _READER.decode(line)
        written = _WRITER.encode(said)
    except (msgspec.MsgspecError, UnicodeError) as refused:
        raise _explained(line, where, _FORM, f"another form: {refused}") from None
    if written != line:
        raise _explained(line, where, "canonical JSON", "another spelling of the same value")
    _check_fields(said, where)
    payload = _digest(said.payload, where)
    return Record(
        n=said.n,
        kind=said.kind,
        salt=canonical.salt(said.salt, where),
        record_id=_id("record_id", said.record_id, where),
        url=said.url or "",
        date=instant(said.date, where),
        position=Position(said.file, said.offset, said.length, Digest.parse(said.member, where)),
        record=Digest.parse(said.record, where),
        size=said.size,
        role=said.role,
        status=said.status,
        media_type=said.media_type or "",
        parent=_id("parent", said.parent, where) if said.parent else "",
        payload=payload,
        content=payload if said.content == said.payload else _digest(said.content, where),
        address=said.address or "",
        connection=said.connection or "",
        tls=said.tls or "",
        chain=_digest(said.chain, where),
        truncated=said.truncated,
        outcome=said.outcome,
    )


def _explained(line: bytes, where: object, expected: str, found: str) -> FormatError:
    """Return why *line* is refused, which is certain; where it is JSON that is at fault, by that reader's sentence."""
    try:
        canonical.decode(line, where)
    except FormatError as plainer:
        return plainer
    return FormatError(where, expected=expected, found=found[:120])


def _check_fields(said: _Line, where: object) -> None:
    kind = said.kind
    if kind is Kind.CAPTURE:
        raise FormatError(where, expected="a record or an attempt", found="a second line of kind capture")
    present = {name for name in _OPTIONAL if getattr(said, name) is not None}
    if not _HAS[kind] <= present or not _LACKS[kind].isdisjoint(present):
        lacking, beyond = sorted(_HAS[kind] - present), sorted(_LACKS[kind] & present)
        raise FormatError(where, expected=f"the fields of a {kind}", found=f"lacking {lacking}, beyond {beyond}")


def _id(name: str, text: str, where: object) -> str:
    if not _ID.fullmatch(text):
        raise FormatError(where, expected=f"{name} as urn:uuid:…", found=repr(text)[:60])
    return text


def _digest(text: str | None, where: object) -> Digest | None:
    return None if text is None else Digest.parse(text, where)


def _spelt(digest: Digest | None) -> str | None:
    return None if digest is None else str(digest)
