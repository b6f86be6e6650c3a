"""``history``."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.documents import write_document
from krr_export.cli.options import lang_option
from krr_export.cli.parameters import GENERAL, LocalName, Role, StoreLocation, option
from krr_export.errors import InputError, UsageError
from krr_export.input.freshness import AgeLimits
from krr_export.jobs.history import history
from krr_export.output.manifest import read_manifest, repair_hint
from krr_export.reporting.history_text import table
from krr_export.reporting.page.rendering import render_history
from krr_export.reporting.page.snapshots import page_links
from krr_export.util.formatting import number, records
from krr_export.util.paths import real_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.reporting.history_line import HistoryLine


@command("history", "krr-export history /data/krr --limit 30")
@click.argument("store", type=StoreLocation())
@option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the N newest snapshots.")
@option(
    "--json",
    "as_json",
    is_flag=True,
    heading=GENERAL,
    help="One line of JSON on standard output: a list, an object a snapshot.",
)
@option(
    "--html",
    type=LocalName(Role.OUTPUT),
    metavar="FILE|-",
    help="Write it as an HTML page instead; - is standard output.",
)
@option("--max-age", metavar="36h", help="Say where the newest export is older: so many m, h or d.")
@lang_option
def history_command(store: Path | str, limit: int | None, html: str | None, *, as_json: bool, **options: Any) -> int:
    """Show what each snapshot of a store holds, and the trend.

    The oldest comes first; exports that were refused stand among them, with why. Change and % compare the records with
    the snapshot before; points are percentage points of the share of rejects; found is how many records have a reject
    or a warning. Only manifest.json and report.json are read. Exit code 0: all snapshots are whole; 1: a line says what
    is damaged; 3: there is no snapshot.
    """
    if html is not None and as_json:
        raise UsageError("--html and --json are two forms of the same", "give one of them")
    limits = AgeLimits.from_options(options["max_age"])
    console = Console(quiet=options["quiet"], verbose=options["verbose"])
    console.warn_about_store(store, damaged=False)
    lines = history(store, limit=limit)
    if html is not None:
        page = render_history(
            lines,
            name=store.rpartition("/")[2] if isinstance(store, str) else real_path(store).name,
            lang=options["lang"],
            links={} if html == "-" or isinstance(store, str) else page_links(store, lines, Path(html)),
            max_age=limits.max_age,
        )
        write_document(console, page, html, "page")
    else:
        console.write(json.dumps([line.to_dict() for line in lines]) if as_json else "\n".join(table(lines)))
    if console.verbose:
        for line in lines:
            found = ", ".join(f"{found.code} in {number(found.records)}" for found in line.findings or ())
            console.say(f"found     {line.time}: {found or 'nothing'}")
    message, code = _summarise(store, lines, limits)
    written = f"wrote {html}: " if html not in {None, "-"} else ""
    return console.finish(f"{written}{message}", code, {})


def _summarise(store: Path | str, lines: Sequence[HistoryLine], limits: AgeLimits) -> tuple[str, int]:
    """Return the last line and the exit code of ``history``."""
    published = [line for line in lines if line.refused is None]
    shown = "1 snapshot" if len(published) == 1 else f"{len(published)} snapshots"
    damaged = [line for line in lines if line.damage is not None]
    if damaged:
        first = f"{store}/{damaged[0].snapshot}: {damaged[0].damage}"
        return f"damaged: {len(damaged)} of {shown}; {first}; {_repair_hint(store, damaged[0].snapshot)}", 1
    parts = [f"{shown} in {store}"]
    if published:
        newest = published[-1]
        held = f"{records(newest.records or 0)}, {number(newest.rejects or 0)} rejected"
        parts[0] += f", the newest {newest.time}: {held}"
        made = newest.exported_at and datetime.fromisoformat(newest.exported_at)
        parts += [too_old] if made and (too_old := limits.describe_too_old(made)) else []
    if len(published) < len(lines):
        parts.append(f"{len(lines) - len(published)} refused")
        parts += [f"so was the newest export, {lines[-1].time}: {lines[-1].refused}"] if lines[-1].refused else []
    return "; ".join(parts), 0


def _repair_hint(store: Path | str, name: str) -> str:
    try:
        return repair_hint(None if isinstance(store, str) else read_manifest(store / name))
    except InputError:
        return repair_hint(None)
