"""``check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import json_option
from krr_export.cli.parameters import StoreLocation, option

if TYPE_CHECKING:
    from pathlib import Path


@command("check", "krr-export check /data/krr --max-age 36h")
@click.argument("store", type=StoreLocation())
@option("--max-age", metavar="36h", help="How long ago the newest export may have been made: so many m, h or d.")
@option("--prove", is_flag=True, help="Read every byte, as verify does; otherwise only sizes are compared.")
@option("--no-latest", is_flag=True, help="The file system makes no symbolic links: do not look for latest.")
@json_option
def check_command(store: Path | str, *, max_age: str | None, prove: bool, no_latest: bool, **talk: bool) -> int:
    """Check that a store's newest export is fresh and whole.

    For monitoring: it only reads, and takes no lock. Exit code 0: the newest snapshot is whole, latest points to it,
    and no export made after it was refused; 1: it is damaged, latest does not point to it, or one was refused; 3: there
    is no store, or no snapshot; 5: it was made longer ago than --max-age, or in the future. The line names the worst
    first.
    """
    from krr_export.jobs.check import check

    console = Console(**talk)
    result = check(store, max_age=max_age, prove=prove, latest=not no_latest)
    console.warn_about_store(store, damaged=False)
    return console.finish(result.message, result.exit_code, result.to_dict(), result.reason)
