"""The decoder as its parent sees it: started, told what grows, restarted where it falls, heard until it is done."""

import contextlib
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Self

from muniment import scratch
from muniment.errors import FetchError
from muniment.fetch.decoding.child import AT, BODIES, KEYS, SPOOLS
from muniment.fetch.decoding.telling import Done, Ended, Heard, Peer, Told, decode
from muniment.model import Reason

__all__ = ["Decoder"]

_FALLS: Final = 2
"""How often the decoder may fall over one place of a connection until that is given up."""
_MOST_FALLS: Final = 20


class Decoder:
    """Reads the connections whose spools :meth:`spool` opens, and hands what it finds to *heard*, in one thread.

    *folder* is private and empty; ``keys`` is where a client's key log goes, ``bodies`` where the files of exchanges
    are. The reading is done by a process of its own: where that falls, another begins at the spools again, and nothing
    is told twice. A connection over which it falls repeatedly is told as one that cannot be read.
    """

    def __init__(self, folder: Path, cap: int, heard: Callable[[Told], None]) -> None:
        self.keys = folder / KEYS
        self.bodies = folder / BODIES
        self.spools = folder / SPOOLS
        self._folder = folder
        self._cap = cap
        self._heard = heard
        self._told: set[tuple[str, int]] = set()
        self._peers: set[str] = set()
        self._over: set[str] = set()
        self._falls: Counter[tuple[str, int]] = Counter()
        self._failure: BaseException | None = None
        self._ending = False
        self._changing = threading.Lock()
        for each in (self.spools, self.bodies):
            scratch.folder(each)
        self._running = self._start()
        self._thread = threading.Thread(target=self._listen, name="decoder", daemon=True)
        self._thread.start()

    def spool(self, connection: str) -> BinaryIO:
        """Return the new spool of *connection*; whatever is written to it is read soon."""
        return _Spool(scratch.begun(self.spools / connection), self._wake)  # type: ignore[return-value]

    def finish(self, seconds: float) -> None:
        """Return when everything is told; nothing may grow any more.

        Raises what *heard* raised, and FetchError where the decoder is not done in *seconds* or cannot be kept alive.
        """
        with self._changing:
            self._ending = True
            self._close_input(self._running)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.kill()
            raise FetchError(Reason.ENGINE_CRASH, f"the decoder was not done after {seconds:.0f} seconds")
        if self._failure is not None:
            raise self._failure

    def kill(self) -> None:
        """End it for good, whatever was or was not read."""
        with self._changing:
            self._ending = True
            self._failure = self._failure or FetchError(Reason.ENGINE_CRASH, "the decoder was ended")
            self._running.kill()
            self._close_input(self._running)
        self._thread.join()

    @property
    def pid(self) -> int:
        """The process that reads at the moment."""
        return self._running.pid

    def _start(self) -> subprocess.Popen[bytes]:
        passed = sorted(self._over)
        command = [sys.executable, "-I", "-m", "muniment.fetch.decoding.child", str(self._folder), str(self._cap)]
        try:
            running = subprocess.Popen(
                [*command, *passed],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
            )
        except OSError as failure:
            raise FetchError(Reason.ENGINE_CRASH, f"the decoder did not start: {failure.strerror}") from failure
        if running.stdin is not None:
            os.set_blocking(running.stdin.fileno(), False)
        return running

    def _wake(self) -> None:
        with self._changing:
            stdin = self._running.stdin
            if stdin is None or stdin.closed:
                return
            # A full pipe is a decoder that has been told; a broken one is restarted by the thread that listens.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(stdin.fileno(), b"\n")

    @staticmethod
    def _close_input(running: subprocess.Popen[bytes]) -> None:
        if running.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                running.stdin.close()

    def _listen(self) -> None:
        try:
            while not self._listened():
                self._restart()
        except BaseException as failure:  # noqa: BLE001 - kept, and raised in the thread that waits
            self._failure = self._failure or failure
            self._running.kill()
        finally:
            self._running.wait()
            self._close_input(self._running)
            if self._running.stdout is not None:
                self._running.stdout.close()

    def _listened(self) -> bool:
        """Hear one decoder to its end, and say whether it was done."""
        if self._running.stdout is None:
            return False
        for line in self._running.stdout:
            if not line.endswith(b"\n"):
                return False  # it fell in the middle of a word
            told = decode(line)
            if isinstance(told, Done):
                return True
            if self._is_new(told):
                self._heard(told)
        return False

    def _is_new(self, told: Told) -> bool:
        """Whether *told* was not told by one that fell; what it left is cleared away then."""
        match told:
            case Heard():
                new = (told.connection, told.stream) not in self._told
                self._told.add((told.connection, told.stream))
                if not new:
                    for name in filter(None, (told.body, told.messages)):
                        scratch.forget(self.bodies / name)
                return new
            case Peer():
                new = told.connection not in self._peers
                self._peers.add(told.connection)
                return new
            case Ended():
                self._over.add(told.connection)
        return True

    def _restart(self) -> None:
        """Begin again where a decoder fell; whatever it fell over too often is passed over."""
        self._running.wait()
        if self._failure is not None:
            raise self._failure
        culprit = (self._folder / AT).read_bytes().decode("ascii", "replace").strip() if self._begun() else ""
        exchanges = sum(1 for connection, _ in self._told if connection == culprit)
        # Counted anew wherever it had got further: then it was ended from outside, and not by what it read there.
        place = culprit, exchanges if culprit else len(self._told)
        self._falls[place] += 1
        if self._falls.total() > _MOST_FALLS or (not culprit and self._falls[place] > _FALLS):
            raise FetchError(Reason.ENGINE_CRASH, f"the decoder fell {self._falls.total()} times")
        if culprit and self._falls[place] >= _FALLS:
            self._over.add(culprit)
            octets = (self.spools / culprit).stat().st_size
            self._heard(Ended(culprit, octets, exchanges, (f"the decoder fell over it {_FALLS} times",)))
        with self._changing:
            if self._running.stdout is not None:
                self._running.stdout.close()
            self._close_input(self._running)
            self._running = self._start()
            if self._ending:
                self._close_input(self._running)

    def _begun(self) -> bool:
        return (self._folder / AT).exists()


class _Spool:
    """A file that tells of each write."""

    def __init__(self, file: BinaryIO, told: Callable[[], None]) -> None:
        self._file = file
        self._wake = told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._wake()

    def write(self, octets: bytes | memoryview) -> int:
        """Append *octets*, or some of them; OSError where the disk refuses."""
        written = self._file.write(octets)
        self._wake()
        return written
