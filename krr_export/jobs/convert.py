"""The road itself, from source to snapshot: puts the stages together and decides what becomes of the result."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from krr_export.domain.store_layout import MANIFEST
from krr_export.errors import GuardError, InputError, OutputError, UsageError
from krr_export.findings.codes import PARTITION_OTHER
from krr_export.findings.finding import Notice
from krr_export.input.delivery.provenance import describe_warnings, is_unverified
from krr_export.input.freshness import check_not_older
from krr_export.jobs.options import UNSAID, ConvertOptions
from krr_export.jobs.run_report import Run, manifest_of, message_of, report_of, tally_of
from krr_export.output.sinks import PartFile, SinkOptions, TableSink
from krr_export.output.snapshot import Counts, Staging
from krr_export.output.store import Store, open_store
from krr_export.parsing.rejects import REJECTS_GROUP_BYTES, REJECTS_SCHEMA, to_batch
from krr_export.pipeline.export import Export, naming, open_with
from krr_export.pipeline.progress import Progress
from krr_export.reporting.baseline import PARTIAL, guarded
from krr_export.reporting.history import read_report
from krr_export.reporting.page.snapshots import REPORT_HTML, page_of
from krr_export.reporting.report import REPORT_JSON, Report
from krr_export.rules.catalogue import DUPLICATE
from krr_export.transform import DeriveOptions
from krr_export.transform.privacy import read_pseudonym_key, treatment_of
from krr_export.util.files import mode_remark
from krr_export.util.formatting import number, records
from krr_export.util.paths import local_path
from krr_export.util.signals import uninterrupted
from krr_export.util.threads import Stage

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from krr_export.output.manifest import Manifest
    from krr_export.pipeline.process_block import BlockResult
    from krr_export.pipeline.tally import Tally

PERSON = "person"
REJECTS = "rejects"
"""The tables of a snapshot."""


@dataclass(frozen=True)
class ConvertResult:
    """What became of an export.

    Attributes:
        outcome: ``published``, ``unchanged`` (it was there already, the same), ``partial``, ``too-many-rejects``,
            ``empty``, ``duplicates`` (of identity numbers, where `strict` forbids them), ``guard`` (it differs too
            much from the one before it).
        path: the snapshot; the kept report and rejects, where it was not published.
        report: ``None`` where there was nothing to do.
        message: the same in one line for people.
    """

    outcome: str
    path: Path
    report: Report | None
    message: str

    @property
    def published(self) -> bool:
        """Whether the store holds the whole export now."""
        return self.outcome in {"published", "unchanged"}

    @property
    def exit_code(self) -> int:
        """The command's: 0; where the export was not published, 5 for the guard and else 1."""
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
        store: the directory that holds the snapshots; made if missing.
        options: what may be chosen.
        progress: is told how far the run has come.
        changes: options by name, such as ``format="csv"``; they go before ``options``.

    Raises:
        UsageError: an option or the schema is wrong, or the store is of another kind.
        InputError: the export is unusable.
        GuardError: the export is too old, from the future, or published already with another result; or it is older
            than the newest snapshot, and that is not allowed.
        OutputError: the store or the machine failed; nothing was published.
    """
    options = replace(options or ConvertOptions(), **changes)
    progress = progress or Progress()
    directory = local_path(store)
    run = Run(time.monotonic(), options)
    key = read_pseudonym_key(options.privacy.pseudonym_key) if options.privacy.pseudonym_key else None
    with ExitStack() as stack:
        export = stack.enter_context(open_with(source, options.schema, options.read, progress.read))
        with _proven(export):
            options.age_limits.check_age(export.header.exported_at)
        _check_partitions(options.partition_by, export)
        run.treatment = treatment_of(export.schema, options.privacy, key, options.partition_by)
        export.derivation.check(run.treatment, options.read.derive, options.columns, options.drop)
        progress.opened(export)
        stack.enter_context(_naming_store(directory))
        opened = stack.enter_context(open_store(directory, file_mode=options.mode))
        opened.check_same_kind(
            format=options.format,
            partition_by=options.partition_by,
            schema_name=export.record_schema.name,
            derive=options.read.derive.selected,
            privacy=run.treatment.applied,
        )
        if options.limit is None:
            opened.check_place(export.header.export_name)
            with _proven(export):
                _check_turn(opened, export, options)
        if _is_known(opened, export, run) and export.source.digest_whole_file() == _known_digest(opened, export):
            return _unchanged(opened, export)
        staging = stack.enter_context(opened.staging())
        tally, files = _write(export, staging, run, progress)
        if _is_known(opened, export, run) and export.source.sha256 == _known_digest(opened, export):
            return _unchanged(opened, export)
        name = export.header.export_name
        report = _judged(export, run, tally, opened)
        page = page_of(report.to_dict(), opened.path, name, options.lang)
        told = (staging.write_text(REPORT_JSON, report.to_json()), staging.write_text(REPORT_HTML, page))
        manifest = manifest_of(export, run, tally, (*files, *told))
        first = opened.remark()
        result = _settle(staging, report, manifest, name, options)
        return replace(result, message=result.message + first) if result.outcome == "published" else result


def validate(
    source: str | os.PathLike[str] | BinaryIO,
    options: ConvertOptions | None = None,
    *,
    progress: Progress | None = None,
    **changes: Any,  # noqa: ANN401 - fields of ConvertOptions, which checks them
) -> Report:
    """Make the same checks as ``convert``, and write nothing.

    Raises:
        UsageError: an option or the schema is wrong.
        InputError: the export is unusable.
    """
    options = replace(options or ConvertOptions(), **changes)
    progress = progress or Progress()
    run = Run(time.monotonic(), options)
    reading = replace(options.read, derive=DeriveOptions())  # of no use where nothing is written
    with open_with(source, options.schema, reading, progress.read) as export:
        progress.opened(export)
        tally = tally_of(export, options)
        with closing(export.results()) as results:
            for result in results:
                run.account(result, tally, progress)
        outcome = _failure(options, tally) or "valid"
        return report_of("rejects" if outcome == "too-many-rejects" else outcome, export, run, tally)


@contextmanager
def _proven(export: Export) -> Iterator[None]:
    """Before the sender is blamed for a time, see that it is the sender's: that what was read is what was verified."""
    try:
        yield
    except GuardError:
        with naming(export.source.name):
            export.source.prove()
        raise


def _check_turn(store: Store, export: Export, options: ConvertOptions) -> None:
    """See that the export does not take `latest` from the future, nor comes after what is newer where that matters."""
    made = export.header.exported_at
    if store.find(export.header.export_name) is None:  # else somebody accepted it, once for all
        options.age_limits.check_ahead(made)
    if not options.allow_older:
        check_not_older(made, store.newest())


def _check_partitions(columns: Sequence[str], export: Export) -> None:
    allowed = [*export.record_schema.partitionable(), *export.derivation.partitionable()]
    for column in columns:
        if column not in allowed:
            why = "may hold personal values or too many" if column in export.schema.names else "is not there"
            raise UsageError(f"cannot partition by {column}: the column {why}", f"choose from {', '.join(allowed)}")
    if len(set(columns)) < len(columns):
        raise UsageError("cannot partition by the same column twice")


def _write(export: Export, staging: Staging, run: Run, progress: Progress) -> tuple[Tally, tuple[PartFile, ...]]:
    """Write both tables into the staging directory."""
    tally = tally_of(export, run.options)
    sink = run.options.sink
    # Rejects are always Parquet, in one directory.
    plain = SinkOptions(file_mode=sink.file_mode, group_bytes=REJECTS_GROUP_BYTES)
    with (
        TableSink(staging.path, PERSON, run.treatment.schema, sink) as persons,
        TableSink(staging.path, REJECTS, REJECTS_SCHEMA, plain) as rejects,
    ):

        def write(result: BlockResult) -> None:
            persons.write(run.treatment.apply(result.batch))
            if result.rejects:
                rejects.write(to_batch(result.rejects, keep_records=run.treatment.keeps_records))

        with Stage(write, threaded=export.workers > 0) as stage, closing(export.results()) as results:
            for result in results:
                stage.put(result)
                run.account(result, tally, progress)
        files = (*persons.close(), *rejects.close())
    if persons.others:
        labels = {field.name: field.label for field in export.record_schema.fields}
        fields = {labels.get(column, column): rows for column, rows in persons.others.items()}
        tally.note(Notice(PARTITION_OTHER, fields, persons.rows_in_others, ()))
    return tally, files


def _judged(export: Export, run: Run, tally: Tally, store: Store) -> Report:
    """The report with what the guard says of the export, and what is therefore to become of it."""
    options = run.options
    report = report_of("published", export, run, tally)
    if options.limit is not None:
        return replace(report, outcome=_failure(options, tally) or "partial", guard=PARTIAL)
    guard = guarded(
        store.path,
        export.header.export_name,
        report.to_dict(),
        options.guard_limits,
        accepted=not options.guard,
    )
    return replace(report, outcome=_failure(options, tally) or ("guard" if guard.tripped else "published"), guard=guard)


def _settle(staging: Staging, report: Report, manifest: Manifest, name: str, options: ConvertOptions) -> ConvertResult:
    """Publish what was written, or keep what explains why not."""
    if report.outcome == "partial":
        path = staging.keep_partial(manifest, name)
    elif report.outcome == "published":
        with uninterrupted():
            path = staging.publish(manifest, name, replace=options.replace)
    else:
        path = staging.keep_failed(manifest, name)
    message = message_of(path, report) + mode_remark(path / MANIFEST, options.mode)
    return ConvertResult(report.outcome, path, report, message)


def _failure(options: ConvertOptions, tally: Tally) -> str | None:
    """Why the result must not be published, if it must not."""
    if not options.reject_limit.allows(tally.rejected, tally.seen):
        return "too-many-rejects"
    if tally.seen == 0 and not options.allow_empty:
        return "empty"
    return "duplicates" if DUPLICATE in options.strict and tally.duplicates else None


def _is_known(store: Store, export: Export, run: Run) -> bool:
    """Whether this export's snapshot is there, whole, of the same schema and options; the source may still differ."""
    options = run.options
    name = export.header.export_name
    manifest = store.find(name)
    return (
        manifest is not None
        and options.limit is None
        and (is_unverified(export.source.provenance) or not is_unverified(manifest.source.delivery))
        and manifest.schema.sha256 == export.record_schema.sha256
        and options.shaping(run.treatment).items() <= {**UNSAID, **manifest.options}.items()
        # Whoever asks to replace it may know that it is damaged in a way that its sizes do not show.
        and store.is_intact(name, prove=options.replace)
        and not (options.replace and options.profile and _lacks_profile(store.path / name))
    )


def _lacks_profile(snapshot: Path) -> bool:
    """Whether nobody asked what the export holds when it was published; whoever replaces it asks now."""
    try:
        return read_report(snapshot).get("profile") is None
    except InputError:
        return True


def _known_digest(store: Store, export: Export) -> str | None:
    manifest = store.find(export.header.export_name)
    return manifest.source.sha256 if manifest else None


def _unchanged(store: Store, export: Export) -> ConvertResult:
    path = store.path / export.header.export_name
    manifest = store.find(export.header.export_name)
    counts = manifest.counts if manifest else Counts(0, 0, 0)
    held = f"{records(counts.written)}, {number(counts.rejected)} rejected"
    same = f"{path} already holds this export, the same: {held}{describe_warnings(export.source.provenance)}"
    return ConvertResult("unchanged", path, None, f"nothing to do: {same}")


@contextmanager
def _naming_store(store: Path) -> Iterator[None]:
    """Say in an error which store it is about."""
    try:
        yield
    except (GuardError, OutputError, UsageError) as error:
        if str(store) in error.message:
            raise
        raise type(error)(f"{store}: {error.message}", error.hint) from error.__cause__
