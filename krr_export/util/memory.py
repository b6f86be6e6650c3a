"""Memory of this process: whether there is enough to begin, and its peak, as the kernel counts it."""

from __future__ import annotations

import mmap
import re
import resource
import sys
from pathlib import Path

_LIBRARY_BYTES = 480 << 20
"""Address space of the libraries and their threads' stacks and arenas: a small conversion ended well from 530 MB on."""

_PROT_NONE = 0  # address space alone: a page that nobody can touch takes no memory, nor of what the machine promised


def check_memory() -> None:
    """Make sure that there is room for the libraries, before they are loaded.

    Where memory ends while they are, or while their threads start, a C library may end the process, and Python 3.11
    may go round in its handling of exceptions for ever (``exception_unwind`` in its ceval.c), deaf to signals.

    Raises:
        MemoryError: there is not.
    """
    try:
        mmap.mmap(-1, _LIBRARY_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=_PROT_NONE).close()
    except OSError:
        raise MemoryError from None


def peak_memory() -> int:
    """Return the largest resident set of this process so far, in bytes.

    In a program that another one started, getrusage(2) gives at least the parent's peak; proc(5) gives the program's
    own.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:  # not Linux
        status = ""
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    if found:
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
