"""Files of the work folder: private, gone when they are closed, and a full disk is told where it is met."""

import stat
from pathlib import Path

import pytest

from muniment import scratch
from muniment.errors import StoreError
from small_disk import small_disk


def test_a_nameless_file_is_private_and_leaves_nothing(tmp_path: Path) -> None:
    with scratch.nameless(tmp_path) as file:
        assert list(tmp_path.iterdir()) == []
        file.writelines([b"one", b"two"])
        file.seek(0)
        assert file.read() == b"onetwo"


def test_what_is_begun_is_new_and_private(tmp_path: Path) -> None:
    with scratch.begun(tmp_path / "a") as file:
        file.write(b"x")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="could not be made"):
        scratch.begun(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(StoreError):
        scratch.append(tmp_path / "link", b"y", anew=False)
    scratch.append(tmp_path / "a", b"y", anew=False)
    with scratch.taken(tmp_path / "a") as file:
        assert file.read() == b"xy"
    assert not (tmp_path / "a").exists()
    scratch.forget(tmp_path / "a")


def test_a_full_disk_is_a_store_error_and_closing_says_nothing(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk", 1 << 20) as disk:
            file = scratch.nameless(disk.seen)
            with pytest.raises(StoreError, match="No space left on device; make room"):
                file.write(bytes(2 << 20))
            file.close()
    except OSError as refused:
        pytest.skip(f"this user may mount no disk of memory: {refused}")
