"""The one way by which programs of others reach the network: a tunnel, and a decoder that reads what crosses it."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from muniment import scratch
from muniment.fetch.allowance import Allowance
from muniment.fetch.decoding.child import BODIES, SPOOLS
from muniment.fetch.decoding.decoder import Decoder
from muniment.fetch.decoding.telling import Told
from muniment.fetch.dial import Surroundings
from muniment.fetch.tunnel import Refusal, Tunnel
from muniment.rules import Rules

__all__ = ["Passage", "Route"]

_DECODING: Final = "decoding"
_DRAINED: Final = 10.0
_QUIET: Final = 1.0
_DECODED: Final = 120.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where a passage keeps its files, by which rules it connects, how much it may receive and until when.

    *folder* is private and the passage's own: it is emptied at its beginning and gone at its end. *ends* is a monotonic
    second; *stopped* is looked at wherever somebody waits: once it is true, every wait ends.
    """

    folder: Path
    rules: Rules
    around: Surroundings
    ends: float
    stopped: Callable[[], bool] = lambda: False
    allowance: Allowance | None = None

    @property
    def bodies(self) -> Path:
        """Where the files of exchanges are that the decoder tells of."""
        return self.folder / _DECODING / BODIES

    @property
    def spools(self) -> Path:
        """Where the spools of connections are, each by its id."""
        return self.folder / _DECODING / SPOOLS


class Passage:
    """A tunnel at ``port`` of 127.0.0.1 whose connections are read with the keys that their client writes to ``keys``.

    *told* is given what the decoder finds, in a thread of its own; *refused* what the tunnel did not connect, to the
    hosts *shut* among it. On leaving the ``with`` block what is still on its way is spooled, then everything is
    decoded: when the block is left, all is told. Whoever uses it ends its client before. Raises StoreError where the
    disk refuses, and FetchError (ENGINE_CRASH) where the decoder cannot be kept alive.
    """

    def __init__(
        self,
        route: Route,
        told: Callable[[Told], None],
        refused: Callable[[Refusal], None],
        shut: frozenset[str] = frozenset(),
    ) -> None:
        self._route = route
        self._told = told
        self._refused = refused
        self._shut = shut
        self._stack = ExitStack()
        self._tunnel: Tunnel
        self._decoder: Decoder

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._begin(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 at which the tunnel takes its client."""
        return self._tunnel.port

    @property
    def keys(self) -> Path:
        """Where the client's key log goes."""
        return self._decoder.keys

    @property
    def reader(self) -> int:
        """The process that decodes at the moment."""
        return self._decoder.pid

    def _begin(self, stack: ExitStack) -> None:
        route = self._route
        scratch.clear(route.folder)
        # The keys of the connections go with the folder, whatever else happens.
        stack.callback(scratch.clear, route.folder)
        decoding = route.folder / _DECODING
        scratch.folder(decoding)
        self._decoder = Decoder(decoding, route.rules.limits.max_resource_bytes, self._told)
        stack.callback(self._decoder.kill)
        self._tunnel = Tunnel(route.rules, route.around, self._decoder.spool, self._refused, ends=route.ends)
        self._tunnel.shut = self._shut
        if route.allowance is not None:
            self._tunnel.allowance = route.allowance
        stack.callback(self._drain)

    def _drain(self) -> None:
        """Spool what is still on its way, then decode what is spooled."""
        self._tunnel.drained(_DRAINED, _QUIET)
        self._tunnel.close()
        self._decoder.finish(_DECODED)
        if self._tunnel.failure is not None:
            raise self._tunnel.failure
