"""Wording shared by the formats of a report: the verdict, and the location of a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from krr_export.rules.catalogue import DUPLICATE
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACCEPTED = {"published": "published", "partial": "a partial result, not published", "valid": "valid"}
_REFUSED_FOR_REJECTS = {"rejects", "too-many-rejects"}


def is_accepted(report: Mapping[str, Any]) -> bool:
    """Return whether the export was accepted: exactly then the command's exit code was 0."""
    return report["outcome"] in _ACCEPTED


def is_reason(report: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    """Return whether a finding is a reason why the export was not accepted."""
    if report["outcome"] == "duplicates":
        return bool(finding["code"] == DUPLICATE)
    return report["outcome"] in _REFUSED_FOR_REJECTS and finding["severity"] == "reject"


def is_held_back(report: Mapping[str, Any]) -> bool:
    """Return whether the guard prevented publishing."""
    return bool(report["outcome"] == "guard")


def differences(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the differences from the export before that exceed the limits."""
    guard = report.get("guard")
    return [] if guard is None else list(guard["differences"])


def verdict(report: Mapping[str, Any]) -> str:
    """Return the outcome of the run in one line."""
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
    """Return the location of a finding in the format of compilers: ``export.xml:17``."""
    return f"{report['source']['name']}:{example['line']}"


def detail(example: Mapping[str, Any]) -> str:
    """Return the example's record, field and masked detail."""
    return ": ".join(filter(None, (f"record {number(example['record'])}", example["field"], example["detail"])))
