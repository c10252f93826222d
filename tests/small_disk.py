"""A disk of a few megabytes that can really be full: memory mounted where nobody but its users sees it.

The mount lives in a namespace of its own, which ends with the process that holds it; nothing else of the machine is
mounted or filled.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import Ran, command

_HOLD = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && echo ready && exec cat'


class SmallDisk:
    """The disk at ``path``, as those see it who :meth:`run` there; ``seen`` is where this process sees it."""

    def __init__(self, path: Path, holder: int) -> None:
        self.path = path
        self.seen = Path(f"/proc/{holder}/root{path}")
        self._inside = ["nsenter", "--target", str(holder), "--mount"]
        self._ballast = self.seen / "ballast"

    def run(self, *arguments: str, below: str = "") -> Ran:
        """Run ``muniment`` with *arguments* in the folder *below* of the disk."""
        there = ["sh", "-c", 'cd "$0" && exec "$@"', str(self.path / below)]
        done = subprocess.run(
            [*self._inside, *there, *command(*arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def leave(self, octets: int) -> None:
        """Fill the disk until just so many octets are free, to the page."""
        self.make_room()
        found = os.statvfs(self.seen)
        with self._ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, found.f_bavail * found.f_frsize - octets)

    def make_room(self) -> None:
        """Free what :meth:`leave` took."""
        self._ballast.unlink(missing_ok=True)

    def mount(self, how: str) -> None:
        """Mount the disk anew: ``ro`` or ``rw``."""
        subprocess.run([*self._inside, "mount", "-o", f"remount,{how}", str(self.path)], check=True)


@contextmanager
def small_disk(path: Path, size: int) -> Iterator[SmallDisk]:
    """Give a disk of *size* octets at the new folder *path*; OSError where this user or system allows no such thing."""
    path.mkdir()
    holding = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", _HOLD, "sh", str(size), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with holding:
        assert holding.stdout is not None
        if holding.stdout.readline() != b"ready\n":
            raise OSError("a disk of its own is not allowed here")
        yield SmallDisk(path, holding.pid)
