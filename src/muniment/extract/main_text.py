"""The child that lets trafilatura read one hostile page: limits first, then the page from stdin, the answer to stdout.

Run by its path, never imported: it knows nothing of muniment, and muniment loads no parser of its kind. On stdin come
the page's URL, a line feed, and the page in UTF-8. On stdout goes one JSON object of texts. Its arguments are the
process that it must not outlive, and how many octets of memory the page may take. It sends nothing anywhere: Python
refuses it sockets and processes, and where the system allows that it has no network interface.
"""

import ctypes
import json
import logging
import os
import resource
import signal
import sys
from typing import Any

_MEMORY = 1 << 30
_CPU_SECONDS = 15
_MAX_TEXT = 2 << 20
_MAX_CLAIM = 2048
_MAX_COMPLAINT = 200
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_REFUSED = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "ctypes.dlopen")


def _leave_the_network() -> None:
    """Move to a network namespace without interfaces, where the system allows that."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if libc.unshare(_CLONE_NEWNET):  # only root may do that alone; others need a user namespace for it
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _end_with(parent: int) -> None:
    """Be killed when *parent* ends; where the system cannot promise that, the limit of CPU seconds still holds.

    Called after the namespaces are changed, which would take the promise back (prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the promise was made
            sys.exit(1)


def _refuse(event: str, _: object) -> None:
    """Refuse what a reader has no business with; for the hook of PEP 578, which nothing can take out again."""
    if event.startswith(_REFUSED):
        raise PermissionError(f"a reader of hostile pages does no {event}")


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _limit_growth(most: int) -> None:
    """Let this process grow by *most* octets of data from here on, where the system tells how much it has."""
    try:
        with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123  # no further module in this child
            data = int(told.read().split()[5]) * resource.getpagesize()
    except OSError:
        return  # the limit on its address space still holds
    _limit(resource.RLIMIT_DATA, data + most)


class _Complaints(logging.Handler):
    """What trafilatura and its parsers log: they swallow their own failures, those of memory among them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.failure = ""

    def emit(self, record: logging.LogRecord) -> None:
        exhausted = isinstance(record.args, tuple) and any(isinstance(each, MemoryError) for each in record.args)
        if exhausted or record.levelno >= logging.ERROR:
            self.failure = self.failure or record.getMessage()[:_MAX_COMPLAINT]


def _read(html: str, url: str | None, most: int) -> dict[str, str]:
    import trafilatura  # noqa: PLC0415  # only behind the limits

    complaints = _Complaints()
    logging.getLogger().addHandler(complaints)
    _limit_growth(most)
    # Without extensive_search htmldate reads markup only: it does not guess from whatever numbers stand in the text.
    found: Any = trafilatura.bare_extraction(
        html,
        url=url,
        include_comments=False,
        with_metadata=True,
        date_extraction_params={"extensive_search": False, "original_date": True},
    )
    if complaints.failure:
        return {"failure": complaints.failure}
    claims = {name: getattr(found, name, None) for name in ("title", "author", "date", "sitename", "description")}
    texts = {name: said[:_MAX_CLAIM] for name, said in claims.items() if isinstance(said, str)}
    text = getattr(found, "text", None) or ""
    kept = text.encode("utf-8", "replace")[:_MAX_TEXT].decode("utf-8", "ignore")
    cut = "" if len(kept) == len(text) else str(len(text) - len(kept))
    return {**texts, "text": kept, "cut": cut, "version": str(trafilatura.__version__)}


def main() -> None:
    """Read one page and answer."""
    parent = int(sys.argv[1])
    _limit(resource.RLIMIT_AS, _MEMORY)
    _limit(resource.RLIMIT_CPU, _CPU_SECONDS)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _leave_the_network()
    _end_with(parent)
    sys.addaudithook(_refuse)
    url = sys.stdin.buffer.readline().rstrip(b"\n").decode("utf-8", "replace")
    page = sys.stdin.buffer.read().decode("utf-8", "replace")
    answer = _read(page, url, int(sys.argv[2]))
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
