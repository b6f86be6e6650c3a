"""``verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import json_option
from krr_export.cli.parameters import LocalPath
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from pathlib import Path


@command("verify", "krr-export verify /data/krr/latest")
@click.argument("snapshot", type=LocalPath())
@json_option
def verify_command(snapshot: Path, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Prove a published snapshot anew against its manifest.

    SNAPSHOT is a directory eksport=…, or the link latest. Exit code 0: every file is there with its bytes, SHA-256 and
    rows, and the counts add up; 1: something differs; 3: there is no snapshot. Of a snapshot made by apply, the ones
    that it was made from are named, and whether they are still those.
    """
    from krr_export.output.manifest import repair_hint
    from krr_export.output.verification import verify

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    found = verify(snapshot)
    for line in found.differences:
        console.say(f"differs   {line}")
    for line in found.chain:
        console.say(f"chain     {line}")
    result = {
        "snapshot": str(found.snapshot),
        "proven": found.proven,
        "differences": list(found.differences),
        "chain": list(found.chain),
    }
    if found.proven and found.manifest is not None:
        counts, files = found.manifest.counts, len(found.manifest.files)
        held = f"{records(counts.written)} and {number(counts.rejected)} rejects in {files} files"
        message = f"proven: {found.snapshot}, {held}"
        return console.finish(message, 0, result)
    points = "1 point" if len(found.differences) == 1 else f"{len(found.differences)} points"
    message = f"not proven: {found.snapshot} differs from its manifest in {points}; {repair_hint(found.manifest)}"
    return console.finish(message, 1, result, "damaged")
