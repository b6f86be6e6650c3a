"""The journey of a whole document: its blocks are given to a team, and the results come back in order."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING

from krr_export.errors import KrrExportError
from krr_export.guesses import Guess
from krr_export.workers import Alone

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from concurrent.futures import Future

    from krr_export.blocks import Block, Document
    from krr_export.guesses import Guesses
    from krr_export.road import BlockResult, RoadMap
    from krr_export.workers import Outcome, Staff, Task, Team


def travel_blocks(road_map: RoadMap, blocks: Iterable[Block], staff: Staff) -> Iterator[BlockResult]:
    """Travel the road of blocks that were cut exactly; results in their order.

    Args:
        road_map: the document's.
        blocks: in order; an error that they raise comes after the results of the blocks before it.
        staff: who may read it; a document of one block never takes any.

    Raises:
        KrrExportError: the first that any block, or ``blocks`` itself, leads to.
    """
    queue = _Queue(blocks)
    with ExitStack() as stack:
        yield from _exactly(queue, _team(stack, queue, road_map, None, staff))


def travel_document(
    road_map: RoadMap, document: Document, guesses: Guesses, file: int | None, staff: Staff
) -> Iterator[BlockResult]:
    """Travel the road of a document cut by guess, and exactly where that does not do; results in order.

    Args:
        road_map: the document's.
        document: it.
        guesses: the document cut by guess.
        file: descriptor of the document's file, where the guesses leave their bytes there.
        staff: who may read it; a document of one block never takes any.

    Raises:
        KrrExportError: the first that any block, or the document itself, leads to.
    """
    queue = _Queue(guesses)
    with ExitStack() as stack:
        team = _team(stack, queue, road_map, file, staff)
        right = yield from _by_guess(document, guesses, queue, team)
        if not right:
            # Whoever read wrong guesses counts examples that are not going to be shown.
            stack.close()
            queue = _Queue(document.blocks())
            team = _team(stack, queue, road_map, None, staff)
        else:
            queue = _Queue(document.blocks())
        yield from _exactly(queue, team)


@dataclass
class _Queue:
    """Tasks to be done, those under way, and the error that ended them: it waits until those under way are done."""

    tasks: Iterable[Task]
    error: KrrExportError | None = None
    waiting: deque[tuple[Task, Future[Outcome]]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._iterator = self._until_error(self.tasks)

    def peek(self, count: int) -> int:
        """How many of the next tasks there are, ``count`` at the most."""
        first = list(islice(self._iterator, count))
        self._iterator = chain(first, self._iterator)
        return len(first)

    def outcomes(self, team: Team) -> Iterator[tuple[Task, Outcome]]:
        """Have the team do the tasks; what it makes of each, in order."""
        for task in self._iterator:
            self.waiting.append((task, team.submit(task)))
            if len(self.waiting) > team.room:
                yield self._next_outcome()
        while self.waiting:
            yield self._next_outcome()

    def _next_outcome(self) -> tuple[Task, Outcome]:
        task, future = self.waiting.popleft()
        return task, future.result()

    def _until_error(self, tasks: Iterable[Task]) -> Iterator[Task]:
        try:
            yield from tasks
        except KrrExportError as error:
            self.error = error


def _team(stack: ExitStack, queue: _Queue, road_map: RoadMap, file: int | None, staff: Staff) -> Team:
    """Workers, where there is more than one block to read."""
    if staff.count == 0 or queue.peek(2) < 2:  # noqa: PLR2004 - one block is no work to share
        return Alone(road_map, file)
    return stack.enter_context(staff.team(road_map, file))


def _exactly(queue: _Queue, team: Team) -> Iterator[BlockResult]:
    for _, result in queue.outcomes(team):
        if result is not None:
            yield result
    if queue.error is not None:
        raise queue.error


def _by_guess(document: Document, guesses: Guesses, queue: _Queue, team: Team) -> Generator[BlockResult, None, bool]:
    """Results of guesses, until one is wrong or there are no more; the document then knows where to go on.

    Returns:
        whether all of them were right.
    """
    wrong: list[Guess] = []
    for guess, result in queue.outcomes(team):
        if not isinstance(guess, Guess):
            raise TypeError("a block among guesses")
        if result is None:
            wrong = [guess, *(later for later, _ in queue.waiting if isinstance(later, Guess))]
            break
        yield result.placed(*document.passed(guess.length, result.records, result.lines))
    document.go_on(_rest(guesses, wrong, queue.error))
    return not wrong


def _rest(guesses: Guesses, wrong: list[Guess], error: KrrExportError | None) -> Iterator[bytes]:
    yield from guesses.rest(wrong)
    if error is not None:
        raise error
