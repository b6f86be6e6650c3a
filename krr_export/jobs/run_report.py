"""Report, manifest and final message of a run."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from krr_export.input.delivery import provenance
from krr_export.output.manifest import Counts, ExportHeader, Manifest, SchemaVersion, SourceFile, library_versions
from krr_export.output.publish import latest_remark
from krr_export.pipeline.tally import Tally
from krr_export.profiling.summarize import summarize
from krr_export.reporting.refusals import why_refused
from krr_export.reporting.report import (
    FIND_DUPLICATES,
    Performance,
    Report,
    ReportSource,
    RunLimits,
    Tool,
    reported_finding,
)
from krr_export.rules.duplicates import Duplicates
from krr_export.util.formatting import format_utc, number, records
from krr_export.util.memory import peak_memory
from krr_export.util.processors import default_workers
from krr_export.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.sinks import PartFile
    from krr_export.pipeline.process_block import BlockResult
    from krr_export.pipeline.progress import Progress
    from krr_export.pipeline.row_source import RowSource
    from krr_export.profiling.summary import ProfileSummary
    from krr_export.reporting.report import Outcome
    from krr_export.transform.privacy import Treatment


class Run:
    """The state of one run: its options, its start, and the treatment of rows before they are written."""

    treatment: Treatment
    """Set once the export is open."""

    def __init__(self, started: float, options: ConvertOptions) -> None:
        self.options = options
        self.started = started

    def add_result(self, result: BlockResult, tally: Tally, progress: Progress) -> None:
        """Add one block's result to the tally and the progress."""
        tally.add(result)
        progress.unpacked(result.xml_bytes)
        progress.passed(result.records)

    def performance(self, rows: RowSource, seen: int) -> Performance:
        """Return the resources used so far, in which that many records were seen."""
        workers = default_workers() if self.options.workers is None else self.options.workers
        seconds = time.monotonic() - self.started
        return Performance.measured(seconds, seen, rows.source.bytes_read, peak_memory(), workers)


def describe_outcome(path: Path, report: Report) -> str:
    """Return the outcome of the run in one line, with the path of what it left."""
    counts = report.counts
    written = records(counts.written)
    if counts.rejected:
        written += f", {number(counts.rejected)} rejected"
    delivered = provenance.describe_warnings(report.source.delivery)
    match report.outcome:
        case "published":
            return f"published {written} as {path}{latest_remark(path)}{delivered}"
        case "partial":
            return f"kept a partial result of {written} as {path}; it is not published{delivered}"
        case "empty":
            then = "or give --allow-empty if that is right"
        case "duplicates":
            then = FIND_DUPLICATES
        case "guard" if report.guard:
            then = f"if that is right, accept it with {report.guard.acceptance}"
        case _:
            then = report.main_reason()
    files = "report.json and rejects/" if counts.rejected else "report.json"
    return f"not published: {why_refused(report)}; see {files} in {path}; {then}{delivered}"


def new_tally(rows: RowSource, options: ConvertOptions) -> Tally:
    """Return an empty tally for the blocks of this export."""
    return Tally(Duplicates(rows.record_schema) if options.rules else None)


def build_report(outcome: Outcome, rows: RowSource, run: Run, tally: Tally) -> Report:
    """Return the report of a run with this outcome (see `Report.outcome`)."""
    source, header, options = rows.source, rows.header, run.options
    return Report(
        tool=Tool("krr-export", __version__),
        outcome=outcome,
        created=_now(),
        source=ReportSource(
            name=source.name,
            size=source.bytes_read if source.at_end else source.size,
            sha256=source.sha256,
            compression=source.compression,
            encoding=header.encoding,
            offsets_count_in_utf8=rows.transcoded,
            delivery=source.provenance,
        ),
        header=_header(rows),
        schema=_schema(rows),
        limits=RunLimits(
            max_rejects=str(options.reject_limit),
            allow_empty=options.allow_empty,
            limit=options.limit,
            strict=tuple(sorted(options.strict)),
        ),
        counts=_counts(tally),
        warned=tally.warned,
        rejected_or_warned=tally.rejected_or_warned,
        read_by=dict(+tally.read_by),  # without readers that read no records
        findings=tuple(reported_finding(one, options.strict) for one in tally.sorted_notices(options.strict)),
        profile=_profile(rows, run, tally),
        performance=run.performance(rows, tally.seen),
        applied=rows.applied,
    )


def _profile(rows: RowSource, run: Run, tally: Tally) -> ProfileSummary | None:
    """Return the profile of the accepted records before the treatment, without what the treatment hides."""
    if rows.profiler is None:
        return None
    privacy = run.options.privacy
    names = rows.record_schema.arrow.names
    hidden = {name for name in names if privacy.columns and name not in privacy.columns}
    profile = tally.profile or rows.profiler.empty()
    return summarize(profile, frozenset(hidden.union(privacy.drop, privacy.pseudonymise)))


def build_manifest(rows: RowSource, run: Run, tally: Tally, files: tuple[PartFile, ...]) -> Manifest:
    """Return the manifest of a snapshot with these files: those of both tables, and the report."""
    return Manifest(
        source=SourceFile(rows.source.name, rows.source.bytes_read, rows.source.sha256, rows.source.provenance),
        header=_header(rows),
        schema=_schema(rows),
        tool_version=__version__,
        options=run.options.for_manifest(run.treatment),
        counts=_counts(tally),
        files=tuple(sorted(files, key=lambda part: part.path)),
        created=_now(),
        partial=False,
        libraries=library_versions(),
        applied=rows.applied,
    )


def _header(rows: RowSource) -> ExportHeader:
    return ExportHeader(
        eksport_tidspunkt=rows.header.eksport_tidspunkt,
        eksport_tidspunkt_utc=format_utc(rows.header.exported_at, "microseconds"),
        seneste_endringsnummer=rows.header.seneste_endringsnummer,
    )


def _schema(rows: RowSource) -> SchemaVersion:
    return SchemaVersion(rows.record_schema.name, rows.record_schema.sha256)


def _counts(tally: Tally) -> Counts:
    return Counts(tally.seen, tally.written, tally.rejected)


def _now() -> str:
    return format_utc(datetime.now(UTC), "seconds")
