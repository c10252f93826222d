"""What a decoder tells of a passage, on its way to the recorder: exchanges, and connections that could not be read."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from muniment import scratch
from muniment.capture.recorder import Recorder, Resource
from muniment.fetch.decoding.exchanges import Interpreter
from muniment.fetch.decoding.telling import Ended, Heard, Peer, Told
from muniment.model import Exchange, Role

__all__ = ["Hearing"]

_SPOOL: Final = "application/octet-stream"


class Hearing:
    """Is told of a passage, in the decoder's thread: *heard* takes each exchange and records it.

    Of a connection that could not be read as a whole, a failed attempt is handed to *recorder* and *said*, and what
    crossed it, as a resource: the keys are gone after sealing. *spools* is the folder of the passage's spools.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        spools: Path,
        recorder: Recorder,
        said: Callable[[Exchange, Role], None],
        heard: Callable[[Heard, Exchange], None],
    ) -> None:
        self._interpreter = interpreter
        self._spools = spools
        self._recorder = recorder
        self._said = said
        self._heard = heard

    def __call__(self, told: Told) -> None:
        """Take what the decoder tells next; StoreError where the disk refuses."""
        match told:
            case Peer():
                self._interpreter.meet(told)
            case Heard():
                self._heard(told, self._interpreter.exchange(told))
            case Ended():
                if told.faults:
                    self._unread(told)
                scratch.forget(self._spools / told.connection)

    def _unread(self, ended: Ended) -> None:
        exchange = self._interpreter.unread(ended)
        record_id = self._recorder.take(exchange, Role.OTHER, "")
        self._said(exchange, Role.OTHER)
        with suppress(OSError):
            spool = (self._spools / ended.connection).open("rb")
            url = f"urn:spool:{exchange.url}"
            self._recorder.keep(Resource(url, Role.OTHER, _SPOOL, spool, exchange.started, record_id))
