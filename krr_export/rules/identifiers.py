"""Identity numbers of the population register, a column at a time: their kind, their date, their check digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from krr_export.rules.digits import digits_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from krr_export.rules.digits import Digits

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
    kinds = kinds_of_digits(digits_of(values, WIDTH))
    if values.null_count:
        kinds[np.asarray(values.is_null())] = -1
    return kinds


def kinds_of_digits(digits: Digits) -> NDArray[np.int8]:
    """The same for digits that are at hand; what is not eleven digits is ``ukjent``."""
    days_and_months = digits.number(0, 4)
    if not digits.whole.all():
        days_and_months[~digits.whole] = 0  # the day 00: of no kind
    kinds: NDArray[np.int8] = _KIND_OF[days_and_months]
    return kinds


def _kind_of() -> NDArray[np.int8]:
    """The kind by day and month as one number of four digits."""
    table = np.full(10_000, UNKNOWN, np.int8)
    for series, added_to_month in enumerate(_MONTHS):
        for is_d_number, added_to_day in enumerate((0, _D_NUMBER_DAY)):
            for month in range(1, 13):
                first = (1 + added_to_day) * 100 + month + added_to_month
                table[first : first + 31 * 100 : 100] = 2 * series + is_d_number
    return table


_KIND_OF = _kind_of()
