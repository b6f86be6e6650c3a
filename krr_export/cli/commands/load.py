"""``load``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError, explain
from krr_export.cli.options import csv_schema_option, db_schema_option, json_option, progress_option
from krr_export.cli.parameters import LocalOrRemote, option

if TYPE_CHECKING:
    from pathlib import Path


@command("load", "krr-export load /data/krr postgresql://krr@db.example.no/warehouse --keep 30")
@click.argument("source", type=LocalOrRemote(), metavar="SNAPSHOT|STORE|URI")
@click.argument("target")
@option("--all", "all_snapshots", is_flag=True, help="Of a store, load all that the target lacks, oldest first.")
@option("--keep", type=click.IntRange(min=1), metavar="N", help="Let only the N newest exports stay in the target.")
@option("--replace", is_flag=True, help="Load again what is there, as when a snapshot was replaced.")
@option("--history", is_flag=True, help="Make the view person_historikk: every state of each person, and when.")
@db_schema_option
@csv_schema_option
@progress_option
@json_option
def load_command(source: Path | str, target: str, **options: Any) -> int:
    """Load snapshots into a database or a Delta table.

    Of a STORE, the newest is loaded. TARGET is postgresql://USER@HOST/DATABASE or duckdb:FILE. person there has the
    newest export, person_all those of all nights with the time of each as eksport; rejects, findings and changes have
    the tables beside it, and loads says what was loaded. A snapshot is seen whole or not at all, and one that is there
    already is not loaded again. In PostgreSQL readers are not held up. Passwords belong into ~/.pgpass or PGPASSWORD.

    A Delta table is made where snapshots were pushed to: SOURCE is then that URI, and TARGET is delta: and the URI. Its
    log lists the pushed files; nothing is copied, rewritten or deleted.
    """
    from krr_export.jobs.warehouse.load import load

    console = Console.from_options(options)
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
