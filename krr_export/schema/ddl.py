"""Write the table ``person`` as a CREATE TABLE statement, in the dialects of common warehouses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from krr_export.schema.record_schema import Field

TABLE = "person"

# Reserved in at least one of the dialects: quoting a name without need does no harm.
_RESERVED = frozenset(
    """
    account all alter analyse analyze and anti any array as asc asof assert_rows_modified asymmetric at authorization
    between binary both by case cast check collate collation column columns concurrently connect connection constraint
    contains create cross cube current current_catalog current_date current_role current_schema current_time
    current_timestamp current_user database default deferrable define delete desc describe distinct do drop else end
    enum escape except exclude exists extract false fetch following for foreign freeze from full generated glob grant
    group grouping groups gscluster hash having if ignore ilike in increment initially inner insert intersect interval
    into is isnull issue join lambda lateral leading left like limit localtime localtimestamp lookup map merge minus
    natural new no not notnull null nulls of offset on only or order organization outer over overlaps partition pivot
    pivot_longer pivot_wider placing positional preceding primary proto qualify range recursive references regexp
    respect returning revoke right rlike rollup row rows sample schema select semi session_user set show similar some
    start struct summarize symmetric system_user table tablesample then to trailing treat trigger true try_cast tuple
    unbounded union unique unnest unpack unpivot update user using values variadic verbose view when whenever where
    window with within
    """.split()  # noqa: SIM905 - a literal, a word a line, would be longer than the rest of the module
)


@dataclass(frozen=True)
class Dialect:
    """The SQL dialect of one database.

    Attributes:
        name: the database's usual name.
        types: SQL types by the names of Arrow types.
        quotes: the character before and after a name that must be quoted.
        backslash: whether a backslash in a string escapes the next character.
        listed: gives the type and constraint of a text column with a list of values, from its name and the values as
            SQL; ``None`` if the dialect cannot enforce a list.
        column_comment: a comment within a column's definition; ``None`` if comments are separate statements.
        table_comment: the same for the table, after its columns.
        load: how to load a snapshot, as text for a comment.
    """

    name: str
    types: dict[str, str]
    quotes: str = '"'
    backslash: bool = False
    listed: Callable[[str, str], str] | None = None
    column_comment: str | None = None
    table_comment: str | None = None
    load: str = ""

    def create_table(self, fields: Iterable[Field], about: str) -> str:
        """Return the statements that create the table, each ended by a semicolon.

        Args:
            fields: the columns.
            about: what the table is, in one line.
        """
        fields = tuple(fields)
        lines = [f"-- {about}", *(f"-- {line}" for line in self.load.splitlines()), f"CREATE TABLE {TABLE} ("]
        lines.append(",\n".join(f"  {self._column(field)}" for field in fields))
        if self.column_comment and self.table_comment:
            lines.append(f") {self.table_comment.format(self._string(about))};")
        else:
            lines += [");", *self._comment_statements(fields, about)]
        return "\n".join(lines)

    def _column(self, field: Field) -> str:
        name = self._identifier(field.name)
        words = [name, self._type(field, name)]
        if field.required:
            words.append("NOT NULL")
        if self.column_comment and field.documentation:
            words.append(self.column_comment.format(self._string(field.documentation)))
        return " ".join(words)

    def _type(self, field: Field, name: str) -> str:
        kind = field.arrow_type
        if not pa.types.is_dictionary(kind):
            return self.types[str(kind)]
        if self.listed is None:
            return self.types["string"]
        return self.listed(name, ", ".join(self._string(value) for value in field.facets.enumeration))

    def _comment_statements(self, fields: Iterable[Field], about: str) -> Iterator[str]:
        yield f"COMMENT ON TABLE {TABLE} IS {self._string(about)};"
        for field in fields:
            if field.documentation:
                column = f"{TABLE}.{self._identifier(field.name)}"
                yield f"COMMENT ON COLUMN {column} IS {self._string(field.documentation)};"

    def _identifier(self, name: str) -> str:
        plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in _RESERVED
        return name if plain else f"{self.quotes}{name}{self.quotes}"

    def _string(self, text: str) -> str:
        if not self.backslash:
            return "'" + text.replace("'", "''") + "'"
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _types(**types: str) -> dict[str, str]:
    """Map Arrow types to SQL types; ``date`` and ``timestamp`` stand for names that are no keywords."""
    names = {"date": "date32[day]", "timestamp": str(pa.timestamp("us", tz="UTC"))}
    return {names.get(arrow, arrow): sql for arrow, sql in types.items()}


_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")

DIALECTS: dict[str, Dialect] = {
    "duckdb": Dialect(
        "DuckDB",
        _types(
            bool="BOOLEAN",
            int8="TINYINT",
            int16="SMALLINT",
            int32="INTEGER",
            int64="BIGINT",
            uint8="UTINYINT",
            uint16="USMALLINT",
            uint32="UINTEGER",
            uint64="UBIGINT",
            float="FLOAT",
            double="DOUBLE",
            string="VARCHAR",
            binary="BLOB",
            date="DATE",
            timestamp="TIMESTAMP WITH TIME ZONE",
        ),
        listed=lambda _, values: f"ENUM ({values})",
        load=(
            "Load: INSERT INTO person BY NAME SELECT * FROM read_parquet('STORE/latest/person/**/*.parquet');\n"
            "From CSV: read_csv(..., all_varchar = true, allow_quoted_nulls = false), from_base64 of binary columns."
        ),
    ),
    "postgres": Dialect(
        "PostgreSQL",
        _types(
            bool="boolean",
            int8="smallint",
            int16="smallint",
            int32="integer",
            int64="bigint",
            uint8="smallint",
            uint16="integer",
            uint32="bigint",
            uint64="numeric(20)",
            float="real",
            double="double precision",
            string="text",
            binary="bytea",
            date="date",
            timestamp="timestamp with time zone",
        ),
        listed=lambda name, values: f"text CHECK ({name} IN ({values}))",
        load=(
            "Load: \\copy person FROM 'STORE/latest/person/part-00000.csv' (FORMAT csv, HEADER)\n"
            "Binary columns are base64 in CSV: copy into a table in which they are text, then decode(..., 'base64')."
        ),
    ),
    "bigquery": Dialect(
        "BigQuery",
        _types(
            bool="BOOL",
            **dict.fromkeys(_INTEGERS, "INT64"),
            uint64="NUMERIC",
            float="FLOAT64",
            double="FLOAT64",
            string="STRING",
            binary="BYTES",
            date="DATE",
            timestamp="TIMESTAMP",
        ),
        quotes="`",
        backslash=True,
        column_comment="OPTIONS (description = {})",
        table_comment="OPTIONS (description = {})",
        load="Load: bq load --source_format=PARQUET DATASET.person 'gs://BUCKET/latest/person/*.parquet'",
    ),
    "snowflake": Dialect(
        "Snowflake",
        _types(
            bool="BOOLEAN",
            **dict.fromkeys((*_INTEGERS, "uint64"), "BIGINT"),  # NUMBER(38, 0) by another name
            float="FLOAT",
            double="FLOAT",
            string="VARCHAR",
            binary="BINARY",
            date="DATE",
            timestamp="TIMESTAMP_TZ(6)",
        ),
        backslash=True,
        column_comment="COMMENT {}",
        table_comment="COMMENT = {}",
        load=(
            "Load: COPY INTO person FROM @STAGE/latest/person/ MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE\n"
            "FILE_FORMAT = (TYPE = PARQUET, BINARY_AS_TEXT = FALSE, USE_LOGICAL_TYPE = TRUE);"
        ),
    ),
}
"""By their names in ``--format sql-…``."""
