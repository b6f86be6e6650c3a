"""The report of a run: content and findings of the export, merged from the blocks' results."""

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
    from krr_export.reporting.drift import GuardResult

VERSION = 1
"""The version of the report's format; its JSON Schema is docs/report.schema.json."""

REPORT_JSON = "report.json"

FIND_DUPLICATES = (
    "to see which, convert without --strict into another store:"
    " GROUP BY personidentifikator HAVING count(*) > 1; ask the sender"
)
"""The hint if duplicates refuse the export: an unpublished result cannot be queried."""

_SHOWN_EXAMPLES = 3


@dataclass(frozen=True)
class Performance:
    """Resources used by a run.

    Attributes:
        seconds: from the first byte to the last file.
        bytes_read: of the source, as delivered.
        peak_memory_bytes: the largest resident set of the process.
        workers: the requested number of threads beside the main one.
    """

    seconds: float
    bytes_read: int
    peak_memory_bytes: int
    workers: int


@dataclass(frozen=True)
class Report:
    """The report of a run. It contains no personal value.

    Attributes:
        outcome: ``published``, ``partial``, ``too-many-rejects``, ``empty``, ``duplicates``, ``guard``; of
            ``validate``: ``valid``, ``rejects``, ``empty``, ``duplicates``.
        created: the time of the report, ISO 8601 in UTC.
        tool_version: of krr-export.
        source: name, size, SHA-256, compression, encoding; whether byte offsets count in UTF-8 instead.
        header: values from the export's header.
        schema: name and SHA-256.
        limits: the options ``max_rejects``, ``allow_empty``, ``limit``, ``strict``.
        counts: ``seen``, ``written``, ``rejected``; for ``validate``, ``written`` is the number of accepted records.
        read_by: the number of records by reader.
        notices: findings by code.
        profile: of the accepted records; ``None`` without profiling.
        performance: resources used.
        guard: the comparison with the store's other snapshots; ``None`` for ``validate``, which has no store.
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
    guard: GuardResult | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON; every key is always present, null or empty if there is no value."""
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
        """Return the report as indented JSON, ended by a line feed."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def summary(self, *, verbose: bool = False) -> Iterator[str]:
        """Yield the report as a few lines of text; ``verbose`` adds what to do and the first examples."""
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
                yield from (_format_example(example) for example in notice.examples[:_SHOWN_EXAMPLES])
        if self.profile is not None:
            from krr_export.profiling.summary import describe  # noqa: PLC0415 - loads Arrow, which history does not need

            yield from describe(self.profile)
        if self.guard is not None:
            yield from self.guard.summary()
        yield (
            f"took      {self.performance.seconds:.1f} s, {number(int(rates['records_per_second']))} records/s,"
            f" {rates['megabytes_per_second']:.0f} MB/s, {_megabytes(self.performance.peak_memory_bytes)} of memory"
        )

    def main_reason(self) -> str:
        """Return the most frequent reason for rejects, and what to do about it."""
        reasons = [notice for notice in self.notices if self._severity(notice) == "reject"]
        main = max(reasons, key=lambda notice: notice.records)
        return f"most often {main.code} ({number(main.records)}): {CATALOGUE[main.code].fix}"

    def duplicates(self) -> str:
        """Return why ``--strict`` refuses identity numbers that occur more than once."""
        [count] = [notice.records for notice in self.notices if notice.code == DUPLICATE]
        return f"{records(count)} with an identity number that came before, which --strict {DUPLICATE} does not allow"

    def _severity(self, notice: Notice) -> Severity:
        return severity_of(notice.code, self.limits["strict"])

    def verdict(self) -> str:
        """Return the result of ``validate`` in one line."""
        return f"{self._outcome_text()}{provenance.describe_warnings(self.source['delivery'])}"

    def _outcome_text(self) -> str:
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


def _format_example(example: Example) -> str:
    where = f"record {number(example.record)}, line {example.line}, byte {example.byte_offset}"
    return f"          {where}: {': '.join(filter(None, (example.field, example.detail)))}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
