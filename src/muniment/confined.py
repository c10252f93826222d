"""Programs that read what strangers made: each with limits, alone in its process group, ended for certain.

Run as a script, this sets the limits of its first argument and becomes the program that follows: nothing else runs yet
then. Not promised: that the program opens no file of its own, nor, where it is not to be alone, no connection; its
arguments see to that.
"""

import contextlib
import ctypes
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

__all__ = ["Bounds", "Ran", "run"]

_CLONE_NEWNET: Final = 0x40000000
_CLONE_NEWUSER: Final = 0x10000000
_PR_SET_PDEATHSIG: Final = 1
_PIECE: Final = 1 << 16
_NOT_STARTED: Final = 127  # as shells say it
_COMPLAINT: Final = 16 << 10
_GOODBYE: Final = 5.0
_LOOKS: Final = 0.5
"""Seconds after which it is looked again whether somebody wants the program to end."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a program may use: octets of memory and of a file, files at a time, seconds, octets of its answer.

    ``inherited`` are the descriptors of open files that it has too. One that is ``alone`` ends when we do, and where
    the system allows that it has no network (both on Linux).
    """

    memory: int = 1 << 30
    file: int = 0
    files: int = 256
    seconds: float = 60
    answer: int = 4 << 20
    inherited: tuple[int, ...] = ()
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended: its exit status (negative: the signal), what it answered, the last that it complained.

    ``ended`` says why it was ended before its time: "time", "stopped", "answer" (it was too long); empty where it was
    not. An ``answer`` is all of what it wrote, or not to be used.
    """

    status: int
    answer: bytes
    complained: str
    ended: str = ""


def run(
    command: Sequence[str],
    folder: Path,
    bounds: Bounds,
    *,
    environment: Mapping[str, str] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Ran:
    """Run *command*, an absolute path with its arguments, in *folder*, and return how it ended.

    It inherits nothing but *environment* and what *bounds* name, and its output is read as it comes. One that cannot be
    started ends with a status that is not 0.
    """
    given = {"LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder), **(environment or {})}
    starter = [sys.executable, "-I", "-S", __file__, json.dumps(asdict(bounds)), str(os.getpid())]
    try:
        started = subprocess.Popen(
            [*starter, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=given,
            start_new_session=True,
            pass_fds=bounds.inherited,
        )
    except OSError as refused:  # no process or no memory is left
        return Ran(_NOT_STARTED, b"", f"it could not be started: {refused.strerror}")
    with started as running:
        hearing = _Hearing(bounds.answer)
        try:
            ended = hearing.listen(running, bounds.seconds, stopped)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(0 if ended else _GOODBYE)
        finally:
            # What it started must not outlive it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.pid, signal.SIGKILL)
        return Ran(running.wait(), bytes(hearing.answer), hearing.complaint.decode("utf-8", "replace"), ended)


class _Hearing:
    """What a program writes: of its answer everything up to *bound* octets, of its complaints the end."""

    def __init__(self, bound: int) -> None:
        self.answer = bytearray()
        self.complaint = bytearray()
        self._bound = bound

    def listen(self, running: "subprocess.Popen[bytes]", seconds: float, stopped: Callable[[], bool]) -> str:
        """Return "" once it has ended, or else why it has to."""
        ends = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for pipe, take in ((running.stdout, self.answer.extend), (running.stderr, self._complain)):
                if pipe is not None:
                    selector.register(pipe, selectors.EVENT_READ, take)
            while selector.get_map():
                ready = selector.select(max(0.0, min(_LOOKS, ends - time.monotonic())))
                for key, _ in ready:
                    octets = os.read(key.fd, _PIECE)
                    if octets:
                        key.data(octets)
                    else:
                        selector.unregister(key.fileobj)
                if len(self.answer) > self._bound:
                    return "answer"
                if stopped():
                    return "stopped"
                if time.monotonic() >= ends:
                    return "time"
                # What it started may hold its pipes open beyond its end.
                if not ready and os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    break
        return ""

    def _complain(self, octets: bytes) -> None:
        self.complaint += octets
        del self.complaint[:-_COMPLAINT]


def _become(bounds: Bounds, parent: int, command: list[str]) -> None:
    """Set the limits and become *command*, which *parent* wants."""
    if bounds.alone and sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if libc.unshare(_CLONE_NEWNET):  # only root may do that alone; others need a user namespace for it
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        # After the namespaces are changed, which would take the promise back (prctl(2), PR_SET_PDEATHSIG).
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the promise was made
            sys.exit(1)
    for kind, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, bounds.memory),
        (resource.RLIMIT_FSIZE, bounds.file),
        (resource.RLIMIT_NOFILE, bounds.files),
    ):
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, most))
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    _become(Bounds(**json.loads(sys.argv[1])), int(sys.argv[2]), sys.argv[3:])
