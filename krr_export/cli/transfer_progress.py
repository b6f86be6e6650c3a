"""Progress of a transfer: a bar on a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from krr_export.cli import log
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from krr_export.cli.console import Console

_SECONDS_BETWEEN_LOG_LINES = 30.0
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
        from tqdm import tqdm  # noqa: PLC0415 - only a terminal needs it

        with tqdm(unit="B", unit_scale=True, dynamic_ncols=True, leave=False, file=sys.stderr) as bar:

            def move(done: int, total: int | None) -> None:
                if bar.total is None:
                    bar.total, bar.initial = total, done  # what an earlier fetch received must not count for the speed
                bar.update(done - bar.n)

            yield move
    else:
        yield _log_lines(console.say)


def _log_lines(say: Callable[[str], None]) -> Callable[[int, int | None], None]:
    last = time.monotonic()

    def log(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LOG_LINES:
            last = time.monotonic()
            share = f" of {total / 1e6:.0f} MB ({done / total:.0%})" if total else " MB"
            say(f"progress  {done / 1e6:.0f}{share}")

    return log


def change_progress(say: Callable[[str], None]) -> Callable[[int, int], None]:
    """Return the callback that shows the progress of `krr_export.jobs.changes.fetch_changes.fetch_changes`."""
    last = time.monotonic()

    def log(reached: int, latest: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LOG_LINES:
            last = time.monotonic()
            say(f"progress  change {number(reached)} of {number(latest)}")

    return log
