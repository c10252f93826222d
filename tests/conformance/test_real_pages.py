"""80 real pages of news sites and blogs, captured where loopback is all there is; strangers read the files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import loopback_only

ROOT = Path(__file__).parents[2]
JUDGES = ROOT / ".venv-judges" / "bin" / "python"
CAPTURE = "import real_pages, pathlib; real_pages.main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))"
FASTWARC = """
import sys
from fastwarc.warc import ArchiveIterator
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        for record in ArchiveIterator(file, parse_http=False):
            print(record.headers["WARC-Record-ID"], record.verify_block_digest())
"""


@pytest.fixture(scope="module")
def pages(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """Capture all pages once; skipped where the system allows no network namespace, for safety."""
    if not loopback_only.possible():
        pytest.skip("real pages are captured only in a network namespace, and the system allows none here")
    folder = tmp_path_factory.mktemp("pages")
    done = loopback_only.run(CAPTURE, str(corpus / "articles"), str(folder))
    assert done.returncode == 0, done.stderr[-4000:]
    return folder, json.loads(done.stdout)


@pytest.mark.timeout(300)
def test_every_byte_served_is_kept_and_every_name_not_served_is_a_recorded_failure(
    pages: tuple[Path, dict[str, object]],
) -> None:
    _, account = pages
    assert account["captures"] == 80
    assert account["problems"] == []


@pytest.mark.timeout(300)
def test_warcio_accepts_every_file(pages: tuple[Path, dict[str, object]]) -> None:
    files = sorted(map(str, (pages[0] / "case" / "archive").rglob("*.warc.gz")))
    done = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", "-v", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.count("digest pass") >= len(files)
    assert "digest failed" not in done.stdout


@pytest.mark.timeout(300)
def test_fastwarc_reads_every_record(pages: tuple[Path, dict[str, object]]) -> None:
    if not JUDGES.exists():
        pytest.skip("FastWARC judges from an environment of its own, which `make test` makes")
    files = sorted(map(str, (pages[0] / "case" / "archive").rglob("*.warc.gz")))
    done = subprocess.run([JUDGES, "-c", FASTWARC, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = sum(
        path.read_bytes().count(b"\n") - 1 for path in (pages[0] / "case" / "manifests").rglob("manifest.jsonl")
    )
    assert done.stdout.count(" True\n") == len(done.stdout.splitlines()) == lines
