"""A runner of tasks on this machine: a process of its own for each conversion, so that memory ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from multiprocessing import Pipe
from typing import TYPE_CHECKING

from krr_export.jobs.backfill.failure import Failure, explain, killed
from krr_export.jobs.convert_result import ConvertResult
from krr_export.util.processors import usable_processors
from krr_export.util.threads import map_in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

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
    """Runs each task in a process that has converted nothing before.

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
        self._children: set[_Child] = set()
        self._idle: list[_Child] = []
        self._ended = False
        self._guard = threading.Lock()

    def results(self, tasks: Iterable[Task]) -> Generator[Staged, None, None]:
        """Run tasks, and yield what came of them, in order; see `task.Runner`."""
        return map_in_order(lambda: self.run, tasks, self._room, self.end)

    def run(self, task: Task) -> Staged:
        """Run a task, and return what came of it."""
        try:
            child = self._free_child()
        except OSError as error:  # no more files may be opened, or no more processes started
            return explain(error)
        if child is None:
            return killed(0)
        outcome = None
        try:
            outcome = child.convert(task, self._progress)
            return outcome or killed(child.wait())
        finally:
            # It only found that all is there already: its memory is as small as at its start, which takes long.
            self._leave(child, idle=isinstance(outcome, ConvertResult))

    def end(self) -> None:
        """Kill what runs, and start nothing any more."""
        with self._guard:
            self._ended = True
            for child in self._children:
                child.kill()
            idle, self._idle = self._idle, []
        for child in idle:
            self._leave(child)

    def _free_child(self) -> _Child | None:
        """Return a process with nothing to do; ``None`` if all was ended."""
        with self._guard:
            if self._ended:
                return None
            while self._idle:
                if (child := self._idle.pop()).is_there():  # it may have been killed meanwhile
                    return child
                child.close()
                self._children.discard(child)
            child = _Child(self._inherited)
            self._children.add(child)
            return child

    def _leave(self, child: _Child, *, idle: bool = False) -> None:
        """Keep a process for another task, or end it."""
        with self._guard:
            if idle and not self._ended:
                self._idle.append(child)
                return
        child.close()
        with self._guard:
            self._children.discard(child)


class _Child:
    """A process that runs one task after the other, and the connection to it.

    Args:
        inherited: descriptors that it holds too.

    Raises:
        OSError: no more files may be opened, or no more processes started.
    """

    def __init__(self, inherited: tuple[int, ...]) -> None:
        self._connection, theirs = Pipe()
        try:
            with theirs:
                self._process = _start(theirs.fileno(), inherited)
        except OSError:
            self._connection.close()
            raise

    def convert(self, task: Task, progress: Progress) -> Staged | None:
        """Pass the progress on until there is a result; ``None`` if the process ends without one."""
        passed_on = 0
        try:
            self._connection.send(task)
            while isinstance(message := self._connection.recv(), tuple):
                size, xml, records = message
                passed_on += size
                progress.read(size)
                if records:
                    progress.unpacked(xml)
                    progress.passed(records)
        except (EOFError, OSError):
            return None
        if not isinstance(message, Failure):
            progress.read(task.size - passed_on)  # what is there already is not read
        outcome: Staged = message
        return outcome

    def is_there(self) -> bool:
        """Return whether it has not ended."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait until it has ended, and return the signal that ended it; 0 if none did."""
        return -min(self._process.wait(), 0)

    def kill(self) -> None:
        """Kill it; who waits for its result learns that."""
        self._process.kill()

    def close(self) -> None:
        """End it."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


def _start(fd: int, inherited: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this very Python, and nothing of the caller's
        [sys.executable, "-c", _PROGRAM.format(path=sys.path), str(fd)],
        pass_fds=(fd, *inherited),
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a library's words may quote rows
        start_new_session=True,  # else the terminal would interrupt it too
    )


def _environment() -> dict[str, str]:
    """Return the environment without our own options: a task has them all, and one may be a passphrase."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
