"""What a worker of a Dask cluster does of a backfill: one export is converted into a directory that nobody else has.

Dask logs what a task raises, with the values in it: nothing is raised here, and what Dask is given does not show what
it holds.
"""

from __future__ import annotations

import platform
import secrets
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from krr_export.errors import KrrExportError, UsageError
from krr_export.jobs.backfill.failure import explain
from krr_export.jobs.backfill.processes import Processes
from krr_export.jobs.loading import Draft
from krr_export.pipeline.progress import Progress
from krr_export.schema.registry import load_schema
from krr_export.util.files import make_directories, remove
from krr_export.util.processors import usable_processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distributed import Worker

    from krr_export.jobs.backfill.task import Staged, Task
    from krr_export.jobs.options import ConvertOptions

PACKAGES = ("krr-export", "pyarrow", "lxml", "numpy", "isal", "phonenumbers", "tzdata", "distributed")
"""What the bytes of tables and the verdicts depend on, and what carries tasks."""
PROBE = "probe"
"""A file in the nursery: who reads the same there sees the same store."""
_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_EVENTS = 0.5

Converted: TypeAlias = "tuple[str, Staged]"
"""The directory in the nursery, and what came of the task."""


@dataclass(frozen=True)
class Site:
    """What must be the same on all machines.

    Attributes:
        versions: of Python and of `PACKAGES`.
        schema: the digest of the XSD.
        probe: what the probe file holds.
    """

    versions: dict[str, str]
    schema: str
    probe: str

    def difference(self, other: Site) -> str | None:
        """Return what the other one has that this one has not, as the end of a sentence; ``None`` if nothing."""
        for name, ours in self.versions.items():
            if (theirs := other.versions.get(name, "")) != ours:
                return f"has {f'{name} {theirs}' if theirs else f'no {name}'}, and this machine {ours or 'none'}"
        if other.schema != self.schema:
            return "reads another XSD, or none, at the path of --schema"
        return None if other.probe == self.probe else "does not see the store's directory at the same path"


@dataclass(frozen=True, repr=False)
class Order:
    """A task for a worker; its representation says nothing, as Dask may log it.

    Attributes:
        number: of the task.
        key: by which Dask knows it; events are told of under the part before the last dash.
        task: its directory is the coordinator's: the worker makes one of its own in the nursery.
        nursery: the directory of the run, in the store.
        site: what the worker must have.
    """

    number: int
    key: str
    task: Task
    nursery: Path
    site: Site

    @property
    def topic(self) -> str:
        """The topic of events that tell of the progress: number, bytes, bytes of XML and records so far."""
        return self.key.rpartition("-")[0]


def look(nursery: Path, schema: str | Path) -> Site:
    """Return what this machine has; what cannot be told is empty."""
    digest = probe = ""
    with suppress(KrrExportError, OSError):
        digest = load_schema(schema).sha256
    with suppress(OSError, UnicodeError):
        probe = (nursery / PROBE).read_text()
    return Site({"Python": platform.python_version()} | {name: _version(name) for name in PACKAGES}, digest, probe)


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow to load, and seldom needed

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def convert_here(order: Order) -> Converted:
    """Convert an export on this worker, in a process of its own; a failure comes back as a value.

    Each execution has a directory of its own, since Dask may run a task again while a worker that it believes lost
    still writes. Its process ends when nobody waits for it any more, or the directory is gone.
    """
    try:
        return _convert(order)
    except Exception as error:
        return "", explain(error)


def _convert(order: Order) -> Converted:
    from distributed import get_worker  # noqa: PLC0415 - an optional package

    worker: Worker = get_worker()
    difference = order.site.difference(look(order.nursery, order.task.options.schema))
    if difference is not None:  # it joined since all were asked
        raise UsageError(f"the worker {worker.address} {difference}", "have the same on all machines")
    directory = order.nursery / f"{order.number}-{secrets.token_hex(8)}"
    make_directories(directory, order.nursery, order.task.options.mode)
    told = _Told(order, worker)
    processes = Processes(1, None, told)
    try:
        with _watched(lambda: directory.is_dir() and _is_wanted(worker, order.key), processes.end):
            staged = processes.run(replace(order.task, directory=directory, options=_with_workers(order, worker)))
    finally:
        processes.end()
    told.flush()
    if not isinstance(staged, Draft):
        with suppress(OSError):  # the coordinator removes the rest
            remove(directory)
    return directory.name, staged


def _with_workers(order: Order, worker: Worker) -> ConvertOptions:
    """Return the options with this machine's processors shared among the threads of the worker."""
    options = order.task.options
    share = max(1, usable_processors() // worker.state.nthreads)
    return options if options.workers is not None else replace(options, workers=share)


def _is_wanted(worker: Worker, key: str) -> bool:
    """Return whether anybody waits for the task: Dask does not stop one that was cancelled while it runs."""
    known = worker.state.tasks.get(key)
    return known is not None and known.state != "cancelled"


@contextmanager
def _watched(is_wanted: Callable[[], bool], end: Callable[[], object]) -> Iterator[None]:
    """Call ``end`` as soon as something is not wanted any more."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_SECONDS_BETWEEN_LOOKS):
            if not is_wanted():
                end()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@dataclass
class _Told(Progress):
    """Tells the coordinator of the progress so far: numbers alone, so that what is told twice does no harm."""

    order: Order
    worker: Worker
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    due: float = 0

    def read(self, size: int) -> None:
        """Count bytes."""
        self._add(0, size)

    def unpacked(self, size: int) -> None:
        """Count bytes of XML."""
        self._add(1, size)

    def passed(self, records: int) -> None:
        """Count records."""
        self._add(2, records)

    def _add(self, which: int, number: int) -> None:
        self.counts[which] += number
        if time.monotonic() >= self.due:
            self.flush()

    def flush(self) -> None:
        """Tell of what was not yet told."""
        self.worker.log_event(self.order.topic, [self.order.number, *self.counts])
        self.due = time.monotonic() + _SECONDS_BETWEEN_EVENTS
