"""A log on disk: appended, broken at every step, carried on, flipped bit by bit, and audited."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from muniment import durable
from muniment.digest import Digest
from muniment.errors import FormatError, IntegrityError, LogForked, MunimentError, StoreError, TrustError
from muniment.log import Journal, Leaf, LeafType, Steady, VerifierKey, audit, open_checkpoint, tree
from muniment.log.leaf import bundle, unbundle
from muniment.seal import SigningKey

ORIGIN = "case-017"
KEY = SigningKey.of_seed(b"log key".ljust(32, b"."))
VKEY = VerifierKey(ORIGIN, KEY.public)
LOG = Path("manifests", "logs", ORIGIN)


def leaf(number: int) -> bytes:
    return Leaf(LeafType.CAPTURE, f"c{number}", Digest.of_bytes(b"%d" % number)).encode()


def appended(root: Path, numbers: range) -> None:
    journal = Journal(root, ORIGIN)
    for number in numbers:
        journal.append(leaf(number), KEY, root / "home" / "checkpoint")


def errors(root: Path, keys: tuple[VerifierKey, ...] = (VKEY,)) -> dict[str, MunimentError]:
    return {each.subject: each.error for each in audit(Steady(root, ORIGIN), keys) if each.error}


def files(root: Path) -> list[Path]:
    return sorted(path for path in (root / LOG).rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log of 300 leaves: one full tile, a partial one, and a level above."""
    root = tmp_path_factory.mktemp("grown")
    appended(root, range(300))
    return root


@pytest.fixture
def large(grown: Path, tmp_path: Path) -> Path:
    return shutil.copytree(grown, tmp_path / "large")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    appended(tmp_path / "small", range(5))
    return tmp_path / "small"


def test_three_hundred_appends_cross_the_tile_and_audit_clean(grown: Path) -> None:
    results = list(audit(Steady(grown, ORIGIN), [VKEY]))
    assert [each for each in results if each.error] == []
    assert sorted(each.subject for each in results) == [path.relative_to(grown).as_posix() for path in files(grown)]
    journal = Journal(grown, ORIGIN)
    assert list(journal.entries()) == [leaf(number) for number in range(300)]
    assert journal.sizes() == tuple(range(1, 301))
    newest = open_checkpoint(journal.newest(), [VKEY])
    assert newest.root == tree.root(tree.leaf_hash(leaf(number)) for number in range(300))
    assert journal.pending() is None
    assert (journal.find(leaf(280)), journal.find(leaf(300))) == (280, None)


def test_full_tiles_partial_tiles_and_bundles_lie_where_tlog_tiles_says(grown: Path) -> None:
    tile = grown / LOG / "tile"
    assert sorted(path.name for path in tile.iterdir()) == ["0", "1", "entries"]
    assert (tile / "0" / "000").stat().st_size == 8192
    assert (tile / "0" / "001.p" / "44").stat().st_size == 44 * 32
    assert (tile / "1" / "000.p" / "1").stat().st_size == 32
    assert unbundle((tile / "entries" / "001.p" / "44").read_bytes(), "bundle")[-1] == leaf(299)
    assert not (tile / "0" / "001").exists()


def test_every_file_of_a_log_is_read_only_but_the_copy(small: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files(small)}
    assert modes.pop("checkpoint") == 0o644
    assert set(modes.values()) == {0o444}


def test_proofs_from_the_tiles_verify_against_the_signed_roots(grown: Path) -> None:
    journal = Journal(grown, ORIGIN)
    new = open_checkpoint(journal.newest(), [VKEY])
    nodes = journal.nodes(300)
    for index in (0, 1, 255, 256, 299):
        tree.verify_inclusion(tree.inclusion_proof(nodes, index, 300), tree.leaf_hash(leaf(index)), new.root)
    for size in (1, 2, 255, 256, 257, 299, 300):
        old = open_checkpoint(journal.checkpoint_at(size), [VKEY])
        tree.verify_consistency(tree.consistency_proof(nodes, size, 300), old.root, new.root)


def test_the_newest_leaf_asked_for_again_is_not_appended_again(small: Path) -> None:
    journal = Journal(small, ORIGIN)
    again = journal.append(leaf(4), KEY, small / "home" / "checkpoint")
    assert (again.index, again.size, again.checkpoint) == (4, 5, journal.newest())
    assert len(list(journal.entries())) == 5


def test_every_kind_of_single_bit_flip_is_found_in_the_file_that_was_flipped(large: Path) -> None:
    wanted = ["checkpoint", "checkpoints/1", "checkpoints/200", "checkpoints/300", "tile/0/000", "tile/0/000.p/17"]
    wanted += ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/000.p/200"]
    wanted += ["tile/entries/001.p/44", "tile/entries/001.p/43"]
    for name in wanted:
        path = large / LOG / name
        content = path.read_bytes()
        for position in (len(content) // 3, len(content) - 1):
            flipped = bytearray(content)
            flipped[position] ^= 4
            durable.replace(path, bytes(flipped))
            assert list(errors(large)) == [(LOG / name).as_posix()], position
        durable.replace(path, content)
    assert errors(large) == {}


@pytest.mark.parametrize("step", range(3))
def test_every_bit_of_a_small_log_counts(small: Path, step: int) -> None:
    for path in files(small)[step::3]:
        content = path.read_bytes()
        for position in range(0, len(content), 7):
            flipped = bytearray(content)
            flipped[position] ^= 1 << position % 8
            path.chmod(0o644)
            path.write_bytes(flipped)
            assert path.relative_to(small).as_posix() in errors(small), position
        path.write_bytes(content)


def test_every_lost_file_is_named(large: Path) -> None:
    for path in files(large)[::61] + files(large)[-3:]:
        content = path.read_bytes()
        path.unlink()
        assert path.relative_to(large).as_posix() in errors(large)
        durable.create(path, content)


def test_a_lost_newest_bundle_and_tile_accuse_no_other_file(small: Path) -> None:
    for name in ("tile/0/000.p/5", "tile/entries/000.p/5"):
        (small / LOG / name).unlink()
    lost = {f"tile/{level}/000.p/5" for level in ("0", "entries")} | {"checkpoints/5", "checkpoint"}
    assert set(errors(small)) == {(LOG / name).as_posix() for name in lost}


@pytest.mark.parametrize(
    "name",
    [
        "note.txt",
        "checkpoints/note",
        "checkpoints/05",
        "tile/0/001",
        "tile/0/000.p/6",
        "tile/0/000.p/256",
        "tile/0/0",
        "tile/5/000",
        "tile/entries/000",
        "tile/x/000",
        ".hidden",
        "checkpoints/5.cosig",
    ],
)
def test_an_extra_file_is_named(small: Path, name: str) -> None:
    durable.folder((small / LOG / name).parent)
    durable.create(small / LOG / name, b"extra")
    assert list(errors(small)) == [(LOG / name).as_posix()]


def test_links_instead_of_files_are_named(small: Path) -> None:
    bundle_path = small / LOG / "tile/entries/000.p/2"
    elsewhere = small / "elsewhere"
    shutil.move(bundle_path, elsewhere)
    bundle_path.symlink_to(elsewhere)
    (small / LOG / "tile" / "7").symlink_to(small)
    assert set(errors(small)) == {(LOG / name).as_posix() for name in ("tile/entries/000.p/2", "tile/7")}


def test_a_checkpoint_moved_to_another_size_accuses_no_tile(small: Path) -> None:
    for size in (4, 900):
        content = (small / LOG / "checkpoints/3").read_bytes()
        durable.replace(small / LOG / "checkpoints" / str(size), content)
    assert set(errors(small)) == {(LOG / name).as_posix() for name in ("checkpoints/4", "checkpoints/900")}


def test_a_huge_claimed_size_costs_nothing(small: Path) -> None:
    durable.create(small / LOG / "checkpoints" / "900000000000000000", b"nonsense")
    found = errors(small)
    assert (LOG / "checkpoints/900000000000000000").as_posix() in found
    assert len(found) < 20


def test_one_damaged_leaf_and_one_damaged_tile_are_both_placed(large: Path) -> None:
    for name in ("tile/entries/000", "tile/0/001.p/44"):
        path = large / LOG / name
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        durable.replace(path, bytes(content))
    found = errors(large)
    assert {(LOG / name).as_posix() for name in ("tile/entries/000", "tile/0/001.p/44")} <= found.keys()


def test_without_the_logs_key_checkpoints_are_unverifiable_and_the_tiles_still_checked(small: Path) -> None:
    found = errors(small, ())
    assert {type(error) for error in found.values()} == {TrustError}
    assert len(found) == 6


def test_a_log_rewritten_with_the_same_key_differs_from_what_was_remembered(tmp_path: Path) -> None:
    appended(tmp_path, range(5))
    shutil.rmtree(tmp_path / LOG)
    remembered = tmp_path / "home" / "checkpoint"
    for number in (7, 8, 9, 10, 11, 12):
        Journal(tmp_path, ORIGIN).append(leaf(number), KEY, tmp_path / "elsewhere" / "checkpoint")
    with pytest.raises(LogForked):
        Journal(tmp_path, ORIGIN).append(leaf(13), KEY, remembered)
    assert len(Journal(tmp_path, ORIGIN).sizes()) == 6


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_an_older_backup_put_back_is_never_signed_on(tmp_path: Path, keep: int) -> None:
    appended(tmp_path, range(keep))
    older = tmp_path / "older"
    if keep:
        shutil.copytree(tmp_path / LOG, older)
    appended(tmp_path, range(keep, 5))
    shutil.rmtree(tmp_path / LOG)
    if keep:
        shutil.copytree(older, tmp_path / LOG)
    with pytest.raises(LogForked, match="at least the 5 leaves"):
        appended(tmp_path, range(5, 6))
    assert len(Journal(tmp_path, ORIGIN).sizes()) == keep


def test_a_copy_that_is_ahead_of_the_commits_shows_that_commits_were_lost(small: Path) -> None:
    (small / LOG / "checkpoints" / "5").unlink()
    (small / "home" / "checkpoint").unlink()
    with pytest.raises(LogForked):
        appended(small, range(5, 6))


def test_another_key_signs_nothing(small: Path) -> None:
    before = files(small)
    with pytest.raises(TrustError, match="use the key that made the log"):
        Journal(small, ORIGIN).append(leaf(5), SigningKey.of_seed(b"x" * 32), small / "home" / "checkpoint")
    assert files(small) == before


@pytest.mark.parametrize("name", ["tile/0/000.p/5", "tile/entries/000.p/5", "checkpoints/5", "checkpoint"])
def test_nothing_is_signed_on_top_of_a_damaged_right_edge(small: Path, name: str) -> None:
    path = small / LOG / name
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    durable.replace(path, bytes(content))
    with pytest.raises((IntegrityError, FormatError)):
        appended(small, range(5, 6))
    assert Journal(small, ORIGIN).sizes() == (1, 2, 3, 4, 5)


def test_nothing_is_signed_on_top_of_a_damaged_tile_above_the_leaves(large: Path) -> None:
    durable.replace(large / LOG / "tile/1/000.p/1", bytes(32))
    with pytest.raises(IntegrityError, match="tiles with the root"):
        appended(large, range(300, 301))
    assert max(Journal(large, ORIGIN).sizes()) == 300


def test_a_lost_copy_and_a_lost_memory_are_made_again(small: Path) -> None:
    (small / LOG / "checkpoint").unlink()
    (small / "home" / "checkpoint").unlink()
    assert "not yet brought to size 5" in Journal(small, ORIGIN).pending().detail
    appended(small, range(4, 5))
    newest = Journal(small, ORIGIN).newest()
    assert (small / LOG / "checkpoint").read_bytes() == newest == (small / "home" / "checkpoint").read_bytes()


@pytest.mark.parametrize("content", [b"", b"{}", b"x" * 1025, leaf(1) + b"\n"])
def test_only_a_leaf_is_ever_appended(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FormatError):
        Journal(tmp_path, ORIGIN).append(content, KEY, tmp_path / "checkpoint")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_log_has_no_newest_checkpoint_and_no_results(tmp_path: Path) -> None:
    assert list(audit(Steady(tmp_path, ORIGIN), [VKEY])) == []
    assert Journal(tmp_path, ORIGIN).pending() is None
    with pytest.raises(FormatError, match="at least one leaf"):
        Journal(tmp_path, ORIGIN).newest()


class Breaking:
    """The N-th system call that changes or syncs the disk fails, before it acts or after it acted all the same."""

    CALLS = ("open", "write", "fchmod", "fsync", "link", "unlink", "replace")

    def __init__(self, patch: pytest.MonkeyPatch, number: int, *, persisted: bool) -> None:
        self.left = number
        for name in self.CALLS:
            patch.setattr(os, name, self.breaking(getattr(os, name), name, persisted=persisted))

    def breaking(self, call: Callable[..., object], name: str, *, persisted: bool) -> Callable[..., object]:
        def broken(*arguments: Any, **named: Any) -> object:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return call(*arguments, **named)
            self.left -= 1
            if self.left != 0:
                return call(*arguments, **named)
            if persisted and name != "open":
                call(*arguments, **named)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        return broken


@pytest.mark.parametrize("persisted", [False, True], ids=["lost", "kept-all-the-same"])
@pytest.mark.parametrize(
    ("size", "follower"), [(0, "same-leaf"), (5, "same-leaf"), (5, "another-leaf"), (255, "same-leaf")]
)
def test_an_append_broken_at_any_step_is_finished_by_the_next_and_never_doubled(
    grown: Path, tmp_path: Path, size: int, *, persisted: bool, follower: str
) -> None:
    stride = 1 if size < 100 else 4  # a large log is copied and audited anew for each step
    number = int(persisted)
    while True:
        number += stride
        root = tmp_path / str(number)
        rewound(grown, root, size)
        with pytest.MonkeyPatch.context() as patch:
            breaking = Breaking(patch, number, persisted=persisted)
            try:
                appended(root, range(size, size + 1))
            except StoreError:
                pass
            else:
                if breaking.left > 0:
                    break
        started = Journal(root, ORIGIN).pending() is not None or len(Journal(root, ORIGIN).sizes()) > size
        assert size > 5 or errors(root) == {}, number
        next_number = size if follower == "same-leaf" else size + 1
        appended(root, range(next_number, next_number + 1))
        expected = list(range(size)) + ([size] if started or follower == "same-leaf" else [])
        expected += [] if follower == "same-leaf" else [size + 1]
        assert list(Journal(root, ORIGIN).entries()) == [leaf(each) for each in expected], number
        assert errors(root) == {}, number
        assert Journal(root, ORIGIN).pending() is None
        assert not list((root / LOG).rglob("*.tmp")), number
        shutil.rmtree(root)
    assert number > 20


def rewound(grown: Path, root: Path, size: int) -> None:
    """Put at *root* the log as it was at *size* leaves, by leaving out what came later."""
    for path in files(grown):
        name = path.relative_to(grown / LOG)
        later = belongs_to(name) > size
        if not later and name.name != "checkpoint":
            durable.folder((root / LOG / name).parent)
            os.link(path, root / LOG / name)
    if size:
        newest = Journal(root, ORIGIN).checkpoint_at(size)
        durable.replace(root / LOG / "checkpoint", newest)
        durable.folder(root / "home")
        durable.replace(root / "home" / "checkpoint", newest)


def belongs_to(name: Path) -> int:
    """Return the size at which the file *name* of a log came into existence."""
    if name.parts[0] != "tile":
        return int(name.name) if name.name.isdigit() else 0
    unit = 256 ** int(name.parts[1]) if name.parts[1].isdigit() else 1
    number, partial, width = "".join(name.parts[2:]).partition(".p")
    return (int(number) * 256 + (int(width) if partial else 256)) * unit


def test_two_archives_with_a_log_of_one_name_do_not_share_one_memory(small: Path, tmp_path: Path) -> None:
    other = SigningKey.of_seed(b"x" * 32)
    with pytest.raises(TrustError, match="logs of one name"):
        Journal(tmp_path / "new", ORIGIN).append(leaf(0), other, small / "home" / "checkpoint")
    assert not (tmp_path / "new").exists()


APPENDING = """
import sys
from pathlib import Path
from muniment.digest import Digest
from muniment.log import Journal, Leaf, LeafType
from muniment.seal import SigningKey
root = Path(sys.argv[1])
key = SigningKey.of_seed(b"log key".ljust(32, b"."))
for number in range(1000):
    leaf = Leaf(LeafType.CAPTURE, f"c{number}", Digest.of_bytes(b"%d" % number)).encode()
    Journal(root, "case-017").append(leaf, key, root / "home" / "checkpoint")
    print(number, flush=True)
"""


@pytest.mark.parametrize("kills_after", [1, 2, 7, 20])
def test_kill_nine_loses_nothing_that_was_told_as_committed(tmp_path: Path, kills_after: int) -> None:
    with subprocess.Popen([sys.executable, "-c", APPENDING, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(kills_after):
            child.stdout.readline()
        child.kill()
        told = kills_after + len(child.stdout.read().splitlines())
    assert errors(tmp_path) == {}
    appended(tmp_path, range(5000, 5001))
    logged = list(Journal(tmp_path, ORIGIN).entries())
    assert logged[-1] == leaf(5000)
    assert logged[:-1] == [leaf(number) for number in range(len(logged) - 1)]
    assert told <= len(logged) - 1 <= told + 1
    assert errors(tmp_path) == {}


def test_a_folder_that_became_a_file_ends_in_results_and_not_in_a_traceback(small: Path) -> None:
    shutil.rmtree(small / LOG / "checkpoints")
    (small / LOG / "checkpoints").write_bytes(b"x")
    assert (LOG / "checkpoints").as_posix() in errors(small)
    with pytest.raises(LogForked):
        appended(small, range(5, 6))


def test_a_half_done_append_is_told_and_is_no_failure(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        real = os.link
        patch.setattr(
            os, "link", lambda source, target: real(source, target) if "checkpoints" not in str(target) else 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            appended(small, range(5, 6))
    pending = Journal(small, ORIGIN).pending()
    assert pending.leaf == Leaf.decode(leaf(5))
    results = {each.subject: each for each in audit(Steady(small, ORIGIN), [VKEY])}
    half_done = results[(LOG / "tile/entries/000.p/6").as_posix()]
    assert half_done.error is None
    assert "cut short" in half_done.detail


def test_a_forged_half_done_append_is_named_and_never_finished(small: Path) -> None:
    forged = bundle([leaf(0), leaf(1), leaf(9), leaf(3), leaf(4), leaf(5)])
    durable.create(small / LOG / "tile/entries/000.p/6", forged)
    assert list(errors(small)) == [(LOG / "tile/entries/000.p/6").as_posix()]
    with pytest.raises(IntegrityError, match="other leaves"):
        Journal(small, ORIGIN).pending()
    with pytest.raises(IntegrityError):
        appended(small, range(5, 6))
    assert Journal(small, ORIGIN).sizes() == (1, 2, 3, 4, 5)


def test_a_tile_that_is_there_with_another_content_is_never_overwritten(small: Path) -> None:
    durable.create(small / LOG / "tile/0/000.p/6", b"other")
    with pytest.raises(IntegrityError, match="another content"):
        appended(small, range(5, 6))
    assert (small / LOG / "tile/0/000.p/6").read_bytes() == b"other"
