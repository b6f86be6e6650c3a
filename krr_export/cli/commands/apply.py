"""``apply``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import (
    INPUT,
    JUDGEMENT,
    changes_option,
    guard_options,
    json_option,
    lang_option,
    mode_option,
    progress_option,
    pseudonym_key_option,
)
from krr_export.cli.parameters import LocalName, LocalPath, Role, option

if TYPE_CHECKING:
    from pathlib import Path


@command("apply", "krr-export apply /data/krr pages/ --as-of 2026-02-27T04:00:00+01:00")
@click.argument("store", type=LocalPath(Role.STORE))
@click.argument("pages", type=LocalPath(), nargs=-1, required=True)
@option(
    "--as-of",
    metavar="TIME",
    required=True,
    heading=INPUT,
    help="The moment of the new snapshot, ISO 8601: when the last page was made.",
)
@option(
    "--carried",
    metavar="GROUP[,GROUP…]",
    multiple=True,
    heading=INPUT,
    help="What the pages were asked for: kontaktinformasjon, digitalpost, sertifikat. Active persons keep the rest.",
)
@option(
    "--rest-inclusive",
    is_flag=True,
    heading=INPUT,
    help="Pages of REST begin with the number that was asked for, not behind it.",
)
@option("--schema", type=LocalName(), metavar="FILE.xsd", heading=INPUT, help="The store's, if it is a file of yours.")
@option(
    "--max-rejects",
    default="0",
    show_default=True,
    metavar="N|P%",
    heading=JUDGEMENT,
    help="How many changed persons may be refused; their rows stay as they are. A share is of all rows.",
)
@changes_option
@mode_option
@lang_option
@pseudonym_key_option
@guard_options
@json_option
@progress_option
def apply_command(store: Path, pages: tuple[Path, ...], **options: Any) -> int:
    """Apply pages of the register's change feed to the newest snapshot.

    STORE is the directory of snapshots, with one of a full export in it. PAGES are files of pages, or directories of
    them, in any order: answers of HentEndringer as XML, on their own or in a SOAP envelope, of 16-02 or 14-05; or JSON
    of REST, a page a file or several. Each person is validated against the XSD. The result is the next snapshot, with
    the format, columns and privacy of the one before; or, if a page is missing or wrong, nothing.
    """
    from krr_export.jobs.apply import ApplyOptions, apply
    from krr_export.jobs.options import ConvertOptions
    from krr_export.transform.privacy import column_names

    console = Console.from_options(options)
    console.warn_about_store(store)
    console.warn_if_readable_by_all("--pseudonym-key", options["pseudonym_key"])
    shown = options.pop("progress")
    carried = options.pop("carried")
    chosen = ApplyOptions(
        as_of=options.pop("as_of"),
        carried=column_names("--carried", carried) if carried else None,
        rest_inclusive=options.pop("rest_inclusive"),
        schema=options.pop("schema"),
        pseudonym_key=options.pop("pseudonym_key"),
        load=ConvertOptions(**options),
    )
    with console.progress(shown) as progress:
        result = apply(store, pages, chosen, progress=progress)
    if result.report is not None:
        console.say_report(result.report)
    details = {"outcome": result.outcome, "path": str(result.path)}
    report = result.report.to_dict() if result.report is not None else None
    return console.finish(result.message, result.exit_code, {**details, "report": report})
