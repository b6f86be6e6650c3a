"""What changed since the snapshot before: key figures, and a table of the changes of each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.reporting.page.chart_parts import Cell, Table, number_cell
from krr_export.reporting.page.content_limits import clean
from krr_export.reporting.page.key_figures import KeyFigure

if TYPE_CHECKING:
    from krr_export.changes.summary import ChangeSummary
    from krr_export.reporting.page.content_limits import ContentLimits
    from krr_export.reporting.page.languages.language import Language
    from krr_export.reporting.report import Report

_VALUES = ("changes.value.added", "changes.value.changed", "changes.value.removed")
"""The headings of the numbers of a column."""


@dataclass(frozen=True)
class Changes:
    """The section of changes.

    Attributes:
        since: a sentence that names the snapshot before.
        figures: the numbers of rows by kind, and of the newly reserved.
        table: the changes by column; ``None`` if no column changed.
    """

    since: str
    figures: tuple[KeyFigure, ...]
    table: Table | None


def changes_section(words: Language, report: Report, limits: ContentLimits) -> Changes | None:
    """Return the section; ``None`` if the report has no changes."""
    summary = report.changes
    if summary is None:
        return None
    counts = {
        "changes.new": summary.new,
        "changes.changed": summary.changed,
        "changes.deleted": summary.deleted,
        "changes.gone": summary.gone,
    }
    figures = [KeyFigure(words.say(key), words.number(count), count, key, "") for key, count in counts.items()]
    reserved = KeyFigure(words.say("changes.reserved"), words.number(summary.newly_reserved), None, "", "")
    since = words.say("changes.since", snapshot=clean(summary.compared_with, limits.characters), n=summary.unchanged)
    return Changes(since, (*figures, reserved), _table(words, summary, limits))


def _table(words: Language, summary: ChangeSummary, limits: ContentLimits) -> Table | None:
    if not summary.columns:
        return None
    heads = (Cell(words.say("changes.column")), *(Cell(words.say(key), align="number") for key in _VALUES))
    shown = [*summary.columns.items()][: limits.rows]
    rows = tuple(
        (
            Cell(clean(name, limits.characters), align="code"),
            *(number_cell(words, count) for count in (one.added, one.changed, one.removed)),
        )
        for name, one in shown
    )
    left_out = len(summary.columns) - len(shown)
    return Table(words.say("changes.table"), heads, rows, words.say("rows.left", n=left_out) if left_out else "")
