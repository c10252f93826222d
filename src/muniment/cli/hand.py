"""The archivist at the terminal, while a page is in her hands."""

import os
import select
import sys

from muniment.cli import tell
from muniment.fetch.browser.flags import Window

__all__ = ["Hand", "lacking"]


def lacking() -> str:
    """Return what is lacking for somebody to act in a window and to say when she is done; empty where nothing is."""
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set). Run it on a desktop, or by ssh -X"
    if not sys.stdin.isatty():
        return "nobody is at the keyboard (standard input is no terminal), so nobody could say when to go on"
    return ""


class Hand:
    """Says what to do, and is done when Enter is pressed."""

    @property
    def window(self) -> Window:
        """Return that the browser is to be seen."""
        return Window.VISIBLE

    def begin(self, address: str) -> None:
        """Tell the archivist that the page is hers."""
        from muniment.report.words import safe

        tell(f"The page is yours, in the window that has opened: {safe(address)}")
        tell("Log in, answer, solve what has to be; leave the window open, and at the page that is to be captured.")
        tell("Then press Enter here.")

    def done(self) -> bool:
        """Say whether Enter was pressed, without waiting for it."""
        if not select.select([sys.stdin], [], [], 0)[0]:
            return False
        sys.stdin.readline()
        return True
