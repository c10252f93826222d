"""Which Chromium is on this machine, and whether it is fit; a program that is not says why, in words."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["OLDEST", "Candidate", "find"]

OLDEST: Final = 125
"""The first major version that does all that is asked here (``getHTML`` with shadow roots, 125)."""

_NAMES: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "brave-browser",
)
_MAC: Final = tuple(
    f"/Applications/{name}.app/Contents/MacOS/{name}"
    for name in ("Chromium", "Google Chrome", "Microsoft Edge", "Brave Browser")
)
_PATIENCE: Final = 20.0
_VERSION: Final = re.compile(
    r"^(?:Chromium|Google Chrome|Chrome|HeadlessChrome|Microsoft Edge|Brave)\b.*?(\d+)((?:\.\d+){1,3})"
)
_SNAP: Final = "is a snap: its confinement hides the profile folder and the key log from it; install another build"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that may be the browser: where, which version it told, and what makes it unfit ("" where nothing)."""

    path: str
    version: str
    unfit: str

    @property
    def fit(self) -> bool:
        """Whether it can be started for a capture."""
        return not self.unfit


def find(environment: Mapping[str, str] = os.environ) -> tuple[Candidate, ...]:
    """Return what was looked at, best first: the first is fit, or none is; nothing where there is no such program.

    ``MUNIMENT_BROWSER`` in *environment* is the only candidate where it is set. Says nothing about the key log, which
    a build or a policy may have switched off: ``key_log`` asks.
    """
    named = environment.get("MUNIMENT_BROWSER")
    looked: list[Candidate] = []
    for path in [named] if named else _usual(environment):
        found = _judge(path, environment)
        if found.fit:
            return (found, *looked)
        looked.append(found)
    return tuple(looked)


def _usual(environment: Mapping[str, str]) -> Iterator[str]:
    seen = set()
    for name in _NAMES:
        path = shutil.which(name, path=environment.get("PATH", ""))
        if path and os.path.realpath(path) not in seen:
            seen.add(os.path.realpath(path))
            yield path
    if sys.platform == "darwin":
        yield from filter(os.path.isfile, _MAC)


def _judge(path: str, environment: Mapping[str, str]) -> Candidate:
    if shutil.which(path) is None or _is_snap(path):
        return Candidate(path, "", _SNAP if _is_snap(path) else "is no program that can be started")
    try:
        asked = subprocess.run(
            [path, "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
            env={"PATH": environment.get("PATH", os.defpath), "HOME": os.devnull},
        )
    except OSError as failure:
        return Candidate(path, "", f"cannot be started: {failure.strerror}")
    except subprocess.TimeoutExpired:
        return Candidate(path, "", f"did not tell its version within {_PATIENCE:.0f} seconds")
    said = asked.stdout.decode("utf-8", "replace").strip()
    version = _VERSION.match(said)
    if version is None:
        shown = repr(said[:80]) if said else f"nothing (exit {asked.returncode})"
        return Candidate(path, "", f"is no Chromium: asked for its version it said {shown}")
    number = version[1] + version[2]
    if int(version[1]) < OLDEST:
        return Candidate(path, number, f"is version {number}; {OLDEST} or newer is needed")
    return Candidate(path, number, "")


def _is_snap(path: str) -> bool:
    """Say whether *path* leads into a snap, itself or by the script that Ubuntu installs in its place."""
    if os.path.realpath(path).startswith(("/snap/", "/usr/bin/snap")):
        return True
    try:
        with Path(path).open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    return start.startswith(b"#!") and b"/snap/bin/" in start
