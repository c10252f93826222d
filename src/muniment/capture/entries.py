"""What each thing that is handed over becomes in a WARC file: its entries, and what a manifest line says of each."""

import io
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, BinaryIO, Final

from muniment import canonical, manifest
from muniment.capture.peers import documents
from muniment.digest import Digest, Digester
from muniment.message.entity import Entity
from muniment.model import Connection, Exchange, Kind, Role
from muniment.warc import metadata
from muniment.warc.writer import Entry, already_compressed

__all__ = [
    "Fact",
    "Group",
    "Resource",
    "Taken",
    "about_connection",
    "answer",
    "attempt",
    "common",
    "of_fact",
    "of_resource",
]

_PIECE: Final = 1 << 20
_LINES: Final = "application/x-ndjson"

Group = list[tuple[Entry, dict[str, Any]]]
"""Entries that are written together, each with what its line says besides."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A derived metadata record: canonical JSON about the record *about*, made by a named extractor."""

    url: str
    about: str
    content: bytes
    date: datetime


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that was made or kept beside the exchanges, such as a screenshot; ``content`` is closed when written.

    ``url`` names what it is, never what it shows, so that no tool takes it for an answer of the site. Where it was
    made from a record, ``source`` is that record's id, and it becomes a ``conversion`` (ISO 28500:2017 6.8).
    """

    url: str
    role: Role
    media_type: str
    content: BinaryIO
    date: datetime
    parent: str
    source: str = ""
    record_id: str = field(default_factory=lambda: f"urn:uuid:{uuid.uuid4()}")


@dataclass(frozen=True, slots=True)
class Taken:
    """An exchange on its way to disk, with what it is to the capture and the ids that its records will carry."""

    exchange: Exchange
    role: Role
    parent: str
    record_id: str


def of_fact(fact: Fact) -> tuple[Entry, dict[str, Any]]:
    """Return the record of *fact*."""
    record_id = f"urn:uuid:{uuid.uuid4()}"
    entry = _document(record_id, fact.url, fact.date, fact.content)
    entry = replace(entry, fields=(("WARC-Refers-To", f"<{fact.about}>"),))
    return entry, {"role": Role.DERIVED, "parent": fact.about, "media_type": metadata.MEDIA_TYPE}


def answer(taken: Taken, block: BinaryIO, found: Entity, shared: dict[str, Any]) -> Group:
    """Return the records of an answer: *block*, of which *found* is known, its request, and how they were exchanged."""
    exchange, about = taken.exchange, f"urn:uuid:{uuid.uuid4()}"
    media_type = exchange.field_value("content-type").partition(";")[0].strip().lower()[:200]
    fields = (*_network(exchange), ("WARC-Concurrent-To", f"<{about}>"))
    if exchange.framing != "chunked":  # the field's tools digest a chunked body with its chunks (FACTS)
        fields += (("WARC-Payload-Digest", str(found.payload)),)
    if exchange.truncated:
        fields += (("WARC-Truncated", exchange.truncated.value),)
    response = Entry(
        kind=Kind.RESPONSE,
        record_id=taken.record_id,
        url=exchange.url,
        date=exchange.started,
        content_type="application/http; msgtype=response",
        fields=fields,
        block=block,
        size=found.block_size,
        digest=found.block,
        stored=already_compressed(media_type, exchange.field_value("content-encoding")),
    )
    known = shared | {
        "status": exchange.status,
        "media_type": _plain(media_type),
        "size": found.size,
        "payload": found.payload,
        "content": found.content,
        "truncated": exchange.truncated,
        "outcome": exchange.reason,
    }
    request = _request(exchange, about, taken.record_id, shared)
    account = _document(f"urn:uuid:{uuid.uuid4()}", exchange.url, exchange.started, _account(exchange, found.fault))
    account = replace(account, fields=(("WARC-Concurrent-To", f"<{taken.record_id}>"),))
    of_account = shared | {"parent": taken.record_id, "role": Role.DERIVED, "media_type": metadata.MEDIA_TYPE}
    group = [(response, known), request, (account, of_account)]
    if exchange.messages is not None:
        # What passed after the switch of protocols is no part of an HTTP answer.
        kept = Resource(exchange.url, Role.OTHER, _LINES, exchange.messages, exchange.started, taken.record_id)
        group.append(of_resource(kept))
    return group


def _request(exchange: Exchange, record_id: str, other: str, shared: dict[str, Any]) -> tuple[Entry, dict[str, Any]]:
    entry = Entry(
        kind=Kind.REQUEST,
        record_id=record_id,
        url=exchange.url,
        date=exchange.started,
        content_type="application/http; msgtype=request",
        fields=(
            *_network(exchange),
            ("WARC-Concurrent-To", f"<{other}>"),
            *((("WARC-Truncated", "length"),) if exchange.request_dropped else ()),
        ),
        block=io.BytesIO(exchange.request),
        size=len(exchange.request),
        digest=Digest.of_bytes(exchange.request),
        stored=False,
    )
    return entry, shared | {"size": 0, "payload": None, "content": None}


def attempt(taken: Taken, shared: dict[str, Any]) -> Group:
    """Return the records of a failed attempt; with its request, where one was sent."""
    exchange = taken.exchange
    entry = _document(taken.record_id, exchange.url, exchange.started, _account(exchange, ""))
    known = shared | {"kind": Kind.ATTEMPT, "outcome": exchange.reason, "media_type": metadata.MEDIA_TYPE}
    if not exchange.request:
        return [(entry, known)]
    about = f"urn:uuid:{uuid.uuid4()}"
    entry = replace(entry, fields=(("WARC-Concurrent-To", f"<{about}>"),))
    return [(entry, known), _request(exchange, about, taken.record_id, shared)]


def of_resource(kept: Resource) -> tuple[Entry, dict[str, Any]]:
    """Return the record of *kept*; reads all of its content."""
    kept.content.seek(0)
    digester = Digester()
    while piece := kept.content.read(_PIECE):
        digester.update(piece)
    fields = (("WARC-Concurrent-To", f"<{kept.parent}>"),) if kept.parent else ()
    if kept.source:
        fields = (("WARC-Refers-To", f"<{kept.source}>"),)
    entry = Entry(
        kind=Kind.CONVERSION if kept.source else Kind.RESOURCE,
        record_id=kept.record_id,
        url=kept.url,
        date=kept.date,
        content_type=kept.media_type,
        fields=fields,
        block=kept.content,
        size=digester.size,
        digest=digester.digest(),
        stored=already_compressed(kept.media_type, ""),
    )
    return entry, {"role": kept.role, "parent": kept.parent, "media_type": kept.media_type.partition(";")[0]}


def _document(record_id: str, url: str, date: datetime, content: bytes) -> Entry:
    block = metadata.block(content)
    return Entry(
        kind=Kind.METADATA,
        record_id=record_id,
        url=url,
        date=date,
        content_type=metadata.MEDIA_TYPE,
        fields=(),
        block=io.BytesIO(block),
        size=len(block),
        digest=Digest.of_bytes(block),
        stored=False,
    )


def about_connection(exchange: Exchange, made: Connection) -> Group:
    """Return the records about *made*, over which *exchange* was the first: its own, and that of its handshake."""
    about, shaken = documents(made)
    record_id = f"urn:uuid:{uuid.uuid4()}"
    known = common(made) | {"role": Role.OTHER, "media_type": metadata.MEDIA_TYPE}
    group = [(_document(record_id, exchange.url, made.opened, about), known)]
    if shaken:
        entry = _document(f"urn:uuid:{uuid.uuid4()}", exchange.url, made.opened, shaken)
        group.append((replace(entry, fields=(("WARC-Refers-To", f"<{record_id}>"),)), known | {"parent": record_id}))
    return group


def _account(exchange: Exchange, coding_fault: str) -> bytes:
    content: dict[str, Any] = {
        "v": 1,
        "type": "exchange",
        "url": exchange.url,
        "method": exchange.method,
        "reason": exchange.reason.value,
        "detail": exchange.detail,
        "started": manifest.timestamp(exchange.started),
        "times": dict(exchange.times),
        "try": exchange.try_number,
        "rule": exchange.rule,
        "location": exchange.location,
        "framing": exchange.framing.value,
        "head_size": exchange.head_size,
        "coding_fault": coding_fault,
        "interim": canonical.encode_base64(exchange.interim),
        "surplus": canonical.encode_base64(exchange.surplus),
        "raw": canonical.encode_base64(exchange.raw),
        "request_dropped": exchange.request_dropped or "",
        "http2": canonical.decode(exchange.transliterated, "the facts of a stream") if exchange.transliterated else "",
    }
    return canonical.encode({key: value for key, value in content.items() if value not in ("", {})})


def common(made: Connection | None) -> dict[str, Any]:
    """Return what every line says of what crossed *made*."""
    if made is None:
        return {}
    known: dict[str, Any] = {"address": made.address, "connection": made.id, "tls": made.tls}
    if made.chain:
        # Of the DER certificates laid end to end, leaf first.
        known["chain"] = Digest.of(made.chain)
    return known


def _network(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    made = exchange.connection
    if made is None:
        return ()
    fields = [("WARC-IP-Address", made.address), ("WARC-Protocol", exchange.protocol)]
    if made.tls_version:
        fields += [("WARC-Protocol", made.tls_version), ("WARC-Cipher-Suite", made.cipher)]
    return tuple(fields)


def _plain(text: str) -> str:
    # A media type is copied into manifest and tables; what is not a token there is not one of a media type either.
    return text if text.isascii() and text.isprintable() and " " not in text else ""
