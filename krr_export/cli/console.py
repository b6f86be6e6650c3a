"""Output of the commands: lines on standard error, data on standard output, progress."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from contextlib import closing, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Self

import click

from krr_export.cli import lineage, log, metrics
from krr_export.cli.progress.log_lines import LogLines
from krr_export.errors import OutputError, default_reason, is_retryable
from krr_export.pipeline.progress import Progress
from krr_export.util.formatting import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from krr_export.reporting.report import Report

_USER = re.compile(
    r"((?<![a-z0-9+.-])(?!abfss?://[^/\s@:]*@[^/\s@]*(?![^/\s]))[a-z0-9+.-]+:/{1,2})[^/\s]*@", re.IGNORECASE
)
"""The user, and perhaps the password, in a URI; in one of Azure's stores it is the container that stands there."""
_COLORS = {"reject": "red", "differs": "red", "warning": "yellow", "info": "cyan"}
_WARNINGS, _REPORT = "krr_export.warnings", "krr_export.report"


class Console:
    """The output of one command.

    Args:
        quiet: print only the last line.
        verbose: print more.
        as_json: print one line of JSON on standard output at the end.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> None:
        self.verbose = verbose and not quiet
        self.quiet = quiet
        self.as_json = as_json

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Self:
        """Remove the console's options from a command's, and return the console that they ask for."""
        return cls(quiet=options.pop("quiet"), verbose=options.pop("verbose"), as_json=options.pop("as_json"))

    def say(self, text: str) -> None:
        """Print a line on standard error, unless quiet; with the time if standard error is not a terminal."""
        if not self.quiet:
            _print_error(_color_label(log.line(_printable(text))))

    def say_report(self, report: Report) -> None:
        """Print what a run found, in a few lines; keep it for metrics and lineage."""
        if (context := click.get_current_context(silent=True)) is not None:
            context.meta[_REPORT] = report
        for line in report.summary(verbose=self.verbose):
            self.say(line)

    def warn(self, text: str) -> None:
        """Put a warning into the JSON result, and print it on standard error, unless quiet."""
        _warnings().append(_printable(text))
        line = log.line(f"WARNING   {_printable(text)}")
        if not self.quiet:
            _print_error(click.style(line, fg="red", bold=True) if _colored() else line)

    def warn_if_readable_by_all(self, option: str, file: Path | None) -> None:
        """Warn if every user of the machine may read a secret's file. Not an error: in containers it is common."""
        if file is None:
            return
        with suppress(OSError):  # reading it will raise the right error
            status = file.stat()
            if stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IROTH:
                self.warn(f"{option} {file.name} can be read by every user of this machine: chmod o-r")

    def warn_about_store(self, store: Path | str, *, damaged: bool = True) -> None:
        """Warn of entries of a store that look like snapshots and are none, and of damaged ones if ``damaged``.

        In an object store, given by its URI, there are none: a snapshot is what has a commit.
        """
        if isinstance(store, str):
            return
        from krr_export.output.store_contents import warnings  # noqa: PLC0415 - --help answers without it

        with suppress(OSError):  # opening the store will raise the right error
            for line in warnings(store, damaged=damaged):
                self.warn(line)

    def write(self, data: str) -> None:
        """Write the result to standard output.

        Raises:
            OutputError: standard output cannot be written.
        """
        try:
            click.echo(data)
        except OSError as error:
            _discard_output()
            raise OutputError(f"cannot write to standard output: {error.strerror}") from None

    def finish(self, message: str, code: int, result: dict[str, Any], reason: str | None = None) -> int:
        """End the command: print the last line and, if asked for, the result as JSON; return the exit code.

        Args:
            message: the last line.
            code: the exit code.
            result: what the JSON holds beside them.
            reason: of a failure, a word of `errors.REASONS`; by default that of the exit code.
        """
        return finish(message, code, reason, result, as_json=self.as_json)

    @contextmanager
    def progress(self, shown: bool | None) -> Iterator[Progress]:  # noqa: FBT001 - an option's three states
        """Show progress: a bar on a terminal, otherwise a line now and then; ``shown`` overrides."""
        from krr_export.parsing.scanning import IS_BUILT, NOT_BUILT  # noqa: PLC0415 - with Arrow, once there is work

        if not IS_BUILT:
            self.warn(f"reading by {NOT_BUILT}")
        if self.quiet or shown is False:
            yield Progress()
        elif log.is_animated() or (shown and not log.is_json()):
            from krr_export.cli.progress.bar import Bar  # noqa: PLC0415 - only a terminal needs tqdm

            with closing(Bar()) as bar:
                bar.start()
                yield bar
        else:
            yield LogLines(self.say)


def finish(message: str, code: int, reason: str | None, result: dict[str, Any], *, as_json: bool) -> int:
    """End a command, whatever came of it; return the exit code.

    Args:
        message: what happened, how much, where, and what to do.
        code: the exit code.
        reason: the kind of failure; by default that of the exit code.
        result: what the JSON holds beside them.
        as_json: print one line of JSON on standard output.
    """
    if code and reason is None:
        reason = default_reason(code)
    report = _report()
    if (failed := metrics.write(code, reason or result.get("outcome", "done"), report)) is not None:
        message, code, reason = f"{message}; but {failed}", code or failed.exit_code, reason or failed.reason
    if (untold := lineage.end(code, _remove_users(message), report)) is not None:
        Console(quiet=_is_quiet()).warn(untold)
    if as_json and (error := _print_result(message, code, reason, result)) is not None:
        message = f"{message}; but standard output cannot be written: {error.strerror}"
        code, reason = code or OutputError.exit_code, reason or OutputError.reason
    line = log.last_line(_printable(message), code, reason)
    _print_error(click.style(line, fg="red" if code else "green") if _colored() else line)
    return code


def _print_result(message: str, code: int, reason: str | None, result: dict[str, Any]) -> OSError | None:
    """Print the result as one line of JSON on standard output.

    Returns:
        Why the line could not be written. If the reader has closed the pipe, that is no error: what was done is done.
    """
    common: dict[str, Any] = {"exit_code": code, "message": _remove_users(message), "warnings": _warnings()}
    if reason is not None:
        common |= {"reason": reason, "retryable": is_retryable(code)}
    try:
        # In ASCII: one line under any locale, whatever characters the names of files have.
        click.echo(json.dumps({**common, **result}))
    except OSError as error:
        _discard_output()
        return None if isinstance(error, BrokenPipeError) else error
    return None


def _report() -> Report | None:
    """Return the report of the export that the running command read to its end, if it did."""
    context = click.get_current_context(silent=True)
    found: Report | None = None if context is None else context.meta.get(_REPORT)
    return found


def _is_quiet() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.params.get("quiet"))


def _warnings() -> list[str]:
    """Return the list of warnings of the running command; it is kept in click's context, also for a failure."""
    context = click.get_current_context(silent=True)
    found: list[str] = context.meta.setdefault(_WARNINGS, []) if context is not None else []
    return found


def flush_output() -> OutputError | None:
    """Flush standard output; on an error discard the rest, and return the error."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _discard_output()
        return OutputError(f"cannot write to standard output: {error.strerror}")
    return None


def _print_error(line: str) -> None:
    with suppress(OSError), _without_bars():  # nobody reads it: not a reason to fail
        click.echo(line, err=True)


def _without_bars() -> AbstractContextManager[None]:
    """Take the bars off the terminal for as long as another line is printed."""
    loaded = sys.modules.get("krr_export.cli.progress.status_bar")  # else there are none
    return nullcontext() if loaded is None else loaded.StatusBar.external_write_mode(loaded.SCREEN)


def _discard_output() -> None:
    """Redirect standard output to /dev/null: flushing it at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _printable(text: str) -> str:
    """Remove line ends and control characters, which a file's name may contain, and the user of a URI."""
    return printable(_remove_users(text))


def _remove_users(text: str) -> str:
    return _USER.sub(r"\1", text)


def _colored() -> bool:
    return log.is_animated() and not os.environ.get("NO_COLOR")


def _color_label(line: str) -> str:
    """Color the first word of a line that tells of something found, by how severe that is."""
    label = line.partition(" ")[0]
    color = _COLORS.get(label) if _colored() else None
    return (
        line
        if color is None
        else click.style(label, fg=color, bold=True if color == "red" else None) + line.removeprefix(label)
    )
