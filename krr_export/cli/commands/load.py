"""``load``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError, explain
from krr_export.cli.options import DATABASE, csv_schema_option, db_schema_option, json_option, progress_option
from krr_export.cli.parameters import Choice, LocalName, LocalOrRemote, Role, option, refuse_given

if TYPE_CHECKING:
    from pathlib import Path

WAREHOUSES = ("bigquery", "databricks", "fabric", "snowflake", "synapse")
"""Those of `krr_export.warehouse.scripts.dialects`, which imports Arrow."""
_LOADED, _SCRIPT = "What is loaded", "A script"
_OF_SCRIPTS = ("stage", "output")
_OF_LOADS = ("target", "all_snapshots", "keep", "replace", "history", "schema")


@command("load", "krr-export load /data/krr postgresql://krr@db.example.no/warehouse --keep 30")
@click.argument("source", type=LocalOrRemote(), metavar="SNAPSHOT|STORE|URI")
@click.argument("target", required=False)
@option(
    "--all",
    "all_snapshots",
    is_flag=True,
    heading=_LOADED,
    help="Of a store, load all that the target lacks, oldest first.",
)
@option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    heading=_LOADED,
    help="Let only the N newest exports stay in the target.",
)
@option(
    "--replace",
    is_flag=True,
    heading=_LOADED,
    help="Load again what is there, as when a snapshot was replaced.",
)
@option(
    "--history",
    is_flag=True,
    heading=DATABASE,
    help="Make the view person_historikk: every state of each person, and when.",
)
@db_schema_option
@csv_schema_option
@option(
    "--script",
    type=Choice(WAREHOUSES),
    heading=_SCRIPT,
    help="Write the script that loads a pushed snapshot into a warehouse; there is no TARGET then.",
)
@option(
    "--stage",
    metavar="NAME",
    heading=_SCRIPT,
    help="Of Snowflake, the external stage over the URI.  [default: krr]",
)
@option(
    "-o",
    "--output",
    type=LocalName(Role.OUTPUT),
    metavar="FILE.sql|-",
    heading=_SCRIPT,
    help="Where the script goes; by default to standard output.",
)
@progress_option
@json_option
def load_command(source: Path | str, target: str | None, **options: Any) -> int:
    """Load snapshots into a database, or a Delta or Iceberg table.

    Of a STORE, the newest is loaded. TARGET is postgresql://USER@HOST/DATABASE or duckdb:FILE. person there has the
    newest export, person_all those of all nights with the time of each as eksport; rejects, findings and changes have
    the tables beside it, and loads says what was loaded. A snapshot is seen whole or not at all, and one that is there
    already is not loaded again. In PostgreSQL readers are not held up. Passwords belong into ~/.pgpass or PGPASSWORD.

    A Delta table is made where snapshots were pushed to: give that URI, and as TARGET delta: and the URI. Its
    log lists the pushed files; nothing is copied, rewritten or deleted. An Iceberg table lists them too: TARGET is then
    iceberg:CATALOG/NAMESPACE.TABLE, and pyiceberg's configuration names the catalog. Its readers get the newest export,
    or another by the tag eksport_….

    With --script, too, give such a URI. The script makes the tables if they are missing, in a schema that is there,
    loads the pushed files of persons and no others, fails if they have not the rows of the manifest, and puts the night
    in place of what is there of it. It holds no personal value.
    """
    console = Console.from_options(options)
    script, stage, output = options.pop("script"), options.pop("stage"), options.pop("output")
    if script is not None:
        refuse_given(_OF_LOADS, "is of a load", "leave it out: a script loads one snapshot, and is run by you")
        return _write_script(console, source, script, output or "-", db_schema=options["db_schema"], stage=stage)
    refuse_given(_OF_SCRIPTS, "is of a script", "give --script")
    if target is None:
        raise click.UsageError("Missing argument 'TARGET'.")
    return _load(console, source, target, options)


def _write_script(console: Console, source: Path | str, script: str, output: str, **names: Any) -> int:
    from krr_export.jobs.warehouse.load_script import load_script

    result = load_script(source, script, output, **names)
    if output == "-" and not console.as_json:
        console.write(result.script.rstrip("\n"))
    return console.finish(result.message, 0, {"snapshot": result.name, "persons": result.persons})


def _load(console: Console, source: Path | str, target: str, options: dict[str, Any]) -> int:
    from krr_export.jobs.warehouse.load import load

    loaded: list[str] = []
    try:
        with console.progress(options.pop("progress")) as progress:
            result = load(source, target, progress=progress, on_loaded=loaded.append, **options)
    except (KeyboardInterrupt, TerminatedError) as error:
        what, code, reason = explain(error)
        # A DuckDB file takes its place at the end alone.
        there = "" if target.startswith("duckdb:") else f": {len(loaded)} loaded; load again for the rest"
        return console.finish(f"{what.partition(':')[0]}{there or ': the file is as it was'}", code, {}, reason)
    for warning in result.warnings:
        console.warn(warning)
    details = {
        "target": result.target,
        "loaded": list(result.loaded),
        "unchanged": list(result.unchanged),
        "dropped": list(result.dropped),
        "waiting": list(result.waiting),
        "persons": result.persons,
    }
    return console.finish(result.message, 0, details)
