"""Convert and validate: put the stages of a pass together, and decide what becomes of the result."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Unpack

from krr_export.errors import GuardError, UsageError
from krr_export.jobs.convert_result import named_by_place
from krr_export.jobs.keywords import ConvertKeywords, changed
from krr_export.jobs.loading import failure_outcome, load_rows
from krr_export.jobs.options import DEFAULTS, ConvertOptions
from krr_export.jobs.published import Published, Wanted, find_published
from krr_export.jobs.run_report import Run, build_report, new_tally
from krr_export.output.store import Store, name_store_in_errors, open_store
from krr_export.output.store_place import StorePlace, open_place
from krr_export.pipeline.export import Export, name_source_in_errors, open_with
from krr_export.pipeline.progress import Progress
from krr_export.transform.derivation import DeriveOptions
from krr_export.transform.privacy import read_pseudonym_key, treatment_of
from krr_export.util.fields import StrPath, refuse_wrong_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.reporting.report import Report
    from krr_export.transform.privacy import PseudonymKey


@refuse_wrong_options(ConvertKeywords.__annotations__, store=StrPath)
def convert(
    source: StrPath | BinaryIO,
    store: StrPath,
    options: ConvertOptions | None = None,
    *,
    progress: Progress | None = None,
    **keywords: Unpack[ConvertKeywords],
) -> ConvertResult:
    """Convert an export into a published snapshot, or publish nothing.

    >>> result = krr_export.convert("export.xml.gz", "store", max_rejects="1%")
    >>> result.outcome, result.report.counts.written
    ('published', 2000)

    Args:
        source: a path (plain or gzip), ``-`` for standard input, or a binary stream.
        store: the directory of snapshots, created if missing; or the URI of a place in an object store.
        options: the options of the conversion.
        progress: receives the progress of the run.
        keywords: options by name, such as ``format="csv"`` or ``private_key="receiver.p12"``; they override
            ``options``.

    Raises:
        UsageError: an option or the schema is wrong, or the store is of another kind.
        InputError: the export is unusable.
        GuardError: the export is too old, from the future, or already published with another result; or it is older
            than the newest snapshot, and that is not allowed.
        NetworkError: an object store cannot be reached, or denies access; nothing was published.
        OutputError: the store or the machine failed; nothing was published.
    """
    with open_place(store) as place:
        return convert_into(place, source, changed(options or DEFAULTS, keywords), progress or Progress())


def convert_into(
    place: StorePlace, source: StrPath | BinaryIO, options: ConvertOptions, progress: Progress
) -> ConvertResult:
    """Convert an export into a store, wherever that is; see `convert`."""
    run, key = Run(time.monotonic(), options), read_key(options)
    if place.mirror is not None and options.limit is not None:
        raise UsageError("--limit makes a partial result, which no object store keeps", "give a local store")
    with open_with(source, options.schema, options.read, progress.read) as export:
        place.show_neighbours(export.header.export_name, *(("person",) if options.changes else ()))
        result = convert_opened(export, place.directory, run, progress, key)
    place.write_back()
    return named_by_place(result, place)


def read_key(options: ConvertOptions) -> PseudonymKey | None:
    """Read the key of pseudonyms, before anything else is read.

    Raises:
        InputError: it is no key.
    """
    return read_pseudonym_key(options.privacy.pseudonym_key) if options.privacy.pseudonym_key else None


def convert_opened(
    export: Export, directory: Path, run: Run, progress: Progress, key: PseudonymKey | None
) -> ConvertResult:
    """Convert an export that is open; see `convert`.

    Args:
        export: the export, not yet read.
        directory: the store.
        run: the options, and when the run began.
        progress: receives the progress of the run.
        key: of pseudonyms.
    """
    prepare(export, run, key)
    progress.opened(export)
    with name_store_in_errors(directory), open_store(directory, file_mode=run.options.mode) as store:
        published = find_before_reading(store, export, run)

        def find_unchanged(digest: str | None) -> ConvertResult | None:
            return published.unchanged_result(digest) if published else None

        unchanged = find_unchanged(export.source.digest_whole_file())
        return unchanged or load_rows(export, store, run, progress, lambda: find_unchanged(export.source.sha256))


def prepare(export: Export, run: Run, key: PseudonymKey | None) -> None:
    """Check the export's age and the options against its schema, and decide the treatment of its rows.

    Raises:
        GuardError: the export is too old.
        UsageError: an option does not go with the schema.
    """
    options = run.options
    with _proving_source(export):
        options.age_limits.check_age(export.header.exported_at)
    _check_partitions(options.partition_by, export)
    run.treatment = treatment_of(export.schema, options.privacy, key, options.partition_by)
    export.derivation.refuse_conflicts(run.treatment, options.read.derive, options.columns, options.drop)


@refuse_wrong_options(ConvertKeywords.__annotations__)
def validate(
    source: StrPath | BinaryIO,
    options: ConvertOptions | None = None,
    *,
    progress: Progress | None = None,
    **keywords: Unpack[ConvertKeywords],
) -> Report:
    """Run the same checks as ``convert``, and write nothing.

    >>> report = krr_export.validate("export.xml.gz")
    >>> report.outcome, report.counts.rejected
    ('valid', 0)

    Raises:
        UsageError: an option or the schema is wrong.
        InputError: the export is unusable.
    """
    options = changed(options or DEFAULTS, keywords)
    progress = progress or Progress()
    run = Run(time.monotonic(), options)
    read_options = replace(options.read, derive=DeriveOptions())  # derived columns are useless if nothing is written
    with open_with(source, options.schema, read_options, progress.read) as export:
        progress.opened(export)
        tally = new_tally(export, options)
        with closing(export.results()) as results:
            for result in results:
                run.add_result(result, tally, progress)
        outcome = failure_outcome(options, tally) or "valid"
        return build_report("rejects" if outcome == "too-many-rejects" else outcome, export, run, tally)


@contextmanager
def _proving_source(export: Export) -> Iterator[None]:
    """Before a `GuardError` about the export's time, prove that the bytes read are those that were verified."""
    try:
        yield
    except GuardError:
        with name_source_in_errors(export.source.name):
            export.source.prove()
        raise


def _check_partitions(columns: Sequence[str], export: Export) -> None:
    allowed = [*export.record_schema.partitionable(), *export.derivation.partitionable()]
    for column in columns:
        if column not in allowed:
            why = "may hold personal values or too many" if column in export.schema.names else "is not there"
            raise UsageError(f"cannot partition by {column}: the column {why}", f"choose from {', '.join(allowed)}")
    if len(set(columns)) < len(columns):
        raise UsageError("cannot partition by the same column twice")


def find_before_reading(store: Store, export: Export, run: Run) -> Published | None:
    """Return the snapshot of this export that was made with the same options, before its records are read.

    Raises:
        GuardError: the export is from the future, or older than the newest snapshot and that is not allowed.
        UsageError: the store is of another kind.
    """
    made_with = run.options.for_manifest(run.treatment)
    store.check_same_kind(made_with, export.record_schema.name)
    header, source = export.header, export.source
    wanted = Wanted(header.export_name, header.exported_at, export.record_schema.sha256, made_with, source.provenance)
    with _proving_source(export):
        return find_published(store, wanted, run.options)
