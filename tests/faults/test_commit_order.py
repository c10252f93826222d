"""The order in which a capture reaches the disk: what power loss leaves is decided by it, and no kill -9 shows it."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archives import Made, article, begun, drafted
from muniment import layout
from muniment.capture import commit
from muniment.digest import Digest
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType, bundle

START = datetime(2024, 12, 10, 9, 30, tzinfo=UTC)


class Watched:
    """Notes each sync and each name that comes into existence below *root* or *home*, in order."""

    def __init__(self, made: Made) -> None:
        self._places = (made.root, made.home)
        self._mine = made.captures
        self.events: list[tuple[str, str]] = []
        self.drafted = threading.Event()

    def shown(self, path: Path) -> str:
        """Return the file's name, and of a tile or a numbered checkpoint the folder as well."""
        parts = path.parts
        at = max((parts.index(each) for each in ("tile", "checkpoints") if each in parts), default=len(parts) - 1)
        return "/".join(parts[at:])

    def synced(self, descriptor: int) -> None:
        REAL["fsync"](descriptor)
        state = os.fstat(descriptor)
        for place in self._places:
            for path in (place, *place.rglob("*")):
                if path.lstat().st_ino == state.st_ino:
                    self.events.append(("sync", str(path)))
                    if path.name == "manifest.jsonl.open":
                        self.drafted.set()
                    return
        self.events.append(("sync", "elsewhere"))

    def removed(self, path: Path) -> None:
        REAL["unlink"](path)
        self.events.append(("gone", str(path)))

    def named(self, call: str) -> Any:
        def through(source: Path, target: Path) -> None:
            inode = Path(source).stat().st_ino
            before = [path for kind, path in self.events if kind == "sync"]
            assert str(source) in before, f"{target} was named before its octets were synced"
            REAL[call](source, target)
            assert Path(target).stat().st_ino == inode
            self.events.append(("name", str(target)))

        return through


REAL: dict[str, Any] = {name: getattr(os, name) for name in ("fsync", "link", "rename", "replace", "unlink")}


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return begun(tmp_path)


@pytest.fixture
def watched(made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    watching = Watched(made)
    monkeypatch.setattr(os, "fsync", watching.synced)
    monkeypatch.setattr(os, "unlink", watching.removed)
    for call in ("link", "rename", "replace"):
        monkeypatch.setattr(os, call, watching.named(call))
    return watching


def test_a_capture_comes_to_disk_in_the_order_that_survives_a_loss_of_power(made: Made, watched: Watched) -> None:
    with drafted(made, article("a"), START) as capture:
        commit.commit(capture, commit.Ending(3, 2, interrupted=False, root_store=""))
    names = [watched.shown(Path(path)) for kind, path in watched.events if kind == "name"]
    assert names == [
        "open.dsse.json",  # 1
        *("tile/entries/000.p/1", "tile/0/000.p/1", "checkpoints/1", "checkpoint", "checkpoint"),
        f"{capture.id}-00000.warc.gz",  # 3
        *("manifest.jsonl", "context.json", "SHA256SUMS"),
        "statement.dsse.json",  # 4
        *("tile/entries/000.p/2", "tile/0/000.p/2", "checkpoints/2", "checkpoint", "checkpoint"),  # 5
    ]
    archived = [
        Path(path) for kind, path in watched.events if kind == "name" and watched.shown(Path(path)) == "checkpoint"
    ]
    assert [path.is_relative_to(made.root) for path in archived] == [True, False, True, False]


def test_the_draft_goes_only_when_the_manifest_is_there_for_good(made: Made, watched: Watched) -> None:
    with drafted(made, article("a"), START) as capture:
        commit.commit(capture, commit.Ending(3, 2, interrupted=False, root_store=""))
    claims = made.path(layout.claims(capture.id))
    gone = watched.events.index(("gone", str(claims / "manifest.jsonl.open")))
    named = watched.events.index(("name", str(claims / "manifest.jsonl")))
    assert ("sync", str(claims)) in watched.events[named:gone]


def test_a_name_is_synced_before_the_next_one_is_given(made: Made, watched: Watched) -> None:
    with drafted(made, article("a"), START) as capture:
        commit.commit(capture, commit.Ending(3, 2, interrupted=False, root_store=""))
    waiting = ""
    for kind, path in watched.events:
        if kind == "name":
            assert not waiting, f"{path} was named before the folder of {waiting} was synced"
            waiting = path
        elif waiting and path == str(Path(waiting).parent):
            waiting = ""
    assert not waiting


def test_a_draft_line_is_never_synced_before_the_record_that_it_promises(made: Made, watched: Watched) -> None:
    with drafted(made, article("a"), START):
        assert watched.drafted.wait(30), "nothing was synced while the capture went on"
    synced = [Path(path).name for kind, path in watched.events if kind == "sync" and path.endswith(".open")]
    assert "manifest.jsonl.open" in synced
    for at, name in enumerate(synced):
        if name == "manifest.jsonl.open":
            assert at, "the draft was synced first"
            assert synced[at - 1].endswith(".warc.gz.open")


def test_what_a_cut_append_left_is_made_durable_before_the_leaf_is_committed(made: Made, watched: Watched) -> None:
    log = made.path(layout.log(made.origin))
    leaf = Leaf(LeafType.EVENT, "e1", Digest.of_bytes(b"sealed")).encode()
    left = log / str(layout.tile("entries", 0, 1))
    left.parent.mkdir(parents=True)
    left.write_bytes(bundle([leaf]))  # visible, and perhaps never synced
    held = commit.signers(made.archive, None)
    Journal(made.root, made.origin).append(leaf, held.log, made.archive.remembered)
    names = [watched.shown(Path(path)) for kind, path in watched.events if kind == "name"]
    assert names == ["tile/entries/000.p/1", "tile/0/000.p/1", "checkpoints/1", "checkpoint", "checkpoint"]


def test_a_commit_that_was_seen_and_not_carried_on_is_made_durable_before_the_next(
    made: Made, watched: Watched
) -> None:
    held = commit.signers(made.archive, None)
    journal = Journal(made.root, made.origin)
    leaves = [Leaf(LeafType.EVENT, f"e{number}", Digest.of_bytes(b"sealed")).encode() for number in range(2)]
    journal.append(leaves[0], held.log, made.archive.remembered)
    (journal.folder / "checkpoint").unlink()
    watched.events.clear()
    journal.append(leaves[1], held.log, made.archive.remembered)
    names = [watched.shown(Path(path)) for kind, path in watched.events if kind == "name"]
    assert names[:2] == ["checkpoints/1", "checkpoint"]
    assert names[-3:] == ["checkpoints/2", "checkpoint", "checkpoint"]


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no such advice")
def test_what_is_sealed_was_read_from_the_disk_and_not_from_the_cache(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda descriptor, *_: asked.append(os.fstat(descriptor).st_ino))
    with drafted(made, article("a"), START) as capture:
        commit.commit(capture, commit.Ending(3, 2, interrupted=False, root_store=""))
    counts = {path.name: asked.count(path.stat().st_ino) for path in made.root.rglob("*") if path.is_file()}
    assert counts[f"{capture.id}-00000.warc.gz"] == 2  # every record once, and the whole file once
    assert (counts["manifest.jsonl"], counts["context.json"]) == (1, 1)
