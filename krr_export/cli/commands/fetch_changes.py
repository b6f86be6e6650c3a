"""``fetch-changes``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError
from krr_export.cli.options import SERVER, json_option, passphrase_file_option
from krr_export.cli.parameters import LocalPath, Role, option
from krr_export.cli.secrets import passphrase_source
from krr_export.cli.transfer_progress import KEPT_MESSAGE
from krr_export.errors import INTERRUPTED
from krr_export.input.rest.address import MASKINPORTEN, REGISTER
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SECONDS_BETWEEN_LOG_LINES = 30.0


@command("fetch-changes", "krr-export fetch-changes /data/krr pages --client-id ID --key key.pem --kid KID")
@click.argument("store", type=LocalPath())
@click.argument("directory", type=LocalPath(Role.DIRECTORY))
@option("--client-id", required=True, metavar="ID", heading=SERVER, help="Your client's id at Maskinporten.")
@option("--key", type=LocalPath(), required=True, metavar="FILE", heading=SERVER,
        help="Your private key: PEM, DER or PKCS#12.")  # fmt: skip
@passphrase_file_option
@option("--kid", metavar="ID", heading=SERVER, help="The key's id, if it is registered with Maskinporten.")
@option("--certificate", type=LocalPath(), metavar="FILE", heading=SERVER,
        help="Your organisation's certificate, PEM or DER, if the key is that one's.")  # fmt: skip
@option("--scope", "scopes", multiple=True, metavar="SCOPE", heading=SERVER,
        help="A scope to ask for. Default: changes, contact data and mailboxes.")  # fmt: skip
@option("--url", default=REGISTER, show_default=True, metavar="URL", heading=SERVER,
        help="The register.")  # fmt: skip
@option("--maskinporten", default=MASKINPORTEN, show_default=True, metavar="URL", heading=SERVER,
        help="Who gives tokens.")  # fmt: skip
@option("--ca", type=LocalPath(), metavar="FILE", heading=SERVER,
        help="Authorities to trust instead of the system's, as PEM.")  # fmt: skip
@option("--from-zero", is_flag=True, heading=SERVER, help="Fetch all pages from the first change on, for a new store.")
@option("--force", is_flag=True, heading=SERVER, help="Ask the register even if it was asked in the last minute.")
@json_option
def fetch_changes_command(store: Path, directory: Path, **options: Any) -> int:
    """Fetch the pages of the register's change feed.

    STORE is the directory of snapshots, and is only read; DIRECTORY gets the pages after the newest one, a file each.
    Whatever stops a fetch, the next one goes on where it stopped. The last line has the command that applies the
    pages. It was never tried against the register, whose grant for this few get.
    """
    from krr_export.input.rest.token import ClientOptions
    from krr_export.jobs.fetch_changes import SCOPES, FetchChangesOptions, fetch_changes

    console = Console.from_options(options)
    key, passphrase_file = options.pop("key"), options.pop("passphrase_file")
    console.warn_if_readable_by_all("--key", key)
    console.warn_if_readable_by_all("--passphrase-file", passphrase_file)
    client = ClientOptions(
        name=options.pop("client_id"),
        scopes=options.pop("scopes") or SCOPES,
        key=key,
        passphrase=passphrase_source(passphrase_file),
        kid=options.pop("kid"),
        certificate=options.pop("certificate"),
    )
    try:
        result = fetch_changes(
            store, directory, FetchChangesOptions(client, **options), progress=_log_lines(console.say)
        )
    except KeyboardInterrupt:
        return console.finish(f"interrupted: {KEPT_MESSAGE}", INTERRUPTED, {})
    except TerminatedError as error:
        return console.finish(f"{error.what}: {KEPT_MESSAGE}", error.exit_code, {})
    details = asdict(result)
    return console.finish(details.pop("message"), 0, details)


def _log_lines(say: Callable[[str], None]) -> Callable[[int, int], None]:
    last = time.monotonic()

    def log(reached: int, latest: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LOG_LINES:
            last = time.monotonic()
            say(f"progress  change {number(reached)} of {number(latest)}")

    return log
