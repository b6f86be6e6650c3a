"""What is done of a backfill beside others: one export is converted into a staging directory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from krr_export.jobs.backfill.failure import Failure, explain
from krr_export.jobs.convert import find_before_reading, name_store_in_errors, prepare, read_key
from krr_export.jobs.loading import ConvertResult, Draft, write_draft
from krr_export.jobs.run_report import Run
from krr_export.output.store import Store
from krr_export.pipeline.export import open_with

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from krr_export.jobs.options import ConvertOptions
    from krr_export.pipeline.progress import Progress


@dataclass(frozen=True)
class Task:
    """One export, and where its tables are to be written.

    Attributes:
        source: the export.
        size: its bytes as delivered.
        store: the directory of snapshots, which somebody else has locked.
        directory: for staging; it is there, and empty.
        options: of the conversion. They may hold a passphrase.
    """

    source: Path
    size: int
    store: Path
    directory: Path
    options: ConvertOptions = field(repr=False)


Staged: TypeAlias = Draft | ConvertResult | Failure
"""What came of a task: tables to publish, nothing to do, or a failure."""


class Runner(Protocol):
    """Runs tasks beside each other, somewhere; all that a backfill knows of processes or other machines."""

    def results(self, tasks: Iterable[Task]) -> Generator[Staged, None, None]:
        """Run tasks; yield what came of them, in their order.

        Only a few tasks are taken ahead of what was yielded, as each fills a directory. Closing the generator ends
        what still runs, and nothing is written from then on.
        """


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
    options = task.options
    run, key = Run(time.monotonic(), options), read_key(options)
    with open_with(task.source, options.schema, options.read, progress.read) as export:
        prepare(export, run, key)
        progress.opened(export)
        with name_store_in_errors(task.store):
            published = find_before_reading(Store(task.store, options.mode), export, run)
            unchanged = published.unchanged_result(export.source.digest_whole_file()) if published else None
            return unchanged or write_draft(export, task.directory, run, progress)
