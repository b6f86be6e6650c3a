"""Worker processes: blocks are spread over them, results come back in the blocks' order.

Workers are fresh interpreters that talk over pipes, not forks: a fork would share the store's lock and other open
files, and is not safe in a program that has threads, as any that uses Arrow does. When this process dies, their input
ends, and so do they.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING, Self

from krr_export.blocks import Block
from krr_export.errors import KrrExportError, OutputError
from krr_export.memory import ARROW_ENVIRONMENT
from krr_export.road import Road

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from krr_export.road import BlockResult, RoadMap

_BOOTSTRAP = "import sys; sys.path[:] = sys.argv[1:]; from krr_export.workers import serve; serve()"
_IN_FLIGHT = 2
"""Blocks beyond one a worker that are under way: enough that nobody waits, few enough that memory stays flat."""


class WorkerFaultError(Exception):
    """A fault of this program in a worker: its kind and where it arose, without its message, which may quote data."""

    @property
    def places(self) -> tuple[str, ...]:
        """The kind of the error in the worker, then the lines of its traceback."""
        return self.args


def travel_all(road_map: RoadMap, blocks: Iterable[Block], workers: int) -> Iterator[BlockResult]:
    """Travel the road of every block; results in the order of the blocks.

    Args:
        road_map: the document's.
        blocks: in order; an error that they raise comes after the results of the blocks before it.
        workers: processes; 0 for none, and a document of one block never takes any.

    Raises:
        KrrExportError: the first that any block, or ``blocks`` itself, leads to.
        OutputError: a worker died.
    """
    blocks = iter(blocks)
    errors: list[KrrExportError] = []
    held = _held_back(blocks, errors)
    first = list(islice(held, 2))
    if workers == 0 or len(first) < 2:  # noqa: PLR2004 - one block is no work to share
        road = Road(road_map)
        yield from (road.travel(block) for block in chain(first, held))
    else:
        with _Workers(road_map, workers) as pool:
            yield from pool.travel_all(chain(first, held))
    if errors:
        raise errors[0]


def serve() -> None:
    """Be a worker: take a road map, then blocks, from standard input; give results on standard output."""
    # An interrupt reaches the whole group of processes: the main one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    blocks = Connection(os.dup(sys.stdin.fileno()), writable=False)
    results = Connection(os.dup(sys.stdout.fileno()), readable=False)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else prints, results stay clean
    with suppress(EOFError, BrokenPipeError):
        road = Road(pickle.loads(blocks.recv_bytes()))  # noqa: S301 - from the process that started this one
        while True:
            place = pickle.loads(blocks.recv_bytes())  # noqa: S301 - as above
            block = Block(blocks.recv_bytes(), **place)
            results.send_bytes(pickle.dumps(_outcome(road, block), protocol=5))


def _outcome(road: Road, block: Block) -> BlockResult | Exception:
    try:
        return road.travel(block)
    except KrrExportError as error:
        return error
    except MemoryError:
        return OutputError("a worker ran out of memory", "use fewer --workers, or a larger machine")
    except Exception as error:  # whatever it is, the main process reports it as a fault
        return WorkerFaultError(*_places(error))


def _places(error: BaseException) -> list[str]:
    """The kind of an error and where it arose; no message."""
    places = [type(error).__name__]
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return places


def _held_back(blocks: Iterator[Block], errors: list[KrrExportError]) -> Iterator[Block]:
    """The blocks; an error that ends them is put aside until the results of those before it are out."""
    try:
        yield from blocks
    except KrrExportError as error:
        errors.append(error)


class _Workers:
    """A pool of worker processes; a context manager."""

    def __init__(self, road_map: RoadMap, count: int) -> None:
        self._workers = [_Worker() for _ in range(count)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(count)
        self._road_map = pickle.dumps(road_map, protocol=5)
        self._in_flight = count + _IN_FLIGHT

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

    def travel_all(self, blocks: Iterable[Block]) -> Iterator[BlockResult]:
        under_way: deque[Future[BlockResult]] = deque()
        for block in blocks:
            under_way.append(self._threads.submit(self._travel, block))
            if len(under_way) > self._in_flight:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _travel(self, block: Block) -> BlockResult:
        worker = self._idle.get()
        try:
            return worker.ask(block)
        finally:
            self._idle.put(worker)


class _Worker:
    """One worker process, seen from here."""

    def __init__(self) -> None:
        their_blocks, self._blocks = Pipe(duplex=False)
        self._results, their_results = Pipe(duplex=False)
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter, isolated from the working directory
            [sys.executable, "-I", "-c", _BOOTSTRAP, *sys.path],
            stdin=their_blocks.fileno(),
            stdout=their_results.fileno(),
            env={**os.environ, **ARROW_ENVIRONMENT},
        )
        their_blocks.close()
        their_results.close()

    def send(self, message: bytes) -> None:
        """Send it a message; the first one is the road map, all others are blocks."""
        try:
            self._blocks.send_bytes(message)
        except OSError:
            raise self._died() from None

    def ask(self, block: Block) -> BlockResult:
        """Have it travel the road of one block."""
        place = {name: value for name, value in vars(block).items() if name != "data"}
        self.send(pickle.dumps(place))
        self.send(block.data)  # as it is: pickled, it would lie in memory twice
        try:
            outcome = pickle.loads(self._results.recv_bytes())  # noqa: S301 - from a process that this one started
        except (EOFError, OSError):
            raise self._died() from None
        if isinstance(outcome, Exception):
            raise outcome
        result: BlockResult = outcome
        return result

    def kill(self) -> None:
        """End it at once. It is safe: a worker owns nothing but its memory."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Close the pipes."""
        self._blocks.close()
        self._results.close()

    def _died(self) -> OutputError:
        code = self._process.wait()
        why = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return OutputError(f"a worker process died, {why}", "is the machine out of memory? Use fewer --workers")
