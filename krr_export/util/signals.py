"""Protection from signals for the renames that publish a snapshot."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_TERMINATION_SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
_ignored: list[int] = []
"""The signals that came while they were ignored."""


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Ignore signals that would end the program: it would report that nothing was published when something was.

    A signal is dropped, not deferred: the run is at its end, and its work is done. A run that goes on asks for it with
    `remembering_ignored`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals, and only it may set handlers
        return
    before = {number: signal.signal(number, _ignore) for number in _TERMINATION_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def remembering_ignored() -> Iterator[Callable[[], None]]:
    """Remember the signals that are ignored within; give a function that lets one of them have its effect."""
    _ignored.clear()
    yield _heed


def _heed() -> None:
    if _ignored:
        number = _ignored[0]
        _ignored.clear()
        signal.raise_signal(number)


def _ignore(number: int, _frame: FrameType | None) -> None:
    _ignored.append(number)
