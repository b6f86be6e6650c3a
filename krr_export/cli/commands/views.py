"""``views``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import csv_schema_option, json_option
from krr_export.cli.parameters import LocalName, Role, StoreLocation, option

if TYPE_CHECKING:
    from pathlib import Path


@command("views", "krr-export views /data/krr -o krr.duckdb && duckdb krr.duckdb -c 'SELECT count(*) FROM person'")
@click.argument("store", type=StoreLocation())
@option(
    "-o",
    "--output",
    type=LocalName(Role.OUTPUT),
    default="-",
    show_default=True,
    metavar="FILE.duckdb|FILE.sql|-",
    help="Make the views in a DuckDB file, in which all else stays; or write them as a script; - is standard output.",
)
@csv_schema_option
@json_option
def views_command(store: Path | str, output: str, schema: str | None, *, as_json: bool, **talk: bool) -> int:
    """Make views of a store for DuckDB, from any directory.

    person has the newest snapshot, person_all those of all nights with the time of each as eksport; rejects, findings
    and changes have the tables beside it of all nights; report and report_findings the numbers of records and findings.
    The views read the files of STORE where they are, and see each new night at once. Make them again when a store gets
    a table or a column that it had not. Of a place in an object store they list the files that are there now: make them
    again after each night.
    """
    from krr_export.jobs.warehouse.views import views

    console = Console(as_json=as_json, **talk)
    console.warn_about_store(store)
    result = views(store, output, schema=schema)
    if output == "-" and not as_json:
        console.write(result.script.rstrip("\n"))
    return console.finish(result.message, 0, {"views": result.names, "missing": result.missing})
