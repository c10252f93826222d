"""From committed captures to their rows, in the order of the log: here, or in several processes that read ahead.

A reading process is told where a capture lies and answers with its rows, by pipes. It writes nothing, so that it may
be ended at any moment; it inherits no lock, and ends when its pipes do, which is when its parent ends, however that
does. What such a process does not answer is read here: the rows are the same either way.
"""

import contextlib
import itertools
import os
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

import msgspec

from muniment.catalogue.claims import Claims, Place, read
from muniment.catalogue.facts import gather, of_rows
from muniment.catalogue.rows import failures, rows
from muniment.errors import FormatError, IntegrityError, StoreError
from muniment.index import Rows

__all__ = ["Derived", "ahead", "answer", "derived", "of_claims"]

_ENOUGH: Final = 500
"""Captures from which on starting processes costs less time than they save (benchmarks/README.md)."""
_MOST: Final = 4
"""Processes that read ahead, at most: more of them would wait for the one that writes the index."""
_ASKED: Final = 2
"""Captures that a process is told ahead of its answers."""
_PROGRAM: Final = "from muniment.catalogue.derivation import answer; answer()"
_LENGTH: Final = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Derived:
    """What one capture gives: its rows, None where its claims could not be read; and sentences on what could not."""

    capture: str
    rows: Rows | None
    problems: tuple[str, ...]


_PACKED: Final = msgspec.msgpack.Encoder()
_PLACES: Final = msgspec.msgpack.Decoder(Place)
_ANSWERS: Final = msgspec.msgpack.Decoder(Derived)


def of_claims(root: Path, claims: Claims) -> tuple[Rows, tuple[str, ...]]:
    """Return the rows of the capture that *claims* are about, and sentences on the facts that could not be read."""
    facts = gather(root, claims.capture, claims.records, of_rows(claims.records, failures(claims)))
    return rows(claims, facts), facts.problems


def derived(root: Path, places: Iterable[Place], told: Callable[[str], None]) -> Generator[Derived, None, None]:
    """Give what each capture in *places* gives, in their order; *told* is a sentence where a process was lost."""
    rest = iter(places)
    first = list(itertools.islice(rest, _ENOUGH))
    processes = min(_MOST, _usable()) if len(first) == _ENOUGH else 1
    every = itertools.chain(first, rest)
    if processes == 1:
        return (_derive(root, place) for place in every)
    return ahead(root, every, processes, told)


def ahead(
    root: Path, places: Iterable[Place], processes: int, told: Callable[[str], None]
) -> Generator[Derived, None, None]:
    """Give the same as :func:`derived`, read by so many *processes*; a few captures are held at a time."""
    waiting: deque[tuple[Place, _Reader]] = deque()
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(_Reader(root, told)) for _ in range(processes)]
        for place, reader in zip(places, itertools.cycle(readers), strict=False):
            reader.ask(place)
            waiting.append((place, reader))
            if len(waiting) > _ASKED * processes:
                yield _answered(root, *waiting.popleft())
        for each in waiting:
            yield _answered(root, *each)


def _answered(root: Path, place: Place, reader: "_Reader") -> Derived:
    return reader.answered() or _derive(root, place)


def _derive(root: Path, place: Place) -> Derived:
    try:
        found, unread = of_claims(root, read(root, place.leaf.id, place))
    except (FormatError, IntegrityError, StoreError) as damage:
        return Derived(place.leaf.id, None, (str(damage),))
    return Derived(place.leaf.id, found, unread)


def _usable() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Reader:
    """A process that reads captures. Once it has ended before its time it is asked nothing and answers nothing."""

    def __init__(self, root: Path, told: Callable[[str], None]) -> None:
        self._told = told
        self._process: subprocess.Popen[bytes] | None = None
        command = [sys.executable, "-P", "-c", _PROGRAM, os.fspath(root.absolute())]
        try:
            # A session of its own: Ctrl-C is for the parent, and ends this one with it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as refused:
            told(f"a process to read captures could not be started ({refused.strerror}); its captures are read here")

    def ask(self, place: Place) -> None:
        """Tell it to read the capture at *place* when it has answered what it was asked before."""
        if self._process is not None and self._process.stdin is not None:
            try:
                _write(self._process.stdin, _PACKED.encode(place))
            except BrokenPipeError:
                self._lose(self._process)

    def answered(self) -> Derived | None:
        """Return its next answer; None where it has ended before its time."""
        if self._process is not None and self._process.stdout is not None:
            answer = _read(self._process.stdout)
            if answer is not None:
                return _ANSWERS.decode(answer)
            self._lose(self._process)
        return None

    def _lose(self, process: "subprocess.Popen[bytes]") -> None:
        self._end(process)
        self._told(
            f"a process that was reading captures ended with status {process.returncode}; its captures are read here"
        )

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = None
        with contextlib.suppress(BrokenPipeError), process:  # which closes its pipes and waits for its end
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._end(self._process)


def answer() -> None:
    """Be a reading process: answer what is asked on stdin, below the folder that the argument names, until its end."""
    root = Path(sys.argv[1])
    with contextlib.suppress(BrokenPipeError):
        while (asked := _read(sys.stdin.buffer)) is not None:
            _write(sys.stdout.buffer, _PACKED.encode(_derive(root, _PLACES.decode(asked))))


def _write(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(_LENGTH.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes | None:
    """Return what was written next, None where the pipe has ended before all of it came."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    return content if len(content) == length else None
