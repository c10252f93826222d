"""A network that ends at this machine: run something where only loopback exists, or not at all.

Real pages name real hosts. Whatever captures them runs in a network namespace of its own, so that the day a guard
breaks no packet leaves; where the system allows no namespace, nothing is run.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_TEST_NET = ("192.0.2.1", 9)  # RFC 5737: documentation, routed nowhere; it is never sent to, only asked about


def enter() -> None:
    """Move this process into a network namespace with loopback alone; raises OSError where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET | (0 if os.geteuid() == 0 else _CLONE_NEWUSER)
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "a network namespace is not allowed here")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0)
        found = struct.unpack("16sh", fcntl.ioctl(control, _SIOCGIFFLAGS, request)[:18])
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", found[1] | _IFF_UP))


def refuse_unless_alone() -> None:
    """Raise RuntimeError where the kernel knows a way to anywhere but this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_TEST_NET)  # a datagram socket sends nothing by this; it asks for a route
        except OSError:
            return
    raise RuntimeError("there is a way out of this machine: real pages are not captured here")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Take this thread, and what it starts, off the network until the block ends; as root, and on Linux."""
    if os.geteuid() != 0 or not Path("/proc/thread-self/ns/net").exists():
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter()
        refuse_unless_alone()
        yield
    finally:
        assert ctypes.CDLL(None, use_errno=True).setns(before, _CLONE_NEWNET) == 0
        os.close(before)


def possible() -> bool:
    """Say whether :func:`enter` would succeed, by trying it in a process of its own."""
    return run("pass").returncode == 0


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the Python *code* in a process with loopback alone; its ``sys.argv[1:]`` are *arguments*."""
    here = str(Path(__file__).parent)
    preamble = f"import sys; sys.path.insert(0, {here!r}); import loopback_only; loopback_only.enter(); "
    preamble += "loopback_only.refuse_unless_alone()\n"
    command = [sys.executable, "-c", preamble + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
