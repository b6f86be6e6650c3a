"""Identity numbers that occur more than once in an export: exact, at eight bytes a record, which alone grow."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from krr_export.findings import Notice
from krr_export.rules.catalogue import DUPLICATE, IDENTIFIER
from krr_export.rules.digits import digits_of
from krr_export.rules.identifiers import WIDTH

if TYPE_CHECKING:
    import pyarrow as pa

    from krr_export.schema import RecordSchema

_COMPARED = 1 << 20
"""Numbers that are compared at once."""


class Duplicates:
    """Collects identity numbers of eleven digits, and counts those that were there before.

    Args:
        schema: names the column in the finding.
    """

    def __init__(self, schema: RecordSchema) -> None:
        self._label = next((field.label for field in schema.fields if field.name == IDENTIFIER), IDENTIFIER)
        # It grows where it is, or by moving its pages; a list of pieces would have to be joined, which takes twice the
        # memory.
        self._numbers = array("Q")

    def add(self, batch: pa.RecordBatch) -> None:
        """Take note of a block's records; without the column, or where it is no string, of none."""
        place = batch.schema.get_field_index(IDENTIFIER)
        if place < 0 or batch.schema.field(place).type != "string":
            return
        digits = digits_of(batch.column(place), WIDTH)
        numbers = digits.number(0, WIDTH).astype(np.uint64)
        self._numbers.frombytes(numbers[digits.whole].tobytes())

    def count(self) -> int:
        """How many records have a number that another record before them has."""
        if not self._numbers:
            return 0
        numbers = np.frombuffer(self._numbers, np.uint64)
        numbers.sort()  # in place
        return sum(
            int(np.count_nonzero(numbers[start + 1 : start + 1 + _COMPARED] == numbers[start:-1][:_COMPARED]))
            for start in range(0, len(numbers) - 1, _COMPARED)
        )

    def notice(self) -> Notice | None:
        """The finding, if there are any. It has no examples: where the records are was not remembered."""
        count = self.count()
        return Notice(DUPLICATE, {self._label: count}, count, ()) if count else None
