"""From what was sealed about a capture, and the facts beside it, to the rows of the index; pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from muniment.catalogue.claims import Claims, last_words
from muniment.catalogue.facts import Facts
from muniment.index import CaptureRow, FailureRow, LinkRow, ResourceRow, Rows
from muniment.model import Kind, Reason, Record, Role

__all__ = ["article", "failures", "final", "resources", "rows", "unverified"]

_GOT: Final = frozenset({Reason.OK, Reason.REDIRECT})
_VERIFIED: Final = frozenset({"", "none", "ok"})


def resources(claims: Claims) -> list[Record]:
    """Return the last answer of each URL in each role, in the order of the manifest."""
    return last_words(claims.answers())


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
    return Rows(
        capture=_capture(claims, facts, answered, missing),
        records=claims.records,
        resources=tuple(_resources(claims, answered)),
        links=tuple(_links(claims.capture, facts)),
        failures=tuple(_failure(claims.capture, facts, line) for line in missing),
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


def _resources(claims: Claims, answered: list[Record]) -> Iterator[ResourceRow]:
    led_to = final(claims)
    for line in answered:
        yield ResourceRow(
            capture=claims.capture,
            n=line.n,
            url=line.url,
            role=line.role,
            status=line.status,
            outcome=line.outcome,
            media_type=line.media_type,
            size=line.size,
            payload=line.payload,
            content=line.content,
            tls=line.tls,
            record_id=line.record_id,
            parent=line.parent,
            file=line.position.file,
            final=led_to.get(line.record_id, line.url),
        )


def _links(capture: str, facts: Facts) -> Iterator[LinkRow]:
    for page in facts.pages:
        for place, link in enumerate(page.links):
            yield LinkRow(capture, page.n, place, page.record_id, link.url, link.role, link.kind, link.source)


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
