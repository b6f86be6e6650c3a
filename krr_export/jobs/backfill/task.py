"""What a backfill asks to be done beside others, and of whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from krr_export.jobs.backfill.failure import Failure
    from krr_export.jobs.backfill.sources import Location
    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.jobs.loading import Draft
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.store import Store
    from krr_export.pipeline.progress import Progress


@dataclass(frozen=True)
class Task:
    """One export, and where its tables are to be written.

    Attributes:
        source: where the export lies.
        size: its bytes as delivered.
        store: the directory of snapshots, or the mirror of it, which somebody else has locked.
        directory: for staging; it is there, and empty.
        options: of the conversion. They may hold a passphrase.
    """

    source: Location
    size: int
    store: Path
    directory: Path
    options: ConvertOptions = field(repr=False)


Staged: TypeAlias = "Draft | ConvertResult | Failure"
"""What came of a task: tables to publish, nothing to do, or a failure."""


class Runner(Protocol):
    """Runs tasks beside each other, somewhere; all that a backfill knows of processes or other machines."""

    def results(self, tasks: Iterable[Task]) -> Generator[Staged, None, None]:
        """Run tasks; yield what came of them, in their order.

        Only a few tasks are taken ahead of what was yielded, as each fills a directory. Closing the generator ends
        what still runs, and nothing is written from then on.
        """


class Machines(Protocol):
    """Where tasks are run."""

    @property
    def room(self) -> int:
        """How many tasks are run at once, unless something else is asked for."""

    def workers(self, room: int, /) -> int | None:
        """Return the threads of a conversion beside so many; ``None`` if each machine has a number of its own."""

    def runners(
        self, store: Store, options: ConvertOptions, room: int, progress: Progress, /
    ) -> AbstractContextManager[Callable[[], Runner]]:
        """Provide for what makes a runner; each runs one series of tasks.

        Args:
            store: locked by this process.
            options: of the conversions.
            room: how many at once.
            progress: receives the progress of all, from several threads.
        """
