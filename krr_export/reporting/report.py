"""The report of a run: what was in the export and what was wrong with it, merged from the blocks' results."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from krr_export.input.delivery import provenance
from krr_export.rules.catalogue import CATALOGUE, DUPLICATE, severity_of
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.findings.codes import Severity
    from krr_export.findings.finding import Example, Notice
    from krr_export.reporting.baseline import Guarded

VERSION = 1
"""Of the report's format; its JSON Schema is docs/report.schema.json."""

REPORT_JSON = "report.json"

FIND_DUPLICATES = (
    "to see which, convert without --strict into another store:"
    " GROUP BY personidentifikator HAVING count(*) > 1; ask the sender"
)
"""What to do where they refuse the export: what is not published cannot be asked."""

_SHOWN_EXAMPLES = 3


@dataclass(frozen=True)
class Performance:
    """What the run took.

    Attributes:
        seconds: from the first byte to the last file.
        bytes_read: of the source, as delivered.
        peak_memory_bytes: the largest resident set of the process.
        workers: threads beside the main one that were asked for.
    """

    seconds: float
    bytes_read: int
    peak_memory_bytes: int
    workers: int


@dataclass(frozen=True)
class Report:
    """All that is to be said of a run. Nothing in it is a personal value.

    Attributes:
        outcome: ``published``, ``partial``, ``too-many-rejects``, ``empty``, ``duplicates``, ``guard``; of
            ``validate``: ``valid``, ``rejects``, ``empty``, ``duplicates``.
        created: when, ISO 8601 in UTC.
        tool_version: of krr-export.
        source: name, size, SHA-256, compression, encoding; whether byte offsets count in UTF-8 instead.
        header: the export's own statements.
        schema: name and SHA-256.
        limits: what was asked: ``max_rejects``, ``allow_empty``, ``limit``, ``strict``.
        counts: ``seen``, ``written``, ``rejected``; for ``validate``, ``written`` is what would be.
        read_by: records by the reader that took them.
        notices: findings by code.
        profile: what the accepted records hold; ``None`` where nobody looked.
        performance: what it took.
        guard: how it compares with the store's other snapshots; ``None`` for ``validate``, which has no store.
    """

    outcome: str
    created: str
    tool_version: str
    source: dict[str, Any]
    header: dict[str, Any]
    schema: dict[str, str]
    limits: dict[str, Any]
    counts: dict[str, int]
    read_by: dict[str, int]
    notices: list[Notice]
    performance: Performance
    profile: dict[str, Any] | None = None
    guard: Guarded | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it; keys are always there, null or empty where there is nothing to say."""
        return {
            "report_version": VERSION,
            "tool": {"name": "krr-export", "version": self.tool_version},
            "outcome": self.outcome,
            "created": self.created,
            "source": self.source,
            "header": self.header,
            "schema": self.schema,
            "limits": self.limits,
            "counts": self.counts,
            "read_by": self.read_by,
            "findings": [_finding(notice, self._severity(notice)) for notice in self.notices],
            "profile": self.profile,
            "performance": {**asdict(self.performance), **_rates(self.counts["seen"], self.performance)},
            "guard": None if self.guard is None else self.guard.to_dict(),
        }

    def to_json(self) -> str:
        """The report as indented JSON, ended by a line feed."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def summary(self, *, verbose: bool = False) -> Iterator[str]:
        """The report in a few lines of text; ``verbose`` adds what to do and the first examples."""
        rates = _rates(self.counts["seen"], self.performance)
        yield (
            f"export    {self.source['name']}: {_megabytes(self.performance.bytes_read)}, {self.source['encoding']}"
            f"{', gzip' if self.source['compression'] == 'gzip' else ''}, schema {self.schema['name']}"
        )
        yield from provenance.describe(self.source["delivery"], datetime.fromisoformat(self.created))
        yield (f"made      {self.header['eksport_tidspunkt']}, change number {self.header['seneste_endringsnummer']}")
        yield (
            f"records   {number(self.counts['seen'])} seen, {number(self.counts['written'])} accepted,"
            f" {number(self.counts['rejected'])} rejected"
        )
        for notice in self.notices:
            code = CATALOGUE[notice.code]
            severity = self._severity(notice)
            yield f"{severity:9} {notice.code}: {number(notice.count)} in {records(notice.records)}; {code.text}"
            if verbose:
                yield f"          what to do: {code.fix}"
                yield from (_display(example) for example in notice.examples[:_SHOWN_EXAMPLES])
        if self.profile is not None:
            from krr_export.profiling.summary import describe  # noqa: PLC0415 - Arrow; history reads reports without it

            yield from describe(self.profile)
        if self.guard is not None:
            yield from self.guard.summary()
        yield (
            f"took      {self.performance.seconds:.1f} s, {number(int(rates['records_per_second']))} records/s,"
            f" {rates['megabytes_per_second']:.0f} MB/s, {_megabytes(self.performance.peak_memory_bytes)} of memory"
        )

    def main_reason(self) -> str:
        """The most frequent reason for rejects, and what to do about it."""
        reasons = [notice for notice in self.notices if self._severity(notice) == "reject"]
        most = max(reasons, key=lambda notice: notice.records)
        return f"most often {most.code} ({number(most.records)}): {CATALOGUE[most.code].fix}"

    def duplicates(self) -> str:
        """What ``--strict`` has to say of identity numbers that occur more than once."""
        [count] = [notice.records for notice in self.notices if notice.code == DUPLICATE]
        return f"{records(count)} with an identity number that came before, which --strict {DUPLICATE} does not allow"

    def _severity(self, notice: Notice) -> Severity:
        return severity_of(notice.code, self.limits["strict"])

    def verdict(self) -> str:
        """What ``validate`` found, in one line."""
        return f"{self._judgement()}{provenance.describe_warnings(self.source['delivery'])}"

    def _judgement(self) -> str:
        seen, rejected = number(self.counts["seen"]), number(self.counts["rejected"])
        name = self.source["name"]
        match self.outcome:
            case "valid":
                return f"valid: {name} holds {records(self.counts['seen'])}, {rejected} rejected"
            case "empty":
                return f"not valid: {name} holds no records; give --allow-empty if that is right"
            case "duplicates":
                return f"not valid: {self.duplicates()}; {FIND_DUPLICATES}"
        return (
            f"not valid: {rejected} of {seen} records in {name} rejected, more than"
            f" --max-rejects {self.limits['max_rejects']} allows; {self.main_reason()}"
        )


def _finding(notice: Notice, severity: Severity) -> dict[str, Any]:
    code = CATALOGUE[notice.code]
    return {
        "code": notice.code,
        "severity": severity,
        "text": code.text,
        "fix": code.fix,
        "count": notice.count,
        "records": notice.records,
        "fields": dict(sorted(notice.fields.items())),
        "examples": [example._asdict() for example in notice.examples],
    }


def _rates(seen: int, performance: Performance) -> dict[str, float]:
    seconds = max(performance.seconds, 1e-9)
    return {
        "records_per_second": round(seen / seconds, 1),
        "megabytes_per_second": round(performance.bytes_read / 1e6 / seconds, 1),
    }


def _display(example: Example) -> str:
    where = f"record {number(example.record)}, line {example.line}, byte {example.byte_offset}"
    return f"          {where}: {': '.join(filter(None, (example.field, example.detail)))}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
