"""Identity numbers that occur more than once in an export: exact, in memory that does not grow with it.

Two digits of an identity number check the other nine. So of those whose check digits are right, by today's rule or that
of 2032, a bit for each of the nine digits' values remembers them all; the bits of one day's numbers lie together, and
memory that is never touched is never taken. Numbers whose check digits are wrong are remembered one by one, at eight
bytes each; so are those of a kind of which there are few, or which is none: their bits, scattered over pages, would
take more. So it is never more than eight bytes a record.
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

_CHECKED = 9
"""The digits that the two others check."""
_BIT = np.uint8(1) << np.arange(8, dtype=np.uint8)
_FEW = 600_000
"""So many numbers of a kind and a remainder get bits, which take five megabytes at the most: no more than they did."""
_ADDED, _COMPARED = 1 << 16, 1 << 20
"""Numbers that get their bits, and that are compared, at once."""


class Duplicates:
    """Collects identity numbers of eleven digits, and counts those that were there before.

    Args:
        schema: names the column in the finding.
    """

    def __init__(self, schema: RecordSchema) -> None:
        self._label = next((field.label for field in schema.fields if field.name == IDENTIFIER), IDENTIFIER)
        self._bits: dict[int, NDArray[np.uint8]] = {}
        # They grow where they are, or by moving their pages; a list of pieces would have to be joined, which takes
        # twice the memory.
        self._others = array("Q")
        self._few: dict[int, array[int]] = {}
        self._have_bits: set[int] = set()
        self._repeated = 0

    def add(self, identities: Identities) -> None:
        """Take note of a block's records."""
        digits, kinds = identities.digits, identities.kinds
        right = identities.may_be_issued & (kinds != UNKNOWN)
        checked = digits.number(0, _CHECKED)
        groups = kinds * np.int8(len(REMAINDERS)) + identities.remainders[0].astype(np.int8)
        for group in np.bincount(groups[right]).nonzero()[0].tolist():
            self._add_right(group, checked[right & (groups == group)])
        if not right.all():
            numbers = digits.number(0, WIDTH).astype(np.uint64)
            self._others.frombytes(numbers[digits.whole & ~right].tobytes())

    def count(self) -> int:
        """How many records have a number that another record before them has."""
        return self._repeated + sum(map(_repeated, (self._others, *self._few.values())))

    def notice(self) -> Notice | None:
        """The finding, if there are any. It has no examples: where the records are was not remembered."""
        count = self.count()
        return Notice(DUPLICATE, {self._label: count}, count, ()) if count else None

    def _add_right(self, group: int, numbers: NDArray[np.int64]) -> None:
        """Take note of numbers of a kind and with a remainder: one by one, or if they are many, by their bits."""
        if group not in self._have_bits:
            few = self._few.setdefault(group, array("Q"))
            few.frombytes(numbers.astype(np.uint64).tobytes())
            if len(few) < _FEW:
                return
            self._have_bits.add(group)
            numbers = np.frombuffer(self._few.pop(group), np.int64)
        for start in range(0, len(numbers), _ADDED):
            self._add_checked(group % len(REMAINDERS), numbers[start : start + _ADDED])

    def _add_checked(self, remainder: int, numbers: NDArray[np.int64]) -> None:
        """Take note, by bits, of numbers with this remainder; the nine digits before the check digits."""
        if remainder not in self._bits:
            self._bits[remainder] = _untouched_bits()
        bits = self._bits[remainder]
        distinct = np.sort(numbers)  # in their order, those of a day are met together
        again = distinct[1:] == distinct[:-1]
        if again.any():
            self._repeated += int(np.count_nonzero(again))
            distinct = distinct[np.append(True, ~again)]
        octets, masks = distinct >> 3, _BIT[distinct & 7]
        self._repeated += int(np.count_nonzero(bits[octets] & masks))
        np.bitwise_or.at(bits, octets, masks)


def _repeated(remembered: array[int]) -> int:
    """How many of these came before; puts them in order."""
    numbers = np.frombuffer(remembered, np.uint64)
    numbers.sort()  # in place
    return sum(
        int(np.count_nonzero(numbers[start + 1 : start + 1 + _COMPARED] == numbers[start:-1][:_COMPARED]))
        for start in range(0, len(numbers) - 1, _COMPARED)
    )


def _untouched_bits() -> NDArray[np.uint8]:
    """A bit for each value of the nine digits; a day's take 125 octets."""
    memory = mmap.mmap(-1, -(-(10**_CHECKED) // 8), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # Linux: else a day would take two megabytes
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)
