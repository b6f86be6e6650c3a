"""``prune``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import json_option
from krr_export.cli.parameters import Role, StoreLocation, option

if TYPE_CHECKING:
    from pathlib import Path


@command("prune", "krr-export prune /data/krr --keep 30")
@click.argument("store", type=StoreLocation(Role.EXISTING_STORE))
@option("--keep", type=click.IntRange(min=1), required=True, metavar="N", help="How many of the newest stay.")
@json_option
def prune_command(store: Path | str, keep: int, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Delete all but the newest snapshots of a store.

    The oldest go first, never the one that latest points to. What .failed and .partial keep, and failed in an object
    store, goes too where it is older than the oldest snapshot that stays, or not among the N newest there. What a Delta
    or Iceberg table lists is refused. Exit code 3: there is no store.
    """
    from krr_export.jobs.nightly_steps import prune_place

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    console.warn_about_store(store)
    result = prune_place(store, keep)
    for line in result.warnings:
        console.warn(line)
    for path in result.deleted:
        console.say(f"deleted   {path}")
    aside = "failed" if isinstance(store, str) else ".failed and .partial"
    counted = f"deleted {len(result.deleted)}, counting what {aside} held"
    message = f"{counted}; snapshots kept in {store}: {len(result.kept)}"
    return console.finish(message, 0, {"deleted": result.deleted, "kept": result.kept})
