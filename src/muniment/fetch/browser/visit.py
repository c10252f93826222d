"""One browser on its way: tunnel, decoder and Chromium, begun in this order and ended so that nothing is lost."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from muniment import scratch
from muniment.errors import FetchError
from muniment.fetch.allowance import Allowance
from muniment.fetch.browser.find import Candidate
from muniment.fetch.browser.flags import PHONED, Settings
from muniment.fetch.browser.key_log import try_key_log
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page, Patience
from muniment.fetch.decoding.child import BODIES, SPOOLS
from muniment.fetch.decoding.decoder import Decoder
from muniment.fetch.decoding.telling import Told
from muniment.fetch.dial import Surroundings
from muniment.fetch.tunnel import Refusal, Tunnel
from muniment.model import Reason, Rules

__all__ = ["Equipment", "Visit"]

_DECODING: Final = "decoding"
_DRAINED: Final = 10.0
_DECODED: Final = 120.0


@dataclass(frozen=True, slots=True)
class Equipment:
    """With what a visit is made: which program, below which private folder, under which rules, until when.

    *stopped* is looked at while the browser is waited for: once it is true, every wait ends with INTERRUPTED.
    """

    program: Candidate
    folder: Path
    rules: Rules
    around: Surroundings
    ends: float
    stopped: Callable[[], bool] = lambda: False
    allowance: Allowance | None = None
    patience: Patience = field(default_factory=Patience)

    @property
    def bodies(self) -> Path:
        """Where the files of exchanges are that the decoder tells of."""
        return self.folder / _DECODING / BODIES

    @property
    def spools(self) -> Path:
        """Where the spools of connections are, each by its id."""
        return self.folder / _DECODING / SPOOLS


class Visit:
    """A browser with a page, ``page``, that reaches the network by a tunnel which is decoded as it goes.

    *told* is given what the decoder finds, in a thread of its own; *refused* what the tunnel did not connect. On
    leaving the ``with`` block the browser is ended first, then what is still on its way is spooled, then everything
    is decoded: when the block is left, all is told. Raises FetchError (ENGINE_CRASH) where the browser does not start
    or writes no key log, StoreError where the disk refuses.
    """

    def __init__(
        self,
        equipment: Equipment,
        settings: Settings,
        told: Callable[[Told], None],
        refused: Callable[[Refusal], None],
    ) -> None:
        self._equipment = equipment
        self._settings = settings
        self._told = told
        self._refused = refused
        self._stack = ExitStack()
        self.key_log = ""
        self.browser: Browser
        self.page: Page
        self.tunnel: Tunnel
        self.decoder: Decoder

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._begin(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _begin(self, stack: ExitStack) -> None:
        wanted = self._equipment
        scratch.clear(wanted.folder)
        own, decoding = wanted.folder / "browser", wanted.folder / _DECODING
        # The keys of the connections go with the folder, whatever else happens.
        stack.callback(scratch.clear, wanted.folder)
        for each in (own, decoding):
            scratch.folder(each)
        self.decoder = Decoder(decoding, wanted.rules.limits.max_resource_bytes, self._told)
        stack.callback(self.decoder.kill)
        self.tunnel = Tunnel(wanted.rules, wanted.around, self.decoder.spool, self._refused, ends=wanted.ends)
        self.tunnel.shut = PHONED
        if wanted.allowance is not None:
            self.tunnel.allowance = wanted.allowance
        stack.callback(self._drain)
        settings = replace(self._settings, proxy=f"socks5://127.0.0.1:{self.tunnel.port}")
        self.browser = stack.enter_context(Browser(wanted.program, own, self.decoder.keys, settings))
        self.browser.devtools.stopped = wanted.stopped
        self.page = Page(self.browser, ends=wanted.ends, patience=wanted.patience)
        found = try_key_log(self.browser.devtools, self.page.sessions, self.decoder.keys, own)
        self.key_log = found.words
        if not found.written:
            raise FetchError(
                Reason.ENGINE_CRASH,
                f"{wanted.program.path} cannot be used, because what it receives could not be read: {found.words}",
            )

    def _drain(self) -> None:
        """Spool what is still on its way, then decode what is spooled."""
        self.tunnel.drained(_DRAINED)
        self.tunnel.close()
        self.decoder.finish(_DECODED)
        if self.tunnel.failure is not None:
            raise self.tunnel.failure
