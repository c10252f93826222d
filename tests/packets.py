"""Packets for tests: made from a small archive, and verified by each of the three that can."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archives import Made
from muniment.export import Wanted, disclose
from muniment.verification import Verification
from muniment.verify import Trust, verify_packet
from muniment.verify.trust import read

VERIFIERS = ("verify.sh", "verify.py", "muniment")


@dataclass(frozen=True)
class Said:
    """How a verifier ended, and all that it said."""

    status: int
    text: str


def packet(made: Made, out: Path, *numbers: int, capture: int = 0) -> Path:
    """Return a packet of the lines *numbers* of one capture, whose files can be written."""
    disclose(made.root, [Wanted(made.captures[capture], numbers)], out)
    for each in out.rglob("*"):
        each.chmod(0o755 if each.is_dir() else 0o644)
    return out


def asked(verifier: str, folder: Path, trust: Path | None) -> Said:
    """Return what *verifier* says of the packet *folder* by the trust file *trust*."""
    if verifier == "muniment":
        found = judged(folder, trust)
        return Said(found.exit, "\n".join(f"{each.check} {each.subject} {each.detail}" for each in found.findings))
    # Python in isolation: no folder of this project, no installed package and no variable of the environment.
    program = [sys.executable, "-I", "-S"] if verifier == "verify.py" else ["sh"]
    given = [] if trust is None else [str(trust)]
    done = subprocess.run(
        [*program, str(folder / verifier), *given],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.parent,
        env={"PATH": os.environ["PATH"]},
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in {0, 1, 4}, done.stdout + done.stderr
    return Said(done.returncode, done.stdout + done.stderr)


def judged(folder: Path, trust: Path | None) -> Verification:
    """Return what muniment finds about the packet *folder*."""
    return verify_packet(folder, Trust.nobody() if trust is None else read(trust))


def all_asked(folder: Path, trust: Path | None) -> Mapping[str, Said]:
    """Return what each verifier says."""
    return {verifier: asked(verifier, folder, trust) for verifier in VERIFIERS}
