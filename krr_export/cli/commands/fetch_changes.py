"""``fetch-changes``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError
from krr_export.cli.options import json_option, passphrase_file_option
from krr_export.cli.parameters import LocalPath, Role, option
from krr_export.cli.progress.transfer import KEPT_MESSAGE, change_progress
from krr_export.cli.server_options import CHANGE_FEED, client_options, pop_any_client, soap_options
from krr_export.errors import INTERRUPTED
from krr_export.input.http.address import REGISTER

if TYPE_CHECKING:
    from pathlib import Path


@command("fetch-changes", "krr-export fetch-changes /data/krr pages --client-id ID --key key.pem --kid KID")
@click.argument("store", type=LocalPath())
@click.argument("directory", type=LocalPath(Role.DIRECTORY))
@client_options(key_required=True)
@soap_options
@passphrase_file_option
@option("--url", default=REGISTER, show_default=True, metavar="URL", heading=CHANGE_FEED,
        help="The register.")  # fmt: skip
@option(
    "--from-zero", is_flag=True, heading=CHANGE_FEED, help="Fetch all pages from the first change on, for a new store."
)
@option("--force", is_flag=True, heading=CHANGE_FEED, help="Ask the register even if it was asked in the last minute.")
@json_option
def fetch_changes_command(store: Path, directory: Path, **options: Any) -> int:
    """Fetch the pages of the register's change feed.

    STORE is the directory of snapshots, and is only read; DIRECTORY gets the pages after the newest one, a file each.
    Whatever stops a fetch, the next one goes on where it stopped. The last line has the command that applies the
    pages. It was never tried against the register, whose grant for this few get. With --soap it asks a service that
    speaks as the closed SOAP service did: tried against the stand-in alone.
    """
    from krr_export.jobs.changes.fetch_changes import FetchChangesOptions, fetch_changes

    console = Console.from_options(options)
    client = pop_any_client(console, options)
    try:
        chosen = FetchChangesOptions(client, **options)
        result = fetch_changes(store, directory, chosen, progress=change_progress(console.say))
    except KeyboardInterrupt:
        return console.finish(f"interrupted: {KEPT_MESSAGE}", INTERRUPTED, {})
    except TerminatedError as error:
        return console.finish(f"{error.what}: {KEPT_MESSAGE}", error.exit_code, {})
    details = asdict(result)
    next_step = f"; next: {result.command}" if result.command else ""
    return console.finish(details.pop("message") + next_step, 0, details)
