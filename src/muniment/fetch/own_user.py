"""Whether a connection on loopback comes from a program of our own user: nobody else writes into the evidence."""

import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

__all__ = ["can_tell", "is_own"]

_TABLES: Final = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}


def can_tell() -> bool:
    """Say whether this system tells whose a connection is: Linux does, by proc(5)."""
    return _TABLES[socket.AF_INET].is_file()


def is_own(accepted: socket.socket) -> bool:
    """Say whether the other end of *accepted*, a connection on loopback, belongs to our own user.

    Where the system does not tell (see :func:`can_tell`), nobody is refused; whoever relies on this records which.
    """
    if not can_tell():
        return True
    # The other end's own entry: its local address is our peer, its remote address is ours.
    wanted = f"{_written(accepted.getpeername())} {_written(accepted.getsockname())}".encode()
    for line in _TABLES[accepted.family].read_bytes().splitlines()[1:]:
        fields = line.split()
        if b" ".join(fields[1:3]) == wanted:
            return int(fields[7]) == os.geteuid()
    return False


def _written(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """Return *address* as proc(5) writes it: words of four octets in the machine's own order, a colon, the port."""
    host, port = address[:2]
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    order = "<" if sys.byteorder == "little" else ">"
    words = struct.unpack(f"{order}{len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
