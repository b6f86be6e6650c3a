"""Norwegian wall time for whole columns: convert instants to what a clock in Oslo shows, and back; add months.

`times` is the reference for one value. Arrow's own kernels need the system's zone files, which slim machines lack.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from krr_export.domain.times import EPOCH, MICROSECOND, NORWAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SECOND = 1_000_000
_FIRST_YEAR = 1890  # clocks showed local mean time then; the very first transition was in 1895
_CYCLE_YEAR = 2100  # by then the zone's transitions follow one yearly rule
_CYCLE_YEARS = 400
_CYCLE = 146_097 * 86_400 * _SECOND
"""The Gregorian calendar repeats itself, weekdays included, after 400 years, and so does a yearly rule."""

_STEP = 28 * 86_400
"""Seconds: any two transitions are further apart."""

_LATEST = 253_402_300_800 * _SECOND - 1
"""The last microsecond of the year 9999 in UTC: the table has no later times."""


def to_wall(instants: NDArray[np.int64]) -> NDArray[np.int64]:
    """Convert instants to Norwegian wall time, both in microseconds since 1970-01-01T00:00.

    Args:
        instants: of the years 0001 to 9999.
    """
    transitions = _transitions()
    return instants + transitions.offsets[np.searchsorted(transitions.instants, _to_cycle(instants), side="right")]


def to_instants(walls: NDArray[np.int64]) -> NDArray[np.int64]:
    """Convert Norwegian wall time to instants; the inverse of `to_wall`.

    A time in the hour repeated in October is taken as the first pass, and one in the hour skipped in March with the
    offset before the change, as everywhere here (PEP 495: fold=0).
    """
    transitions = _transitions()
    return walls - transitions.offsets[np.searchsorted(transitions.walls, _to_cycle(walls), side="right")]


def ambiguous_and_skipped(walls: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which wall times a Norwegian clock shows twice, and which it never shows.

    Args:
        walls: in microseconds since 1970-01-01T00:00.
    """
    transitions = _transitions()
    times = _to_cycle(walls)
    before, after = transitions.offsets[:-1], transitions.offsets[1:]
    starts = transitions.instants + np.minimum(before, after)
    place = np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
    within = (times >= starts[place]) & (times < (transitions.instants + np.maximum(before, after))[place])
    back = (after < before)[place]
    return within & back, within & ~back


def months_after(instants: NDArray[np.int64], months: int) -> NDArray[np.int64]:
    """Return the instants this many calendar months later on a Norwegian clock.

    The day of the month and the time of day stay; if the later month is too short, its last day is taken. A time after
    the year 9999 becomes the last microsecond of that year.

    Args:
        instants: in microseconds since 1970, of the years 0001 to 9999.
        months: 0 or more.
    """
    walls = to_wall(instants).view("datetime64[us]")
    days = walls.astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    later = (month + months).astype("datetime64[D]")
    last = (month + (months + 1)).astype("datetime64[D]") - np.timedelta64(1, "D")
    moved = np.minimum(later + (days - month.astype("datetime64[D]")), last)
    return np.minimum(to_instants((moved + (walls - days)).view(np.int64)), _LATEST)


class _Transitions:
    """The transitions of Norway's offset from UTC, in microseconds.

    Attributes:
        instants: when each happened.
        walls: the wall time from which the new offset applies; the first pass of a repeated hour has the old one.
        offsets: the offset before the first transition, then after each.
    """

    def __init__(self, instants: list[int], offsets: list[int]) -> None:
        self.instants = np.array(instants, np.int64)
        self.offsets = np.array(offsets, np.int64)
        self.walls = self.instants + np.maximum(self.offsets[:-1], self.offsets[1:])


@cache
def _transitions() -> _Transitions:
    """Find all transitions up to the end of the first cycle of a yearly rule, to the second; takes some 30 ms."""
    first, end = _first_second(_FIRST_YEAR), _first_second(_CYCLE_YEAR + _CYCLE_YEARS)
    instants: list[int] = []
    offsets = [_utc_offset(first)]
    for start in range(first, end, _STEP):
        after = _utc_offset(start + _STEP)
        if after != offsets[-1]:
            instants.append(_find_transition(start, start + _STEP, after) * _SECOND)
            offsets.append(after)
    return _Transitions(instants, offsets)


def _find_transition(before: int, after: int, offset: int) -> int:
    """Return the first second after ``before`` that has the offset of ``after``."""
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _utc_offset(middle) == offset else (middle, after)
    return after


def _first_second(year: int) -> int:
    """Return the first second of a year, in seconds since 1970 in UTC."""
    return (datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(seconds=1)


def _utc_offset(second: int) -> int:
    """Return Norway's offset in microseconds, at a time in seconds since 1970."""
    moment = (EPOCH + timedelta(seconds=second)).astimezone(NORWAY)
    return (moment.utcoffset() or timedelta()) // MICROSECOND


def _to_cycle(micros: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move times beyond the known transitions back by whole cycles."""
    start = _first_second(_CYCLE_YEAR) * _SECOND
    if not micros.size or micros.max() < start + _CYCLE:
        return micros
    cycles: NDArray[np.int64] = np.maximum((micros - start) // _CYCLE, 0)
    return micros - cycles * _CYCLE
