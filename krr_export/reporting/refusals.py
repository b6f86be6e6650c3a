"""Nights that a store refused: the exports of which it keeps the report and the rejects in ``.failed``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import FAILED
from krr_export.errors import GuardError, InputError
from krr_export.output.store_contents import unpublished_results
from krr_export.reporting.report_file import read_report
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.reporting.report import Report

REFUSED_EXIT_CODES = {"too-many-rejects": 1, "empty": 1, "duplicates": 1, "guard": GuardError.exit_code}
"""The exit code of a run by the outcome that kept it from publishing."""


@dataclass(frozen=True)
class Refusal:
    """An export that was refused.

    Attributes:
        snapshot: the name of its directory in ``.failed``, ``eksport=20140226T112225Z``.
        report: of the run; ``None`` if it cannot be read.
        reason: why it was refused, in a few words; or why that is not known.
    """

    snapshot: str
    report: Report | None
    reason: str

    @property
    def outcome(self) -> str | None:
        """The outcome of the run, such as ``too-many-rejects``."""
        return None if self.report is None else self.report.outcome

    @property
    def exit_code(self) -> int | None:
        """The exit code of the run."""
        return REFUSED_EXIT_CODES.get(self.outcome or "")


def refusals(store: Path, *, since: str = "") -> Iterator[Refusal]:
    """Yield the exports that a store refused, oldest first; not those that were tried with ``--limit``.

    Args:
        store: the directory of snapshots.
        since: the name of a directory; older exports are left out.

    Raises:
        OSError: ``.failed`` cannot be read.
    """
    for path in unpublished_results(store / FAILED):
        if path.name < since:
            continue
        if (refusal := _refusal(path)) is not None:
            yield refusal


def _refusal(path: Path) -> Refusal | None:
    """Return why the export was refused; ``None`` if it was not, or is published or replaced meanwhile."""
    try:
        report = read_report(path)
    except InputError as error:
        return _unreadable(path, error.message)
    except OSError as error:
        return _unreadable(path, os.strerror(error.errno or 0))
    if report.limits.limit is not None:
        return None
    if report.outcome not in REFUSED_EXIT_CODES:
        return _unreadable(path, "it is of an export that was not refused")
    return Refusal(path.name, report, why_refused(report))


def _unreadable(path: Path, why: str) -> Refusal | None:
    return Refusal(path.name, None, f"its report cannot be read: {why}") if os.path.lexists(path) else None


def why_refused(report: Report) -> str:
    """Return why an export was not published, in a few words."""
    counts = report.counts
    match report.outcome:
        case "empty":
            return "the export holds no records"
        case "duplicates":
            return report.duplicates_reason()
        case "guard" if report.guard:
            return report.guard.reason
    return (
        f"{number(counts.rejected)} of {number(counts.seen)} records rejected, more than"
        f" --max-rejects {report.limits.max_rejects} allows"
    )
