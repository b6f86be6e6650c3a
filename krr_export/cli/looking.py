"""``inspect``, ``schema`` and ``sample``: what helps before and around a load."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.console import Console
from krr_export.cli.delivering import delivery_options, taken_delivery
from krr_export.cli.parameters import LocalName, LocalPath, Role, command
from krr_export.errors import UsageError
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = click.option(
    "--schema", type=LocalName(), default="14-05", show_default=True, metavar="14-05|16-02|FILE.xsd",
    help="The format's version, or an XSD of the export or of its Person.",
)  # fmt: skip


@command("inspect", "krr-export inspect export.xml.gz")
@click.argument("source", type=LocalName())
@_SCHEMA
@delivery_options
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
def inspect_command(
    source: str,
    schema: str,
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,  # noqa: ANN401 - the delivery's
) -> int:
    """Show an export's header and its first records, masked.

    Reads only the beginning, however large the export is; an encrypted delivery is first verified whole.
    """
    from krr_export.jobs.inspect import inspect  # noqa: PLC0415 - Arrow and lxml are loaded once there is work for them

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    found = inspect(source, schema, taken_delivery(console, options))
    if not as_json:
        console.give("\n".join(found.lines()))
    return console.finish(found.verdict(), 0, found.to_dict())


@command("schema", "krr-export schema --format sql-postgres > person.sql")
@_SCHEMA
@click.option(
    "--format", "format_", default="table", show_default=True,
    type=click.Choice(["table", "json", "sql-duckdb", "sql-postgres", "sql-bigquery", "sql-snowflake", "arrow"]),
    help="How to show it.",
)  # fmt: skip
@click.option(
    "--derive", multiple=True, metavar="NAME[,NAME…]|all", help="With the columns that convert --derive adds."
)
def schema_command(schema: str, format_: str, derive: tuple[str, ...], *, quiet: bool, verbose: bool) -> int:
    """Show the columns of the table person, or DDL for a warehouse."""
    from krr_export.schema.formats import render  # noqa: PLC0415 - as above
    from krr_export.schema.record_schema import load_schema  # noqa: PLC0415 - slow to load
    from krr_export.transform import DeriveOptions, derived_fields  # noqa: PLC0415 - Arrow is slow to load

    console = Console(quiet=quiet, verbose=verbose)
    record_schema = load_schema(schema)
    derived = derived_fields(record_schema, DeriveOptions(derive))
    console.give(render(record_schema, format_, derived).rstrip("\n"))
    count = len(record_schema.arrow) + len(derived)
    of_them = f", {len(derived)} of them derived" if derived else ""
    return console.finish(f"schema {record_schema.name}: {count} columns{of_them}", 0, {})


@command("sample", "krr-export sample export.xml.gz --records 200000 --seed 1 --faults 0.1%")
@click.argument("out", type=LocalPath(Role.OUTPUT, beside=[".expected.json"]))
@click.option("--records", type=click.IntRange(min=0), required=True, metavar="N", help="How many persons.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same bytes.")
@click.option(
    "--faults", default="0%", show_default=True, metavar="P%", help="The share of records with a planted fault."
)
@_SCHEMA
@click.option("--prefix", type=click.Choice(["default", "ns2", "record"]), default="default", show_default=True,
              help="How namespaces are declared.")  # fmt: skip
@click.option("--naive-times", is_flag=True, help="Timestamps of contact data without offset.")
@click.option("--old-spellings", is_flag=True, help=r"Element names as until 2014, and \N for no time.")
@click.option("--certificates", type=click.IntRange(min=0), default=6, show_default=True,
              help="How many differ; 0: one for each mailbox.")  # fmt: skip
@click.option("--indent/--compact", default=True, help="White space between elements, or none at all.")
@click.option("--comments", is_flag=True, help="A comment in every record.")
@click.option("--exported", metavar="TIME", help="When the export was made, with offset, ISO 8601.")
@click.option("--change-number", type=int, help="The register's last change number.")
def sample_command(out: Path, schema: str, faults: str, exported: str | None, **options: Any) -> int:  # noqa: ANN401 - the options above
    """Write a synthetic export, valid or faulty, of any size.

    No real person is in it: identity numbers are synthetic, month + 80. OUT is compressed where its name ends in .gz.
    What a reader must find in it is written beside it as OUT.expected.json.
    """
    from krr_export.output.outputs import not_written  # noqa: PLC0415 - slow to load
    from krr_export.schema.record_schema import load_schema  # noqa: PLC0415 - as above
    from krr_export.synthetic import SampleOptions, expected_path, write_sample_file  # noqa: PLC0415 - slow to load

    if str(out) == "-":
        raise UsageError("a sample is written to a file, with what to expect beside it", "give a file's name as OUT")
    console = Console(quiet=options.pop("quiet"), verbose=options.pop("verbose"))
    chosen = {name: value for name, value in options.items() if value is not None}
    if exported is not None:
        chosen["exported"] = _time(exported)
    chosen |= {"fault_share": _share(faults), "schema": load_schema(schema)}
    try:
        summary = write_sample_file(out, SampleOptions(**chosen))
    except OSError as error:
        raise not_written(str(out), error) from None
    message = f"wrote {records(summary.records)}, {summary.octets / 1e6:.1f} MB of XML, to {out}"
    return console.finish(f"{message}; {number(summary.rejected)} invalid, listed in {expected_path(out).name}", 0, {})


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not text.endswith("%") or not 0 <= share <= 1:
        raise UsageError(f"--faults {text} is not a percentage", "such as 1%")
    return share


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--exported {text} is not a time", "such as 2026-02-26T12:22:25+01:00") from None
