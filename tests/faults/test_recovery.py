"""A capture is killed at every single step of writing, in both flavours; recovery finishes it, and twice is once."""

import contextlib
import errno
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archives import Made, article, begun, captured, drafted, recovered
from commands import command, muniment
from conftest import times
from disk import KilledError
from muniment import durable, layout
from muniment.capture import commit, recovery
from muniment.errors import StoreError
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.model import Verdict
from muniment.verify import verify

_CHANCE = 9
CALLS = ("write", "fsync", "link", "rename", "replace", "unlink", "ftruncate", "mkdir", "fchmod", "open")
START = datetime(2024, 12, 10, 9, 30, tzinfo=UTC)


class Killing:
    """Counts the system calls by which `durable` changes the disk, and ends the process at one of them."""

    def __init__(self, at: int, *, persisted: bool) -> None:
        self.at = at
        self.persisted = persisted
        self.count = 0

    def wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def through(*arguments: Any, **options: Any) -> Any:
            if call is REAL["open"] and not (len(arguments) > 1 and arguments[1] & os.O_CREAT):
                return call(*arguments, **options)
            self.count += 1
            if self.count == self.at and self.persisted:
                call(*arguments, **options)
            if self.count >= self.at:
                raise KilledError
            return call(*arguments, **options)

        return through


REAL = {name: getattr(os, name) for name in CALLS}


@contextmanager
def patched(killing: Killing) -> Iterator[Killing]:
    """Let every system call that changes the disk go through *killing*."""
    with pytest.MonkeyPatch.context() as patch:
        for name, call in REAL.items():
            patch.setattr(durable.os, name, killing.wrapped(call))
        yield killing


def killed(at: int, *, persisted: bool) -> AbstractContextManager[Killing]:
    """End the process at change number *at* of the disk: before it happened, or just after."""
    return patched(Killing(at, persisted=persisted))


def capture_small(made: Made) -> None:
    with drafted(made, article("k"), START + timedelta(minutes=7)) as capture:
        commit.commit(capture, commit.Ending(3, 2, interrupted=False, root_store=""))


def capturing(made: Made, killing: int, *, persisted: bool) -> bool:
    """Capture a small article while the process is killed; say whether it was, or came to its end before."""
    with killed(killing, persisted=persisted) as killer:
        try:
            capture_small(made)
        except BaseException:  # whatever a killed process would not have lived to handle
            if killer.count < killing:
                raise
    return killer.count >= killing


def leaves(made: Made) -> Counter[tuple[LeafType, str]]:
    journal = Journal(made.root, made.origin)
    return Counter((leaf.type, leaf.id) for leaf in map(Leaf.decode, journal.entries()))


def total_steps(folder: Path) -> int:
    made = captured(begun(folder), "a")
    with killed(10**9, persisted=False) as killer:
        capture_small(made)
    return killer.count


@pytest.mark.parametrize("persisted", [False, True], ids=["lost", "kept-all-the-same"])
@pytest.mark.parametrize("share", range(4))
def test_a_capture_killed_at_any_step_is_finished_by_recovery(tmp_path: Path, share: int, *, persisted: bool) -> None:
    steps = total_steps(tmp_path / "counting")
    assert steps > 60
    for at in range(1 + share, steps + 1, 4):
        folder = tmp_path / str(at)
        made = captured(begun(folder), "a")
        # How often the recorder syncs is chance, so that a capture may take a step or two less than the one counted.
        assert capturing(made, at, persisted=persisted) or at > steps - _CHANCE
        recovered(made)
        assert recovery.unfinished(made.archive) == ()
        assert set(leaves(made).values()) == {1}, f"step {at}: a leaf twice"
        opened = {id_ for kind, id_ in leaves(made) if kind is LeafType.OPEN}
        closed = {id_ for kind, id_ in leaves(made) if kind is not LeafType.OPEN}
        assert opened == closed, f"step {at}"
        found = verify(made.root, made.trust, outside=made.outside)
        failed = [each for each in found.findings if each.verdict in {Verdict.FAIL, Verdict.UNVERIFIABLE}]
        assert failed == [], f"step {at}"
        assert made.captures[0] in closed
        assert recovered(made) == []


def test_a_recovery_killed_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    steps = total_steps(tmp_path / "counting")
    for at in (steps // 3, steps // 2, steps - 12):
        for again in range(1, 45, 3):
            made = captured(begun(tmp_path / f"{at}-{again}"), "a")
            assert capturing(made, at, persisted=True)
            with killed(again, persisted=again % 2 == 0), contextlib.suppress(KilledError, StoreError):
                recovered(made)
            recovered(made)
            assert set(leaves(made).values()) == {1}
            found = verify(made.root, made.trust, outside=made.outside)
            assert found.verdict is Verdict.PASS, (at, again, found.findings)


class Refusing(Killing):
    """Fails one of those system calls, or it and every later one, as a disk that is full or broken does."""

    def __init__(self, at: int, failure: int, *, for_good: bool) -> None:
        super().__init__(at, persisted=False)
        self.failure = failure
        self.for_good = for_good

    def wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def through(*arguments: Any, **options: Any) -> Any:
            if call is REAL["open"] and not (len(arguments) > 1 and arguments[1] & os.O_CREAT):
                return call(*arguments, **options)
            self.count += 1
            if self.count == self.at or (self.for_good and self.count > self.at):
                raise OSError(self.failure, os.strerror(self.failure))
            return call(*arguments, **options)

        return through


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for-good"])
@pytest.mark.parametrize("failure", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_disk_that_refuses_any_step_ends_the_capture_and_loses_nothing(
    tmp_path: Path, failure: int, *, for_good: bool
) -> None:
    steps = total_steps(tmp_path / "counting")
    stride = times(11, 1)
    for at in range(1 + failure % stride, steps + 1, stride):
        made = captured(begun(tmp_path / str(at)), "a")
        refused = ""
        with patched(Refusing(at, failure, for_good=for_good)) as refusing:
            try:
                capture_small(made)
            except StoreError as said:
                refused = str(said)
        assert os.strerror(failure) in refused or (refusing.count < at and at > steps - _CHANCE)
        recovered(made)
        assert set(leaves(made).values()) == {1}
        found = verify(made.root, made.trust, outside=made.outside)
        assert found.verdict is Verdict.PASS, (at, [each for each in found.findings if each.verdict is Verdict.FAIL])
        assert made.captures[0] in {id_ for kind, id_ in leaves(made) if kind is LeafType.CAPTURE}


@pytest.fixture
def crashed(tmp_path: Path) -> Made:
    """Make an archive whose newest capture was killed after its records were written and before they were sealed."""
    made = captured(begun(tmp_path), "a")
    with contextlib.suppress(KilledError), drafted(made, article("k"), START + timedelta(minutes=7)) as capture:
        capture.recorder.close()
        raise KilledError
    return made


def names(made: Made) -> tuple[str, Path]:
    """Return the id of the capture that was cut short, and its one WARC file."""
    (capture,) = recovery.unfinished(made.archive)
    return capture, made.path(layout.warc(capture, 0))


def test_a_torn_tail_is_cut_set_aside_and_sealed_as_what_it_is(crashed: Made) -> None:
    capture, warc = names(crashed)
    growing = warc.with_name(warc.name + ".open")
    whole = growing.read_bytes()
    growing.write_bytes(whole[:-40] + b"")
    (done,) = recovered(crashed)
    lost = crashed.path(layout.evidence(capture))
    (torn,) = lost.glob("*.torn-*")
    assert warc.read_bytes() + torn.read_bytes() == whole[:-40]
    assert done.set_aside == torn.stat().st_size + sum(
        each.stat().st_size for each in crashed.path(layout.claims(capture)).glob("*.torn-*")
    )
    found = verify(crashed.root, crashed.trust, outside=crashed.outside)
    assert found.verdict is Verdict.PASS
    assert any("cut short" in each.detail for each in found.findings)
    torn.chmod(0o644)
    torn.write_bytes(b"x" + torn.read_bytes()[1:])
    again = verify(crashed.root, crashed.trust, outside=crashed.outside)
    assert [each.subject for each in again.findings if each.verdict is Verdict.FAIL] == [
        str(torn.relative_to(crashed.root))
    ]


@pytest.mark.parametrize("named", [False, True], ids=["growing", "named"])
def test_what_was_made_read_only_before_the_crash_is_recovered_by_who_may_not_write_it(
    crashed: Made, *, named: bool
) -> None:
    _, warc = names(crashed)
    growing = warc.with_name(warc.name + ".open")
    growing.chmod(0o444)
    if named:
        growing.rename(warc)
    done = unprivileged("recover", "--json", made=crashed)
    assert (done.returncode, done.stderr) == (0, "")
    assert recovery.unfinished(crashed.archive) == ()
    assert warc.stat().st_mode & 0o222 == 0
    assert verify(crashed.root, crashed.trust, outside=crashed.outside).verdict is Verdict.PASS


def unprivileged(*arguments: str, made: Made) -> subprocess.CompletedProcess[str]:
    """Run muniment as one whom permissions bind: where this is root, without the capabilities that override them."""
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*bound, *command(*arguments)],
        cwd=made.root,
        env={**os.environ, "MUNIMENT_HOME": str(made.home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_garbage_behind_the_last_record_is_set_aside(crashed: Made) -> None:
    _, warc = names(crashed)
    growing = warc.with_name(warc.name + ".open")
    whole = growing.read_bytes()
    growing.write_bytes(whole + bytes(4096))
    (done,) = recovered(crashed)
    assert done.set_aside == 4096
    assert warc.read_bytes() == whole


def test_recovery_leaves_a_living_capture_alone(tmp_path: Path) -> None:
    made = begun(tmp_path)
    with drafted(made, article("l"), START) as capture:
        assert recovery.unfinished(made.archive) == ()
        assert recovery.left_open(made.root) == ()
        assert recovered(made) == []
        commit.commit(capture, commit.Ending(3, 2, interrupted=False, root_store=""))
    assert verify(made.root, made.trust, outside=made.outside).verdict is Verdict.PASS


def test_a_lost_work_folder_hides_no_capture_that_needs_recovery(crashed: Made) -> None:
    capture, _ = names(crashed)
    for path in sorted(crashed.path("work").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert recovery.left_open(crashed.root) == ()
    assert recovery.unfinished(crashed.archive) == (capture,)


def test_the_command_says_what_it_would_do_and_then_does_it(crashed: Made) -> None:
    capture, _ = names(crashed)
    environment = {"MUNIMENT_HOME": str(crashed.home)}
    assert muniment("verify", cwd=crashed.root, **environment).status == 4
    would = muniment("recover", "--dry-run", "--json", cwd=crashed.root, **environment)
    assert [each["capture"] for each in would.json["captures"]] == [capture]
    assert recovery.unfinished(crashed.archive) == (capture,)
    done = muniment("recover", "--json", cwd=crashed.root, **environment)
    assert (done.status, [each["capture"] for each in done.json["captures"]]) == (0, [capture])
    assert muniment("verify", cwd=crashed.root, **environment).status == 0
    listed = muniment("list", "--json", cwd=crashed.root, **environment).json["captures"]
    assert {each["id"]: each["verdict"] for each in listed}[capture] == "interrupted"


def test_the_next_capture_recovers_what_was_left_and_says_so(crashed: Made) -> None:
    capture, _ = names(crashed)
    done = muniment("capture", "http://gone.example/", "--no-dns", cwd=crashed.root, MUNIMENT_HOME=str(crashed.home))
    assert done.status == 1
    assert capture in done.err
    assert recovery.unfinished(crashed.archive) == ()


def test_a_capture_that_received_nothing_is_given_up_and_leaves_no_empty_folder(tmp_path: Path) -> None:
    made = captured(begun(tmp_path), "a")
    with contextlib.suppress(KilledError), drafted(made, [], START + timedelta(minutes=7)):
        raise KilledError
    (done,) = recovered(made)
    assert leaves(made)[LeafType.ABANDONED, done.capture] == 1
    assert not made.path(layout.evidence(done.capture)).exists()
    found = verify(made.root, made.trust, outside=made.outside)
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize("reads", [["list"], ["search", "market"], ["show"]], ids=lambda each: each[0])
def test_commands_that_read_say_what_needs_recovery_and_mend_nothing(crashed: Made, reads: list[str]) -> None:
    capture, _ = names(crashed)
    arguments = [*reads, crashed.captures[0]] if reads == ["show"] else reads
    done = muniment(*arguments, cwd=crashed.root, MUNIMENT_HOME=str(crashed.home))
    assert (done.status, capture in done.err, "muniment recover" in done.err) == (0, True, True)
    assert recovery.unfinished(crashed.archive) == (capture,)
