"""A DuckDB file with the tables of snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.warehouse.database import Database
from krr_export.warehouse.duckdb_session import DuckDBSession
from krr_export.warehouse.ledger import EXPORT
from krr_export.warehouse.tables import TableStatements, database_table, moment

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.warehouse.loadable import Loadable


class DuckDBDatabase(Database):
    """A DuckDB file. All that is loaded into it and removed from it is there for others once it is closed.

    Args:
        path: of the file; made if it is missing.
    """

    _session: DuckDBSession

    def __init__(self, path: Path) -> None:
        super().__init__(DuckDBSession(path), TableStatements("duckdb", "main"), "load into another file")

    def load(self, snapshot: Loadable) -> None:
        """Load a snapshot, in place of what there is of the same export: all of it, or nothing."""
        self._session.begin_change()
        self.drop(snapshot.name)
        self._make_tables(snapshot)
        for table in snapshot.tables:
            self._fill(snapshot, table)

    def drop(self, name: str) -> bool:
        """Remove a snapshot; nobody must be waited for, since who reads the file has the old one."""
        if loads := [load for load in self.loads() if load.name == name]:
            self._session.begin_change()
            for table in (database_table(load.table) for load in loads):
                if self._columns(table):  # else someone dropped it
                    self._session.remove(f"DELETE FROM {self._sql.name(table)} WHERE {EXPORT.name} = {moment(name)}")
            self._session.run(self._sql.delete_loads([name]))
        return True

    def make_history(self, persons: pa.Schema) -> None:
        """Make the view of every state of each person, if it is missing."""
        if not self.has_history():
            self._session.begin_change()
            self._session.run_all(self._sql.create_history_view(persons))

    def _fill(self, snapshot: Loadable, table: SnapshotTable) -> None:
        reader, name = snapshot.read(table), self._sql.name(database_table(table.table))
        arrived = self._session.insert(reader, f"INSERT INTO {name} SELECT {moment(snapshot.name)}, * FROM arriving")
        load = reader.load()
        self._prove(load, arrived)
        self._session.run(self._sql.insert_load(load))
