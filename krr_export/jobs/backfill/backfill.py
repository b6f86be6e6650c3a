"""Backfill: exports are converted beside each other, and published one after the other in the order of their time.

The guard, what changed and `latest` need the snapshot before. So the store is what it would have become night by night.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from krr_export.errors import InputError, KrrExportError, UsageError
from krr_export.input.delivery.opening import with_keys
from krr_export.jobs.backfill.failure import Failure
from krr_export.jobs.backfill.processes import Processes
from krr_export.jobs.backfill.result import BackfilledExport, BackfillResult
from krr_export.jobs.backfill.shared_progress import SharedProgress
from krr_export.jobs.backfill.sources import find_exports
from krr_export.jobs.backfill.task import Task
from krr_export.jobs.changes.comparison import compare_with_older
from krr_export.jobs.convert import name_store_in_errors
from krr_export.jobs.loading import ConvertResult, Draft, publish_draft
from krr_export.output.snapshot_table import SnapshotTable
from krr_export.output.store import open_store
from krr_export.util.processors import usable_processors
from krr_export.util.signals import remembering_ignored

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from krr_export.input.delivery.opening import DeliveryOptions
    from krr_export.jobs.backfill.sources import Found
    from krr_export.jobs.backfill.task import Runner, Staged
    from krr_export.jobs.changes.comparison import Comparison
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.snapshot import Staging
    from krr_export.output.store import Store
    from krr_export.pipeline.progress import Progress
    from krr_export.util.fields import StrPath


def run_backfill(  # noqa: PLR0913 - by keyword, each an option of the command line
    sources: Iterable[StrPath],
    directory: Path,
    options: ConvertOptions,
    *,
    processes: int | None,
    skip_bad: bool,
    progress: Progress,
    on_done: Callable[[BackfilledExport], object],
) -> BackfillResult:
    """Convert many exports, and publish them in the order of their time; see `krr_export.backfill`."""
    if options.limit is not None:
        raise UsageError("--limit gives partial results, and a backfill publishes", "leave it out")
    progress = SharedProgress(progress)
    room = max(1, usable_processors() // 2) if processes is None else processes
    portable, keyed = _with_keys(options.delivery)
    found, unread = find_exports(sources, replace(options, delivery=keyed), room, progress)
    if not found and not unread:
        raise UsageError("there is no export to convert", "name files, or directories of deliveries")
    done = [BackfilledExport.failed(one.source, None, one.failure) for one in unread]
    for export in done:
        on_done(export)
    if skip_bad or not done:
        with closing(_converted(found, directory, replace(options, delivery=portable), room, progress)) as converted:
            for export in converted:
                done.append(export)
                on_done(export)
                if export.exit_code and (export.stops or not skip_bad):
                    break
    left = found[len(done) - len(unread) :]
    return BackfillResult((*done, *(BackfilledExport.left(one.source, one.name) for one in left)))


def _with_keys(delivery: DeliveryOptions) -> tuple[DeliveryOptions, DeliveryOptions]:
    """Return options of deliveries for other processes, and for this one: there is one prompt for a passphrase."""
    asked: list[bytes | None] = [None]

    def ask() -> bytes | None:
        asked.append(delivery.passphrase())
        return asked[-1]

    keyed = replace(delivery, passphrase=ask)
    if delivery.private_key is not None:
        keyed = with_keys(keyed)
    return replace(delivery, passphrase=asked[-1], keys=None), keyed


def _converted(
    found: Sequence[Found], directory: Path, options: ConvertOptions, room: int, progress: Progress
) -> Generator[BackfilledExport, None, None]:
    """Yield what became of each export, in order."""
    if not found:
        return
    room = min(room, len(found))
    workers = max(1, usable_processors() // room) if options.workers is None else options.workers
    progress.planned(len(found), sum(one.size for one in found))
    with name_store_in_errors(directory), open_store(directory, file_mode=options.mode) as store:
        publisher = _Publisher(store, replace(options, workers=workers), found[-1], progress)
        for several in _without_repeats(found):
            with closing(publisher.publish(several, Processes(room, store.lock, progress))) as published:
                yield from published


def _without_repeats(found: Sequence[Found]) -> Iterator[Sequence[Found]]:
    """Cut the exports so that no part has two of one time: what becomes of the second depends on the first."""
    first = 0
    for index in range(1, len(found)):
        if found[index].name == found[index - 1].name:
            yield found[first:index]
            first = index
    yield found[first:]


class _Publisher:
    """Publishes exports in order, once they are converted.

    Args:
        store: the locked store.
        options: of the conversions.
        newest: of all exports, the one that must not be older than ``max_age``.
        progress: receives the progress.
    """

    def __init__(self, store: Store, options: ConvertOptions, newest: Found, progress: Progress) -> None:
        self._store = store
        self._options = options
        self._newest = newest
        self._progress = progress

    def publish(self, several: Sequence[Found], runner: Runner) -> Generator[BackfilledExport, None, None]:
        """Yield what became of each export.

        Args:
            several: exports of different times, the oldest first.
            runner: converts them.
        """
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
            return BackfilledExport.failed(found.source, found.name, staged)
        try:
            with name_store_in_errors(self._store.path):
                result = staged if isinstance(staged, ConvertResult) else self._publish(found, staging, staged)
        except KrrExportError as error:
            return BackfilledExport.failed(found.source, found.name, Failure.of(error))
        return BackfilledExport.converted(found.source, found.name, result)

    def _publish(self, found: Found, staging: Staging, draft: Draft) -> ConvertResult:
        if draft.manifest.export_name != found.name:
            raise InputError(f"{found.source.name} was exchanged meanwhile", "run again when no one writes there")
        comparison = self._compare(staging, draft) if self._options.changes else None
        return publish_draft(draft, staging, self._store, self._options, comparison)

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
