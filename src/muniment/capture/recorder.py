"""From exchanges to records: one writer thread per capture, so that evidence has one order and one hand.

Workers hand over exchanges and go on; the thread digests, writes the WARC records, drafts their manifest lines and
syncs both. A disk that refuses stops the thread and, at the next hand-over, whoever hands over.
"""

import queue
import threading
import uuid
from collections.abc import Callable
from typing import Any, Final

from muniment import manifest
from muniment.capture.entries import (
    Fact,
    Group,
    Resource,
    Taken,
    about_connection,
    answer,
    attempt,
    common,
    of_fact,
    of_resource,
)
from muniment.capture.peers import shared
from muniment.durable import Appending
from muniment.errors import StoreError
from muniment.message import entity
from muniment.model import Exchange, Record, Role
from muniment.warc.writer import Writer

__all__ = ["Fact", "Recorder", "Resource"]

_WAITING: Final = 64
_SYNC_EVERY: Final = 64 << 20


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

    def written(self) -> list[Record]:
        """Return the lines of everything that was handed over until now; waits for the disk."""
        self._waiting.join()
        return list(self.lines)

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
                self._waiting.task_done()
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

    def _write(self, group: Group) -> None:
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

    def _group(self, item: Taken | Fact | Resource) -> Group:
        match item:
            case Taken():
                return self._exchange(item)
            case Fact():
                return [of_fact(item)]
            case _:
                return [of_resource(item)]

    def _exchange(self, taken: Taken) -> Group:
        exchange = taken.exchange
        made = exchange.connection and shared(exchange.connection, exchange.url)
        group: Group = []
        if made is not None and made.id not in self._connections:
            self._connections.add(made.id)
            group += about_connection(exchange, made)
        known = common(made) | {"role": taken.role, "parent": taken.parent}
        if exchange.response is None:
            group += attempt(taken, known)
        else:
            exchange.response.seek(0)
            found = entity.measure(exchange.response, cap=self._decodable)
            self._decodable = max(0, self._decodable - found.decoded)
            group += answer(taken, exchange.response, found, known)
        return group


def _let_go(item: Taken | Fact | Resource) -> None:
    if isinstance(item, Taken):
        for each in (item.exchange.response, item.exchange.messages):
            if each is not None:
                each.close()
    elif isinstance(item, Resource):
        item.content.close()


def _received(exchange: Exchange) -> int:
    return exchange.response_size + len(exchange.interim) + len(exchange.surplus) + len(exchange.raw)
