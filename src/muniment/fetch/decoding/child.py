"""The process that reads what crossed the tunnel: hostile octets are parsed here, behind limits, and nowhere else.

Arguments: a folder that holds ``spools`` (a file for each connection, named by it) and ``keys`` (the key log), both of
which grow; where the answers go (``bodies``); ``at`` (a file that names the connection that is read at the moment);
the most octets of a body; then the connections that are not read. On stdin comes an octet whenever something grew; its
end says that nothing grows any more. What is found goes to stdout (``telling``). It opens no socket.
"""

import os
import resource
import select
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from muniment.errors import FormatError
from muniment.fetch.decoding.conversation import Conversation
from muniment.fetch.decoding.telling import Done, Told, encode
from muniment.tls.keylog import KeyLog

__all__ = ["AT", "BODIES", "KEYS", "SPOOLS", "main"]

SPOOLS: Final = "spools"
KEYS: Final = "keys"
BODIES: Final = "bodies"
AT: Final = "at"

_MEMORY: Final = 1 << 30
_FILES: Final = 1024
_LATE: Final = 50
"""Milliseconds after which the key log is looked at again while something waits for a line of it."""


class _Reading:
    """All connections of a folder."""

    def __init__(self, folder: Path, cap: int, passed: Iterable[str]) -> None:
        self._folder = folder
        self._cap = cap
        self._seen = set(passed)
        self._keys = KeyLog()
        self._key_log: BinaryIO | None = None
        self._open: dict[str, Conversation] = {}
        self._at = os.open(folder / AT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def look(self, *, last: bool) -> Iterator[Told]:
        """Read on in everything that has grown; *last* says that nothing grows any more."""
        self._look_for_keys()
        for path in sorted((self._folder / SPOOLS).iterdir()):
            if path.name not in self._seen:
                self._seen.add(path.name)
                file = path.open("rb", buffering=0)
                self._open[path.name] = Conversation(path.name, file, self._keys, self._folder / BODIES, self._cap)
        for name, each in list(self._open.items()):
            os.pwrite(self._at, name.encode().ljust(64), 0)
            try:
                yield from each.finish() if last else each.step()
            except FormatError as fault:  # of the spool itself
                yield each.abandon(str(fault))
            if each.over:
                del self._open[name]
        os.pwrite(self._at, b" " * 64, 0)

    @property
    def waits(self) -> bool:
        """Whether something waits for a line of the key log."""
        return any(each.waits for each in self._open.values())

    def _look_for_keys(self) -> None:
        if self._key_log is None:
            try:
                self._key_log = (self._folder / KEYS).open("rb", buffering=0)
            except FileNotFoundError:
                return  # nobody spoke TLS yet
        while octets := self._key_log.read(1 << 16):
            self._keys.feed(octets)


def main(folder: Path, cap: int, passed: Iterable[str]) -> None:
    """Read until stdin ends, and then what is left."""
    for kind, wanted in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, _MEMORY), (resource.RLIMIT_NOFILE, _FILES)):
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, most))
    reading = _Reading(folder, cap, passed)
    last = False
    while True:
        # First of all: there may be spools that another decoder fell over.
        for told in reading.look(last=last):
            _tell(told)
        if last:
            break
        if select.select([0], [], [], _LATE / 1000 if reading.waits else None)[0]:
            last = not os.read(0, 1 << 16)
    _tell(Done())


def _tell(told: Told) -> None:
    view = memoryview(encode(told))
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
