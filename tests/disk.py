"""A disk that forgets: every change below a folder is recorded, and any state a loss of power may leave is rebuilt.

The model is what POSIX promises and no more: fsync of a file keeps its octets, length and mode; fsync of a folder keeps
the names in it. Whatever was not synced may be there, or not, or in part, in any order: octets torn anywhere, a length
without its octets (zeros), a name without what it names having been synced. A rename within a folder is one change.
"""

import os
import random
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

CALLS = (
    "open", "write", "ftruncate", "fchmod", "chmod", "fsync", "link", "rename", "replace", "unlink", "mkdir", "rmdir",
)  # fmt: skip
REAL: Mapping[str, Callable[..., Any]] = {name: getattr(os, name) for name in CALLS}


@dataclass(frozen=True, slots=True)
class Written:
    """Octets that came to an offset of a file."""

    node: int
    offset: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Length:
    """A file that was cut or lengthened."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Mode:
    """A file or folder that was given other permissions."""

    node: int
    mode: int


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the folder *node* that changed together: what each means now, None where it is gone."""

    node: int
    names: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Synced:
    """A file or folder whose changes so far are on the disk."""

    node: int


Change = Written | Length | Mode | Names | Synced


@dataclass(slots=True)
class Node:
    """A file (its octets) or a folder (its names) with its mode."""

    mode: int
    octets: bytearray | None = None
    names: dict[str, int] | None = None

    def copy(self) -> "Node":
        octets = None if self.octets is None else bytearray(self.octets)
        return Node(self.mode, octets, None if self.names is None else dict(self.names))


class Fate(Protocol):
    """What becomes of a change that was not synced when the power failed."""

    def __call__(self, change: Change, /) -> Change | None:
        """Return what of *change* is on the disk."""


def kept(change: Change) -> Change | None:
    """Let everything reach the disk: what a killed process leaves."""
    return change


def lost(_: Change) -> Change | None:
    """Let nothing reach the disk that was not synced."""
    return None


class Chance:
    """Keep each change with the probability *share*, and tear what is kept now and then."""

    def __init__(self, chance: random.Random, share: float) -> None:
        self._chance = chance
        self._share = share

    def __call__(self, change: Change) -> Change | None:
        if self._chance.random() >= self._share:
            if isinstance(change, Written) and self._chance.random() < 0.3:
                return Written(change.node, change.offset, bytes(len(change.octets)))  # its length alone
            return None
        if isinstance(change, Written) and self._chance.random() < 0.3:
            return Written(change.node, change.offset, change.octets[: self._chance.randrange(len(change.octets) + 1)])
        return change


class KilledError(BaseException):
    """The process is gone: nothing in it may catch this, and nothing may write after it."""


class Recording:
    """The tree below *base* as it was, and every change since; the calls of this process only.

    With ``ends`` the process is killed as soon as that many changes were made.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.ends: int | None = None
        self.changes: list[Change] = []
        self._lock = threading.RLock()
        self._nodes: dict[int, Node] = {}
        self._numbers: dict[int, int] = {}
        self.root = self._enter(base)

    def _enter(self, path: Path) -> int:
        """Take in what lies at *path*, as if all of it had been synced."""
        state = path.lstat()
        number = self._new(state)
        self._nodes[number] = Node(stat.S_IMODE(state.st_mode), bytearray())
        if stat.S_ISDIR(state.st_mode):
            names = {each.name: self._enter(each) for each in path.iterdir()}
            self._nodes[number] = Node(stat.S_IMODE(state.st_mode), names=names)
        else:
            self._nodes[number].octets = bytearray(path.read_bytes())
        return number

    def _new(self, state: os.stat_result) -> int:
        number = len(self._nodes) + 1
        self._numbers[state.st_ino] = number
        self._nodes[number] = Node(0)
        return number

    def through(self, name: str) -> Callable[..., Any]:
        """Return what stands in for the system call *name* of :mod:`os`."""

        def call(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                if self.ends is not None and len(self.changes) >= self.ends and _changes(name, arguments):
                    raise KilledError
                return getattr(self, f"_{name}")(*arguments, **options)

        return call

    def _number(self, descriptor: int) -> int | None:
        state = os.fstat(descriptor)
        return self._numbers.get(state.st_ino)

    def _is_mine(self, path: Any) -> bool:
        return not isinstance(path, int) and Path(path).absolute().is_relative_to(self.base)

    def _place(self, path: Any) -> tuple[int, str]:
        return self._numbers[Path(path).parent.stat().st_ino], Path(path).name

    def _named(self, *names: tuple[Any, int | None]) -> None:
        places = [(*self._place(path), node) for path, node in names]
        (folder,) = {folder for folder, _, _ in places}  # nothing here moves from folder to folder
        self.changes.append(Names(folder, tuple((name, node) for _, name, node in places)))

    def _open(self, path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        is_new = bool(flags & os.O_CREAT) and self._is_mine(path) and not os.path.lexists(path)
        descriptor: int = REAL["open"](path, flags, mode, **options)
        if is_new:
            state = os.fstat(descriptor)
            number = self._new(state)
            self._nodes[number] = Node(stat.S_IMODE(state.st_mode), bytearray())
            self._named((path, number))
        return descriptor

    def _write(self, descriptor: int, octets: Any) -> int:
        written: int = REAL["write"](descriptor, octets)
        if (number := self._number(descriptor)) is not None:
            end = os.lseek(descriptor, 0, os.SEEK_CUR)
            self.changes.append(Written(number, end - written, bytes(octets[:written])))
        return written

    def _ftruncate(self, descriptor: int, size: int) -> None:
        REAL["ftruncate"](descriptor, size)
        if (number := self._number(descriptor)) is not None:
            self.changes.append(Length(number, size))

    def _fchmod(self, descriptor: int, mode: int) -> None:
        REAL["fchmod"](descriptor, mode)
        if (number := self._number(descriptor)) is not None:
            self.changes.append(Mode(number, mode))

    def _chmod(self, path: Any, mode: int, **options: Any) -> None:
        REAL["chmod"](path, mode, **options)
        if self._is_mine(path):
            self.changes.append(Mode(self._numbers[Path(path).stat().st_ino], mode))

    def _fsync(self, descriptor: int) -> None:
        REAL["fsync"](descriptor)
        if (number := self._number(descriptor)) is not None:
            self.changes.append(Synced(number))

    def _link(self, source: Any, target: Any, **options: Any) -> None:
        REAL["link"](source, target, **options)
        self._named((target, self._numbers[Path(target).stat().st_ino]))

    def _rename(self, source: Any, target: Any, call: str = "rename") -> None:
        REAL[call](source, target)
        self._named((source, None), (target, self._numbers[Path(target).stat().st_ino]))

    def _replace(self, source: Any, target: Any) -> None:
        self._rename(source, target, "replace")

    def _unlink(self, path: Any, **options: Any) -> None:
        REAL["unlink"](path, **options)
        if self._is_mine(path):
            self._named((path, None))

    def _mkdir(self, path: Any, mode: int = 0o777, **options: Any) -> None:
        REAL["mkdir"](path, mode, **options)
        if self._is_mine(path):
            state = Path(path).stat()
            number = self._new(state)
            self._nodes[number] = Node(stat.S_IMODE(state.st_mode), names={})
            self._named((path, number))

    def _rmdir(self, path: Any, **options: Any) -> None:
        REAL["rmdir"](path, **options)
        if self._is_mine(path):
            self._named((path, None))

    def left(self, number: int, fate: Fate) -> "Left":
        """Return what the disk holds when the power fails behind change *number*; *fate* decides what was unsynced."""
        nodes = {each: node.copy() for each, node in self._nodes.items()}
        synced = {change.node: at for at, change in enumerate(self.changes[:number]) if isinstance(change, Synced)}
        for at, change in enumerate(self.changes[:number]):
            reached = change if at < synced.get(change.node, -1) else fate(change)
            if reached is not None:
                _apply(nodes[reached.node], reached)
        return Left(nodes, self.root)


def _changes(name: str, arguments: tuple[Any, ...]) -> bool:
    return name != "open" or (len(arguments) > 1 and bool(arguments[1] & os.O_CREAT))


def _apply(node: Node, change: Change) -> None:
    match change:
        case Written(_, offset, octets):
            assert node.octets is not None
            node.octets.extend(bytes(max(0, offset + len(octets) - len(node.octets))))
            node.octets[offset : offset + len(octets)] = octets
        case Length(_, size):
            assert node.octets is not None
            node.octets.extend(bytes(max(0, size - len(node.octets))))
            del node.octets[size:]
        case Mode(_, mode):
            node.mode = mode
        case Names(_, names):
            assert node.names is not None
            for name, means in names:
                if means is None:
                    node.names.pop(name, None)
                else:
                    node.names[name] = means


@dataclass(frozen=True, slots=True)
class Left:
    """What a disk holds."""

    nodes: Mapping[int, Node]
    root: int

    def at(self, path: str) -> Node | None:
        """Return what lies at *path* below the root; None where nothing does."""
        node: Node | None = self.nodes[self.root]
        for part in filter(None, path.split("/")):
            found = (node.names or {}).get(part) if node is not None else None
            node = None if found is None else self.nodes[found]
        return node

    def names(self, path: str) -> tuple[str, ...]:
        """Return the names in the folder *path*; none where it is not there."""
        node = self.at(path)
        return tuple(node.names or ()) if node is not None else ()

    def files(self) -> Iterator[tuple[str, Node]]:
        """Give every file and folder with its path, folders before what lies in them."""
        waiting = [("", self.root)]
        while waiting:
            path, number = waiting.pop()
            node = self.nodes[number]
            yield path, node
            waiting += [(f"{path}/{name}".lstrip("/"), each) for name, each in (node.names or {}).items()]

    def rebuilt(self, base: Path) -> Path:
        """Write all of it below the new folder *base*."""
        for path, node in self.files():
            target = base / path
            if node.octets is None:
                target.mkdir()
            else:
                target.write_bytes(node.octets)
            target.chmod(node.mode)
        return base


@contextmanager
def recorded(base: Path) -> Iterator[Recording]:
    """Record every change below *base* that this process makes; what lies there now counts as synced."""
    recording = Recording(base)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, recording.through(name))
        yield recording
