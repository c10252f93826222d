"""What Pillow sees in a picture, by child processes that can neither hang nor exhaust the capture.

A child lives for many pictures: it takes 0.2 s of one core to start, and a picture some milliseconds. One that a
picture breaks, hangs or fills is ended, and the next picture has another; at most two live at once, and each ends by
itself after a while without work. Pillow is the optional extra ``media``; without it nothing is seen, and that is said.
"""

import atexit
import base64
import binascii
import contextlib
import importlib.util
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muniment import canonical
from muniment.errors import FormatError
from muniment.extract.charset import printable
from muniment.extract.lying import Lying

__all__ = ["FORMATS", "Look", "look"]

FORMATS: Final = {
    "image/png": 0, "image/jpeg": 1, "image/gif": 2, "image/webp": 3, "image/bmp": 4, "image/x-icon": 5,
    "image/tiff": 6, "image/avif": 7,
}  # fmt: skip
"""The sniffed types of the pictures that are looked at, with the numbers by which the child knows their formats."""
_CHILD: Final = Path(__file__).with_name("look.py")
_SECONDS: Final = 10.0
_STARTING: Final = 20.0
_LOOK: Final = 0.2
_AT_ONCE: Final = 2
_GROWTH: Final = 192 << 20
_MAX_ANSWER: Final = 2 << 20
_REQUEST: Final = struct.Struct(">BQQ")
_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Look:
    """What Pillow saw: ``size`` in pixels, ``grey`` values (32 by 32, as the picture is seen), what it says of itself.

    ``notes`` are Exif tags by name, as text, ``xmp`` is the beginning of its packet of ``xmp_size`` octets. ``reader``
    is Pillow with its version. ``fault`` says why there is not all of it.
    """

    size: tuple[int, int] | None = None
    grey: bytes = b""
    notes: tuple[tuple[str, str], ...] = ()
    xmp: str = ""
    xmp_size: int = 0
    reader: str = ""
    fault: str = ""


class _Unseen(Exception):  # noqa: N818 - what happened to the picture
    """The child gave no answer; the text says why."""


def look(lying: Lying, media_type: str, remaining: Callable[[], float]) -> Look:
    """Return what Pillow sees in the picture that is *lying* in a file, in 10 seconds and the *remaining* ones at most.

    Where a child must be started it has 20. *media_type* is one of FORMATS, and the octets are read as no other. Any
    octets give a Look. The child has 10 s of CPU for each picture, 192 MiB of memory beyond what it starts with, no
    environment, no network, no file.
    """
    if importlib.util.find_spec("PIL") is None:
        return Look(fault="Pillow (the extra `media`) is not installed")
    try:
        return _told(_CHILDREN.asked(lying, FORMATS[media_type], remaining))
    except (_Unseen, FormatError) as failure:
        return Look(fault=printable(str(failure)))


def _told(answer: bytes) -> Look:
    said = canonical.Fields(answer, "the answer of Pillow")
    notes = said.take("notes", list)
    if not all(
        isinstance(each, list) and len(each) == 2 and all(isinstance(text, str) for text in each) for each in notes
    ):
        raise FormatError("the answer of Pillow", expected="pairs of texts", found=repr(notes)[:80])
    width, height = said.take("width", int, 0), said.take("height", int, 0)
    try:
        grey = base64.b64decode(said.take("grey", str), validate=True)
    except binascii.Error as wrong:
        raise FormatError("the answer of Pillow", expected="base64", found=str(wrong)) from None
    return Look(
        size=(width, height) if width > 0 and height > 0 else None,
        grey=grey,
        notes=tuple((printable(name), printable(text)) for name, text in notes),
        xmp=printable(said.take("xmp", str)),
        xmp_size=said.take("xmp_size", int),
        reader=f"Pillow/{printable(said.take('version', str))}",
        fault=printable(said.take("fault", str)),
    )


class _Child:
    """A process that looks at one picture at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        # -P: the child's own folder holds modules with names of Python's, such as html.
        command = [sys.executable, "-P", "-B", str(_CHILD), str(_GROWTH)]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command, env={}, start_new_session=True, cwd="/",
                    stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
        except OSError as refused:
            ours.close()
            raise _Unseen(f"its reader could not be started: {refused}") from None
        self.used = False

    def ask(self, lying: Lying, kind: int, left: Callable[[], float]) -> bytes:
        """Return the answer of the child; _Unseen, and the child is good for nothing, where it gives none."""
        octets = _REQUEST.pack(kind, lying.start, lying.length)
        try:
            socket.send_fds(self._socket, [octets], [lying.descriptor])
            (length,) = _LENGTH.unpack(self._received(_LENGTH.size, left))
            if length > _MAX_ANSWER:
                raise _Unseen(f"its reader answered more than {_MAX_ANSWER} octets")
            answer = self._received(length, left)
        except OSError:
            raise _Ended(self._ended()) from None
        self.used = True
        return answer

    def _received(self, size: int, left: Callable[[], float]) -> bytes:
        octets = bytearray()
        while len(octets) < size:
            if (seconds := left()) <= 0:
                raise _Unseen("its time was over before it was decoded")
            self._socket.settimeout(min(seconds, _LOOK))
            try:
                piece = self._socket.recv(size - len(octets))
            except TimeoutError:
                continue
            if not piece:
                raise _Ended(self._ended())
            octets += piece
        return bytes(octets)

    def _ended(self) -> str:
        try:
            status = self._process.wait(timeout=_LOOK)
        except subprocess.TimeoutExpired:
            status = 0
        ended = f"signal {-status}" if status < 0 else f"status {status}"
        return f"its reader ended with {ended}, as it does at its limits of memory and CPU time"

    def end(self) -> None:
        """End the process, which needs no time for that."""
        self._socket.close()
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class _Ended(_Unseen):
    """The child ended: at this picture, or before it was asked, after a while without work."""


class _Children:
    """Children that wait for pictures, started when they are needed."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._idle: list[_Child] = []
        os.register_at_fork(after_in_child=self._idle.clear)  # they answer the process that started them
        atexit.register(self._end)

    def asked(self, lying: Lying, kind: int, remaining: Callable[[], float]) -> bytes:
        """Return what a child answers; _Unseen where none does."""
        while not self._turns.acquire(timeout=_LOOK):
            if remaining() <= 0:
                raise _Unseen("other pictures were being looked at until its time was over")
        try:
            return self._asked(lying, kind, remaining)
        finally:
            self._turns.release()

    def _asked(self, lying: Lying, kind: int, remaining: Callable[[], float]) -> bytes:
        while True:
            try:
                child = self._idle.pop()
            except IndexError:
                child = _Child()
            ends = time.monotonic() + (_SECONDS if child.used else _STARTING)
            used = child.used
            try:
                answer = child.ask(lying, kind, lambda: min(ends - time.monotonic(), remaining()))  # noqa: B023
            except _Ended:
                child.end()
                if not used:
                    raise
                continue  # it may have ended before it was asked; one that is new tells
            except BaseException:
                child.end()
                raise
            self._idle.append(child)
            return answer

    def _end(self) -> None:
        while self._idle:
            self._idle.pop().end()


_CHILDREN: Final = _Children()
