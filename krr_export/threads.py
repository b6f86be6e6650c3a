"""Threads: work on blocks is shared among a bounded few, results come in order, and writing is a stage of its own.

What is done there is compiled code and Arrow kernels, which let go of the interpreter's lock.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

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
    for _ in range(workers):
        idle.put(makers())

    def do(task: Task) -> Result:
        worker = idle.get()
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


@contextmanager
def stage(take: Callable[[Item], object], *, threaded: bool) -> Iterator[Callable[[Item], object]]:
    """Have items taken one after the other, in a thread of their own; whoever gives them waits where it falls behind.

    Args:
        take: does something with an item.
        threaded: whether in a thread, or at once.

    Yields:
        what hands an item over; it raises what an earlier one led to. All are taken when the stage ends; where it ends
        by an error, what waits is dropped.
    """
    if not threaded:
        yield take
        return
    waiting: deque[Future[object]] = deque()
    with _pool(1) as pool:

        def put(item: Item) -> None:
            waiting.append(pool.submit(take, item))
            if len(waiting) > _AHEAD:
                waiting.popleft().result()

        yield put
        while waiting:
            waiting.popleft().result()


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
