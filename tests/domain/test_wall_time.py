"""Norwegian wall time of whole columns is what zoneinfo says of each value, and months are added as on a calendar."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krr_export.domain.wall_time import months_after, to_instants, to_wall

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

OSLO = ZoneInfo("Europe/Oslo")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_WALL = datetime(1970, 1, 1)  # noqa: DTZ001 - wall time
MICROSECOND = timedelta(microseconds=1)
YEAR_9999_ENDS = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - EPOCH) // MICROSECOND

# A day inside the calendar's ends: there Python itself has no local time.
FIRST_MICRO = (datetime(1, 1, 2, tzinfo=UTC) - EPOCH) // MICROSECOND
LAST_MICRO = (datetime(9999, 12, 30, tzinfo=UTC) - EPOCH) // MICROSECOND

anywhere = st.integers(FIRST_MICRO, LAST_MICRO)
recently = st.datetimes(datetime(2012, 1, 1), datetime(2031, 1, 1)).map(  # noqa: DTZ001 - the zone follows
    lambda wall: (wall.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
)
moments = st.lists(st.one_of(anywhere, recently), min_size=1, max_size=50)


def wall_by_zoneinfo(micros: int) -> int:
    return ((EPOCH + micros * MICROSECOND).astimezone(OSLO).replace(tzinfo=None) - EPOCH_WALL) // MICROSECOND


def instant_by_zoneinfo(micros: int) -> int:
    return ((EPOCH_WALL + micros * MICROSECOND).replace(tzinfo=OSLO, fold=0) - EPOCH) // MICROSECOND


def later_by_calendar(micros: int, months: int) -> int:
    """So many months later, by Python's own calendar."""
    wall = (EPOCH + micros * MICROSECOND).astimezone(OSLO).replace(tzinfo=None, fold=0)
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    if year > 9999:
        return YEAR_9999_ENDS
    day = min(wall.day, calendar.monthrange(year, month + 1)[1])
    later = wall.replace(year=year, month=month + 1, day=day, tzinfo=OSLO)
    return (later - EPOCH) // MICROSECOND


def of_each(function: Callable[[Any], Any], values: list[int]) -> list[int]:
    result: list[int] = function(np.array(values, np.int64)).tolist()
    return result


@given(moments)
def test_wall_time_is_what_zoneinfo_says(values: list[int]) -> None:
    assert of_each(to_wall, values) == [wall_by_zoneinfo(value) for value in values]


@given(moments)
def test_an_instant_is_what_zoneinfo_says_the_first_pass_where_there_are_two(values: list[int]) -> None:
    assert of_each(to_instants, values) == [instant_by_zoneinfo(value) for value in values]


@pytest.mark.parametrize("year", [1895, 1916, 1940, 1945, 1980, 1996, 2026, 2037, 2038, 2099, 2100, 2499, 2500, 9990])
def test_each_hour_of_a_year_is_what_zoneinfo_says_to_the_microsecond_around_it(year: int) -> None:
    start = (datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND - 86_400_000_000
    hours = range(start, start + 368 * 86_400_000_000, 3_600_000_000)
    values = [hour + delta for hour in hours for delta in (-1, 0, 1)]
    assert of_each(to_wall, values) == [wall_by_zoneinfo(value) for value in values]
    assert of_each(to_instants, values) == [instant_by_zoneinfo(value) for value in values]


@given(moments, st.integers(0, 40))
@example([LAST_MICRO], 1)
@example([FIRST_MICRO], 18)
def test_months_later_is_what_a_calendar_says(values: list[int], months: int) -> None:
    assert of_each(lambda v: months_after(v, months), values) == [later_by_calendar(value, months) for value in values]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2023-01-15T12:00:00+01:00", "2024-07-15T12:00:00+02:00"),  # the time of day stays, not the hours between
        ("2023-08-31T10:00:00+02:00", "2025-02-28T10:00:00+01:00"),
        ("2022-08-31T10:00:00+02:00", "2024-02-29T10:00:00+01:00"),
        ("2022-08-29T10:00:00+02:00", "2024-02-29T10:00:00+01:00"),
        ("2024-02-29T10:00:00+01:00", "2025-08-29T10:00:00+02:00"),
        ("2022-12-31T23:59:59.999999+01:00", "2024-06-30T23:59:59.999999+02:00"),
        ("2022-12-31T23:30:00+00:00", "2024-06-30T22:30:00+00:00"),  # 1 January in Norway
        ("2025-04-26T02:30:00+02:00", "2026-10-26T02:30:00+01:00"),
        ("2025-04-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00"),  # 02:30 comes twice: the first
        ("2024-09-29T02:30:00+02:00", "2026-03-29T03:30:00+02:00"),  # there is no 02:30: 01:30 UTC
        ("2024-10-27T02:30:00+01:00", "2026-04-27T02:30:00+02:00"),  # from the second pass
    ],
)
def test_eighteen_months_end_where_they_should(before: str, after: str) -> None:
    expected = datetime.fromisoformat(after)
    start = (datetime.fromisoformat(before) - EPOCH) // MICROSECOND
    assert of_each(lambda v: months_after(v, 18), [start]) == [(expected - EPOCH) // MICROSECOND]


def test_months_later_is_what_duckdb_says_where_its_clock_time_comes_once() -> None:
    instants = np.random.default_rng(5).integers(1_300_000_000, 1_900_000_000, 20_000) * 1_000_000 + 123_456
    later = months_after(instants, 18)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'Europe/Oslo'")
        database.register("given", {"instant": instants})
        said = database.execute("SELECT epoch_us(make_timestamptz(instant) + INTERVAL 18 MONTH) AS said FROM given")
        expected = said.fetchnumpy()["said"]
    walls = to_wall(later)
    once = np.array([_comes_once(wall) for wall in walls.tolist()])
    assert once.mean() > 0.999
    assert (later[once] == expected[once]).all()


def _comes_once(micros: int) -> bool:
    wall = EPOCH_WALL + micros * MICROSECOND
    return wall.replace(tzinfo=OSLO, fold=0).utcoffset() == wall.replace(tzinfo=OSLO, fold=1).utcoffset()


def test_no_values_give_none() -> None:
    assert of_each(lambda v: months_after(v, 18), []) == []
