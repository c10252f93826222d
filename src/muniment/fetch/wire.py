"""Connections, and the exact octets of one exchange over one of them; the request as sent, the response as it came.

Octets are taken below any HTTP parsing and above TLS. Connections are kept alive for each scheme, host, port and
verification apart: verified and unverified peers never share one. Everything waits for a deadline.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from muniment.errors import FetchError
from muniment.fetch import tls_peer
from muniment.fetch.address import Guard
from muniment.fetch.allowance import Allowance
from muniment.fetch.channel import Waiting
from muniment.fetch.dial import Dialer, DialError, Line, Place, Stopwatch, Surroundings
from muniment.fetch.outcome import by_status
from muniment.fetch.reception import Bounds, Reception, receive
from muniment.message.chunked import End
from muniment.message.head import Head, request_head
from muniment.model import Connection, Exchange, Framing, Reason, Truncation
from muniment.rules import Rules

__all__ = ["Request", "Surroundings", "Terms", "Wire"]

# RFC 9110 11.6, 11.7 and RFC 6265: what lets a peer act as, or recognise, the user.
_CREDENTIALS: Final = frozenset({"cookie", "authorization", "proxy-authorization"})
_MAX_IDLE: Final = 64
_CLOSING: Final = 5.0


# What stops a body before its end, and how the record says it (ISO 28500:2017 5.15).
_CUTS: Final[Mapping[str, tuple[Reason, Truncation]]] = {
    Reason.LIMIT_BYTES: (Reason.TRUNCATED_LENGTH, Truncation.LENGTH),
    Reason.TIMEOUT: (Reason.TRUNCATED_TIME, Truncation.TIME),
    Reason.INTERRUPTED: (Reason.INTERRUPTED, Truncation.DISCONNECT),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its URL for the record, where it goes, its target (RFC 9112 3.2), its fields in order, its body."""

    url: str
    place: Place
    target: str
    fields: tuple[tuple[str, str], ...]
    method: str = "GET"
    body: bytes = b""

    def octets(self, *, trusted: bool) -> bytes:
        """Return what is sent; cookies and credentials only to a *trusted* peer. FormatError for broken fields."""
        kept = tuple(each for each in self.fields if trusted or each[0].lower() not in _CREDENTIALS)
        return request_head(self.method, self.target, kept) + self.body


@dataclass(frozen=True, slots=True)
class Terms:
    """What bounds one exchange: octets of body, and the monotonic second of its end.

    ``reuse`` False asks for a fresh connection.
    """

    cap: int
    until: float
    reuse: bool = True


class Wire:
    """The connections of one capture.  Many threads may exchange at once; each exchange has a connection alone."""

    def __init__(self, rules: Rules, guard: Guard, around: Surroundings) -> None:
        self.allowance = Allowance(rules.limits.max_bytes)
        self._idle_timeout = rules.limits.idle_timeout
        self._guard = guard
        self._around = around
        self._halted, self._halt = os.pipe()
        self._dialer = Dialer(rules, guard, around, Waiting(around.monotonic, self._halted))
        self._changed = threading.Condition()
        self._running = 0
        self._stopping = False
        self._closed = False
        self._idle: list[Line] = []

    @property
    def roots(self) -> tuple[tls_peer.Root, ...]:
        """The files of authorities that TLS peers are verified against."""
        return self._dialer.policy.roots

    def exchange(self, request: Request, terms: Terms) -> Exchange:
        """Send *request* once and return what came of it; a failure is an exchange with its reason.

        Raises FormatError for a request that cannot be written safely, StoreError where the spool's disk fails.
        """
        begun = _Begun(request, terms, self._around.now(), Stopwatch(self._around.monotonic))
        request.octets(trusted=True)  # refused before anything is connected to
        try:
            with self._counted():
                return self._exchange(begun)
        except DialError as failure:
            return self._failed(begun, failure, failure.connection)
        except FetchError as failure:
            return self._failed(begun, failure, None)

    def stop(self, grace: float) -> None:
        """Begin no exchange any more, give the running ones *grace* seconds, then end them where they stand."""
        with self._changed:
            self._stopping = True
            self._changed.wait_for(lambda: not self._running, max(grace, 0))
            # Every wait polls this pipe, so that one octet ends all of them, now and later.
            if not self._closed:
                os.write(self._halt, b"!")
        self._guard.stop()

    def close(self) -> None:
        """Close every connection; running exchanges are ended first."""
        self.stop(0)
        with self._changed:
            ended = self._changed.wait_for(lambda: not self._running, _CLOSING)
            idle, self._idle = self._idle, []
            if ended and not self._closed:
                # Only now: a descriptor that somebody still polls must not be given to somebody else.
                self._closed = True
                os.close(self._halted)
                os.close(self._halt)
        for line in idle:
            line.channel.close()
        self._dialer.close()

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            if self._stopping:
                raise FetchError(Reason.INTERRUPTED, "the capture was interrupted before this was asked for")
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _exchange(self, begun: "_Begun") -> Exchange:
        terms, watch = begun.terms, begun.watch
        place = begun.request.place
        line = (self._taken(place) if terms.reuse else None) or self._dialer.open(place, terms.until, watch)
        sent = begun.request.octets(trusted=line.verified)
        keep = False
        try:
            try:
                line.channel.send(sent, min(terms.until, self._around.monotonic() + self._idle_timeout))
                watch.mark("sent")
            except FetchError as failure:
                return self._failed(begun, failure, line.connection)
            bounds = Bounds(terms.cap, terms.until, self._idle_timeout, self.allowance.grant)
            reception = receive(line.channel, bounds, self._around, watch)
            head = reception.reader.head
            whole = reception.reader.end is End.WHOLE and reception.failure is None
            keep = whole and head is not None and head.lasts and not reception.surplus and line.channel.quiet
            return self._outcome(replace(begun, sent=sent), line.connection, reception)
        finally:
            if keep:
                self._keep(line)
            else:
                line.channel.close()

    def _outcome(self, begun: "_Begun", connection: Connection, reception: Reception) -> Exchange:
        head = reception.reader.head
        exchange = replace(
            self._failed(begun, FetchError(Reason.OK, ""), connection),
            interim=bytes(reception.interim),
            raw=reception.raw,
        )
        if head is None:
            reception.spool.close()
            reason, detail = _without_head(reception)
            return replace(exchange, reason=reason, detail=detail, rule=self._rule(reason, begun.terms))
        reason, detail, truncated = _ended(reception, head)
        if truncated is Truncation.LENGTH:
            rule = "max-bytes" if reception.failure is not None else "max-resource-bytes"
        else:
            rule = self._rule(reason, begun.terms)
        return replace(
            exchange,
            reason=reason,
            detail=detail,
            response=reception.spool.finish(),
            response_size=reception.spool.size,
            head_size=head.size,
            status=head.status,
            fields=head.fields,
            framing=head.framing,
            truncated=truncated,
            surplus=bytes(reception.surplus),
            rule=rule,
        )

    def _failed(self, begun: "_Begun", failure: FetchError, connection: Connection | None) -> Exchange:
        reason = Reason(failure.reason)
        return Exchange(
            url=begun.request.url,
            method=begun.request.method,
            started=begun.started,
            reason=reason,
            detail=failure.detail,
            connection=connection,
            request=begun.sent,
            times=dict(begun.watch.times),
            rule=self._rule(reason, begun.terms),
        )

    def _rule(self, reason: Reason, terms: Terms) -> str:
        if reason is Reason.LIMIT_BYTES:
            return "max-bytes"
        if reason not in {Reason.TIMEOUT, Reason.TRUNCATED_TIME}:
            return ""
        return "max-resource-time" if self._around.monotonic() >= terms.until else "idle-timeout"

    def _taken(self, place: Place) -> Line | None:
        """Take an idle connection to *place* that its peer has neither closed nor spoken on; close the others."""
        while True:
            with self._changed:
                fitting = [line for line in self._idle if line.place == place]
                # A verified one first; an unverified one is there only because its peer could not be verified.
                line = next((each for each in fitting if each.verified), fitting[0] if fitting else None)
                if line is None:
                    return None
                self._idle.remove(line)
            if line.channel.quiet:
                return line
            line.channel.close()

    def _keep(self, line: Line) -> None:
        with self._changed:
            self._idle.append(line)
            oldest = self._idle.pop(0) if len(self._idle) > _MAX_IDLE else None
        if oldest:
            oldest.channel.close()


@dataclass(frozen=True, slots=True)
class _Begun:
    request: Request
    terms: Terms
    started: datetime
    watch: Stopwatch
    sent: bytes = b""


def _without_head(reception: Reception) -> tuple[Reason, str]:
    """Return why there is no response, and a sentence."""
    failure = reception.failure
    if failure is None:
        came = f"after {reception.received} octets, before" if reception.received else "before"
        return Reason.TRUNCATED_DISCONNECT, f"the server closed the connection {came} the head of an answer was whole"
    if failure.reason == Reason.TIMEOUT and reception.received:
        return Reason.TRUNCATED_TIME, f"the head of the answer was not whole in time: {failure.detail}"
    return Reason(failure.reason), failure.detail


def _ended(reception: Reception, head: Head) -> tuple[Reason, str, Truncation | None]:
    """Return how a response with a whole head ended: its reason, a sentence, and what cut its body."""
    reader, failure = reception.reader, reception.failure
    if reader.end is End.WHOLE:
        return by_status(head)
    if reader.end is End.CAPPED:
        return Reason.TRUNCATED_LENGTH, "the body is longer than the limit and was cut there", Truncation.LENGTH
    if reader.end is End.FAULT:
        return Reason.TRUNCATED_DISCONNECT, f"the body is broken: {reader.fault}", Truncation.DISCONNECT
    if failure is not None and failure.reason in _CUTS:
        reason, truncation = _CUTS[failure.reason]
        return reason, f"the body did not end: {failure.detail}; what came is kept", truncation
    why = failure.detail if failure else "the server closed the connection before the body was whole"
    if head.framing is Framing.LENGTH:
        why += f": {head.length} octets were announced, {reception.spool.size - head.size} came"
    return Reason.TRUNCATED_DISCONNECT, why, Truncation.DISCONNECT
