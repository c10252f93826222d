"""The power fails at any moment of a capture: whatever the disk kept of it, recovery finishes and verify passes.

Only what was synced is sure to be there (tests/disk.py). What was committed is held against the recording itself: once
the checkpoint of a size is on the disk for good, exactly those leaves are in the log for ever.
"""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archives import Made, begun, captured, recovered
from conftest import times
from disk import Chance, Fate, Recording, kept, lost, recorded
from muniment import durable, layout
from muniment.capture import recovery
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.model import Verdict
from muniment.verify import verify

START = datetime(2024, 12, 10, 9, 30, tzinfo=UTC)
SHARES = (0.02, 0.2, 0.5, 0.8, 0.98)


@dataclass(frozen=True, slots=True)
class Story:
    """What was recorded, the archive it happened to, and the leaves that its log held at the end."""

    recording: Recording
    made: Made
    leaves: tuple[bytes, ...]

    def committed(self, number: int) -> tuple[bytes, ...]:
        """Return the leaves that are committed for good behind change *number*: their checkpoint is synced."""
        folder = f"{self.made.root.name}/{layout.checkpoint_at(self.made.origin, 1).parent}"
        sizes = self.recording.left(number, lost).names(folder)
        return self.leaves[: max(map(int, filter(str.isdigit, sizes)), default=0)]


def entries(made: Made) -> tuple[bytes, ...]:
    return tuple(Journal(made.root, made.origin).entries())


def told(base: Path, ends: int | None = None) -> Story:
    """Record two captures by which an archive begins; with *ends* a kill behind that change, then recovery."""
    base.mkdir()
    made = begun(base)
    with recorded(base) as recording:
        recording.ends = ends
        try:
            captured(replace(made, captures=("",)), "b")
            captured(replace(made, captures=("", "")), "k")
        except BaseException:  # whatever a killed process would not have lived to handle
            if ends is None or len(recording.changes) < ends:
                raise
        recording.ends = None
        recovered(made)
    return Story(recording, made, entries(made))


def refused(story: Story, number: int, fate: Fate, base: Path) -> list[str]:
    """Let the power fail behind change *number*, recover, and return what is not as it must be."""
    story.recording.left(number, fate).rebuilt(base)
    made = Made(base / story.made.root.name, base / story.made.home.name, ())
    waiting = recovery.unfinished(made.archive)
    wrong = [f"{each} is not seen at once" for each in set(waiting) - set(recovery.left_open(made.root))]
    recovered(made)
    found, leaves = entries(made), [Leaf.decode(each) for each in entries(made)]
    before = story.committed(number)
    if found[: len(before)] != before:
        wrong.append("what was committed is not in the log as it was")
    if len(set(found)) != len(found) or set(Counter((each.type, each.id) for each in leaves).values()) - {1}:
        wrong.append("a leaf twice")
    if {each.id for each in leaves if each.type is LeafType.OPEN} != {
        each.id for each in leaves if each.type is not LeafType.OPEN
    }:
        wrong.append("a capture is open")
    verified = verify(made.root, made.trust, outside=made.outside)
    if leaves and verified.verdict is not Verdict.PASS:
        wrong += [str(each) for each in verified.findings if each.verdict in {Verdict.FAIL, Verdict.UNVERIFIABLE}]
    wrong += [f"{each} is left" for each in made.root.rglob("*") if each.name.endswith((".tmp", ".open"))]
    sealed = (each for each in made.root.rglob("????????T??????Z-*/*") if each.is_file())
    wrong += [f"{each} can be written" for each in sealed if each.stat().st_mode & 0o222]
    if again := recovered(made):
        wrong.append(f"recovered again: {again}")
    return wrong


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return told(tmp_path_factory.mktemp("power") / "recorded")


def test_the_recording_played_to_its_end_is_the_archive_as_it_is(story: Story, tmp_path: Path) -> None:
    base = story.recording.left(len(story.recording.changes), kept).rebuilt(tmp_path / "again")

    def shape(root: Path) -> dict[str, tuple[int, bytes | None]]:
        return {
            str(each.relative_to(root)): (each.stat().st_mode, None if each.is_dir() else each.read_bytes())
            for each in root.rglob("*")
        }

    assert shape(base) == shape(story.recording.base)
    assert len(story.leaves) == 4


@pytest.mark.parametrize("fate", [kept, lost], ids=["all-of-it-was-kept", "only-what-was-synced-was-kept"])
def test_whenever_the_power_fails_recovery_finishes_what_was_begun(story: Story, tmp_path: Path, fate: Fate) -> None:
    number = len(story.recording.changes)
    assert number > 150
    wrong = {}
    for at in range(number % 7, number + 1, times(7, 1)):
        if found := refused(story, at, fate, tmp_path / str(at)):
            wrong[at] = found
    assert not wrong


def test_whatever_order_the_disk_wrote_in_recovery_finishes_what_was_begun(story: Story, tmp_path: Path) -> None:
    chance = random.Random(20241210)  # noqa: S311 - the same losses in every run
    wrong = {}
    for number in range(times(60, 1000)):
        at = chance.randrange(len(story.recording.changes) + 1)
        fate = Chance(chance, SHARES[number % len(SHARES)])
        if found := refused(story, at, fate, tmp_path / str(number)):
            wrong[number, at] = found
    assert not wrong


def test_what_a_recovery_reported_is_there_for_good_though_the_crash_before_it_had_synced_nothing(
    tmp_path: Path,
) -> None:
    steps = len(told(tmp_path / "whole").recording.changes)
    chance = random.Random(20241211)  # noqa: S311 - the same losses in every run
    wrong = {}
    for ends in range(1 + steps // 2, steps, times(14, 1)):
        story = told(tmp_path / f"killed-{ends}", ends)
        end = len(story.recording.changes)
        if story.committed(end) != story.leaves:
            wrong[ends] = ["what recovery reported is not committed"]
        for number, (at, fate) in enumerate(
            [(end, lost), (end, Chance(chance, 0.5)), (chance.randrange(min(ends, end), end + 1), Chance(chance, 0.5))]
        ):
            if found := refused(story, at, fate, tmp_path / f"{ends}-{number}"):
                wrong[ends, at] = found
    assert not wrong


def test_a_capture_survives_in_a_folder_that_another_process_made_and_had_not_yet_synced(tmp_path: Path) -> None:
    base = tmp_path / "recorded"
    base.mkdir()
    made = begun(base)
    id_ = layout.capture_id(START, b"fake")
    with recorded(base) as recording:
        for folder in (layout.claims(id_).parent, layout.evidence(id_).parent):
            durable.folder(made.path(folder.parent))
            made.path(folder).mkdir()
        captured(made, "b")
    story = Story(recording, made, entries(made))
    assert story.committed(len(recording.changes)) == story.leaves
    assert refused(story, len(recording.changes), lost, tmp_path / "left") == []
