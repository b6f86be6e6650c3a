"""The dialects of SQL that the table ``person`` can be created in."""

from __future__ import annotations

import pyarrow as pa

from krr_export.schema.ddl import Dialect


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
    "databricks": Dialect(
        "Databricks",
        _types(
            bool="BOOLEAN",
            int8="TINYINT",
            int16="SMALLINT",
            int32="INT",
            int64="BIGINT",
            uint8="SMALLINT",
            uint16="INT",
            uint32="BIGINT",
            uint64="DECIMAL(20, 0)",
            float="FLOAT",
            double="DOUBLE",
            string="STRING",
            binary="BINARY",
            date="DATE",
            timestamp="TIMESTAMP",
        ),
        quotes="`",
        backslash=True,
        column_comment="COMMENT {}",
        table_comment="COMMENT {}",
        load="Load: COPY INTO person FROM 's3://BUCKET/latest/person/' FILEFORMAT = PARQUET;",
    ),
    "sqlserver": Dialect(
        "SQL Server",
        _types(
            bool="bit",
            int8="smallint",
            int16="smallint",
            int32="int",
            int64="bigint",
            uint8="tinyint",
            uint16="int",
            uint32="bigint",
            uint64="numeric(20)",
            float="real",
            double="float",
            string="nvarchar(max)",
            binary="varbinary(max)",
            date="date",
            timestamp="datetimeoffset(6)",
        ),
        quotes="[]",
        string_prefix="N",
        bounded_text="nvarchar(4000)",  # with room for pseudonyms; and unlike nvarchar(max) it can be indexed
        listed=lambda name, values: f"nvarchar(450) CHECK ({name} IN ({values}))",
        extended_properties=True,
        load=(
            "Load (from 2022, with an external data source STORE):\n"
            "INSERT INTO person SELECT * FROM OPENROWSET(BULK 'latest/person/*.parquet', DATA_SOURCE = 'STORE',\n"
            "FORMAT = 'PARQUET') AS exported;"
        ),
    ),
}
"""By their names in ``--format sql-…``."""
