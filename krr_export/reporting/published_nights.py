"""The published snapshots of a store as lines of its history, from manifests and reports alone.

No data file is opened, and no lock is taken: a run may publish or prune meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from krr_export.errors import InputError
from krr_export.output.store_contents import entries
from krr_export.reporting.history_line import HistoryLine, with_manifest, with_report, with_trend
from krr_export.reporting.report_file import read_listed_report, read_own_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from krr_export.output.store_contents import Entry


def history_before(store: Path, snapshot: str, *, limit: int) -> tuple[HistoryLine, ...]:
    """Return the history of the snapshots older than one, oldest first; empty if there are none, or no store.

    Args:
        store: the directory of snapshots.
        snapshot: the name of a directory, which need not exist.
        limit: the number of newest snapshots.
    """
    try:
        return with_trends(read_newest(entries(store, lambda name: name < snapshot), limit + 1))[-limit:]
    except OSError:
        return ()


def read_newest(candidates: Iterator[Entry], limit: int | None) -> list[HistoryLine]:
    """Read the lines of the newest published entries, damaged or not, oldest first.

    Args:
        candidates: entries of a store, newest first.
        limit: how many; ``None`` for all.
    """
    paths = [entry.path for entry in islice((entry for entry in candidates if entry.published), limit)][::-1]
    return [line for path in paths if (line := _read_consistently(path)) is not None]


def with_trends(lines: Sequence[HistoryLine]) -> tuple[HistoryLine, ...]:
    """Return the lines, each with its trend from the published snapshot before it."""
    before: HistoryLine | None = None
    result = []
    for line in lines:
        result.append(with_trend(line, before))
        before = line if line.refused is None else before
    return tuple(result)


def _read_consistently(snapshot: Path) -> HistoryLine | None:
    """Read the line of a snapshot, again if a run replaces it meanwhile; ``None`` if it is gone."""
    while (before := _identity(snapshot)) is not None:
        line = _read_line(snapshot)
        if _identity(snapshot) == before:
            return line
    return None


def _identity(snapshot: Path) -> tuple[int, int] | None:
    try:
        status = snapshot.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _read_line(snapshot: Path) -> HistoryLine:
    line = HistoryLine(snapshot.name)
    try:
        manifest = read_own_manifest(snapshot)
        line = with_manifest(line, manifest)
        return with_report(line, read_listed_report(snapshot, manifest))
    except InputError as error:
        return replace(line, damage=error.message)
