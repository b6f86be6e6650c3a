"""What people see: lines on standard error, data on standard output, progress."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import time
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import click

from krr_export.errors import OutputError
from krr_export.pipeline.progress import Progress
from krr_export.util.formatting import number, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from krr_export.pipeline.export import Export
    from krr_export.reporting.report import Report

_SECONDS_BETWEEN_LOG_LINES = 30.0
_USER = re.compile(r"([a-z][a-z0-9+.-]*:/{1,2})[^/\s@]*@", re.IGNORECASE)
"""The user of a URI, and a password that was put there."""
_LABEL = re.compile(r"\S+(?: \S+)? {2,}|\S* *")
_WARNINGS = "krr_export.warnings"
_MACHINE = OutputError.exit_code


class Console:
    """Prints for one command.

    Args:
        quiet: only the last line.
        verbose: more.
        as_json: one line of JSON on standard output at the end.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> None:
        self.verbose = verbose and not quiet
        self.quiet = quiet
        self._as_json = as_json

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Self:
        """The console that a command's options ask for; takes them out."""
        return cls(quiet=options.pop("quiet"), verbose=options.pop("verbose"), as_json=options.pop("as_json"))

    def say(self, text: str) -> None:
        """A line for people, on standard error, unless they want quiet; with the time off a terminal."""
        if not self.quiet:
            _print_error(_timed(_printable(text)))

    def say_report(self, report: Report) -> None:
        """What a run found, in a few lines."""
        for line in report.summary(verbose=self.verbose):
            self.say(line)

    def warn(self, text: str) -> None:
        """What nobody must overlook: in the JSON result, and on standard error, unless they want quiet."""
        _warnings().append(_printable(text))
        line = f"WARNING   {_printable(text)}"
        if not self.quiet:
            _print_error(click.style(line, fg="red", bold=True) if _colored() else _timed(line))

    def warn_of_readers(self, option: str, file: Path | None) -> None:
        """Warn where every user of the machine may read a secret's file. No error: in containers they often may."""
        if file is None:
            return
        with suppress(OSError):  # whoever reads it will say what is wrong with it
            status = file.stat()
            if stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IROTH:
                self.warn(f"{option} {file.name} can be read by every user of this machine: chmod o-r")

    def warn_of_others(self, store: Path, *, damaged: bool = True) -> None:
        """Name what lies in a store like a snapshot and is none; and what is damaged, unless the command shows it."""
        from krr_export.output.store_contents import warnings  # noqa: PLC0415 - --help answers without it

        with suppress(OSError):  # whoever works with the store will say what is wrong with it
            for line in warnings(store, damaged=damaged):
                self.warn(line)

    def give(self, data: str) -> None:
        """What was asked for, on standard output.

        Raises:
            OutputError: it cannot be written there.
        """
        try:
            click.echo(data)
        except OSError as error:
            _forget_output()
            raise OutputError(f"cannot write to standard output: {error.strerror}") from None

    def finish(self, message: str, code: int, result: dict[str, Any]) -> int:
        """The last line and, if asked for, the result as JSON; gives the exit code back."""
        if self._as_json:
            message, code = result_line(message, code, result)
        last_line(message, "red" if code else "green")
        return code

    @contextmanager
    def progress(self, shown: bool | None) -> Iterator[Progress]:  # noqa: FBT001 - an option's three states
        """How far a run has come: a bar on a terminal, or else a line now and then; ``shown`` overrides."""
        from krr_export.parsing.scanning import IS_BUILT, NOT_BUILT  # noqa: PLC0415 - with Arrow, once there is work

        if not IS_BUILT:
            self.warn(f"reading by {NOT_BUILT}")
        if self.quiet or shown is False:
            yield Progress()
        elif shown or _on_terminal():
            with closing(Bar()) as bar:
                yield bar
        else:
            yield LogLines(self.say)


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
    """A line every half minute, for logs; ``say`` prints it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
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
            passed = number(self._records)
            self._say(f"progress  {self._bytes / 1e6:.0f}{share}, {rate:.0f} MB/s, {passed} records")


def last_line(message: str, color: str) -> None:
    """What happened, how much, where, and what to do."""
    line = f"krr-export: {_printable(message)}"
    _print_error(click.style(line, fg=color) if _colored() else line)


def result_line(message: str, code: int, result: dict[str, Any]) -> tuple[str, int]:
    """The result as one line of JSON on standard output.

    Returns:
        Message and exit code for the end. What was done stands, whoever hears of it: they change only where something
        else than the reader's going away kept the line from being written.
    """
    try:
        # In ASCII: one line under any locale, whatever the names of files hold.
        said = {"exit_code": code, "message": _without_users(message), "warnings": _warnings()}
        click.echo(json.dumps({**said, **result}))
    except OSError as error:
        _forget_output()
        if not isinstance(error, BrokenPipeError):
            return f"{message}; but standard output cannot be written: {error.strerror}", code or _MACHINE
    return message, code


def _warnings() -> list[str]:
    """The warnings of the command that runs, also for whoever ends it where it fails."""
    context = click.get_current_context(silent=True)
    found: list[str] = context.meta.setdefault(_WARNINGS, []) if context is not None else []
    return found


def unwritten_output() -> OutputError | None:
    """The error that keeps from standard output what was meant for it, if there is one; it is then given up."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _forget_output()
        return OutputError(f"cannot write to standard output: {error.strerror}")
    return None


def _timed(line: str) -> str:
    """A line of a log with the time (ISO 8601) behind its label; a terminal shows lines as they come."""
    if _on_terminal():
        return line
    time_of_day = datetime.now().astimezone().isoformat(timespec="seconds")
    return _LABEL.sub(rf"\g<0>{time_of_day} ", line, count=1)


def _print_error(line: str) -> None:
    with suppress(OSError):  # nobody listens: that is no reason to fail
        click.echo(line, err=True)


def _forget_output() -> None:
    """Let standard output lead nowhere: flushing it at exit would only fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _printable(text: str) -> str:
    """Without line ends and control characters, which the name of a file may hold, and without the user of a URI."""
    return printable(_without_users(text))


def _without_users(text: str) -> str:
    return _USER.sub(r"\1", text)


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _colored() -> bool:
    return _on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
