"""How work grows with its input, told from processor time by a ratio that only a fault of the algorithm reaches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = 64
"""So much more is given the second time: linear work takes 64 times as long, quadratic work 4096 times."""
LIMIT = 512
"""Half the way between, by ratio: a busy machine makes work two or three times as slow, not eight times."""
TRIES = 3


def assert_linear(prepare: Callable[[int], Callable[[], object]], size: int) -> None:
    """Check that the work on 64 times as much input takes no more than its share of processor time.

    Args:
        prepare: makes the work on an input of a size; only the work is timed.
        size: of the smaller input.
    """
    small = min(_seconds(prepare(size)) for _ in range(TRIES))
    taken = []
    for _ in range(TRIES):
        taken.append(_seconds(prepare(TIMES * size)))
        if taken[-1] < LIMIT * small:
            return
    raise AssertionError(f"{TIMES} times as much took {min(taken) / small:.0f} times as long")


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
