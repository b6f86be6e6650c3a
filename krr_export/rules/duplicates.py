"""Exact count of identity numbers that occur more than once in an export, in at most eight bytes a record.

Two digits of an identity number check the other nine. So for numbers with the right check digits, by today's rule or
that of 2032, a set with a bit for each value of the nine digits is enough; the bits of one day's numbers are adjacent,
and memory that is never touched is never allocated. Numbers with wrong check digits are stored one by one, in eight
bytes each; so are those of an unknown kind, or of a kind with few numbers: their bits, scattered over pages, would take
more.
"""

from __future__ import annotations

import mmap
from array import array
from typing import TYPE_CHECKING

import numpy as np

from krr_export.domain.identity_numbers import REMAINDERS, UNKNOWN, WIDTH
from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.findings.finding import Notice
from krr_export.rules.catalogue import DUPLICATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from krr_export.domain.identity_numbers import Identities
    from krr_export.schema.record_schema import RecordSchema

_CHECKED_DIGITS = 9
"""The digits that the other two check."""
_BIT = np.uint8(1) << np.arange(8, dtype=np.uint8)
_MIN_FOR_BITS = 600_000
"""From so many numbers of a kind and a remainder on, bits are used. They take five megabytes at the most: no more than
the numbers did."""
_ADD_AT_ONCE, _COMPARE_AT_ONCE = 1 << 16, 1 << 20
"""Numbers that one step adds to the bits, and that one step compares."""


class Duplicates:
    """Collects identity numbers of eleven digits, and counts those that occurred before.

    Args:
        schema: gives the column's label in the finding.
    """

    def __init__(self, schema: RecordSchema) -> None:
        self._label = next((field.label for field in schema.fields if field.name == IDENTIFIER), IDENTIFIER)
        self._bits: dict[int, NDArray[np.uint8]] = {}
        # Arrays grow in place, or by moving their pages; joining a list of pieces would take twice the memory.
        self._unchecked = array("Q")
        self._lists: dict[int, array[int]] = {}
        self._groups_with_bits: set[int] = set()
        self._repeated = 0

    def add(self, identities: Identities) -> None:
        """Add the records of a block."""
        digits, kinds = identities.digits, identities.kinds
        valid = identities.may_be_issued & (kinds != UNKNOWN)
        checked = digits.number(0, _CHECKED_DIGITS)
        groups = kinds * np.int8(len(REMAINDERS)) + identities.remainders[0].astype(np.int8)
        for group in np.bincount(groups[valid]).nonzero()[0].tolist():
            self._add_valid(group, checked[valid & (groups == group)])
        if not valid.all():
            numbers = digits.number(0, WIDTH).astype(np.uint64)
            self._unchecked.frombytes(numbers[digits.whole & ~valid].tobytes())

    def count(self) -> int:
        """Return how many records have the number of an earlier record."""
        return self._repeated + sum(map(_repeated, (self._unchecked, *self._lists.values())))

    def notice(self) -> Notice | None:
        """Return the finding; ``None`` if there are no duplicates. It has no examples: positions are not stored."""
        count = self.count()
        return Notice(DUPLICATE, {self._label: count}, count, ()) if count else None

    def _add_valid(self, group: int, numbers: NDArray[np.int64]) -> None:
        """Add numbers of one kind and remainder: one by one, or as bits if there are many."""
        if group not in self._groups_with_bits:
            numbers_so_far = self._lists.setdefault(group, array("Q"))
            numbers_so_far.frombytes(numbers.astype(np.uint64).tobytes())
            if len(numbers_so_far) < _MIN_FOR_BITS:
                return
            self._groups_with_bits.add(group)
            numbers = np.frombuffer(self._lists.pop(group), np.int64)
        for start in range(0, len(numbers), _ADD_AT_ONCE):
            self._add_to_bits(group % len(REMAINDERS), numbers[start : start + _ADD_AT_ONCE])

    def _add_to_bits(self, remainder: int, numbers: NDArray[np.int64]) -> None:
        """Add to the bits numbers with this remainder, as the nine digits before the check digits."""
        if remainder not in self._bits:
            self._bits[remainder] = _untouched_bits()
        bits = self._bits[remainder]
        distinct = np.sort(numbers)  # sorted, the numbers of one day access adjacent bits
        is_repeat = distinct[1:] == distinct[:-1]
        if is_repeat.any():
            self._repeated += int(np.count_nonzero(is_repeat))
            distinct = distinct[np.append(True, ~is_repeat)]
        octets, masks = distinct >> 3, _BIT[distinct & 7]
        self._repeated += int(np.count_nonzero(bits[octets] & masks))
        np.bitwise_or.at(bits, octets, masks)


def _repeated(collected: array[int]) -> int:
    """Return how many of these are repeated; sorts them in place."""
    numbers = np.frombuffer(collected, np.uint64)
    numbers.sort()  # in place
    return sum(
        int(np.count_nonzero(numbers[start + 1 : start + 1 + _COMPARE_AT_ONCE] == numbers[start:-1][:_COMPARE_AT_ONCE]))
        for start in range(0, len(numbers) - 1, _COMPARE_AT_ONCE)
    )


def _untouched_bits() -> NDArray[np.uint8]:
    """Map a bit for each value of the nine digits; those of one day take 125 octets."""
    memory = mmap.mmap(-1, -(-(10**_CHECKED_DIGITS) // 8), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # Linux: with huge pages a day would take two megabytes
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)
