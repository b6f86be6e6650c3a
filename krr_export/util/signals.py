"""What must not be cut short: the renames by which a snapshot is published."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no signal end the program here: it would say that nothing was published when something was.

    A signal that comes is forgotten: what follows is the end of the run, which has done its work.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is interrupted, and only it may say how
        return
    before = {number: signal.signal(number, _forget) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _forget(_number: int, _frame: FrameType | None) -> None:
    return None
