"""The history of a store as a text table: two lines of headings, and a line for each night."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.util.formatting import number, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from krr_export.reporting.history_line import HistoryLine

_MEGABYTE = 1e6
_DECIMAL_BELOW = 9.95
"""Below it, a number of megabytes or seconds has a decimal."""

_COLUMNS = (
    ("export (UTC)", 0),
    ("number", 1),
    ("total", 2),
    ("change", 1),
    ("%", 1),
    ("total", 2),
    ("points", 1),
    ("found", 2),
    ("MB", 2),
    ("s", 2),
)
"""The columns of the table, and the space before each. Signed numbers are separated by their sign."""

_GROUPS = (("", 1), ("change", 1), ("records", 3), ("rejects", 2), ("", 3))
"""Group headings, and the number of columns below each."""


def table(lines: Sequence[HistoryLine]) -> Iterator[str]:
    """Yield the lines of the table, without line ends: two of headings, then one for each night."""
    rows = [_cells(line) for line in lines]
    heads = [head for head, _ in _COLUMNS]
    widths = [
        space + max(len(row[at]) for row in (heads, *rows) if at < len(row)) for at, (_, space) in enumerate(_COLUMNS)
    ]
    yield _group_headings(widths)
    yield _align(heads, widths)
    for line, row in zip(lines, rows, strict=True):
        remark = line.damage or (line.refused and f"refused: {printable(line.refused)}")
        yield f"{_align(row, widths)}{f'  {remark}' if remark else ''}"


def _group_headings(widths: list[int]) -> str:
    text, at = "", 0
    for name, columns in _GROUPS:
        text += name.rjust(sum(widths[at : at + columns]))
        at += columns
    return text.rstrip()


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    # A damaged or refused line has fewer cells than there are columns.
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=False))
    return "".join((cells[0].ljust(widths[0]), *numbers)).rstrip()


def _cells(line: HistoryLine) -> list[str]:
    """Return the cells of a line; a damaged or refused one has fewer."""
    # A directory in the store may have any name.
    cells = [printable(line.time)]
    if line.records is None or line.rejects is None:
        return cells
    trend = line.trend
    cells += [
        str(line.change_number),
        number(line.records),
        "" if trend is None else _format_signed(trend.records),
        "" if trend is None or trend.percent is None else _format_change(trend.percent, 1),
        number(line.rejects),
        "" if trend is None else _format_change(trend.reject_percent, 2),
    ]
    if line.with_findings is None:
        return cells
    least, most = line.with_findings
    cells.append(number(least) if least == most else f"{number(least)}-{number(most)}")
    if line.size is None or line.seconds is None:
        return cells
    return [*cells, _format_quantity(line.size / _MEGABYTE), _format_quantity(line.seconds)]


def _format_signed(change: int) -> str:
    return f"{'-' if change < 0 else '+'}{number(abs(change))}"


def _format_change(percent: float, digits: int) -> str:
    # Adding zero turns a negative zero into zero: the sign is that of the number shown.
    return f"{round(percent, digits) + 0.0:+.{digits}f}"


def _format_quantity(value: float) -> str:
    return f"{value:.1f}" if value < _DECIMAL_BELOW else number(round(value))
