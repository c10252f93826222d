"""The key log of a TLS client (NSS key log format, RFC 9850): whose connection, which secret."""

import re
from enum import StrEnum
from typing import Final

__all__ = ["KeyLog", "Label"]

# RFC 9850 section 2: a label, 32 octets of ClientHello.random, a secret; at most 64 octets of it are in use anywhere.
_LINE: Final = re.compile(rb"([A-Z0-9_]{1,64}) ([0-9A-Fa-f]{64}) ((?:[0-9A-Fa-f]{2}){16,64})")
_MAX_LINE: Final = 1024


class Label(StrEnum):
    """The secrets that are of use here; every other label (exporters) is passed over."""

    CLIENT_RANDOM = "CLIENT_RANDOM"
    CLIENT_EARLY_TRAFFIC_SECRET = "CLIENT_EARLY_TRAFFIC_SECRET"
    CLIENT_HANDSHAKE_TRAFFIC_SECRET = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
    SERVER_HANDSHAKE_TRAFFIC_SECRET = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
    CLIENT_TRAFFIC_SECRET_0 = "CLIENT_TRAFFIC_SECRET_0"
    SERVER_TRAFFIC_SECRET_0 = "SERVER_TRAFFIC_SECRET_0"


class KeyLog:
    """The secrets that a key log holds so far; it grows while a client writes it, also in the middle of a line.

    Lines are told apart by the ClientHello's random alone, the only thing that both sides of the wire show. The
    first of two lines for one secret counts. ``malformed`` counts the lines that are none; nothing is raised.
    """

    __slots__ = ("_beginning", "_secrets", "malformed")

    def __init__(self) -> None:
        self._beginning = b""
        self._secrets: dict[bytes, dict[Label, bytes]] = {}
        self.malformed = 0

    def feed(self, octets: bytes) -> None:
        """Take *octets* in; a last line without its end waits for the rest."""
        *lines, last = (self._beginning + octets).split(b"\n")
        # One octet beyond the limit is kept of a line that is too long, so that its end is still refused.
        self._beginning = last[: _MAX_LINE + 1]
        for line in lines:
            self._take(line.rstrip(b"\r"))

    def secret(self, client_random: bytes, label: Label) -> bytes | None:
        """Return the secret *label* of the connection whose ClientHello holds *client_random*; None: not yet."""
        return self._secrets.get(client_random, {}).get(label)

    def _take(self, line: bytes) -> None:
        if not line or line.startswith(b"#"):
            return
        match = _LINE.fullmatch(line) if len(line) <= _MAX_LINE else None
        if match is None:
            self.malformed += 1
        elif match[1].decode() in Label.__members__:
            secrets = self._secrets.setdefault(bytes.fromhex(match[2].decode()), {})
            secrets.setdefault(Label[match[1].decode()], bytes.fromhex(match[3].decode()))
