"""The age of contact data is what a Norwegian calendar says, to the microsecond, at month ends and leap days too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krr_export.parsing.batch_view import NEVER
from krr_export.profiling.ages import GROUPS, Calendar, months_before

OSLO = ZoneInfo("Europe/Oslo")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

moments = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(OSLO))  # noqa: DTZ001 - it follows
month_ends = st.builds(
    lambda moment, days: (moment.replace(day=1, tzinfo=None) + timedelta(days=days)).replace(tzinfo=OSLO),
    moments,
    st.integers(-4, 3),
)
exports = st.one_of(moments, month_ends)


def oslo(text: str) -> datetime:
    """A Norwegian wall time, its first pass, or an instant where an offset says which pass it is."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=OSLO)


def micros(moment: datetime) -> int:
    return (moment.astimezone(UTC) - EPOCH) // MICROSECOND


def shifted(moment: datetime, months: int) -> datetime:
    """So many months later on a Norwegian clock, by pandas."""
    wall = pd.Timestamp(moment.astimezone(OSLO).replace(tzinfo=None, fold=0)) + pd.DateOffset(months=months)
    return wall.to_pydatetime().replace(tzinfo=OSLO).astimezone(UTC)


def group(exported: datetime, moment: datetime) -> str:
    index: int = Calendar(exported).groups(np.array([micros(moment)]))[0]
    return GROUPS[index]


def is_expired(exported: datetime, moment: datetime) -> bool:
    return bool(Calendar(exported).expired(np.array([micros(moment)]))[0])


@pytest.mark.parametrize(
    ("exported", "months", "edge"),
    [
        ("2026-03-31T12:00:00", 1, "2026-02-28T12:00:00"),
        ("2024-03-31T12:00:00", 1, "2024-02-29T12:00:00"),
        ("2024-02-29T12:00:00", 12, "2023-02-28T12:00:00"),
        ("2024-02-29T12:00:00", 48, "2020-02-29T12:00:00"),
        ("2026-01-15T00:00:00", 1, "2025-12-15T00:00:00"),
        ("2026-04-29T02:30:00", 1, "2026-03-29T01:30:00+00:00"),  # a time that no clock showed that day
        ("2026-11-25T02:30:00", 1, "2026-10-25T00:30:00+00:00"),  # a time that clocks showed twice
        ("2026-02-26T12:22:25.123456", 18, "2024-08-26T12:22:25.123456"),
    ],
)
def test_months_are_counted_back_by_the_calendar_and_the_clock(exported: str, months: int, edge: str) -> None:
    assert months_before(oslo(exported).astimezone(UTC), months) == oslo(edge)


@given(exports, st.integers(1, 120))
def test_pandas_counts_back_to_the_same_instant(exported: datetime, months: int) -> None:
    assert months_before(exported, months) == shifted(exported, -months)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-31T12:00:00.000001", "future"),
        ("2026-03-31T12:00:00", "0"),
        ("2026-02-28T12:00:00.000001", "0"),
        ("2026-02-28T12:00:00", "1"),
        ("2026-01-31T12:00:00", "2"),
        ("2016-03-31T12:00:00.000001", "119"),
        ("2016-03-31T12:00:00", "120+"),
        ("0001-01-02T00:00:00", "120+"),
        ("9999-12-30T00:00:00", "future"),
    ],
)
def test_an_age_is_in_whole_months_and_exact_to_the_microsecond(moment: str, expected: str) -> None:
    assert group(oslo("2026-03-31T12:00:00"), oslo(moment)) == expected


@given(exports, st.integers(-2, 122), st.sampled_from([-1, 0, 1]), st.integers(0, 40 * 86_400_000_000))
@example(oslo("2024-02-29T23:59:59.999999"), 12, 0, 0)
def test_the_group_is_that_of_the_last_edge_that_was_passed(
    exported: datetime, months: int, near: int, away: int
) -> None:
    edge = shifted(exported, -months)
    for moment in (edge + near * MICROSECOND, edge + away * MICROSECOND):
        passed = sum(moment <= shifted(exported, -back) for back in range(1, 121))
        future = moment > exported
        assert group(exported, moment) == ("future" if future else "120+" if passed == 120 else str(passed))


@pytest.mark.parametrize(
    ("exported", "confirmed", "expired"),
    [
        ("2026-02-26T12:00:00", "2024-08-26T12:00:00", False),
        ("2026-02-26T12:00:00", "2024-08-26T11:59:59.999999", True),
        # What was confirmed on the last days of August may be used until the last day of February, at the same time.
        ("2026-02-28T12:00:00", "2024-08-31T12:00:00", False),
        ("2026-02-28T12:00:00", "2024-08-31T11:00:00", True),
        ("2026-02-28T12:00:00", "2024-08-28T12:00:00", False),
        # On a leap day: until 29 August, not until the month's end.
        ("2025-08-29T12:00:00", "2024-02-29T12:00:00", False),
        ("2025-08-31T12:00:00", "2024-02-29T12:00:01", True),
        ("2024-02-29T12:00:00", "2022-08-31T12:00:00", False),
        # By the clock on days when it is moved: no 02:30 when confirmed, 02:10 twice when confirmed, or when exported.
        ("2023-09-27T02:30:00", "2022-03-27T03:10:00", False),
        ("2027-04-26T02:30:00", "2025-10-26T02:10:00+01:00", True),
        ("2026-10-25T02:10:00+01:00", "2025-04-25T02:20:00", True),
    ],
)
def test_contact_data_may_be_used_for_eighteen_calendar_months(exported: str, confirmed: str, *, expired: bool) -> None:
    assert is_expired(oslo(exported), oslo(confirmed)) is expired


@given(exports, st.integers(-5 * 86_400_000_000, 5 * 86_400_000_000))
def test_contact_data_is_too_old_once_its_own_eighteen_months_are_over(exported: datetime, away: int) -> None:
    for moment in (shifted(exported, -18) + away * MICROSECOND, shifted(exported, -18) + away // 10**9 * MICROSECOND):
        assert is_expired(exported, moment) is (shifted(moment, 18) < exported.astimezone(UTC))


def test_what_has_no_time_is_older_than_anything() -> None:
    for exported in (oslo("2026-02-26T12:00:00"), datetime(3, 1, 1, tzinfo=UTC)):
        calendar = Calendar(exported)
        assert calendar.expired(np.array([NEVER])).tolist() == [True]
        first_of_all = micros(datetime(1, 1, 1, tzinfo=UTC))
        assert calendar.groups(np.array([NEVER, first_of_all])).tolist() == [calendar.oldest] * 2


@pytest.mark.parametrize("exported", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)])
def test_an_export_at_the_calendars_ends_has_ages_too(exported: datetime) -> None:
    assert group(exported, exported) == "0"
    assert not is_expired(exported, exported)
