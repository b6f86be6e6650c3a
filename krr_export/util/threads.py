"""Threads: a bounded pool that returns results in order, and a stage that consumes items in its own thread.

The work is compiled code and Arrow kernels, which release the interpreter's lock.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

Task = TypeVar("Task")
Result = TypeVar("Result")
Item = TypeVar("Item")

_AHEAD = 2
"""Tasks submitted beyond one for each thread, so that no thread is idle while a result is consumed."""


def map_in_order(
    make_worker: Callable[[], Callable[[Task], Result]],
    tasks: Iterable[Task],
    workers: int,
    end: Callable[[], object] = lambda: None,
) -> Generator[Result, None, None]:
    """Run tasks in threads; yield results in the order of the tasks.

    Args:
        make_worker: creates a worker function; each is used by one thread at a time, and gets its tasks in order.
        tasks: in order; an error that they raise is raised after the results of the tasks before it.
        workers: the number of threads; 0 runs the tasks in this one.
        end: called when no more results are wanted, before the tasks that still run are waited for.

    Raises:
        Exception: the first one raised by a task or by ``tasks`` itself.
    """
    if workers == 0:
        yield from map(make_worker(), tasks)
        return
    idle: SimpleQueue[Callable[[Task], Result]] = SimpleQueue()

    def run_task(task: Task) -> Result:
        try:
            worker = idle.get_nowait()
        except Empty:  # created on demand: a small export needs one
            worker = make_worker()
        try:
            return worker(task)
        finally:
            idle.put(worker)

    with _pool(workers, end) as pool:
        yield from _results_in_order(pool, run_task, tasks, workers + _AHEAD)


def _results_in_order(
    pool: ThreadPoolExecutor, run_task: Callable[[Task], Result], tasks: Iterable[Task], max_pending: int
) -> Iterator[Result]:
    pending: deque[Future[Result]] = deque()
    error = None
    iterator = iter(tasks)
    while True:
        try:
            task = next(iterator)
        except StopIteration:
            break
        except Exception as raised:  # raised again below, after the pending results
            error = raised
            break
        pending.append(pool.submit(run_task, task))
        if len(pending) > max_pending:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
    if error is not None:
        raise error


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what a call returns that may wait for ever; given up, its thread waits on, and holds nobody up.

    Args:
        seconds: until it is given up.
        call: the call.

    Raises:
        TimeoutError: it is given up.
        Exception: whatever the call raises.
    """
    made: Future[Result] = Future()

    def run() -> None:
        try:
            made.set_result(call())
        except BaseException as error:  # it is raised where it is waited for
            made.set_exception(error)

    Thread(target=run, daemon=True).start()
    return made.result(seconds)


class Stage(Generic[Item]):
    """Consumes items one after the other in its own thread; `put` waits while it is behind.

    As a context manager it ends when all items are consumed; on an error, pending items are dropped.

    Args:
        consume: called with each item.
        threaded: whether to use a thread; otherwise `put` consumes the item itself.
    """

    def __init__(self, consume: Callable[[Item], object], *, threaded: bool = True) -> None:
        self._consume = consume
        self._pool = ThreadPoolExecutor(1) if threaded else None
        self._pending: deque[Future[object]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.close()

    def put(self, item: Item) -> None:
        """Submit an item; raises the error of an earlier one."""
        if self._pool is None:
            self._consume(item)
            return
        try:
            self._pending.append(self._pool.submit(self._consume, item))
        except BaseException:
            # A signal that comes while a thread starts leaves it unknown to the pool: the program would wait for it.
            self.close()
            raise
        if len(self._pending) > _AHEAD:
            self._pending.popleft().result()

    def finish(self) -> None:
        """Wait until all items are consumed; raises the error of any."""
        while self._pending:
            self._pending.popleft().result()

    def close(self) -> None:
        """End the thread once its current item is done."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@contextmanager
def _pool(threads: int, end: Callable[[], object]) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        end()
        pool.shutdown(cancel_futures=True)
