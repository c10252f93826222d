"""Becomes the browser: run as a script of its own, so that limits and pipes are set where nothing else runs yet.

Arguments: the descriptor to read commands from, the descriptor to write answers to, then the program with its
arguments.
"""

import os
import resource
import sys
from typing import Final

_MEMORY: Final = 4 << 30
"""Octets of writable private memory of each process; less breaks pages of ordinary size."""
_FILE: Final = 4 << 30
_FILES: Final = 8192


def main(reading: int, writing: int, command: list[str]) -> None:
    """Put the pipes where Chromium looks for them (3 and 4), set the limits, and become *command*."""
    for kind, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, _MEMORY),
        (resource.RLIMIT_FSIZE, _FILE),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        _, most = resource.getrlimit(kind)
        limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (limit, limit))
    # Either may be 3 or 4 itself.
    high = [os.dup2(each, place, inheritable=False) for each, place in ((reading, 60), (writing, 61))]
    os.dup2(high[0], 3)
    os.dup2(high[1], 4)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
