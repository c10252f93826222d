"""What was derived at capture, read back from metadata records: exchanges, connections, the links and words of pages.

A rebuild reads these and never extracts again: the same records give the same rows, whatever extractor is installed.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from muniment import durable, layout
from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, IntegrityError, MunimentError, StoreError
from muniment.model import Kind, Record, Role
from muniment.warc import metadata, reader

__all__ = [
    "Article",
    "Assertion",
    "Facts",
    "Link",
    "Page",
    "Peer",
    "Seen",
    "damaged",
    "gather",
    "of_failures_and_article",
    "of_rows",
    "plain_name",
    "where",
]

_LARGEST: Final = 256 << 20
_HASH: Final = re.compile(r"[0-9a-f]{16}")
_STATED: Final = frozenset({Role.DERIVED, Role.OTHER})
_ROLES: Final = {role.value: role for role in Role}


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the extractor wrote it down: what it is to the page, why it matters, how it was found."""

    url: str
    role: Role
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Page:
    """What one metadata record (line ``n``) says of the page ``record_id``: its own title, its links in order."""

    n: int
    record_id: str
    title: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Assertion:
    """One value that a page claims of itself: as it was read, as it stood there, and where."""

    field: str
    value: str
    raw: str
    source: str


@dataclass(frozen=True, slots=True)
class Article:
    """What one metadata record says of the page ``record_id`` as an article; no value is better than another."""

    record_id: str
    extractor: str
    assertions: tuple[Assertion, ...]
    text: str
    text_source: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What one metadata record says of the image, video or sound ``record_id``; ``hashes`` are times and hashes."""

    record_id: str
    extractor: str
    sniffed: str
    width: int | None
    height: int | None
    milliseconds: int | None
    codecs: tuple[str, ...]
    c2pa: bool | None
    assertions: tuple[Assertion, ...]
    hashes: tuple[tuple[int | None, str], ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """What a metadata record says of a connection, besides what each line of the manifest says of it."""

    host: str
    port: int
    opened: str
    tls_version: str
    cipher: str
    alpn: str
    handshake: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the metadata records of a capture say; ``problems`` are sentences on those that could not be read.

    ``rules`` (the limit that cut an exchange) and ``details`` (why it ended so) are by the id of the response or
    attempt that they are about, ``peers`` by the id of the connection. ``reckoning`` counts what a browser asked for,
    what of it was recorded, and what was recorded and it did not tell of; it is empty where there was no browser.
    ``by_hand`` says when a human acted in the page, and how many requests it made then; empty where nobody did.
    """

    rules: Mapping[str, str]
    details: Mapping[str, str]
    pages: tuple[Page, ...]
    problems: tuple[str, ...]
    articles: tuple[Article, ...] = ()
    media: tuple[Seen, ...] = ()
    peers: Mapping[str, Peer] = field(default_factory=dict)
    reckoning: Mapping[str, int] = field(default_factory=dict)
    by_hand: Mapping[str, Any] = field(default_factory=dict)


def where(record: Record) -> str:
    """Return where *record* lies, in words: file and offset."""
    return f"{record.position.file} at {record.position.offset}"


def damaged(record: Record, damage: MunimentError) -> str:
    """Return the sentence on *damage* that names the record and its URL, besides the file and offset that it names."""
    return f"{record.url or 'a record without a URL'} ({record.record_id}): {damage}"


def of_failures_and_article(records: Iterable[Record], failures: Iterable[Record]) -> Callable[[Record], bool]:
    """Return which facts tell why *failures* failed and what the article is called, without reading all others."""
    wanted = {line.record_id for line in failures}
    wanted |= {line.record_id for line in records if line.role is Role.ARTICLE}
    return lambda line: line.record_id in wanted or line.parent in wanted


def of_rows(records: Sequence[Record], failures: Iterable[Record]) -> Callable[[Record], bool]:
    """Return which facts give rows to the index: all but what is said of each exchange that is among no *failures*.

    The recorder writes an answer, its request and what it says of their exchange at once, all three with the URL, the
    date and the connection of the exchange (docs/formats.md, "Metadata records"); the facts of a page have no
    connection. The evidence of a handshake gives no row either: what it shows stands in the record of its connection,
    which it is due to. What is not wanted is not read, so damage to it is found by ``muniment verify`` alone.
    """
    failed = {line.record_id for line in failures}
    passed = {line.n for line in records if line.kind is Kind.METADATA and line.role is Role.OTHER and line.parent}
    passed |= {
        said.n
        for answer, request, said in zip(records, records[1:], records[2:], strict=False)
        if said.kind is Kind.METADATA
        and (answer.kind, request.kind) == (Kind.RESPONSE, Kind.REQUEST)
        and said.parent == answer.record_id
        and said.parent not in failed
        and _exchange(said) == _exchange(request) == _exchange(answer)
        and said.connection
    }
    return lambda line: line.n not in passed


def _exchange(line: Record) -> tuple[str, datetime, str]:
    return line.url, line.date, line.connection


def gather(
    root: Path, capture: str, records: Iterable[Record], wanted: Callable[[Record], bool] = lambda _: True
) -> Facts:
    """Read the facts among *records* of *capture* that are *wanted*; payloads are never touched.

    What cannot be read is a problem that names URL, record, file and offset, and the rest goes on.
    """
    found = _Gathering()
    problems: list[str] = []
    with _Files(root, capture) as files:
        for line in records:
            stated = line.kind is Kind.ATTEMPT or (line.kind is Kind.METADATA and line.role in _STATED)
            if not stated or not wanted(line):
                continue
            try:
                found.take(line, metadata.decode(files.block(line), where(line)))
            except (FormatError, IntegrityError, StoreError) as damage:
                problems.append(damaged(line, damage))
    return Facts(
        found.rules,
        found.details,
        tuple(found.pages),
        tuple(problems),
        tuple(found.articles),
        tuple(found.media),
        found.peers,
        found.reckoning,
        found.by_hand,
    )


@dataclass(slots=True)
class _Gathering:
    """Facts as they are read."""

    rules: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)
    articles: list[Article] = field(default_factory=list)
    media: list[Seen] = field(default_factory=list)
    peers: dict[str, Peer] = field(default_factory=dict)
    reckoning: dict[str, int] = field(default_factory=dict)
    by_hand: dict[str, Any] = field(default_factory=dict)

    def take(self, line: Record, said: Any) -> None:
        """Take in what the record *line* said; a type that a later version writes is passed over."""
        match said:
            case {"type": "exchange"}:
                about = line.record_id if line.kind is Kind.ATTEMPT else line.parent
                self.rules[about] = str(said.get("rule", ""))
                self.details[about] = str(said.get("detail", ""))
            case {"type": "links", "title": str(title), "links": [*links]}:
                self.pages.append(Page(line.n, line.parent, title, tuple(_link(each, line) for each in links)))
            case {"type": "article", "assertions": [*claims], "text": str(text)}:
                asserted = tuple(_assertion(each, line) for each in claims)
                extractor, source = str(said.get("extractor", "")), str(said.get("text_source", ""))
                self.articles.append(Article(line.parent, extractor, asserted, text, source))
            case {"type": "media", "sniffed": str()}:
                self.media.append(_seen(said, line))
            case {"type": "connection", "id": str(number), "host": str(host), "port": int(port), "opened": str(opened)}:
                tls = (str(said.get(each, "")) for each in ("tls_version", "cipher", "alpn", "handshake"))
                self.peers.setdefault(number, Peer(host, port, opened, *tls))
            case {"type": "reckoning", "asked": int(asked), "recorded": int(recorded), "unreported": [*others]}:
                self.reckoning = {"asked": asked, "recorded": recorded, "unreported": len(others)}
            case {"type": "visit", "by_hand": {"began": str(began), "ended": str(ended), "requests": int(requests)}}:
                self.by_hand = {"began": began, "ended": ended, "requests": requests}
            case {"type": str(kind)} if kind not in {"links", "article", "media", "connection", "reckoning"}:
                pass
            case _:
                raise FormatError(where(line), expected="facts with a type", found=repr(said)[:80])


def _link(said: Any, line: Record) -> Link:
    match said:
        case {"url": str(url), "role": str(role), "kind": str(kind), "source": str(source)} if role in _ROLES:
            return Link(url, _ROLES[role], kind, source)
        case _:
            raise FormatError(where(line), expected="a link with url, role, kind, source", found=repr(said)[:80])


def _assertion(said: Any, line: Record) -> Assertion:
    match said:
        case {"field": str(name), "value": str(value), "raw": str(raw), "source": str(source)}:
            return Assertion(name, value, raw, source)
        case _:
            expected = "an assertion with field, value, raw, source"
            raise FormatError(where(line), expected=expected, found=repr(said)[:80])


def _seen(said: Mapping[str, Any], line: Record) -> Seen:
    def number(name: str) -> int | None:
        value = said.get(name)
        if value is not None and (type(value) is not int or value < 0):
            raise FormatError(where(line), expected=f"{name} as an integer from 0", found=repr(value)[:80])
        return value

    streams, hashes, c2pa = said.get("streams", []), said.get("hashes", []), said.get("c2pa")
    match streams, hashes, c2pa, said.get("assertions", []):
        case [*_], [*_], None | bool(), [*claims]:
            return Seen(
                record_id=line.parent,
                extractor=str(said.get("extractor", "")),
                sniffed=said["sniffed"],
                width=number("width"),
                height=number("height"),
                milliseconds=number("milliseconds"),
                codecs=tuple(str(each.get("codec", "")) if isinstance(each, dict) else "" for each in streams),
                c2pa=c2pa,
                assertions=tuple(_assertion(each, line) for each in claims),
                hashes=tuple(_hash(each, line) for each in hashes),
            )
        case _:
            raise FormatError(where(line), expected="media facts with lists and yes or no", found=repr(said)[:80])


def _hash(said: Any, line: Record) -> tuple[int | None, str]:
    match said:
        case {"hash": str(digits)} if _HASH.fullmatch(digits) and type(said.get("at", 0)) is int:
            return said.get("at"), digits
        case _:
            raise FormatError(where(line), expected="a hash of 16 digits, and its time", found=repr(said)[:80])


class _Files(contextlib.ExitStack):
    """The WARC files of one capture, each opened once, when it is wanted."""

    def __init__(self, root: Path, capture: str) -> None:
        super().__init__()
        self._folder = root / layout.evidence(capture)
        self._open: dict[str, BinaryIO] = {}

    def block(self, line: Record) -> bytes:
        """Return the block of *line* once the record is what was sealed: DigestMismatch and FormatError otherwise."""
        if line.position.file not in self._open:
            self._open[line.position.file] = self.enter_context(durable.opened(self._folder / plain_name(line)))
        held = bytearray()
        found = reader.record_at(
            self._open[line.position.file],
            line.position.offset,
            line.position.length,
            file=line.position.file,
            into=lambda _: _sink(held, line),
        )
        _same(line, found.record)
        return bytes(held)


def plain_name(line: Record) -> str:
    """Return the name of the WARC file of *line*; FormatError for one that would lead out of the capture's folder."""
    name = line.position.file
    if "/" in name or "\\" in name or "\0" in name or name in {"", ".", ".."}:
        raise FormatError(where(line), expected="a plain file name", found=repr(name)[:80])
    return name


def _same(line: Record, found: Digest) -> None:
    if found != line.record:
        raise DigestMismatch(where(line), expected=f"{line.record}, as it was sealed", found=str(found))


def _sink(held: bytearray, line: Record) -> Callable[[bytes], object]:
    def take(chunk: bytes) -> None:
        held.extend(chunk)
        if len(held) > _LARGEST:
            raise FormatError(where(line), expected=f"facts of at most {_LARGEST} octets", found="more")

    return take
