"""File descriptors where the standard streams may be closed: a host may be a daemon that has none."""

from __future__ import annotations

import fcntl
import os

FIRST_FREE = 3
"""Behind those of the standard streams."""


def clear_of_standard_streams(descriptor: int) -> int:
    """Give a descriptor a number that is no standard stream's, where it has one; the old one is closed.

    A child process gets streams of its own under those numbers, and whatever else had them is lost to it.
    """
    if descriptor >= FIRST_FREE:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
    finally:
        os.close(descriptor)
