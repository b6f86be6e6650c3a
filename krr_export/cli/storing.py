"""``verify``, ``history`` and ``prune``: what is done with a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from krr_export.cli.console import Console
from krr_export.cli.parameters import LocalName, LocalPath, Role, command
from krr_export.cli.reporting import lang_option, write_document
from krr_export.errors import UsageError
from krr_export.reporting.history import history
from krr_export.reporting.history_table import table
from krr_export.reporting.page.rendering import render_history
from krr_export.util.formatting import number, records
from krr_export.util.paths import real_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from krr_export.reporting.history import HistoryLine
    from krr_export.reporting.page.language import Lang


@command("verify", "krr-export verify /data/krr/latest")
@click.argument("snapshot", type=LocalPath())
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
def verify_command(snapshot: Path, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Prove a published snapshot anew against its manifest.

    SNAPSHOT is a directory eksport=…, or the link latest. Exit code 0: every file is there with its bytes, SHA-256 and
    rows, and the counts add up; 1: something differs; 3: there is no snapshot.
    """
    from krr_export.output.verification import verify  # noqa: PLC0415 - Arrow is loaded once there is work for it

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    found = verify(snapshot)
    for line in found.differences:
        console.say(f"differs   {line}")
    result = {"snapshot": str(found.snapshot), "proven": found.proven, "differences": list(found.differences)}
    if found.proven and found.manifest is not None:
        counts, files = found.manifest.counts, len(found.manifest.files)
        held = f"{records(counts.written)} and {number(counts.rejected)} rejects in {files} files"
        message = f"proven: {found.snapshot}, {held}"
        return console.finish(message, 0, result)
    points = "1 point" if len(found.differences) == 1 else f"{len(found.differences)} points"
    message = f"not proven: {found.snapshot} differs from its manifest in {points}; convert again with --replace"
    return console.finish(message, 1, result)


@command("history", "krr-export history /data/krr --limit 30")
@click.argument("store", type=LocalPath())
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the N newest.")
@click.option(
    "--json", "as_json", is_flag=True, help="One line of JSON on standard output: a list, an object a snapshot."
)
@click.option(
    "--html",
    type=LocalName(Role.OUTPUT),
    metavar="FILE|-",
    help="Write it as an HTML page instead; - is standard output.",
)
@lang_option
def history_command(
    store: Path, limit: int | None, html: str | None, lang: Lang, *, as_json: bool, **talk: bool
) -> int:
    """Show what each snapshot of a store holds, and the trend.

    The oldest comes first. Change and % compare the records with the snapshot before; points are percentage points of
    the share of rejects; found is how many records have a reject or a warning. Only manifest.json and report.json
    are read. Exit code 0: all are whole; 1: a line says what is damaged; 3: there is no snapshot.
    """
    if html is not None and as_json:
        raise UsageError("--html and --json are two forms of the same", "give one of them")
    console = Console(**talk)
    console.warn_of_others(store, damaged=False)
    lines = history(store, limit=limit)
    if html is not None:
        write_document(console, render_history(lines, name=real_path(store).name, lang=lang), html, "page")
    else:
        console.give(json.dumps([line.to_dict() for line in lines]) if as_json else "\n".join(table(lines)))
    if console.verbose:
        for line in lines:
            found = ", ".join(f"{found.code} in {number(found.records)}" for found in line.findings or ())
            console.say(f"found     {line.time}: {found or 'nothing'}")
    message, code = _ending(store, lines)
    written = f"wrote {html}: " if html not in {None, "-"} else ""
    return console.finish(f"{written}{message}", code, {})


def _ending(store: Path, lines: Sequence[HistoryLine]) -> tuple[str, int]:
    """The last line and the exit code of ``history``."""
    shown = "1 snapshot" if len(lines) == 1 else f"{len(lines)} snapshots"
    damaged = [line for line in lines if line.damage is not None]
    if damaged:
        first = f"{store}/{damaged[0].snapshot}: {damaged[0].damage}"
        return f"damaged: {len(damaged)} of {shown}; {first}; convert that export again with --replace", 1
    newest = lines[-1]
    held = f"{records(newest.records or 0)}, {number(newest.rejects or 0)} rejected"
    return f"{shown} in {store}, the newest {newest.time}: {held}", 0


@command("prune", "krr-export prune /data/krr --keep 30")
@click.argument("store", type=LocalPath(Role.STORE))
@click.option("--keep", type=click.IntRange(min=1), required=True, metavar="N", help="How many of the newest stay.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on standard output.")
def prune_command(store: Path, keep: int, *, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Delete all but the newest snapshots of a store.

    The oldest go first, never the one that latest points to. What .failed and .partial keep goes too where it is older
    than the oldest snapshot that stays, or not among the N newest there. Exit code 3: there is no store.
    """
    from krr_export.output.store import open_store  # noqa: PLC0415 - only who needs it pays for it

    console = Console(quiet=quiet, verbose=verbose, as_json=as_json)
    console.warn_of_others(store)
    with open_store(store, create=False) as opened:
        deleted = [str(path) for path in opened.prune(keep)]
        kept = [str(path) for path in opened.snapshots()]
    for path in deleted:
        console.say(f"deleted   {path}")
    message = f"deleted {len(deleted)}, counting what .failed and .partial held; snapshots kept in {store}: {len(kept)}"
    return console.finish(message, 0, {"deleted": deleted, "kept": kept})
