"""Files are exchanged while verify runs: it never passes octets that it did not check.

Whatever a verification opens is noted. Where its verdict is that all passes, each of those opens must have found the
genuine file: a forged one that was opened and left no failure behind was believed without having been checked.
"""

import io
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import archives
from conftest import times
from muniment import layout, manifest
from muniment.capture import commit
from muniment.digest import Digest
from muniment.log.leaf import Leaf, LeafType, bundle, unbundle
from muniment.model import Verdict
from muniment.seal import dsse
from muniment.verify import Depth, verify

START = datetime(2024, 12, 10, 9, 40, tzinfo=UTC)
OPENS: dict[Any, Callable[..., Any]] = {os: os.open, io: io.open}


class Exchange:
    """A file that has a forged twin: both lie aside, and the name in the archive is given to one or the other."""

    def __init__(self, path: Path, forged: bytes, aside: Path) -> None:
        self.path = path
        aside.mkdir()
        self._twins = (aside / "genuine", aside / "forged")
        self._name = aside / "name"
        self._twins[0].hardlink_to(path)
        self._twins[1].write_bytes(forged)
        self.forged = self._twins[1].stat().st_ino

    def put(self, *, forged: bool) -> None:
        """Let the name mean the forged file or the genuine one, at once."""
        self._name.hardlink_to(self._twins[forged])
        self._name.replace(self.path)
        self._name.unlink(missing_ok=True)  # rename(2) does nothing where both names mean the same file already


@contextmanager
def watched(heard: Callable[[Path, int], object]) -> Iterator[None]:
    """Tell *heard* of every file that is opened: its path, and the inode that was found there."""

    def through(module: Any) -> Callable[..., Any]:
        def opening(path: Any, *rest: Any, **options: Any) -> Any:
            found = OPENS[module](path, *rest, **options)
            if not isinstance(path, int):
                heard(Path(path), os.fstat(found if isinstance(found, int) else found.fileno()).st_ino)
            return found

        return opening

    with pytest.MonkeyPatch.context() as patch:
        for module in OPENS:
            patch.setattr(module, "open", through(module))
        yield


@pytest.fixture
def made(tmp_path: Path) -> archives.Made:
    return archives.archive(tmp_path, "ab").copied(tmp_path / "copy")


def everything(made: archives.Made) -> list[Path]:
    return sorted(path for top in ("archive", "manifests") for path in made.path(top).rglob("*") if path.is_file())


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def verdict(made: archives.Made) -> Verdict:
    return verify(made.root, made.trust).verdict


@pytest.mark.parametrize("depth", list(Depth))
def test_each_file_is_opened_once_and_what_a_log_needs_twice_is_held_against_the_first_time(
    made: archives.Made, depth: Depth
) -> None:
    opens: Counter[Path] = Counter()
    with watched(lambda path, _: opens.update([path])):
        assert verify(made.root, made.trust, depth=depth).verdict is Verdict.PASS
    logs = made.path(layout.logs())
    assert {opens[path] for path in everything(made) if not path.is_relative_to(logs)} == {1}
    assert set(everything(made)) <= set(opens), "a file was not opened at all"


@pytest.mark.parametrize("stays", [False, True], ids=["and-back", "for-good"])
def test_a_file_that_is_another_at_any_of_its_readings_is_never_passed(made: archives.Made, *, stays: bool) -> None:
    opens: Counter[Path] = Counter()
    with watched(lambda path, _: opens.update([path])):
        assert verdict(made) is Verdict.PASS
    believed = []
    for number, path in enumerate(everything(made)):
        exchange = Exchange(path, flipped(path.read_bytes()), made.root.parent / f"aside-{number}")
        for turn in range(opens[path]):
            met: list[bool] = []

            def heard(
                opened: Path, inode: int, met: list[bool] = met, exchange: Exchange = exchange, turn: int = turn
            ) -> None:
                if opened == exchange.path:
                    met.append(inode == exchange.forged)
                    # From now on the name means the other file, while this one is still being read.
                    exchange.put(forged=len(met) == turn or (stays and len(met) > turn))

            exchange.put(forged=turn == 0)
            with watched(heard):
                found = verdict(made)
            exchange.put(forged=False)
            if any(met) and found is Verdict.PASS:
                believed.append((path, turn + 1, opens[path]))
            assert any(met)
    assert not believed


@pytest.mark.timeout(0)
def test_files_that_are_exchanged_again_and_again_while_verify_runs_are_never_passed(made: archives.Made) -> None:
    chance = random.Random(20241212)  # noqa: S311 - the same choices in every run
    exchanges = [
        Exchange(path, flipped(path.read_bytes()), made.root.parent / f"aside-{number}")
        for number, path in enumerate(everything(made))
    ]
    forged = {each.forged for each in exchanges}
    wanted, swaps, ended = times(40, 1000), [0], threading.Event()

    def swap() -> None:
        while not ended.is_set():
            # Most of the time all is as it should be: otherwise no verification would ever pass.
            exchange = chance.choice(exchanges)
            exchange.put(forged=True)
            ended.wait(0.0005)
            exchange.put(forged=False)
            swaps[0] += 1
            ended.wait(0.002)

    met: list[bool] = []
    swapping = threading.Thread(target=swap)
    swapping.start()
    outcomes: Counter[tuple[Verdict, bool]] = Counter()
    try:
        while swaps[0] < wanted or len(outcomes) < 2:
            met.clear()
            with watched(lambda _, inode: met.append(inode in forged)):
                found = verdict(made)
            outcomes[found, any(met)] += 1
    finally:
        ended.set()
        swapping.join()
    assert not outcomes[Verdict.PASS, True], "forged octets were read, and all passed"
    assert outcomes[Verdict.FAIL, True]
    assert verdict(made) is Verdict.PASS


def test_a_leaf_that_is_only_there_when_the_log_is_read_again_is_not_believed(made: archives.Made) -> None:
    held = commit.signers(made.archive, None)
    path = made.path(layout.statement(made.captures[1]))
    said = manifest.decode_statement(dsse.unverified_payload(path.read_bytes(), path), path)
    # Whoever has the operator's key, and not the log's, seals another statement about the same capture ...
    other = dsse.seal(manifest.encode_statement(replace(said, version="9")), manifest.PAYLOAD_TYPE, [held.operator])
    path.write_bytes(other)
    entries = made.path(layout.log(made.origin)) / str(layout.tile("entries", 0, 4))
    leaves = list(unbundle(entries.read_bytes(), entries))
    leaves[3] = Leaf(LeafType.CAPTURE, made.captures[1], Digest.of_bytes(other)).encode()
    exchange = Exchange(entries, bundle(leaves), made.root.parent / "aside")
    opens: Counter[Path] = Counter()
    with watched(lambda opened, _: opens.update([opened])):
        assert verdict(made) is Verdict.FAIL
    # ... and shows a leaf about it at some of the readings only.
    for shown in range(1 << opens[entries]):
        turns = [bool(shown >> each & 1) for each in range(opens[entries])] + [False]
        count = iter(turns)

        def heard(opened: Path, _: int, count: Iterator[bool] = count) -> None:
            if opened == entries:
                exchange.put(forged=next(count, False))

        exchange.put(forged=next(count))
        with watched(heard):
            assert verdict(made) is not Verdict.PASS, turns


class Meanwhile:
    """Does something once, when verify opens a file that *pattern* matches."""

    def __init__(self, pattern: str, act: Callable[[], object]) -> None:
        self._pattern = pattern
        self._act = act
        self.done = 0

    def __call__(self, path: Path, _: int) -> None:
        if not self.done and path.match(self._pattern):
            self.done += 1
            self._act()


@pytest.mark.parametrize("read", ["checkpoints/2", "checkpoints/4", "tile/entries/*/4", "tile/0/*/4", "checkpoint"])
def test_a_capture_that_is_committed_while_its_log_is_verified_is_no_damage(tmp_path: Path, read: str) -> None:
    made = archives.archive(tmp_path, "ab")
    meanwhile = Meanwhile(f"logs/*/{read}", lambda: archives.captured(made, "c"))
    with watched(meanwhile):
        found = verify(made.root, made.trust, outside=made.outside)
    assert meanwhile.done
    assert (found.verdict, [each for each in found.findings if each.verdict is Verdict.FAIL]) == (Verdict.PASS, [])


def test_a_capture_that_ends_while_others_are_verified_was_being_made(tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "ab")
    with ExitStack() as stack:
        draft = stack.enter_context(archives.drafted(made, archives.article("c"), START))

        def end() -> None:
            commit.commit(draft, commit.Ending(3, 2, interrupted=False, root_store=""))
            stack.close()

        meanwhile = Meanwhile("*.warc.gz", end)
        with watched(meanwhile):
            found = verify(made.root, made.trust, outside=made.outside)
    assert meanwhile.done
    assert [each for each in found.findings if each.verdict is Verdict.UNVERIFIABLE] == []
    assert found.verdict is Verdict.PASS
