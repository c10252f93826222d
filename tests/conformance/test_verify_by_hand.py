"""The page docs/verify-by-hand.md, run as a reader runs it: with the shell, sha256sum, openssl and bare Python."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from archives import Made, archive
from muniment import layout, manifest
from pages import DOCS, EXAMPLE, blocks

PAGE = DOCS / "verify-by-hand.md"
SCRIPT = "\n".join(block.text for block in blocks(PAGE, "sh"))
LONGEST = 20

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl judges here, and is not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return archive(tmp_path_factory.mktemp("by-hand"))


def by_hand(root: Path, trust: Path, capture: str, number: int, scratch: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}
    asked = {"CAPTURE": capture, "NUMBER": str(number), "TRUST": str(trust)}
    return subprocess.run(
        ["bash", "-c", SCRIPT],
        cwd=root,
        env=environment | asked,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def test_the_page_verifies_the_example_as_it_stands(tmp_path: Path) -> None:
    done = by_hand(EXAMPLE, EXAMPLE / "trust.toml", "20241210T093012Z-k7f3qa", 3, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 2
    assert "<p>The mill burned." in done.stdout


def test_the_page_verifies_every_line_of_an_archive_that_was_just_made(made: Made, tmp_path: Path) -> None:
    lines = made.path(layout.manifest(made.captures[1])).read_bytes().splitlines()
    for number in range(1, len(lines)):
        done = by_hand(made.root, made.home / "trust.toml", made.captures[1], number, tmp_path)
        assert done.returncode == 0, done.stderr


def test_its_python_has_no_more_than_twenty_lines() -> None:
    program = re.search(r"<<'END'\n(.*?)^END$", SCRIPT, re.MULTILINE | re.DOTALL)
    assert program
    assert 0 < program[1].count("\n") <= LONGEST


def test_the_page_names_no_archive_but_the_example() -> None:
    assert set(re.findall(r"\d{8}T\d{6}Z-[a-z2-7]{6}", PAGE.read_text())) == {"20241210T093012Z-k7f3qa"}


def flipped(path: Path, offset: int) -> None:
    octets = bytearray(path.read_bytes())
    octets[offset] ^= 1
    path.write_bytes(octets)


@pytest.mark.parametrize("what", ["record", "manifest", "context", "seal", "sums", "leaf", "checkpoint"])
def test_one_flipped_bit_stops_the_page(made: Made, tmp_path: Path, what: str) -> None:
    damaged = made.copied(tmp_path / "damaged")
    capture = made.captures[0]
    line = made.path(layout.manifest(capture)).read_bytes().splitlines()[3]
    record = manifest.decode_record(line, "line")
    log = layout.log(made.origin)
    place = {
        "record": (layout.warc(capture, 0), record.position.offset + record.position.length // 2),
        "manifest": (layout.manifest(capture), 40),
        "context": (layout.context(capture), 40),
        "seal": (layout.statement(capture), 200),
        "sums": (layout.sums(capture), 20),
        "leaf": (log / "tile/entries/000.p/4", 20),
        "checkpoint": (log / "checkpoint", 30),
    }[what]
    flipped(damaged.path(place[0]), place[1])
    done = by_hand(damaged.root, made.home / "trust.toml", capture, 3, tmp_path)
    assert done.returncode != 0, done.stdout


def test_a_seal_by_another_key_stops_the_page(made: Made, tmp_path: Path) -> None:
    stranger = archive(tmp_path / "stranger", "a")
    trust = tmp_path / "trust.toml"
    ours, theirs = ((each.home / "trust.toml").read_text() for each in (made, stranger))
    key = re.compile(r"(?m)^key = .*$")
    trust.write_text(key.sub(lambda _: key.findall(theirs)[0], ours))
    done = by_hand(made.root, trust, made.captures[0], 3, tmp_path)
    assert done.returncode != 0
    assert "Verified Successfully" not in done.stdout
