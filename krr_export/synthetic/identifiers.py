"""Synthetic identity numbers: valid, distinct, and nobody's.

80 is added to the month, as in the test population of the tax administration and Digdir, so that no number can belong
to a person. Numbers are enumerated, not stored: memory stays flat for any number of draws.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

FIRST_BIRTH = date(1920, 1, 1)
LAST_BIRTH = date(2009, 12, 31)

_WEIGHTS_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2)
_WEIGHTS_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3)
_CHECK_DIGIT_1_WEIGHT = 2
"""The weight of the first check digit in the second sum."""

_PER_DATE = 500
"""Individual numbers of one date of birth: 000-499 for the years 1900-1999, 500-999 for 2000-2039."""

_SYNTHETIC_MONTH = 80
_D_NUMBER_DAY = 40


def check_digits(digits: str) -> str | None:
    """Return the two check digits of an identity number's first nine digits; ``None`` if the number is not issued."""
    first, second = _sums(digits, 0)
    return _final_digits(first, second)


def check_digits_of_2032(digits: str) -> str | None:
    """Return check digits that are right by the rule of 2032 and not by today's; ``None`` if there are none.

    The first sum may then leave a remainder of 1, 2 or 3; the second must leave none, as today.
    """
    first, second = _sums(digits, 0)
    for remainder in (1, 2, 3):
        final_digits = _final_digits(first - remainder, second)
        if final_digits is not None:
            return final_digits
    return None


def identity_numbers(
    rng: Random, *, d_numbers: bool = False, births: tuple[date, date] = (FIRST_BIRTH, LAST_BIRTH)
) -> Iterator[str]:
    """Yield without end valid synthetic fødselsnummer or D-numbers in a scattered order.

    By default about 13.6 million differ, three times the population; then they repeat in the same order. Positions step
    through dates x individual numbers by a stride without common factor, so each is visited once in a round.

    Args:
        rng: for the order.
        d_numbers: whether they are D-numbers.
        births: the first and the last date of birth.
    """
    first_day, last_day = (birth.toordinal() for birth in births)
    added_to_day = _D_NUMBER_DAY if d_numbers else 0
    total = (last_day - first_day + 1) * _PER_DATE
    place, stride = int(rng.random() * total), _stride(rng, total)
    while True:
        place = (place + stride) % total
        day, individual = divmod(place, _PER_DATE)
        prefix, lowest, first, second = _date(first_day + day, added_to_day)
        individual += lowest
        more_first, more_second = _individual(individual)
        if (final_digits := _final_digits(first + more_first, second + more_second)) is not None:
            yield f"{prefix}{individual:03}{final_digits}"


def _final_digits(first: int, second: int) -> str | None:
    digit_1 = -first % 11
    digit_2 = -(second + _CHECK_DIGIT_1_WEIGHT * digit_1) % 11
    return f"{digit_1}{digit_2}" if digit_1 < 10 and digit_2 < 10 else None  # noqa: PLR2004 - 10 is no digit


def _sums(digits: str, position: int) -> tuple[int, int]:
    """Return what the digits from this position on add to the two weighted sums."""
    values = [int(digit) for digit in digits]
    first = sum(weight * value for weight, value in zip(_WEIGHTS_1[position:], values, strict=False))
    second = sum(weight * value for weight, value in zip(_WEIGHTS_2[position:], values, strict=False))
    return first, second


@cache
def _date(ordinal: int, added_to_day: int) -> tuple[str, int, int, int]:
    """Return for a date of birth its six digits, its lowest individual number, and its part of the two sums."""
    day = date.fromordinal(ordinal)
    prefix = f"{day.day + added_to_day:02}{day.month + _SYNTHETIC_MONTH:02}{day.year % 100:02}"
    lowest = 0 if day.year < 2000 else _PER_DATE  # noqa: PLR2004 - the century's turn
    return prefix, lowest, *_sums(prefix, 0)


@cache
def _individual(number: int) -> tuple[int, int]:
    """Return the part of the two sums of an individual number."""
    return _sums(f"{number:03}", 6)


def _stride(rng: Random, total: int) -> int:
    stride = int((0.3 + 0.4 * rng.random()) * total)
    while gcd(stride, total) > 1:
        stride += 1
    return stride
