"""Which peers a browser lets in whose certificates it refused at first, and what each TLS peer is called."""

from contextlib import suppress
from datetime import datetime
from typing import Final

from muniment.errors import FormatError
from muniment.fetch.browser.page import Opened
from muniment.fetch.browser.refusal import CertificateRefusal, refusals
from muniment.fetch.browser.visit import Visit
from muniment.fetch.decoding.exchanges import Interpreter
from muniment.fetch.decoding.telling import Peer
from muniment.fetch.decoding.vouching import Roots, key_digest
from muniment.model import Connection

__all__ = ["Admission"]

_CHAIN: Final = 5.0
"""Seconds for the decoder to tell of a connection whose certificate the browser has refused already."""


class Admission:
    """``keys`` are those that the browser is told to let in, each with the word for its peer ("ok": vouched for).

    Let in are peers that the authorities in *roots* vouch for, and the seed's own in any case where *tls* is "record".
    """

    def __init__(self, roots: tuple[str, ...], tls: str) -> None:
        self.keys: dict[str, str] = {}
        self._roots = Roots(roots)
        self._tls = tls

    def widen(self, visit: Visit, opened: Opened, known: Interpreter) -> bool:
        """Let in what was refused in *visit* as far as the rules allow; say whether there is anybody new."""
        before = len(self.keys)
        for refused in refusals(visit.page.ledger.all()):
            made = _shown(visit, refused, known)
            if made is None or not made.chain:
                continue
            if made.tls == "ok" or (opened.refusal == refused and self._tls == "record"):
                with suppress(FormatError):
                    self.keys.setdefault(key_digest(made.chain[0]), made.tls)
        return len(self.keys) > before

    def judge(self, peer: Peer, host: str, at: datetime) -> tuple[str, str]:
        """Return what a TLS peer is called: the browser's verdict, or ours where it was overruled or refused it."""
        with suppress(FormatError):
            if not peer.refused and key_digest(peer.chain[0]) not in self.keys:
                return "ok", "verified by the browser, against its own root store"
        return self._roots.judge(peer.chain, host, at)


def _shown(visit: Visit, refused: CertificateRefusal, known: Interpreter) -> Connection | None:
    """Return the connection on which the refused certificate was shown; the decoder may be a moment behind."""
    visit.browser.devtools.until(lambda: known.at(refused.host, refused.port) is not None, _CHAIN)
    return known.at(refused.host, refused.port)
