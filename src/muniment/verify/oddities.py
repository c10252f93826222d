"""What a trust file believes, in words, and what in it is odd: run out, empty, or asking for what nobody can give."""

from collections.abc import Iterator
from datetime import UTC, datetime

from muniment.verify.trust import Operator, Trust

__all__ = ["believed", "oddities"]


def believed(trust: Trust) -> tuple[str, ...]:
    """Return a line for each log, operator, authority and witness of *trust*, and for how many witnesses it needs."""
    lines = [f"the log {each.name}, key id {each.id.hex()}" for each in trust.logs]
    lines += [f"the operator {each.name!r}, key {each.key.keyid[:16]}…{_times(each)}" for each in trust.operators]
    lines += [f"the time-stamping authority {each.name!r}" for each in trust.authorities]
    lines += [f"the witness {each.name!r}, who signs as {each.key.name}" for each in trust.witnesses]
    if trust.witnesses:
        lines.append(f"a log when {trust.witnesses_needed} of {len(trust.witnesses)} witnesses saw it")
    return tuple(lines)


def oddities(trust: Trust, now: datetime) -> tuple[str, ...]:
    """Return what a person should look at in *trust*; nothing of it makes the file wrong."""
    return tuple(_odd(trust, now))


def _odd(trust: Trust, now: datetime) -> Iterator[str]:
    if not trust.logs:
        yield "it believes no log, so no checkpoint can be decided; paste the [[log]] lines that the archive gave you"
    if not trust.operators:
        yield "it believes no operator, so no seal can be decided; paste the [[operator]] lines that you were given"
    for each in trust.operators:
        yield from _odd_times(each, now)
    yield from _odd_keys(trust)
    if trust.witnesses and not trust.witnesses_needed:
        yield "it names witnesses and needs none of them (witnesses_needed = 0): what they saw is only noted"
    for authority in trust.authorities:
        ends = [each.not_valid_after_utc for each in authority.roots if each.issuer == each.subject]
        if ends and max(ends) <= now:
            yield f"the root of the time-stamping authority {authority.name!r} ended on {_day(max(ends))}"


def _odd_times(operator: Operator, now: datetime) -> Iterator[str]:
    name, since, until = repr(operator.name), operator.since, operator.until
    if since and until and until <= since:
        yield f"the operator {name} is believed until before from: no statement can fall between"
    elif until and until <= now:
        yield f"the operator {name} is believed only until {_day(until)}: nothing newer passes"
    if since and since > now:
        yield f"the operator {name} is believed only from {_day(since)} on, which is yet to come"
    if operator.revoked:
        yield f"the key of the operator {name} is revoked since {_day(operator.revoked)}"


def _odd_keys(trust: Trust) -> Iterator[str]:
    held = {each.key for each in trust.operators}
    for log in trust.logs:
        if log.public in held:
            yield f"the log {log.name} signs with the key of an operator: one hand can seal and log"
    inside = held | {each.public for each in trust.logs}
    for witness in trust.witnesses:
        if witness.key.public in inside:
            yield f"the witness {witness.name!r} has the key of a log or an operator, and so is nobody outside"


def _times(operator: Operator) -> str:
    named = (("from", operator.since), ("until", operator.until), ("revoked", operator.revoked))
    return "".join(f", {word} {_day(moment)}" for word, moment in named if moment)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
