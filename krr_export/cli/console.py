"""What people see: lines on standard error, data on standard output, progress."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from krr_export.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.export import Export

_SECONDS_BETWEEN_LOG_LINES = 30.0


class Console:
    """Prints for one command.

    Args:
        quiet: only the last line.
        verbose: more.
        as_json: one line of JSON on standard output at the end.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> None:
        self.verbose = verbose and not quiet
        self._quiet = quiet
        self._as_json = as_json

    def say(self, text: str) -> None:
        """A line for people, on standard error, unless they want quiet."""
        if not self._quiet:
            click.echo(text, err=True)

    def finish(self, message: str, code: int, result: dict[str, Any]) -> int:
        """The last line and, if asked for, the result as JSON; gives the exit code back."""
        if self._as_json:
            click.echo(json.dumps({"exit_code": code, "message": message, **result}, ensure_ascii=False))
        last_line(message, "red" if code else "green")
        return code

    @contextmanager
    def progress(self, shown: bool | None) -> Iterator[Progress]:  # noqa: FBT001 - an option's three states
        """How far a run has come: a bar on a terminal, or else a line now and then; ``shown`` overrides."""
        if self._quiet or shown is False:
            yield Progress()
        elif shown or sys.stderr.isatty():
            with closing(Bar()) as bar:
                yield bar
        else:
            yield LogLines(self)


class Bar(Progress):
    """A progress bar in bytes of the source, with rate, remaining time and records."""

    def __init__(self) -> None:
        from tqdm import tqdm  # noqa: PLC0415 - only a terminal needs it

        self._bar = tqdm(unit="B", unit_scale=True, dynamic_ncols=True, leave=False, file=sys.stderr)
        self._records = 0

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()

    def opened(self, export: Export) -> None:
        """Now the size is known."""
        self._bar.total = export.source.size
        self._bar.set_description_str(export.source.name)

    def read(self, size: int) -> None:
        """Move the bar."""
        self._bar.update(size)

    def passed(self, records: int) -> None:
        """Show the records beside the bar."""
        self._records += records
        self._bar.set_postfix_str(f"{self._records:,} records".replace(",", " "), refresh=False)


class LogLines(Progress):
    """A line every half minute, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._next = self._started + _SECONDS_BETWEEN_LOG_LINES
        self._size: int | None = None
        self._bytes = 0
        self._records = 0

    def opened(self, export: Export) -> None:
        """Now the size is known."""
        self._size = export.source.size

    def read(self, size: int) -> None:
        """Count."""
        self._bytes += size

    def passed(self, records: int) -> None:
        """Count, and print when it is time."""
        self._records += records
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SECONDS_BETWEEN_LOG_LINES
            share = f" of {self._size / 1e6:.0f} MB ({self._bytes / self._size:.0%})" if self._size else " MB"
            rate = self._bytes / 1e6 / (now - self._started)
            passed = f"{self._records:,}".replace(",", " ")
            self._console.say(f"progress  {self._bytes / 1e6:.0f}{share}, {rate:.0f} MB/s, {passed} records")


def last_line(message: str, color: str) -> None:
    """What happened, how much, where, and what to do."""
    line = f"krr-export: {message}"
    click.echo(click.style(line, fg=color) if _colored() else line, err=True)


def _colored() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
