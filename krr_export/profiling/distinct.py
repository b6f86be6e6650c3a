"""Counts of records by distinct value: exact up to a number of values, then pooled, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value", str, bytes)

MOST_VALUES = 100_000
"""The number of values that are counted one by one: the first in the export."""

MOST_TOGETHER = 8 << 20
"""The limit of their total length, in characters or octets: a value may be as long as a record."""


@dataclass
class Distinct(Generic[Value]):
    """How many records have each value.

    Attributes:
        records: by value.
        beyond: records with any other value, found when the limit was reached; 0 while all are counted.
        length: total length of the added values.
    """

    records: dict[Value, int] = field(default_factory=dict)
    beyond: int = 0
    length: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether every value is counted on its own."""
        return not self.beyond

    @property
    def total(self) -> int:
        """Records with any value."""
        return sum(self.records.values()) + self.beyond

    def count(self, value: Value, records: int) -> None:
        """Count more records with a value, however many are known."""
        self.records[value] = self.records.get(value, 0) + records

    def add(self, later: Distinct[Value]) -> None:
        """Add the counts of a later part of the export.

        Added in the order of the export, the result does not depend on how it was divided, as long as ``later`` has no
        records ``beyond``.
        """
        known = self.records
        for value, records in later.records.items():
            if value in known:
                known[value] += records
            elif len(known) < MOST_VALUES and self.length + len(value) <= MOST_TOGETHER:
                known[value] = records
                self.length += len(value)
            else:
                self.beyond += records
        self.beyond += later.beyond
