"""Ages of contact data in whole calendar months before the export, in Norwegian wall time."""

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
"""Older data is counted in one group."""

GROUPS = ("future", *(str(months) for months in range(MOST_MONTHS)), f"{MOST_MONTHS}+")
"""The groups of age, youngest first: after the export, then the number of whole months before it."""

_NO_EDGE = np.iinfo(np.int64).max
_YEAR_1 = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
_MARGIN = 4 * 86_400_000_000
"""Microseconds. Months differ by three days at most, and a change of the clock is of hours."""

_SHORTEST_MONTH = 28
_FIRST_YEAR, _LAST_YEAR = 1900, 9999
"""Between these years, a day more or less is in the calendar, and the offset is of whole hours."""

_SLOT_BITS = 36
_SLOT = 1 << _SLOT_BITS
"""Microseconds: 19 hours."""


def months_before(moment: datetime, months: int) -> datetime | None:
    """Return the instant so many calendar months earlier on a Norwegian clock; ``None`` before the year 1.

    If that month is too short, it is its last day. A wall time that occurs twice means the first, and one that does not
    exist gets the offset before the change, as everywhere (see `domain.times`).

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

    Time is divided into slots with at most one edge each, and an instant's group is looked up by its slot: that takes
    half the time of a binary search.

    Args:
        exported_at: the time that ages are relative to.
    """

    def __init__(self, exported_at: datetime) -> None:
        edges = np.array([_to_micros(months_before(exported_at, months)) for months in range(MOST_MONTHS, -1, -1)])
        self._exported = int(edges[-1])
        self._usable_edge = max(int(edges[-1 - USABLE_MONTHS]), _YEAR_1)
        self._margin = 0 if _needs_no_margin(exported_at) else _MARGIN
        self._start = max(int(edges[0]), _YEAR_1)
        starts = self._start + np.arange(self._slot(edges[-1:])[0] + 1) * _SLOT
        self._groups = len(edges) - np.searchsorted(edges, starts, side="left")
        """By slot, the group of its first instant."""
        self._edges = np.full(len(starts), _NO_EDGE)
        """By slot, the edge in it; later instants are in the next younger group."""
        inside = edges[edges >= self._start]
        self._edges[self._slot(inside)] = inside
        self.oldest = int(self.groups(np.array([NEVER]))[0])
        """The group of `NEVER`; only for an export of the first years it is not the last one."""

    def groups(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the group of each instant, in microseconds since 1970, as an index into `GROUPS`."""
        slots = np.minimum(self._slot(instants), len(self._groups) - 1)
        groups: NDArray[np.int64] = self._groups[slots]
        groups -= instants > self._edges[slots]
        return groups

    def expired(self, instants: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether contact data of these times may no longer be used to notify; `NEVER` may not.

        As in the derived columns: it may not when 18 calendar months after the instant are over. Around the end of a
        month that differs from more than 18 months before the export.
        """
        expired: NDArray[np.bool_] = instants < self._usable_edge + self._margin
        if not self._margin:
            return expired
        near_edge = np.flatnonzero(expired & (instants >= self._usable_edge - self._margin))
        if near_edge.size:
            expired[near_edge] = months_after(instants[near_edge], USABLE_MONTHS) < self._exported
        return expired

    def _slot(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        slots: NDArray[np.int64] = np.maximum(instants, self._start) - self._start >> _SLOT_BITS
        return slots


def _needs_no_margin(exported_at: datetime) -> bool:
    """Return whether 18 months back and 18 months on are the same: no short month, no change of the clock that day."""
    days = (exported_at, months_before(exported_at, USABLE_MONTHS))
    return all(day is not None and _FIRST_YEAR < day.year < _LAST_YEAR and _is_regular_day(day) for day in days)


def _is_regular_day(moment: datetime) -> bool:
    local = moment.astimezone(NORWAY)
    offsets = {(moment + timedelta(days=days)).astimezone(NORWAY).utcoffset() for days in (-1, 0, 1)}
    return local.day < _SHORTEST_MONTH and len(offsets) == 1


def _to_micros(moment: datetime | None) -> int:
    return NEVER if moment is None else (moment - EPOCH) // MICROSECOND
