# ruff: noqa: INP001
"""Makes the small archive in docs/example, which the pages of the docs quote: the same octets at every run.

Run it with the name of a new folder. Its keys are known to everybody and prove nothing; its records are stored and
not deflated, so that no version of a compressor matters.
"""

import io
import json
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from muniment import canonical, durable, layout, manifest
from muniment.digest import Digest
from muniment.log.journal import Appended, Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.log.note import VerifierKey
from muniment.log.tree import leaf_hash, root
from muniment.message import entity
from muniment.model import Kind, Reason, Record, Role, State
from muniment.seal import SigningKey, dsse
from muniment.verify import trust
from muniment.warc import metadata
from muniment.warc.writer import Entry, Writer

CAPTURE: Final = "20241210T093012Z-k7f3qa"
ORIGIN: Final = "example.2llyvx"
OPENED: Final = datetime(2024, 12, 10, 9, 30, 12, 250_000, tzinfo=UTC)
PAGE: Final = "http://news.example/mill"
GONE: Final = "http://news.example/mill.jpg"
OPERATOR: Final = SigningKey.of_seed(sha256(b"the operator of the example").digest())
LOG: Final = SigningKey.of_seed(sha256(b"the log of the example").digest())
REQUEST: Final = b"GET /mill HTTP/1.1\r\nHost: news.example\r\nUser-Agent: muniment\r\n\r\n"
ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"14\r\n<p>The mill burned.\n\r\n1e\r\n<img src=mill.jpg alt='smoke'>\r\n0\r\n\r\n"
)
RULES: Final[dict[str, Any]] = {
    "engine": "static", "cited": 0, "allow-net": [], "resolve": [], "dns": True, "tls": "record", "ca-file": [],
    "user-agent": "", "limits": {"max-time": "15m", "max-resources": 2000},
}  # fmt: skip


def _salts() -> Iterator[bytes]:
    number = 0
    while True:
        yield sha256(b"salt %d" % number).digest()[:16]
        number += 1


SALTS: Final = _salts()


def _id(number: int) -> str:
    return uuid.UUID(bytes=sha256(b"record %d" % number).digest()[:16], version=4).urn


def _moment(milliseconds: int) -> datetime:
    return OPENED + timedelta(milliseconds=milliseconds)


def _entry(kind: Kind, number: int, url: str, content_type: str, block: bytes, **more: Any) -> Entry:
    digest = Digest.of_bytes(block)
    return Entry(
        kind, _id(number), _moment(10 * number), io.BytesIO(block), len(block), digest, url, content_type,
        stored=True, **more,
    )  # fmt: skip


def _warcinfo(name: str) -> Entry:
    text = b"software: muniment/0.1.0\r\nformat: WARC File Format 1.1\r\nisPartOf: " + CAPTURE.encode() + b"\r\n"
    fields = (("WARC-Filename", name),)
    return _entry(Kind.WARCINFO, 1, "", "application/warc-fields", text, fields=fields)


def _records() -> Iterator[tuple[Entry, dict[str, Any]]]:
    network = (("WARC-IP-Address", "192.0.2.7"), ("WARC-Protocol", "http/1.1"))
    common = {"address": "192.0.2.7", "connection": "c1", "tls": "none", "role": Role.ARTICLE}
    connection = canonical.encode(
        {
            "v": 1, "type": "connection", "id": "c1", "host": "news.example", "address": "192.0.2.7", "port": 80,
            "opened": manifest.timestamp(_moment(15)), "tls": "none", "tls_detail": "", "tls_version": "",
            "cipher": "", "alpn": "", "chain": [], "refused": [],
            "look": {"name": "news.example", "means": "getaddrinfo", "answers": ["192.0.2.7"], "microseconds": 4210},
        }
    )  # fmt: skip
    entry = _entry(Kind.METADATA, 2, PAGE, metadata.MEDIA_TYPE, metadata.block(connection))
    yield entry, common | {"role": Role.OTHER, "media_type": metadata.MEDIA_TYPE}
    body = entity.measure(io.BytesIO(ANSWER), cap=1 << 20)
    joined = (*network, ("WARC-Concurrent-To", f"<{_id(4)}>"))
    entry = _entry(Kind.RESPONSE, 3, PAGE, "application/http; msgtype=response", ANSWER, fields=joined)
    yield entry, common | {
        "status": 200, "media_type": "text/html", "outcome": Reason.OK, "size": body.size, "payload": body.payload,
        "content": body.content,
    }  # fmt: skip
    joined = (*network, ("WARC-Concurrent-To", f"<{_id(3)}>"))
    entry = _entry(Kind.REQUEST, 4, PAGE, "application/http; msgtype=request", REQUEST, fields=joined)
    yield entry, common | {"size": 0, "payload": None, "content": None}
    failed = canonical.encode(
        {
            "v": 1, "type": "exchange", "url": GONE, "method": "GET", "reason": "refused", "try": 1,
            "detail": "192.0.2.7 port 80 refused the connection", "started": manifest.timestamp(_moment(50)),
            "framing": "empty", "head_size": 0,
        }
    )  # fmt: skip
    entry = _entry(Kind.ATTEMPT, 5, GONE, metadata.MEDIA_TYPE, metadata.block(failed))
    yield entry, {
        "role": Role.IMAGE, "parent": _id(3), "outcome": Reason.REFUSED, "media_type": metadata.MEDIA_TYPE,
    }  # fmt: skip


def _written(folder: Path) -> list[Record]:
    writer = Writer(
        lambda number: durable.Appending(folder / layout.warc(CAPTURE, number), layout.OPEN_SUFFIX), _warcinfo
    )
    known = dict(_keyed(list(_records())))
    written = writer.write([entry for entry, _ in known.values()])
    writer.finish()
    lines = []
    for number, each in enumerate(written, 1):
        entry = each.entry
        whole: dict[str, Any] = {"size": entry.size, "payload": entry.digest, "content": entry.digest}
        more = whole | (known[entry.record_id][1] if entry.record_id in known else {})
        lines.append(
            Record(
                n=number,
                kind=entry.kind,
                salt=next(SALTS),
                record_id=entry.record_id,
                url=entry.url,
                date=entry.date,
                position=each.position,
                record=each.record,
                **more,
            )
        )
    return lines


def _keyed(entries: list[tuple[Entry, dict[str, Any]]]) -> Iterator[tuple[str, tuple[Entry, dict[str, Any]]]]:
    return ((entry.record_id, (entry, known)) for entry, known in entries)


def _sealed(folder: Path, path: object, statement: bytes) -> Digest:
    sealed = dsse.seal(statement, manifest.PAYLOAD_TYPE, [OPERATOR])
    durable.create(folder / str(path), sealed)
    return Digest.of_bytes(sealed)


def _logged(folder: Path, kind: LeafType, digest: Digest) -> Appended:
    remembered = folder / "remembered"
    added = Journal(folder, ORIGIN).append(Leaf(kind, CAPTURE, digest).encode(), LOG, remembered)
    durable.remove(remembered)
    return added


def _digest(path: Path) -> Digest:
    return Digest.of_bytes(path.read_bytes())


def make(folder: Path) -> None:
    """Make the archive in the new folder *folder*."""
    for each in (layout.evidence(CAPTURE), layout.claims(CAPTURE), layout.log(ORIGIN), layout.public_keys()):
        durable.folder(folder / each)
    opening = manifest.Opening(CAPTURE, OPENED, next(SALTS), PAGE, RULES, "muniment", "0.1.0")
    digest = _sealed(folder, layout.opening(CAPTURE), manifest.encode_opening(opening))
    added = _logged(folder, LeafType.OPEN, digest)
    place = manifest.LogPlace(ORIGIN, added.index, added.size, digest, Digest.of_bytes(added.checkpoint))
    records = _written(folder)
    description = manifest.Description(next(SALTS), CAPTURE, PAGE, "static", State.PARTIAL, 2, 1, "", {})
    lines = [manifest.encode_description(description), *map(manifest.encode_record, records)]
    durable.create(folder / layout.manifest(CAPTURE), b"".join(line + b"\n" for line in lines))
    closed = _moment(900)
    context = {"v": 1, "capture": CAPTURE, "operator": "Desk 1", "rules": RULES}
    durable.create(folder / layout.context(CAPTURE), canonical.encode(context) + b"\n")
    paths = (layout.warc(CAPTURE, 0), layout.manifest(CAPTURE), layout.context(CAPTURE))
    subjects = tuple((str(path), _digest(folder / path)) for path in paths)
    durable.create(folder / layout.sums(CAPTURE), manifest.sums(subjects))
    statement = manifest.Statement(
        subjects, CAPTURE, OPENED, closed, "muniment", "0.1.0", len(records) - 1, 1,
        Digest("sha256", root(map(leaf_hash, lines))), place,
    )  # fmt: skip
    digest = _sealed(folder, layout.statement(CAPTURE), manifest.encode_statement(statement))
    _logged(folder, LeafType.CAPTURE, digest)
    _marked(folder)


def _marked(folder: Path) -> None:
    vkey = str(VerifierKey(ORIGIN, LOG.public))
    durable.create(folder / layout.public_keys() / f"{ORIGIN}.vkey", f"{vkey}\n".encode())
    durable.create(folder / layout.public_keys() / f"{OPERATOR.public.keyid}.pem", OPERATOR.public.pem.encode())
    table = "".join(
        f"{name} = {json.dumps(value)}\n"
        for name, value in (("name", "example"), ("origin", ORIGIN), ("operator", "Desk 1"))
    )
    durable.create(folder / layout.SETTINGS, f"[archive]\n{table}".encode())
    lines = trust.lines(ORIGIN, vkey, "Desk 1", OPERATOR.public)
    durable.create(folder / "trust.toml", lines.encode())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
