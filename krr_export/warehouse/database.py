"""What every database that snapshots are loaded into can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import TracebackType

    import pyarrow as pa

    from krr_export.warehouse.ledger import Load
    from krr_export.warehouse.loadable import Loadable


class Database(Protocol):
    """A database: a context manager that opens and closes it."""

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            BusyError: Another load is at work.
            NetworkError: It cannot be reached, or refuses the login.
            OutputError: It cannot be opened.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it; after an error, what was not finished is as if it had not begun."""

    def loads(self) -> list[Load]:
        """Return the ledger, oldest snapshot first, person first of its tables."""

    def load(self, snapshot: Loadable) -> None:
        """Load a snapshot, in place of what there is of the same export: all of it, or nothing.

        Raises:
            BusyError: Someone reads what it takes the place of, for longer than it waits.
            InputError: A file of the snapshot is damaged.
            OutputError: The database refuses.
            UsageError: A table there has other columns.
        """

    def drop(self, names: Collection[str]) -> list[str]:
        """Remove snapshots; return the names of those that someone reads, which must wait for the next time."""

    def has_history(self) -> bool:
        """Return whether there is the view of every state of each person."""

    def make_history(self, persons: pa.Schema) -> None:
        """Make that view, if it is missing.

        Args:
            persons: The columns of persons, as the snapshots have them.

        Raises:
            OutputError: The database refuses.
        """

    def strays(self, table: str) -> int:
        """Return how many rows a table has that are of no load."""

    def read(self, load: Load, *, newest: bool) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a loaded table as readers find them, with the columns that the snapshot has.

        Args:
            load: The row of the ledger.
            newest: Whether it is of the newest snapshot.

        Raises:
            OutputError: They cannot be read.
        """
