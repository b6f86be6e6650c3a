"""Identity numbers of the population register, a column at a time: kind, date and check digits.

The rules are Skatteetaten's: today's, and those for numbers issued from 2032.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from krr_export.domain.digits import to_digits

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
"""The kinds of identity number, distinguished by what is added to the day and to the month. ``syntetisk`` is the test
population of the tax administration (Tenor) and Digdir, ``syntetisk-nhn`` that of Norsk helsenett. H-numbers and NAV's
synthetic numbers look the same."""

UNKNOWN = KINDS.index("ukjent")
_ORDINARY = KINDS.index("fodselsnummer")
_REAL = (_ORDINARY, KINDS.index("d-nummer"), UNKNOWN)
"""Kinds that are neither synthetic nor H-numbers."""

_WEIGHTS_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_WEIGHTS_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
REMAINDERS = range(4)
"""Allowed remainders for the first check digit: 0 today, any of these in numbers issued from 2032."""

_CENTURIES = (
    (500, 749, 1854, 1899),
    (0, 499, 1900, 1999),
    (900, 999, 1940, 1999),
    (500, 999, 2000, 2039),
)
"""Individual numbers from and to, and the years of birth, from and to, in which they are used."""

_D_NUMBER_DAY = 40
_MONTHS = (0, 80, 65, 40)
"""What is added to the month, in the order of ``KINDS``."""


def classify_numbers(values: pa.StringArray) -> NDArray[np.int8]:
    """Return the kind of each identity number: an index into `KINDS`, -1 for null.

    Only the day and the month decide, not the check digits or the calendar. ``ukjent`` means not eleven digits, or a
    day or a month that no kind has.
    """
    kinds: NDArray[np.int8] = _KIND_TABLE[_parse_day_months(to_digits(values, WIDTH))]
    if values.null_count:
        kinds[np.asarray(values.is_null())] = -1
    return kinds


@dataclass(frozen=True)
class Identities:
    """A column of identity numbers, parsed as far as rules, profile and the search for duplicates all need.

    Attributes:
        digits: the digits; a value that is not eleven digits is not ``whole``.
        day_months: day and month as one number of four digits; 0, which is no date, for a value that is not eleven
            digits.
        kinds: indices into `KINDS`; ``ukjent`` for null and for a value that is not eleven digits.
        remainders: the weighted sums of the first and of the second check digit, modulo 11: 0 to 10.
    """

    digits: Digits
    day_months: NDArray[np.int64]
    kinds: NDArray[np.int8]
    remainders: tuple[NDArray[np.uint16], NDArray[np.uint16]]

    @classmethod
    def parse(cls, values: pa.StringArray) -> Identities:
        """Parse a column of identity numbers."""
        digits = to_digits(values, WIDTH)
        day_months = _parse_day_months(digits)
        remainders = digits.weighted_sum(_WEIGHTS_1) % 11, digits.weighted_sum(_WEIGHTS_2) % 11
        return cls(digits, day_months, _KIND_TABLE[day_months], remainders)

    @cached_property
    def are_valid_today(self) -> NDArray[np.bool_]:
        """Whether the check digits are valid by today's rule."""
        first, second = self.remainders
        right: NDArray[np.bool_] = (first | second) == 0
        return self.digits.whole & right

    @cached_property
    def may_be_issued(self) -> NDArray[np.bool_]:
        """Whether the check digits are valid by today's rule or that of 2032, which is wider."""
        first, second = self.remainders
        right: NDArray[np.bool_] = (first < len(REMAINDERS)) & (second == 0)
        return self.digits.whole & right

    @cached_property
    def have_dates(self) -> NDArray[np.bool_]:
        """Whether each begins with a date of the calendar; a year that may be a leap year is taken for one."""
        calendar = _CALENDAR[self.day_months]
        dates: NDArray[np.bool_] = calendar == _A_DATE
        leap_days = np.flatnonzero(calendar == _LEAP_DAY)
        if leap_days.size:
            dates[leap_days] = self.digits.number(4, 6)[leap_days] % 4 == 0
        return dates

    @cached_property
    def lack_century(self) -> NDArray[np.bool_]:
        """Which ordinary numbers, valid today, have an individual number that no century uses for their year."""
        ordinary: NDArray[np.bool_] = self.are_valid_today & (self.kinds == _ORDINARY)
        if not ordinary.any():
            return ordinary
        ordinary[ordinary] = ~_CENTURY_TABLE[self.digits.number(4, 9)[ordinary]]
        return ordinary


def _parse_day_months(digits: Digits) -> NDArray[np.int64]:
    """Return day and month as one number of four digits; 0, which is no date, for a value that is not eleven digits."""
    numbers = digits.number(0, 4)
    if not digits.whole.all():
        numbers[~digits.whole] = 0
    return numbers


def _build_kind_table() -> NDArray[np.int8]:
    """Build the table from day and month, as one number of four digits, to kind."""
    table = np.full(10_000, UNKNOWN, np.int8)
    for series, added_to_month in enumerate(_MONTHS):
        for is_d_number, added_to_day in enumerate((0, _D_NUMBER_DAY)):
            for month in range(1, 13):
                first = (1 + added_to_day) * 100 + month + added_to_month
                table[first : first + 31 * 100 : 100] = 2 * series + is_d_number
    return table


def _build_century_table() -> NDArray[np.bool_]:
    """Build the table from year and individual number, as one number of five digits, to whether some century has it."""
    table = np.zeros((100, 1000), np.bool_)
    for first, last, since, until in _CENTURIES:
        table[since % 100 : until % 100 + 1, first : last + 1] = True
    return table.reshape(-1)


_CENTURY_TABLE = _build_century_table()
_KIND_TABLE = _build_kind_table()
IS_SYNTHETIC = np.array([kind not in _REAL for kind in range(len(KINDS))])
"""By kind, whether no real person in the register has such a number."""

_NO_DATE, _A_DATE, _LEAP_DAY = range(3)


def _build_calendar() -> NDArray[np.int8]:
    """Build the table from day and month, as four digits, to whether it is a date: never, always, or in leap years."""
    table = np.full(10_000, _NO_DATE, np.int8)
    for added_to_month in _MONTHS:
        for added_to_day in (0, _D_NUMBER_DAY):
            for month in range(1, 13):
                days = np.arange(1, 1 + monthrange(_COMMON_YEAR, month)[1])
                table[(days + added_to_day) * 100 + month + added_to_month] = _A_DATE
            table[(29 + added_to_day) * 100 + 2 + added_to_month] = _LEAP_DAY
    return table


_COMMON_YEAR = 2023
_CALENDAR = _build_calendar()
