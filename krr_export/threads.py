"""Threads: work on blocks is shared among a bounded few, results come in order, and reading runs ahead.

What is done there is compiled code and Arrow kernels, which let go of the interpreter's lock.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

Task = TypeVar("Task")
Result = TypeVar("Result")
Item = TypeVar("Item")

_AHEAD = 2
"""Tasks beyond one a thread that are under way: so that none waits while a result is taken."""
_BATCH_BYTES = 1 << 20
_BATCHES_AHEAD = 4
"""So much of a document is read before it is asked for."""


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


def read_ahead(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    """The same pieces, made in a thread of their own before they are asked for; an error comes in its place."""
    with _pool(1) as pool:
        waiting = deque(pool.submit(_some, pieces) for _ in range(_BATCHES_AHEAD))
        while True:
            batch, error = waiting.popleft().result()
            yield from batch
            if error is not None:
                raise error
            if not batch:
                return
            waiting.append(pool.submit(_some, pieces))


def _some(pieces: Iterator[bytes]) -> tuple[list[bytes], Exception | None]:
    """The next pieces, at least `_BATCH_BYTES`: to hand over each by itself would cost more than it is worth."""
    batch: list[bytes] = []
    size = 0
    try:
        while size < _BATCH_BYTES and (piece := next(pieces, None)) is not None:
            batch.append(piece)
            size += len(piece)
    except Exception as error:  # it comes behind the pieces before it
        return batch, error
    return batch, None


class Stage(Generic[Item]):
    """A thread that takes one item after the other; whoever gives them waits where it falls behind.

    Args:
        take: does something with an item.
    """

    def __init__(self, take: Callable[[Item], object], pool: ThreadPoolExecutor) -> None:
        self._take = take
        self._pool = pool
        self._waiting: deque[Future[object]] = deque()

    def put(self, item: Item) -> None:
        """Have the item taken, sooner or later; raises what an earlier one led to."""
        self._waiting.append(self._pool.submit(self._take, item))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Wait until all are taken."""
        while self._waiting:
            self._waiting.popleft().result()


@contextmanager
def stage(take: Callable[[Item], object]) -> Iterator[Stage[Item]]:
    """A `Stage` that has taken everything when it ends; where it ends by an error, what waits is dropped."""
    with _pool(1) as pool:
        running = Stage(take, pool)
        yield running
        running.finish()


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
