"""The account of one capture: the document that ``capture`` and ``show`` print (schema "muniment.capture/1")."""

from pathlib import Path
from typing import Any, Final

from muniment import layout, manifest
from muniment.catalogue.anchors import anchors
from muniment.catalogue.claims import Claims, read
from muniment.catalogue.facts import Facts, gather, of_failures_and_article
from muniment.catalogue.rows import artefacts, article, failures, final, resources, title, unverified
from muniment.model import Record, State

__all__ = ["SCHEMA", "account", "status"]

SCHEMA: Final = "muniment.capture/1"
_ENDED: Final = {
    State.INTERRUPTED: 130,
    State.FAILED: 1,
    State.BLOCKED: 1,
    State.WRONG_PAGE: 1,
    State.PARTIAL: 3,
}


def status(claims: Claims) -> int:
    """Return the exit status of a capture: 0, 1, 3 or 130 (DESIGN.md section 9).

    An answer of a peer whose certificate did not verify is 3, also where nothing is missing.
    """
    return _ENDED.get(claims.description.verdict) or (3 if unverified(claims.answers()) else 0)


def account(root: Path, capture: str, claims: Claims | None = None) -> dict[str, Any]:
    """Return what is known of *capture* from its statement, manifest, metadata records and log; never the index.

    ``resources`` are the last answers of each URL, a 404 or a cut body among them; ``missing`` the URLs that were not
    got whole, so that some stand in both. ``artefacts`` are what was made or kept beside the answers. Where a browser
    ran, ``reckoning`` counts what it asked for and what of that was recorded, and ``by_hand`` says when a human
    acted in it. ``problems`` (only where there are any) name records that could not be read.
    Nothing is verified: "anchored" says what lies beside the log, "signed_by" are the keyids that the seal names.
    Errors as :func:`muniment.catalogue.claims.read`, whose result may be given as *claims*.
    """
    claims = claims or read(root, capture)
    answered, missing = resources(claims), failures(claims)
    facts = gather(root, capture, claims.records, of_failures_and_article(answered, missing))
    described, place = claims.description, claims.place
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "id": capture,
        "url": described.seed,
        "opened": manifest.timestamp(claims.statement.opened),
        "closed": manifest.timestamp(claims.statement.closed),
        "verdict": described.verdict.value,
        "engine": described.engine,
        "article": _article(claims, facts),
        "resources": _resources(claims, answered),
        "missing": [_missing(line, facts) for line in missing],
        "artefacts": [_artefact(line) for line in artefacts(claims)],
        "warcs": _warcs(claims),
        "statement": {
            "file": str(layout.statement(capture)),
            "sha256": claims.sealed.hex,
            "signed_by": list(claims.signers),
        },
        "log": {"origin": place.origin, "index": place.index, "size": place.size},
        "anchored": anchors(root, place.origin).of(place.index).value,
        "exit": status(claims),
    }
    if facts.reckoning:
        document["reckoning"] = dict(facts.reckoning)
    if facts.by_hand:
        document["by_hand"] = dict(facts.by_hand)
    if facts.problems:
        document["problems"] = list(facts.problems)
    return document


def _article(claims: Claims, facts: Facts) -> dict[str, Any]:
    page = article(claims)
    if page is None:
        return {}
    return {
        "url": page.url,
        "title": title(claims, facts),
        "status": page.status,
        "media_type": page.media_type,
        "record_id": page.record_id,
    }


def _resources(claims: Claims, answered: list[Record]) -> list[dict[str, Any]]:
    led_to = final(claims)
    return [
        {
            "url": line.url,
            "role": _text(line.role),
            "status": line.status,
            "outcome": _text(line.outcome),
            "media_type": line.media_type,
            "size": line.size,
            "payload": _text(line.payload),
            "content": _text(line.content),
            "record_id": line.record_id,
            "file": line.position.file,
            "offset": line.position.offset,
            "parent": line.parent,
            "tls": line.tls,
            "final": led_to.get(line.record_id, line.url),
        }
        for line in answered
    ]


def _artefact(line: Record) -> dict[str, Any]:
    return {
        "url": line.url,
        "kind": line.kind.value,
        "role": _text(line.role),
        "media_type": line.media_type,
        "size": line.size,
        "payload": _text(line.payload),
        "record_id": line.record_id,
        "file": line.position.file,
        "offset": line.position.offset,
        "parent": line.parent,
    }


def _missing(line: Record, facts: Facts) -> dict[str, Any]:
    return {
        "url": line.url,
        "role": _text(line.role),
        "reason": _text(line.outcome),
        "rule": facts.rules.get(line.record_id, ""),
        "detail": facts.details.get(line.record_id, ""),
        "retryable": bool(line.outcome and line.outcome.retryable),
        "status": line.status,
        "record_id": line.record_id,
    }


def _warcs(claims: Claims) -> list[dict[str, Any]]:
    folder = layout.evidence(claims.capture)
    sizes: dict[str, int] = {}
    for line in claims.records:
        path = str(folder / line.position.file)
        sizes[path] = sizes.get(path, 0) + line.position.length
    subjects = dict(claims.statement.subjects)
    return [
        {"file": path, "sha256": subjects[path].hex, "size": size} for path, size in sizes.items() if path in subjects
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
