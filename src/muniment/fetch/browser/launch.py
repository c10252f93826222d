"""A Chromium of our own: started with a fresh profile in its own process group, ended for certain."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from muniment.errors import FetchError
from muniment.fetch.browser.devtools import DevTools
from muniment.fetch.browser.find import Candidate
from muniment.fetch.browser.flags import Flag, Settings, Window, as_in_a_window, flags
from muniment.model import Reason

__all__ = ["Browser", "BrowserFacts"]

_START: Final = 40.0
_GOODBYE: Final = 5.0
_GONE: Final = 10.0
_SHM: Final = 1 << 30
_OF_A_SCREEN: Final = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_SESSION_TYPE")


@dataclass(frozen=True, slots=True)
class BrowserFacts:
    """Which browser ran, and how: what the context and the records of a capture say of it.

    *user_agent* is what sites were told. *sandboxed* False means that it ran as root, where Chromium has no sandbox.
    """

    program: str
    product: str
    revision: str
    user_agent: str
    sandboxed: bool
    flags: tuple[Flag, ...]
    settings: Settings


class Browser:
    """Chromium, from entering the ``with`` block to leaving it; FetchError (ENGINE_CRASH) where it does not start.

    *folder* exists, is private and empty: profile, home and temporary files go there, and whoever made it removes it.
    *key_log* is the path where the TLS keys go. Nothing of our own environment reaches the browser.
    """

    def __init__(self, program: Candidate, folder: Path, key_log: Path, settings: Settings) -> None:
        self._program = program.path
        if not settings.user_agent:
            settings = replace(settings, user_agent=as_in_a_window(program.version))
        self._folder = folder
        self._settings = settings
        self._as_root = hasattr(os, "geteuid") and os.geteuid() == 0
        self._flags = flags(
            settings, str(folder / "profile"), str(key_log), as_root=self._as_root, small_shm=_small_shared_memory()
        )
        self.devtools: DevTools
        self.facts: BrowserFacts
        self._running: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self._running, self.devtools = self._start()
        try:
            version = self.devtools.ask("Browser.getVersion", seconds=_START)
        except FetchError as failure:
            self._kill()
            said = self.devtools.said.decode("utf-8", "replace").strip()[-400:]
            self.devtools.close()
            raise FetchError(Reason.ENGINE_CRASH, f"{self._program} did not start: {failure.detail}; {said}") from None
        self.facts = BrowserFacts(
            self._program,
            version["product"],
            version["revision"],
            version["userAgent"],
            not self._as_root,
            self._flags,
            self._settings,
        )
        return self

    def __exit__(self, *_: object) -> None:
        # Asked first: a browser that ends by itself has written its key log whole.
        with contextlib.suppress(FetchError):
            self.devtools.tell("Browser.close")
            self.devtools.until(lambda: self._running.poll() is not None, _GOODBYE)
        self._kill()
        self.devtools.close()

    @property
    def group(self) -> int:
        """The id of the browser's process group, which is that of its first process."""
        return self._running.pid

    def kill(self) -> None:
        """End the browser at once, with every process of its group; what was waited for raises ENGINE_CRASH."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)

    def _kill(self) -> None:
        self.kill()
        try:
            self._running.wait(_GONE)
        except subprocess.TimeoutExpired:
            raise FetchError(Reason.ENGINE_CRASH, f"process {self.group} cannot be ended") from None

    def _start(self) -> tuple[subprocess.Popen[bytes], DevTools]:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        ours_errors, theirs_errors = os.pipe()
        starter = str(Path(__file__).with_name("start.py"))
        command = [sys.executable, "-I", "-S", starter, str(theirs_in), str(theirs_out)]
        command += [self._program, *(each.text for each in self._flags)]
        try:
            running = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=theirs_errors,
                pass_fds=(theirs_in, theirs_out),
                env=self._environment(),
                cwd=self._folder,
                start_new_session=True,
            )
        except OSError as failure:
            for each in (ours_out, ours_in, ours_errors):
                os.close(each)
            raise FetchError(Reason.ENGINE_CRASH, f"{self._program} did not start: {failure.strerror}") from failure
        finally:
            for each in (theirs_in, theirs_out, theirs_errors):
                os.close(each)
        return running, DevTools(ours_in, ours_out, ours_errors)

    def _environment(self) -> dict[str, str]:
        home = str(self._folder)
        given = {
            "HOME": home,
            # Relative to where it runs: the sockets that it makes there have room for 107 letters of path.
            "TMPDIR": ".",
            "XDG_CONFIG_HOME": home,
            "XDG_CACHE_HOME": home,
            "XDG_DATA_HOME": home,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "LANGUAGE": self._settings.languages[0].replace("-", "_"),
            "TZ": self._settings.time_zone,
            # There is no desktop to talk to; without this Chromium looks for one and complains.
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "DBUS_SYSTEM_BUS_ADDRESS": "disabled:",
        }
        if self._settings.window is Window.VISIBLE:
            given |= {name: os.environ[name] for name in _OF_A_SCREEN if name in os.environ}
        return given


def _small_shared_memory() -> bool:
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108 - asked how large it is, nothing is put there
    except (OSError, AttributeError):
        return False
    return found.f_bavail * found.f_frsize < _SHM
