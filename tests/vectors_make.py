"""Make the attacks of the corpus that have no file yet: ``python tests/vectors_make.py``; remove a file to renew it."""

import tempfile
from pathlib import Path

from attack import attacks, write
from vectors_stock import bench, stocked

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        stock = stocked(Path(scratch, "stock"))
        write(lambda kind, place: bench(stock, kind, place), Path(scratch, "made"))
    print(f"{len(attacks())} attacks")  # noqa: T201 - what a person who runs it wants to know
