"""Progress of a transfer: a bar on a terminal, otherwise a line now and then."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from krr_export.cli import log
from krr_export.cli.progress.log_lines import SECONDS_BETWEEN_LINES
from krr_export.cli.progress.words import of_megabytes
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from krr_export.cli.console import Console
    from krr_export.cli.progress.status_bar import StatusBar

KEPT_MESSAGE = "what has arrived is kept, and the next run goes on from there"


@contextmanager
def transfer_progress(console: Console, *, shown: bool | None) -> Iterator[Callable[[int, int | None], None] | None]:
    """Yield the callback that shows the progress of `krr_export.input.sftp.fetch`.

    Args:
        console: prints the lines, unless it is quiet.
        shown: whether there is a bar; ``None``: on a terminal; ``False``: no output at all.
    """
    if shown is False:
        yield None
    elif log.is_animated() or (shown and not log.is_json()):
        with closing(_TransferBar()) as bar:
            bar.start()
            yield bar.move
    else:
        yield _log_lines(console.say)


class _TransferBar:
    """A bar of the bytes that have arrived."""

    def __init__(self) -> None:
        from krr_export.cli.progress.status_bar import StatusBar  # noqa: PLC0415 - only a terminal needs tqdm

        self._new_bar = StatusBar
        self._bar = StatusBar(lambda _bar: ["connecting"])
        self._has_begun = False

    def start(self) -> None:
        """Say what is done first."""
        self._bar.start()

    def move(self, done: int, total: int | None) -> None:
        """Show that so much has arrived."""
        if not self._has_begun:
            self._has_begun = True
            self._bar.close()  # what an earlier fetch received must not count for the speed
            self._bar = self._new_bar(_say_transfer, total=total, done=done)
            self._bar.start()
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()


def _say_transfer(bar: StatusBar) -> list[str]:
    return [of_megabytes(bar.n, bar.total), *bar.pace()]


def _log_lines(say: Callable[[str], None]) -> Callable[[int, int | None], None]:
    last = time.monotonic()

    def log(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            share = f" of {total / 1e6:.0f} MB ({done / total:.0%})" if total else " MB"
            say(f"progress  {done / 1e6:.0f}{share}")

    return log


def change_progress(say: Callable[[str], None]) -> Callable[[int, int], None]:
    """Return the callback that shows the progress of `krr_export.jobs.changes.fetch_changes.fetch_changes`."""
    last = time.monotonic()

    def log(reached: int, latest: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"progress  change {number(reached)} of {number(latest)}")

    return log
