"""What came of verifying what was loaded."""

from __future__ import annotations

from dataclasses import dataclass

from krr_export.util.formatting import number, records, short_repr


@dataclass(frozen=True)
class LoadVerification:
    """The result of verifying a database.

    Attributes:
        target: the database, without user and password.
        snapshots: the snapshots that were looked at, oldest first.
        rows: of all their tables, as they are there.
        persons: rows of the newest one's table person, as loaded.
        differences: one line of text each; empty if all is proven.
        warnings: what whoever verifies should know, a line each.
    """

    target: str
    snapshots: tuple[str, ...]
    rows: int
    persons: int
    differences: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return short_repr(self, target=self.target, proven=self.proven, differences=len(self.differences))

    @property
    def proven(self) -> bool:
        """True if all rows are there, as they were loaded."""
        return not self.differences

    @property
    def message(self) -> str:
        """The result in one line for people."""
        if self.proven:
            held = f"{self.snapshots[-1]}, {records(self.persons)}"
            others = f", and {number(len(self.snapshots) - 1)} older" if len(self.snapshots) > 1 else ""
            return f"proven: {self.target}: {held}{others}; {number(self.rows)} rows of all tables"
        points = "1 point" if len(self.differences) == 1 else f"{len(self.differences)} points"
        todo = "load each by its own name, with --replace"
        return f"not proven: {self.target} differs from what was loaded in {points}; {todo}"
