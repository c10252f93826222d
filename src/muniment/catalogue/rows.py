"""From what was sealed about a capture, and the facts beside it, to the rows of the index; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from muniment import layout
from muniment.catalogue.claims import Claims, last_words
from muniment.catalogue.facts import Article, Facts, Peer, Seen
from muniment.index import (
    ArticleRow,
    AssertionRow,
    CaptureRow,
    ConnectionRow,
    FailureRow,
    HashRow,
    LinkRow,
    MediaRow,
    RecordRow,
    Rows,
    TextRow,
    WarcRow,
)
from muniment.model import Kind, Reason, Record, Role

__all__ = ["artefacts", "article", "failures", "final", "resources", "rows", "unverified"]

_GOT: Final = frozenset({Reason.OK, Reason.REDIRECT})
_ANSWERS: Final = frozenset({Kind.RESPONSE, Kind.ATTEMPT})
_OWN: Final = frozenset({Kind.METADATA, Kind.ATTEMPT, Kind.WARCINFO, Kind.REQUEST})
_MADE: Final = frozenset({Kind.RESOURCE, Kind.CONVERSION})
_UNTOLD: Final = Peer("", 0, "", "", "", "", "")
_VERIFIED: Final = frozenset({"", "none", "ok"})


def resources(claims: Claims) -> list[Record]:
    """Return the last answer of each URL in each role, in the order of the manifest."""
    return last_words(claims.answers())


def artefacts(claims: Claims) -> list[Record]:
    """Return what was made beside the answers, screenshots and the like, in the order of the manifest."""
    return [line for line in claims.records if line.kind in _MADE]


def failures(claims: Claims) -> list[Record]:
    """Return for each URL that was not got whole its last response or attempt, in the order of the manifest."""
    return [line for line in last_words(claims.records) if line.outcome not in _GOT]


def article(claims: Claims) -> Record | None:
    """Return the last answer that is the article; None where the seed was never answered."""
    return next((line for line in reversed(claims.records) if _is_article(line)), None)


def _is_article(line: Record) -> bool:
    return line.kind is Kind.RESPONSE and line.role is Role.ARTICLE


def unverified(lines: Iterable[Record]) -> list[Record]:
    """Return the lines whose TLS peer was not verified."""
    return [line for line in lines if line.tls not in _VERIFIED]


def final(claims: Claims) -> Mapping[str, str]:
    """Return, for the id of each redirect, the URL to which it and those after it led."""
    led_to: dict[str, Record] = {}
    for line in claims.records:
        if line.parent and line.kind in {Kind.RESPONSE, Kind.ATTEMPT}:
            led_to[line.parent] = line  # of several tries the last
    found: dict[str, str] = {}
    for line in reversed(claims.records):  # what a redirect leads to was recorded after it
        following = led_to.get(line.record_id)
        if line.role is Role.REDIRECT and following is not None:
            found[line.record_id] = found.get(following.record_id, following.url)
    return found


def rows(claims: Claims, facts: Facts) -> Rows:
    """Return everything that the index holds of the capture."""
    answered, missing = resources(claims), failures(claims)
    folder = layout.evidence(claims.capture)
    warcs = {name: n for n, name in enumerate(dict.fromkeys(line.position.file for line in claims.records))}
    places = _Places(
        warcs=warcs,
        numbers={line.record_id: line.n for line in claims.records},
        exchanges=_exchanges(claims.records),
        answers=frozenset(line.n for line in answered),
        final=final(claims),
    )
    pages = {each.record_id: each.title for each in reversed(facts.pages)}
    articles = {each.record_id: each for each in facts.articles}
    # Films that were put together have a title and an author too, as their site says.
    read = [line for line in claims.records if line.kind in {Kind.RESPONSE, Kind.CONVERSION}]
    of_pages = [line for line in read if line.record_id in pages or line.record_id in articles]
    looks = {each.record_id: each for each in reversed(facts.media)}
    media = [(line.n, looks[line.record_id]) for line in claims.records if line.record_id in looks]
    found = {line.n for line in (*answered, *missing)}
    return Rows(
        capture=_capture(claims, facts, answered, missing),
        warcs=tuple(_warc(claims, str(folder / name), name, n) for name, n in warcs.items()),
        connections=tuple(_connections(claims, facts)),
        records=tuple(_record(claims.capture, line, places) for line in claims.records),
        links=tuple(_links(claims.capture, facts, places.numbers)),
        failures=tuple(_failure(claims.capture, facts, line) for line in missing),
        articles=tuple(
            _article(claims.capture, line, pages.get(line.record_id, ""), articles.get(line.record_id))
            for line in of_pages
        ),
        assertions=tuple(_assertions(claims, articles, looks)),
        media=tuple(_media(claims.capture, n, seen) for n, seen in media),
        hashes=tuple(
            HashRow(claims.capture, n, place, at, digits)
            for n, seen in media
            for place, (at, digits) in enumerate(seen.hashes)
        ),
        texts=tuple(
            TextRow(line.n, said.text)
            for line in of_pages
            if line.n in found and (said := articles.get(line.record_id)) and said.text
        ),
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Where things stand in a capture: files and records by name, exchanges by line."""

    warcs: Mapping[str, int]
    numbers: Mapping[str, int]
    exchanges: Mapping[int, int]
    answers: frozenset[int]
    final: Mapping[str, str]


def _exchanges(records: Sequence[Record]) -> dict[int, int]:
    """Return, for each request and facts, the line of the answer or attempt before them that has their URL and date."""
    found: dict[int, int] = {}
    answer: Record | None = None
    for line in records:
        if line.kind in _ANSWERS:
            answer = line
        elif answer is not None and (line.url, line.date) == (answer.url, answer.date):
            found[line.n] = answer.n
    return found


def _record(capture: str, line: Record, places: _Places) -> RecordRow:
    exchange = places.exchanges.get(line.n)
    # Digests and sizes of what muniment wrote about an exchange are nobody's question.
    asked = line.kind not in _OWN
    led_to = places.final.get(line.record_id)
    return RecordRow(
        capture=capture,
        n=line.n,
        kind=line.kind,
        record_id=line.record_id,
        exchange=exchange,
        url=None if exchange else line.url or None,
        date=None if exchange else line.date,
        role=None if exchange else line.role,
        status=line.status,
        media_type=(line.media_type or None) if asked else None,
        parent=places.numbers.get(line.parent),
        warc=places.warcs[line.position.file],
        offset=line.position.offset,
        length=line.position.length,
        payload=line.payload if asked else None,
        content=line.content if asked else None,
        size=line.size if asked else None,
        connection=line.connection or None,
        truncated=line.truncated,
        outcome=line.outcome,
        answer=True if line.n in places.answers else None,
        final=led_to if led_to != line.url else None,
    )


def _warc(claims: Claims, path: str, name: str, n: int) -> WarcRow:
    held = [line.position.length for line in claims.records if line.position.file == name]
    return WarcRow(claims.capture, n, path, dict(claims.statement.subjects).get(path), sum(held), len(held))


def _connections(claims: Claims, facts: Facts) -> Iterator[ConnectionRow]:
    seen: set[str] = set()
    for line in claims.records:
        if not line.connection or line.connection in seen:
            continue
        seen.add(line.connection)
        peer = facts.peers.get(line.connection) or _UNTOLD
        yield ConnectionRow(
            capture=claims.capture,
            id=line.connection,
            host=peer.host or None,
            address=line.address,
            port=peer.port or None,
            tls=line.tls,
            tls_version=peer.tls_version or None,
            cipher=peer.cipher or None,
            alpn=peer.alpn or None,
            chain=line.chain,
            opened=peer.opened or None,
            handshake=peer.handshake or None,
        )


def _article(capture: str, line: Record, title: str, said: Article | None) -> ArticleRow:
    return ArticleRow(
        capture=capture,
        n=line.n,
        url=line.url,
        role=line.role,
        title=title,
        extractor=said.extractor if said else "",
        text_source=said.text_source if said else "",
        characters=len(said.text) if said else 0,
    )


def _assertions(claims: Claims, *said: Mapping[str, Article] | Mapping[str, Seen]) -> Iterator[AssertionRow]:
    for line in claims.records:
        made = [each for by_record in said if (told := by_record.get(line.record_id)) for each in told.assertions]
        for place, each in enumerate(made):
            yield AssertionRow(claims.capture, line.n, place, each.field, each.value, each.raw, each.source)


def _media(capture: str, n: int, seen: Seen) -> MediaRow:
    return MediaRow(
        capture=capture,
        n=n,
        sniffed=seen.sniffed,
        width=seen.width,
        height=seen.height,
        milliseconds=seen.milliseconds,
        codecs=" ".join(seen.codecs),
        c2pa=seen.c2pa,
        extractor=seen.extractor,
    )


def title(claims: Claims, facts: Facts) -> str:
    """Return what the article calls itself, exactly as it does; empty where it does not, or was not got."""
    page = article(claims)
    return next((each.title for each in facts.pages if page and each.record_id == page.record_id), "")


def _capture(claims: Claims, facts: Facts, answered: list[Record], missing: list[Record]) -> CaptureRow:
    said, described = claims.statement, claims.description
    return CaptureRow(
        id=claims.capture,
        seed=described.seed,
        title=title(claims, facts),
        opened=said.opened,
        closed=said.closed,
        engine=described.engine,
        verdict=described.verdict,
        job=described.job,
        asked=described.asked,
        recorded=described.recorded,
        origin=claims.place.origin,
        leaf=claims.place.index,
        statement=claims.sealed,
        records=said.records,
        attempts=said.attempts,
        resources=sum(line.outcome is Reason.OK for line in answered),
        missing=len(missing),
        unverified=len(unverified(claims.answers())),
        stored=sum(line.position.length for line in claims.records),
        received=sum(line.size for line in claims.answers()),
    )


def _links(capture: str, facts: Facts, numbers: Mapping[str, int]) -> Iterator[LinkRow]:
    for page in facts.pages:
        # Facts about no page of this capture say nothing that could be found again.
        about = numbers.get(page.record_id)
        for place, link in enumerate(page.links if about else ()):
            yield LinkRow(capture, page.n, place, about or 0, link.url, link.role, link.kind, link.source)


def _failure(capture: str, facts: Facts, line: Record) -> FailureRow:
    reason = line.outcome or Reason.EMPTY
    return FailureRow(
        capture=capture,
        n=line.n,
        url=line.url,
        role=line.role,
        reason=reason,
        rule=facts.rules.get(line.record_id, ""),
        detail=facts.details.get(line.record_id, ""),
        retryable=reason.retryable,
        record_id=line.record_id,
    )
