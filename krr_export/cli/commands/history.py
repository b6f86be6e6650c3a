"""``history``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.documents import write_document
from krr_export.cli.options import lang_option
from krr_export.cli.parameters import LocalName, LocalPath, Role, option
from krr_export.errors import UsageError
from krr_export.reporting.history import history
from krr_export.reporting.history_text import table
from krr_export.reporting.page.rendering import render_history
from krr_export.util.formatting import number, records
from krr_export.util.paths import real_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from krr_export.reporting.history import HistoryLine
    from krr_export.reporting.page.language import Lang


@command("history", "krr-export history /data/krr --limit 30")
@click.argument("store", type=LocalPath())
@option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the N newest.")
@option("--json", "as_json", is_flag=True, help="One line of JSON on standard output: a list, an object a snapshot.")
@option(
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
    console.warn_about_store(store, damaged=False)
    lines = history(store, limit=limit)
    if html is not None:
        write_document(console, render_history(lines, name=real_path(store).name, lang=lang), html, "page")
    else:
        console.write(json.dumps([line.to_dict() for line in lines]) if as_json else "\n".join(table(lines)))
    if console.verbose:
        for line in lines:
            found = ", ".join(f"{found.code} in {number(found.records)}" for found in line.findings or ())
            console.say(f"found     {line.time}: {found or 'nothing'}")
    message, code = _summarise(store, lines)
    written = f"wrote {html}: " if html not in {None, "-"} else ""
    return console.finish(f"{written}{message}", code, {})


def _summarise(store: Path, lines: Sequence[HistoryLine]) -> tuple[str, int]:
    """Return the last line and the exit code of ``history``."""
    shown = "1 snapshot" if len(lines) == 1 else f"{len(lines)} snapshots"
    damaged = [line for line in lines if line.damage is not None]
    if damaged:
        first = f"{store}/{damaged[0].snapshot}: {damaged[0].damage}"
        return f"damaged: {len(damaged)} of {shown}; {first}; convert that export again with --replace", 1
    newest = lines[-1]
    held = f"{records(newest.records or 0)}, {number(newest.rejects or 0)} rejected"
    return f"{shown} in {store}, the newest {newest.time}: {held}", 0
