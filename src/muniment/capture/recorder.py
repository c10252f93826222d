"""From exchanges to records: one writer thread per capture, so that evidence has one order and one hand.

Workers hand over exchanges and go on; the thread digests, writes the WARC records, drafts their manifest lines and
syncs both. A disk that refuses stops the thread and, at the next hand-over, whoever hands over.
"""

import io
import queue
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, BinaryIO, Final

from muniment import canonical, manifest
from muniment.capture.peers import documents, shared
from muniment.digest import Digest, Digester
from muniment.durable import Appending
from muniment.errors import StoreError
from muniment.message import entity
from muniment.model import Connection, Exchange, Kind, Record, Role
from muniment.warc.writer import Entry, Writer, already_compressed

__all__ = ["Fact", "Recorder", "Resource", "Taken", "chain_digest"]

_WAITING: Final = 64
_PIECE: Final = 1 << 20
_LINES: Final = "application/x-ndjson"
_SYNC_EVERY: Final = 64 << 20


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

    ``url`` names what it is, never what it shows, so that no tool takes it for an answer of the site.
    """

    url: str
    role: Role
    media_type: str
    content: BinaryIO
    date: datetime
    parent: str
    record_id: str = field(default_factory=lambda: f"urn:uuid:{uuid.uuid4()}")


@dataclass(frozen=True, slots=True)
class Taken:
    """An exchange on its way to disk, with what it is to the capture and the ids that its records will carry."""

    exchange: Exchange
    role: Role
    parent: str
    record_id: str


def chain_digest(chain: Iterable[bytes]) -> Digest:
    """Return the digest of a certificate chain: SHA-256 over its DER certificates laid end to end, leaf first."""
    return Digest.of(chain)


class Recorder:
    """Takes exchanges from many threads and writes them from one; ``recorded`` are the octets of their answers.

    Content codings are taken off for a digest until that has given *decodable* octets in all, so that many bodies that
    each expand in proportion cannot hold a capture up; beyond that a line has no ``content``.
    """

    def __init__(
        self,
        writer: Writer,
        draft: Appending,
        *,
        salt: Callable[[], bytes],
        decodable: int,
    ) -> None:
        self.lines: list[Record] = []
        self.recorded = 0
        self._writer = writer
        self._draft = draft
        self._salt = salt
        self._decodable = decodable
        self._connections: set[str] = set()
        self._unsynced = 0
        self._failure: BaseException | None = None
        self._waiting: queue.Queue[Taken | Fact | Resource | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, exchange: Exchange, role: Role, parent: str) -> str:
        """Hand over *exchange* with its spool; return the id that its response (or attempt) record will carry."""
        record_id = f"urn:uuid:{uuid.uuid4()}"
        self._hand_over(Taken(exchange, role, parent, record_id))
        return record_id

    def state(self, fact: Fact) -> None:
        """Hand over a derived fact."""
        self._hand_over(fact)

    def keep(self, resource: Resource) -> str:
        """Hand over something that is no exchange; return the id of its record."""
        self._hand_over(resource)
        return resource.record_id

    def close(self) -> None:
        """Return when everything handed over is on the disk; raises StoreError when something is not."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def abandon(self) -> None:
        """End the thread, whatever was or was not written; for a capture that is not going to be committed."""
        if self._failure is None:
            self._failure = StoreError(self._draft.path, "the capture was given up")
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _hand_over(self, item: Taken | Fact | Resource) -> None:
        while True:
            if self._failure is not None:
                _let_go(item)
                raise StoreError(self._draft.path, f"recording has stopped: {self._failure}")
            try:
                self._waiting.put(item, timeout=0.5)
            except queue.Full:
                continue  # the disk is slower than the network; look again whether it still lives
            return

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                if self._failure is None:
                    self._write(self._group(item))
                    if self._waiting.empty() or self._unsynced > _SYNC_EVERY:
                        self._sync()
            except BaseException as failure:  # noqa: BLE001 - kept, and raised in the thread that waits
                self._failure = failure
            finally:
                if isinstance(item, Taken):
                    self.recorded += _received(item.exchange)
                _let_go(item)
        try:
            if self._failure is None:
                self._sync()
        except BaseException as failure:  # noqa: BLE001 - likewise
            self._failure = failure

    def _sync(self) -> None:
        # The WARC first: a draft line whose record is not there would promise what recovery cannot find.
        self._writer.sync()
        self._draft.sync()
        self._unsynced = 0

    def _write(self, group: list[tuple[Entry, dict[str, Any]]]) -> None:
        written = self._writer.write([entry for entry, _ in group])
        wanted = {entry.record_id: (entry, known) for entry, known in group}
        for each in written:
            entry, known = wanted.get(each.entry.record_id, (each.entry, {}))
            whole: dict[str, Any] = {"size": entry.size, "payload": entry.digest, "content": entry.digest}
            line = Record(
                n=len(self.lines) + 1,
                kind=known.pop("kind", entry.kind),
                salt=self._salt(),
                record_id=entry.record_id,
                url=entry.url,
                date=entry.date,
                position=each.position,
                record=each.record,
                **(whole | known),
            )
            self._draft.write(manifest.encode_record(line) + b"\n")
            self.lines.append(line)
            self._unsynced += each.position.length

    def _group(self, item: Taken | Fact | Resource) -> list[tuple[Entry, dict[str, Any]]]:
        match item:
            case Taken():
                return self._exchange(item)
            case Fact():
                return [self._fact(item)]
            case _:
                return [_resource(item)]

    def _fact(self, fact: Fact) -> tuple[Entry, dict[str, Any]]:
        record_id = f"urn:uuid:{uuid.uuid4()}"
        entry = _document(record_id, fact.url, fact.date, fact.content)
        entry = replace(entry, fields=(("WARC-Refers-To", f"<{fact.about}>"),))
        return entry, {"role": Role.DERIVED, "parent": fact.about, "media_type": "application/json"}

    def _exchange(self, taken: Taken) -> list[tuple[Entry, dict[str, Any]]]:
        exchange = taken.exchange
        made = exchange.connection and shared(exchange.connection, exchange.url)
        group = []
        if made is not None and made.id not in self._connections:
            self._connections.add(made.id)
            group += _connection(exchange, made)
        common = _common(made) | {"role": taken.role, "parent": taken.parent}
        if exchange.response is None:
            group += self._attempt(taken, common)
        else:
            group += self._answer(taken, exchange.response, common)
        return group

    def _answer(self, taken: Taken, block: BinaryIO, common: dict[str, Any]) -> list[tuple[Entry, dict[str, Any]]]:
        exchange, about = taken.exchange, f"urn:uuid:{uuid.uuid4()}"
        block.seek(0)
        found = entity.measure(block, cap=self._decodable)
        self._decodable = max(0, self._decodable - found.decoded)
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
        known = common | {
            "status": exchange.status,
            "media_type": _plain(media_type),
            "size": found.size,
            "payload": found.payload,
            "content": found.content,
            "truncated": exchange.truncated,
            "outcome": exchange.reason,
        }
        request = self._request(exchange, about, taken.record_id, common)
        facts = _document(f"urn:uuid:{uuid.uuid4()}", exchange.url, exchange.started, _account(exchange, found.fault))
        facts = replace(facts, fields=(("WARC-Concurrent-To", f"<{taken.record_id}>"),))
        of_facts = common | {"parent": taken.record_id, "role": Role.DERIVED, "media_type": "application/json"}
        group = [(response, known), request, (facts, of_facts)]
        if exchange.messages is not None:
            # What passed after the switch of protocols is no part of an HTTP answer.
            kept = Resource(exchange.url, Role.OTHER, _LINES, exchange.messages, exchange.started, taken.record_id)
            group.append(_resource(kept))
        return group

    def _request(
        self, exchange: Exchange, record_id: str, other: str, common: dict[str, Any]
    ) -> tuple[Entry, dict[str, Any]]:
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
        return entry, common | {"size": 0, "payload": None, "content": None}

    def _attempt(self, taken: Taken, common: dict[str, Any]) -> list[tuple[Entry, dict[str, Any]]]:
        exchange = taken.exchange
        entry = _document(taken.record_id, exchange.url, exchange.started, _account(exchange, ""))
        known = common | {"kind": Kind.ATTEMPT, "outcome": exchange.reason, "media_type": "application/json"}
        if not exchange.request:
            return [(entry, known)]
        about = f"urn:uuid:{uuid.uuid4()}"
        entry = replace(entry, fields=(("WARC-Concurrent-To", f"<{about}>"),))
        return [(entry, known), self._request(exchange, about, taken.record_id, common)]


def _resource(kept: Resource) -> tuple[Entry, dict[str, Any]]:
    kept.content.seek(0)
    digester = Digester()
    while piece := kept.content.read(_PIECE):
        digester.update(piece)
    entry = Entry(
        kind=Kind.RESOURCE,
        record_id=kept.record_id,
        url=kept.url,
        date=kept.date,
        content_type=kept.media_type,
        fields=(("WARC-Concurrent-To", f"<{kept.parent}>"),) if kept.parent else (),
        block=kept.content,
        size=digester.size,
        digest=digester.digest(),
        stored=already_compressed(kept.media_type, ""),
    )
    return entry, {"role": kept.role, "parent": kept.parent, "media_type": kept.media_type.partition(";")[0]}


def _let_go(item: Taken | Fact | Resource) -> None:
    if isinstance(item, Taken):
        for each in (item.exchange.response, item.exchange.messages):
            if each is not None:
                each.close()
    elif isinstance(item, Resource):
        item.content.close()


def _document(record_id: str, url: str, date: datetime, content: bytes) -> Entry:
    return Entry(
        kind=Kind.METADATA,
        record_id=record_id,
        url=url,
        date=date,
        content_type="application/json",
        fields=(),
        block=io.BytesIO(content),
        size=len(content),
        digest=Digest.of_bytes(content),
        stored=False,
    )


def _connection(exchange: Exchange, made: Connection) -> list[tuple[Entry, dict[str, Any]]]:
    about, shaken = documents(made)
    record_id = f"urn:uuid:{uuid.uuid4()}"
    known = _common(made) | {"role": Role.OTHER, "media_type": "application/json"}
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


def _received(exchange: Exchange) -> int:
    return exchange.response_size + len(exchange.interim) + len(exchange.surplus) + len(exchange.raw)


def _common(made: Connection | None) -> dict[str, Any]:
    if made is None:
        return {}
    known: dict[str, Any] = {"address": made.address, "connection": made.id, "tls": made.tls}
    if made.chain:
        known["chain"] = chain_digest(made.chain)
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
