"""A DuckDB file with the tables of snapshots, built beside the old one and put in its place by one rename."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from krr_export.errors import KrrExportError, OutputError, UsageError
from krr_export.util.files import COMMON_HINTS, output_errors
from krr_export.util.paths import real_path
from krr_export.warehouse.duckdb_file import OFFLINE
from krr_export.warehouse.ledger import EXPORT, LEDGER, Load, read_loads
from krr_export.warehouse.sql_text import identifier, quote
from krr_export.warehouse.tables import (
    HISTORY,
    PERSON,
    TableStatements,
    database_schema,
    database_table,
    moment,
)
from krr_export.warehouse.workplace import put_in_place, workplace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.warehouse.loadable import Loadable

_NAMESPACE = "main"
_CONFIG = {
    **OFFLINE,
    "storage_compatibility_version": "v1.2.0",  # DuckDB 1.2 and later open it
    "memory_limit": "512MB",
    "temp_directory": "",  # nothing personal is put aside on a disk
}


class DuckDBDatabase:
    """A DuckDB file. Changes are made to a copy of it, which takes its place once it is closed without an error.

    Args:
        path: Of the file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = real_path(path)
        self._sql = TableStatements("duckdb", _NAMESPACE)
        self._stack = ExitStack()
        self._copy: Path | None = None
        self._has_removed = False

    def __enter__(self) -> Self:
        try:
            import duckdb  # noqa: PLC0415 - an optional package
        except ImportError:
            raise UsageError("the package duckdb is missing", "pip install 'krr-export[duckdb]'") from None
        if self._path.exists() and not self._path.is_file():  # a pipe would be waited for
            raise OutputError(f"{self._path} is no file", "give another path")
        with self._own_words():
            there = {"database": self._path, "read_only": True} if self._path.exists() else {"database": ":memory:"}
            self._connection = self._stack.enter_context(duckdb.connect(**there, config=_CONFIG))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:
            if error is None and self._copy is not None:
                built = self._rewritten(self._copy) if self._has_removed else self._copy
                with self._own_words():
                    self._connection.execute("CHECKPOINT")
                    self._connection.close()
                put_in_place(built, self._path)

    def loads(self) -> list[Load]:
        """Return the ledger, oldest snapshot first, person first of its tables."""
        if not self._columns(LEDGER):
            return []
        return read_loads(self._rows(self._sql.select_loads()))

    def load(self, snapshot: Loadable) -> None:
        """Load a snapshot, in place of what there is of the same export: all of it, or nothing."""
        self._begin_change()
        self.drop([snapshot.name])
        if not self._columns(LEDGER):
            self._run_all(self._sql.create_ledger())
        for table in snapshot.tables:
            self._make_table(snapshot, table)
            self._fill(snapshot, table)
        if not self._columns(PERSON):
            self._run_all(self._sql.create_person_view(snapshot.tables[0].schema))

    def drop(self, names: Collection[str]) -> list[str]:
        """Remove snapshots; none must wait, since who reads the file has the old one."""
        for load in self.loads():
            if load.name in names:
                self._begin_change()
                self._has_removed = True
                table = database_table(load.table)
                if self._columns(table):  # else someone dropped it
                    self._run(f"DELETE FROM {self._sql.name(table)} WHERE {EXPORT.name} = {moment(load.name)}")
                self._run(self._sql.delete_loads([load.name]))
        return []

    def has_history(self) -> bool:
        """Return whether there is the view of every state of each person."""
        return bool(self._columns(HISTORY))

    def make_history(self, persons: pa.Schema) -> None:
        """Make that view, if it is missing."""
        if not self.has_history():
            self._begin_change()
            self._run_all(self._sql.create_history_view(persons))

    def strays(self, table: str) -> int:
        """Return how many rows a table has that are of no load."""
        name = database_table(table)
        return int(self._rows(self._sql.count_strays(name))[0][0]) if self._columns(name) else 0

    def read(self, load: Load, *, newest: bool) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a loaded table as readers find them, with the columns that the snapshot has."""
        columns = self._columns(database_table(load.table))[1:]
        if not columns or not self._columns(load.table):  # someone dropped the table, or the view
            return
        with self._own_words():
            batches: pa.RecordBatchReader = self._connection.sql(
                self._sql.select_rows(load, columns, newest=newest)
            ).to_arrow_reader()
            yield from batches

    def _begin_change(self) -> None:
        """Go on with a copy of the file, or with a new one, in the file's stead."""
        import duckdb  # noqa: PLC0415 - an optional package

        if self._copy is not None:
            return
        self._connection.close()
        self._copy = self._stack.enter_context(workplace(self._path)) / "copy.duckdb"
        if self._path.with_name(f"{self._path.name}.wal").exists():  # it would be taken for the new file's
            raise OutputError(
                f"{self._path} is open in another program, or was not closed", "close it, or open it once in DuckDB"
            )
        if self._path.exists():
            with output_errors(f"copy {self._path}", COMMON_HINTS):
                shutil.copyfile(self._path, self._copy)
        with self._own_words():
            self._connection = self._stack.enter_context(duckdb.connect(self._copy, config=_CONFIG))

    def _rewritten(self, copy: Path) -> Path:
        """Return a file with the same tables alone: what is removed from a file of DuckDB stays readable in it."""
        rewritten = copy.with_name("rewritten.duckdb")
        with self._own_words():
            self._connection.execute(f"ATTACH {quote(str(rewritten))} AS rewritten (STORAGE_VERSION 'v1.2.0')")
            self._connection.execute(f"COPY FROM DATABASE {identifier(copy.stem)} TO rewritten")
            self._connection.execute("CHECKPOINT rewritten")
            self._connection.execute("DETACH rewritten")
        return rewritten

    def _make_table(self, snapshot: Loadable, table: SnapshotTable) -> None:
        name, wanted = database_table(table.table), database_schema(table.schema)
        found = self._columns(name)
        if not found:
            self._run_all(self._sql.create(name, wanted))
        elif found != wanted.names:
            raise UsageError(f"{self._path}: {name} has other columns than {snapshot.name}", "load into another file")

    def _fill(self, snapshot: Loadable, table: SnapshotTable) -> None:
        reader, made = snapshot.read(table), moment(snapshot.name)
        self._connection.register("arriving", reader.stream())
        try:
            name = self._sql.name(database_table(table.table))
            arrived: int = self._rows(f"INSERT INTO {name} SELECT {made}, * FROM arriving")[0][0]
        except (KrrExportError, KeyboardInterrupt):
            if reader.failure is not None:
                raise reader.failure from None
            raise
        finally:
            self._connection.unregister("arriving")
        load = reader.load()
        if arrived != load.rows:
            raise OutputError(f"{self._path}: {arrived} rows of {load.table} arrived of {load.rows}", "load again")
        self._run(self._sql.insert_load(load))

    def _columns(self, table: str) -> list[str]:
        """Return the names of a table's columns; none, if there is no such table."""
        found = self._rows(
            f"SELECT column_name FROM duckdb_columns() WHERE schema_name = {quote(_NAMESPACE)}"
            f" AND table_name = {quote(table)} AND NOT internal ORDER BY column_index"
        )
        return [name for (name,) in found]

    def _run_all(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self._run(statement)

    def _run(self, statement: str) -> None:
        with self._own_words():
            self._connection.execute(statement)

    def _rows(self, query: str) -> list[Any]:
        with self._own_words():
            return self._connection.execute(query).fetchall()

    @contextmanager
    def _own_words(self) -> Iterator[None]:
        """Turn errors of DuckDB into the program's own: its words may quote rows."""
        import duckdb  # noqa: PLC0415 - an optional package

        try:
            yield
        except duckdb.OutOfMemoryException:
            raise MemoryError from None
        except RuntimeError as error:  # DuckDB's only word for a signal, whichever it was
            raise KeyboardInterrupt from error
        except duckdb.Error:
            raise OutputError(
                f"DuckDB cannot read or write {self._path}",
                "is it a DuckDB file, open in no other program, and is there room for a second one?",
            ) from None
