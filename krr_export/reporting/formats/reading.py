"""What all forms of a report say alike: the verdict, and where a finding was met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from krr_export.rules.catalogue import DUPLICATE
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACCEPTED = {"published": "published", "partial": "a partial result, not published", "valid": "valid"}
_REFUSED_FOR_REJECTS = {"rejects", "too-many-rejects"}


def is_accepted(report: Mapping[str, Any]) -> bool:
    """Whether the export was found good: then, and only then, the command ended with 0."""
    return report["outcome"] in _ACCEPTED


def is_reason(report: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    """Whether a finding is among the reasons why the export was not accepted."""
    if report["outcome"] == "duplicates":
        return bool(finding["code"] == DUPLICATE)
    return report["outcome"] in _REFUSED_FOR_REJECTS and finding["severity"] == "reject"


def is_held_back(report: Mapping[str, Any]) -> bool:
    """Whether the guard kept the export from being published."""
    return bool(report["outcome"] == "guard")


def differences(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """In what the export differs from the one before it by more than it may."""
    guard = report.get("guard")
    return [] if guard is None else list(guard["differences"])


def verdict(report: Mapping[str, Any]) -> str:
    """What became of the export, in one line."""
    counts, outcome = report["counts"], report["outcome"]
    seen, rejected = number(counts["seen"]), number(counts["rejected"])
    if is_accepted(report):
        return f"{_ACCEPTED[outcome]}: {records(counts['written'])}, {rejected} rejected"
    if outcome in _REFUSED_FOR_REJECTS:
        limit = report["limits"]["max_rejects"]
        return f"refused: {rejected} of {seen} records rejected, more than --max-rejects {limit} allows"
    if outcome == "empty":
        return "refused: the export holds no records"
    if is_held_back(report):
        most, *others = differences(report)
        more = f", and {len(others)} more" if others else ""
        against = report["guard"]["compared_with"]
        return f"refused: it differs too much{f' from {against}' if against else ''}: {most['text']}{more}"
    if outcome == "duplicates":
        return "refused: identity numbers occur more than once"
    return f"refused: {outcome}"


def place(report: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """Where a finding was met, as compilers say it: ``export.xml:17``."""
    return f"{report['source']['name']}:{example['line']}"


def detail(example: Mapping[str, Any]) -> str:
    """What was found there: record, field, and what is wrong with it, masked."""
    return ": ".join(filter(None, (f"record {number(example['record'])}", example["field"], example["detail"])))
