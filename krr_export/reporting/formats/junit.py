"""The report as JUnit XML: a suite with failing tests exactly if the export was not accepted.

There is no standard, but two schemas: that of Apache Ant's reports, the stricter one, and that of Jenkins. The output
is valid by both, so that Jenkins, GitLab, Azure DevOps and others read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from krr_export.reporting.formats import wording
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.reporting.report import Report

_SUITE = "krr-export"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot contain; a file name may."""


@dataclass(frozen=True)
class _Case:
    """One test: its name, and the reason if it failed."""

    group: str
    name: str
    text: str
    """The details, in lines."""
    failure: str | None = None
    """The reason, in one line; ``None`` if it passed."""


def junit(report: Report) -> str:
    """Return the report as JUnit XML.

    Tests: whether the export was accepted; one for each finding, which fails if it is a reason for refusing the export;
    one for each difference that the guard found. Those that passed are described in ``system-out``.
    """
    cases = [_outcome(report), *_findings(report), *_guard(report)]
    suites = ElementTree.Element("testsuites")
    seconds = f"{report.performance.seconds:.3f}"
    suite = ElementTree.SubElement(suites, "testsuite", _attributes(report, cases, seconds))
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        ElementTree.SubElement(properties, "property", name=name, value=_clean(value))
    for index, case in enumerate(cases):
        # The first is that of the whole export, and has the time of the whole run.
        _write(suite, case, "0" if index else seconds)
    passed = "\n".join(f"{case.name}\n{case.text}\n" for case in cases if case.failure is None)
    ElementTree.SubElement(suite, "system-out").text = _clean(passed)
    ElementTree.SubElement(suite, "system-err").text = ""
    ElementTree.indent(suites)
    written: bytes = ElementTree.tostring(suites, encoding="UTF-8", xml_declaration=True)
    return written.decode() + "\n"


def _attributes(report: Report, cases: list[_Case], seconds: str) -> dict[str, str]:
    return {
        "name": _SUITE,
        "package": _SUITE,
        "id": "0",
        "hostname": "localhost",  # required by both schemas; the machine's name is not disclosed
        "timestamp": report.created[:19],  # in UTC; the schemas allow no zone
        "tests": str(len(cases)),
        "failures": str(sum(case.failure is not None for case in cases)),
        "errors": "0",
        "skipped": "0",
        "time": seconds,
    }


def _properties(report: Report) -> dict[str, str]:
    header = report.header
    return {
        "tool": f"{report.tool.name} {report.tool.version}",
        "source": report.source.name,
        "sha256": report.source.sha256 or "",
        "schema": report.schema.name,
        "eksport_tidspunkt": header.eksport_tidspunkt,
        "seneste_endringsnummer": str(header.seneste_endringsnummer),
        **{name: str(count) for name, count in report.counts.to_dict().items()},
        "notifiable": "" if report.notifiable is None else str(report.notifiable),
    }


def _outcome(report: Report) -> _Case:
    outcome = wording.outcome_line(report)
    return _Case("export", "accepted", outcome, None if wording.is_accepted(report) else outcome)


def _findings(report: Report) -> Iterator[_Case]:
    for finding in report.findings:
        found = f"{finding.severity}: {finding.text}: {number(finding.count)} in {records(finding.records)}"
        locations = (f"{wording.place(report, at)}: {wording.detail(at)}" for at in finding.examples)
        text = "\n".join((found, f"what to do: {finding.fix}", *locations))
        yield _Case("findings", finding.code, text, found if wording.is_reason(report, finding) else None)


def _guard(report: Report) -> Iterator[_Case]:
    for difference in report.differences:
        name = " ".join(filter(None, (difference.what, difference.column, difference.value)))
        text = f"{difference.text}\nto accept it: {difference.accept}"
        yield _Case("guard", name, text, difference.text if wording.is_held_back(report) else None)


def _write(suite: ElementTree.Element, case: _Case, seconds: str) -> None:
    written = ElementTree.SubElement(
        suite, "testcase", classname=f"{_SUITE}.{case.group}", name=_clean(case.name), time=seconds
    )
    if case.failure is not None:
        failure = ElementTree.SubElement(written, "failure", type=case.group, message=_clean(case.failure))
        failure.text = _clean(case.text)


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
