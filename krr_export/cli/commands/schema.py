"""``schema``."""

from __future__ import annotations

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import schema_option
from krr_export.cli.parameters import Choice, option, refuse_given

FORMATS = (
    *("table", "json", "sql-duckdb", "sql-postgres", "sql-bigquery", "sql-snowflake", "sql-databricks"),
    *("sql-sqlserver", "arrow", "dbt", "odcs"),
)
"""Those of `krr_export.schema.formats`, which imports Arrow."""
_WITH_ALL_TABLES = ("dbt", "odcs")


@command("schema", "krr-export schema --format sql-postgres > person.sql")
@schema_option
@option(
    "--format", "format_", default="table", show_default=True,
    type=Choice(FORMATS),
    help="How to show it.",
)  # fmt: skip
@option("--derive", multiple=True, metavar="NAME[,NAME…]|all", help="With the columns that convert --derive adds.")
@option("--changes", is_flag=True, help="With the table that convert --changes adds; for dbt and odcs.")
def schema_command(schema: str, format_: str, derive: tuple[str, ...], *, changes: bool, **output: bool) -> int:
    """Show what the columns are, to people, warehouses or dbt."""
    from krr_export.changes.columns import changes_table
    from krr_export.parsing.rejects import REJECTED
    from krr_export.pipeline.findings_table import FINDINGS
    from krr_export.schema.formats import render
    from krr_export.schema.registry import load_schema
    from krr_export.transform import DeriveOptions, derived_fields

    if format_ not in _WITH_ALL_TABLES:
        refuse_given(["changes"], "is for descriptions of all tables", f"give --format {' or '.join(_WITH_ALL_TABLES)}")
    console = Console(**output)
    record_schema = load_schema(schema)
    derived = derived_fields(record_schema, DeriveOptions(derive))
    others = (REJECTED, FINDINGS, *([changes_table(record_schema, derived)] if changes else []))
    console.write(render(record_schema, format_, derived, others).rstrip("\n"))
    count = len(record_schema.arrow) + len(derived)
    of_them = f", {len(derived)} of them derived" if derived else ""
    return console.finish(f"schema {record_schema.name}: {count} columns{of_them}", 0, {})
