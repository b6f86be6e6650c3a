"""What went wrong, as one line for people and an exit code for pipelines."""

from __future__ import annotations

import errno
import mmap
import signal
import sys
import tempfile
from typing import TYPE_CHECKING

from krr_export.errors import FAULT, INTERRUPTED, KrrExportError, OutputError, no_more_threads
from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

_MACHINE = OutputError.exit_code
_ROOM = 128 << 20
"""Bytes that there is room for where memory is not what is short: more than the largest library takes."""


class TerminatedError(BaseException):
    """SIGTERM or SIGHUP was received. Not an ``Exception``: nothing but the program's end handles it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number
        """As shells count: 143 for SIGTERM, 129 for SIGHUP."""
        self.what = "hung up" if number == signal.SIGHUP else "terminated"
        """What happened, in a word for people."""


def explain(error: BaseException) -> tuple[str, int]:
    """The last line and the exit code for whatever ended the program."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt | TerminatedError):
        error = error.__cause__  # until Python 3.12, what a signal raises while a class is made is wrapped
    if _is_abort(error):
        error = KeyboardInterrupt()
    match error:
        case KrrExportError():
            return str(error), error.exit_code
        case KeyboardInterrupt():
            return "interrupted: nothing was published, and what was written is removed", INTERRUPTED
        case TerminatedError():
            return f"{error.what}: nothing was published, and what was written is removed", error.exit_code
    if _is_of_memory(error):
        return "out of memory; use fewer --workers, or a larger machine", _MACHINE
    if (threads := no_more_threads(error)) is not None:  # asked last: a thread's stack is memory, too
        return str(threads), threads.exit_code
    return _unforeseen(error)


def _unforeseen(error: BaseException) -> tuple[str, int]:
    match error:
        case ImportError():
            what = f"{error.name or 'a package'} cannot be loaded"
            return f"the installation is broken: {what}; install krr-export anew, with what it needs", FAULT
        case OSError():
            return (
                f"the machine failed: {error.strerror}; the place in the program is in {_written_down(error)}",
                _MACHINE,
            )
    return f"a fault of this program: {type(error).__name__}; please report it with {_written_down(error)}", FAULT


def _is_abort(error: BaseException) -> bool:
    """Whether click says so of an interrupt at a prompt. Where it is not loaded, nothing of its own was raised."""
    click = sys.modules.get("click")
    return click is not None and isinstance(error, getattr(click, "Abort", ()))


def _is_of_memory(error: BaseException) -> bool:
    """Whether memory was short: libraries call it whatever they like, such as an import that failed."""
    if any(isinstance(link, MemoryError) or getattr(link, "errno", None) == errno.ENOMEM for link in _chain(error)):
        return True
    try:
        mmap.mmap(-1, _ROOM).close()
    except OSError:
        return True
    return False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those behind it."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


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
    for link in _chain(error):
        yield type(link).__name__
        trace = link.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            yield f"  {code.co_filename}:{trace.tb_lineno} in {code.co_name}"
            trace = trace.tb_next
        yield from (f"  {place}" for place in getattr(link, "places", ()))
