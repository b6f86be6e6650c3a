"""Publishing is not cut short by a signal, and leaves signals as they were."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from krr_export.util.signals import ignore_signals

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Ended(BaseException):
    """What the handlers of these tests raise."""


def end(number: int, _: object) -> None:
    raise Ended(number)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.signal(number, end) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_comes_meanwhile_is_forgotten_and_one_afterwards_is_not(number: signal.Signals) -> None:
    with ignore_signals():
        signal.raise_signal(number)
    with pytest.raises(Ended):
        signal.raise_signal(number)


def test_signals_are_as_they_were_also_after_an_error() -> None:
    with pytest.raises(OSError, match="the disk is full"), ignore_signals():
        raise OSError("the disk is full")
    assert [signal.getsignal(number) for number in ENDING] == [end] * 3


def test_in_a_thread_of_a_library_user_nothing_is_done_to_signals() -> None:
    def publish() -> list[object]:
        with ignore_signals():
            return [signal.getsignal(number) for number in ENDING]

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(publish).result() == [end] * 3
