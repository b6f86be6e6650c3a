"""Building blocks of charts: titles, marks with their numbers, and a table of the numbers. The templates draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from krr_export.reporting.page.content_limits import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.reporting.page.languages.language import Language

Align = Literal["text", "number", "code", "date"]

NOTHING = "\N{EN DASH}"
"""The text of a cell without a number."""

_BRIEF_LENGTH = 34

MIN_BAR_PERCENT = 0.4
"""The least length of a bar: one that is not zero must be visible."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: as shown.
        value: the number behind the text, as in report.json; ``None`` if there is none.
        align: the alignment.
        href: what the text links to; empty for nothing.
    """

    text: str
    value: int | float | None = None
    align: Align = "text"
    href: str = ""


@dataclass(frozen=True)
class Table:
    """The numbers of a chart.

    Attributes:
        caption: of the table.
        heads: headings of the columns; the first cell of a row is its heading.
        rows: of cells.
        note: what is left out; empty if nothing is.
    """

    caption: str
    heads: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """One bar or point of a chart.

    Attributes:
        key: its name in report.json.
        label: its name in the page's language.
        value: the count.
        shown: the count, formatted.
        share: the share, formatted; empty if there is none.
        percent: the length of the bar, of 100; or the position of the point.
        kind: ``plain``, ``pooled``, ``old``; or a severity.
    """

    key: str
    label: str
    value: int
    shown: str
    share: str
    percent: float
    kind: str = "plain"

    @property
    def brief(self) -> str:
        """The label, cut to fit beside a number on a telephone."""
        return clean(self.label, _BRIEF_LENGTH)


@dataclass(frozen=True)
class Bars:
    """A bar chart of shares of one whole.

    Attributes:
        name: unique on the page, in the characters of an identifier.
        title: of the chart.
        description: a sentence with the greatest numbers, for screen readers.
        marks: the bars.
        table: all numbers.
        note: an explanation; may be empty.
        of: the path of the numbers in report.json.
    """

    name: str
    title: str
    description: str
    marks: tuple[Mark, ...]
    table: Table
    of: str
    note: str = ""


@dataclass(frozen=True)
class BarItem:
    """A count to be drawn as a bar."""

    key: str
    label: str
    value: int
    kind: str = "plain"


@dataclass(frozen=True)
class Tick:
    """A tick of an axis.

    Attributes:
        x: the position, in per cent of the width.
        label: its text; may be empty.
        anchor: the part of the label at this position (SVG's ``text-anchor``).
    """

    x: float
    label: str
    anchor: Literal["start", "middle", "end"] = "middle"


def number_cell(words: Language, value: int | None) -> Cell:
    """Return a cell with a whole number, or with a dash."""
    return Cell(NOTHING if value is None else words.number(value), value, "number")


def make_marks(words: Language, items: Iterable[BarItem], whole: int) -> tuple[Mark, ...]:
    """Return the bars of counts among ``whole`` records."""
    return tuple(
        Mark(
            one.key, one.label, one.value, words.number(one.value), words.share(one.value, whole),
            bar_length(one.value, whole), one.kind,
        )
        for one in items
    )  # fmt: skip


def bar_length(part: int, whole: int) -> float:
    """Return the length of a bar, of 100; at least `MIN_BAR_PERCENT` if ``part`` is not zero."""
    if not part or not whole:
        return 0.0
    return round(min(max(100 * part / whole, MIN_BAR_PERCENT), 100.0), 3)


def shares_table(words: Language, caption: str, head: str, items: Iterable[BarItem], whole: int) -> Table:
    """Return the table of a bar chart: label, count and share of each bar."""
    return Table(
        caption,
        (Cell(head), Cell(words.say("records"), align="number"), Cell(words.say("share"), align="number")),
        tuple(
            (Cell(one.label), number_cell(words, one.value), Cell(words.share(one.value, whole), align="number"))
            for one in items
        ),
    )


def describe_greatest(words: Language, marks: Iterable[Mark]) -> str:
    """Return the greatest numbers of a chart as a sentence."""
    first = sorted(marks, key=lambda mark: -mark.value)[:3]
    return ", ".join(words.say("described", label=mark.label, shown=mark.shown, share=mark.share) for mark in first)
