"""A line of a store's history: the numbers of one snapshot or refused export, and its trend from the one before."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from krr_export.reporting.reach import reach_of
from krr_export.rules.catalogue import DUPLICATE
from krr_export.util.formatting import short_repr

if TYPE_CHECKING:
    from krr_export.findings.codes import Severity
    from krr_export.output.manifest import Manifest
    from krr_export.reporting.reach import Reach
    from krr_export.reporting.report import Report


@dataclass(frozen=True)
class FindingCount:
    """The number of records with one code in the report of a snapshot.

    Attributes:
        code: from the catalogue of findings.
        severity: ``reject``, ``warning`` or ``info``.
        records: the number of records with it.
    """

    code: str
    severity: Severity
    records: int


@dataclass(frozen=True)
class Trend:
    """The change from the snapshot before.

    Attributes:
        records: the change in the number of records.
        percent: the same in per cent of the records before; ``None`` if there were none.
        reject_percent: the change in the share of rejects, in percentage points.
    """

    records: int
    percent: float | None
    reject_percent: float


@dataclass(frozen=True)
class HistoryLine:
    """One published snapshot, or one refused export, in the history.

    Attributes:
        snapshot: the name of its directory, ``eksport=20140226T112225Z``.
        exported_at: the export's time, ISO 8601 in UTC.
        change_number: the register's last change number in it.
        records: the number written to the table ``person``.
        rejects: the number rejected, by the XSD or by ``--strict``.
        findings: by code, in the catalogue's order, which is that of severity.
        size: of the files that the manifest lists, in bytes.
        seconds: the duration of the run.
        trend: the change from the snapshot before; ``None`` for the first, and if the one before cannot be read.
        strict: whether rules reject records (``--strict``): such a record has its other warnings too.
        rejected_or_warned: the number of records with a reject or a warning; ``None`` if the report is of a version
            that did not count them.
        reach: how persons can be reached; ``None`` if the report has no profile.
        damage: what is wrong with the manifest or the report; ``None`` if they are intact. Values that are unknown
            because of damage are ``None`` too.
        outcome: of the run, such as ``published`` or ``guard``; ``None`` if the report of a refused one cannot be read.
        refused: why the export was not published, in a few words; ``None`` if it was.
    """

    snapshot: str
    exported_at: str | None = None
    change_number: int | None = None
    records: int | None = None
    rejects: int | None = None
    findings: tuple[FindingCount, ...] | None = None
    size: int | None = None
    seconds: float | None = None
    trend: Trend | None = None
    damage: str | None = None
    strict: bool = False
    rejected_or_warned: int | None = None
    reach: Reach | None = None
    outcome: str | None = "published"
    refused: str | None = None

    def __repr__(self) -> str:
        return short_repr(
            self, snapshot=self.snapshot, outcome=self.outcome, records=self.records, rejects=self.rejects
        )

    @property
    def time(self) -> str:
        """The export's time in UTC, in the format of the directory's name: ``20140226T112225Z``."""
        return self.snapshot.removeprefix("eksport=")

    @property
    def reject_percent(self) -> float | None:
        """The share of rejects among all records of the export, in per cent."""
        if self.records is None or self.rejects is None:
            return None
        seen = self.records + self.rejects
        return 100 * self.rejects / seen if seen else 0.0

    @property
    def with_findings(self) -> tuple[int, int] | None:
        """The least and the greatest possible number of records with a reject or a warning.

        The two differ only for reports of the first versions, if there are warnings of several codes: they count
        records by code, and do not say how many have more than one.
        """
        if self.rejected_or_warned is not None:
            return self.rejected_or_warned, self.rejected_or_warned
        if self.records is None or self.rejects is None or self.findings is None:
            return None
        warned = [found.records for found in self.findings if found.severity == "warning"]
        least, most = max(warned, default=0), sum(warned)
        if self.strict:
            return max(self.rejects, least), min(self.rejects + most, self.rejects + self.records)
        # Records that the XSD rejects have no warnings: no record has both.
        return self.rejects + least, self.rejects + min(most, self.records)

    def to_dict(self) -> dict[str, Any]:
        """Return the line for JSON; every key is always present (docs/reference/store.md)."""
        trend, with_findings = self.trend, self.with_findings
        return {
            "snapshot": self.snapshot,
            "eksport_tidspunkt_utc": self.exported_at,
            "seneste_endringsnummer": self.change_number,
            "records": self.records,
            "rejects": self.rejects,
            "rejects_percent": _round(self.reject_percent),
            "with_findings_at_least": with_findings and with_findings[0],
            "with_findings_at_most": with_findings and with_findings[1],
            "findings": None if self.findings is None else {found.code: found.records for found in self.findings},
            "reach": self.reach and asdict(self.reach),
            "bytes": self.size,
            "seconds": self.seconds,
            "records_change": trend and trend.records,
            "records_change_percent": trend and _round(trend.percent),
            "rejects_percent_change": trend and _round(trend.reject_percent),
            "damage": self.damage,
            "outcome": self.outcome,
            "refused": self.refused,
        }


def line_of_report(report: Report) -> HistoryLine:
    """Return the history line of a report's own export, published or not."""
    return HistoryLine(
        snapshot=report.header.export_name,
        exported_at=report.header.eksport_tidspunkt_utc,
        change_number=report.header.seneste_endringsnummer,
        records=report.counts.written,
        rejects=report.counts.rejected,
        findings=_count_findings(report),
        seconds=report.performance.seconds,
        strict=_has_strict_rules(report),
        rejected_or_warned=report.rejected_or_warned,
        reach=reach_of(report),
        outcome=report.outcome,
    )


def with_manifest(line: HistoryLine, manifest: Manifest) -> HistoryLine:
    """Return the line with the values from the manifest."""
    return replace(
        line,
        exported_at=manifest.header.eksport_tidspunkt_utc,
        change_number=manifest.header.seneste_endringsnummer,
        records=manifest.counts.written,
        rejects=manifest.counts.rejected,
        size=sum(part.bytes for part in manifest.files),
    )


def with_report(line: HistoryLine, report: Report) -> HistoryLine:
    """Return the line with the values from the report."""
    return replace(
        line,
        findings=_count_findings(report),
        seconds=report.performance.seconds,
        strict=_has_strict_rules(report),
        rejected_or_warned=report.rejected_or_warned,
        reach=reach_of(report),
    )


def with_trend(line: HistoryLine, before: HistoryLine | None) -> HistoryLine:
    """Return the line with its trend from the snapshot before it, if both can be read."""
    if before is None or before.records is None or before.reject_percent is None:
        return line
    if line.records is None or line.reject_percent is None:
        return line
    change = line.records - before.records
    percent = 100 * change / before.records if before.records else None
    return replace(line, trend=Trend(change, percent, line.reject_percent - before.reject_percent))


def _has_strict_rules(report: Report) -> bool:
    """Return whether rules may have rejected records; duplicates refuse the whole export, and no record."""
    return any(name != DUPLICATE for name in report.limits.strict)


def _count_findings(report: Report) -> tuple[FindingCount, ...]:
    """Return the records by code, in the report's order."""
    return tuple(FindingCount(found.code, found.severity, found.records) for found in report.findings)


def _round(percent: float | None) -> float | None:
    # One of ten million records is a hundred-thousandth of a per cent.
    return None if percent is None else round(percent, 6)
