"""Files as verification sees them: never through a link, digested while they are read, and none passed over."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from muniment import durable, layout
from muniment.digest import Digest, Digester
from muniment.errors import FormatError, StoreError
from muniment.model import Check, Verdict
from muniment.verify.checks import Scope

__all__ = ["Digested", "Window", "content", "digested", "extra_files", "is_folder_of_capture", "listed", "refuse_links"]

_BUFFER: Final = 1 << 20
_README: Final = "README.md"
_TOPS: Final = ("archive", "manifests")
_LARGEST: Final = 64 << 20


class Digested:
    """One open file, read forward once: what is read through it is what is digested, each octet exactly once."""

    def __init__(self, raw: BinaryIO, path: str, scope: Scope) -> None:
        self._stream = BufferedReader(cast("Any", raw), _BUFFER)
        self._path = path
        self._scope = scope
        self._digester = Digester()

    def read(self, size: int = -1, /) -> bytes:
        """Return the next octets, at most *size*; StoreError where the disk cannot give them."""
        try:
            chunk = self._stream.read(_BUFFER if size < 0 else size)
        except OSError as failure:
            raise StoreError(self._path, f"could not be read: {failure.strerror or failure}") from failure
        self._take(chunk)
        return chunk

    def readline(self, size: int, /) -> bytes:
        """Return the next octets up to and with the next LF, at most *size*."""
        try:
            line = self._stream.readline(size)
        except OSError as failure:
            raise StoreError(self._path, f"could not be read: {failure.strerror or failure}") from failure
        self._take(line)
        return line

    def _take(self, octets: bytes) -> None:
        self._digester.update(octets)
        self._scope.findings.counts["bytes"] += len(octets)
        self._scope.outside.progress(self._path, len(octets))

    def tell(self) -> int:
        """Return how many octets were read."""
        return self._digester.size

    def seek(self, offset: int, _whence: int = 0, /) -> int:
        """Refuse: what is skipped or read again would not be what was digested."""
        raise StoreError(self._path, f"is read forward only, not again from {offset}")

    def rest(self) -> int:
        """Read to the end of the file and return how many octets that were."""
        before = self.tell()
        while self.read(_BUFFER):
            pass
        return self.tell() - before

    def digest(self) -> Digest:
        """Return the digest of all octets read so far."""
        return self._digester.digest()


class Window:
    """The next *length* octets of a file that is being read, as a file of their own."""

    def __init__(self, stream: Digested, length: int) -> None:
        self._stream = stream
        self.left = length

    def read(self, size: int = -1, /) -> bytes:
        """Return the next octets of the window, none at its end."""
        chunk = self._stream.read(self.left if size < 0 else min(size, self.left)) if self.left else b""
        self.left = self.left - len(chunk) if chunk else 0
        return chunk


@contextmanager
def digested(scope: Scope, path: str) -> Iterator[Digested]:
    """Give the file *path* below the archive's root, open once; StoreError for anything but a regular file.

    Also where a folder on the way to it is a symbolic link: what lies elsewhere is not this archive.
    """
    refuse_links(scope.root, path)
    with durable.opened(scope.root / path) as raw:
        scope.findings.accounted.add(path)
        yield Digested(raw, path, scope)


def content(scope: Scope, path: PurePosixPath | str) -> bytes:
    """Return the whole of the small file *path*; FormatError for one of more than 64 MiB, StoreError as above."""
    scope.findings.accounted.add(str(path))
    with digested(scope, str(path)) as stream:
        whole = b"".join(iter(lambda: stream.read(_BUFFER) if stream.tell() <= _LARGEST else b"", b""))
    if len(whole) > _LARGEST:
        raise FormatError(path, expected="a file of at most 64 MiB", found="a longer one")
    return whole


def refuse_links(root: Path, path: str) -> None:
    """Raise StoreError where a folder on the way from *root* to *path* is a symbolic link."""
    below = root
    for part in PurePosixPath(path).parts[:-1]:
        below /= part
        if below.is_symlink():
            raise StoreError(below, "is a symbolic link: what it leads to is not part of the archive")


def listed(scope: Scope, tops: tuple[str, ...] = _TOPS) -> tuple[tuple[str, bool], ...]:
    """Return all that lies below archive/ and manifests/ (or *tops*): paths, and which are folders that hold nothing.

    Folders are followed, however deep, links never. A folder that cannot be listed is a finding.
    """
    found: list[tuple[str, bool]] = []
    waiting: list[str] = []
    for top in tops:
        if (scope.root / top).is_dir() and not (scope.root / top).is_symlink():
            waiting.append(top)
        elif os.path.lexists(scope.root / top):
            found.append((top, False))
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(scope.root / folder))
        except OSError as failure:
            detail = f"The folder could not be listed: {failure.strerror}; what lies in it was not seen."
            scope.findings.note(Check.FILE, folder, Verdict.UNVERIFIABLE, detail)
            continue
        if not entries:
            found.append((folder, True))
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            else:
                found.append((path, False))
    return tuple(sorted(found))


def extra_files(scope: Scope, there: tuple[tuple[str, bool], ...], spared: frozenset[str]) -> None:
    """Name every file of *there* that no check accounts for; *spared* are folders whose files are left alone.

    Empty folders are no files: what a capture lacks is named by the checks of that capture.
    """
    extra = 0
    looked = 0
    for path, is_empty in there:
        if is_empty or PurePosixPath(path).parent.as_posix() in spared:
            continue
        looked += 1
        if path in scope.findings.accounted or path in {f"{top}/{_README}" for top in _TOPS}:
            continue
        if not os.path.lexists(scope.root / path):
            continue
        extra += 1
        detail = f"{_kind(scope.root / path)} that no sealed statement, log or key accounts for."
        scope.findings.note(Check.EXTRA_FILE, path, Verdict.FAIL, detail)
    if not extra:
        detail = f"each of {looked:,} files is accounted for"
        scope.findings.note(Check.EXTRA_FILE, "archive, manifests", Verdict.PASS, detail)


def is_folder_of_capture(path: str) -> bool:
    """Say whether *path* is where one of the two folders of a capture lies."""
    pure = PurePosixPath(path)
    try:
        return pure in {layout.evidence(pure.name), layout.claims(pure.name)}
    except FormatError:
        return False


def _kind(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return "Something"
    if stat.S_ISLNK(mode):
        return "A symbolic link, which is never followed,"
    return "A file" if stat.S_ISREG(mode) else "Something that is no regular file"
