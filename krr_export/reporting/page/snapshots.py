"""The page of a snapshot: its own report, and the history of the same store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from krr_export.domain.store_layout import FAILED, MANIFEST, PARTIAL, SUCCESS
from krr_export.errors import InputError
from krr_export.output.manifest import SNAPSHOT_HINT, missing_snapshot
from krr_export.reporting.page.history_chart import SHOWN
from krr_export.reporting.page.rendering import render
from krr_export.reporting.published_nights import history_before
from krr_export.reporting.report import REPORT_HTML, REPORT_JSON
from krr_export.reporting.report_file import read_report
from krr_export.util.paths import real_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from krr_export.reporting.history_line import HistoryLine
    from krr_export.reporting.page.languages.language import Lang
    from krr_export.reporting.report import Report

_UNPUBLISHED = {FAILED, PARTIAL}


def read_snapshot_report(snapshot: Path) -> Report:
    """Read the report of a snapshot, or of an unpublished result, verified against its manifest.

    Args:
        snapshot: its directory, or a link to it such as ``latest``.

    Raises:
        InputError: there is no snapshot, or its manifest or report is missing, damaged or of another version.
    """
    try:
        path = snapshot.resolve(strict=True)
    except (OSError, RuntimeError):
        raise missing_snapshot(snapshot) from None
    if not any((path / name).exists() for name in (MANIFEST, SUCCESS, REPORT_JSON)):
        raise missing_snapshot(snapshot)
    try:
        return read_report(path)
    except InputError as error:
        raise InputError(f"{snapshot}: {error.message}", error.hint or SNAPSHOT_HINT) from None


def older_snapshots(snapshot: Path) -> tuple[HistoryLine, ...]:
    """Return the older snapshots of the same store, as many as the page shows; oldest first."""
    path = real_path(snapshot)
    store = path.parent.parent if path.parent.name in _UNPUBLISHED else path.parent
    return history_before(store, path.name, limit=SHOWN)


def page_links(store: Path, lines: Sequence[HistoryLine], page: Path) -> dict[str, str]:
    """Return the relative URL of each night's own page, by the name of its snapshot.

    Args:
        store: the directory of snapshots.
        lines: its history; nights without a page are left out.
        page: the file from which it is linked to.
    """
    pages = {line.snapshot: store / (FAILED if line.refused else "") / line.snapshot / REPORT_HTML for line in lines}
    beside = real_path(page.parent)
    found = {name: path for name, path in pages.items() if path.is_file() and not path.is_symlink()}
    # A path need not be UTF-8.
    return {name: quote(os.fsencode(os.path.relpath(real_path(path), beside))) for name, path in found.items()}


def render_snapshot_page(report: Report, store: Path, name: str, lang: Lang) -> str:
    """Render the page of an export that is about to be published.

    Args:
        report: of the run.
        store: the directory of snapshots.
        name: of the new snapshot.
        lang: the language of the page.
    """
    return render(report, history_before(store, name, limit=SHOWN), lang=lang)
