"""Work in threads comes in order, its errors in their place, and nothing outlives whoever asked for it."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

from krr_export.util.hashing import Sha256
from krr_export.util.threads import Stage, map_in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 60
"""Seconds, after which a test is taken to hang."""


def counting(makers: list[None]) -> Callable[[], Callable[[int], int]]:
    """Makers of workers that notice two threads at once; what is made is counted."""

    def make() -> Callable[[int], int]:
        makers.append(None)
        alone = threading.Lock()

        def work(task: int) -> int:
            assert alone.acquire(blocking=False), "two threads use one worker"
            sum(range(task % 7 * 5000))  # to end in another order than begun
            alone.release()
            return -task

        return work

    return make


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    makers: list[None] = []
    assert list(map_in_order(counting(makers), range(300), workers)) == [-task for task in range(300)]
    assert 1 <= len(makers) <= max(1, workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_the_tasks_raise_comes_behind_the_results_before_it(workers: int) -> None:
    def tasks() -> Iterator[int]:
        yield from range(5)
        raise ValueError("it ends here")

    results = map_in_order(counting([]), tasks(), workers)
    assert [next(results) for _ in range(5)] == [0, -1, -2, -3, -4]
    with pytest.raises(ValueError, match="it ends here"):
        next(results)


def test_of_several_faults_the_first_in_order_is_raised() -> None:
    second_is_done = threading.Event()

    def work(task: int) -> int:
        if task == 0:
            second_is_done.wait(PATIENCE)
            raise ValueError("the first")
        second_is_done.set()
        raise KeyError("a later one that was quicker")

    with pytest.raises(ValueError, match="the first"):
        list(map_in_order(lambda: work, range(2), 2))


def test_workers_are_made_as_they_are_needed() -> None:
    makers: list[None] = []
    assert list(map_in_order(counting(makers), range(1), 200)) == [0]
    assert len(makers) == 1


def test_threads_end_with_whoever_goes_away() -> None:
    before = threading.active_count()
    results = map_in_order(counting([]), iter(range(10**9)), 2)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("workers", [1, 3])
def test_tasks_are_asked_for_a_few_ahead_and_no_more(workers: int) -> None:
    asked: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(100):
            asked.append(task)
            yield task

    for taken, _ in enumerate(map_in_order(counting([]), tasks(), workers), start=1):
        assert len(asked) <= taken + workers + 2


def test_whoever_gives_waits_where_the_stage_falls_behind() -> None:
    may_take, taken = threading.Semaphore(0), []

    def take(item: int) -> None:
        assert may_take.acquire(timeout=PATIENCE)
        taken.append(item)

    with Stage(take) as stage:
        for item in range(50):
            if item >= 2:  # so many wait
                may_take.release()
            stage.put(item)
            assert len(taken) == max(0, item - 1)
        may_take.release(2)
    assert len(taken) == 50


def failing(_: int) -> None:
    raise OSError("the disk is full")


def test_what_a_stage_raises_comes_before_all_is_given() -> None:
    given: list[int] = []

    def give() -> None:
        with Stage(failing) as stage:
            for item in range(100):
                stage.put(item)
                given.append(item)

    with pytest.raises(OSError, match="disk is full"):
        give()
    assert len(given) == 2


@pytest.mark.parametrize("threaded", [True, False])
def test_a_stage_takes_all_in_order_and_its_thread_ends(*, threaded: bool) -> None:
    before = threading.active_count()
    taken: list[int] = []
    with Stage(taken.append, threaded=threaded) as stage:
        for item in range(100):
            stage.put(item)
    assert taken == list(range(100))
    assert threading.active_count() == before


@pytest.mark.parametrize("threaded", [True, False])
def test_what_a_stage_raises_comes_to_whoever_gives(*, threaded: bool) -> None:
    def take(item: int) -> None:
        if item == 3:
            raise OSError("the disk is full")

    def give() -> None:
        with Stage(take, threaded=threaded) as stage:
            for item in range(4):
                stage.put(item)

    with pytest.raises(OSError, match="disk is full"):
        give()


def test_what_waits_is_dropped_where_an_error_ends_the_stage() -> None:
    may_go_on, taken = threading.Event(), []

    def take(item: int) -> None:
        may_go_on.wait(PATIENCE)
        taken.append(item)

    def fail(stage: Stage[int]) -> None:
        stage.put(0)
        stage.put(1)
        may_go_on.set()
        raise ValueError("something else")

    before = threading.active_count()
    with pytest.raises(ValueError, match="something else"), Stage(take) as stage:
        fail(stage)
    assert taken in ([], [0], [0, 1])
    assert threading.active_count() == before


def test_what_waits_does_not_hide_the_error_that_ends_the_stage() -> None:
    def give() -> None:
        with Stage(failing) as stage:
            stage.put(0)
            raise ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        give()


def test_the_digest_is_that_of_all_pieces_so_far_also_when_closed() -> None:
    pieces = [bytes([number % 256]) * (number * 997) for number in range(100)]
    digest = Sha256()
    for number, piece in enumerate(pieces):
        digest.update(piece)
        if number % 30 == 0:
            assert digest.hexdigest() == hashlib.sha256(b"".join(pieces[: number + 1])).hexdigest()
    before = threading.active_count()
    digest.close()
    assert threading.active_count() == before - 1
    assert digest.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


@pytest.fixture
def interrupted_starts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """Each thread that starts, which a signal follows at once: the pool never comes to know of it."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def start_and_interrupt(thread: threading.Thread) -> None:
        start(thread)
        started.append(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_and_interrupt)
        yield started


def test_a_signal_while_a_thread_starts_leaves_no_thread_that_the_program_would_wait_for(
    interrupted_starts: list[threading.Thread],
) -> None:
    with pytest.raises(KeyboardInterrupt):
        Stage(print).put(1)
    with pytest.raises(KeyboardInterrupt):
        Sha256().update(bytes(2 << 20))
    with pytest.raises(KeyboardInterrupt):
        next(map_in_order(lambda: print, [1], 1))
    assert len(interrupted_starts) == 3
    for thread in interrupted_starts:
        thread.join(PATIENCE)
        assert not thread.is_alive()
