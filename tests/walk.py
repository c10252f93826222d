"""The commands of a page, run in their order as a reader types them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from muniment.sample import Site
from pages import Block, blocks, shell

_EXIT = re.compile(r"^\(exit (\d+)\)$", re.MULTILINE)
_CAPTURE = re.compile(r"\d{8}T\d{6}Z-[a-z2-7]{6}")


@dataclass(frozen=True)
class Step:
    """One command that was run: where it stands, how it ended, and how the page says that it ends."""

    block: Block
    command: str
    done: subprocess.CompletedProcess[str]
    wanted: int


def sample(site: Site) -> str:
    """Return the arguments that capture the sample article, as ``muniment demo serve`` prints them."""
    resolved = " ".join(f"--resolve {each}" for each in site.resolve)
    return f"{site.url} --cited 1 {resolved} --no-dns --allow-net 127.0.0.0/8 --ca-file {site.ca_file} --delay 10ms"


def walked(page: Path, scratch: Path, site: Site) -> Iterator[Step]:
    """Run every command of the console blocks of *page* below the folder *scratch*, and yield how each ended."""
    folder = scratch / "desk"
    folder.mkdir()
    found = os.environ.get("PATH", "")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{found}",
        "HOME": str(scratch),
        "MUNIMENT_HOME": str(scratch / "home"),
        "SAMPLE": sample(site),
        "LC_ALL": "C.UTF-8",
    }
    for block in blocks(page, "console"):
        for command, output in block.commands():
            if command.startswith("cd "):
                folder = (folder / command[3:].strip()).resolve()
                continue
            wanted = _EXIT.search(output)
            done = shell(_newest(command, folder), folder, environment)
            yield Step(block, command.strip(), done, int(wanted[1]) if wanted else 0)


def _newest(command: str, folder: Path) -> str:
    ids = sorted(path.parent.name for path in folder.rglob("statement.dsse.json"))
    return _CAPTURE.sub(ids[-1], command) if ids else command
