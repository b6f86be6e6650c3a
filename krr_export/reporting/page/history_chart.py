"""Records and rejects of a store's snapshots, night by night, as a chart and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import exported_at, is_export_name
from krr_export.reporting.page.chart_parts import NOTHING, Cell, Table, number_cell
from krr_export.reporting.page.content_limits import clean
from krr_export.reporting.page.history_status import why_refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from krr_export.reporting.history_line import HistoryLine, Trend
    from krr_export.reporting.page.languages.language import Language

SHOWN = 30
"""The most nights in a chart: with more, a column would be a thin line on a telephone."""

_HIGH, _LOW = 104.0, 54.0
_WIDEST, _THINNEST = 9.0, 0.6
_TOP, _BETWEEN = 46.0, 46.0
PUBLISHED = {"published", "valid"}
"""The outcomes whose points are full."""


@dataclass(frozen=True)
class Point:
    """A night in a chart. Horizontal sizes are in per cent of the width, vertical ones in pixels.

    Attributes:
        key: the name of the snapshot.
        day: of the export.
        value: the number of records, or of rejects.
        shown: the number, formatted.
        x: the middle of the column.
        y: the position of the point, or the upper edge of the column.
        height: of the column.
        published: whether it is in the store.
    """

    key: str
    day: str
    value: int
    shown: str
    x: float
    y: float
    height: float
    published: bool = True


@dataclass(frozen=True)
class HistoryChart:
    """The chart of a store's history.

    Attributes:
        title, description: of the chart.
        records: a point for each night.
        rejects: a column for each night.
        width: of a column, in per cent.
        records_ground, rejects_ground: the base lines of the two parts, in pixels.
        records_range: the fewest and the most, as a sentence: its axis does not begin at zero.
        rejects_range: the most, as a sentence.
        has_refused: whether a night is not published.
        table: all numbers, the newest night first.
    """

    title: str
    description: str
    records: tuple[Point, ...]
    rejects: tuple[Point, ...]
    width: float
    records_ground: float
    rejects_ground: float
    records_range: str
    rejects_range: str
    has_refused: bool
    table: Table


def older_lines(history: Sequence[HistoryLine], line: HistoryLine) -> tuple[HistoryLine, ...]:
    """Return the lines of older exports, as many as fit into the chart beside this one."""
    return tuple(older for older in history if older.snapshot < line.snapshot)[-SHOWN + 1 :]


def readable_nights(lines: Sequence[HistoryLine]) -> list[HistoryLine]:
    """Return the nights that a chart shows: the newest whose numbers can be read."""
    return [line for line in lines if line.records is not None and line.rejects is not None][-SHOWN:]


def history_chart(words: Language, lines: Sequence[HistoryLine], rows: int = SHOWN) -> HistoryChart | None:
    """Return the chart and the table of a history.

    Args:
        words: the language of the page.
        lines: the nights, oldest first.
        rows: the most rows in the table, newest first.

    Returns:
        The chart; ``None`` if fewer than two nights can be read: there is nothing to compare.
    """
    shown = readable_nights(lines)
    if len(shown) <= 1:
        return None
    records = _points(words, shown, [line.records or 0 for line in shown], from_zero=False)
    rejects = _points(words, shown, [line.rejects or 0 for line in shown], from_zero=True)
    fewest, most = min(records, key=lambda p: p.value), max(records, key=lambda p: p.value)
    worst = max(rejects, key=lambda p: p.value)
    return HistoryChart(
        title=words.say("nights.title"),
        description=words.say(
            "nights.description", n=len(shown), fewest=fewest.shown, most=most.shown, last=records[-1].shown,
            rejects=rejects[-1].shown,
        ),
        records=records,
        rejects=rejects,
        width=_column_width([point.x for point in records]),
        records_ground=_TOP + _HIGH,
        rejects_ground=_TOP + _HIGH + _BETWEEN + _LOW,
        records_range=words.say("nights.records", fewest=fewest.shown, most=most.shown),
        rejects_range=words.say("nights.rejects", most=worst.shown),
        has_refused=not all(point.published for point in records),
        table=history_table(words, lines, rows),
    )  # fmt: skip


def _points(words: Language, lines: Sequence[HistoryLine], values: list[int], *, from_zero: bool) -> tuple[Point, ...]:
    high, ground = (_LOW, _TOP + _HIGH + _BETWEEN + _LOW) if from_zero else (_HIGH, _TOP + _HIGH)
    low = 0 if from_zero else min(values)
    span = max(values) - low
    points = []
    for line, value, x in zip(lines, values, positions(lines), strict=True):
        # If nothing changes, the line runs through the middle.
        share = (value - low) / span if span else (0.0 if from_zero else 0.5)
        point_height = round(high * share, 1)
        if from_zero and value:
            point_height = max(point_height, 1.5)
        day = words.day(line.exported_at) if line.exported_at else ""
        key = clean(line.snapshot, 60)
        points.append(
            Point(
                key, day, value, words.number(value), x, ground - point_height, point_height,
                published=line.outcome in PUBLISHED,
            )
        )  # fmt: skip
    return tuple(points)


def positions(lines: Sequence[HistoryLine]) -> list[float]:
    """Return where each night stands, in per cent of the width: in proportion to its time."""
    margin = 50 / len(lines)
    times = [float(at) for at in range(len(lines))]
    if all(is_export_name(line.snapshot) for line in lines):  # not so in a report that was made by hand
        times = [exported_at(line.snapshot).timestamp() for line in lines]
    span = times[-1] - times[0]
    return [round(margin + (100 - 2 * margin) * (time - times[0]) / span, 3) for time in times]


def _column_width(positions: Sequence[float]) -> float:
    """Return the width of a column, in per cent: columns do not touch, however near two nights are, unless too thin."""
    nearest = min(after - before for before, after in pairwise(positions))
    return round(max(min(0.7 * nearest, _WIDEST), _THINNEST), 3)


def history_table(
    words: Language, lines: Sequence[HistoryLine], rows: int, links: Mapping[str, str] = MappingProxyType({})
) -> Table:
    """Return the history as a table, the newest night first, and the columns first that fit on a telephone.

    Args:
        words: the language of the page.
        lines: the nights, oldest first.
        rows: the most rows.
        links: the URL of the page of a night, by the name of its snapshot.
    """
    heads = (
        Cell(words.say("nights.export")),
        *(
            Cell(words.say(f"nights.{key}"), align="number")
            for key in ("accepted", "rejected", "change", "points", "found", "size", "seconds", "number")
        ),
    )
    newest = [*reversed(lines)]
    left_out = len(newest) - rows
    note = words.say("rows.left", n=left_out) if left_out > 0 else ""
    return Table(
        words.say("nights.table"),
        heads,
        tuple(_row(words, line, links.get(line.snapshot, "")) for line in newest[:rows]),
        note,
    )


def _row(words: Language, line: HistoryLine, link: str) -> tuple[Cell, ...]:
    when = words.moment(line.exported_at) if line.exported_at else clean(line.time, 60)
    remark = line.damage or (line.refused and words.say("nights.refused", reason=why_refused(words, line)))
    if line.records is None or line.rejects is None:
        return (Cell(when, align="date", href=link), Cell(clean(remark, 200)))
    change = line.trend
    return (
        Cell(f"{when}: {clean(remark, 200)}", href=link) if remark else Cell(when, align="date", href=link),
        number_cell(words, line.records),
        number_cell(words, line.rejects),
        Cell(_change_text(words, change), change.records if change else None, "number"),
        Cell(NOTHING if change is None else words.points(change.reject_percent), None, "number"),
        Cell(_found_text(words, line), None, "number"),
        Cell(NOTHING if line.size is None else words.size(line.size), line.size, "number"),
        Cell(NOTHING if line.seconds is None else words.seconds(line.seconds), line.seconds, "number"),
        number_cell(words, line.change_number),
    )


def _change_text(words: Language, change: Trend | None) -> str:
    if change is None:
        return NOTHING
    percent = "" if change.percent is None else f" ({words.percents(change.percent)})"
    return f"{words.signed(change.records)}{percent}"


def _found_text(words: Language, line: HistoryLine) -> str:
    if line.with_findings is None:
        return NOTHING
    least, most = line.with_findings
    return words.number(least) if least == most else f"{words.number(least)}{NOTHING}{words.number(most)}"
