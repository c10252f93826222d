"""Trials of this machine: muniment's own commands, as a person would type them, in an archive that is gone then."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muniment import scratch
from muniment.errors import JobError

__all__ = ["Seen", "Trial", "lines", "live", "self_test", "trial"]


@dataclass(frozen=True, slots=True)
class Trial:
    """An archive with keys of its own, in which commands are run."""

    root: Path
    home: Path

    def run(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Return the exit status of ``muniment`` with *arguments*, what it printed as JSON, and its last complaint."""
        environment = {**os.environ, "MUNIMENT_HOME": str(self.home)}
        environment.pop("MUNIMENT_ARCHIVE", None)
        command = [sys.executable, "-m", "muniment.cli", *arguments, "--json"]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            document = json.loads(done.stdout)
        except ValueError:
            document = {}
        return done.returncode, document, (done.stderr.strip().splitlines() or [""])[-1]


@contextmanager
def trial() -> Iterator[Trial]:
    """Give a new archive that is removed again."""
    with tempfile.TemporaryDirectory(prefix="muniment-trial-") as folder:
        made = Trial(Path(folder, "archive"), Path(folder, "home"))
        scratch.folder(made.root)
        status, _, complaint = made.run("init", ".", "--name", "trial", "--operator", "Trial")
        if status:
            raise JobError(f"no archive could be made for the trial: {complaint}")
        yield made


def self_test() -> tuple[bool, str]:
    """Capture the sample article from this machine itself, verify it, and return whether all went as planned."""
    from muniment.cli.demo import arguments, differences
    from muniment.sample import serve

    try:
        with trial() as made, serve(made.home / "site") as site:
            haste = ("--delay", "0s", "--video", "none", "--quiet")
            _, captured, complaint = made.run("capture", *arguments(site), *haste)
            if not captured:
                return False, f"the sample article could not be captured: {complaint}"
            unplanned = differences(site, captured)
            status, _, complaint = made.run("verify", "--payloads")
    except (JobError, OSError) as failure:
        return False, str(failure)
    if status:
        return False, f"the sample article was captured and does not verify: {complaint}"
    if unplanned:
        return False, f"the sample article did not come as it is: {'; '.join(unplanned[:3])}"
    engine, got = captured["engine"], len(captured["resources"])
    return True, f"the sample article came whole by the {engine} engine ({got} resources), and verifies"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a real site gave: verdict, status of the page, what was asked for and recorded, what lacks by reason."""

    url: str
    verdict: str
    engine: str
    status: int | None
    title: str
    resources: int
    asked: int
    recorded: int
    missing: Mapping[str, int]
    films: int
    seconds: float
    detail: str


def lines(path: Path) -> list[list[str]]:
    """Return the arguments of ``muniment capture`` in each line of the file *path*; lines with # are left out."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise JobError(f"{path}: the list of URLs could not be read (--live): {failure}") from None
    try:
        found = [shlex.split(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    except ValueError as wrong:
        raise JobError(f"{path}: a line has a quotation mark without its like (--live): {wrong}") from None
    if not found:
        raise JobError(f"{path}: holds no URL (--live). One a line, with options of `muniment capture` behind it")
    return found


def live(wanted: Sequence[Sequence[str]]) -> Iterator[Seen]:
    """Capture each of *wanted* into an archive that is gone afterwards, and yield what it gave."""
    with trial() as made:
        for each in wanted:
            began = time.monotonic()
            _, document, complaint = made.run("capture", *each, "--quiet")
            yield _seen(each[0], document, complaint, time.monotonic() - began)


def _seen(url: str, document: Mapping[str, Any], complaint: str, seconds: float) -> Seen:
    page = document.get("article") or {}
    reckoning = document.get("reckoning") or {}
    missing = document.get("missing", [])
    return Seen(
        url=document.get("url", url),
        verdict=document.get("verdict", "none"),
        engine=document.get("engine", ""),
        status=page.get("status"),
        title=page.get("title", ""),
        resources=len(document.get("resources", [])),
        asked=reckoning.get("asked", 0),
        recorded=reckoning.get("recorded", 0),
        missing=dict(Counter(each["reason"] for each in missing)),
        films=sum(each["url"].startswith("urn:film:") for each in document.get("artefacts", [])),
        seconds=round(seconds, 1),
        detail=complaint if not document else next((each["detail"] for each in missing if each["detail"]), ""),
    )
