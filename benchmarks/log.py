"""What the log costs: batches, proofs from disk, memory, and the verification of an archive of many captures.

    python benchmarks/log.py log [ENTRIES]      1,000,000 entries in batches of 10,000; then proofs from disk
    python benchmarks/log.py verify [CAPTURES]  10,000 small sealed captures, made by the real write path, then verified

Everything lies in a temporary folder below the current one, so that its disk is the one that is measured.
"""

import os
import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from muniment.digest import Digest
from muniment.log import Journal, Leaf, LeafType, VerifierKey
from muniment.log.stored import Stored
from muniment.seal import SigningKey

ORIGIN = "bench.abcdef"
KEY = SigningKey.of_seed(b"benchmark".ljust(32, b"."))
BATCH = 10_000


def leaf(number: int) -> bytes:
    """Return the leaf that is made of *number*."""
    return Leaf(LeafType.CAPTURE, f"20241210T093012Z-{number:06d}", Digest.of_bytes(b"%d" % number)).encode()


def peak() -> float:
    """Return the most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)


def measure_log(root: Path, entries: int) -> None:
    """Print what appending *entries* leaves, and proofs of them, cost."""
    journal, remembered = Journal(root, ORIGIN), root / "home" / "checkpoint"
    took, first = [], 0.0
    for begin in range(0, entries, BATCH):
        leaves = [leaf(number) for number in range(begin, min(begin + BATCH, entries))]
        started = time.perf_counter()
        journal.append_all(leaves, KEY, remembered)
        took.append(time.perf_counter() - started)
        first = first or peak()
    print(
        f"batches of {BATCH:,}: median {statistics.median(took):.2f} s, slowest {max(took):.2f} s, {len(took)} of them"
    )
    print(f"peak memory: {first:.0f} MiB after the first batch, {peak():.0f} MiB after {entries:,} entries")
    started = time.perf_counter()
    journal.append(leaf(entries), KEY, remembered)
    print(f"one more leaf: {(time.perf_counter() - started) * 1000:.1f} ms")
    _proofs(root, entries + 1)


def _proofs(root: Path, size: int) -> None:
    chance = random.Random(7)  # noqa: S311 - the same entries each time
    proved, uncached, extended = [], [], []
    for _ in range(200):
        index = chance.randrange(size)
        started = time.perf_counter()
        proof = Stored(root, ORIGIN).prove(index)
        proved.append(time.perf_counter() - started)
        proof.verify(leaf(index), [VerifierKey(ORIGIN, KEY.public)])
        _forget(root)
        started = time.perf_counter()
        Stored(root, ORIGIN).prove(index)
        uncached.append(time.perf_counter() - started)
        log = Stored(root, ORIGIN)
        started = time.perf_counter()
        log.extension(1 + index, log.newest())
        extended.append(time.perf_counter() - started)
    for what, times in (
        ("inclusion proof", proved),
        ("the same, its files out of the page cache", uncached),
        ("consistency proof", extended),
    ):
        ordered = sorted(times)
        print(f"{what}: median {ordered[100] * 1000:.2f} ms, 99 of 100 below {ordered[198] * 1000:.2f} ms")


def _forget(root: Path) -> None:
    """Ask the system to drop the log's files from the page cache, so that the next proof reads the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in (root / "manifests").rglob("*"):
        if path.is_file() and path.parent.name != "checkpoints" and "entries" not in path.parts:
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def measure_verify(base: Path, captures: int) -> None:
    """Print what sealing and verifying *captures* small captures costs."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from archives import begun, captured  # noqa: PLC0415 - the tests' own small archives, by the real write path
    from muniment.verify import verify  # noqa: PLC0415

    started = time.perf_counter()
    made = begun(base)
    for number in range(captures):
        made = captured(made, f"{number:05d}")
    print(f"{captures:,} captures sealed: {time.perf_counter() - started:.1f} s")
    before = peak()
    started = time.perf_counter()
    found = verify(made.root, made.trust, outside=made.outside)
    took = time.perf_counter() - started
    print(
        f"verified: {found.verdict}, {took:.1f} s, {captures / took:.0f} captures/s, peak {before:.0f}-{peak():.0f} MiB"
    )


def main() -> None:
    """Measure what the command line names."""
    what, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory(prefix="bench-log-", dir=Path.cwd()) as folder:
        if what == "log":
            measure_log(Path(folder), number or 1_000_000)
        else:
            measure_verify(Path(folder), number or 10_000)


if __name__ == "__main__":
    main()
