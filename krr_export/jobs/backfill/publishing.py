"""Publishing of what tasks converted, in the order of time: the half of a backfill that one process does alone."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from krr_export.errors import InputError, KrrExportError
from krr_export.jobs.backfill.failure import BAD_EXPORT, Failure
from krr_export.jobs.backfill.result import BackfilledExport
from krr_export.jobs.backfill.task import Task
from krr_export.jobs.changes.comparison import compare_with_older
from krr_export.jobs.convert_result import ConvertResult, named_by_place
from krr_export.jobs.loading import Draft, publish_draft
from krr_export.output.snapshot_table import SnapshotTable
from krr_export.output.store import name_store_in_errors
from krr_export.util.signals import remembering_ignored

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from krr_export.jobs.backfill.sources import Found
    from krr_export.jobs.backfill.task import Runner, Staged
    from krr_export.jobs.changes.comparison import Comparison
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.snapshot import Staging
    from krr_export.output.store import Store
    from krr_export.output.store_place import StorePlace
    from krr_export.pipeline.progress import Progress


class Publisher:
    """Publishes exports in order, once they are converted.

    Args:
        store: the locked store.
        place: where that is.
        options: of the conversions.
        newest: of all exports, the one that must not be older than ``max_age``.
        progress: receives the progress.
    """

    def __init__(
        self, store: Store, place: StorePlace, options: ConvertOptions, newest: Found, progress: Progress
    ) -> None:
        self._store = store
        self._place = place
        self._options = options
        self._newest = newest
        self._progress = progress

    def publish(self, several: Sequence[Found], runner: Runner) -> Generator[BackfilledExport, None, None]:
        """Yield what became of each export; what fails around the conversions is said of the one that was next.

        Args:
            several: exports of different times, the oldest first.
            runner: converts them.
        """
        done = 0
        try:
            self._place.show_named(found.name for found in several)
            self._place.write_back()  # the newest of the place may be damaged: what is pointed to is one of these
            with closing(self._publish_all(several, runner)) as published:
                for export in published:
                    done += 1
                    yield export
        except KrrExportError as error:  # as when no directory can be made for it: what was published is still told of
            if done == len(several) or error.exit_code in BAD_EXPORT:
                raise
            yield self._failed(several[done], Failure.of(error))

    def _publish_all(self, several: Sequence[Found], runner: Runner) -> Generator[BackfilledExport, None, None]:
        waiting: deque[tuple[Found, Staging, ExitStack]] = deque()
        with (
            remembering_ignored() as heed,
            ExitStack() as stack,
            closing(runner.results(self._tasks(several, waiting, stack))) as results,
        ):
            for staged in results:
                heed()  # it came while the one before was published
                found, staging, own = waiting.popleft()
                with own:
                    done = self._finish(found, staging, staged)
                yield done

    def _tasks(
        self, several: Sequence[Found], waiting: deque[tuple[Found, Staging, ExitStack]], stack: ExitStack
    ) -> Iterator[Task]:
        """Yield a task for each export, with a directory that goes with the stack of its own."""
        for found in several:
            own = stack.enter_context(ExitStack())
            staging = own.enter_context(self._store.staging())
            waiting.append((found, staging, own))
            options = self._options if found is self._newest else replace(self._options, max_age=None)
            yield Task(found.source, found.size, self._store.path, staging.path, options)

    def _finish(self, found: Found, staging: Staging, staged: Staged) -> BackfilledExport:
        """Publish what was converted; a failure becomes a value."""
        if isinstance(staged, Failure):
            return self._failed(found, staged)
        try:
            with name_store_in_errors(self._store.path):
                result = staged if isinstance(staged, ConvertResult) else self._publish(found, staging, staged)
        except KrrExportError as error:
            self._place.forget(found.name)
            return self._failed(found, Failure.of(error))
        return BackfilledExport.converted(found.source, found.name, named_by_place(result, self._place))

    def _failed(self, found: Found, failure: Failure) -> BackfilledExport:
        named = replace(failure, message=self._place.rename(failure.message))
        return BackfilledExport.failed(found.source, found.name, named)

    def _publish(self, found: Found, staging: Staging, draft: Draft) -> ConvertResult:
        if draft.manifest.export_name != found.name:
            raise InputError("it was exchanged meanwhile", "run again when no one writes there")
        changes = self._options.changes
        self._place.show_neighbours(found.name, *(("person",) if changes else ()), itself=False)
        comparison = self._compare(staging, draft) if changes else None
        result = publish_draft(draft, staging, self._store, self._options, comparison)
        self._place.write_back()
        self._place.release(keep=1 if changes else 0)  # the next is compared with the persons of the last
        return result

    def _compare(self, staging: Staging, draft: Draft) -> Comparison | None:
        """Compare the draft with the snapshot before, as ``convert`` does while it writes."""
        table = SnapshotTable(staging.path, draft.manifest, draft.schema)
        name, made_with = draft.manifest.export_name, draft.manifest.options
        comparison = compare_with_older(self._store.path, name, draft.schema, made_with, self._progress)
        if comparison is not None:
            self._progress.began(f"read {name}", table.rows)
            for batch in table.batches(comparison.key_and_compared):
                comparison.add(batch)
                self._progress.advanced(batch.num_rows)
        return comparison
