"""A PostgreSQL database with a partition for each snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from krr_export.errors import BusyError
from krr_export.schema.record_schema import IDENTIFYING
from krr_export.warehouse.database import Database
from krr_export.warehouse.ledger import EXPORT
from krr_export.warehouse.loadable import table_suffix
from krr_export.warehouse.postgres.session import PostgresSession
from krr_export.warehouse.sql_text import identifier, quote
from krr_export.warehouse.tables import TableStatements, database_table, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.warehouse.ledger import Load
    from krr_export.warehouse.loadable import Loadable
    from krr_export.warehouse.postgres.address import Address

_ATTACH, _REMOVE = "SHARE UPDATE EXCLUSIVE", "ACCESS EXCLUSIVE"
"""Locks of a table with partitions: readers go on while one is added, and not while one is removed."""
_TRIES, _TRIES_TO_DROP = 60, 3
_UNPUBLISHED = "_new"
"""Ends the name of a table until it takes its place, which may still have another one of the same name."""


class PostgresDatabase(Database):
    """A database, in a schema of which each table has a partition for each snapshot.

    A snapshot is loaded by one transaction: into new tables that nobody sees, which become partitions at its end. So
    nobody sees half of one, readers are not held up, and what breaks off leaves nothing behind.

    Args:
        address: of the database.
        namespace: the schema of the tables; made if it is missing.
    """

    _session: PostgresSession

    def __init__(self, address: Address, namespace: str) -> None:
        sql = TableStatements("postgres", namespace)
        super().__init__(PostgresSession(address), sql, "load into another --db-schema")

    def __enter__(self) -> Self:
        super().__enter__()
        lock = quote(f"krr-export load into {self._sql.namespace}")
        if not self._session.rows(f"SELECT pg_try_advisory_lock(hashtext({lock}))")[0][0]:
            self.__exit__(None, None, None)
            raise BusyError(
                f"{self._session.address}: another load into {self._sql.namespace} is at work", "wait for it"
            )
        return self

    def load(self, snapshot: Loadable) -> None:
        """Load a snapshot, in place of what there is of the same export: all of it, or nothing."""
        replaced = [load for load in self.loads() if load.name == snapshot.name]
        with self._session.transaction():
            self._make_schema()
            self._make_tables(snapshot)
            filled = [self._fill(snapshot, table) for table in snapshot.tables]
            # Also what the ledger does not know of, for someone changed it.
            if removed := {*replaced, *(load for load in filled if self._columns(_partition_of(load)))}:
                self._remove([*removed], _TRIES)
            self._publish(filled)

    def drop(self, name: str) -> bool:
        """Remove a snapshot; return whether it is gone, and not read by someone, so that it must wait."""
        loads = [load for load in self.loads() if load.name == name]
        try:
            with self._session.transaction():
                self._remove(loads, _TRIES_TO_DROP)
        except BusyError:
            return False
        return True

    def make_history(self, persons: pa.Schema) -> None:
        """Make the view of every state of each person, if it is missing."""
        if not self.has_history():
            with self._session.transaction():
                self._session.run_all(self._sql.create_history_view(persons))

    def _make_schema(self) -> None:
        name = self._sql.namespace
        if not self._session.rows(f"SELECT 1 FROM pg_namespace WHERE nspname = {quote(name)}"):
            self._session.run(f"CREATE SCHEMA {identifier(name)}")

    def _create(self, name: str, schema: pa.Schema) -> Iterator[str]:
        yield from self._sql.create(name, schema, f"PARTITION BY LIST ({EXPORT.name})")
        yield from _no_statistics(self._sql.name(name), [*schema][1:])

    def _fill(self, snapshot: Loadable, table: SnapshotTable) -> Load:
        """Fill a table of its own with a table of the snapshot, and prove that all rows arrived."""
        parent, made = self._sql.name(database_table(table.table)), moment(snapshot.name)
        name = f"{_partition_name(table.table, snapshot.name, snapshot.manifest_sha256)}{_UNPUBLISHED}"
        own = self._sql.name(name)
        self._session.run(f"CREATE TABLE {own} (LIKE {parent} INCLUDING ALL)")
        # The check says what the partition's bound will: the server need not look at every row.
        self._session.run(f"ALTER TABLE {own} ALTER eksport SET DEFAULT {made}, ADD CHECK (eksport = {made})")
        self._session.run_all(_no_statistics(own, table.schema))
        self._session.run_all(self._no_statistics_of_expressions(own))
        reader = snapshot.read(table)
        self._session.copy(reader, self._sql.namespace, name)
        load = reader.load()
        self._prove(load, self._session.rows(f"SELECT count(*) FROM {own}")[0][0])
        # With columns named, what indexes compute is left out: in this transaction the server does not know better yet.
        harmless = [EXPORT.name, *(field.name for field in table.schema if not _may_identify(field))]
        self._session.run(f"ANALYZE {own} ({', '.join(map(identifier, harmless))})")
        return load

    def _no_statistics_of_expressions(self, table: str) -> Iterator[str]:
        """Yield statements that keep what indexes compute out of the statistics: it may be as personal as a column."""
        found = self._session.rows(
            "SELECT indexrelid::regclass::text, attnum FROM pg_index JOIN pg_attribute ON attrelid = indexrelid"
            f" WHERE indrelid = to_regclass({quote(table)}) AND indexprs IS NOT NULL"
        )
        for index, number_of_column in found:
            yield f"ALTER INDEX {index} ALTER COLUMN {number_of_column} SET STATISTICS 0"

    def _publish(self, loads: list[Load]) -> None:
        self._session.lock([self._sql.name(database_table(load.table)) for load in loads], _ATTACH, _TRIES)
        for load in loads:
            parent, values = self._sql.name(database_table(load.table)), f"({moment(load.name)})"
            name = _partition_of(load)
            self._session.run(f"ALTER TABLE {self._sql.name(name + _UNPUBLISHED)} RENAME TO {identifier(name)}")
            self._session.run(f"ALTER TABLE {parent} ATTACH PARTITION {self._partition(load)} FOR VALUES IN {values}")
            self._session.run(self._sql.insert_load(load))

    def _remove(self, loads: list[Load], tries: int) -> None:
        """Remove the partitions of loads, and their rows of the ledger."""
        partitions = [self._partition(load) for load in loads if self._columns(_partition_of(load))]
        parents = [self._sql.name(database_table(load.table)) for load in loads]
        self._session.lock([*parents, *partitions], _REMOVE, tries)
        for partition in partitions:
            self._session.run(f"DROP TABLE {partition}")
        self._session.run(self._sql.delete_loads([load.name for load in loads]))

    def _partition(self, load: Load) -> str:
        return self._sql.name(_partition_of(load))


def _partition_of(load: Load) -> str:
    return _partition_name(load.table, load.name, load.manifest_sha256)


def _partition_name(table: str, name: str, manifest_sha256: str) -> str:
    return f"{database_table(table)}_{table_suffix(name, manifest_sha256)}"


def _no_statistics(table: str, fields: Iterable[pa.Field]) -> Iterator[str]:
    """Yield statements that keep values that identify a person out of the server's statistics, which are a catalog."""
    for field in fields:
        if _may_identify(field):
            yield f"ALTER TABLE {table} ALTER {identifier(field.name)} SET STATISTICS 0"


def _may_identify(field: pa.Field) -> bool:
    marks: dict[bytes, bytes] = field.metadata or {}
    return marks.get(IDENTIFYING.encode(), b"true") == b"true"
