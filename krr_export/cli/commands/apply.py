"""``apply``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.lineage import openlineage_option
from krr_export.cli.metrics import metrics_option
from krr_export.cli.options import INPUT, JUDGEMENT, json_option, lang_option, progress_option
from krr_export.cli.output_options import (
    SHAPE,
    changes_option,
    column_options,
    derive_option,
    guard_options,
    mode_option,
    pseudonym_key_option,
    shape_options,
)
from krr_export.cli.parameters import LocalName, LocalPath, Role, option, refuse_given

if TYPE_CHECKING:
    from pathlib import Path


@command("apply", "krr-export apply /data/krr pages/ --as-of 2026-02-27T04:00:00+01:00")
@click.argument("store", type=LocalPath(Role.DIRECTORY))
@click.argument("pages", type=LocalPath(), nargs=-1, required=True)
@option(
    "--as-of",
    metavar="TIME",
    heading=INPUT,
    help="The moment of the new snapshot, ISO 8601: when the last page was made. Default: as fetch-changes left it in"
    " the directory of pages.",
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
@option(
    "--from-zero",
    is_flag=True,
    heading=INPUT,
    help="PAGES are all there are from the first change on: make a full snapshot of them, with the options of its"
    " format, columns and privacy.",
)
@shape_options
@changes_option
@mode_option
@lang_option
@derive_option
@column_options
@pseudonym_key_option
@guard_options
@metrics_option
@openlineage_option
@json_option
@progress_option
def apply_command(store: Path, pages: tuple[Path, ...], **options: Any) -> int:
    """Apply pages of the change feed to the newest snapshot.

    STORE is the directory of snapshots; --from-zero makes its first one. PAGES are files of pages, or directories of
    them, in any order: answers of HentEndringer as XML, on their own or in a SOAP envelope, of 16-02 or 14-05; or JSON
    of REST, a page a file or several. Each person is validated against the XSD. The result is the next snapshot, with
    the format, columns and privacy of the one before; or, if a page is missing or wrong, nothing.
    """
    from krr_export.jobs.changes.apply import apply
    from krr_export.jobs.changes.apply_from_zero import apply_from_zero
    from krr_export.jobs.changes.apply_options import ApplyOptions
    from krr_export.jobs.changes.pages_moment import moment_of_pages
    from krr_export.jobs.options import ConvertOptions
    from krr_export.transform.privacy import column_names

    console = Console.from_options(options)
    console.warn_about_store(store)
    console.warn_if_readable_by_all("--pseudonym-key", options["pseudonym_key"])
    shown = options.pop("progress")
    from_zero = options.pop("from_zero")
    if not from_zero:
        refuse_given(SHAPE, "is as in the snapshot that pages are applied to", "leave it out")
        # The environment or a file may set them for convert: here they have no effect.
        options = {name: value for name, value in options.items() if name not in SHAPE}
    carried, as_of = options.pop("carried"), options.pop("as_of")
    chosen = ApplyOptions(
        as_of=moment_of_pages(pages) if as_of is None else as_of,
        carried=column_names("--carried", carried) if carried else None,
        rest_inclusive=options.pop("rest_inclusive"),
        schema=options.pop("schema"),
        pseudonym_key=options["pseudonym_key"] if from_zero else options.pop("pseudonym_key"),
        load=ConvertOptions(**options),
    )
    with console.progress(shown) as progress:
        result = (apply_from_zero if from_zero else apply)(store, pages, chosen, progress=progress)
    if result.report is not None:
        console.say_report(result.report)
    return console.finish(result.message, result.exit_code, result.to_dict(), result.reason)
