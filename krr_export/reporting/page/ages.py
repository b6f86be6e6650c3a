"""Charts of the age of contact data in months, with a line at 18 months: older data may not be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.domain.vocabulary import USABLE_MONTHS
from krr_export.reporting.page.chart_parts import Cell, Table, Tick, number_cell
from krr_export.reporting.page.content_limits import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.profiling.summary import ContactAge
    from krr_export.reporting.page.content_limits import ContentLimits
    from krr_export.reporting.page.languages.language import Language

_LAST_MONTH, _FUTURE, _OVER_TEN_YEARS = 119, "future", "120+"
_YEAR = 12
_MIN_MONTHS = 36
_MAX_LABELS = 6
"""The most years with a label each that fit on a telephone; beyond, every second one has one."""
_SIDE_WIDTH, _GAP = 3, 1.5
"""Width of the columns for "after the export" and "ten years or more", and their distance to the others, in months."""
_COLUMN_WIDTH = 0.84
_HEIGHT, _LOW_HEIGHT = 150.0, 46.0


@dataclass(frozen=True)
class Column:
    """One column: the records of a month. Horizontal sizes are in per cent of the width, vertical ones in pixels."""

    key: str
    label: str
    value: int
    shown: str
    x: float
    width: float
    y: float
    height: float
    old: bool


@dataclass(frozen=True)
class Strip:
    """One row of columns; all rows share the axis of ages.

    Attributes:
        key: ``newest``, ``updated`` or ``verified``.
        title: the date that the age is counted from.
        top: the upper edge of the row, in pixels.
        height: of the greatest column.
        columns: those with records.
        greatest: the greatest column's number, formatted.
    """

    key: str
    title: str
    top: float
    height: float
    columns: tuple[Column, ...]
    greatest: str


@dataclass(frozen=True)
class AgeChart:
    """The chart of one kind of contact data.

    Attributes:
        name: unique on the page.
        index: in the report's ``contact_age``.
        title, description: of the chart.
        fresh, old: the records that may be used and those that may not, each as a sentence.
        undated: the records without a date, as a sentence; empty if there are none.
        strips: the rows, the decisive one first.
        limit: the position of the line at 18 months.
        ticks: of the axis.
        height: of the whole chart, in pixels.
        table: all numbers.
    """

    name: str
    index: int
    title: str
    description: str
    fresh: str
    old: str
    undated: str
    strips: tuple[Strip, ...]
    limit: float
    ticks: tuple[Tick, ...]
    height: float
    table: Table


@dataclass(frozen=True)
class _Axis:
    """The horizontal axis: the positions of ages, in months from the left edge, and the total width in months."""

    start: float
    months: int
    width: float

    @classmethod
    def from_keys(cls, keys: set[str]) -> _Axis:
        known = [int(key) for key in keys if key.isdecimal()]
        # As many whole years as needed, at least three.
        months = max(_MIN_MONTHS, -(-(max(known, default=0) + 1) // _YEAR) * _YEAR)
        months = _LAST_MONTH + 1 if _OVER_TEN_YEARS in keys else min(months, _LAST_MONTH + 1)
        start = _SIDE_WIDTH + _GAP if _FUTURE in keys else 0.0
        return cls(start, months, start + months + (_GAP + _SIDE_WIDTH if _OVER_TEN_YEARS in keys else 0.0))

    def place(self, key: str) -> tuple[float, float]:
        """Return a column's left edge and width, in per cent."""
        if key == _FUTURE:
            return 0.0, self.percent(_SIDE_WIDTH)
        if key == _OVER_TEN_YEARS:
            return self.percent(self.width - _SIDE_WIDTH), self.percent(_SIDE_WIDTH)
        return self.percent(self.start + int(key)), self.percent(_COLUMN_WIDTH)

    def percent(self, months: float) -> float:
        return round(100 * months / self.width, 3)


def age_chart(words: Language, index: int, age: ContactAge, limits: ContentLimits) -> AgeChart:
    """Return the chart of one entry of the profile's ``contact_age``.

    Args:
        words: the language of the page.
        index: of the entry.
        age: the entry.
        limits: of the page.
    """
    name = clean(age.column, limits.characters)
    channel = words.lookup(f"column.{age.column}") or name
    axis = _Axis.from_keys({key for counts in _by_series(age).values() for key in counts})
    records, old, undated = age.records, age.older_than_18_months, age.undated
    strips, top = [], 24.0
    for series, counts in _by_series(age).items():
        height = _HEIGHT if series == "newest" else _LOW_HEIGHT
        columns = _columns(words, counts, axis, top + height, height)
        most = words.say("age.most", n=max(counts.values(), default=0))
        strips.append(Strip(series, words.say(f"age.{series}"), top, height, columns, most))
        top += height + (48.0 if series == "newest" else 28.0)
    fresh_share, old_share = words.share(records - old, records), words.share(old, records)
    return AgeChart(
        name=f"age-{index}",
        index=index,
        title=words.say("age.title", channel=channel),
        description=words.say("age.description", channel=channel, share=old_share, n=records),
        fresh=words.say("age.fresh", n=records - old, share=fresh_share),
        old=words.say("age.old", n=old, share=old_share),
        undated=words.say("age.undated", n=undated) if undated else "",
        strips=tuple(strips),
        limit=axis.percent(axis.start + USABLE_MONTHS),
        ticks=_ticks(words, axis),
        height=top - 22.0,
        table=_table(words, channel, age, limits),
    )


def _by_series(age: ContactAge) -> dict[str, dict[str, int]]:
    """Return the rows of the chart, the decisive one first."""
    return {"newest": age.newest, "updated": age.updated, "verified": age.verified}


def _columns(
    words: Language, counts: Mapping[str, int], axis: _Axis, ground: float, height: float
) -> tuple[Column, ...]:
    greatest = max(counts.values(), default=0)
    columns = []
    for key in _in_order(counts):
        x, width = axis.place(key)
        column_height = max(round(height * counts[key] / greatest, 1), 1.0)
        old = key == _OVER_TEN_YEARS or (key.isdecimal() and int(key) >= USABLE_MONTHS)
        shown, label = words.number(counts[key]), _label(words, key)
        columns.append(
            Column(key, label, counts[key], shown, x, width, round(ground - column_height, 1), column_height, old)
        )
    return tuple(columns)


def _in_order(keys: Mapping[str, int]) -> list[str]:
    return sorted(keys, key=lambda key: -1 if key == _FUTURE else int(key.rstrip("+")))


def _label(words: Language, key: str) -> str:
    if key == _FUTURE:
        return words.say("age.later")
    return words.say("age.ten") if key == _OVER_TEN_YEARS else words.say("age.months", n=int(key))


def _ticks(words: Language, axis: _Axis) -> tuple[Tick, ...]:
    years = axis.months // _YEAR
    step = 1 if years <= _MAX_LABELS else 2
    ticks = [
        Tick(axis.percent(axis.start + year * _YEAR), words.say("age.years", n=year), "middle" if year else "start")
        for year in range(0, years, step)
    ]
    # The end of the axis has a label only if the column for ten years or more follows it.
    return (*ticks, *([Tick(100.0, words.say("age.over"), "end")] if axis.width > axis.start + axis.months else []))


def _table(words: Language, channel: str, age: ContactAge, limits: ContentLimits) -> Table:
    by_series = _by_series(age)
    keys = _in_order(dict.fromkeys((key for counts in by_series.values() for key in counts), 0))
    rows = tuple(
        (Cell(_label(words, key)), *(number_cell(words, counts.get(key, 0)) for counts in by_series.values()))
        for key in keys[: limits.rows]
    )
    left_out = len(keys) - len(rows)
    heads = (Cell(words.say("age.age")), *(Cell(words.say(f"age.{series}"), align="number") for series in by_series))
    note = words.say("rows.left", n=left_out) if left_out else ""
    return Table(words.say("age.table", channel=channel), heads, rows, note)
