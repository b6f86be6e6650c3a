"""``schema``."""

from __future__ import annotations

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import schema_option
from krr_export.cli.parameters import Choice, option

FORMATS = (
    *("table", "json", "sql-duckdb", "sql-postgres", "sql-bigquery", "sql-snowflake", "sql-databricks"),
    *("sql-sqlserver", "arrow", "dbt", "odcs"),
)
"""Those of `krr_export.schema.formats`, which imports Arrow."""


@command("schema", "krr-export schema --format sql-postgres > person.sql")
@schema_option
@option(
    "--format", "format_", default="table", show_default=True,
    type=Choice(FORMATS),
    help="How to show it.",
)  # fmt: skip
@option("--derive", multiple=True, metavar="NAME[,NAME…]|all", help="With the columns that convert --derive adds.")
def schema_command(schema: str, format_: str, derive: tuple[str, ...], *, quiet: bool, verbose: bool) -> int:
    """Show what the columns are, to people, warehouses or dbt."""
    from krr_export.parsing.rejects import REJECTED
    from krr_export.pipeline.findings_table import FINDINGS
    from krr_export.schema.formats import render
    from krr_export.schema.registry import load_schema
    from krr_export.transform import DeriveOptions, derived_fields

    console = Console(quiet=quiet, verbose=verbose)
    record_schema = load_schema(schema)
    derived = derived_fields(record_schema, DeriveOptions(derive))
    console.write(render(record_schema, format_, derived, (REJECTED, FINDINGS)).rstrip("\n"))
    count = len(record_schema.arrow) + len(derived)
    of_them = f", {len(derived)} of them derived" if derived else ""
    return console.finish(f"schema {record_schema.name}: {count} columns{of_them}", 0, {})
