"""What a client of the tunnel says first: where it wants to go, by SOCKS5 or by HTTP CONNECT; bounded, nothing else.

RFC 1928 without authentication, CONNECT only, and RFC 9110 9.3.6. A request in absolute form (RFC 9112 3.2.2) is
refused: it would have to be rewritten on its way. A client that speaks SOCKS5 sends plain http as the site reads it.
"""

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from muniment.errors import FormatError
from muniment.model import Reason

__all__ = ["Asked", "Protocol", "Reader", "accepted", "refused"]

_LONGEST: Final = 16 << 10
_CONNECT: Final = re.compile(rb"CONNECT (\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):([0-9]{1,5}) HTTP/1\.[01]\r\n", re.ASCII)
_VERSION: Final = 5
_WHERE: Final = "the tunnel"


class Protocol(Enum):
    """By which protocol a client asks."""

    SOCKS5 = "SOCKS5"
    CONNECT = "HTTP CONNECT"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whither a client wants to be connected; ``host`` is a name or an address without brackets."""

    protocol: Protocol
    host: str
    port: int


class Reader:
    """Reads what a client says until it is known where it wants to go; ``rest`` are octets beyond that."""

    __slots__ = ("_agreed", "_held")

    def __init__(self) -> None:
        self._held = bytearray()
        self._agreed = False

    @property
    def rest(self) -> bytes:
        """The octets that came behind what was asked: the first ones for the site."""
        return bytes(self._held)

    def feed(self, octets: bytes) -> tuple[Asked | None, bytes]:
        """Take *octets*; return what is asked, once that is known, and the octets to answer with meanwhile.

        Raises FormatError for whatever is neither protocol, or asks for something else than a connection.
        """
        self._held += octets
        if not self._held:
            return None, b""
        asked, answer = self._socks() if self._held[0] == _VERSION else (self._connect(), b"")
        if asked is None and len(self._held) > _LONGEST:
            raise FormatError(_WHERE, expected=f"a request of at most {_LONGEST} octets", found="a longer one")
        return asked, answer

    def _connect(self) -> Asked | None:
        end = self._held.find(b"\r\n\r\n")
        line = _CONNECT.match(self._held)
        if line is None and b"\n" in self._held:
            shown = bytes(self._held.split(b"\n", 1)[0][:80])
            raise FormatError(_WHERE, expected="CONNECT host:port HTTP/1.1, or SOCKS5", found=repr(shown))
        if end < 0 or line is None:
            return None
        host, port = line[1].decode("latin-1").strip("[]"), int(line[2])
        del self._held[: end + 4]
        return _asked(Protocol.CONNECT, host, port)

    def _socks(self) -> tuple[Asked | None, bytes]:
        if not self._agreed:
            # Version, number of methods, methods; of these "no authentication" (0) must be one (RFC 1928 3).
            if len(self._held) < 2 or len(self._held) < 2 + self._held[1]:
                return None, b""
            methods = self._held[2 : 2 + self._held[1]]
            if 0 not in methods:
                raise FormatError(_WHERE, expected="SOCKS5 without authentication", found=f"methods {methods.hex()}")
            del self._held[: 2 + len(methods)]
            self._agreed = True
            asked, answer = self._socks() if self._held else (None, b"")
            return asked, bytes((_VERSION, 0)) + answer
        return self._socks_request(), b""

    def _socks_request(self) -> Asked | None:
        # Version, command, reserved, kind of address, address, port (RFC 1928 4).
        held = self._held
        if len(held) < 5:
            return None
        version, command, _, kind, first = held[:5]
        if version != _VERSION or command != 1:
            raise FormatError(_WHERE, expected="SOCKS5 CONNECT", found=f"version {version}, command {command}")
        begin, length = (5, first) if kind == 3 else (4, {1: 4, 4: 16}.get(kind, 0))
        if not length:
            raise FormatError(_WHERE, expected="a name or an address", found=f"an address of kind {kind}")
        end = begin + length
        if len(held) < end + 2:
            return None
        address, port = bytes(held[begin:end]), int.from_bytes(held[end : end + 2], "big")
        del held[: end + 2]
        host = address.decode("latin-1") if kind == 3 else str(ipaddress.ip_address(address))
        return _asked(Protocol.SOCKS5, host, port)


def _asked(protocol: Protocol, host: str, port: int) -> Asked:
    if not host.isascii() or not host.isprintable() or " " in host or not 0 < port < 1 << 16:
        raise FormatError(_WHERE, expected="a host in ASCII and a port", found=repr(f"{host[:80]}:{port}"))
    return Asked(protocol, host, port)


def accepted(protocol: Protocol) -> bytes:
    """Return the octets that tell a client that its connection stands; the address told is none (all zero)."""
    if protocol is Protocol.SOCKS5:
        return bytes((_VERSION, 0, 0, 1)) + bytes(6)
    return b"HTTP/1.1 200 Connection established\r\n\r\n"


def refused(protocol: Protocol, reason: Reason) -> bytes:
    """Return the octets that tell a client that it is not connected, as far as its protocol can say why."""
    if protocol is Protocol.SOCKS5:
        # RFC 1928 6: not allowed by the ruleset, host unreachable, connection refused, general failure.
        word = {Reason.BLOCKED_ADDRESS: 2, Reason.DNS: 4, Reason.UNREACHABLE: 4, Reason.REFUSED: 5}.get(reason, 1)
        return bytes((_VERSION, word, 0, 1)) + bytes(6)
    status = "403 Forbidden" if reason is Reason.BLOCKED_ADDRESS else "502 Bad Gateway"
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
