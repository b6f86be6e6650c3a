"""Failures as one line for people and an exit code for pipelines."""

from __future__ import annotations

import errno
import mmap
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from krr_export.errors import FAULT, INTERRUPTED, KrrExportError, OutputError, default_reason, no_more_threads
from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

_MACHINE_FAILURE = OutputError.exit_code
_PROBE_BYTES = 128 << 20
"""Bytes to allocate as a test for free memory: more than the largest library takes."""


class Failure(NamedTuple):
    """What ended the program: the last line, the exit code, and the kind of error in a word of `errors.REASONS`."""

    message: str
    exit_code: int
    reason: str


class TerminatedError(BaseException):
    """SIGTERM or SIGHUP was received. Not an ``Exception``: only the end of the program handles it."""

    received: ClassVar[TerminatedError | None] = None
    """The one of this run: libraries in C++ end by an error of their own, and forget what interrupted them."""

    def __init__(self, number: int) -> None:
        super().__init__()
        TerminatedError.received = self
        self.exit_code = 128 + number
        """As shells count: 143 for SIGTERM, 129 for SIGHUP."""
        self.what = "hung up" if number == signal.SIGHUP else "terminated"
        """What happened, for people."""


def explain(error: BaseException) -> Failure:
    """Return what is to be said of the error that ended the program; of a signal, what its note says."""
    notes = [*getattr(error, "__notes__", ())]
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt | TerminatedError):
        error = error.__cause__  # until Python 3.12, an exception raised by a signal while a class is made is wrapped
    if _is_abort(error):
        error = KeyboardInterrupt()
    if TerminatedError.received is not None and not isinstance(error, KrrExportError):
        error = TerminatedError.received
    match error:
        case KrrExportError():
            return Failure(str(error), error.exit_code, error.reason)
        case KeyboardInterrupt():
            return _stopped("interrupted", INTERRUPTED, notes)
        case TerminatedError():
            return _stopped(error.what, error.exit_code, notes)
    if _is_out_of_memory(error):
        return Failure("out of memory; use fewer --workers, or a larger machine", _MACHINE_FAILURE, "out-of-memory")
    if (threads := no_more_threads(error)) is not None:  # checked last: a thread's stack is memory, too
        return Failure(str(threads), threads.exit_code, threads.reason)
    return _explain_unforeseen(error)


def _stopped(what: str, code: int, notes: list[str]) -> Failure:
    state = notes[0] if notes else "nothing was published, and what was written is removed"
    return Failure(f"{what}: {state}", code, default_reason(code))


def _explain_unforeseen(error: BaseException) -> Failure:
    match error:
        case ImportError():
            what = f"{error.name or 'a package'} cannot be loaded"
            message = f"the installation is broken: {what}; install krr-export anew, with what it needs"
            return Failure(message, FAULT, "installation")
        case OSError():
            message = f"the machine failed: {error.strerror}; the place in the program is in {_write_traceback(error)}"
            return Failure(message, _MACHINE_FAILURE, OutputError.reason)
    message = f"a fault of this program: {type(error).__name__}; please report it with {_write_traceback(error)}"
    return Failure(message, FAULT, KrrExportError.reason)


def _is_abort(error: BaseException) -> bool:
    """Return whether this is click's error for an interrupt at a prompt. If click is not loaded, it is not."""
    click = sys.modules.get("click")
    return click is not None and isinstance(error, getattr(click, "Abort", ()))


def _is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory was short: libraries raise various errors then, such as a failed import."""
    if any(isinstance(link, MemoryError) or getattr(link, "errno", None) == errno.ENOMEM for link in _chain(error)):
        return True
    try:
        mmap.mmap(-1, _PROBE_BYTES).close()
    except OSError:
        return True
    return False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _write_traceback(error: BaseException) -> str:
    """Write the traceback to a new file, and return its name. Messages are left out: they may quote data."""
    lines = [f"krr-export {__version__}, Python {sys.version.split()[0]}", *_traceback_lines(error)]
    try:
        with tempfile.NamedTemporaryFile("w", prefix="krr-export-", suffix=".traceback", delete=False) as file:
            file.write("\n".join(lines) + "\n")
    except OSError:
        return "(the traceback could not be written)"
    return file.name


def _traceback_lines(error: BaseException) -> Iterator[str]:
    """Yield the types of the error and its causes, and where each was raised."""
    for link in _chain(error):
        yield type(link).__name__
        trace = link.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            yield f"  {code.co_filename}:{trace.tb_lineno} in {code.co_name}"
            trace = trace.tb_next
        yield from (f"  {place}" for place in getattr(link, "places", ()))
