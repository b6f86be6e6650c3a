"""``convert`` and ``validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.console import Console
from krr_export.cli.delivering import delivery_options, taken_delivery
from krr_export.cli.parameters import FileMode, LocalName, LocalPath, Role, command
from krr_export.cli.reporting import Destination, lang_option, report_format_option
from krr_export.errors import UsageError
from krr_export.input.freshness import MAX_AHEAD
from krr_export.reporting.drift import MAX_DROP, MAX_GROWTH, MAX_SHIFT
from krr_export.util.processors import MOST_THREADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from krr_export.reporting.page.language import Lang
    from krr_export.reporting.report import Report


def reading_options(*, limit: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options of all commands that read a whole export; ``limit`` where a part of it may do."""
    options = [
        click.option(
            "--schema", type=LocalName(), default="14-05", show_default=True, metavar="14-05|16-02|FILE.xsd",
            help="The format's version, or an XSD of the export or of its Person.",
        ),
        click.option(
            "--max-rejects", default="0", show_default=True, metavar="N|P%",
            help="How many records may be refused: a number, or a share of all.",
        ),
        click.option(
            "--rules/--no-rules", default=True, show_default=True,
            help="Judge by the register's own rules too, or by the XSD alone.",
        ),
        click.option(
            "--profile/--no-profile", default=True, show_default=True,
            help="Count what the records hold, for the report and the guard.",
        ),
        click.option(
            "--strict", multiple=True, metavar="CODE[,CODE…]",
            help="Refuse records that break these rules (identifier-duplicate: the export), of krr-export rules; may be"
            " repeated.",
        ),
        click.option("--allow-empty", is_flag=True, help="An export without records is in order."),
        click.option(
            "--workers", type=click.IntRange(min=0, max=MOST_THREADS), metavar="N",
            help="Threads that read; 0 for none but the main one. Default: the processors that may be used, 8 at most.",
        ),
        click.option(
            "--reader", type=click.Choice(["auto", "iterparse"]), default="auto", show_default=True,
            help="How records are read; all give the same.",
        ),
        click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output."),
        click.option(
            "--progress/--no-progress", default=None,
            help="Show a progress bar; by default on a terminal only.",
        ),
    ]  # fmt: skip
    if limit:
        options.insert(
            -2,
            click.option(
                "--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N records: a partial result."
            ),
        )
    return lambda function: _with_options(function, options)


def writing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of all commands that write a snapshot."""
    return _with_options(
        function,
        [
            click.option(
                "--format", type=click.Choice(["parquet", "csv", "csv-excel"]), default="parquet", show_default=True,
                help="Of the table person; rejects are always Parquet. csv-excel: for people who open it in Excel.",
            ),
            click.option(
                "--compression", type=click.Choice(["zstd", "snappy", "gzip", "none"]),
                help="Default: zstd for Parquet, none for CSV, which takes gzip too.",
            ),
            click.option(
                "--partition-by", multiple=True, metavar="COLUMN",
                help="Files of their own for each value of a column with few; may be repeated.",
            ),
            click.option(
                "--rows-per-file", type=click.IntRange(min=1), metavar="N", default=1_228_800, show_default=True,
                help="Begin a new file after N rows; the default is ten row groups.",
            ),
            click.option(
                "--derive", multiple=True, metavar="NAME[,NAME…]|all",
                help="Add columns that follow from others; may be repeated. krr-export schema --derive all shows them.",
            ),
            click.option(
                "--as-of", metavar="TIME",
                help="When varslingsstatus is judged, ISO 8601. Default: when the export was made.",
            ),
            click.option(
                "--columns", multiple=True, metavar="NAME[,NAME…]",
                help="Keep these columns only, and radnummer; may be repeated.",
            ),
            click.option(
                "--drop", multiple=True, metavar="NAME[,NAME…]", help="Leave these columns out; may be repeated."
            ),
            click.option(
                "--pseudonymise", multiple=True, metavar="NAME[,NAME…]",
                help="Replace the values of these columns by pseudonyms; may be repeated.",
            ),
            click.option(
                "--pseudonym-key", type=LocalPath(), metavar="FILE",
                help="The secret that pseudonyms are made with: 32 to 4096 bytes, for your eyes only.",
            ),
            click.option(
                "--max-drop", default=MAX_DROP, show_default=True, metavar="N|P%",
                help="How many records fewer than in the snapshot before are in order.",
            ),
            click.option(
                "--max-growth", default=MAX_GROWTH, show_default=True, metavar="N|P%",
                help="How many records more are.",
            ),
            click.option(
                "--max-shift", default=MAX_SHIFT, show_default=True, metavar="P%",
                help="By how many percentage points the share of rejects, of a listed value or of nulls may change.",
            ),
            click.option(
                "--guard/--no-guard", default=True, show_default=True,
                help="Publish nothing that differs more; or accept it.",
            ),
            click.option(
                "--max-age", metavar="48h",
                help="Exit with 5 where the export, of run the newest, was made longer ago: so many m, h or d.",
            ),
            click.option(
                "--max-ahead", default=MAX_AHEAD, show_default=True, metavar="24h",
                help="Exit with 5 where an export says that it was made further in the future; pass over a delivery"
                " that is named so where there is another.",
            ),
            lang_option,
            click.option(
                "--mode", type=FileMode(), default="600", show_default=True, metavar="OCTAL",
                help="Permissions of the files; directories follow.",
            ),
        ],
    )  # fmt: skip


def _with_options(
    function: Callable[..., Any], options: Iterable[Callable[[Callable[..., Any]], Callable[..., Any]]]
) -> Callable[..., Any]:
    for option in reversed([*options]):
        function = option(function)
    return function


@command("convert", "krr-export convert export.xml.gz /data/krr --max-rejects 0.1%")
@click.argument("source", type=LocalName())
@click.argument("store", type=LocalPath(Role.DIRECTORY))
@writing_options
@click.option("--replace", is_flag=True, help="Exchange a snapshot of this export that is there with another result.")
@delivery_options
@reading_options()
def convert_command(source: str, store: Path, **options: Any) -> int:  # noqa: ANN401 - the options above
    """Turn an export into a published snapshot of Parquet or CSV.

    SOURCE is the export, plain or gzip, or - for standard input; or an encrypted delivery: one file of its set, or the
    directory of it. STORE is the directory of snapshots. Each record is
    validated against the XSD; a refused one goes to rejects/ with the reason. The snapshot appears whole, proven, as
    STORE/eksport=…/, and STORE/latest points to the newest; or nothing is published, and the exit code says why.
    """
    from krr_export.jobs.convert import convert  # noqa: PLC0415 - Arrow and lxml are loaded once there is work for them

    console = console_of(options)
    options["delivery"] = taken_delivery(console, options)
    console.warn_of_others(store)
    with console.progress(options.pop("progress")) as progress:
        result = convert(source, store, progress=progress, **options)
    if result.report is not None:
        _say_report(console, result.report)
    details = {"outcome": result.outcome, "path": str(result.path)}
    report = result.report.to_dict() if result.report is not None else None
    return console.finish(result.message, result.exit_code, {**details, "report": report})


@command("validate", "krr-export validate export.xml.gz --report report.json")
@click.argument("source", type=LocalName())
@click.option(
    "--report",
    "report_to",
    type=LocalName(Role.OUTPUT),
    metavar="FILE|-",
    help="Write the report; - is standard output.",
)
@report_format_option
@lang_option
@delivery_options
@reading_options()
def validate_command(
    source: str, report_to: str | None, report_format: str | None, lang: Lang, **options: Any  # noqa: ANN401 - the options above
) -> int:  # fmt: skip
    """Make the same checks as convert, and write no data.

    SOURCE is the export, plain, gzip or an encrypted delivery, or - for standard input. Exit code 0: valid; 1: records
    were refused, more than --max-rejects allows, or there are none; 3: the export is unusable.
    """
    from krr_export.jobs.convert import validate  # noqa: PLC0415 - Arrow and lxml are loaded once there is work for them

    destination = _destination(report_to, report_format, lang, as_json=options["as_json"])
    console = console_of(options)
    options["delivery"] = taken_delivery(console, options)
    with console.progress(options.pop("progress")) as progress:
        report = validate(source, progress=progress, **options)
    _say_report(console, report)
    if destination is not None:
        destination.write(console, report.to_dict())
    code = 0 if report.outcome == "valid" else 1
    return console.finish(report.verdict(), code, {"outcome": report.outcome, "report": report.to_dict()})


def console_of(options: dict[str, Any]) -> Console:
    """The console that a command's options ask for; takes them out."""
    return Console(quiet=options.pop("quiet"), verbose=options.pop("verbose"), as_json=options.pop("as_json"))


def _say_report(console: Console, report: Report) -> None:
    for line in report.summary(verbose=console.verbose):
        console.say(line)


def _destination(report_to: str | None, form: str | None, lang: Lang, *, as_json: bool) -> Destination | None:
    """Where the report is to go, checked before there is one."""
    if report_to is None:
        if form is not None:
            raise UsageError(f"--report-format {form} is for a report that is written", "give --report FILE, or -")
        return None
    if report_to == "-" and as_json:
        raise UsageError("--report - and --json both want standard output", "give one of them")
    return Destination.chosen(report_to, form, lang)
