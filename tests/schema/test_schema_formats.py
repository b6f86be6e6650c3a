"""The record schema in the forms that `krr-export schema` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import expressions

import krr_export
from krr_export.errors import UsageError
from krr_export.schema.dialects import DIALECTS
from krr_export.schema.formats import FORMATS, render
from krr_export.schema.record_schema import Facets, Field, RecordSchema
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

SQLGLOT = {**{name: name for name in DIALECTS}, "sqlserver": "tsql"}
"""The names that sqlglot gives the dialects."""
SAMPLE = Path(__file__).parents[2] / "samples" / "valid.xml"
RESERVED_ANYWHERE = ["order", "group", "select", "end", "qualify", "window", "start", "rows", "user", "lambda"]


@pytest.fixture(params=["14-05", "16-02"])
def either(request: pytest.FixtureRequest) -> RecordSchema:
    return load_schema(request.param)


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def field(name: str, kind: pa.DataType, documentation: str = "", *values: str) -> Field:
    return Field(name, kind, documentation, required=False, path=(name,), facets=Facets(enumeration=values))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_every_column(either: RecordSchema, name: str) -> None:
    text = render(either, name)
    assert [column for column in either.arrow.names if column not in text] == []
    assert not text.endswith("\n")


def test_an_unknown_format_is_a_usage_error_that_lists_the_known_ones(schema: RecordSchema) -> None:
    with pytest.raises(UsageError, match="sql-duckdb"):
        render(schema, "yaml")


def test_the_table_fits_a_terminal_and_gives_path_and_meaning(either: RecordSchema) -> None:
    lines = render(either, "table").splitlines()
    assert max(map(len, lines)) <= 100
    at = next(i for i, line in enumerate(lines) if line.startswith("epostadresse_sist_oppdatert "))
    assert lines[at].split() == ["epostadresse_sist_oppdatert", "timestamp[us,", "tz=UTC]", "yes", "yes"]
    assert lines[at + 1].strip() == "Kontaktinformasjon/Epostadresse/@sistOppdatert"
    assert lines[at + 2].strip().startswith("When the value was last changed")


def test_json_holds_all_there_is_to_know_of_a_column(schema: RecordSchema) -> None:
    document = json.loads(render(schema, "json"))
    assert (document["schema"], document["sha256"]) == ("14-05", schema.sha256)
    columns = {column["name"]: column for column in document["columns"]}
    assert list(columns) == schema.arrow.names
    assert {name: column["nullable"] for name, column in columns.items()} == {f.name: f.nullable for f in schema.arrow}
    assert columns["status"]["enumeration"] == ["AKTIV", "SLETTET", "IKKE_REGISTRERT"]
    assert columns["postkasseadresse"]["facets"] == {
        "white_space": "preserve",
        "min_length": 8,
        "max_length": 100,
        "others": [],
    }
    assert columns["epostadresse_sist_oppdatert"] == {
        "name": "epostadresse_sist_oppdatert",
        "arrow_type": "timestamp[us, tz=UTC]",
        "nullable": True,
        "path": "Kontaktinformasjon/Epostadresse/@sistOppdatert",
        "xsd_type": "xs:dateTime",
        "enumeration": [],
        "facets": {"white_space": "collapse", "min_length": None, "max_length": None, "others": []},
        "documentation": "When the value was last changed; without an offset it is Norwegian wall time.",
        "personal": True,
        "identifying": False,
        "partitionable": False,
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_independent_parser_finds_each_column_and_what_may_not_be_null(either: RecordSchema, dialect: str) -> None:
    create, *comments = sqlglot.parse(render(either, f"sql-{dialect}"), dialect=SQLGLOT[dialect])
    assert isinstance(create, expressions.Create)
    assert create.this.this.name == "person"
    columns = list(create.find_all(expressions.ColumnDef))
    assert [column.name for column in columns] == either.arrow.names
    required = [column.name for column in columns if column.find(expressions.NotNullColumnConstraint)]
    assert required == ["radnummer", "personidentifikator"]
    kind = expressions.Execute if dialect == "sqlserver" else expressions.Comment
    assert all(isinstance(comment, kind) for comment in comments)
    inline = dialect in {"bigquery", "snowflake", "databricks"}
    assert len(comments) == (0 if inline else 1 + len(columns)), "one of the table, one of each column"


def test_instants_and_binary_values_have_their_own_types_in_each_dialect(schema: RecordSchema) -> None:
    kinds = {name: (d.types["timestamp[us, tz=UTC]"], d.types["binary"]) for name, d in DIALECTS.items()}
    assert kinds == {
        "duckdb": ("TIMESTAMP WITH TIME ZONE", "BLOB"),
        "postgres": ("timestamp with time zone", "bytea"),
        "bigquery": ("TIMESTAMP", "BYTES"),
        "snowflake": ("TIMESTAMP_TZ(6)", "BINARY"),
        "databricks": ("TIMESTAMP", "BINARY"),
        "sqlserver": ("datetimeoffset(6)", "varbinary(max)"),
    }
    for name, (instant, binary) in kinds.items():
        text = render(schema, f"sql-{name}")
        assert f"epostadresse_sist_verifisert {instant}" in text
        assert f"x509_sertifikat {binary}" in text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_and_comments_that_sql_would_misread_are_quoted(dialect: str) -> None:
    names = [*RESERVED_ANYWHERE, "1st", "größe"]
    documentation = r"It's a back\slash'; DROP TABLE person; --"
    fields = [field(name, pa.string(), documentation) for name in names]
    statements = sqlglot.parse(DIALECTS[dialect].create_table(fields, documentation), dialect=SQLGLOT[dialect])
    assert [column.name for column in statements[0].find_all(expressions.ColumnDef)] == names  # type: ignore[union-attr]  # a statement is there
    assert comments_of(statements, dialect) == {documentation}


def comments_of(statements: list[expressions.Expr | None], dialect: str) -> set[str]:
    """Return all strings; of SQL Server's procedures only the arguments that are comments."""
    if dialect == "sqlserver":
        arguments = [argument for made in statements[1:] if made for argument in made.find_all(expressions.EQ)]
        assert {argument.expression.this for argument in arguments if argument.this.name == "name"} == {
            "MS_Description"
        }
        return {argument.expression.this for argument in arguments if argument.this.name == "value"}
    return {node.this for statement in statements if statement for node in statement.find_all(expressions.Literal)}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_type_that_a_column_may_have_has_one_in_each_dialect(dialect: str) -> None:
    from krr_export.schema.loader import _ARROW_TYPES  # noqa: PLC0415 - the list of what may occur

    kinds = {pa.string(), *_ARROW_TYPES.values()}
    assert {str(kind) for kind in kinds} <= set(DIALECTS[dialect].types)


def test_duckdb_makes_the_table_with_the_arrow_types(either: RecordSchema, database: duckdb.DuckDBPyConnection) -> None:
    database.execute(render(either, "sql-duckdb"))
    made = database.sql("SELECT * FROM person").to_arrow_table().schema
    assert made.names == either.arrow.names
    plain = [(f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in either.arrow]
    loaded = [(f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in made]
    zoned = [pa.timestamp("us", "UTC") if pa.types.is_timestamp(kind) else kind for kind in loaded]
    assert zoned == plain
    comments = database.execute("SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'person'")
    assert dict(comments.fetchall())["personidentifikator"] == either.fields[0].documentation


@pytest.mark.parametrize("partition_by", [(), ("status",)])
def test_duckdb_loads_parquet_by_the_line_in_the_comment(
    schema: RecordSchema, database: duckdb.DuckDBPyConnection, tmp_path: Path, partition_by: tuple[str, ...]
) -> None:
    krr_export.convert(SAMPLE, tmp_path / "store", workers=0, partition_by=partition_by)
    text = render(schema, "sql-duckdb")
    database.execute(text)
    load = next(line for line in text.splitlines() if line.startswith("-- Load: "))
    database.execute(load.removeprefix("-- Load: ").replace("STORE", str(tmp_path / "store")))
    assert rows_of(database) == expected_rows()


def test_duckdb_loads_csv_as_the_comment_says(
    schema: RecordSchema, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    krr_export.convert(SAMPLE, tmp_path / "store", workers=0, format="csv")
    database.execute(render(schema, "sql-duckdb"))
    database.execute(
        f"""
        INSERT INTO person BY NAME
        SELECT * REPLACE (from_base64(x509_sertifikat) AS x509_sertifikat)
        FROM read_csv('{tmp_path}/store/latest/person/*.csv', all_varchar = true, allow_quoted_nulls = false)
        """  # noqa: S608 - our own path
    )
    assert rows_of(database) == expected_rows()


def rows_of(database: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    database.execute("SET TimeZone = 'UTC'")
    rows: list[dict[str, object]] = database.sql("SELECT * FROM person ORDER BY radnummer").to_arrow_table().to_pylist()
    return rows


def expected_rows() -> list[dict[str, object]]:
    with krr_export.open_export(SAMPLE, workers=0) as export:
        rows: list[dict[str, object]] = export.reader().read_all().to_pylist()
        return rows
