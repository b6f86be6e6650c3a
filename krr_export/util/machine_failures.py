"""Errors of the system that are about the machine, and say nothing of the file that was to be read."""

from __future__ import annotations

import errno
import os

from krr_export.errors import OutputError

MACHINE_HINTS = {
    errno.ENFILE: "the whole system has too many files open: end what holds them, or raise fs.file-max",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENOMEM: "use a larger machine",
}
"""What to do about them, by the error's number."""


def refuse_machine_failure(doing: str, error: OSError) -> None:
    """Raise an error of the system where it is about the machine.

    Args:
        doing: what was tried; follows "cannot".
        error: the system's error.

    Raises:
        OutputError: too many files are open, or there is too little memory.
    """
    if error.errno in MACHINE_HINTS:
        raise OutputError(f"cannot {doing}: {os.strerror(error.errno)}", MACHINE_HINTS[error.errno]) from None
