"""``diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import OUTPUT, json_option, progress_option
from krr_export.cli.parameters import Choice, LocalName, Role, StoreLocation, option
from krr_export.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_COLUMNS = "Columns"
_DIFFER = 1
"""The exit code of ``--exit-code`` for a difference, as of ``git diff``."""


@command("diff", "krr-export diff /data/krr -o changes.parquet")
@click.argument("old", type=StoreLocation())
@click.argument("new", type=StoreLocation(), required=False)
@option(
    "-o",
    "--output",
    type=LocalName(Role.OUTPUT),
    metavar="FILE|-",
    heading=OUTPUT,
    help="Write the rows that differ; - is standard output. Without it, only numbers are shown.",
)
@option(
    "--format",
    type=Choice(["parquet", "csv", "csv-excel", "jsonl"]),
    heading=OUTPUT,
    help="Of that file. By default its name says it; on standard output, JSON Lines.",
)
@option(
    "--ignore",
    multiple=True,
    metavar="COLUMN[,COLUMN…]",
    heading=_COLUMNS,
    help="Columns that do not count; may be repeated.",
)
@option(
    "--ignore-times",
    is_flag=True,
    heading=_COLUMNS,
    help="Columns of times do not count: when something was updated or verified.",
)
@option("--exit-code", "exit_code", is_flag=True, help="Exit with 1 if anything differs, as git diff does.")
@progress_option
@json_option
def diff_command(old: Path | str, new: Path | str | None, *, exit_code: bool, **options: Any) -> int:
    """Show what changed between two snapshots.

    OLD and NEW are snapshots, directories eksport=… or URIs of such in an object store; or OLD alone is a store, whose
    two newest are compared. Rows are paired by identity number. They are ny (new), endret (changed), slettet (the
    status became SLETTET) or borte (gone), and endrede_kolonner names the columns whose values differ. radnummer and a
    derived varslingsstatus, which depends on the day, do not count. The numbers go to standard error, and no values.
    """
    from krr_export.jobs.changes.diff import diff

    if options["as_json"] and options["output"] == "-":
        raise UsageError("--json and -o - both write to standard output", "give one of them")
    console = Console.from_options(options)
    with console.progress(options.pop("progress")) as progress:
        result = diff(old, new, progress=progress, **options)
    for warning in result.warnings:
        console.warn(warning)
    for line in result.summary.lines():
        console.say(line)
    details = {"old": str(result.old), "new": str(result.new), "changes": result.summary.to_dict()}
    if exit_code and result.differ:
        return console.finish(result.message, _DIFFER, details, "different")
    return console.finish(result.message, 0, details)
