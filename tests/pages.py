"""The pages of the documentation as tests read them: fenced blocks, links, headings.

Conventions of the pages: in ``docs/formats.md`` every ``console`` block runs in ``docs/example`` and prints exactly
what is shown. On other pages the commands of the ``console`` blocks run in their order, in a scratch folder; a line
``(exit 3)`` below a command says how it ends, and without one it ends with 0. ``$SAMPLE`` stands for the arguments that
``muniment demo serve`` prints, and a capture's id for that of the newest capture. Other blocks are only read.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
EXAMPLE: Final = DOCS / "example"


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of its fence, what stands behind the fence, its text."""

    page: Path
    line: int
    info: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield each command of a console block with the output that is shown under it."""
        command, output = "", ""
        for line in self.text.splitlines(keepends=True):
            if line.startswith("$ "):
                if command:
                    yield command, output
                command, output = line[2:], ""
            elif line.startswith("> ") and not output:
                command += line[2:]
            else:
                output += line
        if command:
            yield command, output


def pages() -> list[Path]:
    """Return every page of prose in the project."""
    found = [ROOT / "README.md", *DOCS.rglob("*.md"), *(ROOT / "changes").glob("*.md")]
    return sorted({*found, ROOT / "archive/README.md", ROOT / "manifests/README.md"})


def blocks(page: Path, info: str = "") -> list[Block]:
    """Return the fenced blocks of *page* whose info string begins with *info*."""
    found = []
    begun: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(keepends=True), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif begun is None:
            begun, lines = (number, line[3:].strip()), []
        else:
            found.append(Block(page, *begun, "".join(lines)))
            begun = None
    assert begun is None, f"{page}: a fenced block has no end"
    return [block for block in found if block.info.startswith(info)]


def prose(page: Path) -> str:
    """Return the text of *page* outside of fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", page.read_text())


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of *page* make, as hosts of Markdown make them."""
    return {_anchor(title) for title in re.findall(r"(?m)^#+ (.*)$", prose(page))}


def _anchor(title: str) -> str:
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", title)
    return re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")


def shell(command: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run *command* by bash in *folder*; a failure anywhere in a pipe is one of the whole."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
