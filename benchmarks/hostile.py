"""Measures what hostile answers cost a capture: memory over base, seconds beyond its limit of time, and its neighbours.

    python benchmarks/hostile.py list             the names of the cases
    python benchmarks/hostile.py all              every case
    python benchmarks/hostile.py NAME...          some of them

Each case is one `muniment capture` of a page on loopback with ``--max-time 10s``. Memory is that of the capture's
process and all its children together, resident, looked at every 5 ms, over what a page of one image takes; seconds are
by the clock, from start to exit, and of CPU, which tell more where the machine has other work. The promise: at most
256 MiB over base, at most 5 s beyond the limit, and the image that the page also asks for is got.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import bombs
from commands import command
from hostile import Served

MAX_TIME: Final = 10
MEBI: Final = 1 << 20
PROMISE: Final = 256
LATE: Final = 5
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one capture took: octets of memory at its worst, seconds, whether the good image was got, its verdict."""

    memory: int
    seconds: float
    cpu: float
    good: bool
    verdict: str
    missing: str


def family(root: int) -> list[int]:
    """Return the processes that *root* started, and those that they started, itself first."""
    found = [root]
    for each in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def resident(number: int, parent: bytes) -> int:
    """Return the octets of memory of one process; none where it still has its *parent*'s, between fork and exec."""
    try:
        if Path(f"/proc/{number}/cmdline").read_bytes() == parent:
            return 0
        return int(Path(f"/proc/{number}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def together(root: int, own: bytes) -> int:
    """Return the octets of memory of *root* and all that it started."""
    first, *others = family(root)
    try:
        line = Path(f"/proc/{first}/cmdline").read_bytes()
    except FileNotFoundError:
        return 0
    return resident(first, own) + sum(resident(each, line) for each in others)


def cpu_of_children() -> float:
    """Return the CPU seconds of the processes that ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watched(arguments: list[str], folder: Path) -> tuple[int, float, float, Any]:
    """Run *arguments*; return the memory of its processes at most, seconds, CPU seconds, its JSON."""
    out = folder / "out.json"
    began, spent = time.monotonic(), cpu_of_children()
    most, own = 0, Path("/proc/self/cmdline").read_bytes()
    with out.open("wb") as stream, (folder / "err.txt").open("wb") as errors:
        ran = subprocess.Popen(
            arguments, stdout=stream, stderr=errors, env={**os.environ, "MUNIMENT_HOME": str(folder / "home")}
        )
        while True:
            most = max(most, together(ran.pid, own))
            if ran.poll() is not None:
                break
            time.sleep(0.005)
            if time.monotonic() - began > 300:
                ran.kill()
    seconds = time.monotonic() - began
    written = out.read_bytes()
    cpu = cpu_of_children() - spent
    return most, seconds, cpu, json.loads(written) if written else {"error": (folder / "err.txt").read_text()[-300:]}


def cost(case: bombs.Case) -> Cost:
    """Capture *case* in an archive of its own and return what that took."""
    page = case.page()
    case = replace(case, page=lambda: page)
    with tempfile.TemporaryDirectory() as name, Served(case.script) as served:
        folder = Path(name)
        home = {**os.environ, "MUNIMENT_HOME": str(folder / "home")}
        subprocess.run(
            command("init", folder / "archive", "--operator", "Desk"), env=home, check=True, capture_output=True
        )
        rules = ["--allow-net", "127.0.0.0/8", "--no-dns", "--delay", "0s", "--quiet", "--json"]
        rules += ["--resolve", f"site.example=127.0.0.1:{served.port}", "--max-time", f"{MAX_TIME}s", *case.flags]
        run = command("--archive", folder / "archive", "capture", served.url(), *rules)
        memory, seconds, cpu, said = watched(run, folder)
        served.faults.clear()
    good = any(each["url"].endswith("/good.png") and each["outcome"] == "ok" for each in said.get("resources", ()))
    rules = sorted({f"{each['reason']}{'/' if each['rule'] else ''}{each['rule']}" for each in said.get("missing", ())})
    return Cost(memory, seconds, cpu, good, said.get("verdict") or said.get("error", "")[-200:], " ".join(rules))


def main(names: list[str]) -> None:
    """Print a line for each of *names*."""
    cases = bombs.CASES | bombs.drips(lambda: time.sleep(0.2))
    if not names or names == ["list"]:
        print(__doc__ if not names else "\n".join(cases))
        return
    base = cost(cases["trivial"])
    print(f"base: {base.memory / MEBI:.0f} MiB, {base.seconds:.1f} s, {base.cpu:.1f} s CPU, {base.verdict}", flush=True)
    for name in cases if names == ["all"] else names:
        took = cost(cases[name])
        over = (took.memory - base.memory) / MEBI
        kept = over <= PROMISE and took.seconds <= MAX_TIME + LATE and took.good == cases[name].asks
        costs = f"{name:<26} {over:6.0f} MiB {took.seconds:6.1f} s {took.cpu:6.1f} s CPU"
        ended = f"{'good got' if took.good else 'no good'}  {took.verdict} {took.missing}"
        print(f"{costs}  {ended}{'' if kept else '  <- not as promised'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
