"""What the disk refused once is refused: a failed fsync is final, and a record that did not fit leaves no trace."""

import errno
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archives import Made, article, begun, captured, drafted, recovered
from conftest import times
from muniment import layout, manifest
from muniment.capture import commit, recovery
from muniment.errors import StoreError
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.model import Verdict
from muniment.verify import verify

START = datetime(2024, 12, 10, 9, 37, tzinfo=UTC)
FSYNC, WRITE, TRUNCATE, ADVISE = os.fsync, os.write, os.ftruncate, os.posix_fadvise
# What is synced, in the order of its first sync: the file as it is called then, or the folder that holds its name.
BEFORE_THE_COMMIT = (
    "work/captures",
    "manifests/2024/12/10",
    "archive/2024/12/10",
    ".open.dsse.json.*.tmp",
    "tile/entries/000.p/.3.*.tmp",
    "tile/entries/000.p",
    "tile/0/000.p/.3.*.tmp",
    "tile/0/000.p",
    "*-00000.warc.gz.open",
    "manifest.jsonl.open",
    "archive/2024/12/10/*-??????",
    "manifests/2024/12/10/*-??????",
    ".manifest.jsonl.*.tmp",
    ".context.json.*.tmp",
    ".SHA256SUMS.*.tmp",
    ".statement.dsse.json.*.tmp",
    "tile/entries/000.p/.4.*.tmp",
    "tile/0/000.p/.4.*.tmp",
    "checkpoints/.4.*.tmp",
)
AT_OR_BEHIND_IT = ("checkpoints", "logs/*/.checkpoint.*.tmp", "logs/case-017.??????", "archives/*/.checkpoint.*.tmp")


class Failing:
    """Lets the fsync of one file or folder fail once, and notes whether that file is ever synced again."""

    def __init__(self, made: Made, which: str, occasion: int = 1) -> None:
        self._places = (made.root, made.home)
        self._which = which
        self._occasion = occasion
        self.failed: int | None = None
        self.again = 0

    def __call__(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        inode = os.fstat(descriptor).st_ino
        if self.failed is None and path.match(self._which) and any(map(path.is_relative_to, self._places)):
            self._occasion -= 1
            if not self._occasion:
                self.failed = inode
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.again += inode == self.failed and not stat.S_ISDIR(os.fstat(descriptor).st_mode)
        FSYNC(descriptor)


def capture_small(made: Made) -> None:
    with drafted(made, article("k"), START) as capture:
        commit.commit(capture, commit.Ending(3, 2, interrupted=False, root_store=""))


def closed(made: Made) -> list[str]:
    leaves = map(Leaf.decode, Journal(made.root, made.origin).entries())
    return [leaf.id for leaf in leaves if leaf.type is LeafType.CAPTURE]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return captured(begun(tmp_path), "a")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="what is synced is told by /proc")
@pytest.mark.parametrize("which", [*BEFORE_THE_COMMIT, *AT_OR_BEHIND_IT])
def test_a_sync_that_fails_once_ends_the_capture_and_is_never_asked_again(
    made: Made, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(made, which)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(StoreError, match=os.strerror(errno.EIO)):
            capture_small(made)
    assert failing.failed is not None
    assert failing.again == 0, "what the kernel may have dropped was synced once more, as if that proved something"
    if which in BEFORE_THE_COMMIT:
        assert closed(made) == list(made.captures)
    recovered(made)
    assert recovered(made) == []
    assert verify(made.root, made.trust, outside=made.outside).verdict is Verdict.PASS


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="what is synced is told by /proc")
@pytest.mark.parametrize("which", BEFORE_THE_COMMIT[1:4])
def test_a_capture_that_was_refused_before_anything_was_sealed_leaves_nothing_behind(
    made: Made, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", Failing(made, which))
        with pytest.raises(StoreError):
            capture_small(made)
    assert recovery.unfinished(made.archive) == ()
    assert verify(made.root, made.trust, outside=made.outside).verdict is Verdict.PASS


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="what is synced is told by /proc")
@pytest.mark.parametrize("which", ["*-00000.warc.gz.open", "manifest.jsonl.open"])
def test_a_sync_that_fails_at_the_end_leaves_the_file_without_its_final_name(
    made: Made, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Failing(made, which, 10**9)
    with monkeypatch.context() as patch, drafted(made, article("k"), START) as capture:
        patch.setattr(os, "fsync", counting)
        capture.recorder.close()
        patch.setattr(os, "fsync", failing := Failing(made, which))
        with suppress(StoreError):
            commit.commit(capture, commit.Ending(3, 2, interrupted=False, root_store=""))
    # The draft is synced for the last time before, and is no evidence once the manifest is there.
    assert (failing.failed is not None) == (which != "manifest.jsonl.open")
    assert made.path(layout.warc(capture.id, 0)).exists() == (failing.failed is None)
    assert failing.again == 0


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="what is asked for is told by /proc")
def test_what_recovery_keeps_it_has_read_from_the_disk_and_not_from_the_cache(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    with suppress(StoreError), drafted(made, article("k"), START) as capture:
        capture.recorder.close()
        raise StoreError("test", "cut short")
    asked: list[str] = []

    def noted(descriptor: int, *rest: int) -> None:
        asked.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        ADVISE(descriptor, *rest)

    monkeypatch.setattr(os, "posix_fadvise", noted)
    recovered(made)
    warc = layout.warc(capture.id, 0).name
    # Before the lines of the draft are believed, and again when the digest of the file is taken for the statement.
    assert [asked.count(name) for name in ("manifest.jsonl.open", f"{warc}.open", warc)] == [1, 1, 1]


class Filling:
    """A disk that has room for *budget* octets of WARC files; the write that is one too much is cut short first."""

    def __init__(self, budget: int, code: int) -> None:
        self._budget = budget
        self._code = code

    def __call__(self, descriptor: int, content: memoryview) -> int:
        if not Path(f"/proc/self/fd/{descriptor}").readlink().match("*.warc.gz.open"):
            return WRITE(descriptor, content)
        if not self._budget:
            raise OSError(self._code, os.strerror(self._code))
        written = WRITE(descriptor, content[: self._budget])
        self._budget -= written
        return written


def refusing(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="what is written is told by /proc")
@pytest.mark.parametrize("cut", [TRUNCATE, refusing], ids=["rolled-back", "not-even-rolled-back"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO], ids=errno.errorcode.get)
def test_a_record_that_does_not_fit_is_rolled_back_to_where_it_began(
    made: Made, tmp_path: Path, code: int, cut: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Less than any capture of the small article takes: its ids, which are chance, compress a little better or worse.
    whole = made.warc().stat().st_size - 300
    for budget in range(code % 97, whole, times(whole // 5, 23)):
        here = replace(made, root=tmp_path / str(budget), home=tmp_path / f"{budget}-home")
        shutil.copytree(made.root, here.root)
        shutil.copytree(made.home, here.home)
        said = os.strerror(code if cut is TRUNCATE else errno.EIO)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", Filling(budget, code))
            patch.setattr(os, "ftruncate", cut)
            with pytest.raises(StoreError, match=said):
                capture_small(here)
        (left,) = recovery.unfinished(here.archive)
        draft = here.path(f"{layout.manifest(left)}.open").read_bytes().splitlines()
        places = [manifest.decode_record(line, "draft").position for line in draft]
        end = places[-1].offset + places[-1].length if places else 0
        size = here.path(f"{layout.warc(left, 0)}.open").stat().st_size
        assert size == (end if cut is TRUNCATE else budget)
        (done,) = recovered(here)
        assert done.set_aside == size - end
        assert verify(here.root, here.trust, outside=here.outside).verdict is Verdict.PASS
