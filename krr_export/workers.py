"""Worker processes: each travels the road of the blocks it is given.

Workers are fresh interpreters that talk over pipes, not forks: a fork would share the store's lock and other open
files, and is not safe in a program that has threads, as any that uses Arrow does. When this process dies, their input
ends, and so do they.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from krr_export.blocks import Block
from krr_export.descriptors import clear_of_standard_streams
from krr_export.errors import KrrExportError, OutputError, no_more_threads
from krr_export.guesses import Guess
from krr_export.road import BlockResult, Road, RoadMap
from krr_export.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Task: TypeAlias = Block | Guess
Outcome: TypeAlias = BlockResult | None
"""``None`` is the answer to a guess that was wrong."""

_BOOTSTRAP = (
    "import sys; messages, results, *sys.path[:] = sys.argv[1:];"
    " from krr_export.lean import keep_arrow_lean, keep_heap_warm, leave_no_core;"
    " leave_no_core(); keep_arrow_lean(); keep_heap_warm();"
    " from krr_export.workers import serve; serve(int(messages), int(results))"
)
_BEGINNING = 8
"""Blocks after which a worker has met all that it loads when it is first asked for."""
_IN_FLIGHT = 8
"""Blocks beyond one a worker that are under way: while a row group is written, which takes longer than some blocks,
workers go on."""
_IN_FLIGHT_IN_PIPES = 2
"""The same where blocks go to workers through pipes, and are in memory here."""


class WorkerFaultError(Exception):
    """A fault of this program in a worker: its kind and where it arose, without its message, which may quote data."""

    @property
    def places(self) -> tuple[str, ...]:
        """The kind of the error in the worker, then the lines of its traceback."""
        return self.args


class Team(Protocol):
    """Travels the road of blocks, which are given to it in the document's order."""

    room: int
    """How many blocks may be under way."""

    def submit(self, task: Task) -> Future[Outcome]:
        """Travel the road of one block, sooner or later."""
        ...


class Alone:
    """A team of this process: it travels the road of a block when it is given it.

    Args:
        road_map: the document's.
        file: descriptor of the document's file, where guesses leave their bytes there.
    """

    room = 0

    def __init__(self, road_map: RoadMap, file: int | None) -> None:
        self._road = Road(road_map)
        self._file = file

    def submit(self, task: Task) -> Future[Outcome]:
        """See `Team`."""
        future: Future[Outcome] = Future()
        try:
            future.set_result(_travel(self._road, task, self._file))
        except KrrExportError as error:
            future.set_exception(error)
        return future


class Staff:
    """The worker processes that may read one document: started when there is work to share, or earlier, to be ready.

    Args:
        count: processes; 0 for none.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._ready: list[_Worker] = []

    @cached_property
    def shelf(self) -> Shelf | None:
        """Where a stream's guesses may lie for the workers to read; ``None`` where that is not to be had."""
        try:
            return Shelf(self.count + _IN_FLIGHT + 2) if self.count else None
        except (AttributeError, OSError):  # not on Linux; forbidden
            return None

    def get_ready(self, plain_file: int | None) -> None:
        """Start the processes now: they take as long as it takes to load a schema.

        Args:
            plain_file: descriptor of the document's file, if it is a plain one. Its encoding is not known yet: whether
                blocks will be read from there or from the shelf, the workers have both.
        """
        shelf = self.shelf.file if self.shelf else None
        files = [file for file in (plain_file, shelf) if file is not None]
        self._ready = [_Worker(files) for _ in range(self.count)]

    def team(self, road_map: RoadMap, file: int | None) -> Workers:
        """Form a team: of those who are ready the first time, else of new ones.

        Args:
            road_map: the document's.
            file: descriptor of the file, plain or the shelf's, where guesses leave their bytes.
        """
        ready, self._ready = self._ready, []
        files = () if file is None else (file,)
        return Workers(road_map, file, ready or [_Worker(files) for _ in range(self.count)])

    def dismiss(self) -> None:
        """End those who were not asked to do anything, and give the shelf back."""
        for worker in self._ready:
            worker.kill()
            worker.close()
        self._ready = []
        if "shelf" in self.__dict__ and self.shelf is not None:
            self.shelf.close()


class Workers:
    """A team of worker processes; a context manager.

    Args:
        road_map: the document's.
        file: descriptor of the document's file, where guesses leave their bytes there.
        workers: the processes, which end with the team.
    """

    def __init__(self, road_map: RoadMap, file: int | None, workers: list[_Worker]) -> None:
        self.room = len(workers) + (_IN_FLIGHT_IN_PIPES if file is None else _IN_FLIGHT)
        self._workers = workers
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(len(workers))
        self._road_map = pickle.dumps((road_map, file), protocol=5)

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.send(self._road_map)
            self._idle.put(worker)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()  # which also ends the thread that may be waiting for it
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def submit(self, task: Task) -> Future[Outcome]:
        """See `Team`.

        The future raises `OutputError` where the worker died.
        """
        return self._threads.submit(self._ask, task)

    def _ask(self, task: Task) -> Outcome:
        worker = self._idle.get()
        try:
            return worker.ask(task)
        finally:
            self._idle.put(worker)


def serve(messages_from: int, results_to: int) -> None:
    """Be a worker: take a road map, then blocks, from one descriptor; give results on another.

    They are not standard input and output: what runs at every start of an interpreter may print there, or read.

    Args:
        messages_from: the descriptor of the pipe that work comes from.
        results_to: that of the pipe that results go to.
    """
    # An interrupt reaches the whole group of processes: the main one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A block makes a hundred thousand tuples: the collector would walk them all again and again.
    gc.disable()
    messages = Connection(messages_from, writable=False)
    results = Connection(results_to, readable=False)
    with suppress(EOFError, OSError):  # whoever gives the work is gone, perhaps amid a message
        road_map, file = pickle.loads(messages.recv_bytes())  # noqa: S301 - from the process that started this one
        road = Road(road_map)
        beginning = _BEGINNING
        while True:
            task: Task = pickle.loads(messages.recv_bytes())  # noqa: S301 - as above
            if task.data is not None:
                task = replace(task, data=messages.recv_bytes())
            results.send_bytes(pickle.dumps(_outcome(lambda: _travel(road, task, file)), protocol=5))  # noqa: B023 - called at once
            gc.collect()  # lxml's parsers are held by cycles
            if beginning:
                gc.freeze()  # what was loaded for the first blocks stays, and is not walked again
                beginning -= 1


def _travel(road: Road, task: Task, file: int | None) -> Outcome:
    if isinstance(task, Block):
        return road.travel(task)
    data = task.data
    if data is None:
        assert file is not None, "a guess without bytes has a file"  # noqa: S101 - an invariant of this package
        data = os.pread(file, task.length, task.file_offset)
    return road.travel_guess(task, data)


def _outcome(travel: Callable[[], Outcome]) -> Outcome | Exception:
    try:
        return travel()
    except KrrExportError as error:
        return error
    except MemoryError:
        return OutputError("a worker ran out of memory", "use fewer --workers, or a larger machine")
    except Exception as error:  # whatever it is, the main process reports it as a fault
        return no_more_threads(error) or WorkerFaultError(*_places(error))


def _places(error: BaseException) -> list[str]:
    """The kind of an error and where it arose; no message."""
    places = [type(error).__name__]
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return places


def _harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without this program's own variables: one may be a passphrase, and no worker needs any."""
    return {name: value for name, value in environment.items() if not name.startswith("KRR_EXPORT_")}


def _pipe() -> tuple[int, int]:
    """The end to read from, and the end to write to."""
    reader, writer = os.pipe()
    return clear_of_standard_streams(reader), clear_of_standard_streams(writer)


class _Worker:
    """One worker process, seen from here.

    Args:
        files: descriptors of the files that it may be told to read.
    """

    def __init__(self, files: Sequence[int]) -> None:
        their_messages, messages = _pipe()
        results, their_results = _pipe()
        self._messages = Connection(messages, readable=False)
        self._results = Connection(results, writable=False)
        theirs = (their_messages, their_results)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter, isolated from the working directory
                [sys.executable, "-I", "-c", _BOOTSTRAP, *map(str, theirs), *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if sys.stderr is None else None,
                pass_fds=(*theirs, *files),
                env=_harmless(os.environ),
            )
        except OSError as error:
            raise OutputError(
                f"a worker process cannot be started: {os.strerror(error.errno or 0)}",
                "use fewer --workers, or raise the limits on processes and memory",
            ) from None
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def send(self, message: bytes) -> None:
        """Send it a message; the first one is the road map, all others are tasks and their bytes."""
        try:
            self._messages.send_bytes(message)
        except OSError:
            raise self._died() from None

    def ask(self, task: Task) -> Outcome:
        """Have it travel the road of one block."""
        self.send(pickle.dumps(task if task.data is None else replace(task, data=b""), protocol=5))
        if task.data is not None:
            self.send(task.data)  # as it is: pickled, it would lie in memory twice
        try:
            outcome = pickle.loads(self._results.recv_bytes())  # noqa: S301 - from a process that this one started
        except (EOFError, OSError):
            raise self._died() from None
        if isinstance(outcome, Exception):
            raise outcome
        answer: Outcome = outcome
        return answer

    def kill(self) -> None:
        """End it at once. It is safe: a worker owns nothing but its memory."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Close the pipes."""
        self._messages.close()
        self._results.close()

    def _died(self) -> OutputError:
        code = self._process.wait()
        why = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return OutputError(f"a worker process died, {why}", "is the machine out of memory? Use fewer --workers")
