"""The report as SARIF 2.1.0 (OASIS: Static Analysis Results Interchange Format), which code hosts show at a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from krr_export.reporting.formats import reading
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"reject": "error", "warning": "warning", "info": "note"}
_EMPTY = "export-empty"
_GUARD = {
    "change-number": "the register's change number goes backwards",
    "records-dropped": "the export holds too many records fewer than the one before it",
    "records-grown": "the export holds too many records more than the one before it",
    "rejects": "the share of rejects grew too much",
    "value": "the share of a listed value changed too much",
    "nulls": "the share of nulls in a column changed too much",
}


def sarif(report: Mapping[str, Any]) -> str:
    """The report as a SARIF log with one run.

    Each example of a finding is a result at its line; a finding with more of them has one more result, for the file as
    a whole, that says how many. What the guard found, and an empty export, are results for the file.
    """
    rules = [*_rules(report)]
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    results = [{**result, "ruleIndex": numbers[result["ruleId"]]} for result in _results(report)]
    run = {
        "tool": {"driver": {"name": report["tool"]["name"], "version": report["tool"]["version"], "rules": rules}},
        "invocations": [_invocation(report)],
        "artifacts": [_artifact(report)],
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {"counts": report["counts"], "header": report["header"], "schema": report["schema"]},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rules(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for finding in report["findings"]:
        yield _rule(finding["code"], finding["text"], finding["fix"], _LEVELS[finding["severity"]])
    for what in dict.fromkeys(difference["what"] for difference in reading.differences(report)):
        yield _rule(f"guard-{what}", _GUARD[what], "compare the exports; ask the sender", _guard_level(report))
    if report["outcome"] == "empty":
        yield _rule(_EMPTY, "the export holds no records", "ask the sender, or give --allow-empty", "error")


def _rule(name: str, text: str, fix: str, level: str) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": text},
        "help": {"text": f"What to do: {fix}"},
        "defaultConfiguration": {"level": level},
    }


def _results(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for finding in report["findings"]:
        level, examples = _LEVELS[finding["severity"]], finding["examples"]
        for example in examples:
            message = f"{reading.detail(example)}: {finding['text']}"
            where = {"line": example["line"], "record": example["record"], "byte_offset": example["byte_offset"]}
            yield _result(report, finding["code"], level, message, **where)
        if (more := finding["count"] - len(examples)) > 0:
            message = f"{number(more)} more; in all in {records(finding['records'])}: {finding['text']}"
            yield {**_result(report, finding["code"], level, message), "occurrenceCount": more}
    for difference in reading.differences(report):
        message = f"{difference['text']}; to accept it: {difference['accept']}"
        yield _result(report, f"guard-{difference['what']}", _guard_level(report), message)
    if report["outcome"] == "empty":
        yield _result(report, _EMPTY, "error", reading.verdict(report))


def _result(report: Mapping[str, Any], rule: str, level: str, message: str, **where: int) -> dict[str, Any]:
    # Whoever shows results beside the file wants a line: what concerns the whole stands at its beginning.
    region = {"startLine": where.get("line", 1)}
    result: dict[str, Any] = {
        "ruleId": rule,
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(report), "index": 0}, "region": region}}],
    }
    # Not in the region: there, an offset would count in the file as it lies, which may be compressed.
    return {**result, "properties": {key: where[key] for key in ("record", "byte_offset")}} if where else result


def _guard_level(report: Mapping[str, Any]) -> str:
    return "error" if reading.is_held_back(report) else "note"


def _invocation(report: Mapping[str, Any]) -> dict[str, Any]:
    level = "note" if reading.is_accepted(report) else "error"
    notices = [{"level": level, "message": {"text": reading.verdict(report)}}]
    guard = report.get("guard")
    if guard is not None and guard["skipped"]:
        notices.append({"level": "note", "message": {"text": guard["skipped"]}})
    # A refused export is no failure of the tool: it did what it was asked.
    return {"executionSuccessful": True, "endTimeUtc": report["created"], "toolExecutionNotifications": notices}


def _artifact(report: Mapping[str, Any]) -> dict[str, Any]:
    source = report["source"]
    artifact: dict[str, Any] = {"location": {"uri": _uri(report)}, "roles": ["analysisTarget"]}
    if source["size"] is not None:
        artifact["length"] = source["size"]
    if source["sha256"] is not None:
        artifact["hashes"] = {"sha-256": source["sha256"]}
    return artifact


def _uri(report: Mapping[str, Any]) -> str:
    # A name may hold anything; a colon in the first part would make it a scheme (RFC 3986, 4.2).
    return quote(str(report["source"]["name"]), safe="")
