"""The report as Markdown with tables (GitHub Flavored Markdown), for the summary of a job or a comment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from krr_export.reporting.formats import wording
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from krr_export.reporting.report import Report

_MARKUP = re.compile(r"([\\`*_\[\]<>|~$]|&(?=#?\w+;)|[@#](?=\w)|:(?=//|[a-z_+-][\w+-]*:)|(?<=\bwww)\.)", re.IGNORECASE)
"""What is markup within a line: by CommonMark; in tables and links by GitHub Flavored Markdown; and GitHub's formulas,
mentions, numbers of issues and names of emoji."""
_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]+")
_SHOWN_EXAMPLES = 3
_NOT_COUNTED = "not counted"


def markdown(report: Report) -> str:
    """Return the report as Markdown: outcome, numbers, guard, changes, findings with their first examples."""
    sections = [_outcome(report), _numbers(report), *_guard(report), *_changes(report), *_findings(report)]
    return "\n\n".join(sections) + "\n"


def _outcome(report: Report) -> str:
    mark = "✅" if wording.is_accepted(report) else "❌"
    return f"## {mark} {_text(report.source.name)}\n\n{_text(wording.outcome_line(report))}"


def _numbers(report: Report) -> str:
    rows_by_label = {
        "export made": report.header.eksport_tidspunkt,
        "change number": report.header.seneste_endringsnummer,
        "schema": report.schema.name,
        **{f"records {name}": number(count) for name, count in report.counts.to_dict().items()},
        **_reach(report),
        "made by": f"{report.tool.name} {report.tool.version}, {report.created}",
    }
    return _table(("", ""), rows_by_label.items())


def _reach(report: Report) -> dict[str, str]:
    if report.profile is None:
        return {"may be notified": _NOT_COUNTED}
    whole, reached, notifiable = report.profile.records, report.profile.channels, report.notifiable
    counts = {"mobile": reached.mobile, "email": reached.email, "mailbox": reached.mailbox}
    return {f"with {name}": _with_share(count, whole) for name, count in counts.items()} | {
        "may be notified": _NOT_COUNTED if notifiable is None else _with_share(notifiable, whole)
    }


def _with_share(count: int, whole: int) -> str:
    return f"{number(count)} ({100 * count / whole:.1f}%)" if whole else number(count)


def _guard(report: Report) -> Iterator[str]:
    guard = report.guard
    if guard is None:
        return
    lines = [f"compared with {guard.compared_with}" if guard.compared_with else "", guard.skipped or ""]
    yield f"### Against the export before\n\n{_text('; '.join(filter(None, lines)))}"
    if guard.differences:
        rows = ((difference.text, difference.accept) for difference in guard.differences)
        yield _table(("differs by more than it may", "to accept it"), rows)


def _changes(report: Report) -> Iterator[str]:
    changes = report.changes
    if changes is None:
        return
    yield f"### Changes\n\n{_text(f'since {changes.compared_with}: {changes.counts()}')}"
    if changes.columns:
        counts = ((name, *map(number, (one.added, one.changed, one.removed))) for name, one in changes.columns.items())
        yield _table(("column", "new value", "other value", "no value any more"), counts)


def _findings(report: Report) -> Iterator[str]:
    if not report.findings:
        yield "### Findings\n\nNone\\."
        return
    rows = (
        (
            finding.severity,
            finding.code,
            number(finding.records),
            number(finding.count),
            finding.text,
            finding.fix,
        )
        for finding in report.findings
    )
    yield "### Findings"
    yield _table(("severity", "code", "records", "findings", "it means", "what to do"), rows, numbers=(2, 3))
    locations = (
        (finding.code, wording.place(report, example), wording.detail(example))
        for finding in report.findings
        for example in finding.examples[:_SHOWN_EXAMPLES]
    )
    yield "### First examples"
    yield _table(("code", "where", "what"), locations)


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()) -> str:
    """Return a table; the columns of ``numbers`` are right-aligned."""
    line = "|".join("---:" if column in numbers else "---" for column in range(len(headings)))
    return "\n".join((_row(headings), f"|{line}|", *(_row(row) for row in rows)))


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_text(cell) for cell in cells)} |"


def _text(value: object) -> str:
    """Escape a value as plain text on one line, without markup."""
    return _MARKUP.sub(r"\\\1", _NOT_SHOWN.sub(" ", str(value)))
