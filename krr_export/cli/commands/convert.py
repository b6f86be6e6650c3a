"""``convert``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.lineage import openlineage_option
from krr_export.cli.metrics import metrics_option
from krr_export.cli.options import limit_option, reading_options
from krr_export.cli.output_options import replace_option, writing_options
from krr_export.cli.parameters import Role, SourceName, StoreLocation
from krr_export.cli.secrets import pop_delivery

if TYPE_CHECKING:
    from pathlib import Path


@command("convert", "krr-export convert export.xml.gz /data/krr --max-rejects 0.1%")
@click.argument("source", type=SourceName())
@click.argument("store", type=StoreLocation(Role.DIRECTORY))
@limit_option
@reading_options
@writing_options
@metrics_option
@openlineage_option
@replace_option
def convert_command(source: str, store: Path | str, **options: Any) -> int:
    """Turn an export into a published snapshot of Parquet or CSV.

    SOURCE is the export, plain or gzip, or - for standard input; or an encrypted delivery: one file of its set, or the
    directory of it. STORE is the directory of snapshots. Either may be the URI of a place in an object store, such as
    s3://BUCKET/PREFIX. Each record is validated against the XSD; a refused one goes to rejects/ with the reason. The
    snapshot appears whole, proven, as STORE/eksport=…/, and STORE/latest points to the newest; or nothing is published,
    and the exit code says why.
    """
    from krr_export.jobs.convert import convert

    console = Console.from_options(options)
    options["delivery"] = pop_delivery(console, options)
    console.warn_about_store(store)
    with console.progress(options.pop("progress")) as progress:
        result = convert(source, store, progress=progress, **options)
    if result.report is not None:
        console.say_report(result.report)
    return console.finish(result.message, result.exit_code, result.to_dict(), result.reason)
