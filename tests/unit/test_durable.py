"""The one module that writes: what is visible after each fault, and that locks end with their holder."""

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from muniment import durable
from muniment.errors import ArchiveLocked, StoreError

CONTENT = b"evidence" * 1000


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def failing(code: int) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("wanted", [0o444, 0o600, 0o644])
def test_a_created_file_is_whole_and_has_the_mode_asked_for_whatever_the_umask(tmp_path: Path, wanted: int) -> None:
    durable.create(tmp_path / "file", CONTENT, mode=wanted)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert mode(tmp_path / "file") == wanted
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - hidden names count


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link"])
def test_what_is_there_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    target, elsewhere = tmp_path / "file", tmp_path / "elsewhere"
    if kind == "file":
        target.write_bytes(b"old")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(elsewhere)
        if kind == "link":
            elsewhere.write_bytes(b"old")
    with pytest.raises(StoreError, match="never overwritten"):
        durable.create(target, CONTENT)
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("call", ["open", "write", "fchmod", "fsync", "link"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS], ids=errno.errorcode.get)
def test_a_refused_create_leaves_nothing_under_the_name_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(code))
        with pytest.raises(StoreError, match=os.strerror(code)):
            durable.create(tmp_path / "file", CONTENT)
    assert list(tmp_path.iterdir()) == []
    durable.create(tmp_path / "file", CONTENT)


def test_a_disk_that_fills_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, budget = os.write, [5000]

    def filling(descriptor: int, content: bytes) -> int:
        if not budget[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(descriptor, content[: min(700, budget[0])])
        budget[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", filling)
        with pytest.raises(StoreError, match="No space"):
            durable.create(tmp_path / "file", CONTENT)
    assert list(tmp_path.iterdir()) == []


def test_short_writes_are_continued_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, content[:7]))
    durable.create(tmp_path / "file", CONTENT)
    with durable.Appending(tmp_path / "log", ".open") as appending:
        assert appending.write(CONTENT) == len(CONTENT)
        appending.finish()
    assert (tmp_path / "file").read_bytes() == (tmp_path / "log").read_bytes() == CONTENT


def test_create_without_hard_links_still_refuses_to_overwrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    durable.create(tmp_path / "file", CONTENT)
    with pytest.raises(StoreError, match="never overwritten"):
        durable.create(tmp_path / "file", b"other")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_file_then_folder_are_synced_before_create_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, link = os.fsync, os.link

    def synced(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def linked(source: Path, target: Path) -> None:
        order.append("name")
        link(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    durable.create(tmp_path / "file", CONTENT)
    assert order == ["file", "name", "folder"]


def superseded(folder: Path) -> None:
    (folder / "new").write_bytes(CONTENT)
    durable.supersede(folder / "new", folder / "old")


def appended(folder: Path) -> None:
    with durable.Appending(folder / "log", ".open") as appending:
        appending.write(CONTENT)
        appending.sync()
        appending.finish()


def finished(folder: Path) -> None:
    (folder / "log.open").write_bytes(CONTENT)
    durable.finish(folder / "log.open", folder / "log")


def cut(folder: Path) -> None:
    (folder / "log").write_bytes(CONTENT)
    durable.set_aside(folder / "log", 5000, folder / "log.torn-5000")


def removed(folder: Path) -> None:
    (folder / "file").write_bytes(CONTENT)
    (folder / "below").mkdir()
    durable.remove(folder / "file")
    durable.remove_folder(folder / "below")


ORDERS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "replace": (lambda folder: durable.replace(folder / "file", CONTENT), ["file", "replace", "folder"]),
    "supersede": (superseded, ["file", "replace", "folder"]),
    "folder": (lambda folder: durable.folder(folder / "a" / "b"), ["mkdir", "folder"] * 2),
    "private folder": (lambda folder: durable.private_folder(folder / "a"), ["mkdir", "folder"]),
    "append": (appended, ["folder", "file", "file", "rename", "folder"]),
    "finish": (finished, ["file", "rename", "folder"]),
    # The tail is on the disk, under its name, before the file that it came from is cut.
    "set aside": (cut, ["file", "link", "folder", "ftruncate", "file"]),
    "remove": (removed, ["unlink", "folder", "rmdir", "folder"]),
}


@pytest.mark.parametrize("name", ORDERS)
def test_whatever_changes_the_disk_is_synced_before_it_returns_and_in_order(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act, expected = ORDERS[name]
    order: list[str] = []

    def noting(call: str) -> Callable[..., object]:
        real = getattr(os, call)

        def noted(*arguments: Any, **options: Any) -> object:
            is_folder = call == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
            order.append(call if call != "fsync" else "folder" if is_folder else "file")
            return real(*arguments, **options)

        return noted

    (tmp_path / "used").touch()
    with monkeypatch.context() as patch:
        for call in ("fsync", "link", "rename", "replace", "mkdir", "rmdir", "ftruncate", "unlink"):
            patch.setattr(os, call, noting(call))
        act(tmp_path)
    wanted = order if name == "remove" else [each for each in order if each != "unlink"]
    if name == "remove":
        wanted.remove("mkdir")
    assert wanted == expected


@pytest.mark.parametrize("make", [durable.folder, durable.private_folder])
def test_a_folder_that_somebody_made_and_may_not_have_synced_is_synced_before_it_is_used(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    synced: list[int] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    make(tmp_path / "a" / "b")
    assert synced[-1] == (tmp_path / "a").stat().st_ino


def test_a_folder_and_what_somebody_left_in_it_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(CONTENT)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    durable.sync(tmp_path)
    assert synced[-1] == tmp_path.stat().st_ino
    assert sorted(synced[:-1]) == sorted((tmp_path / name).stat().st_ino for name in ("a", "b"))
    durable.sync(tmp_path / "nothing")


def test_a_file_appears_without_a_moment_in_which_another_user_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0)
    real, modes = os.write, []

    def looking(descriptor: int, content: bytes) -> int:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return real(descriptor, content)

    try:
        monkeypatch.setattr(os, "write", looking)
        durable.create(tmp_path / "key", CONTENT, mode=0o600)
    finally:
        os.umask(before)
    assert set(modes) == {0o600}


@pytest.mark.parametrize("call", ["open", "write", "fchmod", "fsync", "replace"])
def test_a_refused_replace_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    durable.replace(tmp_path / "copy", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(errno.ENOSPC))
        with pytest.raises(StoreError, match="No space"):
            durable.replace(tmp_path / "copy", b"new")
    assert (tmp_path / "copy").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_replace_puts_a_file_where_a_link_was_and_leaves_its_target(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "copy").symlink_to(tmp_path / "target")
    durable.replace(tmp_path / "copy", b"new")
    assert not (tmp_path / "copy").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"old"


def test_an_appended_file_appears_once_whole_and_read_only(tmp_path: Path) -> None:
    final = tmp_path / "a.warc.gz"
    with durable.Appending(final, ".open") as appending:
        appending.write(b"one")
        appending.write(b"torn rec")
        appending.cut(3)
        appending.write(b"two")
        appending.sync()
        assert not final.exists()
        assert appending.size == 6
        appending.finish()
    assert (final.read_bytes(), mode(final)) == (b"onetwo", 0o444)
    assert [path.name for path in tmp_path.iterdir()] == [final.name]


def test_an_appended_file_refuses_names_that_are_taken(tmp_path: Path) -> None:
    final = tmp_path / "a"
    with durable.Appending(final, ".open"), pytest.raises(StoreError, match="never overwritten"):
        durable.Appending(final, ".open")
    final.write_bytes(b"old")
    (tmp_path / "a.open").unlink()
    with pytest.raises(StoreError, match="never overwritten"):
        durable.Appending(final, ".open")
    assert final.read_bytes() == b"old"


def test_an_appended_file_is_not_finished_over_one_that_came_meanwhile(tmp_path: Path) -> None:
    with durable.Appending(tmp_path / "a", ".open") as appending:
        appending.write(b"new")
        (tmp_path / "a").write_bytes(b"old")
        with pytest.raises(StoreError, match="never overwritten"):
            appending.finish()
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize(("call", "step"), [("write", "write"), ("fsync", "sync"), ("ftruncate", "cut")])
def test_a_refused_append_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, step: str) -> None:
    with durable.Appending(tmp_path / "a", ".open") as appending:
        monkeypatch.setattr(os, call, failing(errno.EIO))
        with pytest.raises(StoreError, match=r"a\.open: could not "):
            {"write": lambda: appending.write(b"x"), "sync": appending.sync, "cut": lambda: appending.cut(0)}[step]()


@pytest.mark.usefixtures("umask")
def test_a_private_folder_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    durable.private_folder(tmp_path / "private")
    assert mode(tmp_path / "private") == 0o700


def test_an_exclusive_folder_is_refused_when_it_is_there(tmp_path: Path) -> None:
    durable.folder(tmp_path / "a" / "b" / "c", exclusive=True)
    durable.folder(tmp_path / "a" / "b" / "c")
    with pytest.raises(StoreError, match="is there already"):
        durable.folder(tmp_path / "a" / "b" / "c", exclusive=True)


def test_reading_never_follows_a_link_nor_opens_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", ".", "missing"):
        with pytest.raises(StoreError, match="could not open"):
            durable.opened(tmp_path / name)
    with durable.opened(tmp_path / "file") as plain, durable.uncached(tmp_path / "file") as uncached:
        assert plain.read() == uncached.read() == CONTENT


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no such advice")
def test_reading_back_asks_the_disk_and_not_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    durable.create(tmp_path / "file", CONTENT)
    advice: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _, *asked: advice.append(asked))
    with durable.uncached(tmp_path / "file") as stream:
        assert advice == [(0, 0, os.POSIX_FADV_DONTNEED)]
        assert stream.read(len(CONTENT)) == CONTENT


def test_a_spool_is_private_and_has_no_name(tmp_path: Path) -> None:
    with durable.spool(tmp_path) as spool:
        spool.write(CONTENT)
        spool.seek(0)
        assert spool.read() == CONTENT
        assert stat.S_IMODE(os.fstat(spool.fileno()).st_mode) == 0o600
        assert list(tmp_path.iterdir()) == []


def test_removing_what_is_not_there_is_no_failure(tmp_path: Path) -> None:
    durable.remove(tmp_path / "missing")
    durable.remove(tmp_path / "no" / "folder")
    with pytest.raises(StoreError, match="could not remove"):
        durable.remove(tmp_path)


HOLDER = """
import sys
from pathlib import Path
from muniment import durable
with durable.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process that holds the lock until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "work" / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def test_a_lock_of_another_process_is_refused_at_once(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    lock = tmp_path / "work" / "lock"
    assert durable.held(lock)
    with pytest.raises(ArchiveLocked, match="another muniment process"), durable.locked(lock, wait=False):
        pass
    holder.communicate("")
    assert not durable.held(lock)
    with durable.locked(lock, wait=False):
        assert durable.held(lock)


def test_kill_nine_releases_the_lock(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    with durable.locked(tmp_path / "work" / "lock"):
        assert holder.wait() == -signal.SIGKILL


def test_a_lock_that_is_waited_for_is_got_when_the_other_ends(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    holder.stdin.close()
    with durable.locked(tmp_path / "work" / "lock"):
        assert holder.wait() == 0


def test_a_program_that_is_started_inherits_no_lock(tmp_path: Path) -> None:
    lock = tmp_path / "work" / "lock"
    command = [sys.executable, "-c", "print('started', flush=True); input()"]
    with durable.locked(lock):
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        assert not durable.held(lock)
    finally:
        child.communicate(b"\n")


def test_a_lock_file_is_private_and_a_missing_one_is_held_by_nobody(tmp_path: Path) -> None:
    assert not durable.held(tmp_path / "work" / "lock")
    with durable.locked(tmp_path / "work" / "lock"):
        assert (mode(tmp_path / "work"), mode(tmp_path / "work" / "lock")) == (0o700, 0o600)


def test_a_lock_is_never_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "target")
    with pytest.raises(StoreError, match="could not lock"), durable.locked(tmp_path / "lock"):
        pass
    assert not (tmp_path / "target").exists()


def test_an_empty_folder_of_somebody_else_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    real = os.open

    def unreadable(path: Path, flags: int, *rest: int) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", unreadable)
    durable.folder(tmp_path / "theirs" / "ours")
    durable.remove_folder(tmp_path / "theirs" / "ours")
    durable.private_folder(tmp_path / "theirs")
    assert mode(tmp_path / "theirs") == 0o755
    with pytest.raises(StoreError, match="Permission denied"):
        durable.folder(tmp_path / "new")
