"""Wording shared by the formats of a report: the outcome in one line, and the location of a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.rules.catalogue import DUPLICATE
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from krr_export.findings.finding import Example
    from krr_export.reporting.report import Report, ReportedFinding

_ACCEPTED = {"published": "published", "partial": "a partial result, not published", "valid": "valid"}
_REFUSED_FOR_REJECTS = {"rejects", "too-many-rejects"}


def is_accepted(report: Report) -> bool:
    """Return whether the export was accepted: exactly then the command's exit code was 0."""
    return report.outcome in _ACCEPTED


def is_reason(report: Report, finding: ReportedFinding) -> bool:
    """Return whether a finding is a reason why the export was not accepted."""
    if report.outcome == "duplicates":
        return finding.code == DUPLICATE
    return report.outcome in _REFUSED_FOR_REJECTS and finding.severity == "reject"


def is_held_back(report: Report) -> bool:
    """Return whether the guard prevented publishing."""
    return report.outcome == "guard"


def outcome_line(report: Report) -> str:
    """Return the outcome of the run in one line."""
    counts, outcome = report.counts, report.outcome
    seen, rejected = number(counts.seen), number(counts.rejected)
    if is_accepted(report):
        return f"{_ACCEPTED[outcome]}: {records(counts.written)}, {rejected} rejected"
    if outcome in _REFUSED_FOR_REJECTS:
        limit = report.limits.max_rejects
        return f"refused: {rejected} of {seen} records rejected, more than --max-rejects {limit} allows"
    if outcome == "empty":
        return "refused: the export holds no records"
    if outcome == "guard" and report.guard:
        return f"refused: {report.guard.reason}"
    return "refused: identity numbers occur more than once"


def place(report: Report, example: Example) -> str:
    """Return the location of a finding in the format of compilers: ``export.xml:17``."""
    return f"{report.source.name}:{example.line}"


def detail(example: Example) -> str:
    """Return the example's record, field and masked detail."""
    return ": ".join(filter(None, (f"record {number(example.record)}", example.field, example.detail)))
