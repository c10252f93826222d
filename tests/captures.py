"""Captures made without a network: exchanges as a test scripts them, through the real recorder, seal and log."""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conftest import make_archive
from muniment import canonical
from muniment.capture import commit
from muniment.capture.recorder import Fact
from muniment.message import entity
from muniment.model import Connection, Exchange, Reason, Role, Truncation
from muniment.rules import Rules

NOW = datetime(2024, 12, 10, 9, 30, 12, 250, tzinfo=UTC)
SEED = "https://news.example/article"


def desk(folder: Path, name: str = "case", clock: commit.Clock | None = None) -> commit.Desk:
    """Return the desk of a new archive below *folder*."""
    where = make_archive(folder, name)
    return commit.Desk(where, commit.signers(where, None), Rules(), clock or commit.Clock())


def response(body: bytes, *fields: str, status: str = "200 OK", length: bool = True) -> bytes:
    """Return the octets of a response with *body* and *fields* (lines like ``Content-Type: text/html``)."""
    lines = [f"HTTP/1.1 {status}", *fields, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes) -> bytes:
    """Return *body* in chunks of seven octets, with a trailer."""
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\nX-Trailer: no body\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Step:
    """One exchange of a capture, what it is to it, the step (by number) that led to it, and the links it states."""

    exchange: Exchange
    role: Role
    parent: int | None = None
    title: str = ""
    links: Sequence[dict[str, Any]] | None = None


def connection(tls: str = "none") -> Connection:
    return Connection(f"c-{tls}", "news.example", "192.0.2.7", 443, NOW, None, tls=tls)


def answer(
    url: str,
    octets: bytes,
    *,
    reason: Reason = Reason.OK,
    tls: str = "ok",
    truncated: Truncation | None = None,
) -> Exchange:
    """Return an exchange that brought *octets*; status and fields are read from them."""
    head = entity.stored_head(io.BytesIO(octets))
    return Exchange(
        url=url,
        method="GET",
        started=NOW,
        reason=reason,
        detail="" if reason is Reason.OK else f"said {head.status}",
        connection=connection(tls),
        request=b"GET / HTTP/1.1\r\nHost: news.example\r\n\r\n",
        response=io.BytesIO(octets),
        response_size=len(octets),
        head_size=head.size,
        status=head.status,
        fields=head.fields,
        framing=head.framing,
        truncated=truncated,
    )


def failure(url: str, reason: Reason, rule: str = "") -> Exchange:
    """Return an exchange that brought nothing."""
    return Exchange(
        url=url, method="GET", started=NOW, reason=reason, detail=f"it failed: {reason}", connection=None, rule=rule
    )


def captured(where: commit.Desk, steps: Iterable[Step], *, seed: str = SEED, interrupted: bool = False) -> str:
    """Record *steps* as one capture, commit it, and return its id."""
    ids: list[str] = []
    with commit.draft(where, seed) as begun:
        for step in steps:
            parent = "" if step.parent is None else ids[step.parent]
            ids.append(begun.recorder.take(step.exchange, step.role, parent))
            if step.links is not None:
                content = canonical.encode(links_fact(step.title, step.links))
                begun.recorder.state(Fact(step.exchange.url, ids[-1], content, NOW))
        ending = commit.Ending(len(ids), len(ids), interrupted, "")
        return commit.commit(begun, ending).id


def links_fact(title: str, links: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the document of a metadata record of links, as the extractor writes it."""
    return {
        "v": 1,
        "type": "links",
        "extractor": "muniment.links/1",
        "charset": "utf-8",
        "charset_source": "meta",
        "title": title,
        "links": list(links),
        "unresolved": [],
        "notes": [],
        "left_out": 0,
    }


def link(url: str, role: Role = Role.IMAGE, kind: str = "requisite") -> dict[str, Any]:
    return {"url": url, "role": role.value, "kind": kind, "source": "img[src]"}


def page(body: bytes = b"<title>T</title>") -> bytes:
    return response(body, "Content-Type: text/html")


def eventful(base: str = "https://news.example") -> list[Step]:
    """Return a capture in which much happens: redirects, a retry, a 404, a failed name, an expired certificate."""
    found = [link(f"{base}/a.jpg"), link(f"{base}/b.jpg"), link(f"{base}/cited", Role.CITED, "citation")]
    moved = response(b"", "Location: /b2.jpg", status="301 Moved")
    again = response(b"", "Location: /b3.jpg", status="302 Found")
    late = response(b"later", status="503 Unavailable")
    image = response(b"image", "Content-Type: image/jpeg")
    return [
        Step(answer(f"{base}/article", page()), Role.ARTICLE, title="Title of it", links=found),
        Step(answer(f"{base}/a.jpg", late, reason=Reason.HTTP_5XX), Role.IMAGE, 0),
        Step(answer(f"{base}/b.jpg", moved, reason=Reason.REDIRECT), Role.REDIRECT, 0),
        Step(answer(f"{base}/b2.jpg", again, reason=Reason.REDIRECT), Role.REDIRECT, 2),
        Step(answer(f"{base}/a.jpg", image), Role.IMAGE, 0),
        Step(answer(f"{base}/b3.jpg", image, tls="expired"), Role.IMAGE, 3),
        Step(answer(f"{base}/c.jpg", response(b"no", status="404 No"), reason=Reason.HTTP_4XX), Role.IMAGE, 0),
        Step(failure("https://gone.example/", Reason.DNS), Role.CITED, 0),
        Step(failure(f"{base}/late.mp4", Reason.LIMIT_TIME, "max-time"), Role.VIDEO, 0),
    ]


def truncated(exchange: Exchange) -> Exchange:
    """Return *exchange* as one that was cut by the server."""
    return replace(exchange, truncated=Truncation.DISCONNECT, reason=Reason.TRUNCATED_DISCONNECT)


def ticking(start: datetime) -> Callable[[], datetime]:
    """Return a clock that goes on by a second each time it is asked."""
    seconds = iter(range(10**6))
    return lambda: datetime.fromtimestamp(start.timestamp() + next(seconds), UTC)
