"""A runner of tasks on other machines, whose workers see the store and the sources at the same paths.

The lock of the store holds other runs off, not workers that this run believes lost. So each execution writes into a
directory of its own in the run's nursery, a directory for staging. What a worker hands back is moved from there to
where it is published from; the rest goes with the nursery, and a late writer gets an error that nobody sees.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import KilledError, NetworkError, UsageError
from krr_export.jobs.backfill.cluster.on_worker import PROBE, Order, Site, convert_here, look
from krr_export.jobs.backfill.failure import Failure, explain
from krr_export.jobs.loading import Draft
from krr_export.output.publish import staging_path
from krr_export.schema.record_schema import BUILT_IN
from krr_export.util.files import output_errors, remove
from krr_export.util.threads import map_in_order, within

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from distributed import Future

    from krr_export.jobs.backfill.cluster.connection import Connection
    from krr_export.jobs.backfill.cluster.on_worker import Converted
    from krr_export.jobs.backfill.task import Runner, Staged, Task
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.store import Store
    from krr_export.pipeline.progress import Progress

_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_BETWEEN_QUESTIONS = 5
_SECONDS_TO_END = 10
_SECONDS_WITHOUT_WORKERS = 60
"""Workers that are started anew come back sooner."""


class Cluster:
    """The machines of a cluster; see `task.Machines`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.client

    @property
    def room(self) -> int:
        """How many tasks it runs at once: a task takes a thread of a worker."""
        threads: dict[str, int] = self._connection.ask(self._client.nthreads)
        return max(1, sum(threads.values()))

    def workers(self, room: int) -> None:
        """Return nothing: each worker shares the processors of its machine among its threads."""

    @contextmanager
    def runners(
        self, store: Store, options: ConvertOptions, room: int, progress: Progress, /
    ) -> Iterator[Callable[[], Runner]]:
        """Yield what makes a runner of tasks for a store.

        Args:
            store: locked by this process.
            options: of the conversions.
            room: how many at once.
            progress: receives the progress of all, from several threads.

        Raises:
            UsageError: a worker does not see the store, or reads another XSD.
            OutputError: the store cannot be written.
        """
        topic = f"krr-export-{secrets.token_hex(8)}"
        with _nursery(store) as nursery:
            run = _Run(self._connection, topic, nursery, self._compared(nursery, options), _Passed(progress))
            self._client.subscribe_topic(topic, run.passed.tell)
            try:
                yield lambda: _Tasks(run, room)
            finally:
                with suppress(ValueError, OSError):
                    self._client.unsubscribe_topic(topic)

    def _compared(self, nursery: Path, options: ConvertOptions) -> Site:
        """Return what this machine has, if all workers have the same."""
        schema = _with_whole_paths(options).schema
        ours = look(nursery, schema)
        found = self._connection.ask(lambda: self._client.run(look, nursery, schema, on_error="return"))
        for address, theirs in found.items():
            known = isinstance(theirs, Site)
            difference = ours.difference(theirs) if known else "cannot run krr-export"
            if difference is not None:
                raise UsageError(f"the worker {address} {difference}", "have the same on all machines")
        return ours


@contextmanager
def _nursery(store: Store) -> Iterator[Path]:
    """A directory in the store for what workers write, with a probe file in it."""
    with store.staging() as staging:
        path = staging.path.absolute()
        try:
            with output_errors("write to the store"):
                (path / PROBE).write_text(secrets.token_hex(16))
                (path / PROBE).chmod(store.file_mode)
            yield path
        finally:
            _put_away(path, path.parent)


def _put_away(path: Path, store: Path) -> None:
    """Remove a directory into which somebody may still write: under a new name, nothing new is made in it."""
    with suppress(OSError):  # the next run sweeps
        remove(path.rename(staging_path(store)))


class _Passed:
    """The progress of tasks, each of which may be run several times.

    Args:
        progress: receives it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._counts: dict[int, list[int]] = {}
        self._guard = threading.Lock()

    def tell(self, event: tuple[float, list[int]]) -> None:
        """Pass on what a worker says that it did of a task so far: number, bytes, bytes of XML, records."""
        _, (number, *counts) = event
        with self._guard:
            before = self._counts.get(number, [0, 0, 0])
            size, xml, records = (max(0, new - old) for new, old in zip(counts, before, strict=True))
            self._counts[number] = [max(pair) for pair in zip(counts, before, strict=True)]
        self._progress.read(size)
        if records:
            self._progress.unpacked(xml)
            self._progress.passed(records)

    def done(self, number: int, size: int) -> None:
        """Count all bytes of a task, as what is there already is not read."""
        with self._guard:
            read, xml, records = self._counts.get(number, [0, 0, 0])
        self.tell((0, [number, max(read, size), xml, records]))


@dataclass(frozen=True)
class _Run:
    """What all tasks of a run have in common."""

    connection: Connection
    topic: str
    nursery: Path
    site: Site
    passed: _Passed
    numbers: Iterator[int] = field(default_factory=itertools.count)


class _Tasks:
    """Runs tasks on the workers; a thread here waits for each."""

    def __init__(self, run: _Run, room: int) -> None:
        self._run = run
        self._room = room
        self._futures: set[Future[Converted]] = set()
        self._ended = threading.Event()
        self._guard = threading.Lock()

    def results(self, tasks: Iterable[Task]) -> Generator[Staged, None, None]:
        """Run tasks, and yield what came of them, in order; see `task.Runner`.

        When it is closed, workers end what runs within seconds, and write nothing that is published.
        """
        return map_in_order(lambda: self._convert, tasks, self._room, self._end)

    def _convert(self, task: Task) -> Staged:
        number = next(self._run.numbers)
        try:
            future = self._submit(number, task)
            try:
                name, staged = self._wait(future)
            finally:
                with self._guard:
                    self._futures.discard(future)
                future.release()
            if isinstance(staged, Draft):
                with output_errors("take over what a worker wrote"):
                    (self._run.nursery / name).rename(task.directory)
        except self._run.connection.lost_workers:
            return _lost_workers()
        except (CancelledError, OSError):
            return Failure.of(NetworkError("the connection to the scheduler was lost", "run again"))
        except Exception as error:
            return explain(error)
        for left in self._run.nursery.glob(f"{number}-*"):  # of workers that were lost
            _put_away(left, self._run.nursery)
        if not isinstance(staged, Failure):
            self._run.passed.done(number, task.size)
        return staged

    def _submit(self, number: int, task: Task) -> Future[Converted]:
        run = self._run
        key = f"{run.topic}-{number}"
        order = Order(number, key, _with_whole_paths_in(task), run.nursery, run.site)
        with self._guard:
            if self._ended.is_set():
                raise CancelledError
            future: Future[Converted] = run.connection.client.submit(
                convert_here, order, key=key, pure=False, retries=0
            )
            self._futures.add(future)
        return future

    def _wait(self, future: Future[Converted]) -> Converted:
        """Return what a worker hands back; Dask runs a task again, a few times, whose worker is lost."""
        seen = looked = time.monotonic()
        while not future.done():  # not its own wait for a time: that sometimes fails of itself
            if self._ended.wait(_SECONDS_BETWEEN_LOOKS):
                raise CancelledError
            if (now := time.monotonic()) < looked + _SECONDS_BETWEEN_QUESTIONS:
                continue
            looked = now
            if self._run.connection.ask(self._run.connection.client.nthreads):
                seen = now
            elif now > seen + _SECONDS_WITHOUT_WORKERS:
                raise NetworkError("the cluster has no workers any more", "start some, and run again")
        result: Converted = future.result()
        return result

    def _end(self) -> None:
        """Cancel what runs, and start nothing any more."""
        with self._guard:
            self._ended.set()
            futures = [*self._futures]
        with suppress(Exception):  # the scheduler is gone: so are the tasks
            within(_SECONDS_TO_END, lambda: self._run.connection.client.cancel(futures, force=True))


def _lost_workers() -> Failure:
    what = "several workers that converted it were lost, as on machines without memory"
    return Failure.of(KilledError(what, "run again, perhaps with fewer --processes or --workers"))


def _with_whole_paths_in(task: Task) -> Task:
    source = task.source.absolute() if isinstance(task.source, Path) else task.source
    return replace(task, source=source, store=task.store.absolute(), options=_with_whole_paths(task.options))


def _with_whole_paths(options: ConvertOptions) -> ConvertOptions:
    """Return the options with paths that mean the same wherever a worker was started."""
    schema, key, delivery = options.schema, options.pseudonym_key, options.delivery
    private_key, publisher_cert = delivery.private_key, delivery.publisher_cert
    return replace(
        options,
        schema=schema if str(schema) in BUILT_IN else Path(schema).absolute(),
        pseudonym_key=key and key.absolute(),
        delivery=replace(
            delivery,
            private_key=private_key and private_key.absolute(),
            publisher_cert=publisher_cert and publisher_cert.absolute(),
        ),
    )
