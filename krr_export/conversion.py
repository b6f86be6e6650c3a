"""The road itself, from source to snapshot: puts the stages together and decides what becomes of the result."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from krr_export import __version__
from krr_export.delivery.opening import UNVERIFIED, DeliveryOptions, is_unverified
from krr_export.errors import OutputError, UsageError
from krr_export.export import Export, ReadOptions, default_workers, open_with
from krr_export.limits import RejectLimit
from krr_export.memory import PeakMemory
from krr_export.privacy import (
    NOTHING_APPLIED,
    PrivacyOptions,
    Treatment,
    column_names,
    read_pseudonym_key,
    treatment_of,
)
from krr_export.progress import Progress
from krr_export.publish import LATEST
from krr_export.rejects import REJECTS_SCHEMA, to_batch
from krr_export.report import REPORT_JSON, Performance, Report, Tally, number
from krr_export.sinks import PartFile, SinkOptions, TableSink
from krr_export.snapshot import Counts, Manifest, SchemaVersion, SourceFile, Staging
from krr_export.store import Store, open_store
from krr_export.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from krr_export.road import BlockResult
    from krr_export.schema import RecordSchema
    from krr_export.sinks.options import Compression, Format

PERSON = "person"
REJECTS = "rejects"
"""The tables of a snapshot."""


@dataclass(frozen=True)
class ConvertOptions:
    """What may be chosen for ``convert``; see the command's help for what each means.

    Raises:
        UsageError: an option has no such value.
    """

    schema: str | Path = "14-05"
    format: Format = "parquet"
    compression: Compression | None = None
    partition_by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    pseudonymise: tuple[str, ...] = ()
    pseudonym_key: Path | None = None
    rows_per_file: int = SinkOptions.rows_per_file
    max_rejects: int | str = 0
    allow_empty: bool = False
    replace: bool = False
    mode: int = 0o600
    limit: int | None = None
    workers: int | None = None
    reader: str = "auto"
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)

    def __post_init__(self) -> None:
        # A list, or one name, is as good as a tuple.
        columns = (self.partition_by,) if isinstance(self.partition_by, str) else tuple(self.partition_by)
        object.__setattr__(self, "partition_by", columns)
        for option in ("columns", "drop", "pseudonymise"):
            object.__setattr__(self, option, column_names(f"--{option}", getattr(self, option)))
        # Each raises where its part is wrong, before anything is read or written.
        _ = self.sink, self.read, self.reject_limit, self.privacy

    @property
    def sink(self) -> SinkOptions:
        """Those that the sinks ask for."""
        return SinkOptions(self.format, self.compression, self.rows_per_file, self.partition_by, self.mode)

    @property
    def read(self) -> ReadOptions:
        """Those that reading asks for."""
        return ReadOptions(self.workers, self.reader, self.limit, self.delivery)

    @property
    def reject_limit(self) -> RejectLimit:
        """How many rejects are allowed."""
        return RejectLimit.of(self.max_rejects)

    @property
    def privacy(self) -> PrivacyOptions:
        """What is left out or replaced."""
        key = None if self.pseudonym_key is None else Path(self.pseudonym_key)  # text is as good as a path
        return PrivacyOptions(self.columns, self.drop, self.pseudonymise, key)

    def shaping(self, treatment: Treatment) -> dict[str, Any]:
        """Those that shape the output: two runs that agree in them, the source and the schema give the same files.

        Args:
            treatment: what those of `privacy` mean for the export; the key counts by its fingerprint.
        """
        return {
            **treatment.applied,
            "format": self.format,
            "compression": self.sink.effective_compression,
            "partition_by": list(self.partition_by),
            "rows_per_file": self.rows_per_file,
        }


@dataclass(frozen=True)
class ConvertResult:
    """What became of an export.

    Attributes:
        outcome: ``published``, ``unchanged`` (it was there already, the same), ``partial``, ``too-many-rejects``,
            ``empty``.
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
        """The command's: 0, or 1 where the export was not published."""
        return 1 if self.outcome in {"too-many-rejects", "empty"} else 0


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
        UsageError: an option or the schema is wrong.
        InputError: the export is unusable.
        OutputError: the store or the machine failed; nothing was published.
    """
    options = replace(options or ConvertOptions(), **changes)
    progress = progress or Progress()
    run = _Run(time.monotonic(), options)
    key = read_pseudonym_key(options.privacy.pseudonym_key) if options.privacy.pseudonym_key else None
    with ExitStack() as stack:
        at_once = options.limit is None
        export = stack.enter_context(open_with(source, options.schema, options.read, progress.read, at_once=at_once))
        schema = export.record_schema
        _check_partitions(options.partition_by, schema)
        run.treatment = treatment_of(export.schema, options.privacy, key, options.partition_by)
        progress.opened(export)
        stack.enter_context(_naming_store(Path(store)))
        opened = stack.enter_context(open_store(Path(store), file_mode=options.mode))
        opened.check_same_kind(
            format=options.format,
            partition_by=options.partition_by,
            schema_name=schema.name,
            privacy=run.treatment.applied,
        )
        if _is_known(opened, export, run) and _digest_before_reading(source, export) == _known_digest(opened, export):
            return _unchanged(opened, export)
        staging = stack.enter_context(opened.staging())
        tally, files = _write(export, staging, run, progress)
        if _is_known(opened, export, run) and export.source.sha256 == _known_digest(opened, export):
            return _unchanged(opened, export)
        return _settle(export, staging, run, tally, files)


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
    run = _Run(time.monotonic(), options)
    with open_with(source, options.schema, options.read, progress.read, at_once=options.limit is None) as export:
        progress.opened(export)
        tally = Tally()
        with closing(export.results()) as results:
            for result in results:
                run.account(result, tally, progress)
        outcome = _failure(options, tally) or "valid"
        return _report("rejects" if outcome == "too-many-rejects" else outcome, export, run, tally)


class _Run:
    """One run's options and costs, and what it does to the rows before they are written."""

    treatment: Treatment
    """Known once the export is open."""

    def __init__(self, started: float, options: ConvertOptions) -> None:
        self.options = options
        self.started = started
        self.memory = PeakMemory()

    def account(self, result: BlockResult, tally: Tally, progress: Progress) -> None:
        tally.add(result)
        progress.passed(result.records)
        self.memory.sample()

    def performance(self, export: Export) -> Performance:
        self.memory.sample(now=True)
        workers = default_workers() if self.options.workers is None else self.options.workers
        seconds = round(time.monotonic() - self.started, 3)
        return Performance(seconds, export.source.bytes_read, self.memory.peak, workers)


def _check_partitions(columns: Sequence[str], schema: RecordSchema) -> None:
    allowed = schema.partitionable()
    for column in columns:
        if column not in allowed:
            why = "may hold personal values or too many" if column in schema.arrow.names else "is not there"
            raise UsageError(f"cannot partition by {column}: the column {why}", f"choose from {', '.join(allowed)}")
    if len(set(columns)) < len(columns):
        raise UsageError("cannot partition by the same column twice")


def _write(export: Export, staging: Staging, run: _Run, progress: Progress) -> tuple[Tally, tuple[PartFile, ...]]:
    """Write both tables into the staging directory."""
    tally = Tally()
    sink = run.options.sink
    plain = SinkOptions(file_mode=sink.file_mode)  # rejects are always Parquet, in one directory
    with (
        TableSink(staging.path, PERSON, run.treatment.schema, sink) as persons,
        TableSink(staging.path, REJECTS, REJECTS_SCHEMA, plain) as rejects,
        closing(export.results()) as results,
    ):
        for result in results:
            persons.write(run.treatment.apply(result.batch))
            if result.rejects:
                rejects.write(to_batch(result.rejects, keep_records=run.treatment.keeps_records))
            run.account(result, tally, progress)
        files = (*persons.close(), *rejects.close())
    return tally, files


def _settle(export: Export, staging: Staging, run: _Run, tally: Tally, files: tuple[PartFile, ...]) -> ConvertResult:
    """Publish what was written, or keep what explains why not."""
    failure = _failure(run.options, tally)
    outcome = failure or ("published" if run.options.limit is None else "partial")
    report = _report(outcome, export, run, tally)
    files = (*files, staging.write_text(REPORT_JSON, report.to_json()))
    manifest = _manifest(export, run, tally, files)
    name = export.header.export_name
    if failure:
        path = staging.keep_failed(manifest, name)
    elif run.options.limit is not None:
        path = staging.keep_partial(manifest, name)
    else:
        with uninterrupted():
            path = staging.publish(manifest, name, replace=run.options.replace)
    return ConvertResult(outcome, path, report, _message(path, report))


def _failure(options: ConvertOptions, tally: Tally) -> str | None:
    """Why the result must not be published, if it must not."""
    if not options.reject_limit.allows(tally.rejected, tally.seen):
        return "too-many-rejects"
    return "empty" if tally.seen == 0 and not options.allow_empty else None


def _message(path: Path, report: Report) -> str:
    """What became of the export, in one line."""
    counts, limits = report.counts, report.limits
    records = f"{number(counts['written'])} records"
    if counts["rejected"]:
        records += f", {number(counts['rejected'])} rejected"
    latest = path.parent / LATEST
    older = f"; latest stays at the newer {latest.resolve().name}" if latest.resolve() != path.resolve() else ""
    unsigned = f"; {UNVERIFIED}" if is_unverified(report.source["delivery"]) else ""
    match report.outcome:
        case "published":
            return f"published {records} as {path}{older}{unsigned}"
        case "partial":
            return f"kept a partial result of {records} as {path}; it is not published{unsigned}"
        case "empty":
            why, then = "the export holds no records", "or give --allow-empty if that is right"
        case _:
            why = (
                f"{number(counts['rejected'])} of {number(counts['seen'])} records rejected, more than"
                f" --max-rejects {limits['max_rejects']} allows"
            )
            then = report.main_reason()
    return f"not published: {why}; see report.json and rejects/ in {path}; {then}"


def _report(outcome: str, export: Export, run: _Run, tally: Tally) -> Report:
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
        },
        counts=asdict(_counts(tally)),
        read_by=dict(+tally.read_by),  # those that took any
        notices=tally.in_order(),
        performance=run.performance(export),
    )


def _manifest(export: Export, run: _Run, tally: Tally, files: tuple[PartFile, ...]) -> Manifest:
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
        "eksport_tidspunkt_utc": _instant(export.header.exported_at, "microseconds"),
        "seneste_endringsnummer": export.header.seneste_endringsnummer,
    }


def _counts(tally: Tally) -> Counts:
    return Counts(tally.seen, tally.written, tally.rejected)


def _instant(moment: datetime, precision: str) -> str:
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _now() -> str:
    return _instant(datetime.now(UTC), "seconds")


def _is_known(store: Store, export: Export, run: _Run) -> bool:
    """Whether this export's snapshot is there, whole, of the same schema and options; the source may still differ."""
    options = run.options
    name = export.header.export_name
    manifest = store.find(name)
    return (
        manifest is not None
        and options.limit is None
        and (is_unverified(export.source.provenance) or not is_unverified(manifest.source.delivery))
        and manifest.schema.sha256 == export.record_schema.sha256
        and options.shaping(run.treatment).items() <= {**NOTHING_APPLIED, **manifest.options}.items()
        # Whoever asks to replace it may know that it is damaged in a way that its sizes do not show.
        and store.is_intact(name, prove=options.replace)
    )


def _known_digest(store: Store, export: Export) -> str | None:
    manifest = store.find(export.header.export_name)
    return manifest.source.sha256 if manifest else None


def _digest_before_reading(source: str | os.PathLike[str] | BinaryIO, export: Export) -> str:
    """SHA-256 of a file that can be read again; empty for any other source."""
    if export.source.verified_sha256 is not None:
        return export.source.verified_sha256
    if not isinstance(source, (str, os.PathLike)) or not Path(source).is_file():
        return ""
    with Path(source).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unchanged(store: Store, export: Export) -> ConvertResult:
    path = store.path / export.header.export_name
    manifest = store.find(export.header.export_name)
    counts = manifest.counts if manifest else Counts(0, 0, 0)
    held = f"{number(counts.written)} records, {number(counts.rejected)} rejected"
    return ConvertResult("unchanged", path, None, f"nothing to do: {path} already holds this export, the same: {held}")


@contextmanager
def _naming_store(store: Path) -> Iterator[None]:
    """Say in an error which store it is about."""
    try:
        yield
    except OutputError as error:
        if str(store) in error.message:
            raise
        raise OutputError(f"{store}: {error.message}", error.hint) from error.__cause__
