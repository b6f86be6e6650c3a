"""Convert and validate: put the stages of a pass together, and decide what becomes of the result."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from krr_export.domain.store_layout import MANIFEST
from krr_export.errors import GuardError, InputError, OutputError, UsageError
from krr_export.findings.codes import PARTITION_OTHER
from krr_export.findings.finding import Notice
from krr_export.input.delivery.provenance import describe_warnings, is_unverified
from krr_export.input.freshness import check_not_older
from krr_export.jobs.comparison import CHANGES, compare_with_older, write_changes
from krr_export.jobs.options import ConvertOptions
from krr_export.jobs.run_report import Run, build_manifest, build_report, describe_outcome, new_tally
from krr_export.output.sinks import PartFile, SinkOptions, TableSink
from krr_export.output.snapshot_table import PERSON, SnapshotTable
from krr_export.output.store import Store, open_store
from krr_export.parsing.rejects import REJECTS_GROUP_BYTES, REJECTS_SCHEMA, to_batch
from krr_export.pipeline.export import Export, name_source_in_errors, open_with
from krr_export.pipeline.progress import Progress
from krr_export.reporting.baseline import PARTIAL, check_against_store
from krr_export.reporting.history import read_report
from krr_export.reporting.page.snapshots import REPORT_HTML, render_snapshot_page
from krr_export.reporting.report import REPORT_JSON, Report
from krr_export.rules.catalogue import DUPLICATE
from krr_export.transform.derivation import DeriveOptions
from krr_export.transform.privacy import read_pseudonym_key, treatment_of
from krr_export.util.files import mode_remark
from krr_export.util.formatting import number, records
from krr_export.util.paths import local_path
from krr_export.util.signals import ignore_signals
from krr_export.util.threads import Stage

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from krr_export.jobs.comparison import Comparison
    from krr_export.output.manifest import Manifest
    from krr_export.output.snapshot import Staging
    from krr_export.pipeline.process_block import BlockResult
    from krr_export.pipeline.tally import Tally
    from krr_export.reporting.report import Outcome

REJECTS = "rejects"
"""The name of the table of rejects."""


@dataclass(frozen=True)
class ConvertResult:
    """The result of a conversion.

    Attributes:
        outcome: ``published``, ``unchanged`` (an identical snapshot exists), ``partial``, ``too-many-rejects``,
            ``empty``, ``duplicates`` (of identity numbers, if `strict` forbids them), ``guard`` (it differs too much
            from the export before it).
        path: the snapshot; or, if not published, the directory with the report and rejects.
        report: ``None`` if there was nothing to do.
        message: the result in one line for people.
    """

    outcome: str
    path: Path
    report: Report | None
    message: str

    @property
    def published(self) -> bool:
        """True if the store now contains the whole export."""
        return self.outcome in {"published", "unchanged"}

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0; if the export was not published, 5 for the guard and otherwise 1."""
        return {"too-many-rejects": 1, "empty": 1, "duplicates": 1, "guard": GuardError.exit_code}.get(self.outcome, 0)


def convert(
    source: str | os.PathLike[str] | BinaryIO,
    store: str | os.PathLike[str],
    options: ConvertOptions | None = None,
    *,
    progress: Progress | None = None,
    **changes: Any,  # noqa: ANN401 - fields of ConvertOptions, which checks them
) -> ConvertResult:
    """Convert an export into a published snapshot, or publish nothing.

    Args:
        source: a path (plain or gzip), ``-`` for standard input, or a binary stream.
        store: the directory of snapshots; created if missing.
        options: the options of the conversion.
        progress: receives the progress of the run.
        changes: options by name, such as ``format="csv"``; they override ``options``.

    Raises:
        UsageError: an option or the schema is wrong, or the store is of another kind.
        InputError: the export is unusable.
        GuardError: the export is too old, from the future, or already published with another result; or it is older
            than the newest snapshot, and that is not allowed.
        OutputError: the store or the machine failed; nothing was published.
    """
    options = _changed(options, changes)
    progress = progress or Progress()
    directory = local_path(store)
    run = Run(time.monotonic(), options)
    key = read_pseudonym_key(options.privacy.pseudonym_key) if options.privacy.pseudonym_key else None
    with ExitStack() as stack:
        export = stack.enter_context(open_with(source, options.schema, options.read, progress.read))
        with _proving_source(export):
            options.age_limits.check_age(export.header.exported_at)
        _check_partitions(options.partition_by, export)
        run.treatment = treatment_of(export.schema, options.privacy, key, options.partition_by)
        export.derivation.check(run.treatment, options.read.derive, options.columns, options.drop)
        progress.opened(export)
        stack.enter_context(_naming_store(directory))
        opened = stack.enter_context(open_store(directory, file_mode=options.mode))
        opened.check_same_kind(options.for_manifest(run.treatment), export.record_schema.name)
        published = None
        if options.limit is None:
            published = opened.find(export.header.export_name)
            with _proving_source(export):
                _check_order(opened, export, options, is_new=published is None)
        known = published if published and _has_same_options(published, export, run) else None
        if known and _is_unchanged(opened, known, export.source.digest_whole_file(), options):
            return _unchanged_result(opened, known, export)
        staging = stack.enter_context(opened.staging())
        comparison = _compare_with_older(opened, export, run, progress)
        tally, files = _write(export, staging, run, progress, comparison)
        if known and _is_unchanged(opened, known, export.source.sha256, options):  # a stream's digest is known now
            return _unchanged_result(opened, known, export)
        name = export.header.export_name
        report, guard_remark = _build_guarded_report(export, run, tally, opened)
        if options.changes and report.outcome == "published":
            table = SnapshotTable(staging.path, build_manifest(export, run, tally, files), run.treatment.schema)
            more_files, summary = write_changes(staging, table, comparison, options.mode)
            files, report = (*files, *more_files), msgspec.structs.replace(report, changes=summary)
        page = render_snapshot_page(report, opened.path, name, options.lang)
        report_files = (staging.write_text(REPORT_JSON, report.to_json()), staging.write_text(REPORT_HTML, page))
        manifest = build_manifest(export, run, tally, (*files, *report_files))
        remarks = guard_remark + opened.remark()
        result = _publish_or_keep(staging, report, manifest, name, options)
        return replace(result, message=result.message + remarks) if result.outcome == "published" else result


def validate(
    source: str | os.PathLike[str] | BinaryIO,
    options: ConvertOptions | None = None,
    *,
    progress: Progress | None = None,
    **changes: Any,  # noqa: ANN401 - fields of ConvertOptions, which checks them
) -> Report:
    """Run the same checks as ``convert``, and write nothing.

    Raises:
        UsageError: an option or the schema is wrong.
        InputError: the export is unusable.
    """
    options = _changed(options, changes)
    progress = progress or Progress()
    run = Run(time.monotonic(), options)
    read_options = replace(options.read, derive=DeriveOptions())  # derived columns are useless if nothing is written
    with open_with(source, options.schema, read_options, progress.read) as export:
        progress.opened(export)
        tally = new_tally(export, options)
        with closing(export.results()) as results:
            for result in results:
                run.add_result(result, tally, progress)
        outcome = _failure_outcome(options, tally) or "valid"
        return build_report("rejects" if outcome == "too-many-rejects" else outcome, export, run, tally)


def _changed(options: ConvertOptions | None, changes: Mapping[str, Any]) -> ConvertOptions:
    """Return the options with these changes, each checked once."""
    if options is None:
        return ConvertOptions(**changes)
    return replace(options, **changes) if changes else options


@contextmanager
def _proving_source(export: Export) -> Iterator[None]:
    """Before a `GuardError` about the export's time, prove that the bytes read are those that were verified."""
    try:
        yield
    except GuardError:
        with name_source_in_errors(export.source.name):
            export.source.prove()
        raise


def _check_order(store: Store, export: Export, options: ConvertOptions, *, is_new: bool) -> None:
    """Refuse an export that is from the future, or older than the newest snapshot if that is not allowed."""
    exported_at = export.header.exported_at
    if is_new:  # otherwise it was accepted before
        options.age_limits.check_ahead(exported_at)
    if not options.allow_older:
        check_not_older(exported_at, store.newest())


def _check_partitions(columns: Sequence[str], export: Export) -> None:
    allowed = [*export.record_schema.partitionable(), *export.derivation.partitionable()]
    for column in columns:
        if column not in allowed:
            why = "may hold personal values or too many" if column in export.schema.names else "is not there"
            raise UsageError(f"cannot partition by {column}: the column {why}", f"choose from {', '.join(allowed)}")
    if len(set(columns)) < len(columns):
        raise UsageError("cannot partition by the same column twice")


def _compare_with_older(store: Store, export: Export, run: Run, progress: Progress) -> Comparison | None:
    """Begin the comparison with the snapshot before this export; ``None`` if none is asked for or there is none."""
    if not run.options.changes or run.options.limit is not None:
        return None
    options = run.options.for_manifest(run.treatment)
    return compare_with_older(store.path, export.header.export_name, run.treatment.schema, options, progress)


def _write(
    export: Export, staging: Staging, run: Run, progress: Progress, comparison: Comparison | None
) -> tuple[Tally, tuple[PartFile, ...]]:
    """Write both tables into the staging directory; add the rows of persons to the comparison."""
    tally = new_tally(export, run.options)
    sink = run.options.sink
    # Rejects are always Parquet, in one directory.
    rejects_options = SinkOptions(file_mode=sink.file_mode, group_bytes=REJECTS_GROUP_BYTES)
    with (
        TableSink(staging.path, PERSON, run.treatment.schema, sink) as persons,
        TableSink(staging.path, REJECTS, REJECTS_SCHEMA, rejects_options) as rejects,
    ):

        def write(result: BlockResult) -> None:
            rows = run.treatment.apply(result.batch)
            persons.write(rows)
            if comparison is not None:
                comparison.add(rows)
            if result.rejects:
                rejects.write(to_batch(result.rejects, keep_records=run.treatment.keeps_records))

        with Stage(write, threaded=export.workers > 0) as stage, closing(export.results()) as results:
            for result in results:
                stage.put(result)
                run.add_result(result, tally, progress)
        files = (*persons.close(), *rejects.close())
    if persons.others:
        labels = {field.name: field.label for field in export.record_schema.fields}
        fields = {labels.get(column, column): rows for column, rows in persons.others.items()}
        tally.note(Notice(PARTITION_OTHER, fields, persons.rows_in_others, ()))
    return tally, files


def _build_guarded_report(export: Export, run: Run, tally: Tally, store: Store) -> tuple[Report, str]:
    """Return the report, with the guard's result and the final outcome; and the guard's remark on a published one."""
    options = run.options
    failure = _failure_outcome(options, tally)
    report = build_report("published", export, run, tally)
    if options.limit is not None:
        return msgspec.structs.replace(report, outcome=failure or "partial", guard=PARTIAL), ""
    found = check_against_store(
        store.path, export.header.export_name, report, options.guard_limits, accepted=not options.guard
    )
    outcome = failure or ("guard" if found.tripped else "published")
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


def _failure_outcome(options: ConvertOptions, tally: Tally) -> Outcome | None:
    """Return the outcome that forbids publishing; ``None`` if there is none."""
    if not options.reject_limit.allows(tally.rejected, tally.seen):
        return "too-many-rejects"
    if tally.seen == 0 and not options.allow_empty:
        return "empty"
    return "duplicates" if DUPLICATE in options.strict and tally.duplicates else None


def _has_same_options(manifest: Manifest, export: Export, run: Run) -> bool:
    """Return whether a snapshot was made with the schema and options of this run; the source may still differ."""
    return (
        (is_unverified(export.source.provenance) or not is_unverified(manifest.source.delivery))
        and manifest.schema.sha256 == export.record_schema.sha256
        and run.options.for_manifest(run.treatment).give_same_output(manifest.options)
    )


def _is_unchanged(store: Store, manifest: Manifest, digest: str | None, options: ConvertOptions) -> bool:
    """Return whether a snapshot of the same options is of a source with this digest, and needs no replacement."""
    return (
        digest == manifest.source.sha256
        # With --replace, the snapshot may be damaged in a way that file sizes do not show.
        and store.is_intact(manifest, prove=options.replace)
        and not (options.replace and options.profile and _lacks_profile(store.path / manifest.export_name))
        and not (options.replace and options.changes and not _has_changes(manifest))
    )


def _has_changes(manifest: Manifest) -> bool:
    return any(part.path.startswith(f"{CHANGES}/") for part in manifest.files)


def _lacks_profile(snapshot: Path) -> bool:
    """Return whether the snapshot was published without a profile (``--no-profile``), or its report is unreadable."""
    try:
        return read_report(snapshot).profile is None
    except InputError:
        return True


def _unchanged_result(store: Store, manifest: Manifest, export: Export) -> ConvertResult:
    path, counts = store.path / manifest.export_name, manifest.counts
    counted = f"{records(counts.written)}, {number(counts.rejected)} rejected"
    same = f"{path} already holds this export, the same: {counted}{describe_warnings(export.source.provenance)}"
    return ConvertResult("unchanged", path, None, f"nothing to do: {same}")


@contextmanager
def _naming_store(store: Path) -> Iterator[None]:
    """Add the store's path to errors."""
    try:
        yield
    except (GuardError, OutputError, UsageError) as error:
        if str(store) in error.message:
            raise
        raise type(error)(f"{store}: {error.message}", error.hint) from error.__cause__
