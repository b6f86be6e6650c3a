"""``report``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.documents import Destination
from krr_export.cli.options import lang_option, report_format_option
from krr_export.cli.parameters import LocalName, LocalPath, Role, option

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.reporting.page.languages.language import Lang


@command("report", "krr-export report /data/krr/latest -o report.html --lang nb")
@click.argument("snapshot", type=LocalPath())
@option(
    "-o",
    "--output",
    type=LocalName(Role.OUTPUT),
    default="-",
    show_default=True,
    metavar="FILE|-",
    help="Where to; - is standard output.",
)
@report_format_option
@lang_option
def report_command(snapshot: Path, output: str, report_format: str | None, lang: Lang, **talk: bool) -> int:
    """Show a snapshot's report as text, page, or for pipelines.

    SNAPSHOT is a directory eksport=…, the link latest, or what .failed or .partial keep. Its report.json is read, and
    checked against the manifest; the page also shows the older snapshots of the store. On a terminal it is the text
    that convert printed, else the page. Exit code 0: written; 3: there is no snapshot, or its report is damaged.
    """
    from krr_export.reporting.page.snapshots import older_snapshots, read_snapshot_report

    console = Console(**talk)
    stdout = "text" if sys.stdout is not None and sys.stdout.isatty() else "html"
    destination = Destination.from_options(output, report_format, lang, stdout=stdout, option="-o")
    report = read_snapshot_report(snapshot)
    destination.write(console, report, older_snapshots(snapshot) if destination.form == "html" else ())
    where = "to standard output" if output == "-" else f"as {output}"
    return console.finish(f"wrote the report of {snapshot} {where}: {report.outcome}", 0, {})
