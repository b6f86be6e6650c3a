"""``validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.documents import Destination
from krr_export.cli.metrics import metrics_option
from krr_export.cli.options import OUTPUT, lang_option, limit_option, reading_options, report_format_option
from krr_export.cli.parameters import LocalName, Role, SourceName, option
from krr_export.cli.secrets import pop_delivery
from krr_export.errors import UsageError

if TYPE_CHECKING:
    from krr_export.reporting.page.languages.language import Lang


@command("validate", "krr-export validate export.xml.gz --report report.json")
@click.argument("source", type=SourceName())
@limit_option
@reading_options
@option(
    "--report",
    "report_to",
    type=LocalName(Role.OUTPUT),
    metavar="FILE|-",
    heading=OUTPUT,
    help="Write the report; - is standard output.",
)
@report_format_option
@lang_option
@metrics_option
def validate_command(
    source: str, report_to: str | None, report_format: str | None, lang: Lang, **options: Any
) -> int:  # fmt: skip
    """Make the same checks as convert, and write no data.

    SOURCE is the export, plain, gzip or an encrypted delivery, or - for standard input; or the URI of one in an object
    store, such as s3://BUCKET/KEY. Exit code 0: valid; 1: records were refused, more than --max-rejects allows, or
    there are none; 3: the export is unusable.
    """
    from krr_export.jobs.convert import validate

    destination = _destination(report_to, report_format, lang, as_json=options["as_json"])
    console = Console.from_options(options)
    options["delivery"] = pop_delivery(console, options)
    with console.progress(options.pop("progress")) as progress:
        report = validate(source, progress=progress, **options)
    console.say_report(report)
    if destination is not None:
        destination.write(console, report)
    result = {"outcome": report.outcome, "report": report.to_dict()}
    if report.outcome == "valid":
        return console.finish(report.verdict(), 0, result)
    return console.finish(report.verdict(), 1, result, report.outcome)


def _destination(report_to: str | None, form: str | None, lang: Lang, *, as_json: bool) -> Destination | None:
    """Return where the report is written to; checked before anything is read."""
    if report_to is None:
        if form is not None:
            raise UsageError(f"--report-format {form} is for a report that is written", "give --report FILE, or -")
        return None
    if report_to == "-" and as_json:
        raise UsageError("--report - and --json both want standard output", "give one of them")
    return Destination.from_options(report_to, form, lang)
