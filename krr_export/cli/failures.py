"""What went wrong, as one line for people and an exit code for pipelines."""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING

import click

from krr_export import __version__
from krr_export.errors import KrrExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MACHINE = 4
_FAULT = 70
_INTERRUPTED = 130


class TerminatedError(BaseException):
    """SIGTERM or SIGHUP was received. Not an ``Exception``: nothing but the program's end handles it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number
        """As shells count: 143 for SIGTERM, 129 for SIGHUP."""


def explain(error: BaseException) -> tuple[str, int]:
    """The last line and the exit code for whatever ended the program."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt | TerminatedError):
        error = error.__cause__  # until Python 3.12, what a signal raises while a class is made is wrapped
    match error:
        case KrrExportError():
            return str(error), error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return "interrupted: nothing was published, and what was written is removed", _INTERRUPTED
        case TerminatedError():
            return "terminated: nothing was published, and what was written is removed", error.exit_code
        case MemoryError():
            return "out of memory; use fewer --workers, or a larger machine", _MACHINE
        case OSError():
            return (
                f"the machine failed: {error.strerror}; the place in the program is in {_written_down(error)}",
                _MACHINE,
            )
    return f"a fault of this program: {type(error).__name__}; please report it with {_written_down(error)}", _FAULT


def _written_down(error: BaseException) -> str:
    """Write the traceback to a file of its own, and name it. Messages are left out: they may quote data."""
    lines = [f"krr-export {__version__}, Python {sys.version.split()[0]}", *_places(error)]
    try:
        with tempfile.NamedTemporaryFile("w", prefix="krr-export-", suffix=".traceback", delete=False) as file:
            file.write("\n".join(lines) + "\n")
    except OSError:
        return "(the traceback could not be written)"
    return file.name


def _places(error: BaseException) -> Iterator[str]:
    """The kinds of the error and of those behind it, and where each arose."""
    link: BaseException | None = error
    while link is not None:
        yield type(link).__name__
        trace = link.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            yield f"  {code.co_filename}:{trace.tb_lineno} in {code.co_name}"
            trace = trace.tb_next
        yield from (f"  {place}" for place in getattr(link, "places", ()))
        link = link.__cause__ or link.__context__
