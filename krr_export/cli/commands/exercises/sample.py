"""``sample``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import schema_option
from krr_export.cli.parameters import Choice, LocalPath, Role, option, parse_share
from krr_export.errors import UsageError
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from pathlib import Path


_NIGHT = "The next night"
_NEEDED = {"records": "say how many persons, or with --from which export is the night before", "change": "such as 1%"}
_FIRST_ONLY = (
    "faults",
    "prefix",
    "naive_times",
    "old_spellings",
    "certificates",
    "indent",
    "comments",
    "change_number",
)
"""Options of a sample that is not the night after another."""
_PAGES_ONLY = ("pages_form", "pages_from", "page_size")
"""Options that say something of pages."""


@command("sample", "krr-export sample export.xml.gz --records 200000 --seed 1 --faults 0.1%")
@click.argument("out", type=LocalPath(Role.OUTPUT, beside=[".expected.json"]))
@option("--records", type=click.IntRange(min=0), metavar="N", help="How many persons; required without --from.")
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
@option("--from", "base", type=LocalPath(), metavar="EXPORT", heading=_NIGHT,
              help="Make the night after this one, a sample without faults.")  # fmt: skip
@option("--change", metavar="P%", heading=_NIGHT, help="The share of persons who may change; 0% for a quiet night.")
@option("--pages", type=LocalPath(Role.DIRECTORY), metavar="DIR", heading=_NIGHT,
              help="Write the night as pages of the change feed too, into a new directory.")  # fmt: skip
@option("--pages-form", type=Choice(["rest", "soap-16-02", "soap-14-05", "raw-16-02", "raw-14-05"]), default="rest",
              show_default=True, heading=_NIGHT,
              help="JSON of the REST service, or XML of a version, in a SOAP envelope or not.")  # fmt: skip
@option("--pages-from", type=Choice(["export", "zero"]), default="export", show_default=True, heading=_NIGHT,
              help="The changes since EXPORT, or the whole register from its first change.")  # fmt: skip
@option("--page-size", type=click.IntRange(1, 1000), default=1000, show_default=True, heading=_NIGHT, metavar="N",
              help="Persons in a page, at most.")  # fmt: skip
@click.pass_context
def sample_command(context: click.Context, /, out: Path, *, base: Path | None, **options: Any) -> int:
    """Write a synthetic export, valid or faulty, of any size.

    With --from, it is the night after another one. No real person is in it: identity numbers are synthetic, month + 80.
    OUT is compressed where its name ends in .gz. What a reader must find in it is written beside it, as
    OUT.expected.json.
    """
    from krr_export.output.outputs import write_error

    if str(out) == "-":
        raise UsageError("a sample is written to a file, with what to expect beside it", "give a file's name as OUT")
    console = Console(quiet=options.pop("quiet"), verbose=options.pop("verbose"))
    _check_options(context, is_night=base is not None)
    try:
        message = _write_first(out, options) if base is None else _write_night(base, out, options)
    except OSError as error:
        raise write_error(str(out), error) from None
    return console.finish(message, 0, {})


def _check_options(context: click.Context, *, is_night: bool) -> None:
    """Refuse options that would change nothing, and ask for those that are needed."""
    given = {name for name in context.params if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    if is_night:
        refused = [name for name in ("records", *_FIRST_ONLY) if name in given]
        reason = "does not go with --from: the next night is as EXPORT is"
    else:
        refused = [name for name in ("change", "pages", *_PAGES_ONLY) if name in given]
        reason = "needs --from EXPORT, the night before"
    if is_night and "pages" not in given and not refused:
        refused, reason = [name for name in _PAGES_ONLY if name in given], "needs --pages DIR"
    if refused:
        label = {"indent": "indent/--compact"}.get(refused[0], refused[0].replace("_", "-"))
        raise UsageError(f"--{label} {reason}", "leave it out, or see krr-export sample --help")
    needed = "change" if is_night else "records"
    if context.params[needed] is None:
        raise UsageError(f"--{needed} is missing", _NEEDED[needed])


def _write_first(out: Path, options: dict[str, Any]) -> str:
    from krr_export.schema.registry import load_schema
    from krr_export.synthetic import SampleOptions, expected_path, write_sample_file

    names = ("records", "seed", *(name for name in _FIRST_ONLY if name != "faults"))
    chosen = {name: options[name] for name in names if options[name] is not None} | _time(options)
    chosen |= {"fault_share": parse_share("--faults", options["faults"]), "schema": load_schema(options["schema"])}
    summary = write_sample_file(out, SampleOptions(**chosen))
    message = f"wrote {records(summary.records)}, {summary.octets / 1e6:.1f} MB of XML, to {out}"
    return f"{message}; {number(summary.rejected)} invalid, listed in {expected_path(out).name}"


def _write_night(base: Path, out: Path, options: dict[str, Any]) -> str:
    from krr_export.schema.record_schema import BUILT_IN
    from krr_export.schema.registry import load_schema
    from krr_export.synthetic import NightOptions, PageOptions, write_next_night

    if options["schema"] not in BUILT_IN:
        raise UsageError("a next night is made by a built-in schema", f"give --schema {' or '.join(BUILT_IN)}")
    pages = None
    if options["pages"] is not None:
        from_zero = options["pages_from"] == "zero"
        pages = PageOptions(options["pages"], options["pages_form"], options["page_size"], from_zero=from_zero)
    share = parse_share("--change", options["change"])
    schema = load_schema(options["schema"])
    summary = write_next_night(
        base, out, NightOptions(share, seed=options["seed"], schema=schema, pages=pages, **_time(options))
    )
    message = f"wrote {records(summary.sample.records)} to {out}, {number(summary.changed)} changed or new"
    count = "1 page" if summary.pages == 1 else f"{number(summary.pages)} pages"
    in_pages = f", and {count} to {options['pages']}" if pages else ""
    return f"{message}{in_pages}; the register's last change is number {summary.last}"


def _time(options: dict[str, Any]) -> dict[str, Any]:
    return {} if options["exported"] is None else {"exported": _parse_time(options["exported"])}


def _parse_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--exported {text} is not a time", "such as 2026-02-26T12:22:25+01:00") from None
