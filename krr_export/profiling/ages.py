"""How old contact data is: whole calendar months before the export, in Norwegian wall time."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from krr_export.domain.times import EPOCH, MICROSECOND, NORWAY
from krr_export.domain.vocabulary import USABLE_MONTHS
from krr_export.domain.wall_time import months_after
from krr_export.parsing.batch_view import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_MONTHS = 120
"""What is older is counted together."""

GROUPS = ("future", *(str(months) for months in range(MOST_MONTHS)), f"{MOST_MONTHS}+")
"""The groups of age, youngest first: after the export, then so many whole months before it."""

_ALWAYS = np.iinfo(np.int64).max
_YEAR_1 = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
_DOUBTFUL = 4 * 86_400_000_000
"""Microseconds. Months differ by three days at most, and a clock is moved by hours."""

_SHORTEST_MONTH = 28
_LEAST_YEAR, _MOST_YEAR = 1900, 9999
"""Between them, a day more or less is in the calendar, and its offset is of whole hours."""

_STRETCH_BITS = 36
_STRETCH = 1 << _STRETCH_BITS
"""Microseconds: 19 hours."""


def months_before(moment: datetime, months: int) -> datetime | None:
    """The instant so many calendar months earlier on a Norwegian clock; ``None`` before the year 1.

    Where that month is too short, its last day. A wall time that occurs twice is the first of them, and one that does
    not exist is taken with the offset before the change, as everywhere here (see `times`).

    Args:
        moment: with a time zone.
        months: 0 or more.
    """
    if not months:
        return moment
    try:
        wall = moment.astimezone(NORWAY)
    except OverflowError:  # within an offset of the calendar's ends
        wall = moment
    year, month = divmod(wall.year * 12 + wall.month - 1 - months, 12)
    if year < 1:
        return None
    day = min(wall.day, monthrange(year, month + 1)[1])
    try:
        return wall.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)
    except OverflowError:
        return None


class Calendar:
    """The edges between months of age, as instants.

    An instant's group is looked up by the stretch of time that it lies in, which has at most one edge: that takes half
    the time of a binary search.

    Args:
        exported_at: what age is reckoned from.
    """

    def __init__(self, exported_at: datetime) -> None:
        edges = np.array([_micros(months_before(exported_at, months)) for months in range(MOST_MONTHS, -1, -1)])
        self._exported = int(edges[-1])
        self._usable_edge = max(int(edges[-1 - USABLE_MONTHS]), _YEAR_1)
        self._doubtful = 0 if _is_plain(exported_at) else _DOUBTFUL
        self._start = max(int(edges[0]), _YEAR_1)
        starts = self._start + np.arange(self._stretch(edges[-1:])[0] + 1) * _STRETCH
        self._groups = len(edges) - np.searchsorted(edges, starts, side="left")
        """Of each stretch, the group of its first instant."""
        self._edges = np.full(len(starts), _ALWAYS)
        """Of each stretch, the edge in it; what lies behind it is of the next younger group."""
        inside = edges[edges >= self._start]
        self._edges[self._stretch(inside)] = inside
        self.oldest = int(self.groups(np.array([NEVER]))[0])
        """The group of `NEVER`; only for an export of the first years it is not the last one."""

    def groups(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        """The group of each instant, in microseconds since 1970, as an index into `GROUPS`."""
        stretches = np.minimum(self._stretch(instants), len(self._groups) - 1)
        groups: NDArray[np.int64] = self._groups[stretches]
        groups -= instants > self._edges[stretches]
        return groups

    def expired(self, instants: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether contact data of these times may no longer be used to notify; `NEVER` may not.

        As the derived columns have it: what counts is whether the instant's own 18 calendar months are over. Around the
        end of a month that is not the same as to lie more than 18 months before the export.
        """
        expired: NDArray[np.bool_] = instants < self._usable_edge + self._doubtful
        if not self._doubtful:
            return expired
        doubtful = np.flatnonzero(expired & (instants >= self._usable_edge - self._doubtful))
        if doubtful.size:
            expired[doubtful] = months_after(instants[doubtful], USABLE_MONTHS) < self._exported
        return expired

    def _stretch(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        stretches: NDArray[np.int64] = np.maximum(instants, self._start) - self._start >> _STRETCH_BITS
        return stretches


def _is_plain(exported_at: datetime) -> bool:
    """Whether 18 months back and 18 months on are the same: no month is too short, and no clock is moved that day."""
    days = (exported_at, months_before(exported_at, USABLE_MONTHS))
    return all(day is not None and _LEAST_YEAR < day.year < _MOST_YEAR and _is_plain_day(day) for day in days)


def _is_plain_day(moment: datetime) -> bool:
    local = moment.astimezone(NORWAY)
    offsets = {(moment + timedelta(days=days)).astimezone(NORWAY).utcoffset() for days in (-1, 0, 1)}
    return local.day < _SHORTEST_MONTH and len(offsets) == 1


def _micros(moment: datetime | None) -> int:
    return NEVER if moment is None else (moment - EPOCH) // MICROSECOND
