"""What a page that was got turned out to be: judged by one hand, whichever engine got it, and told as evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from muniment import canonical
from muniment.capture.recorder import Fact, Recorder
from muniment.extract import obstacle
from muniment.model import Exchange, Kind, Reason, Record, Role

__all__ = ["Judge", "Judged"]

_SAID: Final = {
    Reason.CHALLENGE: "a test for robots, or a guard's refusal, came in place of the page",
    Reason.LOGIN: "a login is asked for in place of the page",
    Reason.CONSENT: "a page that asks for consent came in place of the page",
    Reason.PAYWALL: "payment is asked for; only a part of the page came",
    Reason.SOFT_404: "something else than the page came, though the answer does not say so",
    Reason.EMPTY: "the page shows nothing",
}
_HEARD_OR_SEEN: Final = ("video/", "audio/")


@dataclass(frozen=True, slots=True)
class Judged:
    """A page, the record that it came in, and what stands between it and a reader."""

    received: obstacle.Received
    record_id: str
    found: obstacle.Judgement


class Judge:
    """Judges pages; hands what it finds to *recorder*, and tells *said* of the failed attempts among it."""

    def __init__(self, recorder: Recorder, said: Callable[[Exchange, Role], None], now: Callable[[], datetime]) -> None:
        self._recorder = recorder
        self._said = said
        self._now = now
        self._players: list[tuple[str, str, tuple[str, ...]]] = []

    def judge(self, body: bytes, charset: str | None, received: obstacle.Received, record_id: str) -> Judged:
        """Return what the page is that came in the record *record_id*; every sign is kept, whether it weighs or not."""
        found = obstacle.judged(body, received, charset=charset)
        if found.obstacles or found.players:
            content = canonical.encode(obstacle.encode(found, received))
            self._recorder.state(Fact(received.reached, record_id, content, self._now()))
        return Judged(received, record_id, found)

    def tell(self, judged: Judged, role: Role) -> None:
        """List what stands before the page for good, as failed attempts beside the answer that it is about.

        Players are remembered where the page is the article itself: of others nobody asks for films.
        """
        url = judged.received.reached.partition("#")[0]
        for reason, sign in judged.found.decisive().items():
            self._attempt(url, reason, f"{_SAID[reason]}: {sign.evidence} ({sign.signal})", judged.record_id)
        if judged.found.players and role is Role.ARTICLE:
            self._players.append((url, judged.record_id, judged.found.players))

    def unplayed(self, lines: Sequence[Record]) -> None:
        """List the players of the article that name no film, where *lines*, all of the capture, hold none either."""
        if any(_is_played(line) for line in lines):
            return
        for url, record_id, players in self._players:
            number = f"{len(players)} players name" if len(players) > 1 else "a player names"
            detail = f"{number} no film or sound, and none was got in the whole capture: {players[0]}"
            self._attempt(url, Reason.EMPTY, detail, record_id)

    def _attempt(self, url: str, reason: Reason, detail: str, record_id: str) -> None:
        attempt = Exchange(url, "GET", self._now(), reason, detail, None)
        self._said(attempt, Role.OTHER)
        self._recorder.take(attempt, Role.OTHER, record_id)


def _is_played(line: Record) -> bool:
    if line.kind is Kind.CONVERSION:
        return True
    answered = line.kind is Kind.RESPONSE and line.outcome is Reason.OK and line.size > 0
    return answered and (line.role in {Role.VIDEO, Role.AUDIO} or line.media_type.startswith(_HEARD_OR_SEEN))
