"""``inspect``."""

from __future__ import annotations

from typing import Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import delivery_options, json_option, schema_option
from krr_export.cli.parameters import SourceName
from krr_export.cli.secrets import pop_delivery


@command("inspect", "krr-export inspect export.xml.gz")
@click.argument("source", type=SourceName())
@schema_option
@delivery_options
@json_option
def inspect_command(
    source: str,
    schema: str,
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> int:
    """Show an export's header and its first records, masked.

    SOURCE is the export, plain, gzip or an encrypted delivery, or - for standard input; or the URI of one in an object
    store, such as s3://BUCKET/KEY. Only the beginning is read, however large the export is; an encrypted delivery is
    first verified whole.
    """
    from krr_export.jobs.inspect import inspect

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    found = inspect(source, schema, pop_delivery(console, options))
    if not as_json:
        console.write("\n".join(found.lines()))
    return console.finish(found.verdict(), 0, found.to_dict())
