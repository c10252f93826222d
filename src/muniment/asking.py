"""A program that is told something on standard input and answers on standard output: bounded, ended for certain.

It sets no limits of memory or network; :mod:`muniment.confined` does, for programs that read what strangers made.
"""

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["Unanswered", "ask"]

_PIECE: Final = 1 << 16
_LOOKS: Final = 0.2
"""Seconds after which it is asked again how many are left."""


class Unanswered(Exception):  # noqa: N818 - what happened to the question
    """The program gave no answer; the text says why, to be read behind the program's name."""


def ask(
    command: Sequence[str],
    question: bytes,
    left: Callable[[], float],
    most: int,
    *,
    bare: bool = False,
) -> bytes:
    """Start *command*, tell it *question*, and return all that it answers, at most *most* octets.

    *left* is asked again and again how many seconds there are. A *bare* program has no environment, and lives in the
    root folder. Raises Unanswered where it cannot be started, takes
    longer, answers more or ends with another status than 0; then it is ended, with whatever it started.
    """
    try:
        child = subprocess.Popen(
            command, bufsize=0, start_new_session=True, env={} if bare else None, cwd="/" if bare else None,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as refused:
        raise Unanswered(f"could not be started: {refused.strerror}") from None
    with child:
        try:
            answer = _exchanged(child, question, left, most)
            status = child.wait(timeout=max(left(), _LOOKS))
        except subprocess.TimeoutExpired:
            raise Unanswered("did not end") from None
        finally:
            # Before it is waited for, so that the number still means this child and whatever it may have started.
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
    if status != 0:
        raise Unanswered(f"ended with signal {-status}" if status < 0 else f"ended with status {status}")
    return answer


def _exchanged(child: "subprocess.Popen[bytes]", question: bytes, left: Callable[[], float], most: int) -> bytes:
    """Tell and hear both at once, so that no full pipe can stop either."""
    answer = bytearray()
    unsent = memoryview(question)
    with selectors.DefaultSelector() as waiting:
        for pipe, event in ((child.stdin, selectors.EVENT_WRITE), (child.stdout, selectors.EVENT_READ)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                waiting.register(pipe, event)
        while waiting.get_map():
            if (seconds := left()) <= 0:
                raise Unanswered("did not answer before its time was over")
            for key, event in waiting.select(min(seconds, _LOOKS)):
                if event & selectors.EVENT_WRITE:
                    unsent = unsent[_written(key.fd, unsent) :]
                    if not unsent:
                        waiting.unregister(key.fileobj)
                        key.fileobj.close()  # type: ignore[union-attr]
                elif chunk := os.read(key.fd, _PIECE):
                    answer += chunk
                    if len(answer) > most:
                        raise Unanswered(f"answered more than {most} octets")
                else:
                    waiting.unregister(key.fileobj)
    return bytes(answer)


def _written(pipe: int, unsent: memoryview) -> int:
    try:
        return os.write(pipe, unsent[:_PIECE])
    except BlockingIOError:
        return 0
    except BrokenPipeError:  # it ended early; its status and its answer say what that means
        return len(unsent)
