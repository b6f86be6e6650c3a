"""The end of the program: its exit code is what was decided here, though a library in C end the process by itself."""

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


def own_exit_code() -> None:
    """From now on, let nobody but `leave` say how this process, ours alone, ends.

    OpenBLAS, which numpy loads, ends the process with exit(1) where it gets no memory, and 1 means rejects here. C runs
    what is registered with it at exit, last in first out, whatever the code: a last line, then _exit with ours.
    Python's own end never comes that far, for what is registered first with `atexit` runs last, and ends the process.
    """
    atexit.register(_end)
    c = ctypes.CDLL(None)
    with suppress(AttributeError):  # other systems' C libraries may lack it
        register = c["__cxa_atexit"]  # (function, its argument, library): the C++ ABI of Linux
        register(c["_exit"], ctypes.c_void_p(OutputError.exit_code), None)
        register(c["perror"], _LAST_LINE, None)


def tell(error: BaseException) -> int:
    """Say what kept the program from starting, and give its exit code."""
    try:
        from krr_export.cli.failures import explain  # noqa: PLC0415 - only here, and from the standard library alone

        message, code = explain(error)
        sys.stderr.write(f"krr-export: {message}\n")  # click may be what is missing
    except Exception:  # there is not even memory to say it
        os.write(2, _LAST_LINE + b"\n")
        return OutputError.exit_code
    return code


def leave(code: int) -> NoReturn:
    """End the program as usual: threads are waited for, what others registered is done."""
    global _code  # noqa: PLW0603 - a process ends once
    _code = code
    sys.exit(code)


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # closed, or nobody reads: what was done stands
            stream.flush()
    os._exit(_code)
