"""``sample``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import schema_option
from krr_export.cli.parameters import Choice, LocalPath, Role, option
from krr_export.errors import UsageError
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from pathlib import Path


@command("sample", "krr-export sample export.xml.gz --records 200000 --seed 1 --faults 0.1%")
@click.argument("out", type=LocalPath(Role.OUTPUT, beside=[".expected.json"]))
@option("--records", type=click.IntRange(min=0), required=True, metavar="N", help="How many persons.")
@option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same bytes.")
@option("--faults", default="0%", show_default=True, metavar="P%", help="The share of records with a planted fault.")
@schema_option
@option("--prefix", type=Choice(["default", "ns2", "record"]), default="default", show_default=True,
              help="How namespaces are declared.")  # fmt: skip
@option("--naive-times", is_flag=True, help="Timestamps of contact data without offset.")
@option("--old-spellings", is_flag=True, help=r"Element names as until 2014, and \N for no time.")
@option("--certificates", type=click.IntRange(min=0), default=6, show_default=True,
              help="How many differ; 0: one for each mailbox.")  # fmt: skip
@option("--indent/--compact", default=True, help="White space between elements, or none at all.")
@option("--comments", is_flag=True, help="A comment in every record.")
@option("--exported", metavar="TIME", help="When the export was made, with offset, ISO 8601.")
@option("--change-number", type=int, help="The register's last change number.")
def sample_command(out: Path, schema: str, faults: str, exported: str | None, **options: Any) -> int:
    """Write a synthetic export, valid or faulty, of any size.

    No real person is in it: identity numbers are synthetic, month + 80. OUT is compressed where its name ends in .gz.
    What a reader must find in it is written beside it as OUT.expected.json.
    """
    from krr_export.output.outputs import write_error
    from krr_export.schema.registry import load_schema
    from krr_export.synthetic import SampleOptions, expected_path, write_sample_file

    if str(out) == "-":
        raise UsageError("a sample is written to a file, with what to expect beside it", "give a file's name as OUT")
    console = Console(quiet=options.pop("quiet"), verbose=options.pop("verbose"))
    chosen = {name: value for name, value in options.items() if value is not None}
    if exported is not None:
        chosen["exported"] = _parse_time(exported)
    chosen |= {"fault_share": _parse_share(faults), "schema": load_schema(schema)}
    try:
        summary = write_sample_file(out, SampleOptions(**chosen))
    except OSError as error:
        raise write_error(str(out), error) from None
    message = f"wrote {records(summary.records)}, {summary.octets / 1e6:.1f} MB of XML, to {out}"
    return console.finish(f"{message}; {number(summary.rejected)} invalid, listed in {expected_path(out).name}", 0, {})


def _parse_share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not text.endswith("%") or not 0 <= share <= 1:
        raise UsageError(f"--faults {text} is not a percentage", "such as 1%")
    return share


def _parse_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--exported {text} is not a time", "such as 2026-02-26T12:22:25+01:00") from None
