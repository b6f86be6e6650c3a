"""What is done of a backfill beside others: one export is converted into a staging directory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from krr_export.errors import InputError
from krr_export.jobs.backfill.failure import explain
from krr_export.jobs.backfill.sources import is_pipe
from krr_export.jobs.convert import find_before_reading, prepare, read_key
from krr_export.jobs.loading import write_draft
from krr_export.jobs.run_report import Run
from krr_export.output.store import Store, name_store_in_errors
from krr_export.pipeline.export import name_source_in_errors, open_with

if TYPE_CHECKING:
    from krr_export.jobs.backfill.task import Staged, Task
    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.jobs.loading import Draft
    from krr_export.pipeline.export import Export
    from krr_export.pipeline.progress import Progress


def run_task(task: Task, progress: Progress) -> Staged:
    """Convert an export into a staging directory; a failure comes back as a value.

    Args:
        task: the export.
        progress: receives the progress.
    """
    try:
        return _stage(task, progress)
    except Exception as error:
        return explain(error)


def _stage(task: Task, progress: Progress) -> Draft | ConvertResult:
    if is_pipe(task.source):
        raise InputError("it was exchanged meanwhile", "run again when no one writes there")
    options = task.options
    run, key = Run(time.monotonic(), options), read_key(options)
    with open_with(task.source, options.schema, options.read, progress.read) as export:
        prepare(export, run, key)
        progress.opened(export)
        with name_store_in_errors(task.store):
            published = find_before_reading(Store(task.store, options.mode), export, run)
            unchanged = published.unchanged_result(_digest(task, export)) if published else None
            return unchanged or write_draft(export, task.directory, run, progress)


def _digest(task: Task, export: Export) -> str | None:
    """Return the SHA-256 of the export as delivered; an object is read for it, which costs less than to convert it."""
    digest = export.source.digest_whole_file()
    if digest is not None:
        return digest
    with open_with(task.source, export.record_schema, task.options.read) as again:
        with name_source_in_errors(again.source.name):
            for _ in again.source:
                pass
        return again.source.sha256
