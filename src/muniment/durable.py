"""How a file comes to exist once, is appended to, replaced or removed: synced, whole or not at all.

The only module that writes. Everything it promises is promised *after* it returned: the bytes and the name are on
the disk, as far as fsync(2) tells the truth. Every failure is a StoreError naming the file; a failed fsync is final,
because the kernel may have dropped the pages that it could not write (fsync(2), "EIO").
"""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Self

from muniment.errors import ArchiveLocked, StoreError

__all__ = [
    "Appending",
    "create",
    "finish",
    "folder",
    "free",
    "held",
    "locked",
    "opened",
    "private_folder",
    "remove",
    "remove_folder",
    "replace",
    "set_aside",
    "spool",
    "supersede",
    "sync",
    "uncached",
]

_READ_ONLY: Final = 0o444
_PRIVATE: Final = 0o600
_NO_LINKS: Final = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@contextlib.contextmanager
def _named(path: Path, doing: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise StoreError(path, "is there already and is never overwritten") from None
    except OSError as failure:
        raise StoreError.of(path, doing, failure) from failure


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def create(path: Path, content: bytes, *, mode: int = _READ_ONLY) -> None:
    """Bring *path* into existence with *content*: synced, visible whole or not at all; never overwrites.

    The permissions are *mode* whatever the umask. Raises StoreError when the file is there already or the disk
    refuses. After a refusal the file is either not there or there whole, and then perhaps not yet for good.
    """
    with _named(path, "create the file"):
        temporary = _temporary(path, [content], mode)
        try:
            _publish(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        _sync_folder(path.parent)


def replace(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Put *content* in place of whatever *path* holds, atomically: for copies and settings, never for evidence."""
    with _named(path, "replace the file"):
        temporary = _temporary(path, [content], mode)
        try:
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
        _sync_folder(path.parent)


def supersede(finished: Path, path: Path) -> None:
    """Sync the file *finished* and give it the name *path*, atomically, whatever that named: never for evidence."""
    with _named(path, "put the new file in place"):
        descriptor = os.open(finished, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(finished, path)
        _sync_folder(path.parent)


def _temporary(path: Path, pieces: Iterable[bytes], mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
    try:
        for piece in pieces:
            _write_whole(descriptor, piece)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    except OSError:
        os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)
    return temporary


def _publish(temporary: Path, path: Path) -> None:
    # link(2) refuses an existing name atomically, rename(2) does not; file systems without hard links (exFAT, some
    # network shares) get a look before the rename, which is enough under the archive's lock.
    try:
        os.link(temporary, path)
    except OSError as failure:
        if failure.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.rename(temporary, path)


def folder(path: Path, *, exclusive: bool = False) -> None:
    """Make *path* and the folders above it, each name synced; *exclusive* refuses a folder that is there."""
    with _named(path, "make the folder"):
        if exclusive and path.is_dir():
            raise FileExistsError
        fresh = []
        above = path
        while not _is_used(above):
            fresh.append(above)
            above = above.parent
        for each in reversed(fresh):
            # Another capture may make the same day's folder meanwhile; only the last one can be asked to be new.
            _make(each, exist_ok=not (exclusive and each == path))


def _make(path: Path, mode: int = 0o777, *, exist_ok: bool = True) -> None:
    is_new = not (exist_ok and path.is_dir())
    if is_new:
        path.mkdir(mode, exist_ok=exist_ok)
    try:
        _sync_folder(path.parent)
    except PermissionError:
        if is_new:  # what others made may lie where this user may not look
            raise


def _is_used(path: Path) -> bool:
    """Say whether *path* is a folder that holds something: then its name was synced before that came into it."""
    # An empty one may be of a process that is about to sync its name, or was killed before it did.
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is not None
    except FileNotFoundError:
        return False


def private_folder(path: Path) -> None:
    """Make *path* for its owner alone (0700 whatever the umask), and the folders above it as usual."""
    folder(path.parent)
    with _named(path, "make the folder"):
        if not path.is_dir():
            _make(path, 0o700)
            path.chmod(0o700)
        elif not _is_used(path):
            _make(path)


def sync(path: Path) -> None:
    """Sync each file in the folder *path*, where it is there, and the names: visible is not yet on the disk."""
    with _named(path, "sync the folder"):
        if not path.is_dir():
            return
        for each in path.iterdir():
            if each.is_file():
                with opened(each) as stream:
                    os.fsync(stream.fileno())
        _sync_folder(path)


def remove(path: Path) -> None:
    """Remove the file *path* where there is one: for what is not evidence only."""
    with _named(path, "remove the file"):
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove the folder *path* where it is there and holds nothing: for what was begun and never written."""
    with _named(path, "remove the folder"):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
            _sync_folder(path.parent)


def set_aside(path: Path, size: int, aside: Path) -> int:
    """Cut *path* to *size* octets after what lies beyond them was copied to the new file *aside*; return how many.

    May be called again after a crash at any step: an *aside* that holds as many octets is taken as made.
    """
    with _named(path, "set its tail aside"):
        beyond = path.stat().st_size - size
        if beyond <= 0:
            return 0
        with path.open("r+b") as stream:
            stream.seek(size)
            if not os.path.lexists(aside):
                temporary = _temporary(aside, iter(lambda: stream.read(1 << 20), b""), _READ_ONLY)
                _publish(temporary, aside)
                temporary.unlink(missing_ok=True)
                _sync_folder(aside.parent)
            elif aside.stat().st_size != beyond:
                raise OSError(errno.EEXIST, f"{aside} is there already and holds something else")
            os.ftruncate(stream.fileno(), size)
            os.fsync(stream.fileno())
    return beyond


def finish(path: Path, final: Path) -> None:
    """Give the file *path* that is whole its final name, read-only, synced; never overwrites."""
    with _named(final, "name the finished file"):
        if os.path.lexists(final):
            raise FileExistsError
        with opened(path) as stream:
            os.fchmod(stream.fileno(), _READ_ONLY)
            os.fsync(stream.fileno())
        os.rename(path, final)
        _sync_folder(final.parent)


def spool(within: Path) -> BinaryIO:
    """Return a private nameless file below *within* that vanishes when it is closed."""
    with _named(within, "make a spool file"):
        path = within / f"spool-{secrets.token_hex(8)}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
        os.unlink(path)
        return os.fdopen(descriptor, "w+b", buffering=0)


def opened(path: Path) -> BinaryIO:
    """Return *path* opened for reading, never through a symbolic link and never anything but a regular file.

    What is digested and what is parsed must be this one open file: the name may point elsewhere a moment later.
    """
    with _named(path, "open the file"):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a regular file")
        return os.fdopen(descriptor, "rb", buffering=0)


def uncached(path: Path) -> BinaryIO:
    """Return *path* opened for reading with its pages dropped from the cache, so that reading asks the disk.

    Works on synced files only; where the system knows no such advice the cache may still answer.
    """
    stream = opened(path)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return stream


def free(path: Path) -> int:
    """Return the bytes that may still be written on the disk of *path*."""
    with _named(path, "ask for the free space"):
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize


class Appending:
    """A file that grows: created exclusively as ``<final>.open``, finished once under its final name, read-only.

    Whoever appends can go back to a position that was whole (``cut``), so that a failed record leaves no trace.
    """

    def __init__(self, final: Path, suffix: str) -> None:
        self.final = final
        self.path = final.with_name(final.name + suffix)
        self.size = 0
        with _named(self.path, "create the file"):
            if os.path.lexists(final):
                raise FileExistsError
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
            self._descriptor = os.open(self.path, flags, 0o644)
            _sync_folder(self.path.parent)

    def write(self, content: bytes | memoryview) -> int:
        """Append all of *content*; a short write is continued, a refused one is a StoreError."""
        with _named(self.path, "write"):
            view = memoryview(content)
            while view:
                written = os.write(self._descriptor, view)
                self.size += written
                view = view[written:]
        return len(content)

    def sync(self) -> None:
        """Return when everything that was appended is on the disk."""
        with _named(self.path, "sync"):
            os.fsync(self._descriptor)

    def cut(self, size: int) -> None:
        """Go back to *size* bytes, as if nothing had been appended since."""
        with _named(self.path, "cut back"):
            os.ftruncate(self._descriptor, size)
            self.size = size

    def finish(self) -> None:
        """Make the file read-only, sync it, give it its final name, and sync the folder."""
        with _named(self.final, "name the finished file"):
            os.fchmod(self._descriptor, _READ_ONLY)
            os.fsync(self._descriptor)
            if os.path.lexists(self.final):
                raise FileExistsError
            os.rename(self.path, self.final)
            _sync_folder(self.final.parent)
        self.close()

    def close(self) -> None:
        """Let go of the file without finishing it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the exclusive lock *path* (flock(2)); it ends with the process, however that ends.

    Without *wait* a lock that somebody holds raises ArchiveLocked at once. The descriptor is not inherited by
    programs that are started; a forked child would inherit it (flock(2)), so nothing here forks.
    """
    private_folder(path.parent)
    is_new = not os.path.lexists(path)
    with _named(path, "lock"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _PRIVATE)
    try:
        if is_new:
            # The lock that is left behind is how a crash is seen at once, so a loss of power must leave it, too.
            with _named(path, "lock"):
                _sync_folder(path.parent)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise ArchiveLocked(path, "another muniment process holds this lock; wait for it to end") from None
        except OSError as failure:
            raise StoreError(path, f"could not lock: {failure.strerror}") from failure
        yield
    finally:
        os.close(descriptor)


def held(path: Path) -> bool:
    """Say whether a living process holds the lock *path*; a missing or unreadable lock is held by nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(descriptor)
