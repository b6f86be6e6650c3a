"""Exact count of identity numbers that occur more than once in an export, in at most eight bytes a record.

Two digits of an identity number check the other nine. So for numbers with the right check digits, by today's rule or
that of 2032, a set with a bit for each value of the nine digits is enough; the bits of one day's numbers are adjacent,
and memory that is never touched is never allocated. Numbers with wrong check digits are stored one by one, in eight
bytes each; so are those of an unknown kind, or of a kind with few numbers: their bits, scattered over pages, would take
more. The eight bytes hold the record's ordinal too. Which records are repeated takes a bit a record.
"""

from __future__ import annotations

import mmap
from array import array
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from krr_export.domain.identity_numbers import REMAINDERS, UNKNOWN, WIDTH
from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.findings.finding import Notice
from krr_export.findings.finding_rows import FindingRows
from krr_export.rules.catalogue import DUPLICATE
from krr_export.util.ordinal_set import OrdinalSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from krr_export.domain.identity_numbers import Identities
    from krr_export.schema.record_schema import RecordSchema

_FIRST_DIGITS = 2
_CHECKED_DIGITS = 9
"""The digits that the other two check."""
_ORDINAL_BITS = np.uint64(34)
_ORDINAL_MASK = (np.uint64(1) << _ORDINAL_BITS) - np.uint64(1)
"""An entry of 64 bits: nine digits in the upper 30, and the record's ordinal, up to 17 billion."""
_BIT = np.uint8(1) << np.arange(8, dtype=np.uint8)
_MIN_FOR_BITS = 600_000
"""From so many numbers of a kind and a remainder on, bits are used. They take five megabytes at the most: no more than
the numbers did."""
_ADD_AT_ONCE, _COMPARE_AT_ONCE = 1 << 16, 1 << 20
"""Numbers that one step adds to the bits, and that one step compares."""


class Duplicates:
    """Collects identity numbers of eleven digits, and finds the records with one that occurred before.

    Args:
        schema: gives the column's label in the finding.
    """

    def __init__(self, schema: RecordSchema) -> None:
        found = [(column, field.label) for column, field in enumerate(schema.fields) if field.name == IDENTIFIER]
        self._column, self._label = next(iter(found), (-1, IDENTIFIER))
        self._bits: dict[int, NDArray[np.uint8]] = {}
        # Arrays grow in place, or by moving their pages; joining a list of pieces would take twice the memory.
        self._unchecked: defaultdict[int, array[int]] = defaultdict(partial(array, "Q"))  # by the first two digits
        self._lists: defaultdict[int, array[int]] = defaultdict(partial(array, "Q"))
        self._groups_with_bits: set[int] = set()
        self._repeated = OrdinalSet()

    def add(self, identities: Identities, ordinals: NDArray[np.int64]) -> None:
        """Add the records of a block; blocks come in order.

        Args:
            identities: the identity numbers.
            ordinals: of the records.
        """
        digits, kinds = identities.digits, identities.kinds
        valid = identities.may_be_issued & (kinds != UNKNOWN)
        checked = _entries(digits.number(0, _CHECKED_DIGITS), ordinals)
        groups = kinds * np.int8(len(REMAINDERS)) + identities.remainders[0].astype(np.int8)
        for group in np.bincount(groups[valid]).nonzero()[0].tolist():
            self._add_valid(group, checked[valid & (groups == group)])
        unchecked = digits.whole & ~valid
        if unchecked.any():
            self._add_unchecked(
                digits.number(0, _FIRST_DIGITS), digits.number(_FIRST_DIGITS, WIDTH), ordinals, unchecked
            )

    def count(self) -> int:
        """Return how many records have the number of an earlier record."""
        for entries in (*self._unchecked.values(), *self._lists.values()):
            for ordinals in _repeated(entries):
                self._repeated.add(ordinals)
        return len(self._repeated)

    def notice(self) -> Notice | None:
        """Return the finding; ``None`` if there are no duplicates. It has no examples: lines are not stored."""
        count = self.count()
        return Notice(DUPLICATE, {self._label: count}, count, ()) if count else None

    def found(self) -> Iterator[FindingRows]:
        """Yield the records that `count` counted, in order, some at a time; call it after `count`."""
        for ordinals in self._repeated.pieces():
            yield FindingRows(DUPLICATE, self._column, ordinals)

    def _add_unchecked(
        self,
        first: NDArray[np.int64],
        others: NDArray[np.int64],
        ordinals: NDArray[np.int64],
        chosen: NDArray[np.bool_],
    ) -> None:
        """Add numbers one by one, as their first two digits and the nine others."""
        first, entries = first[chosen], _entries(others[chosen], ordinals[chosen])
        for group in np.bincount(first).nonzero()[0].tolist():
            self._unchecked[group].frombytes(entries[first == group].tobytes())

    def _add_valid(self, group: int, entries: NDArray[np.uint64]) -> None:
        """Add numbers of one kind and remainder: one by one, or as bits if there are many."""
        if group not in self._groups_with_bits:
            entries_so_far = self._lists[group]
            entries_so_far.frombytes(entries.tobytes())
            if len(entries_so_far) < _MIN_FOR_BITS:
                return
            self._groups_with_bits.add(group)
            entries = np.frombuffer(self._lists.pop(group), np.uint64)
        for start in range(0, len(entries), _ADD_AT_ONCE):
            self._add_to_bits(group % len(REMAINDERS), entries[start : start + _ADD_AT_ONCE])

    def _add_to_bits(self, remainder: int, entries: NDArray[np.uint64]) -> None:
        """Add to the bits numbers with this remainder, as the nine digits before the check digits."""
        if remainder not in self._bits:
            self._bits[remainder] = _untouched_bits()
        bits = self._bits[remainder]
        entries = np.sort(entries)  # sorted, the numbers of one day access adjacent bits
        numbers = (entries >> _ORDINAL_BITS).astype(np.int64)
        octets, masks = numbers >> 3, _BIT[numbers & 7]
        is_repeated = (bits[octets] & masks).astype(np.bool_)
        is_repeated[1:] |= numbers[1:] == numbers[:-1]
        self._repeated.add(_ordinals(entries[is_repeated]))
        np.bitwise_or.at(bits, octets, masks)


def _entries(numbers: NDArray[np.int64], ordinals: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return entries of nine digits and the ordinal of their record; sorted, the first record comes first."""
    return numbers.astype(np.uint64) << _ORDINAL_BITS | ordinals.astype(np.uint64)


def _ordinals(entries: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (entries & _ORDINAL_MASK).astype(np.int64)


def _repeated(collected: array[int]) -> Iterator[NDArray[np.int64]]:
    """Yield the ordinals of the records with a number of an earlier one, some at a time; sorts the entries in place."""
    entries = np.frombuffer(collected, np.uint64)
    entries.sort()  # in place
    for start in range(0, len(entries) - 1, _COMPARE_AT_ONCE):
        some = entries[start : start + 1 + _COMPARE_AT_ONCE]
        numbers = some >> _ORDINAL_BITS
        yield _ordinals(some[1:][numbers[1:] == numbers[:-1]])


def _untouched_bits() -> NDArray[np.uint8]:
    """Map a bit for each value of the nine digits; those of one day take 125 octets."""
    memory = mmap.mmap(-1, -(-(10**_CHECKED_DIGITS) // 8), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # Linux: with huge pages a day would take two megabytes
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)
