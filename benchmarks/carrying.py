"""A tunnel and its decoder in a process of their own, for browser.py: nothing else is in its memory."""

import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from muniment.fetch.decoding.telling import Heard, Told
from muniment.fetch.dial import Surroundings
from muniment.fetch.passage import Passage, Route
from muniment.rules import Limits, Rules


def passage(folder: Path, told: Callable[[Told], None] = lambda _: None) -> Passage:
    """Return a tunnel with its decoder, by which only this machine is reached."""
    rules = Rules(allow_net=("127.0.0.0/8",), dns=False, limits=Limits(delay=0, per_host=64))
    around = Surroundings(tempfile.TemporaryFile, lambda: dt.datetime.now(dt.UTC))
    return Passage(Route(folder, rules, around, time.monotonic() + 600), told, lambda _: None)


def say(**words: object) -> None:
    """Say something to the parent."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    """Carry until stdin ends; say where, and when an exchange was decoded."""

    def heard(told: Told) -> None:
        if isinstance(told, Heard):
            say(size=told.size, whole=told.whole)

    with passage(folder, heard) as opened:
        say(port=opened.port, keys=str(opened.keys), reader=opened.reader)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
