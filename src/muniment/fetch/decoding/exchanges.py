"""From what the decoder tells to the exchanges and connections that every engine yields."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from muniment import canonical, scratch
from muniment.errors import FormatError
from muniment.fetch.decoding.telling import Ended, Heard, Peer
from muniment.fetch.outcome import by_status, located
from muniment.message import entity
from muniment.message.head import Head, parse_request
from muniment.message.url import Url
from muniment.model import Connection, Exchange, Look, Reason, Truncation

__all__ = ["Interpreter", "Verdict"]

Verdict = Callable[[Peer, str, datetime], tuple[str, str]]
"""From a peer with a chain, the host asked for and the time to the word of ``Connection.tls`` and a sentence."""

_STREAM: Final = "text/event-stream"
_LIMITED: Final = {
    "cut: limit-bytes": (Reason.TRUNCATED_LENGTH, Truncation.LENGTH, "max-bytes"),
    "cut: timeout": (Reason.TRUNCATED_TIME, Truncation.TIME, "max-time"),
    "cut: limit-time": (Reason.TRUNCATED_TIME, Truncation.TIME, "max-time"),
}


@dataclass(frozen=True, slots=True)
class _Outcome:
    reason: Reason
    detail: str
    truncated: Truncation | None = None
    rule: str = ""


class Interpreter:
    """Knows the connections that were told, and makes exchanges of what is told of them.

    *bodies* is the folder of their files; each is opened and its name removed. *judge* says how a TLS peer is to be
    called. ``peers`` are the connections so far, by id.
    """

    def __init__(self, bodies: Path, judge: Verdict) -> None:
        self.peers: dict[str, Connection] = {}
        self._bodies = bodies
        self._judge = judge
        self._changing = threading.Lock()

    def meet(self, peer: Peer) -> Connection:
        """Take a connection in and return it."""
        said = canonical.Fields(peer.opened, f"the spool of {peer.connection}")
        host, opened = said.take("host", str), _moment(said.number("opened"))
        look = said.take("look", dict, {})
        word, detail = self._judge(peer, host, opened) if peer.chain else ("ok" if peer.tls else "none", "")
        if peer.tls and not peer.chain:
            detail = "the session was resumed, so no certificate was shown"
        made = Connection(
            id=peer.connection,
            host=host,
            address=said.take("address", str),
            port=said.number("port"),
            opened=opened,
            look=_look(look) if look else None,
            tls=word,
            tls_detail=detail,
            tls_version=peer.version,
            cipher=peer.cipher,
            alpn=peer.alpn,
            chain=peer.chain,
            evidence=peer.evidence,
        )
        with self._changing:
            self.peers[peer.connection] = made
        return made

    def at(self, host: str, port: int) -> Connection | None:
        """Return the newest connection to *host* that showed a chain."""
        with self._changing:
            fitting = [each for each in self.peers.values() if (each.host, each.port) == (host, port) and each.chain]
        return fitting[-1] if fitting else None

    def exchange(self, heard: Heard) -> Exchange:
        """Return what *heard* tells; StoreError where its files cannot be opened."""
        response = self._opened(heard.body)
        head = entity.stored_head(response) if response is not None else None
        found = _answered(heard, head) if head is not None else _unanswered(heard)
        exchange = Exchange(
            url=heard.url,
            method=heard.method,
            started=_moment(heard.asked),
            reason=found.reason,
            detail=found.detail,
            connection=self.peers.get(heard.connection),
            request=heard.request,
            request_dropped=heard.request_dropped,
            response=response,
            response_size=heard.size,
            head_size=heard.head_size,
            truncated=found.truncated,
            interim=heard.interim,
            protocol=heard.protocol,
            transliterated=heard.facts,
            messages=self._opened(heard.messages),
            times=_times(heard),
            rule=found.rule,
        )
        if head is None:
            return exchange
        exchange = replace(exchange, status=head.status, fields=head.fields, framing=head.framing)
        try:
            return located(exchange, Url.parse(heard.url))
        except FormatError:
            return exchange

    def unread(self, ended: Ended) -> Exchange:
        """Return the failed attempt that stands for what could not be read of a connection."""
        made = self.peers.get(ended.connection)
        host = made.host if made else "unknown.invalid"
        place = f"[{host}]:{made.port}" if made and ":" in host else f"{host}:{made.port}" if made else host
        words = "; ".join(ended.faults)
        return Exchange(
            url=f"{'http' if made and made.tls == 'none' else 'https'}://{place}/",
            method="GET",
            started=made.opened if made else datetime.now(UTC),
            reason=Reason.ENGINE_CRASH if "key log" in words or "decoder" in words else Reason.NOT_HTTP,
            detail=f"of connection {ended.connection}, over which {ended.octets:,} octets passed, not everything could "
            f"be read: {words}",
            connection=made,
            raw=ended.surplus,
        )

    def _opened(self, name: str) -> BinaryIO | None:
        return scratch.taken(self._bodies / name) if name else None


def _answered(heard: Heard, head: Head) -> _Outcome:
    if heard.dropped:
        detail = f"the body is longer than the limit and was cut there; {heard.dropped:,} octets more came"
        return _Outcome(Reason.TRUNCATED_LENGTH, detail, Truncation.LENGTH, "max-resource-bytes")
    if heard.fault:
        return _Outcome(Reason.TRUNCATED_DISCONNECT, f"the body is broken: {heard.fault}", Truncation.DISCONNECT)
    if heard.whole or head.status == 101:
        return _Outcome(*by_status(head, part_asked=_part_asked(heard.request)))
    return _broken_off(heard, head)


def _broken_off(heard: Heard, head: Head) -> _Outcome:
    if heard.ended_by in _LIMITED:
        reason, truncation, rule = _LIMITED[heard.ended_by]
        return _Outcome(reason, "the body did not end; what came is kept", truncation, rule)
    if heard.ended_by == "server":
        detail = "the server closed the connection before the body was whole"
        return _Outcome(Reason.TRUNCATED_DISCONNECT, detail, Truncation.DISCONNECT)
    kind = next((value for name, value in head.fields if name.lower() == "content-type"), "")
    if kind.lower().startswith(_STREAM):
        return _Outcome(Reason.TRUNCATED_TIME, "an endless stream; it was cut when the page was left", Truncation.TIME)
    return _Outcome(Reason.INTERRUPTED, "the page took no more of the body than this", Truncation.DISCONNECT)


def _unanswered(heard: Heard) -> _Outcome:
    if heard.fault:
        return _Outcome(Reason.NOT_HTTP, f"the answer could not be read: {heard.fault}")
    if heard.ended_by == "server":
        return _Outcome(Reason.TRUNCATED_DISCONNECT, "the server closed the connection before an answer was whole")
    if heard.ended_by in _LIMITED:
        reason, _, rule = _LIMITED[heard.ended_by]
        return _Outcome(reason, "no answer came before the limit was reached", rule=rule)
    return _Outcome(Reason.INTERRUPTED, "the page gave it up, or was left, before an answer came")


def _part_asked(request: bytes) -> bool:
    try:
        return bool(parse_request(request[: request.find(b"\r\n\r\n") + 4]).values("Range"))
    except FormatError:
        return False


def _times(heard: Heard) -> dict[str, int]:
    marks = {"first": heard.answered, "last": heard.last}
    return {name: max(0, at - heard.asked) for name, at in marks.items() if at}


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)


def _look(said: dict[str, Any]) -> Look:
    return Look(str(said["name"]), str(said["means"]), tuple(map(str, said["answers"])), int(said["microseconds"]))
