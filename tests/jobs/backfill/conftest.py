"""What tests of backfills share."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from krr_export.jobs.backfill.processes import Processes
from krr_export.jobs.backfill.run_task import run_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.jobs.backfill.task import Task


def _run_here(processes: Processes, task: Task) -> Any:  # noqa: ANN401 - whatever comes of a task
    """What `Processes.run` does, without its process: the task and what comes of it are passed on as they are there."""
    progress = processes._progress  # noqa: SLF001 - it tells it of what its processes tell
    return pickle.loads(pickle.dumps(run_task(pickle.loads(pickle.dumps(task)), progress)))  # noqa: S301 - our own


@pytest.fixture
def then_in_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has tasks of a backfill run, once it is called, in the threads that otherwise wait for processes.

    As many run beside each other as do with processes, which take long to start. For tests of what is published, and
    for the run after one that was killed; others start the processes.
    """
    return lambda: monkeypatch.setattr(Processes, "run", _run_here)


@pytest.fixture
def in_threads(then_in_threads: Callable[[], None]) -> None:
    """Have tasks of a backfill run in threads from the beginning; see `then_in_threads`."""
    then_in_threads()
