"""A time in the data is the instant that its sender meant, and what had to be assumed is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.domain.times import EPOCH, date_days, date_time_micros, norwegian_offset, to_instant
from krr_export.rules.catalogue import CATALOGUE

WITHOUT = "time-without-offset"
VECTORS = {
    # with an offset: that instant, and nothing to say
    "2014-02-25T13:08:00.000+01:00": ("2014-02-25T12:08:00+00:00",),
    "2014-02-25T12:08:00Z": ("2014-02-25T12:08:00+00:00",),
    "2014-02-25T12:08:00-00:00": ("2014-02-25T12:08:00+00:00",),
    "2014-02-25T12:08:00+14:00": ("2014-02-24T22:08:00+00:00",),
    "2014-02-25T12:08:00-14:00": ("2014-02-26T02:08:00+00:00",),
    "2014-02-25T12:08:00+05:45": ("2014-02-25T06:23:00+00:00",),
    "2014-02-25T12:08:00.5Z": ("2014-02-25T12:08:00.500000+00:00",),
    "2014-02-25T12:08:00.123456Z": ("2014-02-25T12:08:00.123456+00:00",),
    "2014-02-25T12:08:00Z \n": ("2014-02-25T12:08:00+00:00",),
    # without: Norwegian wall time
    "2013-10-21T10:10:11": ("2013-10-21T08:10:11+00:00", WITHOUT),
    "2014-02-25T13:08:00": ("2014-02-25T12:08:00+00:00", WITHOUT),
    # the repeated hour is its first pass
    "2014-10-26T01:59:59": ("2014-10-25T23:59:59+00:00", WITHOUT),
    "2014-10-26T02:00:00": ("2014-10-26T00:00:00+00:00", WITHOUT, "time-ambiguous"),
    "2014-10-26T02:30:00": ("2014-10-26T00:30:00+00:00", WITHOUT, "time-ambiguous"),
    "2014-10-26T02:59:59.999999": ("2014-10-26T00:59:59.999999+00:00", WITHOUT, "time-ambiguous"),
    "2014-10-26T03:00:00": ("2014-10-26T02:00:00+00:00", WITHOUT),
    # the skipped hour has the offset before the change
    "2014-03-30T01:59:59": ("2014-03-30T00:59:59+00:00", WITHOUT),
    "2014-03-30T02:00:00": ("2014-03-30T01:00:00+00:00", WITHOUT, "time-skipped"),
    "2014-03-30T02:30:00": ("2014-03-30T01:30:00+00:00", WITHOUT, "time-skipped"),
    "2014-03-30T03:00:00": ("2014-03-30T01:00:00+00:00", WITHOUT),
    # local mean time was given up by 17 minutes that no clock showed: they are no summer time's hour
    "1895-01-01T00:00:00": ("1894-12-31T23:17:00+00:00", WITHOUT),
    "1895-01-01T00:16:59": ("1894-12-31T23:33:59+00:00", WITHOUT),
    "1850-06-01T00:00:00": ("1850-05-31T23:17:00+00:00", WITHOUT),
    "1916-05-22T01:30:00": ("1916-05-22T00:30:00+00:00", WITHOUT, "time-skipped"),
    # midnight as the end of a day
    "2014-02-25T24:00:00Z": ("2014-02-26T00:00:00+00:00", "time-midnight-24"),
    "2014-12-31T24:00:00.000+01:00": ("2014-12-31T23:00:00+00:00", "time-midnight-24"),
    "2016-02-28T24:00:00": ("2016-02-28T23:00:00+00:00", "time-midnight-24", WITHOUT),
    # more than microseconds
    "2014-02-25T12:08:00.1234567Z": ("2014-02-25T12:08:00.123456+00:00", "time-fraction-cut"),
    "2014-02-25T12:08:00.9999999999999999Z": ("2014-02-25T12:08:00.999999+00:00", "time-fraction-cut"),
    "2014-02-25T12:08:00.0000000": ("2014-02-25T11:08:00+00:00", "time-fraction-cut", WITHOUT),
    # the calendar's ends, in UTC
    "0001-01-01T00:00:00Z": ("0001-01-01T00:00:00+00:00",),
    "0001-01-01T00:00:00+00:01": (None, "time-out-of-range"),
    "9999-12-31T23:59:59.999999Z": ("9999-12-31T23:59:59.999999+00:00",),
    "9999-12-31T23:59:59-00:01": (None, "time-out-of-range"),
    "9999-12-31T24:00:00Z": (None, "time-out-of-range"),
    "9999-12-31T24:00:00": (None, "time-out-of-range"),
    "0001-01-01T00:00:00": (None, "time-out-of-range"),
    "9999-12-31T23:59:59": ("9999-12-31T22:59:59+00:00", WITHOUT),
    "10000-01-01T00:00:00Z": (None, "time-out-of-range"),
    "-0001-01-01T00:00:00Z": (None, "time-out-of-range"),
    "-2014-02-25T12:08:00": (None, "time-out-of-range"),
    "9223372036854775807-01-01T00:00:00Z": (None, "time-out-of-range"),
    # before there was one time for the country
    "1850-06-01T12:00:00Z": ("1850-06-01T12:00:00+00:00",),
}


@pytest.mark.parametrize("text", VECTORS)
def test_a_time_is_the_instant_of_the_design(text: str) -> None:
    instant, codes = VECTORS[text][0], VECTORS[text][1:]
    given_micros, given_codes = date_time_micros(text)
    assert (to_instant(text) and to_instant(text).isoformat()) == instant  # type: ignore[union-attr]  # asked for before
    assert set(given_codes) == set(codes)
    assert len(given_codes) == len(codes)
    assert given_micros is None or EPOCH + timedelta(microseconds=given_micros) == to_instant(text)


def test_every_code_is_in_the_catalogue_and_no_reject() -> None:
    codes = {code for _, *codes in VECTORS.values() for code in codes} | {"date-offset-dropped"}
    assert {CATALOGUE[str(code)].severity for code in codes} <= {"info", "warning"}


@pytest.mark.parametrize(
    ("text", "day", "codes"),
    [
        ("2014-02-25", date(2014, 2, 25), ()),
        (" 2014-02-25\n", date(2014, 2, 25), ()),
        ("0001-01-01", date(1, 1, 1), ()),
        ("9999-12-31", date(9999, 12, 31), ()),
        ("2014-02-25Z", date(2014, 2, 25), ("date-offset-dropped",)),
        ("2014-02-25-11:00", date(2014, 2, 25), ("date-offset-dropped",)),
        ("10000-01-01", None, ("time-out-of-range",)),
        ("-0044-03-15Z", None, ("time-out-of-range",)),
    ],
)
def test_a_date_is_its_day(text: str, day: date | None, codes: tuple[str, ...]) -> None:
    assert date_days(text) == ((day - EPOCH.date()).days if day else None, codes)


@pytest.mark.parametrize("text", ["", "hemmelig", "2014-02-25", r"\N", "2014-02-25T12:08", "٢٠١٤-02-25T12:08:00Z"])
def test_what_is_no_time_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not an xs:dateTime$"):
        date_time_micros(text)
    with pytest.raises(ValueError, match=r"^not an xs:date$"):
        date_days(f"{text}T")


OSLO = ZoneInfo("Europe/Oslo")
walls = st.datetimes(datetime(1980, 1, 1), datetime(2037, 12, 31))  # noqa: DTZ001 - wall time
hours_about_changes = st.builds(
    lambda year, month, day, minutes: datetime(year, month, day) + timedelta(minutes=minutes),  # noqa: DTZ001 - wall time
    st.integers(1981, 2037),
    st.sampled_from([3, 10]),
    st.integers(22, 31),
    st.integers(0, 300),
)


@given(st.one_of(walls, hours_about_changes))
def test_norwegian_wall_time_is_what_pandas_makes_of_it(wall: datetime) -> None:
    expected = pd.Timestamp(wall).tz_localize(OSLO, ambiguous=True, nonexistent=timedelta(hours=1)).tz_convert("UTC")
    assert to_instant(wall.isoformat()) == expected.to_pydatetime()


@given(st.one_of(walls, hours_about_changes))
def test_what_is_said_of_wall_time_is_so(wall: datetime) -> None:
    _, codes = date_time_micros(wall.isoformat())
    first, second = (wall.replace(tzinfo=OSLO, fold=fold).astimezone(UTC) for fold in (0, 1))
    exists = first.astimezone(OSLO).replace(tzinfo=None) == wall
    assert ("time-skipped" in codes) == (not exists)
    assert ("time-ambiguous" in codes) == (exists and first != second)


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_an_offset_is_taken_off(wall: datetime, minutes: int) -> None:
    sign = "-" if minutes < 0 else "+"
    written = f"{wall.isoformat()}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    try:
        expected: datetime | None = wall.replace(tzinfo=UTC) - timedelta(minutes=minutes)
    except OverflowError:
        expected = None
    assert to_instant(written) == expected


@given(st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 30)))  # noqa: DTZ001 - wall time
def test_the_offset_is_the_same_throughout_an_hour(wall: datetime) -> None:
    hours = (wall - datetime(1970, 1, 1)) // timedelta(hours=1)  # noqa: DTZ001 - wall time
    offset, codes = norwegian_offset(hours)
    micros, said = date_time_micros(wall.isoformat())
    assert (micros, codes) == ((wall.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) - offset, said)
