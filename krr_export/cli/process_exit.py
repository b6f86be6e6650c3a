"""The end of the program, with the program's own exit code even if a C library ends the process."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
from contextlib import suppress
from typing import NoReturn

from krr_export.errors import FAULT, OutputError

_LAST_LINE = b"krr-export: out of memory, where a library ends the program; use a larger machine"
_code = FAULT


def enforce_exit_code() -> None:
    """From now on, let only `exit_with` set the exit code of this process.

    OpenBLAS, which numpy loads, ends the process with exit(1) if it gets no memory, and 1 means rejects here. At exit,
    C runs the functions registered with it, last in first out: perror prints a last line, _exit ends with our code.
    A normal end never gets there: `_end`, registered first with `atexit`, runs last, and ends the process.
    """
    atexit.register(_end)
    c = ctypes.CDLL(None)
    with suppress(AttributeError):  # other systems' C libraries may lack it
        register = c["__cxa_atexit"]  # (function, its argument, library): the C++ ABI of Linux
        register(c["_exit"], ctypes.c_void_p(OutputError.exit_code), None)
        register(c["perror"], _LAST_LINE, None)


def report_startup_failure(error: BaseException) -> int:
    """Print why the program could not start, and return the exit code."""
    try:
        from krr_export.cli import failures, log  # noqa: PLC0415 - a package may be what is missing, or memory

        log.guess_format(sys.argv[1:])
        message, code, reason = failures.explain(error)
        sys.stderr.write(f"{log.last_line(message, code, reason)}\n")  # click may be what is missing
    except Exception:  # there is not even memory to say it
        os.write(2, _LAST_LINE + b"\n")
        return OutputError.exit_code
    return code


def exit_with(code: int) -> NoReturn:
    """End the program as usual: it waits for threads, and runs what others registered."""
    global _code  # noqa: PLW0603 - a process ends once
    _code = code
    sys.exit(code)


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # closed, or nobody reads: what was done is done
            stream.flush()
    os._exit(_code)
