"""Dates as pages write them, in the form of RFC 3339, with nothing added that the page does not say.

An instant needs a zone: RFC 3339 knows none without. So a time without a zone gives its date alone, and what can mean
two days (03/04/2024) gives nothing. The zone stays as it is written: ``+02:00`` is not turned into UTC.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

__all__ = ["instant_or_day"]

_LONGEST: Final = 300

# The names of the months in the languages whose pages are captured most; a name means the same in all that have it.
_MONTHS: Final = (
    (
        "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia января январь січня ocak"
        " يناير"
    ),
    (
        "february feb februar feber février févr fevrier febrero febbraio fevereiro fev februari lutego февраля февраль"
        " лютого şubat فبراير"
    ),
    "march mar märz mär mars marzo março maart marca марта март березня mart مارس",
    "april apr avril avr abril abr aprile kwietnia апреля апрель квітня nisan أبريل ابريل إبريل",
    "may mai mayo maggio mag maio mei maj maja мая май травня may\u0131s مايو",
    "june jun juni juin junio giugno giu junho czerwca июня июнь червня haziran يونيو",
    "july jul juli juillet juil julio luglio lug julho lipca июля июль липня temmuz يوليو",
    "august aug août aout agosto ago augustus augusti sierpnia августа август серпня ağustos أغسطس اغسطس",
    "september sep sept septembre septiembre settembre set setembro września сентября сентябрь вересня eylül سبتمبر",
    (
        "october oct oktober okt octobre octubre ottobre ott outubro out października октября октябрь жовтня ekim"
        " أكتوبر اكتوبر"
    ),
    "november nov novembre noviembre novembro listopada ноября ноябрь листопада kas\u0131m نوفمبر",
    (
        "december dec dezember dez décembre déc decembre diciembre dic dicembre dezembro desember des grudnia декабря"
        " декабрь грудня aral\u0131k ديسمبر"
    ),
)
_MONTH: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAME: Final = r"(?P<month>[^\W\d_]{3,12})"

_CLOCK: Final = r"(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?P<fraction>[.,]\d{1,9})?)?"
_ZONE: Final = r"(?P<zone>[Zz]|[+\-\u2212]\d\d:?(?:\d\d)?)"
# ISO 8601, extended and basic, as machines write it.
_ISO: Final = re.compile(
    rf"(?<!\d)(?P<year>\d{{4}})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)(?:(?:[Tt]|\s{{1,3}}){_CLOCK}\s?{_ZONE}?)?(?![\d])"
)
# RFC 5322 3.3, and what Date.toString of a browser gives.
_MAIL: Final = re.compile(
    rf"(?:(?P<day>\d{{1,2}})\s{_NAME}|{_NAME.replace('month', 'first')}\s(?P<second_day>\d{{1,2}}))"
    r"\s(?P<year>\d{4})\s"
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?P<fraction>)\s(?:GMT|UTC?)?(?P<zone>[+\-]\d{4}|(?<=T|C))"
)
# As people write it. The first that stands in the text counts.
_WRITTEN: Final = (
    re.compile(
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s{{0,3}}(?:de\s|of\s)?{_NAME}\.?,?\s{{1,3}}(?:de\s|del\s)?(?P<year>\d{{4}})(?!\d)"
    ),
    re.compile(
        rf"(?<![^\W\d_]){_NAME}\.?\s{{1,3}}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s{{1,3}}(?P<year>\d{{4}})(?!\d)"
    ),
    re.compile(r"(?P<year>\d{4})\s?[年년]\s?(?P<month>\d{1,2})\s?[月월]\s?(?P<day>\d{1,2})\s?[日일]"),
    re.compile(r"(?<![\d.])(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})(?![\d.])"),
    re.compile(r"(?<![\d/])(?P<year>\d{4})[/.](?P<month>\d{1,2})[/.](?P<day>\d{1,2})(?![\d/])"),
)
_EITHER: Final = re.compile(
    r"(?<![\d/\-])(?P<one>\d{1,2})(?P<mark>[/\-])(?P<other>\d{1,2})(?P=mark)(?P<year>\d{4})(?![\d/])"
)
_EPOCH: Final = re.compile(r"\d{10}(?:\d{3})?\Z")


def instant_or_day(raw: str) -> str:
    """Return the first date in *raw*: RFC 3339 with the zone as written, ``YYYY-MM-DD`` without one, or nothing.

    Nothing (an empty text) means: no date that is a day of the calendar and can be read in one way only. Seconds that
    are not written are zero, since RFC 3339 wants some; ``GMT`` and ``UTC`` are written ``Z``. Seconds since 1970, in
    10 or 13 digits, are UTC by their definition. Not promised: that the page is right.
    """
    text = raw[:_LONGEST].strip()
    if _EPOCH.match(text):
        return _since_1970(int(text[:10]))
    for pattern in (_ISO, _MAIL):
        if (found := pattern.search(text)) and (read := _instant(found)):
            return read
    days = [(found.start(), _day(found)) for pattern in _WRITTEN if (found := pattern.search(text))]
    if (found := _EITHER.search(text)) is not None:
        days.append((found.start(), _one_way(found)))
    return min((each for each in days if each[1]), default=(0, ""))[1]


def _since_1970(seconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(found: re.Match[str]) -> str:
    day = _day(found)
    if not day or found["hour"] is None or found["zone"] is None:
        return day
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    zone = _zone(found["zone"])
    # RFC 3339 5.7: a second 60 is a leap second; there is no hour 24.
    if hour > 23 or minute > 59 or second > 60 or not zone:
        return day
    fraction = "".join(f"{int(digit)}" for digit in (found["fraction"] or "")[1:])
    return f"{day}T{hour:02}:{minute:02}:{second:02}{'.' * bool(fraction)}{fraction}{zone}"


def _zone(written: str) -> str:
    if written in ("", "Z", "z"):
        return "Z"
    digits = f"{written[1:].replace(':', ''):0<4}"
    hours, minutes = int(digits[:2]), int(digits[2:4])
    return f"{'+' if written[0] == '+' else '-'}{hours:02}:{minutes:02}" if hours < 24 and minutes < 60 else ""


def _day(found: re.Match[str]) -> str:
    parts = found.groupdict()
    month = parts.get("month") or parts.get("first") or ""
    number = int(month) if month.isdigit() else _MONTH.get(month.lower(), 0)
    return _calendar(int(parts["year"]), number, int(parts.get("day") or parts.get("second_day") or 0))


def _one_way(found: re.Match[str]) -> str:
    """Return the day of 13/04/2024 or 04/13/2024; of 03/04/2024 only where both readings are one."""
    one, other, year = int(found["one"]), int(found["other"]), int(found["year"])
    readings = {_calendar(year, other, one), _calendar(year, one, other)} - {""}
    return readings.pop() if len(readings) == 1 else ""


def _calendar(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:  # no such day; the text meant something else
        return ""
