"""Many leaves under one checkpoint: all or none, killed and broken at every step, and found by the audit."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from muniment import durable
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, MunimentError, StoreError
from muniment.log import Journal, Leaf, LeafType, Steady, VerifierKey, audit, open_checkpoint, tree
from muniment.log.batch import Batch
from muniment.seal import SigningKey

ORIGIN = "case-017"
KEY = SigningKey.of_seed(b"log key".ljust(32, b"."))
VKEY = VerifierKey(ORIGIN, KEY.public)
LOG = Path("manifests", "logs", ORIGIN)


def leaf(number: int) -> bytes:
    return Leaf(LeafType.CAPTURE, f"c{number}", Digest.of_bytes(b"%d" % number)).encode()


def together(root: Path, numbers: range) -> tuple[int, ...]:
    done = Journal(root, ORIGIN).append_all(map(leaf, numbers), KEY, root / "home" / "checkpoint")
    return tuple(each.index for each in done)


def errors(root: Path) -> dict[str, MunimentError]:
    return {each.subject: each.error for each in audit(Steady(root, ORIGIN), [VKEY]) if each.error}


def logged(root: Path) -> list[bytes]:
    return list(Journal(root, ORIGIN).entries())


@pytest.mark.parametrize(("before", "count"), [(0, 2), (0, 256), (3, 253), (3, 254), (255, 2), (256, 256), (200, 900)])
def test_a_batch_gives_the_tiles_that_the_leaves_give_one_by_one(tmp_path: Path, before: int, count: int) -> None:
    if before:
        together(tmp_path, range(before))
    assert together(tmp_path, range(before, before + count)) == tuple(range(before, before + count))
    assert errors(tmp_path) == {}
    assert logged(tmp_path) == [leaf(number) for number in range(before + count)]
    journal = Journal(tmp_path, ORIGIN)
    assert journal.sizes() == ((before, before + count) if before else (count,))
    newest = open_checkpoint(journal.newest(), [VKEY])
    assert newest.root == tree.root(tree.leaf_hash(leaf(number)) for number in range(before + count))
    assert journal.pending() is None
    assert not (tmp_path / LOG / "pending").exists()
    for index in {0, before, before + count - 1}:
        journal.prove(index).verify(leaf(index), [VKEY])


def test_leaves_go_on_one_by_one_behind_a_batch(tmp_path: Path) -> None:
    together(tmp_path, range(300))
    Journal(tmp_path, ORIGIN).append(leaf(300), KEY, tmp_path / "home" / "checkpoint")
    together(tmp_path, range(301, 303))
    assert errors(tmp_path) == {}
    assert len(logged(tmp_path)) == 303


def test_the_newest_batch_asked_for_again_is_not_appended_again(tmp_path: Path) -> None:
    first = together(tmp_path, range(300))
    assert together(tmp_path, range(300)) == first
    assert together(tmp_path, range(290, 300)) == tuple(range(290, 300))
    assert together(tmp_path, range(298, 301)) == (300, 301, 302)


def test_no_leaf_too_many_leaves_and_what_is_no_leaf_are_refused(tmp_path: Path) -> None:
    for leaves in ([], [leaf(0)] * 65_537, [leaf(0), b"no leaf"]):
        with pytest.raises(FormatError):
            Journal(tmp_path, ORIGIN).append_all(leaves, KEY, tmp_path / "home" / "checkpoint")
    assert not (tmp_path / LOG).exists()


REAL: dict[str, Callable[..., Any]] = {"link": os.link, "replace": os.replace, "unlink": os.unlink}


@pytest.mark.parametrize("persisted", [False, True], ids=["lost", "kept-all-the-same"])
def test_wherever_a_batch_breaks_all_of_it_or_nothing_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, persisted: bool
) -> None:
    together(tmp_path / "begun", range(250))
    finished = False
    for step in range(40):
        root = shutil.copytree(tmp_path / "begun", tmp_path / str(step))
        left = [step]

        def breaking(name: str, left: list[int] = left) -> Callable[[Path, Path], None]:
            def through(source: Path, target: Path) -> None:
                left[0] -= 1
                if left[0] == -1:
                    if persisted:
                        REAL[name](source, target)
                    raise OSError(5, "Input/output error")
                REAL[name](source, target)

            return through

        with monkeypatch.context() as patch:
            patch.setattr(os, "link", breaking("link"))
            patch.setattr(os, "replace", breaking("replace"))
            try:
                together(root, range(250, 800))
                finished = True
            except StoreError:
                pass
        assert errors(root) == {}, step
        Journal(root, ORIGIN).append(leaf(9000), KEY, root / "home" / "checkpoint")
        found = logged(root)
        assert found[:250] == [leaf(number) for number in range(250)]
        assert found[250:-1] in ([], [leaf(number) for number in range(250, 800)]), step
        assert found[-1] == leaf(9000)
        assert errors(root) == {}, step
        assert not (root / LOG / "pending").exists()
        shutil.rmtree(root)
        if finished:
            break
    assert finished
    assert step > 8


APPENDING = """
import os, signal, sys
from pathlib import Path
from muniment.digest import Digest
from muniment.log import Journal, Leaf, LeafType
from muniment.seal import SigningKey
root, stop = Path(sys.argv[1]), sys.argv[2]
key = SigningKey.of_seed(b"log key".ljust(32, b"."))
real = os.link
def link(source, target):
    if stop in str(target):
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
os.link = link
leaves = [Leaf(LeafType.CAPTURE, f"c{n}", Digest.of_bytes(b"%d" % n)).encode() for n in range(100, 700)]
Journal(root, "case-017").append_all(leaves, key, root / "home" / "checkpoint")
"""


@pytest.mark.parametrize("stop", ["/pending", "entries/000", "entries/002.p", "tile/0/001", "tile/1/", "checkpoints/"])
def test_kill_nine_between_tiles_and_checkpoint_leaves_the_old_or_the_new_size(tmp_path: Path, stop: str) -> None:
    together(tmp_path, range(100))
    seen = Journal(tmp_path, ORIGIN).newest()
    done = subprocess.run([sys.executable, "-c", APPENDING, str(tmp_path), stop], check=False)
    assert done.returncode == -signal.SIGKILL
    journal = Journal(tmp_path, ORIGIN)
    assert journal.sizes() == (100,)
    assert errors(tmp_path) == {}
    pending = journal.pending()
    assert (pending is None) == (stop == "/pending")
    if pending is not None:
        assert "600 leaves from 100 on" in pending.detail
    journal.mend(KEY, tmp_path / "home" / "checkpoint")
    assert journal.sizes() == ((100,) if stop == "/pending" else (100, 700))
    assert errors(tmp_path) == {}
    old = open_checkpoint(seen, [VKEY])
    journal.extension(100, journal.newest()).verify(old)


def test_a_forged_batch_is_named_and_never_finished(tmp_path: Path) -> None:
    together(tmp_path, range(5))
    subject = (LOG / "pending").as_posix()
    for forged in (
        b"",
        b"5\n",
        b"05\n" + Batch(5, (leaf(5),)).encode()[2:],
        Batch(9, (leaf(5), leaf(6))).encode(),
        Batch(3, (leaf(3), leaf(9))).encode(),
        Batch(4, (leaf(4), leaf(5))).encode(),
        Batch(5, (leaf(5), leaf(6))).encode()[:-1],
    ):
        durable.replace(tmp_path / LOG / "pending", forged)
        assert list(errors(tmp_path)) == [subject], forged
        with pytest.raises((FormatError, IntegrityError)):
            together(tmp_path, range(5, 8))
        assert Journal(tmp_path, ORIGIN).sizes() == (5,)


def test_what_stayed_behind_of_a_committed_batch_is_told_and_goes_with_the_next(tmp_path: Path) -> None:
    together(tmp_path, range(5))
    durable.replace(tmp_path / LOG / "pending", Batch(2, (leaf(2), leaf(3), leaf(4))).encode())
    assert errors(tmp_path) == {}
    together(tmp_path, range(5, 7))
    assert len(logged(tmp_path)) == 7
    assert not (tmp_path / LOG / "pending").exists()
