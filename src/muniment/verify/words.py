"""What findings amount to in a few words, each with a state and a sentence: never one green tick for all of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from muniment.model import Check, Finding, Verdict
from muniment.verification import Said, Word

__all__ = ["said"]


def _named(*names: str) -> frozenset[Check]:
    # Some of these checks are made by the parts about time and custody; a check that nobody makes says nothing.
    return frozenset(check for check in Check if check.value in names)


_INTACT: Final = _named("event", "deletion") | frozenset(
    {
        Check.FILE,
        Check.FILE_DIGEST,
        Check.SUMS,
        Check.EXTRA_FILE,
        Check.STATEMENT,
        Check.OPENING,
        Check.MANIFEST,
        Check.MERKLE_ROOT,
        Check.CONTEXT,
        Check.RECORD,
        Check.MEMBER,
        Check.WARC_STRUCTURE,
        Check.MANIFEST_WARC,
        Check.PAYLOAD,
    }
)
_CHECKS: Final[Mapping[Word, frozenset[Check]]] = {
    Word.INTACT: _INTACT,
    Word.SIGNED: _named("event-signature", "key-event")
    | {Check.STATEMENT_SIGNATURE, Check.OPENING_SIGNATURE, Check.CHECKPOINT},
    Word.TIME_PROVED: _named("time-token", "time-proved"),
    Word.ANCHORED: frozenset({Check.ANCHORED}),
    Word.WITNESSED: frozenset({Check.WITNESSES}),
    Word.COMPLETE: _named("log-entry-event")
    | frozenset(
        {
            Check.LOG_TREE,
            Check.LOG_FILES,
            Check.LOG_ENTRY_OPENING,
            Check.LOG_ENTRY_CAPTURE,
            Check.OPEN_CAPTURES,
            Check.ROLLBACK,
            Check.AGAINST,
        }
    ),
    Word.CUSTODY: _named("custody"),
}
"""The checks that decide each word."""

_SENTENCES: Final[Mapping[Word, Mapping[Verdict, str]]] = {
    Word.INTACT: {
        Verdict.PASS: "Every byte is the byte that was sealed, and nothing lies there besides.",
        Verdict.FAIL: "Something was changed, lost or added since it was sealed.",
        Verdict.UNVERIFIABLE: "Some of it could not be read or judged.",
        Verdict.ABSENT: "Nothing sealed is here.",
    },
    Word.SIGNED: {
        Verdict.PASS: "Every seal and every checkpoint was signed by a key that you trust.",
        Verdict.FAIL: "A signature is missing, damaged or forged.",
        Verdict.UNVERIFIABLE: "Signed by somebody whom your trust does not name, or not for that time.",
        Verdict.ABSENT: "Nothing here is signed.",
    },
    Word.TIME_PROVED: {
        Verdict.PASS: "A time-stamping authority whom you trust shows by when it existed.",
        Verdict.FAIL: "A time-stamp is forged, or is over something else.",
        Verdict.UNVERIFIABLE: "A time-stamp is there, and your trust does not decide it.",
        Verdict.ABSENT: "No time-stamp: all times are the archive's own clock.",
    },
    Word.COMPLETE: {
        Verdict.PASS: "The log is whole, extends what was seen of it, and all that it names is here.",
        Verdict.FAIL: "The log and what lies here disagree, or it is not the log that was seen before.",
        Verdict.UNVERIFIABLE: "Whether anything is missing could not be decided everywhere.",
        Verdict.ABSENT: "There is no log here.",
    },
    Word.CUSTODY: {
        Verdict.PASS: "Each change of hands was sealed by who gave and by who received.",
        Verdict.FAIL: "What is recorded of custody is contradicted.",
        Verdict.UNVERIFIABLE: "What is recorded of custody leaves a gap, or your trust does not decide it.",
        Verdict.ABSENT: "No change of hands is recorded.",
    },
    Word.WITNESSED: {
        Verdict.PASS: "Trusted witnesses cosigned what they saw of the log.",
        Verdict.FAIL: "A cosignature is forged, or its witness saw another log.",
        Verdict.UNVERIFIABLE: "Fewer trusted witnesses saw all of the log than you ask for.",
        Verdict.ABSENT: "No witness whom you trust has cosigned the log.",
    },
}


def said(findings: Sequence[Finding]) -> tuple[Said, ...]:
    """Return every word with what *findings* make of it, in the order of :class:`Word`; nothing else decides them."""
    return tuple(_WORDS.get(word, _usual)(word, findings) for word in Word)


def _usual(word: Word, findings: Sequence[Finding]) -> Said:
    state = _state(_about(word, findings))
    return Said(word, state, _LABELS[word].get(state, _TITLES[word]), _SENTENCES[word][state])


def _by_its_finding(word: Word, findings: Sequence[Finding]) -> Said:
    """Say what the decisive finding says itself: it holds the numbers."""
    about = _about(word, findings)
    state = _state(about)
    # The finding on the log as a whole is the last one.
    detail = next((each.detail for each in reversed(about) if each.verdict is state), "")
    sentence = detail[:1].upper() + detail[1:]
    return Said(word, state, _TITLES[word], sentence or _SENTENCES.get(word, {}).get(state, "There is no log here."))


def _but_for_deletions(word: Word, findings: Sequence[Finding]) -> Said:
    """Never say that everything is intact where a file is gone, though an event says why."""
    usual = _usual(word, findings)
    gone = any(each.check is Check.DELETION and each.expected for each in findings)
    if not gone or usual.state is not Verdict.PASS:
        return usual
    sentence = "What is here is, byte for byte, what was sealed; files that were deleted are named."
    return Said(word, Verdict.ABSENT, "Intact but for what was deleted", sentence)


def _of_each(word: Word, findings: Sequence[Finding]) -> Said:
    """Never say that the time is proved where it is for some captures only."""
    usual = _usual(word, findings)
    times = [each.verdict for each in findings if each.check is Check.TIME_PROVED]
    proved = times.count(Verdict.PASS)
    if usual.state is not Verdict.PASS or proved == len(times):
        return usual
    sentence = f"Of {len(times):,} captures {proved:,} are covered by a time-stamp of an authority whom you trust."
    return Said(word, Verdict.ABSENT, f"Time proved of {proved:,} in {len(times):,}", sentence)


def _without_gaps(word: Word, findings: Sequence[Finding]) -> Said:
    """Say that custody is unbroken only where no capture has a gap, whatever is told of the others."""
    usual = _usual(word, findings)
    gaps = any(each.verdict is Verdict.ABSENT for each in _about(word, findings))
    if not gaps or usual.state in {Verdict.FAIL, Verdict.UNVERIFIABLE}:
        return usual
    return Said(word, Verdict.ABSENT, "Custody has gaps", "What is recorded of custody leaves gaps, which are named.")


def _about(word: Word, findings: Sequence[Finding]) -> list[Finding]:
    return [each for each in findings if each.check in _CHECKS[word]]


def _state(findings: Sequence[Finding]) -> Verdict:
    verdicts = {each.verdict for each in findings}
    order = (Verdict.FAIL, Verdict.UNVERIFIABLE, Verdict.PASS)
    return next((each for each in order if each in verdicts), Verdict.ABSENT)


_TITLES: Final[Mapping[Word, str]] = {
    Word.INTACT: "Intact",
    Word.SIGNED: "Signed",
    Word.TIME_PROVED: "Time proved",
    Word.ANCHORED: "Anchored",
    Word.WITNESSED: "Witnessed",
    Word.COMPLETE: "Complete against the log",
    Word.CUSTODY: "Custody",
}
_LABELS: Final[Mapping[Word, Mapping[Verdict, str]]] = {word: {} for word in Word} | {
    Word.INTACT: {Verdict.FAIL: "Not intact"},
    Word.SIGNED: {
        Verdict.PASS: "Signed by trusted",
        Verdict.UNVERIFIABLE: "Signed by unknown",
        Verdict.FAIL: "Signature bad or missing",
        Verdict.ABSENT: "Not signed",
    },
    Word.COMPLETE: {Verdict.FAIL: "Not complete against the log"},
    Word.CUSTODY: {Verdict.PASS: "Custody unbroken", Verdict.FAIL: "Custody contradicted"},
}
_WORDS: Final[Mapping[Word, Callable[[Word, Sequence[Finding]], Said]]] = {
    Word.TIME_PROVED: _of_each,
    Word.ANCHORED: _by_its_finding,
    Word.WITNESSED: _by_its_finding,
    Word.CUSTODY: _without_gaps,
    Word.INTACT: _but_for_deletions,
}
