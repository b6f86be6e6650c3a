"""Threads: work on blocks is shared among a bounded few, results come in order, and writing is a stage of its own.

What is done there is compiled code and Arrow kernels, which let go of the interpreter's lock.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

Task = TypeVar("Task")
Result = TypeVar("Result")
Item = TypeVar("Item")

_AHEAD = 2
"""Tasks beyond one a thread that are under way: so that none waits while a result is taken."""


def map_in_order(
    makers: Callable[[], Callable[[Task], Result]], tasks: Iterable[Task], workers: int
) -> Generator[Result, None, None]:
    """Do tasks in threads; results in the order of the tasks.

    Args:
        makers: makes what does a task; each is used by one thread at a time, and gets its tasks in order.
        tasks: in order; an error that they raise comes after the results of the tasks before it.
        workers: how many threads; 0 for this one alone.

    Raises:
        Exception: the first that any task, or ``tasks`` itself, leads to.
    """
    if workers == 0:
        yield from map(makers(), tasks)
        return
    idle: SimpleQueue[Callable[[Task], Result]] = SimpleQueue()

    def do(task: Task) -> Result:
        try:
            worker = idle.get_nowait()
        except Empty:  # made as they are needed: a small export needs one
            worker = makers()
        try:
            return worker(task)
        finally:
            idle.put(worker)

    with _pool(workers) as pool:
        yield from _results(pool, do, tasks, workers + _AHEAD)


def _results(
    pool: ThreadPoolExecutor, do: Callable[[Task], Result], tasks: Iterable[Task], room: int
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    error = None
    iterator = iter(tasks)
    while True:
        try:
            task = next(iterator)
        except StopIteration:
            break
        except Exception as raised:  # it waits until those under way are done
            error = raised
            break
        waiting.append(pool.submit(do, task))
        if len(waiting) > room:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
    if error is not None:
        raise error


class Stage(Generic[Item]):
    """Takes items one after the other in a thread of its own; whoever gives them waits where it falls behind.

    As a context manager it ends when all are taken; where an error ends it, what waits is dropped.

    Args:
        take: does something with an item.
        threaded: whether in a thread, or at once.
    """

    def __init__(self, take: Callable[[Item], object], *, threaded: bool = True) -> None:
        self._take = take
        self._pool = ThreadPoolExecutor(1) if threaded else None
        self._waiting: deque[Future[object]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.close()

    def put(self, item: Item) -> None:
        """Have the item taken; raises what an earlier one led to."""
        if self._pool is None:
            self._take(item)
            return
        self._waiting.append(self._pool.submit(self._take, item))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Wait until all are taken; raises what one led to."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """End the thread, once it has done what it is doing."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
