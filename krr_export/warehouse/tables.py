"""The tables and views that a database gets, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.domain.store_layout import exported_at
from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.errors import UsageError
from krr_export.schema.dialects import DIALECTS
from krr_export.schema.record_schema import DESCRIPTION, ORDINAL
from krr_export.version import __version__
from krr_export.warehouse.ledger import EXPORT, LEDGER, LEDGER_SCHEMA, Load
from krr_export.warehouse.sql_text import identifier, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PERSON, PERSON_ALL = "person", "person_all"
"""The view of the newest persons, and the table of those of all nights."""
CHANGES, HISTORY = "changes", "person_historikk"
"""The table of what changed from night to night, and the view of every state that a person has had."""
COMMENTS = {
    PERSON: "Persons of the newest snapshot",
    PERSON_ALL: "Persons of all snapshots, by eksport",
    "rejects": "Records that the XSD refused, of all snapshots",
    "findings": "What the rules found in accepted records, of all snapshots",
    "changes": "What changed since the snapshot before, of all snapshots made with --changes",
    HISTORY: "Every state of each person, from gyldig_fra until before gyldig_til; without an end it is the newest",
    LEDGER: "What krr-export loaded: a row for each table of each snapshot",
}
"""What is in each of them."""
LOADABLE = ("person", "rejects", "findings", "changes")
"""The tables of a snapshot that are loaded."""


def database_table(name: str) -> str:
    """Return the name that a snapshot's table has in a database."""
    return PERSON_ALL if name == PERSON else name


def database_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns that a table has in a database: those of the snapshot, after the time of the export.

    Raises:
        UsageError: a column has the name of that time.
    """
    if EXPORT.name in schema.names:
        raise UsageError(
            f"a column is named {EXPORT.name}, as that of the export's time is", "leave it out with --drop"
        )
    return pa.schema([EXPORT, *schema])


def moment(name: str) -> str:
    """Return the value of ``eksport`` for a snapshot, as a literal of SQL."""
    return f"TIMESTAMPTZ {quote(exported_at(name).isoformat())}"


class TableStatements:
    """Statements that make tables and views.

    Args:
        dialect: a key of `krr_export.schema.dialects.DIALECTS`.
        namespace: where the tables are: a schema of the database.
    """

    def __init__(self, dialect: str, namespace: str) -> None:
        self._types = DIALECTS[dialect].types
        self.namespace = namespace

    def name(self, table: str) -> str:
        """Return the full name of a table."""
        return f"{identifier(self.namespace)}.{identifier(table)}"

    def create_ledger(self) -> Iterator[str]:
        """Yield the statements that make the ledger, if there is none."""
        yield f"CREATE TABLE IF NOT EXISTS {self.name(LEDGER)} ({self._columns(LEDGER_SCHEMA)})"
        yield self.comment(LEDGER)

    def create(self, table: str, schema: pa.Schema, clause: str = "") -> Iterator[str]:
        """Yield the statements that make a table and its comments.

        Args:
            table: its name in the database.
            schema: its columns.
            clause: what follows the columns.
        """
        yield f"CREATE TABLE {self.name(table)} ({self._columns(schema)}) {clause}".rstrip()
        yield self.comment(table)
        yield from self._column_comments(table, schema)

    def create_person_view(self, schema: pa.Schema) -> Iterator[str]:
        """Yield the statements that make the view of the newest persons, from their columns.

        Which export is the newest is asked when the view is read: a new one needs no change of it, and no lock.
        """
        columns = ", ".join(map(identifier, schema.names))
        yield (
            f"CREATE VIEW {self.name(PERSON)} AS SELECT {columns} FROM {self.name(PERSON_ALL)}"
            f" WHERE {EXPORT.name} = (SELECT max({EXPORT.name}) FROM {self.name(LEDGER)})"
        )
        yield self.comment(PERSON, "VIEW")
        yield from self._column_comments(PERSON, schema)

    def create_history_view(self, schema: pa.Schema) -> Iterator[str]:
        """Yield the statements that make the view of every state of each person, from the columns of persons.

        The oldest night gives the first states, and the changes of each later one the others; it is stored nowhere, and
        ends with the nights that are removed.
        """
        names = [name for name in schema.names if name != ORDINAL.name]
        columns, key = ", ".join(map(identifier, names)), f"{identifier(IDENTIFIER)}, forekomst"
        oldest = f"(SELECT min(eksport) FROM {self.name(LEDGER)})"
        nth = f"row_number() OVER (PARTITION BY {identifier(IDENTIFIER)} ORDER BY {ORDINAL.name})"
        yield (
            f"CREATE VIEW {self.name(HISTORY)} AS\n"
            f"WITH states AS (\n  SELECT {columns}, CAST({nth} AS integer) AS forekomst, eksport, false AS is_gone\n"
            f"  FROM {self.name(PERSON_ALL)} WHERE eksport = {oldest}\n  UNION ALL\n"
            f"  SELECT {columns}, forekomst, eksport, endring = 'borte'\n"
            f"  FROM {self.name(CHANGES)} WHERE eksport > {oldest}\n), spans AS (\n"
            f"  SELECT *, lead(eksport) OVER (PARTITION BY {key} ORDER BY eksport) AS gyldig_til FROM states\n)\n"
            f"SELECT {columns}, forekomst, eksport AS gyldig_fra, gyldig_til FROM spans WHERE NOT is_gone"
        )
        yield self.comment(HISTORY, "VIEW")
        yield from self._column_comments(HISTORY, pa.schema([schema.field(name) for name in names]))

    def select_loads(self) -> str:
        """Return the query of the ledger, for `read_loads`: oldest snapshot first, person first of its tables."""
        seconds = f"CAST(extract(epoch FROM {EXPORT.name}) AS bigint)"
        columns = f"{seconds}, snapshot, table_name, row_count, content_digest, manifest_sha256, compared_with"
        order = f"{EXPORT.name}, table_name <> '{PERSON}', table_name"
        return f"SELECT {columns} FROM {self.name(LEDGER)} ORDER BY {order}"

    def select_rows(self, load: Load, columns: Sequence[str], *, newest: bool) -> str:
        """Return the query of a loaded table's rows, as readers find them.

        Args:
            load: the row of the ledger.
            columns: the columns to read.
            newest: whether it is of the newest snapshot, whose persons are those of the view.
        """
        chosen = ", ".join(map(identifier, columns))
        if newest and load.table == PERSON:
            return f"SELECT {chosen} FROM {self.name(PERSON)}"
        table = self.name(database_table(load.table))
        return f"SELECT {chosen} FROM {table} WHERE {EXPORT.name} = {moment(load.name)}"

    def count_strays(self, table: str) -> str:
        """Return the query of how many rows of a table are of no snapshot in the ledger."""
        return (
            f"SELECT count(*) FROM {self.name(table)}"
            f" WHERE {EXPORT.name} NOT IN (SELECT {EXPORT.name} FROM {self.name(LEDGER)})"
        )

    def insert_load(self, load: Load) -> str:
        """Return the statement that adds a row to the ledger."""
        compared = "NULL" if load.compared_with is None else quote(load.compared_with)
        digests = [quote(load.content_digest), quote(load.manifest_sha256), compared]
        values = [moment(load.name), quote(load.name), quote(load.table), str(load.rows), *digests]
        values += [quote(__version__), "now()"]
        return f"INSERT INTO {self.name(LEDGER)} VALUES ({', '.join(values)})"

    def delete_loads(self, names: Sequence[str]) -> str:
        """Return the statement that removes snapshots from the ledger."""
        return f"DELETE FROM {self.name(LEDGER)} WHERE snapshot IN ({', '.join(map(quote, names))})"

    def comment(self, table: str, kind: str = "TABLE") -> str:
        """Return the statement that says what is in a table."""
        return f"COMMENT ON {kind} {self.name(table)} IS {quote(COMMENTS[table])}"

    def _columns(self, schema: pa.Schema) -> str:
        return ", ".join(
            f"{identifier(field.name)} {self._type(field.type)}{'' if field.nullable else ' NOT NULL'}"
            for field in schema
        )

    def _type(self, kind: pa.DataType) -> str:
        if pa.types.is_dictionary(kind):
            return self._type(kind.value_type)
        if pa.types.is_list(kind):
            return f"{self._type(kind.value_type)}[]"
        return self._types[str(kind)]

    def _column_comments(self, table: str, schema: pa.Schema) -> Iterator[str]:
        for field in schema:
            if text := (field.metadata or {}).get(DESCRIPTION.encode()):
                yield f"COMMENT ON COLUMN {self.name(table)}.{identifier(field.name)} IS {quote(text.decode())}"
