"""``backfill``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError, explain
from krr_export.cli.options import JUDGEMENT, TUNING, reading_options
from krr_export.cli.output_options import replace_option, writing_options
from krr_export.cli.parameters import Role, SourceName, StoreLocation, option
from krr_export.cli.secrets import pop_delivery

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.jobs.backfill.result import BackfilledExport

_MAX_PROCESSES = 256


@command("backfill", "krr-export backfill /data/exports/*.xml.gz /data/krr --max-rejects 0.1% --skip-bad")
@click.argument("sources", nargs=-1, required=True, type=SourceName())
@click.argument("store", type=StoreLocation(Role.DIRECTORY))
@reading_options
@option(
    "--processes",
    type=click.IntRange(min=1, max=_MAX_PROCESSES),
    metavar="N",
    heading=TUNING,
    help="Exports that are converted at a time. Default: half as many as there are processors, which --workers then"
    " share; with --cluster, as many as its workers have threads.",
)
@option(
    "--cluster",
    metavar="tcp://|tls://HOST:PORT",
    heading=TUNING,
    help="Have the workers of a Dask scheduler convert. They see the sources and the store at the same paths; tcp:// is"
    " for one machine alone.",
)
@option(
    "--skip-bad",
    is_flag=True,
    heading=JUDGEMENT,
    help="Go on after an export that cannot be published; the exit code tells of it all the same.",
)
@writing_options
@replace_option
def backfill_command(sources: tuple[str, ...], store: Path | str, **options: Any) -> int:
    """Convert many exports at once; publish them by their time.

    Each is converted as convert does it, beside the others, and published when all earlier ones are.

    SOURCES are exports, plain or gzip; deliveries, by one file of a set or all of them; or directories of deliveries.
    STORE is the directory of snapshots: it becomes what it would have become night by night. Each of them may be a URI
    in an object store, such as s3://BUCKET/PREFIX. Exports that STORE holds are not converted again, so run a backfill
    that was cut short again. The first export that cannot be published ends it, since those after it are compared with
    it; --skip-bad goes on. With --cluster, other machines convert.
    """
    from krr_export.jobs.functions import backfill

    console = Console.from_options(options)
    options["delivery"] = pop_delivery(console, options)
    console.warn_about_store(store)
    done: list[BackfilledExport] = []

    def tell(export: BackfilledExport) -> None:
        done.append(export)
        _say(console, export)

    try:
        with console.progress(options.pop("progress")) as progress:
            result = backfill(sources, store, progress=progress, on_done=tell, **options)
    except (KeyboardInterrupt, TerminatedError) as error:
        what, code, reason = explain(error)
        published = sum(export.outcome == "published" for export in done)
        rest = next(iter(getattr(error, "__notes__", ())), "run again for the rest")
        said = f"{what.partition(':')[0]}: {published} published, whole; {rest}"
        return console.finish(said, code, {"exports": [export.to_dict() for export in done]}, reason)
    for export in result.exports[len(done) :]:  # those that were left
        _say(console, export)
    return console.finish(result.message, result.exit_code, result.to_dict(), result.reason)


def _say(console: Console, export: BackfilledExport) -> None:
    console.say(f"{'REFUSED   ' if export.exit_code else 'export    '}{export.line}")
