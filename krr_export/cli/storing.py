"""``verify`` and ``prune``: what is done with a store."""

from __future__ import annotations

from pathlib import Path

import click

from krr_export.cli.console import Console
from krr_export.cli.parameters import Directory, command
from krr_export.report import number


@command("verify", "krr-export verify /data/krr/latest")
@click.argument("snapshot", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
def verify_command(snapshot: Path, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Prove a published snapshot anew against its manifest.

    SNAPSHOT is a directory eksport=…, or the link latest. Exit code 0: every file is there with its bytes, SHA-256 and
    rows, and the counts add up; 1: something differs; 3: there is no snapshot.
    """
    from krr_export.verification import verify  # noqa: PLC0415 - Arrow is loaded once there is work for it

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    found = verify(snapshot)
    for line in found.differences:
        console.say(f"differs   {line}")
    result = {"snapshot": str(found.snapshot), "proven": found.proven, "differences": list(found.differences)}
    if found.proven and found.manifest is not None:
        counts, files = found.manifest.counts, len(found.manifest.files)
        records, rejects = number(counts.written), number(counts.rejected)
        message = f"proven: {found.snapshot}, {records} records and {rejects} rejects in {files} files"
        return console.finish(message, 0, result)
    points = "1 point" if len(found.differences) == 1 else f"{len(found.differences)} points"
    message = f"not proven: {found.snapshot} differs from its manifest in {points}; convert again with --replace"
    return console.finish(message, 1, result)


@command("prune", "krr-export prune /data/krr --keep 30")
@click.argument("store", type=Directory())
@click.option("--keep", type=click.IntRange(min=1), required=True, metavar="N", help="How many of the newest stay.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
def prune_command(store: Path, keep: int, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Delete all but the newest snapshots of a store.

    The oldest go first, never the one that latest points to. What .failed and .partial keep goes too where it is older
    than the oldest snapshot that stays, or not among the N newest there.
    """
    from krr_export.store import open_store  # noqa: PLC0415 - only who needs it pays for it

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    with open_store(store, create=False) as opened:
        deleted = [str(path) for path in opened.prune(keep)]
        kept = [str(path) for path in opened.snapshots()]
    for path in deleted:
        console.say(f"deleted   {path}")
    message = f"deleted {len(deleted)}, counting what .failed and .partial held; snapshots kept in {store}: {len(kept)}"
    return console.finish(message, 0, {"deleted": deleted, "kept": kept})
