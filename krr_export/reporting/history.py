"""The history of a store: a line for each snapshot and each refused export."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import MANIFEST, SUCCESS
from krr_export.errors import InputError, UsageError
from krr_export.output.store_contents import entries, missing_store
from krr_export.reporting.history_line import HistoryLine, line_of_report
from krr_export.reporting.published_nights import read_newest, with_trends
from krr_export.reporting.refusals import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.output.store_contents import Entry
    from krr_export.reporting.refusals import Refusal


def read_history(path: Path, limit: int | None) -> tuple[HistoryLine, ...]:
    """Read the history of a store; as of `krr_export.history`."""
    try:
        # One more than is returned, so that the oldest one has a trend too.
        lines = read_newest(_published_entries(path), None if limit is None else limit + 1)
        since = lines[-limit].snapshot if limit is not None and len(lines) > limit else ""
        refused = _read_refused(path, lines, since=since)
    except OSError as error:
        raise InputError(f"the store {path} cannot be read: {os.strerror(error.errno or 0)}") from None
    if not lines:
        what = f"; the export {refused[-1].time} was refused: {refused[-1].refused}" if refused else ""
        raise InputError(f"there is no snapshot in {path}{what}", "convert an export first, or give another store")
    nights = with_trends(sorted((*lines, *refused), key=lambda line: line.snapshot))
    return tuple(line for line in nights if line.snapshot >= since)


def _published_entries(store: Path) -> Iterator[Entry]:
    if (store / MANIFEST).exists() or (store / SUCCESS).exists():
        raise UsageError(f"{store} is a snapshot, not a store", "give the directory that holds it")
    if not store.is_dir():
        raise missing_store(store)
    os.scandir(store).close()  # raises if it may not be listed: a glob would find nothing
    return entries(store)


def _read_refused(store: Path, published: list[HistoryLine], *, since: str) -> list[HistoryLine]:
    """Read the lines of the exports that were refused, and not published later."""
    names = {line.snapshot for line in published}
    return [_line_of_refusal(one) for one in refusals(store, since=since) if one.snapshot not in names]


def _line_of_refusal(refusal: Refusal) -> HistoryLine:
    if refusal.report is None:
        return HistoryLine(refusal.snapshot, outcome=None, refused=refusal.reason)
    return replace(line_of_report(refusal.report), refused=refusal.reason)
