"""``verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.options import DATABASE, csv_schema_option, db_schema_option, json_option, progress_option
from krr_export.cli.parameters import LocalOrRemote, LocalPath, option, refuse_given
from krr_export.input.objects.address import is_object_uri
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.output.objects.verification import PushedVerification
    from krr_export.output.verification import Verification

_OF_DATABASES = ("against", "all_snapshots", "db_schema", "schema")


@command("verify", "krr-export verify /data/krr/latest")
@click.argument("snapshot", type=LocalOrRemote(), metavar="SNAPSHOT|URI|TARGET")
@option(
    "--against",
    type=LocalPath(),
    metavar="SNAPSHOT|STORE",
    heading=DATABASE,
    help="Compare with the snapshot's own files; otherwise with the ledger of the load.",
)
@option("--all", "all_snapshots", is_flag=True, heading=DATABASE, help="Look at all exports; not the newest alone.")
@db_schema_option
@csv_schema_option
@progress_option
@json_option
def verify_command(snapshot: Path | str, **options: Any) -> int:
    """Prove a published snapshot, or a database or table of load.

    SNAPSHOT is a directory eksport=…, or the link latest. Exit code 0: every file is there with its bytes, SHA-256 and
    rows, and the counts add up; 1: something differs; 3: there is no snapshot. Of a snapshot made by apply, the ones
    that it was made from are named, and whether they are still those.

    URI is a place in an object store, as push wrote it: the one that push was given, for the newest there, or eksport=…
    below it. All of it is read back. TARGET is a database as of load: every row is read, and their number and content
    compared, in any order. Or it is a table of pushed files, delta:URI or iceberg:CATALOG/NAMESPACE.TABLE: what it
    lists is what was pushed, and is read back.
    """
    console = Console.from_options(options)
    if isinstance(snapshot, str) and not is_object_uri(snapshot):
        return _verify_database(console, snapshot, options)
    refuse_given(_OF_DATABASES, "is of a database, and a snapshot was given", "leave it out")
    return _verify_pushed(console, snapshot) if isinstance(snapshot, str) else _verify_local(console, snapshot)


def _verify_database(console: Console, target: str, options: dict[str, Any]) -> int:
    from krr_export.jobs.warehouse.verify_load import verify_load

    with console.progress(options.pop("progress")) as progress:
        found = verify_load(target, progress=progress, **options)
    for warning in found.warnings:
        console.warn(warning)
    for line in found.differences:
        console.say(f"differs   {line}")
    details = {
        "target": found.target,
        "snapshots": list(found.snapshots),
        "proven": found.proven,
        "rows": found.rows,
        "differences": list(found.differences),
    }
    return console.finish(found.message, 0 if found.proven else 1, details, None if found.proven else "damaged")


def _verify_local(console: Console, snapshot: Path) -> int:
    from krr_export.output.manifest import repair_hint
    from krr_export.output.verification import verify

    found = verify(snapshot)
    for line in found.differences:
        console.say(f"differs   {line}")
    for line in found.chain:
        console.say(f"chain     {line}")
    return _finish(console, str(found.snapshot), found, repair_hint(found.manifest))


def _verify_pushed(console: Console, uri: str) -> int:
    from krr_export.domain.store_layout import LATEST
    from krr_export.output.objects.layout import commit_key
    from krr_export.output.objects.verification import verify_pushed

    found = verify_pushed(uri)
    for line in found.differences:
        console.say(f"differs   {line}")
    hint = f"delete {commit_key(found.uri.rpartition('/')[2])} there, and push it again"
    if all(line.startswith(LATEST) for line in found.differences):
        hint = "run again what writes there, which sets it right"
    return _finish(console, found.uri, found, hint)


def _finish(console: Console, place: str, found: Verification | PushedVerification, hint: str) -> int:
    result = {"snapshot": place, "proven": found.proven, "differences": list(found.differences)}
    result |= {"chain": list(found.chain)}
    if found.proven and found.manifest is not None:
        counts, files = found.manifest.counts, len(found.manifest.files)
        held = f"{records(counts.written)} and {number(counts.rejected)} rejects in {files} files"
        return console.finish(f"proven: {place}, {held}", 0, result)
    points = "1 point" if len(found.differences) == 1 else f"{len(found.differences)} points"
    message = f"not proven: {place} differs from its manifest in {points}; {hint}"
    return console.finish(message, 1, result, "damaged")
