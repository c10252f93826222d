"""The program that becomes another one within limits: ffprobe or ffmpeg over one hostile file.

Run by its path, never imported. Its arguments are the process that it must not outlive, the octets of memory and the
seconds of CPU that it may take, and the program with its arguments. It can write to no file, and where the system
allows that it has no network interface.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def main() -> None:
    """Take the limits and become the program."""
    parent, memory, seconds = (int(each) for each in sys.argv[1:4])
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if libc.unshare(_CLONE_NEWNET):  # only root may do that alone; others need a user namespace for it
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        # After the namespaces are changed, which would take the promise back (prctl(2), PR_SET_PDEATHSIG).
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the promise was made
            sys.exit(1)
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 - an argument list by rule


if __name__ == "__main__":
    main()
