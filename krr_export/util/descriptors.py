"""File descriptors in a process whose standard streams may be closed, such as a daemon."""

from __future__ import annotations

import fcntl
import os

FIRST_FREE = 3
"""The first descriptor after those of the standard streams."""


def clear_of_standard_streams(descriptor: int) -> int:
    """Return the descriptor, duplicated to 3 or above if it is 0, 1 or 2; the original is then closed.

    A child process gets its own streams under those numbers and would lose any other file there.
    """
    if descriptor >= FIRST_FREE:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
    finally:
        os.close(descriptor)
