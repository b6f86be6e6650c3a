"""A database that snapshots are loaded into: what all of them have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol, Self

from krr_export.errors import OutputError, UsageError
from krr_export.util.formatting import number
from krr_export.warehouse.ledger import LEDGER, read_loads
from krr_export.warehouse.tables import HISTORY, PERSON, database_schema, database_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    import pyarrow as pa

    from krr_export.warehouse.ledger import Load
    from krr_export.warehouse.loadable import Loadable
    from krr_export.warehouse.tables import TableStatements


class Session(Protocol):
    """A connection on which statements run one after the other; a context manager that opens and closes it.

    Its errors are the program's own: the database's words may quote rows.
    """

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            BusyError: another load is at work.
            NetworkError: the database cannot be reached, or refuses the login.
            OutputError: it cannot be opened.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it; after an error, what was not finished is as if it had not begun."""

    @property
    def address(self) -> str:
        """Where the database is, for people."""

    def run_all(self, statements: Iterable[str]) -> None:
        """Run statements that give no rows, in their order."""

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query."""

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a query, however many they are."""

    def columns(self, namespace: str, table: str) -> list[str]:
        """Return the names of the columns of a table or view; none, if there is none of that name."""


class Database(ABC):
    """A database with the tables of snapshots; a context manager that opens and closes it.

    Args:
        session: of the database.
        sql: the statements in its dialect.
        elsewhere: what to do where its tables have other columns than a snapshot.
    """

    def __init__(self, session: Session, sql: TableStatements, elsewhere: str) -> None:
        self._session = session
        self._sql = sql
        self._elsewhere = elsewhere

    def __enter__(self) -> Self:
        self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, traceback)

    @abstractmethod
    def load(self, snapshot: Loadable) -> None:
        """Load a snapshot, in place of what there is of the same export: all of it, or nothing.

        Raises:
            BusyError: someone reads what it takes the place of, for longer than it waits.
            InputError: a file of the snapshot is damaged.
            OutputError: the database refuses.
            UsageError: a table there has other columns.
        """

    @abstractmethod
    def drop(self, name: str) -> bool:
        """Remove a snapshot; return whether it is gone, and not read by someone, so that it must wait."""

    @abstractmethod
    def make_history(self, persons: pa.Schema) -> None:
        """Make the view of every state of each person, if it is missing.

        Args:
            persons: the columns of persons, as the snapshots have them.
        """

    def loads(self) -> list[Load]:
        """Return the ledger, oldest snapshot first, person first of its tables.

        Raises:
            InputError: someone has changed it.
        """
        return read_loads(self._session.rows(self._sql.select_loads())) if self._columns(LEDGER) else []

    def has_history(self) -> bool:
        """Return whether there is the view of every state of each person."""
        return bool(self._columns(HISTORY))

    def strays(self, table: str) -> int:
        """Return how many rows a table has that are of no load."""
        name = database_table(table)
        return int(self._session.rows(self._sql.count_strays(name))[0][0]) if self._columns(name) else 0

    def read(self, load: Load, *, newest: bool) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a loaded table as readers find them, with the columns that the snapshot has.

        Args:
            load: the row of the ledger.
            newest: whether it is of the newest snapshot.
        """
        columns = self._columns(database_table(load.table))[1:]
        if columns and self._columns(load.table):  # else someone dropped the table, or the view
            yield from self._session.batches(self._sql.select_rows(load, columns, newest=newest))

    def _make_tables(self, snapshot: Loadable) -> None:
        """Make the ledger, the tables of a snapshot and the view of persons, as far as they are missing."""
        if not self._columns(LEDGER):
            self._session.run_all(self._sql.create_ledger())
        for table in snapshot.tables:
            name, wanted = database_table(table.table), database_schema(table.schema)
            found = self._columns(name)
            if not found:
                self._session.run_all(self._create(name, wanted))
            elif found != wanted.names:
                raise UsageError(
                    f"{self._session.address}: {name} has other columns than {snapshot.name}", self._elsewhere
                )
        if not self._columns(PERSON):
            self._session.run_all(self._sql.create_person_view(snapshot.tables[0].schema))

    def _create(self, name: str, schema: pa.Schema) -> Iterator[str]:
        """Yield the statements that make a table."""
        return self._sql.create(name, schema)

    def _prove(self, load: Load, arrived: int) -> None:
        """Prove that all rows of a table arrived.

        Raises:
            OutputError: some have not.
        """
        if arrived != load.rows:
            raise OutputError(
                f"{self._session.address}: {number(arrived)} rows of {load.table} arrived of {number(load.rows)}",
                "nothing was published; load again",
            )

    def _columns(self, table: str) -> list[str]:
        return self._session.columns(self._sql.namespace, table)
