"""The chart of the findings: a bar for each code, as long as the logarithm of its number of records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.reporting.page.chart_parts import Bars, Cell, Mark, Table, Tick, describe_greatest, number_cell
from krr_export.reporting.page.content_limits import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.reporting.page.content_limits import ContentLimits
    from krr_export.reporting.page.languages.language import Language
    from krr_export.reporting.report import Report, ReportedFinding

_MAX_MARKS = 20
_MAX_LABELS = 4
"""The most powers of ten with a label each that fit on a telephone; beyond, every second one has one."""
_SCALE_START, _SCALE_LENGTH = 2.5, 93.0
"""The position of 1, and the length of the scale, in per cent of the width."""


@dataclass(frozen=True)
class FindingsChart:
    """The bars, and the ticks of their scale."""

    bars: Bars
    scale: tuple[Tick, ...]


def findings_chart(words: Language, report: Report, limits: ContentLimits) -> FindingsChart | None:
    """Return the chart of records by code; ``None`` without findings."""
    findings = report.sorted_findings()[: limits.groups]
    if not findings:
        return None
    powers = max(1, math.ceil(math.log10(max(one.records for one in findings))))
    marks = [_mark(words, one, report.counts.seen, powers, limits) for one in findings]
    table = _table(words, marks, findings, left_out=len(report.findings) - len(findings))
    return FindingsChart(_bars(words, marks, table), _scale(words, powers))


def _mark(words: Language, finding: ReportedFinding, seen: int, powers: int, limits: ContentLimits) -> Mark:
    code = clean(finding.code, limits.characters)
    records = finding.records
    end = _position(math.log10(records), powers)
    return Mark(code, code, records, words.number(records), words.share(records, seen), end, finding.severity)


def _bars(words: Language, marks: list[Mark], table: Table) -> Bars:
    """Return the bars of the most frequent codes; the table has the others too."""
    largest = sorted(marks, key=lambda mark: -mark.value)[:_MAX_MARKS]
    note = words.say("findings.scale")
    if len(largest) < len(marks):
        note = f"{words.say('findings.first', n=len(largest))} {note}"
    return Bars(
        "by-code",
        words.say("findings.chart"),
        words.say("findings.description", n=len(marks), most=describe_greatest(words, largest)),
        tuple(mark for mark in marks if mark in largest),
        table,
        "findings",
        note,
    )


def _table(words: Language, marks: Sequence[Mark], findings: Sequence[ReportedFinding], *, left_out: int) -> Table:
    # The numbers come first: on a telephone what comes last has to be scrolled to, and the cards say it too.
    heads = (
        Cell(words.say("code")),
        *(Cell(words.say(key), align="number") for key in ("records", "share", "findings.count")),
        Cell(words.say("severity")),
    )
    rows = tuple(
        (
            Cell(mark.label, align="code"), number_cell(words, mark.value), Cell(mark.share, align="number"),
            number_cell(words, one.count), Cell(words.say(f"severity.{mark.kind}")),
        )
        for mark, one in zip(marks, findings, strict=True)
    )  # fmt: skip
    return Table(words.say("findings.table"), heads, rows, words.say("rows.left", n=left_out) if left_out > 0 else "")


def _scale(words: Language, powers: int) -> tuple[Tick, ...]:
    step = 1 if powers <= _MAX_LABELS else 2
    return tuple(
        Tick(
            _position(power, powers),
            words.number(10**power) if power % step == 0 else "",
            "end" if power == powers else "middle",
        )
        for power in range(powers + 1)
    )


def _position(power: float, powers: int) -> float:
    """Return the position of a power of ten, in per cent of the width."""
    return round(_SCALE_START + _SCALE_LENGTH * power / powers, 3)
