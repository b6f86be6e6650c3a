"""What figures are made of: a title, marks with their numbers, and the table behind them. The templates draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from krr_export.reporting.page.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.reporting.page.language import Language

Align = Literal["text", "number", "code", "date"]

NOTHING = "\N{EN DASH}"
"""Stands where there is no number."""

_BRIEF = 34

SMALLEST_PERCENT = 0.4
"""How wide a bar is drawn at least: what is there must be seen."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what stands in it.
        value: the number that it shows, as report.json has it; ``None`` where it shows none.
        align: how it is set.
    """

    text: str
    value: int | float | None = None
    align: Align = "text"


@dataclass(frozen=True)
class Table:
    """The numbers behind a chart.

    Attributes:
        caption: what they are.
        heads: of the columns; the first cell of a row is its heading.
        rows: of cells.
        note: what was left out; empty where nothing was.
    """

    caption: str
    heads: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """One thing that is counted.

    Attributes:
        key: what it is, as report.json names it.
        label: the same for people.
        value: how many.
        shown: the number as it is read.
        share: the same as a share, as it is read; empty where there is none.
        percent: how long the bar is, of 100; or where the point stands.
        kind: of mark: ``plain``, ``pooled``, ``old``; or a severity.
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
        """The label as it fits beside a number on a telephone."""
        return clean(self.label, _BRIEF)


@dataclass(frozen=True)
class Bars:
    """A bar for each of some things, of the same whole.

    Attributes:
        name: unique on the page, in the characters of an identifier.
        title: what is shown.
        description: the same in a sentence that holds the greatest numbers, for those who cannot see it.
        marks: the bars.
        table: all of the numbers.
        note: what must be known to read it; empty where it says all itself.
        of: where the numbers stand in report.json.
    """

    name: str
    title: str
    description: str
    marks: tuple[Mark, ...]
    table: Table
    of: str
    note: str = ""


@dataclass(frozen=True)
class Counted:
    """One thing to be drawn as a bar."""

    key: str
    label: str
    value: int
    kind: str = "plain"


@dataclass(frozen=True)
class Tick:
    """A place on an axis.

    Attributes:
        x: where it stands, in per cent of the width.
        label: what is written there; empty where nothing is.
        anchor: which end of the label stands there, as SVG names it.
    """

    x: float
    label: str
    anchor: Literal["start", "middle", "end"] = "middle"


def number_cell(words: Language, value: int | None) -> Cell:
    """A cell with a whole number, or with a dash."""
    return Cell(NOTHING if value is None else words.number(value), value, "number")


def marks_of(words: Language, counted: Iterable[Counted], whole: int) -> tuple[Mark, ...]:
    """The bars of some things among ``whole`` records."""
    return tuple(
        Mark(
            one.key, one.label, one.value, words.number(one.value), words.share(one.value, whole),
            bar_percent(one.value, whole), one.kind,
        )
        for one in counted
    )  # fmt: skip


def bar_percent(part: int, whole: int) -> float:
    """How long a bar is, of 100; something is never nothing."""
    if not part or not whole:
        return 0.0
    return round(min(max(100 * part / whole, SMALLEST_PERCENT), 100.0), 3)


def shares_table(words: Language, caption: str, head: str, counted: Iterable[Counted], whole: int) -> Table:
    """The numbers of bars: each thing, how many, and the share."""
    return Table(
        caption,
        (Cell(head), Cell(words.say("records"), align="number"), Cell(words.say("share"), align="number")),
        tuple(
            (Cell(one.label), number_cell(words, one.value), Cell(words.share(one.value, whole), align="number"))
            for one in counted
        ),
    )


def described(words: Language, marks: Iterable[Mark]) -> str:
    """The greatest numbers of a chart in a sentence."""
    first = sorted(marks, key=lambda mark: -mark.value)[:3]
    return ", ".join(words.say("described", label=mark.label, shown=mark.shown, share=mark.share) for mark in first)
