"""Identity numbers of the population register, a column at a time: their kind, their date, their check digits.

Skatteetaten's rules, today's and those of the numbers that are issued from 2032.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from krr_export.domain.digits import digits_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from krr_export.domain.digits import Digits

WIDTH = 11

KINDS: tuple[str, ...] = (
    "fodselsnummer",
    "d-nummer",
    "syntetisk",
    "syntetisk-d-nummer",
    "syntetisk-nhn",
    "syntetisk-nhn-d-nummer",
    "h-nummer-eller-syntetisk-nav",
    "h-nummer-eller-syntetisk-nav-d-nummer",
    "ukjent",
)
"""The kinds of identity number, told by what is added to the day and to the month. ``syntetisk`` is the test population
of the tax administration (Tenor) and Digdir, ``syntetisk-nhn`` that of Norsk helsenett. H-numbers and NAV's synthetic
numbers look the same."""

UNKNOWN = KINDS.index("ukjent")
_ORDINARY = KINDS.index("fodselsnummer")
_REAL = (_ORDINARY, KINDS.index("d-nummer"), UNKNOWN)
"""Kinds that are not synthetic, nor H-numbers."""

_WEIGHTS_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_WEIGHTS_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
REMAINDERS = range(4)
"""Of the first check digit: 0 today, any of these in numbers issued from 2032."""

_CENTURIES = (
    (500, 749, 1854, 1899),
    (0, 499, 1900, 1999),
    (900, 999, 1940, 1999),
    (500, 999, 2000, 2039),
)
"""Individual numbers from and to, and the years of birth, from and to, that they are given to."""

_D_NUMBER_DAY = 40
_MONTHS = (0, 80, 65, 40)
"""What is added to the month, in the order of ``KINDS``."""


def kinds_of(values: pa.StringArray) -> NDArray[np.int8]:
    """The kind of each identity number: an index into `KINDS`, -1 for null.

    The day and the month alone decide, not the check digits nor the calendar: ``ukjent`` is what is not eleven digits,
    and what has a day or a month that no kind has.

    Args:
        values: a column of identity numbers.
    """
    kinds: NDArray[np.int8] = _KIND_OF[_days_and_months(digits_of(values, WIDTH))]
    if values.null_count:
        kinds[np.asarray(values.is_null())] = -1
    return kinds


@dataclass(frozen=True)
class Identities:
    """What the numbers of a column are, as far as rules, profile and the search for duplicates all ask.

    Attributes:
        digits: their digits; what is not eleven digits is not ``whole``.
        days: day and month as one number of four digits; 0, which is neither, for what is not eleven digits.
        kinds: indices into `KINDS`; what is not eleven digits, or not there, is ``ukjent``.
        remainders: what the first and the second check digit leave of the sums that they check: 0 to 10.
    """

    digits: Digits
    days: NDArray[np.int64]
    kinds: NDArray[np.int8]
    remainders: tuple[NDArray[np.uint16], NDArray[np.uint16]]

    @classmethod
    def of(cls, values: pa.StringArray) -> Identities:
        """Look at a column of identity numbers."""
        digits = digits_of(values, WIDTH)
        days = _days_and_months(digits)
        remainders = digits.weighted(_WEIGHTS_1) % 11, digits.weighted(_WEIGHTS_2) % 11
        return cls(digits, days, _KIND_OF[days], remainders)

    @cached_property
    def are_right_today(self) -> NDArray[np.bool_]:
        """Whether the check digits are right by today's rule."""
        first, second = self.remainders
        right: NDArray[np.bool_] = (first | second) == 0
        return self.digits.whole & right

    @cached_property
    def may_be_issued(self) -> NDArray[np.bool_]:
        """Whether they are right by today's rule or that of 2032, which is wider."""
        first, second = self.remainders
        right: NDArray[np.bool_] = (first < len(REMAINDERS)) & (second == 0)
        return self.digits.whole & right

    @cached_property
    def have_dates(self) -> NDArray[np.bool_]:
        """Whether each begins with a date, by the calendar; a year is taken for a leap year where it may be one."""
        calendar = _CALENDAR[self.days]
        dates: NDArray[np.bool_] = calendar == _A_DATE
        leap_days = np.flatnonzero(calendar == _LEAP_DAY)
        if leap_days.size:
            dates[leap_days] = self.digits.number(4, 6)[leap_days] % 4 == 0
        return dates

    @cached_property
    def lack_century(self) -> NDArray[np.bool_]:
        """Which ordinary ones, right today, have an individual number that no century gives to their year."""
        ordinary: NDArray[np.bool_] = self.are_right_today & (self.kinds == _ORDINARY)
        if not ordinary.any():
            return ordinary
        ordinary[ordinary] = ~_HAS_CENTURY[self.digits.number(4, 9)[ordinary]]
        return ordinary


def _days_and_months(digits: Digits) -> NDArray[np.int64]:
    """Day and month as one number of four digits; 0, which is neither, for what is not eleven digits."""
    numbers = digits.number(0, 4)
    if not digits.whole.all():
        numbers[~digits.whole] = 0
    return numbers


def _kind_of() -> NDArray[np.int8]:
    """The kind by day and month as one number of four digits."""
    table = np.full(10_000, UNKNOWN, np.int8)
    for series, added_to_month in enumerate(_MONTHS):
        for is_d_number, added_to_day in enumerate((0, _D_NUMBER_DAY)):
            for month in range(1, 13):
                first = (1 + added_to_day) * 100 + month + added_to_month
                table[first : first + 31 * 100 : 100] = 2 * series + is_d_number
    return table


def _has_century() -> NDArray[np.bool_]:
    """By year and individual number as one number of five digits, whether some century has them."""
    table = np.zeros((100, 1000), np.bool_)
    for first, last, since, until in _CENTURIES:
        table[since % 100 : until % 100 + 1, first : last + 1] = True
    return table.reshape(-1)


_HAS_CENTURY = _has_century()
_KIND_OF = _kind_of()
IS_SYNTHETIC = np.array([kind not in _REAL for kind in range(len(KINDS))])
"""By kind, whether nobody in the register has such a number."""

_NO_DATE, _A_DATE, _LEAP_DAY = range(3)


def _calendar() -> NDArray[np.int8]:
    """By day and month as one number of four digits, whether there is such a day: always, or in leap years."""
    table = np.full(10_000, _NO_DATE, np.int8)
    for added_to_month in _MONTHS:
        for added_to_day in (0, _D_NUMBER_DAY):
            for month in range(1, 13):
                days = np.arange(1, 1 + monthrange(_COMMON_YEAR, month)[1])
                table[(days + added_to_day) * 100 + month + added_to_month] = _A_DATE
            table[(29 + added_to_day) * 100 + 2 + added_to_month] = _LEAP_DAY
    return table


_COMMON_YEAR = 2023
_CALENDAR = _calendar()
