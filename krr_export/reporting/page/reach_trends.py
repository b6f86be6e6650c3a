"""Reservations and contact information: tonight's numbers, their change, and a small chart of each over the nights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.reporting.page.chart_parts import NOTHING, Cell, Table, number_cell
from krr_export.reporting.page.content_limits import clean
from krr_export.reporting.page.history_chart import PUBLISHED, positions, readable_nights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.reporting.history_line import HistoryLine
    from krr_export.reporting.page.content_limits import ContentLimits
    from krr_export.reporting.page.languages.language import Language
    from krr_export.reporting.reach import Reach

HEIGHT = 44
"""Of a small chart, in pixels."""

_MARGIN = 6.0
_WHOLES = {"mobile_too_old": "mobile", "email_too_old": "email"}
"""What a number is a share of, where that is not all accepted records."""

_KEYS = ("notifiable", "reserved", "mobile", "email", "mailbox", "mobile_too_old", "email_too_old")


@dataclass(frozen=True)
class Spark:
    """A small chart of one number over the nights that have it.

    Attributes:
        values: the numbers, the oldest night first.
        points: of the line: x in per cent of the width, y in pixels.
        last: the position of tonight's point, such a pair.
        published: whether tonight's export is.
        span: the number of nights, the fewest and the most, as a sentence.
    """

    values: tuple[int, ...]
    points: tuple[tuple[float, float], ...]
    last: tuple[float, float]
    published: bool
    span: str


@dataclass(frozen=True)
class Trend:
    """One number of tonight, and how it came to be.

    Attributes:
        key: its name, as in the history's JSON.
        label: what it counts.
        value: the number; ``None`` if the report has none.
        shown: the number, formatted.
        beside: its share, as a sentence; or that it is not known.
        change: since the night before, in records and per cent; or that it is not known; empty if there was none.
        spark: ``None`` if only one night has the number.
    """

    key: str
    label: str
    value: int | None
    shown: str
    beside: str
    change: str
    spark: Spark | None


@dataclass(frozen=True)
class ReachTrends:
    """The section of reservations and contact information.

    Attributes:
        intro: what the numbers are.
        trends: the numbers.
        note: about the small charts; empty if there are none.
        table: all numbers, the newest night first; ``None`` if there is but one night.
    """

    intro: str
    trends: tuple[Trend, ...]
    note: str
    table: Table | None


def reach_trends(words: Language, lines: Sequence[HistoryLine], limits: ContentLimits) -> ReachTrends | None:
    """Return the section; ``None`` if tonight's report has no profile.

    Args:
        words: the language of the page.
        lines: the nights, tonight last.
        limits: of the page's content.
    """
    tonight = lines[-1].reach
    if tonight is None:
        return None
    nights = readable_nights(lines)
    before = lines[-2] if len(lines) > 1 else None
    trends = tuple(_trend(words, key, nights, tonight, before) for key in _KEYS)
    intro = [words.say("reach.intro"), *([words.say("reach.since")] if before else [])]
    return ReachTrends(
        intro=" ".join(intro),
        trends=trends,
        note=words.say("reach.note") if any(trend.spark for trend in trends) else "",
        table=_table(words, nights, limits) if len(nights) > 1 else None,
    )


def _trend(
    words: Language, key: str, nights: Sequence[HistoryLine], tonight: Reach, before: HistoryLine | None
) -> Trend:
    value, label = _value(tonight, key), words.say(f"reach.{key}")
    if value is None:
        return Trend(key, label, None, NOTHING, words.say("reach.unknown"), "", None)
    whole = _WHOLES.get(key)
    share = words.share(value, (_value(tonight, whole) or 0) if whole else tonight.records)
    beside = words.say(f"of.{whole or 'accepted'}", share=share)
    change = _change(words, key, value, before) if before else ""
    return Trend(key, label, value, words.number(value), beside, change, _spark(words, key, nights))


def _value(reach: Reach | None, key: str) -> int | None:
    value: int | None = getattr(reach, key, None)
    return value


def _change(words: Language, key: str, value: int, before: HistoryLine) -> str:
    known = _value(before.reach, key)
    if known is None:
        return words.say("reach.uncompared")
    percent = f" ({words.percents(100 * (value - known) / known)})" if known else ""
    return f"{words.signed(value - known)}{percent}"


def _spark(words: Language, key: str, nights: Sequence[HistoryLine]) -> Spark | None:
    """Return the small chart of a number that tonight has; ``None`` if no other night has it."""
    known = [(night, value) for night in nights if (value := _value(night.reach, key)) is not None]
    if len(known) <= 1:
        return None
    places = {night.snapshot: x for night, x in zip(nights, positions(nights), strict=True)}
    values = tuple(value for _, value in known)
    points = tuple((places[night.snapshot], _y(value, values)) for night, value in known)
    span = words.say("reach.range", n=len(known), fewest=words.number(min(values)), most=words.number(max(values)))
    return Spark(values, points, points[-1], nights[-1].outcome in PUBLISHED, span)


def _y(value: int, values: Sequence[int]) -> float:
    """Return the distance from the upper edge; if nothing changes, the line runs through the middle."""
    low, span = min(values), max(values) - min(values)
    share = (value - low) / span if span else 0.5
    return round(HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * share, 1)


def _table(words: Language, nights: Sequence[HistoryLine], limits: ContentLimits) -> Table:
    heads = (Cell(words.say("nights.export")), *(Cell(words.say(f"reach.{key}"), align="number") for key in _KEYS))
    newest = [*reversed(nights)]
    left_out = len(newest) - limits.rows
    note = words.say("rows.left", n=left_out) if left_out > 0 else ""
    return Table(words.say("reach.table"), heads, tuple(_row(words, night) for night in newest[: limits.rows]), note)


def _row(words: Language, night: HistoryLine) -> tuple[Cell, ...]:
    when = words.moment(night.exported_at) if night.exported_at else clean(night.time, 60)
    return (Cell(when, align="date"), *(number_cell(words, _value(night.reach, key)) for key in _KEYS))
