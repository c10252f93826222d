"""The DevTools protocol over two pipes: commands, their answers, and events; every wait has an end.

Whoever waits reads: there is no thread. Events reach their listeners while somebody asks or waits, in the order in
which the browser said them. A listener may ``tell``, and never ``ask``.
"""

import contextlib
import itertools
import json
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from muniment.errors import FetchError
from muniment.model import Reason

__all__ = ["PATIENCE", "CommandError", "DevTools", "Event"]

PATIENCE: Final = 30.0
"""Seconds for an answer, where nothing else is said."""
_LARGEST: Final = 256 << 20
"""Octets of one message; a screenshot of 16,384 lines is far below."""
_PIECE: Final = 1 << 20
_STEP: Final = 0.05
"""Seconds after which a condition that depends on time alone is looked at again."""
_SAID: Final = 4096


class CommandError(FetchError):
    """The browser understood a command and did not do it; the page may have gone on meanwhile."""

    def __init__(self, method: str, text: str) -> None:
        super().__init__(Reason.ENGINE_CRASH, f"the browser refused {method}: {text}")
        self.text = text


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the browser said unasked: of which session ("" is the browser's own), what, with which facts."""

    method: str
    params: dict[str, Any]
    session: str


class DevTools:
    """One browser, asked through *writing* and heard through *reading*; *errors* is where it complains.

    Raises FetchError with ENGINE_CRASH where the browser is gone, with TIMEOUT where it does not answer, and with
    INTERRUPTED wherever it is waited for once ``stopped`` says so.
    """

    def __init__(self, reading: int, writing: int, errors: int) -> None:
        self.said = b""
        self.stopped: Callable[[], bool] = lambda: False
        self._reading = reading
        self._writing = writing
        self._errors = errors
        for each in (reading, writing, errors):
            os.set_blocking(each, False)
        self._poll = select.poll()
        self._poll.register(reading, select.POLLIN)
        self._poll.register(errors, select.POLLIN)
        self._numbers = itertools.count(1)
        self._awaited: set[int] = set()
        self._answers: dict[int, dict[str, Any]] = {}
        self._pieces: list[bytes] = []
        self._held = 0
        self._listeners: list[Callable[[Event], None]] = []
        self._gone = ""

    def hear(self, listener: Callable[[Event], None]) -> None:
        """Let *listener* have every event from now on."""
        self._listeners.append(listener)

    def ask(
        self, method: str, params: dict[str, Any] | None = None, *, session: str = "", seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Return the browser's answer to a command; CommandError where it says no."""
        until = time.monotonic() + seconds
        number = self._send(method, params, session, until)
        self._awaited.add(number)
        try:
            if not self.until(lambda: number in self._answers, until - time.monotonic()):
                raise FetchError(Reason.TIMEOUT, f"the browser did not answer {method} within {seconds:.0f} seconds")
            answer = self._answers.pop(number)
        finally:
            self._awaited.discard(number)
        if "error" in answer:
            raise CommandError(method, str(answer["error"].get("message", "")))
        found = answer.get("result")
        return found if isinstance(found, dict) else {}

    def tell(self, method: str, params: dict[str, Any] | None = None, *, session: str = "") -> None:
        """Give a command and care for no answer; commands to one session are done in their order."""
        self._send(method, params, session, time.monotonic() + PATIENCE)

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Hear the browser until *condition* holds, at most *seconds*; say whether it does."""
        until = time.monotonic() + seconds
        while not condition():
            left = until - time.monotonic()
            if left <= 0:
                return False
            if self.stopped():
                raise FetchError(Reason.INTERRUPTED, "the capture was interrupted")
            self._hear(min(left, _STEP))
        return True

    def close(self) -> None:
        """Give the pipes back; Chromium ends itself when they close."""
        self._gone = self._gone or "the browser was closed"
        for each in (self._reading, self._writing, self._errors):
            os.close(each)

    def _send(self, method: str, params: dict[str, Any] | None, session: str, until: float) -> int:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        view = memoryview(json.dumps(message).encode() + b"\0")
        while view:
            if self._gone:
                raise FetchError(Reason.ENGINE_CRASH, self._gone)
            try:
                view = view[os.write(self._writing, view) :]
            except BlockingIOError:
                self._writable(method, until)
            except OSError:
                self._end("the browser is gone")
        return number

    def _writable(self, method: str, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0 or not select.select([], [self._writing], [], left)[1]:
            raise FetchError(Reason.TIMEOUT, f"the browser takes no commands any more, {method} was the last")

    def _hear(self, seconds: float) -> None:
        if self._gone:
            raise FetchError(Reason.ENGINE_CRASH, self._gone)
        for descriptor, _ in self._poll.poll(seconds * 1000):
            try:
                octets = os.read(descriptor, _PIECE)
            except BlockingIOError:
                continue
            if descriptor == self._errors:
                self.said = (self.said + octets)[-_SAID:]
                if not octets:
                    self._poll.unregister(self._errors)
            elif octets:
                self._take(octets)
            else:
                self._end("the browser is gone")

    def _take(self, octets: bytes) -> None:
        *whole, rest = octets.split(b"\0")
        for each in whole:
            message = b"".join((*self._pieces, each))
            self._pieces, self._held = [], 0
            self._understand(message)
        if rest:
            self._pieces.append(rest)
            self._held += len(rest)
            if self._held > _LARGEST:
                self._end(f"the browser sent a message of more than {_LARGEST >> 20} MiB")

    def _understand(self, message: bytes) -> None:
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not found.keys() & {"id", "method"}:
            self._end("the browser said what is no message of the DevTools protocol")
        if "id" in found:
            if found["id"] in self._awaited:
                self._answers[found["id"]] = found
            return
        event = Event(found["method"], found.get("params", {}), found.get("sessionId", ""))
        try:
            for listener in self._listeners:
                listener(event)
        except (KeyError, TypeError) as lacking:  # a version to come may say things otherwise
            self._end(f"the browser told {event.method} in a form that is not known: {lacking!r}")

    def _end(self, why: str) -> NoReturn:
        """Be at an end for good: from now on every command and every wait says *why*."""
        self._gone = why
        with contextlib.suppress(BlockingIOError):
            self.said = (self.said + os.read(self._errors, _PIECE))[-_SAID:]
        raise FetchError(Reason.ENGINE_CRASH, why)
