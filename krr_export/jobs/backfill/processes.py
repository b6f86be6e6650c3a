"""A runner of tasks on this machine: a process of its own for each, so that memory ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

from krr_export.jobs.backfill.failure import Failure, explain, killed
from krr_export.util.processors import usable_processors
from krr_export.util.threads import map_in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from multiprocessing.connection import Connection

    from krr_export.jobs.backfill.task import Staged, Task
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.store import Store
    from krr_export.pipeline.progress import Progress

_PROGRAM = "import sys; sys.path[:] = {path!r}; from krr_export.jobs.backfill.child import main; main(int(sys.argv[1]))"
"""Not the module of `multiprocessing`: that would run the caller's own program again."""
_OWN = "KRR_EXPORT_"


class ThisMachine:
    """The machine that publishes; see `task.Machines`."""

    @property
    def room(self) -> int:
        """Half as many as there are processors."""
        return max(1, usable_processors() // 2)

    def workers(self, room: int) -> int:
        """Return an equal share of the processors."""
        return max(1, usable_processors() // room)

    @contextmanager
    def runners(
        self, store: Store, _options: ConvertOptions, room: int, progress: Progress, /
    ) -> Iterator[Callable[[], Processes]]:
        """Yield what makes a runner."""
        yield lambda: Processes(room, store.lock, progress)


class Processes:
    """Runs each task in a process of its own.

    Args:
        room: how many at once.
        lock: the descriptor of the store's lock. The processes hold it too: until the last has ended, nobody sweeps
            the directories that they write into. ``None`` if the lock is another machine's.
        progress: receives the progress of all, from several threads.
    """

    def __init__(self, room: int, lock: int | None, progress: Progress) -> None:
        self._room = room
        self._inherited = () if lock is None else (lock,)
        self._progress = progress
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False
        self._guard = threading.Lock()

    def results(self, tasks: Iterable[Task]) -> Generator[Staged, None, None]:
        """Run tasks, and yield what came of them, in order; see `task.Runner`."""
        return map_in_order(lambda: self.run, tasks, self._room, self.end)

    def run(self, task: Task) -> Staged:
        """Run a task, and return what came of it."""
        try:
            ours, theirs = Pipe()
        except OSError as error:  # no more files may be opened
            return explain(error)
        with ours:
            try:
                with theirs:
                    process = self._start(theirs.fileno())
            except OSError as error:  # no more processes may be started
                return explain(error)
            if process is None:
                return killed(0)
            try:
                return self._follow(task, ours) or killed(-min(process.wait(), 0))
            finally:
                process.kill()
                process.wait()
                with self._guard:
                    self._running.discard(process)

    def end(self) -> None:
        """Kill what runs, and start nothing any more."""
        with self._guard:
            self._ended = True
            for process in self._running:
                process.kill()

    def _start(self, fd: int) -> subprocess.Popen[bytes] | None:
        """Start a process; ``None`` if all was ended."""
        program = _PROGRAM.format(path=sys.path)
        with self._guard:
            if self._ended:
                return None
            process = subprocess.Popen(  # noqa: S603 - this very Python, and nothing of the caller's
                [sys.executable, "-c", program, str(fd)],
                pass_fds=(fd, *self._inherited),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # a library's words may quote rows
                start_new_session=True,  # else the terminal would interrupt it too
            )
            self._running.add(process)
            return process

    def _follow(self, task: Task, connection: Connection[Any, Any]) -> Staged | None:
        """Pass the progress on until there is a result; ``None`` if the process ends without one."""
        passed_on = 0
        try:
            connection.send(task)
            while isinstance(message := connection.recv(), tuple):
                size, xml, records = message
                passed_on += size
                self._progress.read(size)
                if records:
                    self._progress.unpacked(xml)
                    self._progress.passed(records)
        except (EOFError, OSError):
            return None
        if not isinstance(message, Failure):
            self._progress.read(task.size - passed_on)  # what is there already is not read
        outcome: Staged = message
        return outcome


def _environment() -> dict[str, str]:
    """Return the environment without our own options: a task has them all, and one may be a passphrase."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
