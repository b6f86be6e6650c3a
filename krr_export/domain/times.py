"""Parse date and time values of the XSD (xs:dateTime, xs:date), one value at a time.

This is the reference; `parsing.columns` parses whole columns of usual values faster, and unusual values through this.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NORWAY = ZoneInfo("Europe/Oslo")
"""A timestamp without offset is Norwegian wall time."""

_MAX_CACHED_CHARACTERS = 64
"""A fraction may have millions of digits, which must not be cached."""

_FIRST_SUMMER_TIME = 1916
"""Before that, clocks changed once, on New Year's Day of 1895: 17 minutes from local mean time, not worth a code."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_DATE_TIME = re.compile(r"(-?\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?", flags=re.ASCII)
_DATE = re.compile(r"(-?\d{4,})-(\d\d)-(\d\d)(Z|[+-]\d\d:\d\d)?", flags=re.ASCII)


def date_time_micros(text: str) -> tuple[int | None, tuple[str, ...]]:
    """Return an xs:dateTime in microseconds since 1970 in UTC, and the codes of the findings about it.

    ``None`` if the instant is outside the years 0001 to 9999. The text must be valid by the XSD.
    """
    return _parse_date_time(text) if len(text) <= _MAX_CACHED_CHARACTERS else _parse_date_time.__wrapped__(text)


@lru_cache(maxsize=4096)
def _parse_date_time(text: str) -> tuple[int | None, tuple[str, ...]]:
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError("not an xs:dateTime")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, offset = match[7] or "", match[8]
    codes = []
    if len(fraction) > 6:  # noqa: PLR2004 - microseconds
        codes.append("time-fraction-cut")
    if hour == 24:  # noqa: PLR2004 - the XSD's way to write the end of a day
        codes.append("time-midnight-24")
    try:
        wall = datetime(year, month, day, hour % 24, minute, second, int(f"{fraction:0<6}"[:6]))  # noqa: DTZ001 - zone follows
        wall += timedelta(days=hour // 24)
        if offset is None:
            codes += ["time-without-offset", *_norwegian_codes(wall)]
            instant = wall.replace(tzinfo=NORWAY)
        else:
            instant = wall.replace(tzinfo=UTC) - _parse_offset(offset)
        return (instant.astimezone(UTC) - EPOCH) // MICROSECOND, tuple(codes)
    except (ValueError, OverflowError):
        return None, ("time-out-of-range",)


def date_days(text: str) -> tuple[int | None, tuple[str, ...]]:
    """Return an xs:date in days since 1970 (``None`` outside the years 0001 to 9999), and the codes of its findings."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not an xs:date")
    try:
        day = date(*(int(part) for part in match.groups()[:3]))
    except (ValueError, OverflowError):
        return None, ("time-out-of-range",)
    return (day - EPOCH.date()).days, ("date-offset-dropped",) if match[4] else ()


def to_instant(text: str) -> datetime | None:
    """Return an xs:dateTime as an instant in UTC; ``None`` outside the years 0001 to 9999."""
    micros, _ = date_time_micros(text)
    return None if micros is None else EPOCH + micros * MICROSECOND


def norwegian_offset(hours: int) -> tuple[int, tuple[str, ...]]:
    """Return the offset from UTC of one hour of Norwegian wall time, in microseconds, and the codes of findings.

    Args:
        hours: whole hours of wall time since 1970-01-01T00:00, in 1900 or later: since then the offset changes only at
            whole hours.

    Returns:
        what to subtract from wall time to get UTC, and the codes of the findings about any time in that hour.
    """
    wall = datetime(1970, 1, 1) + timedelta(hours=hours)  # noqa: DTZ001 - wall time
    offset = wall.replace(tzinfo=NORWAY).utcoffset() or timedelta()
    return offset // MICROSECOND, ("time-without-offset", *_norwegian_codes(wall))


def _norwegian_codes(wall: datetime) -> tuple[str, ...]:
    first = wall.replace(tzinfo=NORWAY, fold=0).utcoffset() or timedelta()
    second = wall.replace(tzinfo=NORWAY, fold=1).utcoffset() or timedelta()
    # fold=0 is right in both cases: the first pass, and the offset before the change.
    if first == second or wall.year < _FIRST_SUMMER_TIME:
        return ()
    return ("time-ambiguous",) if first > second else ("time-skipped",)


def _parse_offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta()
    size = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return -size if text.startswith("-") else size
