"""Load rows into a store: write them, judge the result, and publish it or keep what explains why not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from krr_export.domain.store_layout import MANIFEST
from krr_export.findings.codes import PARTITION_OTHER
from krr_export.findings.finding import Notice
from krr_export.jobs.changes.comparison import compare_with_older, write_changes
from krr_export.jobs.convert_result import ConvertResult
from krr_export.jobs.run_report import build_manifest, build_report, describe_outcome, new_tally
from krr_export.jobs.snapshot_tables import SnapshotTables
from krr_export.output.snapshot_table import SnapshotTable
from krr_export.reporting.guard_check import PARTIAL, check_against_store
from krr_export.reporting.page.snapshots import render_snapshot_page
from krr_export.reporting.report import REPORT_HTML, REPORT_JSON
from krr_export.rules.catalogue import DUPLICATE
from krr_export.util.files import mode_remark
from krr_export.util.signals import ignore_signals
from krr_export.util.threads import Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from krr_export.jobs.changes.comparison import Comparison
    from krr_export.jobs.options import ConvertOptions
    from krr_export.jobs.run_report import Run
    from krr_export.output.manifest import Manifest
    from krr_export.output.snapshot import Staging
    from krr_export.output.store import Store
    from krr_export.pipeline.progress import Progress
    from krr_export.pipeline.row_source import RowSource
    from krr_export.pipeline.tally import Tally
    from krr_export.reporting.report import Outcome, Report


@dataclass(frozen=True)
class Draft:
    """The tables of a snapshot, written into a staging directory, and what is known of them by themselves.

    What depends on the other snapshots of the store is still to come: the guard, what changed, and publishing.

    Attributes:
        report: its outcome is ``published`` unless something in the export itself forbids that.
        manifest: of the tables alone.
        schema: the columns of the table person.
    """

    report: Report
    manifest: Manifest
    schema: pa.Schema


def load_rows(
    rows: RowSource,
    store: Store,
    run: Run,
    progress: Progress,
    find_same: Callable[[], ConvertResult | None] = lambda: None,
) -> ConvertResult:
    """Write rows into a staging directory, and publish them as a snapshot unless something forbids it.

    Args:
        rows: the rows; they are read once.
        store: the locked store.
        run: options, and the treatment of the rows.
        progress: receives the progress.
        find_same: called once all rows are read: returns the result if the store holds the very same already.

    Raises:
        InputError: the rows are unusable.
        GuardError: another result is published.
        OutputError: the store or the machine failed; nothing was published.
    """
    with store.staging() as staging:
        comparison = _compare_with_older(store, rows, run, progress)
        draft = write_draft(rows, staging.path, run, progress, comparison)
        return find_same() or publish_draft(draft, staging, store, run.options, comparison)


def _compare_with_older(store: Store, rows: RowSource, run: Run, progress: Progress) -> Comparison | None:
    """Begin the comparison with the snapshot before this export; ``None`` if none is asked for or there is none."""
    if not run.options.changes or run.options.limit is not None:
        return None
    options = run.options.for_manifest(run.treatment)
    return compare_with_older(store.path, rows.header.export_name, run.treatment.schema, options, progress)


def write_draft(
    rows: RowSource, directory: Path, run: Run, progress: Progress, comparison: Comparison | None = None
) -> Draft:
    """Write the tables into the staging directory; add the rows of persons to the comparison.

    Args:
        rows: the rows; they are read once.
        directory: for staging.
        run: options, and the treatment of the rows.
        progress: receives the progress.
        comparison: with the snapshot before.

    Raises:
        InputError: the rows are unusable.
        OutputError: the disk is full or failing.
    """
    tally = new_tally(rows, run.options)
    with SnapshotTables(directory, rows.record_schema, run, comparison) as tables:
        with Stage(tables.write, threaded=rows.workers > 0) as stage, closing(rows.results()) as results:
            for result in results:
                stage.put(result)
                run.add_result(result, tally, progress)
        for found in tally.duplicate_records():  # known only now: the last rows of the table
            tables.write_findings([found])
        files = tables.close()
    if others := tables.persons.others:
        labels = {field.name: field.label for field in rows.record_schema.fields}
        fields = {labels.get(column, column): rows for column, rows in others.items()}
        tally.note(Notice(PARTITION_OTHER, fields, tables.persons.rows_in_others, ()))
    report = build_report(_own_outcome(run.options, tally), rows, run, tally)
    return Draft(report, build_manifest(rows, run, tally, files), run.treatment.schema)


def publish_draft(
    draft: Draft, staging: Staging, store: Store, options: ConvertOptions, comparison: Comparison | None
) -> ConvertResult:
    """Judge a draft against the other snapshots of the store, and publish it unless something forbids it.

    Args:
        draft: the tables.
        staging: where they are.
        store: the locked store.
        options: of the run.
        comparison: with the snapshot before, to which all rows of persons were added; ``None`` for none.

    Raises:
        GuardError: another result is published.
        InputError: the snapshot before is damaged.
        OutputError: the store or the machine failed; nothing was published.
    """
    manifest, name = draft.manifest, draft.manifest.export_name
    report, guard_remark = _judge_against_store(draft.report, name, options, store)
    if options.changes and report.outcome == "published":
        table = SnapshotTable(staging.path, manifest, draft.schema)
        more_files, summary = write_changes(staging, table, comparison, options.mode)
        manifest, report = manifest.with_files(more_files), msgspec.structs.replace(report, changes=summary)
    page = render_snapshot_page(report, store.path, name, options.lang)
    report_files = (staging.write_text(REPORT_JSON, report.to_json()), staging.write_text(REPORT_HTML, page))
    remarks = guard_remark + store.remark()
    result = _publish_or_keep(staging, report, manifest.with_files(report_files), name, options)
    return replace(result, message=result.message + remarks) if result.outcome == "published" else result


def _own_outcome(options: ConvertOptions, tally: Tally) -> Outcome:
    """Return the outcome as far as it follows from the export itself."""
    return failure_outcome(options, tally) or ("published" if options.limit is None else "partial")


def _judge_against_store(report: Report, name: str, options: ConvertOptions, store: Store) -> tuple[Report, str]:
    """Return the report with the guard's result and the final outcome; and the guard's remark on a published one."""
    if options.limit is not None:
        return msgspec.structs.replace(report, guard=PARTIAL), ""
    found = check_against_store(store.path, name, report, options.guard_limits, accepted=not options.guard)
    outcome = "guard" if found.tripped and report.outcome == "published" else report.outcome
    return msgspec.structs.replace(report, outcome=outcome, guard=found.guard), found.remark


def _publish_or_keep(
    staging: Staging, report: Report, manifest: Manifest, name: str, options: ConvertOptions
) -> ConvertResult:
    """Publish the result, or keep the files that explain why it is not published."""
    if report.outcome == "partial":
        path = staging.keep_partial(manifest, name)
    elif report.outcome == "published":
        with ignore_signals():
            path = staging.publish(manifest, name, replace=options.replace)
    else:
        path = staging.keep_failed(manifest, name)
    message = describe_outcome(path, report) + mode_remark(path / MANIFEST, options.mode)
    return ConvertResult(report.outcome, path, report, message)


def failure_outcome(options: ConvertOptions, tally: Tally) -> Outcome | None:
    """Return the outcome that forbids publishing; ``None`` if there is none."""
    if not options.reject_limit.allows(tally.rejected, tally.seen):
        return "too-many-rejects"
    if tally.seen == 0 and not options.allow_empty:
        return "empty"
    return "duplicates" if DUPLICATE in options.strict and tally.duplicates else None
