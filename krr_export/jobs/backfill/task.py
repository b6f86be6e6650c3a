"""What a backfill asks to be done beside others, and of whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from krr_export.jobs.backfill.failure import Failure
    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.jobs.loading import Draft
    from krr_export.jobs.options import ConvertOptions


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


Staged: TypeAlias = "Draft | ConvertResult | Failure"
"""What came of a task: tables to publish, nothing to do, or a failure."""


class Runner(Protocol):
    """Runs tasks beside each other, somewhere; all that a backfill knows of processes or other machines."""

    def results(self, tasks: Iterable[Task]) -> Generator[Staged, None, None]:
        """Run tasks; yield what came of them, in their order.

        Only a few tasks are taken ahead of what was yielded, as each fills a directory. Closing the generator ends
        what still runs, and nothing is written from then on.
        """
