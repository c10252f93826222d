"""Run muniment as people do: a process, its exit status, what it prints."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import times
from muniment import sample


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: its exit status and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


def command(*arguments: str | Path) -> list[str]:
    """Return the argument list of ``muniment`` with *arguments*."""
    return [sys.executable, "-m", "muniment.cli", *map(str, arguments)]


def muniment(*arguments: str | Path, cwd: Path, **environment: str) -> Ran:
    """Run ``muniment`` with *arguments* in *cwd*, with *environment* beside the usual one."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=times(110, 1800),  # after a soak there is much to recover and to verify
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def of_site(site: sample.Site, *, cited: int = 1) -> list[str]:
    """Return the arguments by which ``capture`` takes the sample and reaches nothing else."""
    resolved = [part for each in site.resolve for part in ("--resolve", each)]
    rest = ["--no-dns", "--allow-net", "127.0.0.0/8", "--ca-file", str(site.ca_file), "--delay", "0s"]
    return [site.url, "--cited", str(cited), *resolved, *rest]
