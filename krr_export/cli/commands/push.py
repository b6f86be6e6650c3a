"""``push``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.failures import TerminatedError, explain
from krr_export.cli.options import json_option
from krr_export.cli.parameters import LocalPath, option

if TYPE_CHECKING:
    from pathlib import Path


@command("push", "krr-export push /data/krr s3://bucket/krr")
@click.argument("store", type=LocalPath())
@click.argument("uri")
@option("--replace", is_flag=True, help="Replace snapshots of which another result was pushed.")
@json_option
def push_command(store: Path, uri: str, *, replace: bool, as_json: bool, **talk: bool) -> int:
    """Push a store's snapshots to an object store.

    URI is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX. The
    snapshots that are not there are pushed, the oldest first; each appears whole, or not at all, and then latest.json
    follows. Credentials come from the environment. Exit code 5: another result of a snapshot was pushed before.
    """
    from krr_export.jobs.push import push

    console = Console(as_json=as_json, **talk)
    console.warn_about_store(store)
    pushed: list[str] = []

    def say_pushed(name: str, size: int) -> None:
        pushed.append(name)
        console.say(f"pushed    {name}, {size / 1e6:.1f} MB")

    try:
        result = push(store, uri, replace=replace, on_pushed=say_pushed)
    except (KeyboardInterrupt, TerminatedError) as error:
        what, code, reason = explain(error)
        done = f"{what.partition(':')[0]}: {len(pushed)} pushed; the next push goes on with what was being uploaded"
        return console.finish(done, code, {"pushed": pushed}, reason)
    found = {"uri": result.uri, "pushed": result.pushed, "unchanged": result.unchanged}
    return console.finish(result.message, 0, found)
