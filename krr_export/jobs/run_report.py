"""Report, manifest and final message of a run."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from krr_export.input.delivery import provenance
from krr_export.output.manifest import Counts, Manifest, SchemaVersion, SourceFile
from krr_export.output.publish import latest_remark
from krr_export.pipeline.tally import Tally
from krr_export.profiling.summary import profile_to_dict
from krr_export.reporting.report import FIND_DUPLICATES, Performance, Report
from krr_export.rules.duplicates import Duplicates
from krr_export.util.formatting import format_utc, number, records
from krr_export.util.memory import peak_memory
from krr_export.util.processors import default_workers
from krr_export.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.sinks import PartFile
    from krr_export.pipeline.export import Export
    from krr_export.pipeline.process_block import BlockResult
    from krr_export.pipeline.progress import Progress
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
        progress.passed(result.records)

    def performance(self, export: Export) -> Performance:
        """Return time, bytes, memory and workers of the run so far."""
        workers = default_workers() if self.options.workers is None else self.options.workers
        seconds = round(time.monotonic() - self.started, 3)
        return Performance(seconds, export.source.bytes_read, peak_memory(), workers)


def describe_outcome(path: Path, report: Report) -> str:
    """Return the outcome of the run in one line."""
    counts, limits = report.counts, report.limits
    written = records(counts["written"])
    if counts["rejected"]:
        written += f", {number(counts['rejected'])} rejected"
    delivered = provenance.describe_warnings(report.source["delivery"])
    compared = report.guard.remark if report.guard else ""
    match report.outcome:
        case "published":
            return f"published {written} as {path}{latest_remark(path)}{delivered}{compared}"
        case "partial":
            return f"kept a partial result of {written} as {path}; it is not published{delivered}"
        case "empty":
            why, then = "the export holds no records", "or give --allow-empty if that is right"
        case "duplicates":
            why, then = report.duplicates(), FIND_DUPLICATES
        case "guard" if report.guard:
            why, then = report.guard.reason, f"if that is right, accept it with {report.guard.acceptance}"
        case _:
            why = (
                f"{number(counts['rejected'])} of {number(counts['seen'])} records rejected, more than"
                f" --max-rejects {limits['max_rejects']} allows"
            )
            then = report.main_reason()
    files = "report.json and rejects/" if counts["rejected"] else "report.json"
    return f"not published: {why}; see {files} in {path}; {then}{delivered}"


def new_tally(export: Export, options: ConvertOptions) -> Tally:
    """Return an empty tally for the blocks of this export."""
    return Tally(Duplicates(export.record_schema) if options.rules else None)


def build_report(outcome: str, export: Export, run: Run, tally: Tally) -> Report:
    """Return the report of a run with this outcome (see `Report.outcome`)."""
    source, header = export.source, export.header
    return Report(
        outcome=outcome,
        created=_now(),
        tool_version=__version__,
        source={
            "name": source.name,
            "size": source.bytes_read if source.at_end else source.size,
            "sha256": source.sha256,
            "compression": source.compression,
            "encoding": header.encoding,
            "offsets_count_in_utf8": export.transcoded,
            "delivery": source.provenance,
        },
        header=_header(export),
        schema={"name": export.record_schema.name, "sha256": export.record_schema.sha256},
        limits={
            "max_rejects": str(run.options.reject_limit),
            "allow_empty": run.options.allow_empty,
            "limit": run.options.limit,
            "strict": sorted(run.options.strict),
        },
        counts=asdict(_counts(tally)),
        read_by=dict(+tally.read_by),  # without readers that read no records
        notices=tally.sorted_notices(run.options.strict),
        profile=_profile(export, run, tally),
        performance=run.performance(export),
    )


def _profile(export: Export, run: Run, tally: Tally) -> dict[str, Any] | None:
    """Return the profile of the accepted records before the treatment, without what the treatment hides."""
    if export.profiler is None:
        return None
    privacy = run.options.privacy
    names = export.record_schema.arrow.names
    hidden = {name for name in names if privacy.columns and name not in privacy.columns}
    profile = tally.profile or export.profiler.empty()
    return profile_to_dict(profile, frozenset(hidden.union(privacy.drop, privacy.pseudonymise)))


def build_manifest(export: Export, run: Run, tally: Tally, files: tuple[PartFile, ...]) -> Manifest:
    """Return the manifest of a snapshot with these files: those of both tables, and the report."""
    options = run.options
    return Manifest(
        source=SourceFile(export.source.name, export.source.bytes_read, export.source.sha256, export.source.provenance),
        header=_header(export),
        schema=SchemaVersion(export.record_schema.name, export.record_schema.sha256),
        tool_version=__version__,
        options={
            **options.shaping(run.treatment),
            "max_rejects": str(options.reject_limit),
            "allow_empty": options.allow_empty,
            "limit": options.limit,
        },
        counts=_counts(tally),
        files=files,
        created=_now(),
    )


def _header(export: Export) -> dict[str, Any]:
    return {
        "eksport_tidspunkt": export.header.eksport_tidspunkt,
        "eksport_tidspunkt_utc": format_utc(export.header.exported_at, "microseconds"),
        "seneste_endringsnummer": export.header.seneste_endringsnummer,
    }


def _counts(tally: Tally) -> Counts:
    return Counts(tally.seen, tally.written, tally.rejected)


def _now() -> str:
    return format_utc(datetime.now(UTC), "seconds")
