"""Another program run over one file, within limits of time, memory and output, its answer taken in pieces."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

__all__ = ["Failed", "run"]

_CONFINE: Final = Path(__file__).with_name("confine.py")
_MEMORY: Final = 1 << 30
_LOOK: Final = 0.2
_CHUNK: Final = 1 << 16


class Failed(Exception):  # noqa: N818 - what happened to the file
    """The program gave no answer; the text says why."""


def run(
    command: Sequence[str], descriptor: int, *, seconds: float, most: int, remaining: Callable[[], float]
) -> tuple[bytes, bytes]:
    """Return what *command*, a program by its whole path and its arguments, writes to stdout and to stderr.

    It finds the open file *descriptor* under its number in /dev/fd. It has *seconds*, and no more than are *remaining*,
    1 GiB of memory, no environment, no network, and writes to no file; *most* octets are taken of either output, of
    stderr the first. Failed where it did not end well.
    """
    ends = time.monotonic() + seconds

    def left() -> float:
        return min(ends - time.monotonic(), remaining())

    limits = [str(os.getpid()), str(_MEMORY), str(max(1, int(seconds)))]
    try:
        child = subprocess.Popen(
            # -I -S: nothing but Python's own library is loaded before it becomes the other program.
            [sys.executable, "-I", "-S", "-B", str(_CONFINE), *limits, *command],
            bufsize=0, env={}, start_new_session=True, cwd="/", pass_fds=[descriptor],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as refused:
        raise Failed(f"could not be started: {refused}") from None
    with child:
        try:
            said, complained = _heard(child, most, left)
            status = child.wait(timeout=max(left(), _LOOK))
        except subprocess.TimeoutExpired:
            raise Failed("did not end") from None
        finally:
            # Before it is waited for, so that the number still means this child and whatever it may have started.
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
    if status != 0:
        ended = f"signal {-status}" if status < 0 else f"status {status}"
        why = complained.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        raise Failed(f"ended with {ended}{': ' if why else ''}{why}")
    return said, complained


def _heard(child: "subprocess.Popen[bytes]", most: int, left: Callable[[], float]) -> tuple[bytes, bytes]:
    heard: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as waiting:
        for number, pipe in enumerate((child.stdout, child.stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                waiting.register(pipe, selectors.EVENT_READ, heard.setdefault(number, bytearray()))
        while waiting.get_map():
            if (seconds := left()) <= 0:
                raise Failed("took longer than it may")
            for key, _ in waiting.select(min(seconds, _LOOK)):
                if chunk := os.read(key.fd, _CHUNK):
                    key.data.extend(chunk[: most - len(key.data)])
                    if len(heard[0]) >= most:
                        raise Failed(f"answered {most} octets or more")
                else:
                    waiting.unregister(key.fileobj)
    return bytes(heard[0]), bytes(heard[1])
