"""The summary of what changed: numbers of rows, by kind and by column, and no values of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.domain.vocabulary import RESERVATION, RESERVED
from krr_export.util.formatting import number, records
from krr_export.util.stored_json import Count, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator


class ColumnChanges(Stored, frozen=True):
    """Changes of one column, in rows that both snapshots have.

    Attributes:
        added: rows with a value now, and none before.
        changed: rows with another value.
        removed: rows with no value now, and one before.
        now: of a column with listed values: rows whose value changed, by the new value.
    """

    added: Count
    changed: Count
    removed: Count
    now: dict[str, Count]


class ChangeSummary(Stored, frozen=True):
    """The differences between a snapshot and an earlier one, in numbers of rows.

    Attributes:
        compared_with: the earlier snapshot: the name of its directory.
        manifest_sha256: the digest of its manifest.
        new: rows that the earlier snapshot has not.
        changed: rows with another value in some column; those that are deleted do not count.
        deleted: rows whose status became SLETTET.
        gone: rows that only the earlier snapshot has.
        unchanged: rows that are the same in both.
        columns: the changes of each column in which a row differs.
        ignored: columns that were not compared, though both snapshots have them.
    """

    compared_with: str
    manifest_sha256: str
    new: Count
    changed: Count
    deleted: Count
    gone: Count
    unchanged: Count
    columns: dict[str, ColumnChanges]
    ignored: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Rows of the table of changes."""
        return self.new + self.changed + self.deleted + self.gone

    @property
    def newly_reserved(self) -> int:
        """Persons who have opted out of digital communication since."""
        reservation = self.columns.get(RESERVATION)
        return reservation.now.get(RESERVED, 0) if reservation else 0

    def lines(self) -> Iterator[str]:
        """Yield the summary as lines of text."""
        yield f"changes   since {self.compared_with}: {self.counts()}"
        width = max((len(name) for name in self.columns), default=0)
        for name, column in self.columns.items():
            counts = {"added": column.added, "changed": column.changed, "removed": column.removed}
            counted = ", ".join(f"{number(count)} {what}" for what, count in counts.items() if count)
            values = ", ".join(f"{number(count)} to {value}" for value, count in column.now.items())
            yield f"column    {name:{width}}  {counted}{f' ({values})' if values else ''}"

    def counts(self) -> str:
        """Return the numbers of rows in a few words."""
        return (
            f"{number(self.new)} new, {number(self.changed)} changed, {number(self.deleted)} deleted,"
            f" {number(self.gone)} gone, {records(self.unchanged)} the same"
        )
