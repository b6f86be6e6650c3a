"""``run``: the whole night's work in one command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError
from krr_export.cli.lineage import openlineage_option
from krr_export.cli.metrics import metrics_option
from krr_export.cli.options import GUARD, OUTPUT, reading_options
from krr_export.cli.output_options import SHAPE, writing_options
from krr_export.cli.parameters import LocalPath, Role, StoreLocation, option, refuse_given
from krr_export.cli.progress.transfer import KEPT_MESSAGE, change_progress, transfer_progress
from krr_export.cli.secrets import pop_delivery, pop_login
from krr_export.cli.server_options import CHANGE_FEED, client_options, login_options, pop_client
from krr_export.errors import INTERRUPTED, UsageError
from krr_export.input.http.address import REGISTER

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
def _kept_if_ended() -> Iterator[None]:
    """Say of a signal that comes during a fetch that what has arrived is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise _FetchEndedError("interrupted", INTERRUPTED) from None
    except TerminatedError as error:
        raise _FetchEndedError(error.what, error.exit_code) from None


@contextmanager
def _transfer_progress(console: Console, *, shown: bool | None) -> Iterator[Callable[[int, int | None], None] | None]:
    with _kept_if_ended(), transfer_progress(console, shown=False if console.quiet else shown) as progress:
        yield progress


@contextmanager
def _change_progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    with _kept_if_ended():
        yield change_progress(console.say)


FEED_ONLY = ("client_id", "key", "kid", "certificate", "scopes", "maskinporten", "ca")
DELIVERIES_ONLY = (
    *("private_key", "publisher_cert", "signature", "orgnr", "allow_older", "as_of"),
    *("identity", "identity_passphrase_file", "known_hosts", "force"),
    *("allow_empty", "rules", "strict", "profile", "workers", "reader"),
)


@command(
    "run",
    "krr-export run sftp://user@sftp.example.no/krr /data/inbox /data/krr \\\n"
    "      --private-key receiver.p12 --publisher-cert publisher.pem --keep 30 --max-age 48h",
)
@click.argument("uri", nargs=-1, metavar="[URI]")
@click.argument("inbox", type=LocalPath(Role.DIRECTORY))
@click.argument("store", type=StoreLocation(Role.DIRECTORY))
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
@option(
    "--changes-from",
    metavar="URL",
    heading=CHANGE_FEED,
    help=f"Instead of URI: the register whose changes are fetched and applied, such as {REGISTER}.",
)
@client_options(key_required=False)
@reading_options
@writing_options
@metrics_option
@openlineage_option
def run_command(uri: tuple[str, ...], inbox: Path, store: Path | str, **options: Any) -> int:
    """Fetch what is new, convert it, prove it, and prune the store.

    URI is the directory on the server, sftp://USER@HOST[:PORT]/DIR. INBOX keeps the deliveries, encrypted as they came.
    STORE is the directory of snapshots, or a place in an object store, s3://BUCKET/PREFIX. Nothing new on the server is
    no error. A night that was cut short is finished by the next run.

    With --changes-from, what is new are the pages of the register's change feed after the newest snapshot: they are
    fetched into INBOX, applied, and deleted once the snapshot that has them is proven.
    """
    console = Console.from_options(options)
    console.warn_about_store(store)
    url = options.pop("changes_from")
    if len(uri) != (url is None):
        raise UsageError("what to fetch is either URI or --changes-from", "give one of them, then INBOX and STORE")
    if url is None:
        refuse_given(FEED_ONLY, "has no effect without --changes-from", "leave it out, or give both")
        options = {name: value for name, value in options.items() if name not in FEED_ONLY}
        return _run_deliveries(console, uri[0], inbox, store, options)
    if isinstance(store, str):
        raise UsageError("changes are applied to a store in a directory, not to a URI", "apply there, then push")
    refuse_given(DELIVERIES_ONLY, "has no effect with --changes-from", "leave it out")
    refuse_given(SHAPE, "is as in the snapshot that changes are applied to", "leave it out")
    options = {name: value for name, value in options.items() if name not in {*DELIVERIES_ONLY, *SHAPE}}
    return _run_changes(console, url, inbox, store, options)


def _run_deliveries(console: Console, uri: str, inbox: Path, store: Path | str, options: dict[str, Any]) -> int:
    from krr_export.jobs.nightly import NightOptions, NightProgress, run_night
    from krr_export.jobs.options import ConvertOptions

    delivery = pop_delivery(console, options)
    shown = options.pop("progress")
    night = NightOptions(
        login=pop_login(console, options),
        keep=options.pop("keep"),
        allow_older=options.pop("allow_older"),
        force=options.pop("force"),
        convert=ConvertOptions(delivery=delivery, **options),
    )
    progress = NightProgress(
        fetching=lambda: _transfer_progress(console, shown=shown),
        loading=lambda: console.progress(shown),
    )
    try:
        result = run_night(uri, inbox, store, night, progress)
    except _FetchEndedError as ended:
        return console.finish(ended.message, ended.exit_code, {})
    for converted in result.converted:
        if converted.report is not None:
            console.say_report(converted.report)
    return console.finish(result.message, result.exit_code, result.to_dict(), result.reason)


def _run_changes(console: Console, url: str, pages: Path, store: Path, options: dict[str, Any]) -> int:
    from krr_export.jobs.changes.fetch_changes import FetchChangesOptions
    from krr_export.jobs.nightly_changes import ChangesNightOptions, ChangesNightProgress, run_changes_night
    from krr_export.jobs.options import ConvertOptions

    for name in ("client_id", "key"):
        if options[name] is None:
            raise UsageError(f"--{name.replace('_', '-')} is needed with --changes-from", "say who asks for changes")
    console.warn_if_readable_by_all("--pseudonym-key", options["pseudonym_key"])
    shown, schema = options.pop("progress"), options.pop("schema")
    is_default = click.get_current_context().get_parameter_source("schema") is click.core.ParameterSource.DEFAULT
    client = pop_client(console, options)
    fetch = FetchChangesOptions(client, url, maskinporten=options.pop("maskinporten"), ca=options.pop("ca"))
    keep = options.pop("keep")
    night = ChangesNightOptions(fetch, None if is_default else schema, ConvertOptions(**options), keep)
    progress = ChangesNightProgress(
        fetching=lambda: _change_progress(console),
        loading=lambda: console.progress(shown),
    )
    try:
        result = run_changes_night(pages, store, night, progress)
    except _FetchEndedError as ended:
        return console.finish(ended.message, ended.exit_code, {})
    if result.applied is not None and result.applied.report is not None:
        console.say_report(result.applied.report)
    return console.finish(result.message, result.exit_code, result.to_dict(), result.reason)
