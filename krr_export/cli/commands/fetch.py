"""``fetch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError
from krr_export.cli.options import json_option, progress_option
from krr_export.cli.parameters import LocalPath, Role, option
from krr_export.cli.progress.transfer import KEPT_MESSAGE, transfer_progress
from krr_export.cli.secrets import pop_login
from krr_export.cli.server_options import login_options
from krr_export.errors import INTERRUPTED
from krr_export.input.freshness import MAX_AHEAD

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@command("fetch", "krr-export fetch sftp://krr@sftp.example.no/ut /data/inbox --orgnr 991825827")
@click.argument("uri")
@click.argument("inbox", type=LocalPath(Role.DIRECTORY))
@option("--orgnr", metavar="N", help="Fetch this organisation's key file only. Default: every key file of a set.")
@option("--all", "everything", is_flag=True, help="Fetch all complete sets, not only the newest.")
@option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD",
              help="Fetch all complete sets from this day on.")  # fmt: skip
@option("--max-ahead", default=MAX_AHEAD, show_default=True, metavar="24h",
              help="Pass over a set whose name is further in the future, where there is another.")  # fmt: skip
@login_options
@json_option
@progress_option
def fetch_command(uri: str, inbox: Path, since: datetime | None, **options: Any) -> int:
    """Fetch the newest delivery over SFTP.

    URI is sftp://USER@HOST[:PORT]/DIR, or sftp://USER@HOST/~/DIR below the user's home. INBOX is a local directory. A
    set is fetched once, and only when data, signature and key are there. Whatever stops a fetch, the next one goes on
    where it stopped. The server must be in known_hosts; the login is with a key.
    """
    from krr_export.input.sftp import fetch

    quiet, shown = options.pop("quiet"), options.pop("progress")
    console = Console(quiet=quiet, verbose=options.pop("verbose"), as_json=options.pop("as_json"))
    try:
        with transfer_progress(console, shown=False if quiet else shown) as progress:
            fetched = fetch(
                uri,
                inbox,
                login=pop_login(console, options),
                since=since.date() if since is not None else None,
                progress=progress,
                **options,
            )
    except KeyboardInterrupt:
        return console.finish(f"interrupted: {KEPT_MESSAGE}", INTERRUPTED, {})
    except TerminatedError as error:
        return console.finish(f"{error.what}: {KEPT_MESSAGE}", error.exit_code, {})
    result = {
        "sets": [str(path) for path in fetched.sets],
        "newest": str(fetched.newest) if fetched.newest is not None else None,
        "newest_stamp": fetched.newest_stamp,
        "skipped": fetched.skipped,
        "unusable": fetched.unusable,
    }
    return console.finish(fetched.message, 0, result)
