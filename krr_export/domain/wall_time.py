"""Norwegian wall time of whole columns: instants → what a clock in Oslo shows, and back; months are added in between.

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
_FIRST_YEAR = 1890  # before, clocks showed local mean time; the first change of all was in 1895
_CYCLE_YEAR = 2100  # by then the zone's changes follow one yearly rule
_CYCLE_YEARS = 400
_CYCLE = 146_097 * 86_400 * _SECOND
"""The Gregorian calendar repeats itself, weekdays included, after 400 years: so does a yearly rule."""

_STEP = 28 * 86_400
"""Seconds: no two changes were ever so near to each other."""

_LATEST = 253_402_300_800 * _SECOND - 1
"""The last microsecond of the year 9999 in UTC: beyond it the table has no times."""


def to_wall(instants: NDArray[np.int64]) -> NDArray[np.int64]:
    """Instants as Norwegian wall time, both in microseconds since 1970-01-01T00:00.

    Args:
        instants: of the years 0001 to 9999.
    """
    changes = _changes()
    return instants + changes.offsets[np.searchsorted(changes.instants, _in_cycle(instants), side="right")]


def to_instants(walls: NDArray[np.int64]) -> NDArray[np.int64]:
    """Norwegian wall time as instants; the opposite of `to_wall`.

    The repeated hour in October is its first pass, and an hour skipped in March takes the offset before the change, as
    everywhere here (PEP 495: fold=0).
    """
    changes = _changes()
    return walls - changes.offsets[np.searchsorted(changes.walls, _in_cycle(walls), side="right")]


def ambiguous_and_skipped(walls: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which wall times a Norwegian clock shows twice, and which never.

    Args:
        walls: in microseconds since 1970-01-01T00:00.
    """
    changes = _changes()
    times = _in_cycle(walls)
    before, after = changes.offsets[:-1], changes.offsets[1:]
    starts = changes.instants + np.minimum(before, after)
    place = np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
    within = (times >= starts[place]) & (times < (changes.instants + np.maximum(before, after))[place])
    back = (after < before)[place]
    return within & back, within & ~back


def months_after(instants: NDArray[np.int64], months: int) -> NDArray[np.int64]:
    """The instants so many calendar months later on a Norwegian clock.

    The day of the month and the time of day stay; where that month is too short, its last day. What would lie beyond
    the year 9999 is the last microsecond of it.

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


class _Changes:
    """The changes of Norway's offset from UTC, in microseconds.

    Attributes:
        instants: when each happened.
        walls: from which wall time on the new offset holds: the first pass of what is repeated is the old one's.
        offsets: the offset before the first change, then after each.
    """

    def __init__(self, instants: list[int], offsets: list[int]) -> None:
        self.instants = np.array(instants, np.int64)
        self.offsets = np.array(offsets, np.int64)
        self.walls = self.instants + np.maximum(self.offsets[:-1], self.offsets[1:])


@cache
def _changes() -> _Changes:
    """All changes up to the end of the first cycle of a yearly rule, found to the second; some 30 ms."""
    first, end = _second(_FIRST_YEAR), _second(_CYCLE_YEAR + _CYCLE_YEARS)
    instants: list[int] = []
    offsets = [_offset(first)]
    for start in range(first, end, _STEP):
        after = _offset(start + _STEP)
        if after != offsets[-1]:
            instants.append(_change(start, start + _STEP, after) * _SECOND)
            offsets.append(after)
    return _Changes(instants, offsets)


def _change(before: int, after: int, offset: int) -> int:
    """The first second in between that has the offset of ``after``."""
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _offset(middle) == offset else (middle, after)
    return after


def _second(year: int) -> int:
    """The year's first second since 1970 in UTC."""
    return (datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(seconds=1)


def _offset(second: int) -> int:
    """Norway's offset at a second since 1970, in microseconds."""
    moment = (EPOCH + timedelta(seconds=second)).astimezone(NORWAY)
    return (moment.utcoffset() or timedelta()) // MICROSECOND


def _in_cycle(micros: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same time of a year that the changes cover."""
    start = _second(_CYCLE_YEAR) * _SECOND
    if not micros.size or micros.max() < start + _CYCLE:
        return micros
    cycles: NDArray[np.int64] = np.maximum((micros - start) // _CYCLE, 0)
    return micros - cycles * _CYCLE
