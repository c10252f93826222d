"""kill -9 of a running capture, and cuts of its WARC file, at random places: nothing committed is lost."""

import contextlib
import json
import os
import random
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archives import Made, article, begun, captured, drafted
from commands import command, muniment, of_site
from conftest import times
from muniment import layout, sample
from muniment.capture import commit, recovery
from muniment.model import Verdict
from muniment.verify import verify

KILLS = times(6, 500)
SHARES = times(1, 4)  # archives among which the kills are divided, so that a soak uses every core
CUTS = times(60, 1000)
START = datetime(2024, 12, 10, 9, 30, tzinfo=UTC)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("share", range(SHARES))
def test_captures_killed_at_random_moments_are_all_finished_and_none_that_was_committed_is_lost(
    tmp_path: Path, site: sample.Site, share: int
) -> None:
    assert muniment("init", "case", "--operator", "Desk 1", cwd=tmp_path).status == 0
    archive = tmp_path / "case"
    committed = muniment("capture", *of_site(site, cited=0), "--json", cwd=archive).json["id"]
    chance = random.Random(7 + share)  # noqa: S311 - the same moments in every run
    for _ in range(KILLS // SHARES):
        running = subprocess.Popen(
            command("capture", *of_site(site)), cwd=archive, env=os.environ, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert running.stderr is not None
        # Killed behind so many lines of progress: from before the first packet to after the commit.
        for _ in range(chance.randrange(60)):
            if not running.stderr.readline():
                break
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        running.stderr.close()
    recovered = muniment("recover", "--json", cwd=archive)
    assert recovered.status == 0, recovered.err
    verified = muniment("verify", "--json", cwd=archive)
    assert verified.status == 0, [each for each in verified.json["findings"] if each["verdict"] == "fail"]
    listed = muniment("list", "--limit", "0", "--json", cwd=archive).json["captures"]
    assert committed in {each["id"] for each in listed}
    assert muniment("recover", "--json", cwd=archive).json["captures"] == []
    # A capture that was killed between its commit and its place in the index is missing there, and nothing else is.
    assert muniment("index", "rebuild", cwd=archive).status == 0
    assert muniment("index", "check", cwd=archive).status == 0


@pytest.fixture(scope="module")
def cut_short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, str, bytes, bytes]:
    """Make a capture of some 200 records that was never closed; give it with its WARC and its draft lines."""
    made = captured(begun(tmp_path_factory.mktemp("cuts")), "a")
    wanted = [(each, role) for number in range(22) for each, role in article(f"k{number}")]

    class CrashError(Exception):
        """The process is gone."""

    with contextlib.suppress(CrashError), drafted(made, wanted, START) as capture:
        capture.recorder.close()
        raise CrashError
    (left,) = recovery.unfinished(made.archive)
    warc = made.path(f"{layout.warc(left, 0)}.open")
    draft = made.path(f"{layout.manifest(left)}.open")
    return made, left, warc.read_bytes(), draft.read_bytes()


@pytest.mark.timeout(0)
def test_a_warc_cut_anywhere_is_recovered_up_to_the_last_whole_record(
    cut_short: tuple[Made, str, bytes, bytes], tmp_path: Path
) -> None:
    made, left, warc, draft = cut_short
    chance = random.Random(11)  # noqa: S311 - the same cuts in every run
    ends = _ends(draft)
    assert len(ends) >= 150
    for number in range(CUTS):
        copy = made.copied(tmp_path / str(number))
        at = chance.randrange(len(warc))
        lines = chance.randrange(len(draft))
        copy.path(f"{layout.warc(left, 0)}.open").write_bytes(warc[:at])
        copy.path(f"{layout.manifest(left)}.open").write_bytes(draft[:lines])
        archive = copy.archive
        held = commit.signers(archive, None)
        _remember(copy, made)
        list(recovery.recover(archive, held, recovery.unfinished(archive), datetime.now(UTC)))
        found = verify(copy.root, copy.trust)
        assert found.verdict is Verdict.PASS, [each for each in found.findings if each.verdict is Verdict.FAIL]
        kept = sum(end <= at for end in ends[: draft[:lines].count(b"\n")])
        manifest = copy.path(layout.manifest(left)).read_bytes().count(b"\n") - 1
        assert manifest == kept, f"cut at {at} of the WARC and {lines} of the draft"


def _remember(copy: Made, made: Made) -> None:
    """Put back what this machine remembers of the log: the copies share one home, and each goes its own way."""
    newest = max((made.root / str(layout.log(made.origin)) / "checkpoints").iterdir(), key=lambda path: int(path.name))
    copy.archive.remembered.write_bytes(newest.read_bytes())


def _ends(draft: bytes) -> list[int]:
    lines = [json.loads(line) for line in draft.splitlines()]
    return [line["offset"] + line["length"] for line in lines]
