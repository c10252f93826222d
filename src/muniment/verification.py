"""What a verification amounts to: its findings, the words that sum them up, what they prove and what they do not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from muniment.model import Finding, Verdict

__all__ = ["Anchor", "Said", "Verification", "Word"]


class Anchor(StrEnum):
    """Whether anybody outside has seen a log, from the weakest answer to the strongest."""

    ABSENT = "absent"
    PENDING = "pending"
    STAMPED = "stamped"
    WITNESSED = "witnessed"


class Word(StrEnum):
    """The words in which reports sum findings up, in this order."""

    INTACT = "intact"
    SIGNED = "signed"
    TIME_PROVED = "time-proved"
    ANCHORED = "anchored"
    WITNESSED = "witnessed"
    COMPLETE = "complete"
    CUSTODY = "custody"


@dataclass(frozen=True, slots=True)
class Said:
    """One word, its state, what it reads like in that state, and a sentence."""

    word: Word
    state: Verdict
    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verification:
    """All findings about one archive, what follows from them, and what does not.

    ``verdict`` is never ABSENT; ``trust`` says whose trust decided; ``counts`` are numbers of captures, records and
    the like; ``not_checked`` names what this run left out; ``words`` sum it up, and ``anchored`` says whether anybody
    outside has seen the log, of several logs the one of which the least is to be said.
    """

    verdict: Verdict
    trust: str
    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    not_checked: tuple[str, ...]
    proves: tuple[str, ...]
    does_not_prove: tuple[str, ...]
    words: tuple[Said, ...] = ()
    anchored: Anchor = Anchor.ABSENT

    @property
    def exit(self) -> int:
        """The exit status that says it: 0 pass, 1 fail, 4 unverifiable."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1}.get(self.verdict, 4)
