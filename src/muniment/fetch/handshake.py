"""What a TLS connection of our own leaves as evidence: the handshake's octets, and the one secret that they need.

OpenSSL writes the keys of its connections to a file that it opens by name, and hands them out in no other way. That
file is in memory alone where the system has such files (Linux), else one without a name. Of what stands in it a single
secret of each connection is ever taken, which opens no content.
"""

import contextlib
import os
import ssl
import threading
from collections.abc import Callable
from typing import BinaryIO, Final

from muniment.tls import evidence
from muniment.tls.connection import Connection
from muniment.tls.keylog import KeyLog, Label
from muniment.tls.session import Side

__all__ = ["Secrets", "Tee", "kept"]

_MOST: Final = 512 << 10
"""Octets of a side that are held; the longest chain that is read has 128 KiB."""
_PIECE: Final = 64 << 10
_FULL: Final = 8 << 20
"""Seven thousand connections: beyond that somebody makes one write keys without end."""
_OPENED: Final = "/dev/fd"
"""Where a process finds the files that it has open by their number (Linux, macOS, BSD)."""
_WANTED: Final = f"{Label.SERVER_HANDSHAKE_TRAFFIC_SECRET} ".encode()


class Tee:
    """The octets of both sides while TLS is agreed on; of a side that sends more than 512 KiB nothing is made."""

    __slots__ = ("_octets",)

    def __init__(self) -> None:
        self._octets = {side: bytearray() for side in Side}

    def take(self, side: Side, octets: bytes) -> None:
        """Keep *octets* that *side* sent."""
        held = self._octets[side]
        held += octets[: _MOST + 1 - len(held)]

    @property
    def sent(self) -> tuple[bytes, bytes] | None:
        """What the client and what the server sent; None where it was more than is held."""
        client, server = (bytes(self._octets[side]) for side in Side)
        return None if max(len(client), len(server)) > _MOST else (client, server)


class Secrets:
    """The TLS keys that the connections of one capture write, in a file that *spool* gives where memory is none.

    Many threads may ask. Where the system allows no such file, nothing is found, and TLS goes on without.
    """

    def __init__(self, spool: Callable[[], BinaryIO]) -> None:
        self._file = _nameless() or spool()
        self._lock = threading.Lock()
        self._read = 0
        self._lines: dict[bytes, bytes] = {}

    def listen(self, context: ssl.SSLContext) -> None:
        """Let the connections of *context* write their keys here."""
        with contextlib.suppress(OSError):
            context.keylog_filename = f"{_OPENED}/{self._file.fileno()}"

    def of(self, client_random: bytes) -> bytes:
        """Return the line of the one secret that is kept of a connection, once; empty where there is none."""
        with self._lock:
            if not self._file.closed:
                self._take()
            return self._lines.pop(client_random.hex().encode(), b"")

    def close(self) -> None:
        """Forget all keys; the contexts may live on."""
        with self._lock:
            self._lines.clear()
            if not self._file.closed:
                self._file.truncate(0)
                self._file.close()

    def _take(self) -> None:
        descriptor = self._file.fileno()
        while octets := os.pread(descriptor, _PIECE, self._read):
            whole = octets[: octets.rfind(b"\n") + 1]
            if not whole:
                break
            self._read += len(whole)
            for line in whole.splitlines():
                if line.startswith(_WANTED):
                    self._lines[line.split(b" ")[1].lower()] = line + b"\n"
        if self._read > _FULL:
            self._file.truncate(0)  # OpenSSL appends; what another thread wrote just now is the evidence that is lost
            self._read = 0


def _nameless() -> BinaryIO | None:
    """Return a file in memory that nobody else can name; None where the system has none."""
    try:
        return os.fdopen(os.memfd_create("muniment-keys"), "w+b", buffering=0)
    except (AttributeError, OSError):
        return None


def kept(tee: Tee | None, secrets: Secrets) -> bytes:
    """Return the evidence of the handshake that passed *tee*, in its canonical bytes; empty where it cannot be read.

    Also of one that we broke off because of the server's certificate, where all of the server's part had come.
    """
    sent = tee.sent if tee else None
    if sent is None:
        return b""
    keys = KeyLog()
    connection = Connection(keys)
    connection.feed(Side.CLIENT, sent[0])
    keys.feed(secrets.of(connection.handshake.client_random))
    connection.feed(Side.SERVER, sent[1])
    found = evidence.of(connection)
    return evidence.encode(found) if found else b""
