"""``run``: the whole night's work in one command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError
from krr_export.cli.options import GUARD, OUTPUT, reading_options
from krr_export.cli.output_options import writing_options
from krr_export.cli.parameters import LocalPath, Role, option
from krr_export.cli.secrets import pop_delivery, pop_login
from krr_export.cli.server_options import login_options
from krr_export.cli.transfer_progress import KEPT_MESSAGE, transfer_progress
from krr_export.errors import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class _FetchEndedError(BaseException):
    """A signal came during a fetch. Not an ``Exception``, as the signal's own error is none."""

    def __init__(self, what: str, exit_code: int) -> None:
        super().__init__()
        self.message = f"{what} while fetching: {KEPT_MESSAGE}"
        self.exit_code = exit_code


@contextmanager
def _fetch_progress(console: Console, *, shown: bool | None) -> Iterator[Callable[[int, int | None], None] | None]:
    try:
        with transfer_progress(console, shown=False if console.quiet else shown) as progress:
            yield progress
    except KeyboardInterrupt:
        raise _FetchEndedError("interrupted", INTERRUPTED) from None
    except TerminatedError as error:
        raise _FetchEndedError(error.what, error.exit_code) from None


@command(
    "run",
    "krr-export run sftp://user@sftp.example.no/krr /data/inbox /data/krr \\\n"
    "      --private-key receiver.p12 --publisher-cert publisher.pem --keep 30 --max-age 48h",
)
@click.argument("uri")
@click.argument("inbox", type=LocalPath(Role.DIRECTORY))
@click.argument("store", type=LocalPath(Role.DIRECTORY))
@option(
    "--keep", type=click.IntRange(min=1), metavar="N", heading=OUTPUT, help="How many of the newest snapshots stay."
)
@option(
    "--allow-older",
    is_flag=True,
    heading=GUARD,
    help="The newest delivery may hold an older export than the newest snapshot.",
)
@login_options
@reading_options
@writing_options
def run_command(uri: str, inbox: Path, store: Path, **options: Any) -> int:
    """Fetch what is new, convert it, prove it, and prune the store.

    URI is the directory on the server, sftp://USER@HOST[:PORT]/DIR. INBOX keeps the deliveries, encrypted as they came.
    STORE is the directory of snapshots. Nothing new on the server is no error. A night that was cut short is finished
    by the next run.
    """
    from krr_export.jobs.nightly import NightOptions, NightProgress, run_night
    from krr_export.jobs.options import ConvertOptions

    console = Console.from_options(options)
    delivery = pop_delivery(console, options)
    console.warn_about_store(store)
    shown = options.pop("progress")
    night = NightOptions(
        login=pop_login(console, options),
        keep=options.pop("keep"),
        allow_older=options.pop("allow_older"),
        force=options.pop("force"),
        convert=ConvertOptions(delivery=delivery, **options),
    )
    progress = NightProgress(
        fetching=lambda: _fetch_progress(console, shown=shown),
        loading=lambda: console.progress(shown),
    )
    try:
        result = run_night(uri, inbox, store, night, progress)
    except _FetchEndedError as ended:
        return console.finish(ended.message, ended.exit_code, {})
    for converted in result.converted:
        if converted.report is not None:
            console.say_report(converted.report)
    return console.finish(result.message, result.exit_code, result.to_dict())
